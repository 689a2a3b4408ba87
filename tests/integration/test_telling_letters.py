"""Letters and webhooks arrive, at a real SMTP server, once, whatever is away, refused or killed meanwhile."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.broker import free_port
from fabnet.telling_service import TellingService
from jobs.coordinator import telling
from jobs.ledger import notices
from jobs.ledger.notices import NoticeState
from jobs.messages import ReportState
from tests.doubles.hook_server import HookServer
from tests.doubles.telling import (
    AWA,
    CAMILLE,
    HEAD,
    PARIS,
    chosen,
    falls_silent,
    printing,
    rows,
    told,
)
from tests.doubles.waiting import until
from tests.doubles.world import NODE, PRINTER


def test_a_silence_is_written_in_words_that_stop_no_good_print(people, server):
    printing(people)
    people.now = clock.now() - timedelta(minutes=20)
    falls_silent(people, minutes=20)
    with told(people, server):
        letters = server.wait(2)
    french = next(m for m in letters if m["To"] == AWA).get_content()
    assert "Elle continue toute seule" in french
    assert "laissez-la alors imprimer" in french


# --- letters


def test_alarms_arrive_in_the_readers_languages_with_one_thing_to_do(people, server):
    people.report(printing(people), ReportState.INTERRUPTED, "the cable is out")
    with told(people, server):
        letters = {m["To"]: m for m in server.wait(2)}
        until(lambda: {r[2] for r in rows(people)} == {"sent"})
    french = letters[AWA]
    assert french["Subject"] == "Printer est peut-être encore chaude : éteignez-la"
    text = french.get_content()
    assert "the cable is out" in text
    assert text.count("https://") == 2, "what to do, and how to be told less"
    assert "https://fabnet.example/waiting" in text
    assert french["List-Unsubscribe"].strip("<>") in text
    assert "switch it off" in letters[CAMILLE].get_content()


def test_in_quiet_hours_alarms_go_out_and_the_rest_waits(people, server):
    minute = clock.now().astimezone(PARIS)
    now_min = minute.hour * 60 + minute.minute
    quiet = {"quiet_from_min": (now_min - 60) % 1440, "quiet_to_min": (now_min + 60) % 1440}
    people.add_lab(asks=True)
    people.order(2)
    people.plan()
    people.tick()
    people.pass_time(minutes=3)
    assert telling.tell(people.ledger, people.now, PARIS) == 1
    with people.ledger.transaction() as db:
        choice = replace(notices.listener(db, "awa"), **quiet)
        notices.keep_listener(db, choice, people.now)
        telling.trouble(db, "key", NODE, PRINTER, "", clock.now())
        db.execute("update notice set next_at = '2020-01-01T00:00:00+00:00'")
    with told(people, server):
        server.wait(2)
        until(lambda: ("awa", "alarm", "sent") in rows(people))
    assert ("awa", "offers", "waiting") in rows(people)


def test_a_server_that_is_away_loses_nothing_and_is_named(people, server):
    away = free_port()
    people.report(printing(people), ReportState.FAILED, "x")
    with told(people, server, port=away):
        until(lambda: notices.unsent(people.ledger.reading, people.now))
        (first, _) = notices.unsent(people.ledger.reading, people.now)
        assert (first.state, first.tries) == (NoticeState.WAITING, 1)
        assert f"127.0.0.1:{away}" in first.error
        assert first.next_at > clock.now()
    with people.ledger.transaction() as db:
        db.execute("update notice set next_at = '2020-01-01T00:00:00+00:00'")
    with told(people, server):
        assert {m["To"] for m in server.wait(2)} == {AWA, CAMILLE}


def test_an_address_that_is_refused_for_good_is_kept_with_the_reason(people, server):
    server.refusals[AWA] = "550 5.1.1 no such mailbox"
    people.report(printing(people), ReportState.FAILED, "x")
    with told(people, server):
        server.wait(1)
        until(lambda: {r[2] for r in rows(people)} == {"sent", "refused"})
    (letter,) = notices.unsent(people.ledger.reading, people.now.replace(year=2000))
    assert (letter.login, letter.error) == ("awa", "550 5.1.1 no such mailbox")


def test_a_letter_that_is_of_no_use_any_more_is_not_sent(people, server):
    people.report(printing(people), ReportState.FAILED, "x")
    with people.ledger.transaction() as db:
        db.execute("update notice set expires_at = '2020-01-01T00:00:00+00:00' where login = 'awa'")
    with told(people, server):
        assert [m["To"] for m in server.wait(1)] == [CAMILLE]
    assert ("awa", "alarm", "late") in rows(people)


def test_without_a_mail_server_nothing_is_sent_and_nothing_breaks(people):
    people.report(printing(people), ReportState.FAILED, "x")
    service = TellingService(people.ledger, None, HEAD, PARIS)
    service.start()
    service.stop()
    assert {r[2] for r in rows(people)} == {"waiting"}


# --- the whole coordinator, ended without warning


@pytest.fixture
def serve(people, server, tmp_path):
    """Start `fabnet serve` over the people's ledger; it may be killed and started again."""
    if shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin") is None:
        pytest.skip("mosquitto is not installed")
    config = tmp_path / "coordinator.toml"
    config.write_text(
        f'data_dir = "world"\nport = {free_port()}\nbroker_port = {free_port()}\n'
        f'[mail]\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n'
        'sender = "fabnet <fabnet@example.org>"\n'
    )
    children = []

    def started():
        log = (tmp_path / "serve.log").open("ab")
        command = [sys.executable, "-m", "fabnet", "serve", str(config)]
        children.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        log.close()
        return children[-1]

    yield started
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        child.wait(60)


