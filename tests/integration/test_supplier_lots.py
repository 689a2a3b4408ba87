"""Bought parts know the lot of their supplier's, and a bad one is called back as a lot of filament is."""

import pytest

from jobs.coordinator import deliveries, hub, orders, recalls
from jobs.coordinator.deliveries import Count
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.hub import Kit
from jobs.ledger import bought, views
from jobs.ledger import recalls as called
from jobs.model import OrderState
from jobs.recall import Cause, RecallKind
from tests.doubles.lots import accepts, makes_a_lot, makes_all, of_order
from tests.doubles.pages import Site, sections
from tests.doubles.parcels import address
from tests.doubles.world import CATALOGUE, a_request
from tests.unit.web.test_delivery_note import pages as pages_of

KIT = Kit(made={"frame": 1}, bought={"foil": 1})


def counts(world, pieces, lot="", item="foil"):
    hub.count_stock(world.ledger, item, pieces, "inspector", world.now, lot)


def boxes(world):
    return [(b.lot, b.pieces, b.called) for b in bought.boxes(world.ledger.reading)]


def ready(world, kits):
    """An order of which every piece is accepted and lies at the hub."""
    order_id = world.order(kits)
    while world.books(order_id).to_make:
        accepts(world, makes_a_lot(world))
    return order_id


def packs(world, order_id, lots=None):
    named = None if lots is None else {"foil": lots}
    return deliveries.pack(world.ledger, order_id, "inspector", world.now, KIT, named)


def took(world, batch):
    return [(b.lot, b.pieces) for b in bought.boxes_in(world.ledger.reading, batch)]


def calls_back(world, lot, item="foil"):
    cause = Cause(kind=RecallKind.BOUGHT, value=f"{item}/{lot}")
    return recalls.begin(world.ledger, cause, "the foil is cloudy", "inspector", world.now)


def arrives(world, batch):
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    deliveries.receive(world.ledger, batch, Count(), "requester", world.now)


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


def test_each_lot_has_a_box_and_the_oldest_goes_first(lab):
    counts(lab, 3, "A 12")
    counts(lab, 9, "B7")
    counts(lab, 2)
    counts(lab, 4, " a12 ")  # typed in other letters: the same box, counted again
    assert boxes(lab) == [("A 12", 4, False), ("B7", 9, False), ("", 2, False)]
    batch = packs(lab, ready(lab, 6))
    assert took(lab, batch) == [("A 12", 4), ("B7", 2)]
    assert bought.taken(lab.ledger.reading, batch) == {"foil": 6}
    other = packs(lab, ready(lab, 4), "")
    assert sorted(took(lab, other)) == [("", 2), ("B7", 2)]
    assert bought.in_stock(lab.ledger.reading) == {"foil": 5}
    for lot, pieces in (("L" * 61, 1), ("L", -1)):
        with pytest.raises(InvalidFieldError):
            counts(lab, pieces, lot)


def test_from_a_suppliers_lot_to_everyone_who_has_some_and_back(lab):
    counts(lab, 2, "A12")
    counts(lab, 50, "B7")
    first, second = ready(lab, 2), ready(lab, 2)
    with_a, with_b = packs(lab, first), packs(lab, second)
    arrives(lab, with_a)
    arrives(lab, with_b)
    recall_id = calls_back(lab, "a12")
    told = called.notices(lab.ledger.reading, recall_id)
    assert [(each.order_id, each.pieces) for each in told] == [(first, 2)]
    assert of_order(lab, first).state is OrderState.CONFIRMED
    assert (lab.books(first).kept, lab.books(first).deficit) == (0, 2)
    assert lab.books(second).kept == 2
    code = views.batch(lab.ledger.reading, with_a).lots[0].lot
    assert [b.cause for b in bought.lots_with(lab.ledger.reading, code)] == ["foil/A12"]
    recalls.waive(lab.ledger, recall_id, first, "steward", lab.now)
    assert of_order(lab, first).state is OrderState.DELIVERED


def test_a_lot_that_is_called_back_is_packed_no_more(lab):
    counts(lab, 40, "A12")
    counts(lab, 1, "B7")
    order_id = ready(lab, 2)
    batch = packs(lab, order_id)
    recall_id = calls_back(lab, "A12")
    with pytest.raises(NotFoundError):  # it had not left: it is unpacked, and its bags are good
        views.batch(lab.ledger.reading, batch)
    (told,) = [
        e for e in views.order_view(lab.ledger.reading, order_id).events if e.kind == "unpacked"
    ]
    assert told.data["reason"] == "bought parts in it are called back"
    assert boxes(lab) == [("A12", 40, True), ("B7", 1, False)]
    assert bought.in_stock(lab.ledger.reading) == {"foil": 1}
    assert (lab.books(order_id).usable, lab.books(order_id).deficit) == (2, 0)
    assert took(lab, packs(lab, order_id, "A12")) == [("B7", 1)]
    assert called.lots_of(lab.ledger.reading, Cause(kind=RecallKind.BOUGHT, value="foil/A12")) == ()
    recalls.end(lab.ledger, recall_id, "thrown away", "steward", lab.now, good=False)
    assert boxes(lab) == [("A12", 0, False), ("B7", 0, False)]


