"""Orders that are needed no more, or less of them: both laws hold after every step (`World` audits)."""

from datetime import timedelta

import pytest

from jobs import stations
from jobs.coordinator import (
    deliveries,
    harvests,
    lots,
    needs,
    orders,
    recalls,
    reviews,
    surplus,
    telling,
)
from jobs.coordinator.deliveries import Count
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import needs as asked
from jobs.ledger import notices, views
from jobs.ledger import stations as standing
from jobs.ledger.waiting import waiting
from jobs.lifecycle import AttemptState
from jobs.messages import Offer, ReportState, Withdraw
from jobs.model import OrderState, Role
from jobs.notice_kinds import Channel, Kind
from jobs.recall import Cause, RecallKind
from jobs.stations import Step
from tests.doubles.pages import Site
from tests.doubles.world import a_request

AGE = timedelta(days=14)


@pytest.fixture
def making(world):
    """Three plates of two for an order of six: one printed, one granted, one offered."""
    world.add_lab()
    world.order_id = world.order(6)
    world.plan()
    world.tick()
    first, second, third = (a.ref for a in world.attempts())
    world.print(first)
    world.take(second)
    world.ready(second)
    world.refs = (first, second, third)
    return world


def says(world, kits, **more):
    return needs.answer(world.ledger, world.order_id, kits, "requester", world.now, **more)


def state(world, order_id=None):
    return views.order(world.ledger.reading, order_id or world.order_id).state


def to_pack(world):
    told = waiting(world.ledger.reading, Role.INSPECTOR, now=world.now)
    return [w for w in told if w.kind == "pack"]


def passes_on(world):
    with world.ledger.transaction() as db:
        return surplus.pass_on(db, world.now)


def in_a_bag(world, ref, good=2):
    """Counted and inspected; return the lot's code."""
    code = harvests.harvest(
        world.ledger, ref, good, 0, "" if good == 2 else "warped", "maker", world.now
    )
    lots.inspect(world.ledger, code, good, 0, "", "noa", world.now)
    return code


def asks(world):
    with world.ledger.transaction() as db:
        return needs.ask(db, AGE, world.now)


def test_fewer_withdraws_what_is_not_granted_and_keeps_the_rest_coming(making):
    making.told()
    assert making.state(making.refs[1]) is AttemptState.GRANTED
    order = says(making, 4)
    assert order.request.kits == 4
    books = making.books(making.order_id)
    assert (books.ordered, books.coming, books.jobs, books.deficit, books.surplus) == (
        4,
        4,
        0,
        0,
        0,
    )
    assert making.state(making.refs[2]) is AttemptState.WITHDRAWN
    assert [m.attempt for m in making.told() if isinstance(m, Withdraw)] == [making.refs[2]]


def test_fewer_than_are_coming_leaves_a_surplus(making):
    says(making, 1)
    books = making.books(making.order_id)
    assert (books.ordered, books.coming, books.to_make, books.surplus) == (1, 4, 0, 3)


def test_more_than_was_ordered_has_left_and_the_order_does_not_grow(making):
    """Bags leave whole: with two pieces on the way for one, “none any more” made it an order for two."""
    says(making, 1)
    in_a_bag(making, making.refs[0])
    batch = deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    deliveries.dispatch(making.ledger, batch, "noa", making.now)
    assert making.books(making.order_id).in_transit == 2
    for _twice in range(2):
        assert says(making, 0).request.kits == 1
        assert making.books(making.order_id).ordered == 1
    deliveries.receive(making.ledger, batch, Count(), "ward", making.now)
    assert state(making) is OrderState.DELIVERED


def test_scrap_of_what_is_spare_is_not_made_again(making):
    says(making, 3)
    harvests.harvest(making.ledger, making.refs[0], 1, 1, "warped", "maker", making.now)
    books = making.books(making.order_id)
    assert (books.deficit, books.surplus) == (0, 0)


def test_none_any_more_cancels_and_nothing_of_it_is_planned(making):
    assert says(making, 0, reason="The ward is closed.").state is OrderState.CANCELLED
    books = making.books(making.order_id)
    assert (books.ordered, books.coming, books.to_make, books.surplus) == (0, 4, 0, 4)
    assert making.plan() == 0
    assert says(making, 0).state is OrderState.CANCELLED  # pressed twice
    assert (
        views.order(making.ledger.reading, making.order_id).closed_reason == "The ward is closed."
    )


@pytest.mark.parametrize("kits", [0, 2])
def test_what_is_given_back_of_an_order_that_was_lowered_is_not_offered_again(making, kits):
    says(making, kits)
    _, second, _ = making.refs
    making.report(second, ReportState.RETURNED, "stopped before it had begun")
    assert making.books(making.order_id).jobs == 2
    making.told()
    other = making.order(2)
    making.plan()
    making.tick()
    (offer,) = [each for each in making.told() if isinstance(each, Offer)]
    assert {each.order for each in offer.attempts} == {other}
    books = making.books(making.order_id)
    assert (books.to_make, books.surplus) == (0, 2 - kits)


