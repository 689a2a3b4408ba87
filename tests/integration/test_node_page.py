"""The node's own page over a real agent and journal: what the owner sees and does without a network."""

import threading
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from fabnet import clock
from fabnet.cli.offline import _lines
from fabnet.node.opening import open_node
from fabnet.node.wall import Seen
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.lifecycle import AttemptState
from jobs.lot_code import lot_code
from jobs.messages import Capabilities, Counted, Report, ReportState
from jobs.owner import Begin, Clear, Count, GiveBack, Look, Pause
from tests.doubles.owner_lab import FIRST, SECOND, THIRD, Lab, token
from web.node_app import NodeSettings, create_node_app
from web.node_door import NODE_PERMISSIONS, OWNER


@pytest.fixture
def lab(tmp_path):
    made = Lab(tmp_path)
    yield made
    if made._thread.is_alive():
        made._stop.set()
        made._thread.join(20)
    else:
        made.journal.close()


def send(client, path, at="/", **fields):
    page = client.get(at)
    return client.post(path, data={"csrf_token": token(page), **fields})


def test_a_clock_that_is_behind_is_said_on_the_page_and_at_the_command_line(lab):
    lab.plate(FIRST, granted_h=5)
    tomorrow = Seen(
        at=clock.now() + timedelta(days=1), at_s=clock.boottime_s(), boot=clock.boot_id()
    )
    with lab.journal.transaction() as db:
        lab.journal.set_setting(db, "clock_seen", msgspec.json.encode(tomorrow).decode())
    client = lab.run().client()
    for language, words in (("fr", "L’horloge de cette machine retarde"), ("en", "is behind: it")):
        assert words in client.get(f"/?lang={language}").get_data(as_text=True)
    said = _lines(lab.agent.desk.ask(Look()))
    assert said[1].startswith("the clock is behind: it shows 20")


# --- wishes --------------------------------------------------------------------------------------


def test_a_count_is_kept_said_once_and_frees_the_bed(lab):
    lab.printed(FIRST)
    desk = lab.run().agent.desk
    view = desk.ask(Count(attempt=FIRST, good=1, scrap=1, reason="warped", by="Nour"))
    assert view.plates == ()
    assert view.beds[0].clear
    with pytest.raises(RefusedError, match="counted already"):
        desk.ask(Count(attempt=FIRST, good=2, scrap=0))
    (said,) = [m for m in lab.stop() if isinstance(m, Counted)]
    assert (said.good, said.scrap, said.reason, said.by) == (1, 1, "warped", "Nour")


def test_a_count_that_cannot_be_changes_nothing(lab):
    lab.printed(FIRST)
    lab.plate(SECOND)
    desk = lab.run().agent.desk
    for field, wish in (
        ("good", Count(attempt=FIRST, good=21, scrap=0)),
        ("scrap", Count(attempt=FIRST, good=1, scrap=-1, reason="x")),
        ("reason", Count(attempt=FIRST, good=1, scrap=0, reason="  ")),
    ):
        with pytest.raises(InvalidFieldError) as caught:
            desk.ask(wish)
        assert caught.value.field == field
    with pytest.raises(RefusedError, match="nothing to count"):
        desk.ask(Count(attempt=SECOND, good=2, scrap=0))
    with pytest.raises(NotFoundError):
        desk.ask(Count(attempt=THIRD, good=2, scrap=0))
    assert not [m for m in lab.stop() if isinstance(m, Counted)]


