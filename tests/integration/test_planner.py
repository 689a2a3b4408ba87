"""What the planner does by itself, turn by turn: at once, every quarter of a minute, every twelve hours."""

from datetime import timedelta

import pytest

from jobs.assign import LOOK_AHEAD_S
from jobs.coordinator import harvests, reviews
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from tests.doubles.planner_turns import Turns
from tests.doubles.world import CATALOGUE, NODE

A, B = NODE, "lab-b"
HOUR_S = 3600.0


@pytest.fixture
def turns(world):
    return Turns(world, offers=True)


def jobs(world, node):
    """Return the open jobs of a lab."""
    rows = world.ledger.reading.execute(
        "select id from job where node = ? and state = 'open'", (node,)
    )
    return {row[0] for row in rows}


def all_granted(world):
    """The labs take what they were offered, and may print it: nothing of it lapses."""
    for attempt in world.attempts():
        world.take(attempt.ref)
        world.ready(attempt.ref)


def told(world, order, kind):
    """Return how often that is in the journal of an order."""
    events = views.order_view(world.ledger.reading, order).events
    return sum(event.kind == kind for event in events)


def test_an_order_is_planned_at_the_next_turn_and_once(world, turns):
    world.add_lab(A)
    order = world.order(6)
    turns.after()
    assert (world.books(order).deficit, len(jobs(world, A))) == (0, 3)
    turns.after()
    assert told(world, order, "planned") == 1


def test_what_drops_out_is_planned_at_the_next_turn_and_those_who_stay_keep_theirs(world, turns):
    world.add_lab(A)
    world.add_lab(B)
    order = world.order(24)
    turns.after()
    had, gone = jobs(world, B), jobs(world, A)
    assert had
    assert gone
    world.can(A, paused=True)
    world.tick()
    turns.after()
    assert jobs(world, A) == set()
    assert jobs(world, B) >= had
    assert len(jobs(world, B)) == len(had) + len(gone)
    assert world.books(order).deficit == 0


def test_what_waits_for_a_spool_is_planned_at_the_turn_after_it_came(world, turns):
    world.add_lab(A, grams=1.0)
    order = world.order(4)
    turns.after()
    assert world.books(order).deficit == 4
    turns.after()
    assert told(world, order, "planned") == 1  # nothing has changed
    world.can(A, grams=900.0)
    turns.after()
    assert world.books(order).deficit == 0


def test_what_has_no_place_is_planned_again_after_twelve_hours_also_where_nothing_has_changed(
    world, turns
):
    world.add_lab(A, grams=1.0)
    order = world.order(4)
    turns.after()
    turns.after(12 * HOUR_S - 1.0)
    assert told(world, order, "planned") == 1
    turns.after(1.0)
    assert told(world, order, "planned") == 2


def test_an_idle_printer_is_looked_after_every_quarter_of_a_minute(world, turns):
    world.add_lab(B)
    order = world.order(40)
    turns.after()
    world.add_lab(A)
    turns.after(14.0)
    assert (jobs(world, A), told(world, order, "plate-claimed")) == (set(), 0)
    turns.after(1.0)
    assert (len(jobs(world, A)), told(world, order, "plate-claimed")) == (1, 1)


def test_the_printers_of_a_design_that_is_withdrawn_get_what_waits_of_others(world, turns):
    world.add_lab(A)
    first = world.order(40)
    turns.after()
    world.can(A, paused=True)  # so that the other lab gets all of what comes now
    world.tick()
    world.add_lab(B)
    turns.after()
    assert jobs(world, A) == set()
    assert world.books(first).deficit == 0
    # A is there again, and makes another design.
    world.can(A)
    other = world.library.add_design(CATALOGUE / "ear-saver")
    world.revision, kept = other, world.revision
    second = world.order(4)
    turns.after()
    world.revision = kept
    mine = {a.ref for a in world.attempts() if a.node == A and a.state is AttemptState.OFFERED}
    assert mine
    reviews.withdraw(world.ledger, other.id, "the hook breaks", "Ada", world.now)
    turns.after(15.0)
    assert len(jobs(world, A)) == 1
    assert told(world, first, "plate-claimed") == 1
    assert world.books(second).jobs == 0


def test_what_would_be_late_is_given_out_anew_every_twelve_hours_and_no_sooner(world, turns):
    world.add_lab(B)
    order = world.order(40)
    turns.after()
    all_granted(world)
    world.add_lab(A, asks=True)  # nobody looks after it: a person is asked there
    turns.after(12 * HOUR_S)
    assert told(world, order, "split-again") == 0  # all is in time
    world.pass_time(days=6)
    turns.after(12 * HOUR_S - 1.0)
    assert told(world, order, "split-again") == 0
    turns.after(1.0)
    assert told(world, order, "split-again") == 1
    assert jobs(world, A)
    assert world.books(order).deficit == 0


def test_offers_reach_eight_hours_ahead_and_further_only_once_something_is_made(world, turns):
    world.add_lab(A)
    world.order(40)
    turns.after()
    first = world.attempts()
    (seconds,) = world.ledger.reading.execute("select distinct seconds from job").fetchone()
    assert len(first) == LOOK_AHEAD_S // seconds
    turns.after()
    assert len(world.attempts()) == len(first)
    world.print(first[0].ref)
    harvests.harvest(world.ledger, first[0].ref, 2, 0, "", "maker", world.now)
    turns.after()
    assert len(world.attempts()) == len(first) + 1


def test_a_new_order_that_is_due_sooner_goes_before_what_nobody_was_offered_yet(world, turns):
    world.add_lab(A)
    first = world.order(40)
    turns.after()
    held, waits = world.attempts(), jobs(world, A)
    urgent = world.order(2, due=(world.now + timedelta(days=2)).date())
    turns.after()
    assert world.attempts() == held  # nothing is taken from what was offered
    assert jobs(world, A) > waits
    world.print(held[0].ref)
    harvests.harvest(world.ledger, held[0].ref, 2, 0, "", "maker", world.now)
    turns.after()
    (new,) = {a.ref for a in world.attempts()} - {a.ref for a in held}
    assert {a.ref for a in views.attempts_of(world.ledger.reading, urgent)} == {new}
    assert told(world, first, "split-again") == 0