def test_an_order_that_nobody_has_confirmed_can_be_cancelled(world):
    placed = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    world.order_id = placed.order_id
    assert says(world, 0).state is OrderState.CANCELLED
    with pytest.raises(RefusedError):
        orders.confirm(world.ledger, placed.order_id, "steward", world.now)


def test_what_has_left_is_kept_and_closes_the_order_once_received(making):
    in_a_bag(making, making.refs[0])
    batch = deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    deliveries.dispatch(making.ledger, batch, "noa", making.now)
    order = says(making, 0)
    assert (order.state, order.request.kits) == (OrderState.CONFIRMED, 2)
    deliveries.receive(making.ledger, batch, Count(), "requester", making.now)
    assert state(making) is OrderState.DELIVERED


def test_a_parcel_that_has_not_left_is_unpacked(making):
    in_a_bag(making, making.refs[0])
    deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    assert says(making, 0).state is OrderState.CANCELLED
    assert views.order_view(making.ledger.reading, making.order_id).batches == ()
    # Nobody is asked to pack for an order that is over.
    kinds = {w.kind for w in waiting(making.ledger.reading, Role.STEWARD)}
    assert not kinds & {"pack", "dispatch"}


def test_as_many_as_have_arrived_is_all_of_it(making):
    in_a_bag(making, making.refs[0])
    batch = deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    deliveries.dispatch(making.ledger, batch, "noa", making.now)
    deliveries.receive(making.ledger, batch, Count(), "requester", making.now)
    assert says(making, 2).state is OrderState.DELIVERED


@pytest.mark.parametrize("kits", [-1, 7])
def test_more_is_a_new_order(making, kits):
    with pytest.raises(InvalidFieldError):
        says(making, kits)


def test_spare_bags_go_to_the_next_order_with_their_trace(making):
    other = making.order(6)
    code = in_a_bag(making, making.refs[0])
    says(making, 0)
    assert passes_on(making) == 1
    assert passes_on(making) == 0
    lot = views.lot(making.ledger.reading, code)
    assert lot.attempt.order_id == other
    assert making.books(making.order_id).surplus == 2  # the granted plate may still come
    theirs = making.books(other)
    assert (theirs.accepted, theirs.deficit) == (2, 4)
    batch = deliveries.pack(making.ledger, other, "noa", making.now)
    assert [each.lot for each in views.batch(making.ledger.reading, batch).lots] == [code]
    kinds = [e.kind for e in views.order_view(making.ledger.reading, other).events]
    assert "taken-over" in kinds


def test_a_spare_bag_takes_the_place_of_plates_that_nobody_has_begun(making):
    other = making.order(2)
    making.plan()
    assert making.books(other).jobs == 2
    in_a_bag(making, making.refs[0])
    says(making, 0)
    assert passes_on(making) == 1
    assert making.books(other).to_make == 0


def test_a_bag_that_is_needed_or_too_big_stays(making):
    making.order(1)
    in_a_bag(making, making.refs[0])
    assert passes_on(making) == 0
    says(making, 0)
    assert passes_on(making) == 0  # two pieces, and one is missing


def test_a_bag_that_is_too_big_goes_to_who_needs_more_than_half_of_it(making):
    with making.ledger.transaction() as db:  # three came off the plate for two
        code = harvests.book(db, making.refs[0], 3, 0, "", "maker", making.now)
    others = [making.order(1), making.order(2)]
    says(making, 0)
    assert passes_on(making) == 1
    assert passes_on(making) == 0
    assert views.lot(making.ledger.reading, code).attempt.order_id == others[1]
    theirs = making.books(others[1])
    assert (theirs.waiting, theirs.to_make, theirs.surplus) == (3, 0, 1)
    assert making.books(others[0]).to_make == 1
    lots.inspect(making.ledger, code, 3, 0, "", "noa", making.now)
    batch = deliveries.pack(making.ledger, others[1], "noa", making.now)
    deliveries.dispatch(making.ledger, batch, "noa", making.now)
    deliveries.receive(making.ledger, batch, Count(), "requester", making.now)
    assert views.order(making.ledger.reading, others[1]).state is OrderState.DELIVERED


def test_spare_bags_stay_out_of_the_parcel(making):
    in_a_bag(making, making.refs[0])
    says(making, 2)
    making.report(making.refs[1], "printing")
    making.report(making.refs[1], "printed")
    in_a_bag(making, making.refs[1])
    assert [w.text for w in to_pack(making)] == ["2"]
    batch = deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    assert to_pack(making) == []
    at_hub = stations.stations(standing.bags(making.ledger.reading, ()), making.now)
    assert {s.step: s.pieces for s in at_hub if s.bags} == {Step.HAND_OVER: 2}
    assert sum(lot.pieces for lot in views.batch(making.ledger.reading, batch).lots) == 2
    with pytest.raises(RefusedError, match="spare"):
        deliveries.pack(making.ledger, making.order_id, "noa", making.now)