def test_after_a_restart_a_plate_starts_by_a_persons_word_only_and_in_its_time_only(lab):
    lab.plate(FIRST, granted_h=2)
    lab.plate(SECOND, granted_h=-0.1)
    lab.plate(THIRD)
    desk = lab.run().agent.desk
    desk.ask(Clear(printer="p1"))
    view = desk.ask(Look())
    opens = {plate.attempt: plate.opens_until for plate in view.plates}
    assert opens[FIRST] is not None
    assert (opens[SECOND], opens[THIRD]) == (None, None)
    assert view.beds[0].attempt is None  # nothing starts by itself
    for ref in (SECOND, THIRD):
        with pytest.raises(RefusedError, match="is over"):
            desk.ask(Begin(attempt=ref))
    desk.ask(Begin(attempt=FIRST))
    lab.wait(lambda view: view.plates[0].state is AttemptState.PRINTING)
    with pytest.raises(RefusedError, match="cannot be started"):
        desk.ask(Begin(attempt=FIRST))
    states = [m.state for m in lab.stop() if isinstance(m, Report)]
    assert states == [ReportState.PRINTING]


def test_a_bed_with_something_on_it_is_not_clear_by_a_word(lab):
    lab.printed(FIRST)
    desk = lab.run().agent.desk
    with pytest.raises(RefusedError, match="count it"):
        desk.ask(Clear(printer="p1"))
    with pytest.raises(NotFoundError):
        desk.ask(Clear(printer="p9"))


def test_what_has_not_begun_can_be_given_back_with_a_reason(lab):
    lab.plate(FIRST, granted_h=2)
    lab.printed(SECOND)
    desk = lab.run().agent.desk
    with pytest.raises(InvalidFieldError):
        desk.ask(GiveBack(attempt=FIRST))
    with pytest.raises(RefusedError, match="not begun"):
        desk.ask(GiveBack(attempt=SECOND, reason="no-time"))
    view = desk.ask(GiveBack(attempt=FIRST, reason="no-time"))
    assert [plate.attempt for plate in view.plates] == [SECOND]
    (said,) = [m for m in lab.stop() if isinstance(m, Report)]
    assert said == Report(attempt=FIRST, state=ReportState.DECLINED, reason="no-time")


def test_a_pause_gives_back_what_was_granted(lab):
    lab.plate(FIRST, granted_h=2)
    desk = lab.run().agent.desk
    assert desk.ask(Pause(paused=True)).paused
    lab.wait(lambda view: view.plates == ())
    said = lab.stop()
    (told,) = [m for m in said if isinstance(m, Report)]
    assert (told.state, told.reason) == (ReportState.RETURNED, "this lab is taking a pause")
    capabilities = [m for m in said if isinstance(m, Capabilities)]
    assert capabilities[-1].paused


def test_a_wish_that_nobody_answers_is_dropped(lab, monkeypatch):
    monkeypatch.setattr("fabnet.node.desk._ANSWER_S", 0.1)
    with pytest.raises(RefusedError, match="did not answer"):
        lab.agent.desk.ask(Pause(paused=True))
    assert lab.agent.desk.take() is None


# --- the page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_says_what_waits_in_both_languages(lab, language):
    lab.printed(FIRST, AttemptState.INTERRUPTED)
    lab.plate(SECOND, granted_h=2)
    lab.run()
    page = lab.client().get(f"/?lang={language}").get_data(as_text=True)
    words = {
        "fr": ("Le réseau est injoignable depuis", "Imprimer ce tirage sur MK3 left", "Compter"),
        "en": ("The network is out of reach since", "Print this plate on MK3 left?", "Count"),
    }[language]
    for word in words:
        assert word in page
    assert f'lang="{language}"' in page


def test_counting_on_the_page(lab):
    lab.printed(FIRST)
    client = lab.run().client(coordinator="https://fabnet.example:8443/")
    at = f"/count/{FIRST}"
    assert client.get(f"/counted/{FIRST}").status_code == 404
    missing = send(client, at, at, good="1", scrap="0")
    assert missing.status_code == 422
    done = send(client, at, at, good="1", scrap="1", reason="warped")
    assert (done.status_code, done.location) == (303, f"/counted/{FIRST}")
    page = client.get(done.location).get_data(as_text=True)
    assert f'href="https://fabnet.example:8443/l/{lot_code(FIRST)}/photos"' in page
    assert "1 bonne pièce" in page
    assert client.get(at).status_code == 404
    assert client.get(f"/counted/{SECOND}").status_code == 404
    (said,) = [m for m in lab.stop() if isinstance(m, Counted)]
    assert (said.good, said.scrap, said.reason, said.by) == (1, 1, "warped", "lab-a")


