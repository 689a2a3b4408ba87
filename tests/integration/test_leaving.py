"""A maker leaves: nothing names her or her lab any more, and every lot is still traced."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from jobs.coordinator import (
    deliveries,
    enrolment,
    harvests,
    leaving,
    lots,
    recalls,
    restoring,
    telling,
    upkeep,
)
from jobs.coordinator.people import add_person, person
from jobs.errors import NotFoundError, RefusedError
from jobs.joining import HandPrinter, Hosted, Newcomer
from jobs.ledger import labs, members, views
from jobs.ledger import recalls as rows
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, Capabilities, Counted, OutOfService, ReportState
from jobs.model import Role
from jobs.recall import Cause, RecallKind
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.world import some_facts

NODE, OTHER = "atelier-ada", "lab-b"
LOGIN, NAME, LAB, PRINTER = "ada.l", "Ada Lovelace", "Atelier Ada", "Ada’s own"
SAID = "my daughter is ill"


@pytest.fixture
def lived(world, hashed):
    """A lab with a past: counted, inspected and sent lots, a declined plate, notes, a pause."""
    add_person(world.ledger, LOGIN, NAME, Role.MAKER, hashed, NODE, world.now)
    world.add_lab(NODE)
    world.order_id = world.order(6)
    world.plan()
    world.tick()
    mine = [a.ref for a in world.attempts() if a.node == NODE]
    world.print(mine[0])
    world.code = harvests.harvest(world.ledger, mine[0], 2, 0, "", LOGIN, world.now)
    lots.inspect(world.ledger, world.code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, world.order_id, "steward", world.now)
    deliveries.dispatch(world.ledger, batch, "steward", world.now)
    world.take(mine[1])
    world.ready(mine[1])
    world.report(mine[1], ReportState.PRINTING)
    world.report(mine[1], ReportState.PRINTED)
    world.says(Counted(attempt=mine[1], good=1, scrap=1, reason="warped", by=NAME), NODE)
    world.says(Answer(attempt=mine[2], taken=False, reason=SAID), NODE)
    world.tick()
    world.plan()
    out = OutOfService(printer="p1", out=True)
    upkeep.note(world.ledger, NODE, "p1", f"{NAME} oiled it", out, LOGIN, world.now)
    facts = replace(some_facts(), title=PRINTER)
    world.says(
        Capabilities(lab=LAB, printers=(facts,), place=(47.2, -1.55), attended="08:00-20:00"), NODE
    )
    return world


def all_of(ledger):
    """Return every word of every table."""
    db = ledger.reading
    tables = [r[0] for r in db.execute("select name from sqlite_master where type = 'table'")]
    return "\n".join(
        f"{table}: {tuple(row)!r}"
        for table in tables
        for row in db.execute(f"select * from {table}")
    )


def naming(ledger):
    said = all_of(ledger)
    return [word for word in (LOGIN, NAME, LAB, NODE, SAID, PRINTER, "47.2") if word in said]


def test_nothing_names_a_maker_who_has_left_and_her_lots_are_traced(lived):
    world = lived
    assert set(naming(world.ledger)) >= {LOGIN, NAME, LAB, NODE, SAID, "47.2"}
    before = world.books(world.order_id)
    name = leaving.leave(world.ledger, LOGIN, world.now)
    assert naming(world.ledger) == []
    lot = views.lot(world.ledger.reading, world.code)
    assert (lot.attempt.node, lot.attempt.lab, lot.good, lot.attempt.spool) == (name, name, 2, "s1")
    facts = labs.printers(world.ledger.reading)[name, "p1"]
    assert (facts.title, facts.spool.maker_lot) == ("generic-250x210", "L42")
    assert lot.batches
    after = world.books(world.order_id)
    assert (after.delivered, after.in_transit, after.waiting) == (
        before.delivered, before.in_transit, before.waiting,
    )  # fmt: skip
    audit(world.ledger.reading)
    with pytest.raises(NotFoundError):
        person(world.ledger, LOGIN)
    assert all(node.id != name for node in labs.fleet(world.ledger.reading))
    for order in views.orders(world.ledger.reading):
        views.order_view(world.ledger.reading, order.id)


def test_a_recall_of_her_printer_still_finds_its_lots_and_none_of_who_comes_after_her(lived):
    world = lived
    made = views.lot(world.ledger.reading, world.code).attempt
    told = [
        recalls.begin(world.ledger, Cause(kind=kind, value=value), "sharp", "inspector", world.now)
        for kind, value in (
            (RecallKind.PRINTER, f"{NODE}/{made.printer}"),
            (RecallKind.SPOOL, f"{NODE}/{made.spool}"),
        )
    ]
    ended = recalls.begin(
        world.ledger, Cause(kind=RecallKind.LOT, value=world.code), "sharp", "inspector", world.now
    )
    recalls.end(world.ledger, ended, "no fault", "inspector", world.now, good=True)
    leaving.leave(world.ledger, LOGIN, world.now)
    assert naming(world.ledger) == []
    db = world.ledger.reading
    for each in told:
        called = rows.lots_of(db, rows.recall(db, each).cause)
        assert world.code in {lot.code for lot in called}
        (notice,) = rows.notices(db, each, world.order_id)
        assert (notice.pieces, notice.lots) == (2, (world.code,))
    world.add_lab(NODE)  # a lab of the same name joins
    assert NODE not in {node for node, _ in rows.suspects(db)}


def test_what_she_said_when_she_joined_by_telephone_goes_with_her(world, hashed):
    token = enrolment.invite(world.ledger, "Chez Awa", "steward", world.now)
    printers = (HandPrinter(preset="creality-ender-3", material="", grams=0),)
    facts = Hosted(town="Nantes-sur-Erdre", place=None, attended="08:00-20:00", printers=printers)
    asked = Newcomer(lab="Chez Awa", login="awa", password_hash=hashed, hosted=facts)
    node = enrolment.join_by_hand(world.ledger, token, asked, world.now)
    enrolment.keep_key(world.ledger, node, "key", f"$7$101${'a' * 16}${'b' * 86}==")
    leaving.leave(world.ledger, "awa", world.now)
    assert "Nantes-sur-Erdre" not in all_of(world.ledger)
    # Or her folder would be made anew, with a key of its own.
    assert members.hosted(world.ledger.reading, keyless=True) == ()


def test_what_a_lab_was_not_granted_goes_to_others_when_it_leaves(lived):
    world = lived
    world.add_lab(OTHER)
    leaving.leave(world.ledger, LOGIN, world.now)
    world.plan()
    world.tick()
    live = [a for a in world.attempts() if a.state is AttemptState.OFFERED]
    assert {a.node for a in live} == {OTHER}
    assert sum(a.pieces for a in live) == 3  # of six: two were good, one waits for inspection


def test_nobody_leaves_before_her_node_has_said_what_it_made_since_a_backup(lived, hashed):
    world = lived
    with world.ledger.transaction() as db:
        restoring.begin(db, world.now)
    ada = Site(world, hashed).person(LOGIN)
    said = {"step": "erase", "sure": "yes", "password": PASSWORD}
    answer = ada.send("/leave?lang=en", at="/waiting", **said)
    assert answer.status_code == 409
    assert "The books were put back from a backup" in answer.text
    assert person(world.ledger, LOGIN)
    restoring.go_on_without(world.ledger, NODE, "steward", world.now)
    leaving.leave(world.ledger, LOGIN, world.now)


@pytest.mark.parametrize("state", [ReportState.PRINTING, ReportState.PRINTED])
def test_nobody_leaves_while_a_plate_may_be_on_the_bed(lived, state):
    world = lived
    world.order(2)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    if state is ReportState.PRINTED:
        world.report(ref, ReportState.PRINTING)
        world.report(ref, state)
    before = all_of(world.ledger)
    with pytest.raises(RefusedError, match=f"{ref}. Count them first"):
        leaving.leave(world.ledger, LOGIN, world.now)
    assert all_of(world.ledger) == before


def test_a_lab_stays_where_another_maker_has_an_account(lived, hashed):
    world = lived
    add_person(world.ledger, "grace", "Grace", Role.MAKER, hashed, NODE, world.now)
    leaving.leave(world.ledger, LOGIN, world.now)
    # What is on its way to the lab's own node says who counted; it goes once the node has heard it.
    world.ledger.reading.execute("delete from outbox")
    said = all_of(world.ledger)
    assert LOGIN not in said
    assert LAB in said
    assert labs.node(world.ledger.reading, NODE).online
    assert person(world.ledger, "grace").node == NODE


def test_a_steward_does_not_leave_by_a_page(world, hashed):
    add_person(world.ledger, "camille", "Camille", Role.STEWARD, hashed, "", world.now)
    with pytest.raises(RefusedError, match="Only a maker"):
        leaving.leave(world.ledger, "camille", world.now)
    with pytest.raises(NotFoundError):
        leaving.leave(world.ledger, "nobody", world.now)


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from jobs.coordinator import leaving
from jobs.ledger.store import Ledger

ledger = Ledger(Path(sys.argv[1]))
left = int(sys.argv[2])

def statement(_text):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

ledger.reading.set_trace_callback(statement)
leaving.leave(ledger, sys.argv[3], datetime(2026, 11, 24, 12, tzinfo=UTC))
"""


