"""A spool holds less than was planned on it: what nobody was offered goes where it is made in time."""

from datetime import timedelta

import pytest

from fabnet.planner import Planner
from jobs.coordinator import depot as deeds
from jobs.coordinator import spools
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, PrinterChange
from jobs.model import ReasonCode
from printers.model import PrinterState
from tests.doubles.planner_turns import Turns
from tests.doubles.world import NODE, PRINTER, some_facts

A, B = NODE, "lab-b"
LOOK_S = 15.0
QUARTER_S = 15 * 60.0
ONE = "aaaaaaaaaa"


@pytest.fixture
def turns(world):
    return Turns(world)


def jobs(world, node):
    """Return the open jobs of a lab, with their grams."""
    rows = world.ledger.reading.execute(
        "select id, grams from job where node = ? and state = 'open'", (node,)
    )
    return {row[0]: row[1] for row in rows}


def told(world, order, kind="taken-back"):
    events = views.order_view(world.ledger.reading, order).events
    return [event for event in events if event.kind == kind]


@pytest.fixture
def planned(world, turns):
    """An order of sixty frames stands on A, nobody was offered any of it; then B joins."""
    world.add_lab(A, grams=800.0)
    order = world.order(40)
    turns.after()
    assert sum(jobs(world, A).values()) > 600.0
    world.add_lab(B, grams=2000.0, asks=True)  # no idle printer that is looked after
    turns.after(LOOK_S)
    assert jobs(world, B) == {}
    return order


def all_is_placed(world, order):
    books = world.books(order)
    assert (books.deficit, books.surplus, books.jobs) == (0, 0, books.ordered)


def test_what_a_spool_does_not_hold_any_more_goes_to_another_lab_at_once(world, turns, planned):
    had = jobs(world, A)
    world.can(A, grams=40.0)
    turns.after(LOOK_S)
    kept, moved = jobs(world, A), jobs(world, B)
    assert 0 < sum(kept.values()) <= 40.0
    assert kept.keys() <= had.keys()
    all_is_placed(world, planned)
    (why,) = told(world, planned)
    assert (why.data["node"], why.data["printer"]) == (A, PRINTER)
    assert why.data["reason"] == ReasonCode.STOCK
    assert why.data["pieces"] == 40 - 2 * len(kept)
    (row,) = [r for r in views.order_view(world.ledger.reading, planned).plan if r.node == A]
    assert (row.reasons[0].code, row.reasons[0].text) == (ReasonCode.STOCK, "PETG")
    for _ in range(10):
        turns.after(LOOK_S)
    assert (jobs(world, A), jobs(world, B)) == (kept, moved)
    assert len(told(world, planned)) == 1


def test_what_it_still_holds_of_the_order_that_is_due_first_stays(world, turns, planned):
    urgent = world.order(2, due=(world.now + timedelta(days=4)).date())
    world.can(B, paused=True)
    turns.after()
    (mine,) = views.order_view(world.ledger.reading, urgent).plan[:1]
    assert (mine.node, mine.pieces) == (A, 2)
    world.can(B, grams=2000.0, asks=True)
    world.can(A, grams=40.0)
    turns.after(LOOK_S)
    assert told(world, urgent) == []
    assert len(told(world, planned)) == 1


def test_what_anybody_was_offered_or_was_granted_stays(world, turns, planned):
    world.tick()
    world.take(world.attempts()[0].ref)
    held = {a.ref for a in world.attempts() if a.node == A}
    assert len(held) > 1
    world.can(A, grams=0.0)
    turns.after(LOOK_S)
    assert {a.ref for a in world.attempts() if a.state in (
        AttemptState.OFFERED, AttemptState.PREPARING)} == held  # fmt: skip
    assert jobs(world, A).keys() == {ref.job for ref in held}
    all_pieces = sum(a.pieces for a in views.order_view(world.ledger.reading, planned).plan)
    assert all_pieces == 40


def sends(world, grams, days):
    day = (world.now + timedelta(days=days)).date()
    deeds.count(world.ledger, "PETG", grams, "ada", world.now)
    assert deeds.send(world.ledger, ONE, A, "PETG", grams, day, "ada", world.now)


def test_what_comes_in_time_holds_the_plates(world, turns, planned):
    had = jobs(world, A)
    sends(world, 800, 2)
    world.can(A, grams=40.0)
    turns.after(LOOK_S)
    assert jobs(world, A) == had
    assert told(world, planned) == []


@pytest.mark.parametrize("how", ["after the due day", "too little", "taken back", "overdue"])
def test_what_comes_late_or_not_at_all_holds_none(world, turns, planned, how):
    had = jobs(world, A)
    sends(world, 5 if how == "too little" else 800, 9 if how == "after the due day" else 1)
    world.can(A, grams=40.0)
    if how == "taken back":
        deeds.end(world.ledger, ONE, "ada", world.now, came=False)
    if how == "overdue":
        turns.after(LOOK_S)
        assert jobs(world, A) == had
        turns.after(2.6 * 24 * 3600.0)
    turns.after(LOOK_S)
    assert sum(jobs(world, A).values()) <= 40.0
    assert len(told(world, planned)) == 1
    all_is_placed(world, planned)


