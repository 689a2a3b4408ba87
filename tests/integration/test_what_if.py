"""What if: the plan as it is is that of the order's page, and what is said of a change is what comes of it."""

from datetime import timedelta

import pytest

from fabnet.planner import Planner
from jobs.coordinator import claims, offers, orders
from jobs.coordinator.whatif import difference
from jobs.errors import InvalidFieldError
from jobs.ledger import views
from jobs.model import Priority
from web.plans import late

HUB = (47.2, -1.55)


@pytest.fixture
def orders_of(world):
    """Eight labs far from each other, and three orders that are planned and offered; return these."""
    for n in range(8):
        hours = ("00:00-24:00", "08:00-20:00", "18:00-23:00")[n % 3]
        world.add_lab(f"lab-{n}", grams=2000.0, place=(46.9 + n / 10, -1.9), attended=hours)
    found = [world.order(30, due=(world.now + timedelta(days=2 + n)).date()) for n in range(3)]
    turn(world)
    world.tick()
    return found


def turn(world):
    Planner(world.ledger, HUB, 0.0, lambda: world.now).turn(world.library, 1.0)


def told(outcome):
    return (
        outcome.done_at, outcome.late, outcome.without_place, dict(outcome.pieces_of),
        round(outcome.km),
    )  # fmt: skip


def as_it_is(ledger, order_id):
    """The same figures, as the order's page has them."""
    view = views.order_view(ledger.reading, order_id)
    rows = [row for row in view.plan if row.pieces]
    by_lab = {}
    for row in rows:
        by_lab[row.node] = by_lab.get(row.node, 0) + row.pieces
    return (
        max(row.done_at for row in rows), sum(map(late, rows)),
        sum(line.books.deficit for line in view.lines), by_lab,
        round(sum((row.km or 0.0) * row.pieces for row in rows)),
    )  # fmt: skip


def asked(world, order_id, **change):
    facts = {"without": (), "plus": (), "due": None} | change
    without, plus, due = (facts.pop(each) for each in ("without", "plus", "due"))
    files = world.library.folder
    return difference(world.ledger, files, order_id, without, plus, due, world.now, HUB, **facts)


def test_what_is_said_of_a_lab_that_leaves_is_what_comes_of_it(world, orders_of):
    order_id = orders_of[1]
    by_lab = as_it_is(world.ledger, order_id)[3]
    most = max(by_lab, key=by_lab.get)
    said = asked(world, order_id, without=[most])
    assert told(said.now) == as_it_is(world.ledger, order_id)
    with world.ledger.transaction() as db:
        db.execute("update node set paused = 1 where id = ?", (most,))
        assert offers.take_back(db, timedelta(minutes=10), world.now)
    turn(world)
    assert told(said.then) == as_it_is(world.ledger, order_id)
    assert told(said.then) != told(said.now)


def test_what_is_said_of_a_first_day_is_what_comes_of_it(world, orders_of):
    order_id, day = orders_of[2], world.now.date() + timedelta(days=2)
    said = asked(world, order_id, release=day)
    assert told(said.now) == as_it_is(world.ledger, order_id)
    assert orders.set_release(world.ledger, order_id, day, "ada", world.now)
    assert claims.plan_anew(world.ledger, world.now, order_id)
    turn(world)
    assert told(said.then) == as_it_is(world.ledger, order_id)
    assert told(said.then) != told(said.now)


def test_what_is_said_of_a_priority_is_what_comes_of_it(world, orders_of):
    crowd = world.order(400, due=world.now.date() + timedelta(days=2))
    turn(world)
    late = world.order(30, due=world.now.date() + timedelta(days=3))
    turn(world)
    for order_id in (orders_of[0], crowd, late):
        said = asked(world, order_id, priority=Priority.VITAL)
        assert told(said.now) == as_it_is(world.ledger, order_id)
    assert said.then.late < said.now.late
    assert orders.set_priority(world.ledger, late, Priority.VITAL, "ada", world.now)
    assert claims.resplit(world.ledger, world.now, late)
    turn(world)
    assert told(said.then) == as_it_is(world.ledger, late)


def test_printers_more_and_a_sooner_day_are_planned_for_this_order_and_change_nothing(
    world, orders_of
):
    before = "\n".join(world.ledger.reading.iterdump())
    more = asked(world, orders_of[2], plus=["5xgeneric-250x210"])
    assert told(more.now) == as_it_is(world.ledger, orders_of[2])
    assert more.then.done_at < more.now.done_at
    assert {lab for lab, _ in more.then.pieces_of} & {f"plus-{n}" for n in range(1, 6)}
    sooner = asked(world, orders_of[2], due=world.now.date())
    assert (sooner.now.late, sooner.then.late) == (0, 30)
    assert "\n".join(world.ledger.reading.iterdump()) == before


def test_a_first_day_after_the_last_is_refused_as_it_would_be(world, orders_of):
    day = world.now.date() + timedelta(days=30)
    with pytest.raises(InvalidFieldError, match=r"is after .*, when the order is due"):
        asked(world, orders_of[2], release=day)
    with pytest.raises(InvalidFieldError, match="is after"):
        asked(
            world, orders_of[2], release=world.now.date() + timedelta(days=2), due=world.now.date()
        )
    assert asked(world, orders_of[2], release=day, due=day).then.done_at.date() >= day
