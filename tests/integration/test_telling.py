"""People are told: rows written with the state change, letters at a real SMTP server, crashes between."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from fabnet import clock
from fabnet.broker import free_port
from fabnet.config import MailConfig
from fabnet.telling_service import TellingService
from jobs.coordinator import attempts, deliveries, harvests, lots, nodes, orders, telling
from jobs.coordinator.people import add_person
from jobs.errors import InvalidFieldError
from jobs.ledger import labs, notices
from jobs.ledger.notices import NoticeState
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterChange, Report, ReportState
from jobs.model import Role
from jobs.telling import Kind
from printers.model import PrinterState
from tests.doubles.hook_server import HookServer
from tests.doubles.mail_server import MailServer
from tests.doubles.world import NODE, PRINTER, a_request
from web.letters import Letterhead

HEAD = Letterhead(network="fabnet Nantes", public_url="https://fabnet.example", secret=b"k" * 32)
PARIS = ZoneInfo("Europe/Paris")
AWA, CAMILLE = "awa@example.org", "camille@example.org"


@pytest.fixture
def server():
    found = MailServer().start()
    yield found
    found.stop()


@pytest.fixture
def people(world):
    """Awa prints at lab-a, Camille coordinates; both are told all, at any hour, and were greeted."""
    world.now = clock.now()
    add_person(world.ledger, "awa", "Awa", Role.MAKER, "x", NODE, world.now)
    add_person(world.ledger, "camille", "Camille", Role.STEWARD, "x", "", world.now)
    chosen(world, "awa", address=AWA)
    chosen(world, "camille", address=CAMILLE, language="en")
    with world.ledger.transaction() as db:
        db.execute("delete from notice")
    return world


def chosen(world, login, **changes):
    quiet = {"quiet_from_min": 0, "quiet_to_min": 0}
    choice = replace(telling.choice_of(world.ledger, login), **(quiet | changes))
    # The digest's hour is some hours away: it comes in tests that are on it.
    hour = (world.now.astimezone(PARIS).hour + 2) % 24
    telling.choose(world.ledger, replace(choice, digest_min=60 * hour), world.now)


def printing(world):
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    ref = world.attempts()[0].ref
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    return ref


def rows(world):
    found = world.ledger.reading.execute("select * from notice order by id").fetchall()
    return [(r["login"], r["kind"], r["state"]) for r in found]


def a_config(server, **changes):
    facts = {"host": "127.0.0.1", "port": server.port, "security": "none"}
    return MailConfig(**(facts | {"sender": "fabnet <fabnet@example.org>"} | changes))


@contextmanager
def told(world, server, **changes):
    service = TellingService(world.ledger, a_config(server, **changes), HEAD, PARIS)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def until(holds, seconds=100):
    waits = threading.Event()
    for _ in range(seconds * 20):
        if holds():
            return
        waits.wait(0.05)
    raise AssertionError(holds)


# --- rows


def undone(world, message):
    with world.ledger.transaction() as db:
        attempts.apply(db, NODE, message, world.now)
        assert db.execute("select count(*) from notice").fetchone()[0] == 2
        raise RuntimeError("the disk is full")


def test_an_alarm_is_written_in_the_transaction_of_what_went_wrong(people):
    ref = printing(people)
    with pytest.raises(RuntimeError):
        undone(people, Report(attempt=ref, state=ReportState.FAILED))
    assert rows(people) == []
    assert people.state(ref) is AttemptState.PRINTING
    people.report(ref, ReportState.FAILED, "thermal runaway")
    assert people.state(ref) is AttemptState.FAILED
    assert rows(people) == [("awa", "alarm", "waiting"), ("camille", "alarm", "waiting")]
    # The printer's own word on the same trouble adds nothing.
    people.says(PrinterChange(printer=PRINTER, state=PrinterState.FAULT, clear=False, fault="x"))
    assert len(rows(people)) == 2


@pytest.mark.parametrize(
    ("before", "after", "alarm"),
    [
        (PrinterState.IDLE, PrinterState.FAULT, True),
        (PrinterState.PRINTING, PrinterState.OFFLINE, True),
        (PrinterState.IDLE, PrinterState.OFFLINE, False),
        (PrinterState.OFFLINE, PrinterState.IDLE, False),
    ],
)
def test_a_printer_that_is_switched_off_in_the_evening_is_no_alarm(people, before, after, alarm):
    people.add_lab()
    people.says(PrinterChange(printer=PRINTER, state=before, clear=True))
    people.says(PrinterChange(printer=PRINTER, state=after, clear=True, fault="gone"))
    assert bool(rows(people)) is alarm
    people.says(PrinterChange(printer=PRINTER, state=after, clear=True, fault="gone"))
    assert len(rows(people)) == 2 * alarm


def another_lab(world):
    nodes.enrol(world.ledger, "lab-b", "Lab B", "", world.now)
    world.is_there("lab-b")


def falls_silent(world, minutes):
    world.is_there(online=False)
    world.now += timedelta(minutes=minutes)


def out_of_sight(world):
    found = labs.out_of_sight(world.ledger.reading, world.now)
    return [(node.id, printer.facts.id) for node, printer in found]


def test_a_lab_that_stays_silent_while_it_prints_is_told_once_and_it_ends_by_itself(people):
    printing(people)
    another_lab(people)
    falls_silent(people, minutes=14)
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    people.now += timedelta(minutes=1)
    assert telling.tell(people.ledger, people.now, PARIS) == 2
    people.now += timedelta(minutes=45)
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    assert out_of_sight(people) == [(NODE, PRINTER)]
    assert rows(people) == [("awa", "alarm", "waiting"), ("camille", "alarm", "waiting")]
    people.is_there()
    assert rows(people) == [("awa", "alarm", "dropped"), ("camille", "alarm", "dropped")]
    assert out_of_sight(people) == []
    falls_silent(people, minutes=20)
    assert telling.tell(people.ledger, people.now, PARIS) == 2  # another silence


def test_what_a_person_feeds_and_what_is_printed_is_no_alarm(people):
    ref = printing(people)
    with people.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.link', 'manual')")
    falls_silent(people, minutes=60)
    assert out_of_sight(people) == []
    with people.ledger.transaction() as db:
        db.execute("update printer set facts = json_set(facts, '$.link', 'serial')")
    assert out_of_sight(people) == [(NODE, PRINTER)]
    people.report(ref, ReportState.PRINTED)
    assert out_of_sight(people) == []


def test_where_every_lab_is_silent_at_once_nobody_is_told(people):
    people.add_lab()
    people.add_lab("lab-b")
    people.order(40)
    people.plan()
    people.tick()
    for each in people.attempts():
        people.take(each.ref)
        people.ready(each.ref)
        people.report(each.ref, ReportState.PRINTING)
    people.is_there("lab-b", online=False)
    falls_silent(people, minutes=20)
    assert {node for node, _ in out_of_sight(people)} == {NODE, "lab-b"}
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    people.is_there("lab-b")
    assert telling.tell(people.ledger, people.now, PARIS) == 2


def test_a_silence_is_written_in_words_that_stop_no_good_print(people, server):
    printing(people)
    people.now = clock.now() - timedelta(minutes=20)
    falls_silent(people, minutes=20)
    with told(people, server):
        letters = server.wait(2)
    french = next(m for m in letters if m["To"] == AWA).get_content()
    assert "Elle continue toute seule" in french
    assert "laissez-la alors imprimer" in french


def test_a_print_that_a_person_cancels_is_no_alarm(people):
    people.report(printing(people), ReportState.CANCELLED, "stopped by awa")
    assert rows(people) == []


def test_what_waits_is_written_down_once_however_often_it_is_asked(people):
    people.add_lab(asks=True)
    people.order(12)
    people.plan()
    people.tick()
    assert telling.tell(people.ledger, people.now, PARIS) == 0, "it has waited for no time yet"
    people.pass_time(minutes=3)
    assert telling.tell(people.ledger, people.now, PARIS) == 1
    assert telling.tell(people.ledger, people.now, PARIS) == 0
    assert rows(people) == [("awa", "offers", "waiting")]


def test_a_bed_to_clear_is_told_and_a_request_to_the_steward(people):
    ref = printing(people)
    people.report(ref, ReportState.PRINTED)
    people.pass_time(minutes=11)
    telling.tell(people.ledger, people.now, PARIS)
    assert rows(people) == [("awa", "beds", "waiting")]


def test_an_address_that_is_none_is_refused_and_nothing_is_kept(people):
    before = telling.choice_of(people.ledger, "awa")
    for field, value in (("address", "a@b\nc"), ("webhook", "ftp://x/y"), ("quiet_to_min", 1440)):
        with pytest.raises(InvalidFieldError) as caught:
            telling.choose(people.ledger, replace(before, **{field: value}), people.now)
        assert caught.value.field == field
    wrong = replace(before, kinds=frozenset({Kind.TEAM}))
    with pytest.raises(InvalidFieldError):
        telling.choose(people.ledger, wrong, people.now)
    assert telling.choice_of(people.ledger, "awa") == before


def test_who_has_stopped_it_is_told_nothing_and_may_choose_again(people):
    ref = printing(people)
    people.report(ref, ReportState.FAILED, "x")
    telling.stop(people.ledger, "awa", people.now)
    telling.stop(people.ledger, "awa", people.now)
    assert rows(people) == [("awa", "alarm", "dropped"), ("camille", "alarm", "waiting")]
    people.pass_time(hours=2)
    with people.ledger.transaction() as db:
        telling.trouble(db, "again", NODE, PRINTER, "", people.now)
    assert [r[0] for r in rows(people)] == ["awa", "camille", "camille"]


def test_a_first_letter_is_not_lost_when_its_reader_saves_twice(world):
    world.now = clock.now()
    add_person(world.ledger, "awa", "Awa", Role.MAKER, "x", NODE, world.now)
    chosen(world, "awa", address="typo@example.org")
    chosen(world, "awa", address=AWA)
    chosen(world, "awa", address=AWA, language="en")
    found = world.ledger.reading.execute("select recipient, state from notice order by id")
    assert list(map(tuple, found)) == [("typo@example.org", "dropped"), (AWA, "waiting")]


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


# --- requesters, who have no account

NURSE = "ada@chu.example"


def placed(world, contact=NURSE, **changes):
    asked = a_request(world.revision, 2, contact=contact, due=world.now.date(), **changes)
    return orders.place(world.ledger, asked, world.revision, world.now), asked


def test_a_requester_reads_where_her_order_is(people, server):
    order, asked = placed(people, language="en")
    with told(people, server):
        (first,) = server.wait(1)
        assert order.link not in first.get_content(), "nobody has verified this address yet"
        assert asked.place not in first.get_content()
        assert asked.requester not in first.get_content()
        orders.confirm(people.ledger, order.order_id, "camille", people.now)
        second = server.wait(2)[1]
    assert (first["To"], second["To"]) == (NURSE, NURSE)
    assert f"https://fabnet.example/o/{order.link}" in second.get_content()
    assert second["Subject"] == "Your 2 pieces are being made"
    assert order.link not in repr(
        [tuple(r) for r in people.ledger.reading.execute("select * from notice")]
    ), "the link is derived when it is sent, never kept"


def test_a_parcel_on_its_way_and_a_refusal_are_told(people):
    people.add_lab()
    order, _ = placed(people)
    orders.confirm(people.ledger, order.order_id, "camille", people.now)
    people.plan()
    people.tick()
    ref = people.attempts()[0].ref
    people.print(ref)
    code = harvests.harvest(people.ledger, ref, 2, 0, "", "awa", people.now)
    lots.inspect(people.ledger, code, 2, 0, "", "noor", people.now)
    batch = deliveries.pack(people.ledger, order.order_id, "noor", people.now)
    deliveries.dispatch(people.ledger, batch, "noor", people.now)
    other, _ = placed(people)
    orders.refuse(people.ledger, other.order_id, "no ward of this name", "camille", people.now)
    assert [kind for login, kind, _ in rows(people) if not login] == [
        "order-asked", "order-confirmed", "order-sent", "order-asked", "order-refused",
    ]  # fmt: skip


def test_a_form_sent_twice_is_one_letter_and_a_telephone_gets_none(people):
    order, asked = placed(people)
    again = orders.place(people.ledger, asked, people.revision, people.now)
    assert again == order
    placed(people, contact="01 23 45 67 89")
    placed(people, contact="Ada <ada@chu>")
    placed(people, sandbox=True)
    assert rows(people) == [("", "order-asked", "waiting")]


def test_a_requester_who_has_ended_it_gets_nothing_more_on_this_order(people):
    order, _ = placed(people)
    other, _ = placed(people)
    for _ in range(2):
        telling.stop_order(people.ledger, order.order_id, people.now)
    orders.confirm(people.ledger, order.order_id, "camille", people.now)
    orders.confirm(people.ledger, other.order_id, "camille", people.now)
    states = [(kind, state) for _, kind, state in rows(people)]
    assert states == [
        ("order-asked", "dropped"), ("order-asked", "waiting"), ("order-confirmed", "waiting"),
    ]  # fmt: skip


def test_an_alarm_reads_no_more_than_its_own_lab(people):
    """A node that flaps must cost the coordinator little, however big the network is."""
    people.add_lab()
    began = time.perf_counter()
    with people.ledger.transaction() as db:
        for n in range(500):
            telling.trouble(db, f"flap-{n}", NODE, PRINTER, "", people.now)
    assert time.perf_counter() - began < 5
    assert len(rows(people)) == 2