def test_a_box_from_which_nothing_was_taken_is_called_back_and_may_be_good_after_all(lab):
    counts(lab, 40, "24/113")
    recall_id = calls_back(lab, "24/113")
    assert bought.in_stock(lab.ledger.reading) == {"foil": 0}
    recalls.end(lab.ledger, recall_id, "looked at", "steward", lab.now, good=True)
    assert bought.in_stock(lab.ledger.reading) == {"foil": 40}
    for lot in ("24/114", "24", ""):
        with pytest.raises(NotFoundError):
            calls_back(lab, lot)


@pytest.mark.parametrize("good", [True, False])
def test_what_comes_back_with_a_bad_lot_is_unpacked_and_stays_named(lab, good):
    counts(lab, 10, "A12")
    order_id = ready(lab, 2)
    batch = packs(lab, order_id)
    deliveries.dispatch(lab.ledger, batch, "inspector", lab.now)
    codes = {lot.lot for lot in views.batch(lab.ledger.reading, batch).lots}
    recall_id = calls_back(lab, "A12")
    deliveries.come_back(lab.ledger, batch, "they have read of it", "inspector", lab.now)
    assert boxes(lab) == [("A12", 10, True)]
    cause = Cause(kind=RecallKind.BOUGHT, value="foil/A12")
    assert {each.code for each in called.lots_of(lab.ledger.reading, cause)} == codes
    recalls.end(lab.ledger, recall_id, "so", "steward", lab.now, good=good)
    assert boxes(lab) == [("A12", 10 if good else 0, False)]
    assert lab.books(order_id).usable == (2 if good else 0)


def test_bad_parts_that_come_back_after_the_end_are_no_stock(lab):
    counts(lab, 10, "A12")
    order_id = ready(lab, 2)
    batch = packs(lab, order_id)
    deliveries.dispatch(lab.ledger, batch, "inspector", lab.now)
    recall_id = calls_back(lab, "A12")
    recalls.end(lab.ledger, recall_id, "thrown away", "steward", lab.now, good=False)
    deliveries.come_back(lab.ledger, batch, "they want others", "inspector", lab.now)
    assert bought.in_stock(lab.ledger.reading) == {"foil": 0}
    assert lab.books(order_id).scrap == 2


@pytest.fixture
def site(world, hashed):
    world.add_lab()
    return Site(world, hashed)


def kits_ready(world, kits):
    """An order of visors with a foil and an elastic; return it and its revision."""
    clips = world.library.add_design(CATALOGUE / "visor-kit")
    order_id = orders.place(world.ledger, a_request(clips, kits), clips, world.now).order_id
    orders.confirm(world.ledger, order_id, "steward", world.now)
    world.plan()
    world.tick()
    makes_all(world)
    return order_id, clips


def test_from_the_box_to_the_recall_on_pages_and_paper(site):
    world, inspector, nobody = site.world, site.person("inspector"), site.person()
    order_id, clips = kits_ready(world, 2)
    sheet = clips.others[0].title
    stock = "/hub/stock?lang=en"
    typed = {"item": sheet, "another": "yes"}
    answer = inspector.send("/hub/stock", **typed, supplier_lot="", pieces="5")
    assert answer.status_code == 422
    assert 'id="lot-1-error"' in answer.text or 'id="lot-2-error"' in answer.text
    for lot, pieces in (("A12", "1"), ("B7", "9")):
        assert inspector.send("/hub/stock", **typed, supplier_lot=lot, pieces=pieces).location
    page = sections(inspector.get(stock).text)
    assert "lot A12 · 1 here" in page
    assert "without a lot number · 0 here" in page
    page = inspector.get(f"/orders/{order_id}?lang=en").text
    assert "Out of which box first?" in page
    assert '<option value="A12">lot A12: 1 piece</option>' in page
    pack = f"/orders/{order_id}/pack"
    number = [part.title for part in clips.others].index(sheet) + 1
    sent = inspector.send(pack, at=f"/orders/{order_id}", **{f"box_{number}": "B7"})
    assert sent.status_code == 303
    (batch,) = views.order_view(world.ledger.reading, order_id).batches
    assert took(world, batch.id) == [("B7", 2)]
    deliveries.dispatch(world.ledger, batch.id, "inspector", world.now)
    for path in (f"/orders/{order_id}", f"/l/{batch.lots[0].lot}"):
        assert f"2 × {sheet} · lot B7" in sections(inspector.get(f"{path}?lang=en").text)
    assert f"2 × {sheet} · lot B7" in sections(
        nobody.get(f"{address(world, batch.id)}?lang=en").text
    )
    (text,) = pages_of(inspector.get(f"/batches/{batch.id}/note.pdf").data)
    assert "(Lot B7)" in text
    # From a bag, and from the box.
    page = inspector.get(f"/l/{batch.lots[0].lot}/recall?lang=en").text
    assert f"bought:{sheet}/B7" in page
    link = f"/recalls/bought?of={sheet}/B7"
    page = sections(inspector.get(f"{link}&lang=en").text)
    assert "1 recipient has some" in page
    assert inspector.get("/recalls/bought?of=nothing/B7").status_code == 404
    answer = inspector.send(link, cause=f"bought:{sheet}/B7", reason="cloudy")
    assert answer.status_code == 303
    page = sections(inspector.get(f"{answer.location}?lang=en").text)
    assert f"Bought part {sheet}, lot B7" in page
    assert f"7 × {sheet} · lot B7" in page
    assert "called back" in sections(inspector.get(stock).text)
