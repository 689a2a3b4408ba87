"""A maker asks for a plate: both laws are checked after every transaction."""

from datetime import timedelta

import pytest

from jobs.coordinator import claims, harvests, planning
from jobs.errors import NotFoundError
from jobs.fleet import print_by
from jobs.ledger import views
from jobs.ledger.books import books
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, PrinterChange, ReportState, Withdraw
from jobs.model import OrderState
from printers.model import PrinterState
from tests.doubles.pages import Site
from tests.doubles.world import NODE, PRINTER
from web.plans import late


@pytest.fixture
def busy(world):
    """Everything is given to one lab when another one joins that prints by hand."""
    world.add_lab("lab-b")
    order = world.order(40)
    world.plan()
    world.tick()
    world.add_lab(NODE, link="manual")
    world.tick()
    return order


def mine(world):
    return [a for a in world.attempts() if a.node == NODE]


def test_who_comes_late_gets_a_plate_that_waits_for_a_busy_printer(world, busy):
    assert world.plan() == 0
    before = world.books(busy)
    assert claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert world.books(busy).deficit == 2
    assert world.plan() == 1
    world.tick()
    (plate,) = mine(world)
    assert plate.state is AttemptState.OFFERED
    after = world.books(busy)
    assert (after.jobs, after.deficit, after.ordered) == (before.jobs, 0, before.ordered)
    kinds = [event.kind for event in views.order_view(world.ledger.reading, busy).events]
    assert "plate-claimed" in kinds


def test_what_was_offered_to_others_is_never_touched(world, busy):
    offered = {a.ref for a in world.attempts()}
    claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert {a.ref for a in world.attempts() if a.state is AttemptState.OFFERED} == offered


def test_one_plate_at_a_time_and_not_more_often_than_the_plan_answers(world, busy):
    assert claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert not claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    world.pass_time(minutes=11)
    world.plan()
    # It has one now, offered or not.
    assert not claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert sum(b.deficit for b in books(world.ledger.reading)) == 0


@pytest.mark.parametrize("change", [{"paused": True}, {"material": "PLA"}, {"grams": 1.0}])
def test_nothing_is_freed_for_who_cannot_take_it(world, busy, change):
    world.can(NODE, link="manual", **change)
    assert not claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    assert world.books(busy).deficit == 0


def test_a_plate_that_was_declined_is_not_put_to_her_again(world, busy):
    claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)
    world.plan()
    world.tick()
    (plate,) = mine(world)
    world.says(Answer(attempt=plate.ref, taken=False, reason="no-time"))
    world.tick()
    world.plan()
    world.pass_time(hours=1)
    assert not claims.claim(world.ledger, NODE, PRINTER, "awa", world.now)


def test_a_printer_that_is_not_there_is_said_so(world, busy):
    with pytest.raises(NotFoundError):
        claims.claim(world.ledger, NODE, "p9", "awa", world.now)


def test_her_page_says_why_nothing_is_there_and_then_that_it_comes(world, busy, hashed):
    site = Site(world, hashed)
    maker, path = site.person("maker"), f"/beds/{NODE}/{PRINTER}"
    assert path in maker.get("/waiting").text
    page = maker.get(f"{path}?lang=en").text
    assert "Every plate was given to a printer before yours was free" in page
    assert maker.send(path).headers["Location"] == f"{path}?asked=yes"
    world.plan()
    world.tick()
    assert "on its way to you" in maker.get(path).text
    (plate,) = mine(world)
    world.take(plate.ref)
    world.ready(plate.ref)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
    assert path not in maker.get("/waiting").text
    assert site.person("inspector").get(path).status_code == 403
    assert maker.get("/beds/lab-b/p1").status_code == 403
    assert site.person("steward").get("/beds/lab-b/p1").status_code == 404  # has a cable