@pytest.mark.parametrize("moment", ["before the server takes it", "after the server has taken it"])
def test_killed_between_saved_and_sent_the_letter_arrives(people, server, serve, moment):
    with people.ledger.transaction() as db:
        db.execute("delete from telling where login = 'camille'")
    people.report(printing(people), ReportState.FAILED, "x")
    seen, children = [], []

    def kill(data):
        seen.append(data)
        if len(seen) > 1:
            return None
        children[0].kill()
        children[0].wait()
        return None if moment.startswith("after") else "451 the client has gone"

    server.on_data = kill
    children.append(serve())
    until(lambda: seen, 60)
    assert rows(people) == [("awa", "alarm", "waiting")], "saved, and not known to be sent"
    again = serve()
    count = 2 if moment.startswith("after") else 1
    letters = server.wait(count, 60)
    until(lambda: rows(people) == [("awa", "alarm", "sent")])
    assert len({m["Message-ID"] for m in letters}) == 1
    assert seen[0] == seen[1], "whoever got both can tell that they are one"
    assert len(server.letters) == count
    again.send_signal(signal.SIGTERM)
    assert again.wait(60) == 0


# --- webhooks


@pytest.fixture
def hook():
    found = HookServer()
    yield found
    found.stop()


def test_an_alarm_rings_on_a_phone_and_mail_does_not_wait_for_a_webhook_that_says_nothing(
    people, server, hook
):
    chosen(people, "awa", webhook=hook.url)
    silent = HookServer()
    done = threading.Event()
    silent.answer = lambda _handler: done.wait(60)
    chosen(people, "camille", webhook=silent.url)
    with people.ledger.transaction() as db:
        db.execute("delete from notice")
    people.report(printing(people), ReportState.FAILED, "x")
    with told(people, server, private_webhooks=True):
        assert {m["To"] for m in server.wait(2)} == {AWA, CAMILLE}
        ((_, headers, text),) = hook.wait()
        silent.wait()
        done.set()
    silent.stop()
    assert headers["Priority"] == "5"
    assert headers["Click"] == "https://fabnet.example/waiting"
    assert text.count("https://") == 1
    assert "Un problème est survenu" in text


def test_a_webhook_inside_is_refused_and_its_owner_reads_why(people, server, hook):
    chosen(people, "awa", webhook=hook.url, address="")
    with told(people, server):
        until(lambda: notices.unsent(people.ledger.reading, people.now))
    (letter,) = notices.last_to(people.ledger.reading, "awa", 1)
    assert letter.state is NoticeState.REFUSED
    assert "own network" in letter.error
    assert hook.connections == 0
