"""Open pages over real HTTP: who hears what, how soon, and whose stream ends."""

import json
import re
import selectors
import threading
import time

import pytest

from jobs.coordinator import harvests, orders
from jobs.coordinator.people import add_person
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, PrinterChange, PrinterTele, Telemetry
from jobs.model import Role
from printers.model import PrinterState
from tests.doubles.served import A, B
from tests.doubles.viewers import live_of
from tests.doubles.world import PRINTER, some_facts
from web import streams


@pytest.mark.parametrize("path", ["{link}", "/orders/{order}", "/waiting"])
def test_a_page_hears_that_it_is_old(served, order, path):
    link = "/o/" + orders.link_of(served.world.ledger, order)
    session, _ = served.signed_in("steward")
    viewer = served.viewer(path.format(link=link, order=order), session)
    assert viewer.event(seconds=0.6) is None, "the page that was just loaded is not old"
    for _ in range(2):
        served.a_lot()
    told = viewer.event("changed")
    assert told.id == told.data
    assert viewer.headers["content-type"].startswith("text/event-stream")
    assert viewer.headers["cache-control"] == "no-store"
    assert viewer.headers["x-accel-buffering"] == "no"


def test_the_page_of_a_lab_hears_what_its_node_says(served):
    served.world.add_lab()
    session, _ = served.signed_in("maker")
    viewer = served.viewer(f"/labs/{A}", session)
    assert viewer.event(seconds=0.6) is None
    served.world.can(A, paused=True)
    assert viewer.event("changed")


def test_only_what_has_changed_comes_and_at_once(either):
    either.world.add_lab()
    either.world.add_lab(B)
    session, _ = either.signed_in("inspector")
    viewer = either.viewer("/fleet", session)
    assert viewer.event(seconds=0.6) is None
    either.heats(231.0)
    name, html = json.loads(viewer.event("part").data)
    assert name == A
    assert "231 °C" in html
    assert 'data-part="lab-a"' in html
    shown = viewer.event("shown")
    assert (shown.id, viewer.event(seconds=0.5)) == (shown.data, None)
    assert f'data-version="{shown.id}"' in session.get(f"{either.url}/fleet").text
    assert any(_told_in_s(either, viewer, 240.0 + turn) < 1.5 for turn in range(5))


def _told_in_s(served, viewer, nozzle_c):
    """Seconds until a reader is told; a busy machine makes some of them long, and not all."""
    begun = time.monotonic()
    served.heats(nozzle_c)
    assert viewer.event("shown")
    return time.monotonic() - begun


def test_a_stream_goes_on_where_it_ended(served):
    served.world.add_lab()
    served.world.add_lab(B)
    session, cookie = served.signed_in("steward")
    address = live_of(session.get(f"{served.url}/fleet").text)
    first = served.open(address, cookie)
    served.heats(100.0)
    seen = first.event("shown").id
    first.close()
    served.heats(200.0, B)
    again = served.open(address, cookie, headers=[f"Last-Event-ID: {seen}"])
    assert json.loads(again.event("part").data)[0] == B
    assert again.event().kind == "shown"
    for foreign in ("0badcafe-1", "nonsense", "-"):
        assert served.open(f"/fleet/live?seen={foreign}", cookie).event().kind == "changed"


def test_a_new_lab_changes_the_page_as_a_whole(served):
    served.world.add_lab()
    session, _ = served.signed_in("steward")
    viewer = served.viewer("/fleet", session)
    served.world.add_lab(B)
    assert viewer.event("changed")


def test_bursts_are_told_together(served):
    served.world.add_lab()
    session, _ = served.signed_in("steward")
    viewer = served.viewer("/fleet", session)
    served.settles(1)
    begun = time.monotonic()
    for number in range(200):
        served.heats(100.0 + number)
        time.sleep(0.005)
    told = []
    while not told or "299 °C" not in told[-1]:
        event = viewer.event("part")
        assert event, "the last one is not swallowed"
        told.append(json.loads(event.data)[1])
    lasted = time.monotonic() - begun
    assert 2 <= len(told) <= lasted * 4 + 3


def test_each_reads_her_own_language_and_gets_only_her_own_buttons(served):
    world = served.world
    world.add_lab()
    world.add_lab(B)
    says = {
        login: served.viewer("/fleet", served.signed_in(login)[0], language)
        for login, language in (("maker", "fr"), ("steward", "en"), ("inspector", "en"))
    }
    served.settles(3)
    for node in (A, B):
        world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False), node)
    told = {}
    for login, viewer in says.items():
        told[login] = dict(json.loads(viewer.event("part").data) for _ in (A, B))
        assert told[login].keys() == {A, B}
    buttons = {
        (who, node): "<form" in html for who, of in told.items() for node, html in of.items()
    }
    assert buttons == {
        ("maker", A): True, ("maker", B): False, ("steward", A): True, ("steward", B): True,
        ("inspector", A): False, ("inspector", B): False,
    }  # fmt: skip
    assert "Le plateau est libre" in told["maker"][A]
    assert "The bed is clear" in told["steward"][B]
    assert 'name="csrf_token" value=""' in told["steward"][A], "a token belongs to one session"