def test_nothing_to_do_is_said_plainly(world, hashed):
    world.add_lab(NODE, link="manual")
    site = Site(world, hashed)
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    maker, path = site.person("maker"), f"/beds/{NODE}/{PRINTER}"
    page = maker.get(f"{path}?lang=en").text
    assert "No order needs a plate" in page
    assert "You have not said that the printer is free" in page
    maker.send(path)
    assert "You have not said" not in maker.get(f"{path}?lang=en").text
    assert OrderState.CONFIRMED not in {o.state for o in views.orders(world.ledger.reading)}


@pytest.fixture
def idle(world):
    """Two days of work are given to one lab when another one joins that takes offers by itself."""
    world.add_lab("lab-b")
    order = world.order(40)
    world.plan()
    world.tick()
    world.add_lab(NODE)
    world.tick()
    return order


def test_an_idle_printer_is_given_what_waits_without_a_person(world, idle):
    before = world.books(idle)
    for _ in range(3):
        assert claims.spread(world.ledger, world.now) == 1
        assert claims.spread(world.ledger, world.now) == 0  # the plan answers first
        world.plan()
        world.tick()
        (plate,) = [a for a in mine(world) if a.state is AttemptState.OFFERED]
        assert claims.spread(world.ledger, world.now) == 0  # it has one
        world.print(plate.ref)
        harvests.harvest(world.ledger, plate.ref, 2, 0, "", "maker", world.now)
        world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
        world.pass_time(minutes=1)
    after = world.books(idle)
    assert (after.waiting, after.jobs + after.coming) == (6, before.jobs + before.coming - 6)


def test_what_a_lab_was_offered_is_moved_only_where_it_would_not_begin_it_soon(world):
    world.look_ahead_s = 30 * 3600.0
    world.add_lab("lab-b")
    order = world.order(24)
    world.plan()
    world.tick()
    held = world.attempts()
    assert not views.order_view(world.ledger.reading, order).lines[0].books.deficit
    for attempt in held:
        world.take(attempt.ref)
    for attempt in held[:6]:
        world.ready(attempt.ref)
    world.told("lab-b")
    world.add_lab(NODE)
    moved = []
    while claims.spread(world.ledger, world.now):
        world.plan()
        world.tick()
        (plate,) = [a for a in mine(world) if a.state is AttemptState.OFFERED]
        moved.append(plate.ref.job)
        world.print(plate.ref)
        harvests.harvest(world.ledger, plate.ref, 2, 0, "", "maker", world.now)
        world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
        world.pass_time(minutes=1)
    withdrawn = [m.attempt for m in world.told("lab-b") if isinstance(m, Withdraw)]
    assert withdrawn
    assert len(withdrawn) == len(moved)
    kept = {a.ref: a.state for a in world.attempts() if a.node == "lab-b"}
    assert {kept[ref] for ref in withdrawn} == {AttemptState.WITHDRAWN}
    assert AttemptState.GRANTED in kept.values()
    assert not set(withdrawn) & {ref for ref, s in kept.items() if s is AttemptState.GRANTED}
    # What comes late of a withdrawn plate is answered by another withdrawal, and by no grant.
    world.ready(withdrawn[0])
    assert [type(m) for m in world.told("lab-b")] == [Withdraw]
    assert not set(moved) & {ref.job for ref in kept}


@pytest.mark.parametrize("stays", ["asked", "away", ""])
def test_what_a_person_was_asked_or_a_lab_that_is_away_was_offered_is_not_moved(world, stays):
    world.look_ahead_s = 90 * 3600.0
    world.add_lab("lab-b", asks=stays == "asked")
    world.order(40)
    world.plan()
    world.tick()
    offered = {a.ref for a in world.attempts()}
    assert len(offered) == 20
    world.is_there("lab-b", online=stays != "away")
    world.add_lab(NODE)
    assert claims.spread(world.ledger, world.now) == (0 if stays else 1)