def test_an_old_order_is_asked_about_before_a_parcel_leaves(making):
    making.pass_time(days=15)
    assert asks(making) == 0  # there is nothing to send yet
    in_a_bag(making, making.refs[0])
    batch = deliveries.pack(making.ledger, making.order_id, "noa", making.now)
    assert asks(making) == 1
    assert asks(making) == 0
    with pytest.raises(RefusedError, match="Telephone"):
        deliveries.dispatch(making.ledger, batch, "noa", making.now)
    told = waiting(making.ledger.reading, Role.STEWARD)
    assert ("need", making.order_id) in {(w.kind, w.key) for w in told}
    assert "dispatch" not in {w.kind for w in told}
    says(making, 6)
    assert not asked.need(making.ledger.reading, making.order_id).is_open
    deliveries.dispatch(making.ledger, batch, "noa", making.now)


def test_nobody_is_asked_for_what_cannot_be_sent(making):
    """A ward was told that its next parcel is ready, and its only bag was called back."""
    code = in_a_bag(making, making.refs[0])
    cause = Cause(kind=RecallKind.LOT, value=code)
    called = recalls.begin(making.ledger, cause, "sharp", "noa", making.now)
    making.pass_time(days=15)
    assert asks(making) == 0
    recalls.end(making.ledger, called, "not sharp", "steward", making.now, good=True)
    reviews.withdraw(making.ledger, making.revision.id, "it breaks", "steward", making.now)
    assert asks(making) == 0
    reviews.release(making.ledger, code, "tried", "steward", making.now)
    assert asks(making) == 1


def test_she_is_asked_by_mail_and_told_of_the_end(world):
    world.add_lab()
    request = a_request(world.revision, 2, contact="ada@chu.example")
    world.order_id = orders.place(world.ledger, request, world.revision, world.now).order_id
    orders.confirm(world.ledger, world.order_id, "steward", world.now)
    world.plan()
    world.tick()
    (plate,) = (a.ref for a in world.attempts())
    world.print(plate)
    in_a_bag(world, plate)
    world.pass_time(days=15)
    asks(world)
    says(world, 0)
    sent = notices.to_send(world.ledger.reading, Channel.MAIL, world.now, 10)
    assert [n.kind for n in sent][-2:] == [Kind.ORDER_NEED, Kind.ORDER_CANCELLED]
    assert {n.to for n in sent} == {"ada@chu.example"}
    telling.stop_order(world.ledger, world.order_id, world.now)


def test_the_page_asks_and_takes_the_answer(making, hashed):
    site = Site(making, hashed)
    path = f"/o/{orders.link_of(making.ledger, making.order_id)}"
    nurse = site.person()
    page = nurse.get(f"{path}?lang=en").text
    assert "We need fewer, or none any more" in page
    assert "printed by " in page
    in_a_bag(making, making.refs[0])
    making.pass_time(days=15)
    asks(making)
    steward = site.person("steward")  # a session ends meanwhile
    page = nurse.get(f"{path}?lang=en").text
    assert "Do you still need it?" in page
    assert "Why it is late" in page
    assert "2 pieces are ready at the hub, and have not left yet" in page
    assert "Do they still need it: CHU, urgences" in steward.get("/waiting?lang=en").text
    assert "have not answered" in steward.get(f"/orders/{making.order_id}?lang=en").text
    for wrong in ({}, {"answer": "fewer", "kits": "9"}, {"answer": "all"}):
        assert nurse.send(f"{path}/need", at=path, **wrong).status_code == 422
    assert nurse.send(f"{path}/need", at=path, answer="fewer", kits="3").status_code == 303
    assert "<strong>3 ×" in nurse.get(f"{path}?lang=en").text
    answer = steward.send(
        f"/orders/{making.order_id}/need", at=f"/orders/{making.order_id}", answer="no",
        reason="Ward closed",
    )  # fmt: skip
    assert answer.status_code == 303
    page = nurse.get(f"{path}?lang=en").text
    assert "This order is cancelled" in page
    assert "Ward closed" in page


def test_only_a_steward_answers_for_a_requester(making, hashed):
    site = Site(making, hashed)
    inspector = site.person("inspector")
    answer = inspector.send(f"/orders/{making.order_id}/need", at="/waiting", answer="no")
    assert answer.status_code == 403


def test_a_requester_is_asked_though_the_priority_of_her_order_cannot_be_read(making):
    in_a_bag(making, making.refs[0])
    making.pass_time(days=15)
    making.ledger.reading.execute("update orders set priority = '?'")
    assert asks(making) == 1
    assert asks(making) == 0