def test_forms_of_shared_parts_have_the_token_of_their_reader(served):
    served.world.add_lab()
    for login in ("steward", "maker"):
        served.world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
        session, _ = served.signed_in(login)
        page = session.get(f"{served.url}/fleet").text
        tokens = re.findall(r'name="csrf_token" value="([^"]*)"', page)
        assert len(tokens) > 1
        assert all(tokens)
        answer = session.post(
            f"{served.url}/fleet/{A}/{PRINTER}/ready",
            {"csrf_token": tokens[-1]},
            allow_redirects=False,
        )
        assert answer.status_code == 303


def test_two_hundred_viewers_and_pages_are_as_quick_as_ever(served):
    served.world.add_lab()
    session, cookie = served.signed_in("steward")
    address = live_of(session.get(f"{served.url}/fleet").text)
    threads = threading.active_count()
    viewers = [served.open(address, cookie) for _ in range(200)]
    served.settles(200)
    assert threading.active_count() == threads, "no stream has a thread"
    # A busy machine makes some rounds long, and not all.
    assert any(_ten_pages_s(served, session) < 3 for _ in range(5))
    begun = time.monotonic()
    served.heats(500.0)
    with selectors.DefaultSelector() as selector:
        for viewer in viewers:
            selector.register(viewer, selectors.EVENT_READ, viewer)
        missing = set(viewers)
        while missing and time.monotonic() - begun < 60:
            for key, _ in selector.select(0.1):
                if any(event.kind == "part" for event in key.data.read()):
                    missing.discard(key.data)
    assert not missing


def _ten_pages_s(served, session):
    begun = time.monotonic()
    for _ in range(10):
        assert session.get(f"{served.url}/waiting", timeout=60).status_code == 200
    return time.monotonic() - begun


@pytest.mark.parametrize("tls", [False, True])
def test_a_slow_reader_holds_nobody_up_and_gets_the_newest(serve, *, tls):
    served = serve(tls=tls, buffer=4096)
    world, printers = served.world, [f"p{number}" for number in range(60)]
    world.add_lab()
    world.says(Capabilities(lab=A, printers=tuple(map(some_facts, printers))))
    session, _ = served.signed_in("steward")
    slow = served.viewer("/fleet", session, buffer=4096)
    quick = served.viewer("/fleet", session)
    served.settles(2)
    for turn in range(12):
        told = (
            PrinterTele(printer=each, state=PrinterState.PRINTING, nozzle_c=200.0 + turn)
            for each in printers
        )
        served.site.live.tell(A, Telemetry(printers=tuple(told)), world.now)
        assert quick.event("shown")
    held = [len(viewer.out) for viewer in served.streams._viewers if viewer.out]
    assert held
    assert max(held) < 200_000, "what she has not read does not pile up"
    told = []
    while not told or "211 °C" not in told[-1]:
        event = slow.event("part")
        assert event, "the newest comes"
        told.append(json.loads(event.data)[1])
    assert len(told) < 6, "states that nobody needs are left out"


def test_who_has_gone_is_dropped_at_once(either):
    either.world.add_lab()
    session, _ = either.signed_in("steward")
    viewers = [either.viewer("/fleet", session) for _ in range(5)]
    either.settles(5)
    for viewer in viewers[:3]:
        viewer.close()
    either.settles(2)


def test_who_is_stuck_is_dropped(serve, monkeypatch):
    monkeypatch.setattr(streams, "_STUCK_S", 0.5)
    served = serve(buffer=4096)
    served.world.add_lab()
    session, _ = served.signed_in("steward")
    served.viewer("/fleet", session, buffer=4096)
    served.settles(1)
    until, turn = time.monotonic() + 100, 0
    while served.streams.count and time.monotonic() < until:
        turn += 1
        served.heats(float(turn))
        time.sleep(0.05)
    assert served.streams.count == 0


def test_streams_end_when_the_server_stops(either):
    either.world.add_lab()
    session, _ = either.signed_in("steward")
    viewers = [either.viewer("/fleet", session) for _ in range(20)]
    either.settles(20)
    stopper = threading.Thread(target=either.server.close)
    stopper.start()
    assert all(viewer.ends() for viewer in viewers)
    stopper.join(60)


def test_who_signs_out_hears_no_more_in_any_tab(served):
    served.world.add_lab()
    session, _ = served.signed_in("steward")
    served.world.pass_time(seconds=1)
    other, _ = served.signed_in("steward")
    tabs = [served.viewer("/fleet", session), served.viewer("/waiting", session)]
    elsewhere = served.viewer("/fleet", other)
    served.settles(3)
    page = session.get(f"{served.url}/waiting").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    session.post(f"{served.url}/sign-out", {"csrf_token": token})
    assert all(tab.ends() for tab in tabs)
    assert not elsewhere.ends(1.5)