@pytest.mark.parametrize("statements", [12, 25, 40, 55])
def test_a_kill_in_the_middle_leaves_everything_as_it_was(lived, tmp_path, statements):
    before = all_of(lived.ledger)
    path = lived.ledger.path
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(statements), LOGIN],
        check=False, timeout=120, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    again = Ledger(path, audit=audit)
    assert all_of(again) == before
    leaving.leave(again, LOGIN, lived.now)
    assert naming(again) == []
    again.close()


# --- the page


def test_leaving_takes_two_steps_and_a_password(lived, hashed):
    site = Site(lived, hashed)
    ada = site.person(LOGIN)
    page = ada.get("/leave?lang=en").text
    assert "What stays, and why" in page
    assert f'href="/labs/{NODE}/export.json"' in page
    asked = ada.send("/leave", step="ask")
    assert "En êtes-vous sûr" in asked.text or "Are you sure?" in asked.text
    hidden = ada.form("/leave")
    for wrong in (
        {"sure": "yes", "password": "wrong horse"},
        {"password": PASSWORD},
        {},
    ):
        answer = ada.client.post("/leave", data=hidden | {"step": "erase"} | wrong)
        assert answer.status_code == 422
    assert naming(lived.ledger)
    answer = ada.client.post(
        "/leave?lang=en", data=hidden | {"step": "erase", "sure": "yes", "password": PASSWORD}
    )
    assert answer.status_code == 200
    assert "You have left. Thank you." in answer.text
    assert naming(lived.ledger) == []
    assert ada.get("/waiting").status_code == 303
    text = site.person("steward").get("/members?lang=en").text
    assert "has left of its own accord" in text


def test_the_page_says_what_to_do_first(lived, hashed):
    world = lived
    ref = world.printing()
    ada = Site(world, hashed).person(LOGIN)
    page = ada.get("/leave?lang=en").text
    assert "First, these plates" in page
    assert f'href="/attempts/{ref}/stop"' in page
    assert "Go on to the last question" not in page
    answer = ada.send("/leave", at="/waiting", step="erase", sure="yes", password=PASSWORD)
    assert answer.status_code == 409
    assert person(world.ledger, LOGIN)
    world.report(ref, ReportState.PRINTED)
    assert f'href="/harvest/{ref}"' in ada.get("/leave").text


def test_a_maker_who_is_told_things_leaves_while_others_of_her_lab_stay(lived):
    world = lived
    add_person(world.ledger, "nour", "Nour", Role.MAKER, "", NODE, world.now)
    chosen = replace(telling.choice_of(world.ledger, LOGIN), address="zelie@atelier.example")
    telling.choose(world.ledger, chosen, world.now)
    leaving.leave(world.ledger, LOGIN, world.now)
    assert "zelie@atelier.example" not in all_of(world.ledger)
    assert person(world.ledger, "nour").node == NODE
