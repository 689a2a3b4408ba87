"""The coordinator's orders on a real ledger, from form to hospital, both laws held at every transaction."""

import pytest

from jobs.coordinator import deliveries, harvests, lots, orders, planning
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import Capabilities, PrinterChange
from jobs.model import OrderState, ReasonCode
from printers.model import PrinterState
from tests.doubles.lots import harvested
from tests.doubles.world import CATALOGUE, NODE, PRINTER, a_request, some_facts


def test_from_the_form_to_the_hospital(world):
    order_id, codes = harvested(world)
    for code in codes:
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert world.books(order_id).in_transit == 6
    deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    assert world.books(order_id).delivered == 6
    assert views.order(world.ledger.reading, order_id).state is OrderState.DELIVERED


def test_a_form_sent_twice_is_one_order_with_one_link(world):
    request = a_request(world.revision)
    first = orders.place(world.ledger, request, world.revision, world.now)
    again = orders.place(world.ledger, request, world.revision, world.now)
    assert first == again
    assert len(views.orders(world.ledger.reading)) == 1
    assert orders.by_link(world.ledger, first.link).id == first.order_id
    assert orders.link_of(world.ledger, first.order_id) == first.link


def test_a_guessed_link_leads_nowhere(world):
    orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    with pytest.raises(NotFoundError):
        orders.by_link(world.ledger, "A" * 32)


@pytest.mark.parametrize(
    ("field", "value"),
    [("kits", 0), ("kits", 100_001), ("place", " "), ("contact", ""), ("requester", "")],
)
def test_a_wrong_field_is_named_and_nothing_is_kept(world, field, value):
    with pytest.raises(InvalidFieldError) as caught:
        orders.place(
            world.ledger, a_request(world.revision, **{field: value}), world.revision, world.now
        )
    assert caught.value.field == field
    assert views.orders(world.ledger.reading) == ()


def test_nothing_is_planned_before_a_steward_confirms(world):
    world.add_lab()
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    assert world.plan() == 0
    (line,) = views.order_view(world.ledger.reading, placed.order_id).lines
    assert line.reasons[0].code is ReasonCode.NOT_CONFIRMED
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    assert world.plan() == 3
    with pytest.raises(RefusedError):
        orders.confirm(world.ledger, placed.order_id, "steward", world.now)


def test_a_refused_order_asks_for_nothing_and_says_why(world):
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    with pytest.raises(InvalidFieldError):
        orders.refuse(world.ledger, placed.order_id, " ", "steward", world.now)
    orders.refuse(world.ledger, placed.order_id, "not a hospital", "steward", world.now)
    order = views.order(world.ledger.reading, placed.order_id)
    assert (order.state, order.closed_reason) == (OrderState.REFUSED, "not a hospital")
    assert world.books(placed.order_id).ordered == 0


def test_what_cannot_be_placed_is_a_deficit_with_its_reason(world):
    world.add_lab(grams=40.0)
    order_id = world.order(6)
    assert world.plan() == 1
    view = views.order_view(world.ledger.reading, order_id)
    assert view.lines[0].books.deficit == 4
    assert view.lines[0].reasons[0].code is ReasonCode.STOCK
    # More filament arrives: the rest is planned without anybody asking.
    world.says(Capabilities(lab="Lab", printers=(some_facts(grams=800.0),)))
    assert world.plan() == 2
    assert world.books(order_id).deficit == 0


@pytest.mark.parametrize("lost", ["file", "revision"])
def test_a_design_that_is_lost_keeps_no_other_from_being_made(world, lost):
    world.add_lab()
    ears = world.library.add_design(CATALOGUE / "ear-saver")
    placed = orders.place(world.ledger, a_request(ears, 2), ears, world.now)
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    order_id = world.order(2)
    if lost == "file":
        world.library.file(ears.made[0].source_sha256).unlink()
    else:
        world.ledger.database.execute("delete from revision where id = ?", (ears.id,))
    facts = planning.snapshot(world.ledger, world.library, world.now)
    assert facts.unread.keys() == {placed.order_id}
    world.plan()
    assert world.books(order_id).jobs == 2
    assert world.books(placed.order_id).deficit == 2


def test_rejected_pieces_are_made_again(world):
    order_id, (code, *_) = harvested(world)
    with pytest.raises(InvalidFieldError):
        lots.inspect(world.ledger, code, 1, 2, "cracked", "inspector", world.now)
    with pytest.raises(InvalidFieldError):
        lots.inspect(world.ledger, code, 1, 1, "", "inspector", world.now)
    lots.inspect(world.ledger, code, 1, 1, "cracked", "inspector", world.now)
    with pytest.raises(RefusedError):
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    books = world.books(order_id)
    assert (books.accepted, books.scrap, books.deficit) == (1, 1, 1)


def test_refused_and_lost_pieces_are_made_again_and_the_order_stays_open(world):
    order_id, codes = harvested(world)
    for code in codes:
        lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order_id, "inspector", world.now)
    with pytest.raises(RefusedError):
        deliveries.receive(world.ledger, batch, deliveries.Count(), "requester", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    with pytest.raises(InvalidFieldError):
        deliveries.receive(
            world.ledger, batch, deliveries.Count(damaged=4, lost=3), "requester", world.now
        )
    deliveries.receive(
        world.ledger, batch, deliveries.Count(damaged=2, lost=1), "requester", world.now
    )
    books = world.books(order_id)
    assert (books.delivered, books.refused, books.lost, books.deficit) == (3, 2, 1, 3)
    assert views.order(world.ledger.reading, order_id).state is OrderState.CONFIRMED
    with pytest.raises(RefusedError):
        deliveries.pack(world.ledger, order_id, "inspector", world.now)


def test_waiting_lists_follow_the_order(world):
    from jobs.model import Role

    def kinds(role, node=""):
        return [w.kind for w in waiting(world.ledger.reading, role, node)]

    world.add_lab()
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=False))
    placed = orders.place(world.ledger, a_request(world.revision, 2), world.revision, world.now)
    assert kinds(Role.STEWARD) == ["confirm", "clear"]
    assert kinds(Role.MAKER, NODE) == ["clear"]
    assert kinds(Role.MAKER, "lab-b") == []
    world.says(PrinterChange(printer=PRINTER, state=PrinterState.IDLE, clear=True))
    orders.confirm(world.ledger, placed.order_id, "steward", world.now)
    world.plan()
    world.tick()
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    assert kinds(Role.MAKER, NODE) == ["harvest"]
    code = harvests.harvest(world.ledger, ref, 2, 0, "", "maker", world.now)
    assert kinds(Role.INSPECTOR) == ["inspect"]
    lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    assert kinds(Role.INSPECTOR) == ["pack"]
    batch = deliveries.pack(world.ledger, placed.order_id, "inspector", world.now)
    assert kinds(Role.INSPECTOR) == ["dispatch"]
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert kinds(Role.STEWARD) == []
