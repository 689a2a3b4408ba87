"""A maker asks for a plate: both laws are checked after every transaction."""

import pytest

from jobs.coordinator import claims
from jobs.errors import NotFoundError
from jobs.ledger import views
from jobs.ledger.books import books
from jobs.lifecycle import AttemptState
from jobs.messages import Answer, PrinterChange
from jobs.model import OrderState
from printers.model import PrinterState
from tests.doubles.pages import PASSWORD, Site
from tests.doubles.world import NODE, PRINTER
from web.auth import hash_password


@pytest.fixture(scope="module")
def hashed():
    return hash_password(PASSWORD)


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
    assert maker.send(path).headers["Location"] == path
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
