"""A parcel that was lost and turns up: its pieces are real, and count; both laws hold at every step."""

import pytest

from jobs.coordinator import deliveries, recalls, surplus
from jobs.coordinator.deliveries import Count
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import history, parcels, views
from jobs.lifecycle import AttemptState
from jobs.messages import ReportState
from jobs.model import BatchState, OrderState
from jobs.recall import Cause, RecallKind
from tests.doubles.lots import accepts, makes_a_lot, of_order, sends
from tests.doubles.pages import Site, sections
from tests.doubles.parcels import address

ALL_MISSING = Count(lost=2)


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


def lost(world, kits=2):
    """A parcel of so many pieces is lost; return it and its order."""
    order_id = world.order(kits)
    while world.books(order_id).to_make:
        accepts(world, makes_a_lot(world))
    batch = sends(world, order_id)
    deliveries.lose(world.ledger, batch, "no trace of it", "steward", world.now)
    return batch, order_id


def state(world, batch):
    return views.batch(world.ledger.reading, batch).state


def at_hub(world, batch):
    deliveries.come_back(world.ledger, batch, "behind the van", "inspector", world.now)


def receives(world, batch, **count):
    deliveries.receive(world.ledger, batch, Count(**count), "requester", world.now)


def kinds(world, order_id):
    return [each.kind for each in history.events_of(world.ledger.reading, order_id)]


def test_what_the_hub_finds_again_is_packed_again_and_not_made_twice(lab):
    batch, order_id = lost(lab)
    assert (state(lab, batch), lab.books(order_id).deficit) == (BatchState.LOST, 2)
    at_hub(lab, batch)
    with pytest.raises(NotFoundError):  # its paper says where it went: it gets another one
        state(lab, batch)
    found = lab.books(order_id)
    assert (found.lost, found.at_hub, found.usable, found.to_make, found.surplus) == (0, 2, 2, 0, 0)
    receives(lab, sends(lab, order_id))
    assert of_order(lab, order_id).state is OrderState.DELIVERED
    assert "turned-up" in kinds(lab, order_id)


def test_what_the_hospital_has_after_all_is_received(lab):
    batch, order_id = lost(lab)
    receives(lab, batch, damaged=1)
    found = lab.books(order_id)
    assert (found.delivered, found.refused, found.lost, found.deficit) == (1, 1, 0, 1)
    assert state(lab, batch) is BatchState.RECEIVED
    with pytest.raises(RefusedError, match="cannot be received now"):
        receives(lab, batch)
    with pytest.raises(RefusedError, match="not on its way"):
        at_hub(lab, batch)


def test_a_parcel_of_which_all_is_missing_is_lost_and_may_be_in_another_ward(lab):
    order_id = lab.order(2)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    batch = sends(lab, order_id)
    for _ in range(2):
        deliveries.receive(lab.ledger, batch, ALL_MISSING, "requester", lab.now)
        assert (state(lab, batch), lab.books(order_id).deficit) == (BatchState.LOST, 2)
    with pytest.raises(RefusedError, match="not on its way"):
        deliveries.lose(lab.ledger, batch, "again", "steward", lab.now)
    receives(lab, batch)
    assert of_order(lab, order_id).state is OrderState.DELIVERED


def test_what_was_made_instead_is_surplus_and_the_found_bags_go_on(lab):
    batch, order_id = lost(lab)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    receives(lab, sends(lab, order_id))
    assert of_order(lab, order_id).state is OrderState.DELIVERED
    at_hub(lab, batch)
    assert (lab.books(order_id).surplus, lab.books(order_id).at_hub) == (2, 2)
    after = lab.order(2)
    with lab.ledger.transaction() as db:
        assert surplus.pass_on(db, lab.now)
    assert lab.books(after).to_make == 0


def test_a_plate_that_prints_instead_is_surplus_when_it_is_counted(lab):
    batch, order_id = lost(lab)
    lab.plan()
    lab.tick()
    ref = lab.first(AttemptState.OFFERED)
    lab.take(ref)
    lab.ready(ref)
    lab.report(ref, ReportState.PRINTING)
    at_hub(lab, batch)
    found = lab.books(order_id)
    assert (found.usable, found.coming, found.surplus) == (2, found.surplus, found.coming)


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("where", ["hub", "hospital"])
def test_a_lost_bag_that_is_called_back_counts_only_if_it_is_good(lab, before, good, where):
    order_id = lab.order(2)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    batch = sends(lab, order_id)
    cause = Cause(kind=RecallKind.PRINTER, value="lab-a/p1")

    def called():
        return recalls.begin(lab.ledger, cause, "sharp", "inspector", lab.now)

    recall_id = called() if before else ""
    deliveries.lose(lab.ledger, batch, "no trace", "steward", lab.now)
    recall_id = recall_id or called()
    assert lab.books(order_id).deficit == 2
    at_hub(lab, batch) if where == "hub" else receives(lab, batch)
    assert (lab.books(order_id).usable, lab.books(order_id).deficit) == (0, 2)
    recalls.end(lab.ledger, recall_id, "looked at", "steward", lab.now, good=good)
    assert lab.books(order_id).usable == (2 if good else 0)
    assert lab.books(order_id).to_make == (0 if good else 2)


def test_what_turns_up_after_a_bad_end_is_thrown_away(lab):
    batch, order_id = lost(lab)
    cause = Cause(kind=RecallKind.PRINTER, value="lab-a/p1")
    recall_id = recalls.begin(lab.ledger, cause, "sharp", "inspector", lab.now)
    recalls.end(lab.ledger, recall_id, "bad", "steward", lab.now, good=False)
    at_hub(lab, batch)
    assert (lab.books(order_id).scrap, lab.books(order_id).deficit) == (2, 2)


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    return Site(world, hashed)


def test_the_pages_know_a_lost_parcel_and_take_it_back(site):
    world, hub, nurse = site.world, site.person("inspector"), site.person()
    batch, order_id = lost(world)
    other, _order = lost(world)
    page = sections(hub.get("/deliveries?lang=en").text)
    assert "2 parcels that may turn up" in page
    assert "lost on the way" in sections(hub.get(f"/orders/{order_id}?lang=en").text)
    path = f"/batches/{batch}/back"
    assert hub.send(path, at="/deliveries", reason="").status_code == 422
    assert hub.send(path, at="/deliveries", reason="behind the van").status_code == 303
    assert "1 parcel that may turn up" in sections(hub.get("/deliveries?lang=en").text)
    history_of = sections(hub.get(f"/orders/{order_id}?lang=en").text)
    assert "A lost parcel has turned up (2 pieces)" in history_of
    assert "(it had been lost)" in history_of
    assert "(il avait été perdu)" in sections(hub.get(f"/orders/{order_id}?lang=fr").text)
    path = address(world, other)
    assert "It has arrived after all…" in nurse.get(f"{path}?lang=en").text
    assert nurse.send(f"{path}/received", at=path).status_code == 303
    page = sections(nurse.get(f"{path}?lang=en").text)
    assert "Received. Thank you for counting." in page
    assert parcels.lost(world.ledger.reading) == ()