def test_what_has_come_is_counted_on_until_its_lab_has_had_the_time_to_load_it(
    world, turns, planned
):
    had = jobs(world, A)
    sends(world, 800, 1)
    world.can(A, grams=40.0)
    deeds.end(world.ledger, ONE, "ada", world.now, came=True)
    turns.after(23 * 3600.0)
    assert jobs(world, A) == had
    turns.after(2 * 3600.0)
    assert jobs(world, B)


@pytest.mark.parametrize(
    "other",
    [{"grams": 10.0}, {"paused": True}, {"material": "ASA"}, {"attended": "Mon 08:00-08:30"}],
)
def test_where_nobody_else_could_make_it_in_time_it_stays(world, turns, planned, other):
    had = jobs(world, A)
    world.can(B, **({"grams": 2000.0} | other))
    world.can(A, grams=40.0)
    for _ in range(10):
        turns.after(LOOK_S)
    assert (jobs(world, A), jobs(world, B)) == (had, {})
    assert told(world, planned) == []
    assert len(told(world, planned, "planned")) == 1


def test_only_as_much_goes_as_another_spool_holds_and_the_rest_follows_once(world, turns, planned):
    world.can(B, grams=200.0, asks=True)
    world.can(A, grams=40.0)
    turns.after(LOOK_S)
    some = jobs(world, B)
    assert 0 < sum(some.values()) <= 200.0
    for _ in range(10):
        turns.after(LOOK_S)
    assert jobs(world, B) == some
    world.can(B, grams=2000.0, asks=True)
    turns.after(QUARTER_S)
    assert jobs(world, B).keys() > some.keys()
    all_is_placed(world, planned)
    assert len(told(world, planned)) == 2


def test_what_nobody_could_make_is_tried_again_after_a_quarter_of_an_hour(world, turns, planned):
    world.can(B, grams=10.0, asks=True)
    world.can(A, grams=40.0)
    stays = spools.give_back(world.ledger, world.library, world.now)
    assert len(stays) > 10
    turns.after(LOOK_S)
    world.can(B, grams=2000.0, asks=True)
    assert spools.give_back(world.ledger, world.library, world.now, None, stays) == stays
    turns.after(QUARTER_S)
    assert jobs(world, A).keys().isdisjoint(stays)
    all_is_placed(world, planned)


def test_the_hours_that_a_lab_gives_a_week_are_free_for_its_other_printer(world, turns):
    def says(first_g, other_g):
        printers = (some_facts(grams=first_g), some_facts("p2", grams=other_g))
        world.says(Capabilities(lab="Lab A", printers=printers, weekly_h=6.0), A)

    world.add_lab(A)
    says(800.0, 0.0)
    for printer in (PRINTER, "p2"):
        world.says(PrinterChange(printer=printer, state=PrinterState.IDLE, clear=True), A)
    order = world.order(40)
    turns.after()
    had = jobs(world, A)
    assert 0 < world.books(order).deficit < 40  # the week is full
    says(0.0, 800.0)
    turns.after(LOOK_S)
    assert jobs(world, A).keys().isdisjoint(had)
    assert len(jobs(world, A)) == len(had)
    assert len(told(world, order)) == 1


def test_what_is_overdue_goes_to_who_makes_it_late(world, turns, planned):
    had = jobs(world, A)
    world.pass_time(days=7)
    world.is_there(B)
    world.can(A, grams=40.0)
    turns.after(LOOK_S)
    turns.after(LOOK_S)
    assert len(jobs(world, A)) == 1
    assert len(jobs(world, B)) == len(had) - 1


def test_a_planner_that_ends_between_its_steps_begins_again_and_moves_nothing_twice(
    world, turns, planned
):
    world.can(A, grams=40.0)
    assert spools.give_back(world.ledger, world.library, world.now) == frozenset()
    books = world.books(planned)
    kept = jobs(world, A)
    assert books.deficit == 40 - 2 * len(kept)
    # As after the end of its process: what was known is gone, the ledger is as it was left.
    turns.planner = Planner(world.ledger, None, turns.s, lambda: world.now)
    turns.after(LOOK_S)
    assert jobs(world, A) == kept
    all_is_placed(world, planned)
    turns.planner = Planner(world.ledger, None, turns.s, lambda: world.now)
    turns.after(LOOK_S)
    assert len(told(world, planned)) == 1


def test_a_spool_that_holds_no_whole_plate_still_makes_a_piece(world, turns, planned):
    each_g = min(jobs(world, A).values()) / 2
    world.can(B, grams=39.5 * each_g, asks=True)
    world.can(A, grams=1.5 * each_g)
    turns.after(LOOK_S)
    all_is_placed(world, planned)
    (row,) = [r for r in views.order_view(world.ledger.reading, planned).plan if r.node == A]
    assert row.pieces == 1
    assert sum(jobs(world, B).values()) <= 39.5 * each_g
