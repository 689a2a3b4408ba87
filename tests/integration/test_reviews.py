"""Judged by people: accepted until a day, withdrawn at any moment, released by name. Both laws hold."""

from datetime import timedelta

import pytest

from designs.model import ReviewState
from jobs.coordinator import applying, deliveries, harvests, lots, orders, planning, reviews
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import reviews as reading
from jobs.ledger import views
from jobs.lifecycle import AttemptState
from jobs.messages import Cancel, ReportState, Withdraw
from jobs.model import ReasonCode
from tests.doubles.world import NODE, a_request


def review(world):
    return reading.review(world.ledger.reading, world.revision.id, world.now.date())


def withdraw(world, reason="the hook breaks"):
    return reviews.withdraw(world.ledger, world.revision.id, reason, "Ada", world.now)


def harvest(world, ref, good, reason=""):
    return harvests.harvest(world.ledger, ref, good, 0, reason, "maker", world.now)


@pytest.fixture
def order(world):
    world.add_lab()
    order_id = world.order(6)
    world.plan()
    world.tick()
    return order_id


def test_a_revision_is_a_draft_until_a_lab_has_made_it(world, order):
    assert (review(world).state, review(world).labs) == (ReviewState.DRAFT, 0)
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    harvest(world, ref, 2)
    assert (review(world).state, review(world).labs) == (ReviewState.TRIED, 1)


def test_it_is_accepted_until_a_day_for_a_use_on_a_document(world):
    facts = {
        "body": "CHU de Lyon", "use": "splash guard in triage", "document": "note.pdf",
        "document_sha256": "ab" * 32, "until": world.now.date() + timedelta(days=30), "by": "Ada",
    }  # fmt: skip
    reviews.accept(world.ledger, world.revision.id, **facts, now=world.now)
    (kept,) = review(world).acceptances
    assert (kept.body, kept.use, kept.document, kept.by) == (
        "CHU de Lyon", "splash guard in triage", "note.pdf", "Ada",
    )  # fmt: skip
    assert review(world).state is ReviewState.ACCEPTED
    world.pass_time(days=31)
    assert review(world).state is ReviewState.DRAFT
    assert len(review(world).acceptances) == 1
    for name, value in (
        ("body", " "),
        ("use", ""),
        ("until", world.now.date() - timedelta(days=1)),
    ):
        with pytest.raises(InvalidFieldError, match=name):
            reviews.accept(world.ledger, world.revision.id, **facts | {name: value}, now=world.now)


def test_a_withdrawal_takes_back_what_is_not_granted(world, order):
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.told()
    assert withdraw(world) >= 1
    assert world.state(ref) is AttemptState.WITHDRAWN
    assert any(isinstance(m, Withdraw) and m.attempt == ref for m in world.told())
    books = world.books(order)
    assert (books.coming, books.jobs, books.deficit) == (0, 0, 6)
    (line,) = views.order_view(world.ledger.reading, order).lines
    assert [reason.code for reason in line.reasons] == [ReasonCode.WITHDRAWN]
    world.ready(ref)  # said before it heard
    assert isinstance(world.told()[-1], Withdraw)
    assert review(world).state is ReviewState.WITHDRAWN
    assert review(world).withdrawal.reason == "the hook breaks"


def test_nothing_of_it_is_planned_offered_asked_for_or_confirmed_again(world, order):
    asked = orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    withdraw(world)
    assert world.plan() == 0
    world.tick()
    assert not [a for a in world.attempts() if a.state is AttemptState.OFFERED]
    with pytest.raises(RefusedError, match="was withdrawn: the hook breaks"):
        orders.confirm(world.ledger, asked.order_id, "steward", world.now)
    with pytest.raises(RefusedError, match="was withdrawn"):
        orders.place(world.ledger, a_request(world.revision), world.revision, world.now)
    with pytest.raises(RefusedError, match="already, by Ada"):
        withdraw(world)


def test_a_plan_that_was_made_before_is_not_applied_after(world):
    world.add_lab()
    order_id = world.order(6)
    facts = planning.snapshot(world.ledger, world.library, world.now)
    plan = planning.make(facts, world.library, world.now)
    withdraw(world)
    assert applying.apply(world.ledger, world.library, facts, plan, world.now) == 0
    assert world.books(order_id).jobs == 0


def test_a_granted_attempt_is_cancelled_and_its_node_says_how_it_ends(world, order):
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    assert world.state(ref) is AttemptState.GRANTED
    world.told()
    withdraw(world)
    assert [m.attempt for m in world.told() if isinstance(m, Cancel)] == [ref]
    assert world.state(ref) is AttemptState.GRANTED, "silence proves nothing"
    world.report(ref, ReportState.RETURNED, "the network took it back")
    world.tick()
    assert not [a for a in world.attempts() if a.state is AttemptState.OFFERED]
    assert world.books(order).coming == 0


def test_what_was_printing_is_counted_and_held_until_a_named_reviewer_releases_it(world, order):
    ref = world.first(AttemptState.OFFERED)
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.PRINTING)
    withdraw(world)
    world.report(ref, ReportState.CANCELLED)
    code = harvest(world, ref, 1, "stopped half-way")
    lots.inspect(world.ledger, code, 1, 0, "", "inspector", world.now)
    assert reading.held_lots(world.ledger.reading, order) == {code}
    with pytest.raises(RefusedError, match="lots are held"):
        deliveries.pack(world.ledger, order, "inspector", world.now)
    for reason, by in (("", "Dr B"), ("looked at every one", " ")):
        with pytest.raises(InvalidFieldError):
            reviews.release(world.ledger, code, reason, by, world.now)
    reviews.release(world.ledger, code, "looked at every one", "Dr B", world.now)
    assert reading.released(world.ledger.reading, code) == ("Dr B", "looked at every one")
    with pytest.raises(RefusedError, match="is not held"):
        reviews.release(world.ledger, code, "again", "Dr B", world.now)
    batch = deliveries.pack(world.ledger, order, "inspector", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    assert world.books(order).in_transit == 1


def test_a_parcel_that_is_packed_does_not_leave(world, order):
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    code = harvest(world, ref, 2)
    lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    batch = deliveries.pack(world.ledger, order, "inspector", world.now)
    withdraw(world)
    with pytest.raises(RefusedError, match=f"Lot {code} in it is held"):
        deliveries.dispatch(world.ledger, batch, "inspector", world.now)
    reviews.release(world.ledger, code, "made before the fault", "Dr B", world.now)
    deliveries.dispatch(world.ledger, batch, "inspector", world.now)


def test_other_revisions_go_on(world, order):
    reviews.withdraw(world.ledger, "f" * 64, "never used", "Ada", world.now)
    ref = world.first(AttemptState.OFFERED)
    world.print(ref)
    code = harvest(world, ref, 2)
    lots.inspect(world.ledger, code, 2, 0, "", "inspector", world.now)
    deliveries.pack(world.ledger, order, "inspector", world.now)
    assert world.node_of(ref) == NODE