@pytest.mark.parametrize(
    "change", ["role = 'inspector'", "node = 'lab-b'", "password_hash = 'changed'"]
)
def test_who_may_no_more_hears_no_more(served, change):
    served.world.add_lab()
    maker = served.viewer("/fleet", served.signed_in("maker")[0])
    steward = served.viewer("/fleet", served.signed_in("steward")[0])
    served.settles(2)
    # As another process does it: nothing wakes the server.
    other = Ledger(served.world.ledger.path)
    with other.transaction() as db:
        db.execute(f"update person set {change} where login = 'maker'")
    other.close()
    assert maker.ends()
    assert not steward.ends(0.5)


def test_a_session_that_is_over_ends_its_streams(served):
    served.world.add_lab()
    viewer = served.viewer("/fleet", served.signed_in("steward")[0])
    link = served.viewer("/o/" + orders.link_of(served.world.ledger, served.world.order()))
    served.settles(2)
    served.world.now = served.world.now.replace(day=served.world.now.day + 1)
    assert viewer.ends()
    assert not link.ends(0.5), "whoever holds the link needs no session"


def test_nobody_gets_a_stream_who_may_not_see_its_page(served, order):
    maker = served.signed_in("maker")[1]
    assert served.open(f"/orders/{order}/live?seen=", maker).opened() == 403
    assert served.open(f"/labs/{B}/live?seen=", maker).opened() == 403
    assert served.open("/fleet/live?seen=").opened() == 303
    assert served.open("/fleet/live/9?seen=", maker).opened() == 404
    served.settles(0)


def test_what_another_process_writes_is_heard_too(served, order):
    link = "/o/" + orders.link_of(served.world.ledger, order)
    viewer = served.viewer(link)
    served.settles(1)
    other = Ledger(served.world.ledger.path)
    ref = served.world.first(AttemptState.PRINTED)
    harvests.harvest(other, ref, 2, 0, "", "nour", served.world.now)
    other.close()
    assert viewer.event("changed")


def test_there_is_a_beat_for_proxies_and_for_the_page(served, monkeypatch):
    monkeypatch.setattr(streams, "BEAT_S", 0.3)
    served.world.add_lab()
    viewer = served.viewer("/fleet", served.signed_in("steward")[0])
    assert viewer.event("beat")
    assert viewer.event("beat")
    assert viewer.comments >= 2


def test_an_old_proxy_gets_its_stream_unchunked(served):
    served.world.add_lab()
    session, cookie = served.signed_in("steward")
    address = live_of(session.get(f"{served.url}/fleet").text)
    viewer = served.open(address, cookie, http10=True)
    assert viewer.opened() == 200
    assert "transfer-encoding" not in viewer.headers
    served.settles(1)
    served.heats(400.0)
    assert viewer.event("part")


def test_more_streams_than_there_may_be_are_told_to_ask(served, monkeypatch):
    monkeypatch.setattr("web.streams.MOST_STREAMS", 3)
    served.world.add_lab()
    session, cookie = served.signed_in("steward")
    address = live_of(session.get(f"{served.url}/fleet").text)
    held = [served.open(address, cookie) for _ in range(3)]
    served.settles(3)
    refused = served.open(address, cookie)
    assert refused.opened() == 503
    assert 5 <= int(refused.headers["retry-after"]) < 15
    held[0].close()
    served.settles(2)
    assert served.open(address, cookie).opened() == 200


def test_one_page_that_fails_ends_no_other(served, order, caplog):
    session, _ = served.signed_in("steward")
    link = served.viewer("/o/" + orders.link_of(served.world.ledger, order))
    add_person(served.world.ledger, "gone", "Gone", Role.MAKER, "x", "lab-gone", served.world.now)
    served.world.add_lab("lab-gone")
    lab = served.viewer("/labs/lab-gone", session)
    served.settles(2)
    with served.world.ledger.transaction() as db:
        db.execute("update node set standing = 'revoked' where id = 'lab-gone'")
    assert lab.ends()
    served.a_lot()
    assert link.event("changed")
    assert "cannot be followed" in caplog.text


def test_nothing_is_done_while_nothing_happens(served):
    served.world.add_lab()
    viewers = [served.viewer("/fleet", served.signed_in("steward")[0]) for _ in range(3)]
    served.settles(3)
    viewers[0].event(seconds=0.5)
    # Another thread of this process may have had something to do.
    assert any(_work_s(2) < 0.2 for _ in range(3))


def _work_s(seconds):
    before = time.process_time()
    time.sleep(seconds)
    return time.process_time() - before