def test_clearing_starting_and_pausing_on_the_page(lab):
    lab.plate(FIRST, granted_h=2)
    client = lab.run().client()
    assert send(client, "/beds/p1/clear").status_code == 303
    assert send(client, f"/plates/{FIRST}/start").status_code == 303
    lab.wait(lambda view: view.plates[0].state is AttemptState.PRINTING)
    assert send(client, f"/plates/{FIRST}/start").status_code == 409
    assert send(client, "/pause", paused="yes").status_code == 303
    assert lab.agent.desk.ask(Look()).paused
    assert send(client, "/beds/p9/clear").status_code == 404


def test_giving_back_on_the_page_needs_a_reason(lab):
    lab.plate(FIRST)
    client = lab.run().client()
    path = f"/plates/{FIRST}/give-back"
    assert send(client, path).status_code == 422
    assert send(client, path, reason="no-time").status_code == 303
    assert lab.agent.desk.ask(Look()).plates == ()


def test_every_form_needs_its_token(lab):
    client = lab.run().client()
    for rule in client.application.url_map.iter_rules():
        if "POST" in rule.methods:
            path = rule.rule.replace("<ref>", str(FIRST)).replace("<printer>", "p1")
            assert client.post(path).status_code == 400, path


def test_every_endpoint_has_a_line_and_needs_the_password(lab):
    client = lab.run().client(password="a good password", host="0.0.0.0")  # noqa: S104
    rules = list(client.application.url_map.iter_rules())
    assert {rule.endpoint for rule in rules} == set(NODE_PERMISSIONS)
    for rule in rules:
        if NODE_PERMISSIONS[rule.endpoint] == OWNER and "GET" in rule.methods:
            path = rule.rule.replace("<ref>", str(FIRST))
            assert client.get(path).headers["Location"] == "/sign-in"
    stray = create_node_app(lab.agent.desk, clock.now, NodeSettings(secret_key=b"k", lab="x"))
    stray.add_url_rule("/new", "new", lambda: "secret")
    assert stray.test_client().get("/new").status_code == 403


def test_the_password_opens_the_page_and_guessing_ends(lab):
    client = lab.run().client(password="a good password", host="0.0.0.0")  # noqa: S104
    assert send(client, "/sign-in", "/sign-in", password="wrong").status_code == 422
    assert client.get("/").status_code == 303
    assert send(client, "/sign-in", "/sign-in", password="a good password").status_code == 303
    assert client.get("/").status_code == 200
    assert send(client, "/sign-out").status_code == 303
    assert client.get("/").status_code == 303
    codes = [
        send(client, "/sign-in", "/sign-in", password=f"guess {n}").status_code for n in range(11)
    ]
    assert codes[-1] == 429
    assert send(client, "/sign-in", "/sign-in", password="a good password").status_code == 429


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8090", 200), ("localhost", 200), ("[::1]:8090", 200), ("evil.example", 403)],
)
def test_no_other_site_reads_the_page_under_its_own_name(lab, host, status):
    client = lab.run().client()
    assert client.get("/", headers={"Host": host}).status_code == status


def test_a_plate_of_another_printer_that_is_gone_is_given_back(tmp_path):
    lab = Lab(tmp_path)
    lab.plate(FIRST, granted_h=2)
    lab.journal.close()
    other = replace(lab.config.printers[0], id="p2")
    lab.config = replace(lab.config, printers=(other,))
    lab.agent = open_node(lab.config, "this machine")
    lab.journal = lab.agent._journal
    lab._thread = threading.Thread(target=lab.agent.run, args=(lab._stop,))
    lab.run().wait(lambda view: view.plates == ())
    (told,) = [m for m in lab.stop() if isinstance(m, Report)]
    assert told.state is ReportState.RETURNED