def test_what_was_granted_after_it_was_chosen_stays(world):
    world.add_lab("lab-b")
    world.order(2)
    world.plan()
    world.tick()
    (plate,) = world.attempts()
    world.take(plate.ref)
    world.add_lab(NODE)
    db = world.ledger.reading
    fleet = {(each.node, each.printer): each for each in planning.printers_of(db, None, world.now)}
    (chosen,) = claims._waiting(db, fleet, world.now)
    bed = claims._bed(db, fleet[NODE, PRINTER], world.now)
    world.ready(plate.ref)
    with world.ledger.transaction() as writing:
        assert not claims._free_for(writing, bed, chosen, world.now)
    assert world.state(plate.ref) is AttemptState.GRANTED


@pytest.mark.parametrize("change", [{"paused": True}, {"material": "PLA"}, {"asks": True}])
def test_nothing_is_freed_for_a_lab_that_takes_nothing_by_itself(world, idle, change):
    world.can(NODE, **change)
    assert claims.spread(world.ledger, world.now) == 0


def test_a_bed_that_is_not_clear_is_given_nothing(world, idle):
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    assert claims.spread(world.ledger, world.now) == 0
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
    world.is_there(NODE, online=False)
    assert claims.spread(world.ledger, world.now) == 0


def test_of_the_last_pieces_of_an_order_each_printer_gets_one_plate(world):
    world.add_lab("lab-b", grams=5000.0)
    world.order(200)
    world.plan()
    (seconds,) = world.ledger.reading.execute("select distinct seconds from job").fetchone()
    world.look_ahead_s = 95.5 * seconds
    world.tick()
    assert len(world.attempts()) == 95
    world.look_ahead_s = 1e9
    world.tick()
    assert len(world.attempts()) == 95


def test_what_would_be_late_is_given_out_anew_but_not_what_was_offered(world):
    world.add_lab("lab-b")
    order = world.order(40)
    world.plan()
    world.tick()
    world.add_lab(NODE)
    before = world.books(order)
    held = {a.ref: a.state for a in world.attempts()}
    assert claims.resplit(world.ledger, world.now) == 0  # all is in time: nobody's share changes
    waits = before.jobs - sum(a.pieces for a in world.attempts())
    late = world.now + timedelta(days=6)
    assert claims.resplit(world.ledger, late) * 2 == world.books(order).deficit == waits > 0
    assert world.books(order).ordered == before.ordered
    assert {a.ref: a.state for a in world.attempts()} == held
    world.plan()
    world.tick()
    assert mine(world)
    assert world.books(order).deficit == 0
    kinds = [event.kind for event in views.order_view(world.ledger.reading, order).events]
    assert "split-again" in kinds


def test_what_is_left_with_a_lab_is_not_late_since_what_it_lost_was(world):
    """What it prints is done today; what came late was taken back, and is planned for another lab."""
    world.add_lab("lab-b", grams=20_000)
    order = world.order(120, due=world.now.date() + timedelta(days=3))
    world.plan()
    world.tick()

    def of(node):
        rows = views.order_view(world.ledger.reading, order).plan
        return next(row for row in rows if row.node == node)

    assert late(of("lab-b"))
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    world.add_lab(NODE, grams=20_000)
    world.can("lab-b", grams=20_000, paused=True)
    world.tick()
    world.plan()
    left = of("lab-b")
    assert (left.pieces, left.plates_left, late(left)) == (2, 1, 0)
    assert left.done_at - world.now < timedelta(hours=3)
    assert late(of(NODE))


def test_nobody_is_late_with_what_is_given_out_anew(world):
    world.add_lab("lab-b", grams=20_000)
    order = world.order(120, due=world.now.date() + timedelta(days=3))
    world.plan()
    world.tick()
    claims.plan_anew(world.ledger, world.now, order)
    (row,) = views.order_view(world.ledger.reading, order).plan
    assert row.plates_left
    assert late(row) == 0
    assert row.done_at < print_by(world.now.date() + timedelta(days=3))
