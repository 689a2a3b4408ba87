"""What waits for somebody is what she can do: her list, and the pages that it leads to, know the same."""

import pytest

from jobs.coordinator import enrolment, first_mile, harvests, lots, needs, orders, recalls, reviews
from jobs.coordinator.hub import set_rule
from jobs.hub import Rule, Scope
from jobs.ledger import stations, views
from jobs.ledger.waiting import waiting
from jobs.messages import PrinterChange, ReportState
from jobs.model import Role
from jobs.recall import Cause, RecallKind
from jobs.stations import Step
from jobs.stations import stations as all_stations
from printers.model import PrinterState
from tests.doubles.parcels import order_of, packed
from tests.doubles.world import NODE, PRINTER, a_request
from web.pages.requesters import counts_of


def kinds(world, role=Role.STEWARD):
    return [each.kind for each in waiting(world.ledger.reading, role, now=world.now)]


def at_step(world, step):
    bags = stations.bags(world.ledger.reading, ())
    (found,) = (each for each in all_stations(bags, world.now) if each.step is step)
    return [bag.code for bag in found.bags]


@pytest.fixture
def batch(site):
    site.world.add_lab()
    return packed(site.world)


def test_a_parcel_of_a_withdrawn_design_is_handed_over_by_nobody_until_its_bags_are_released(
    site, batch
):
    world, steward = site.world, site.person("steward")
    assert kinds(world) == ["dispatch"]
    reviews.withdraw(world.ledger, world.revision.id, "the hook breaks", "steward", world.now)
    codes = [each.lot for each in views.batch(world.ledger.reading, batch).lots]
    assert kinds(world) == []
    assert at_step(world, Step.RELEASE) == codes
    assert at_step(world, Step.HAND_OVER) == []
    parcels, order = steward.get("/deliveries").text, f"/orders/{order_of(world, batch)}"
    assert f'/l/{codes[0]}"' in parcels
    for form in (f"/batches/{batch}/hand", f'name="stop_{batch}"'):
        assert form not in parcels
    assert f"/batches/{batch}/dispatch" not in steward.get(order).text
    for code in codes:
        reviews.release(world.ledger, code, "tried by hand", "steward", world.now)
    assert kinds(world) == ["dispatch"]
    assert at_step(world, Step.HAND_OVER) == codes
    assert f"/batches/{batch}/hand" in steward.get("/deliveries").text
    assert f"/batches/{batch}/dispatch" in steward.get(order).text


def test_a_parcel_that_may_not_be_needed_any_more_has_no_button_to_send_it(site, batch):
    world = site.world
    world.pass_time(days=30)
    with world.ledger.transaction() as db:
        assert needs.ask(db, needs.ASK_AFTER, world.now) == 1
    steward = site.person("steward")
    order = f"/orders/{order_of(world, batch)}"
    assert f"/batches/{batch}/hand" not in steward.get("/deliveries").text
    assert f"/batches/{batch}/dispatch" not in steward.get(order).text
    needs.answer(world.ledger, order_of(world, batch), 4, "steward", world.now)
    assert f"/batches/{batch}/hand" in steward.get("/deliveries").text
    assert f"/batches/{batch}/dispatch" in steward.get(order).text


def test_who_has_inspected_a_bag_is_not_asked_to_release_it(site, batch):
    world = site.world
    set_rule(world.ledger, Rule(scope=Scope.ALL, second=True), "steward", world.now)
    asked = {
        login: {each["kind"] for each in site.person(login).get("/api/waiting").json}
        for login in ("inspector", "steward")
    }
    assert asked == {"inspector": set(), "steward": {"release"}}


def test_a_bed_on_which_something_prints_is_not_asked_for(site):
    world, ledger = site.world, site.world.ledger
    world.add_lab()
    ref = world.printing()
    for state in (PrinterState.PRINTING, PrinterState.OFFLINE, PrinterState.FAULT):
        world.says(PrinterChange(printer=PRINTER, state=state, clear=False))
        assert waiting(ledger.reading, Role.MAKER, NODE, world.now) == (), state
    world.report(ref, ReportState.INTERRUPTED, "the line is dead")
    (asked,) = waiting(ledger.reading, Role.MAKER, NODE, world.now)
    assert (asked.kind, asked.key) == ("harvest", str(ref))


def test_a_request_for_a_design_that_was_withdrawn_since_can_only_be_refused(site):
    world, steward = site.world, site.person("steward")
    asked = a_request(world.revision)
    order_id = orders.place(world.ledger, asked, world.revision, world.now).order_id
    page = f"/orders/{order_id}"
    assert f"{page}/confirm" in steward.get(page).text
    reviews.withdraw(world.ledger, world.revision.id, "the hook breaks", "steward", world.now)
    text = steward.get(page).text
    assert f"{page}/confirm" not in text
    assert "the hook breaks" in text
    assert steward.send(f"{page}/refuse", at=page, reason="it breaks").status_code == 303
    assert kinds(world) == []


def test_nobody_is_asked_for_the_beds_of_a_lab_that_was_shut_out(site):
    world = site.world
    world.add_lab()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    assert kinds(world) == ["clear"]
    enrolment.revoke(world.ledger, NODE, "stolen", "steward", world.now)
    assert kinds(world) == []


def told(world, order_id):
    (found,) = counts_of(world.ledger.reading, views.order_view(world.ledger.reading, order_id))
    return found


def test_a_bag_that_the_hub_has_and_nobody_has_inspected_is_not_ready(site):
    """A ward read of pieces that are ready at the hub and do not leave, and the inspection was to come."""
    world = site.world
    world.add_lab()
    ref = world.printing()
    order_id = views.attempt(world.ledger.reading, ref).order_id
    world.report(ref, ReportState.PRINTED)
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    first_mile.arrive(world.ledger, str(code), "inspector", world.now)
    found = told(world, order_id)
    assert (found.inspecting, found.ready) == (2, 0)
    lots.inspect(world.ledger, str(code), 2, 0, "", "inspector", world.now)
    found = told(world, order_id)
    assert (found.inspecting, found.ready) == (0, 2)


def test_a_bag_of_a_withdrawn_design_that_is_called_back_is_held_once(site, batch):
    world, order_id = site.world, order_of(site.world, batch)
    reviews.withdraw(world.ledger, world.revision.id, "the hook breaks", "steward", world.now)
    lot = views.batch(world.ledger.reading, batch).lots[0]
    cause = Cause(kind=RecallKind.LOT, value=lot.lot)
    recalls.begin(world.ledger, cause, "a sharp edge", "inspector", world.now)
    found = told(world, order_id)
    assert (found.held, found.ready, found.packed) == (4, 0, 0)
