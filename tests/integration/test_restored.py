"""A ledger that was put back from a copy: whose word it waits for."""

from dataclasses import replace

from jobs.coordinator import harvests, restoring, reviews, surplus
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Cancel,
    KeptAttempt,
    Offer,
    ReportState,
    Restate,
    Restated,
    Sync,
    decode_down,
)
from jobs.model import AttemptRef
from tests.doubles.world import NODE, SILENCE


def put_back(world):
    """Return the stream in which the node is asked for all it holds."""
    with world.ledger.transaction() as db:
        restoring.begin(db, world.now)
        return streams.stream_of(db, NODE)[0]


def prints(world):
    """Let the only plate of an order be printed; return what was offered."""
    world.plan()
    world.tick()
    (offer,) = (told for told in world.told() if isinstance(told, Offer))
    (offered,) = offer.attempts
    world.take(offered.attempt)
    world.ready(offered.attempt)
    world.report(offered.attempt, ReportState.PRINTING)
    return offered


def test_an_answer_to_an_earlier_question_is_none(world):
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    first = put_back(world)
    second = put_back(world)
    world.says(Restated(attempts=(), last=True, asked=first))
    assert restoring.unheard(world.ledger.reading) == (NODE,)
    world.is_there()
    world.tick()
    assert world.attempts() == []
    world.says(Restated(attempts=(), last=True, asked=second))
    assert restoring.unheard(world.ledger.reading) == ()
    world.tick()
    assert len(world.attempts()) == 1
    assert world.books(order_id).coming == 0


def test_nothing_is_taken_back_from_a_lab_that_has_not_said_what_it_made(world):
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    world.tick()
    asked = put_back(world)
    world.is_there(online=False)
    world.pass_time(seconds=2 * SILENCE.total_seconds())
    world.tick()
    assert world.books(order_id).deficit == 0
    world.says(Restated(attempts=(), last=True, asked=asked))
    world.tick()
    assert world.books(order_id).deficit == 2


def test_a_print_that_its_node_has_forgotten_is_a_persons(world):
    """It has told of the start; then its journal went back, and says that there was none."""
    world.add_lab()
    world.order(2)
    offered = prints(world)
    asked = put_back(world)
    kept = KeptAttempt(offered=offered, state=AttemptState.WITHDRAWN, begun=False)
    world.says(Restated(attempts=(kept,), last=True, asked=asked))
    assert world.state(offered.attempt) is AttemptState.INTERRUPTED


def test_the_same_copy_put_back_twice_gives_out_no_number_twice(world):
    world.add_lab()
    world.order(2)
    world.plan()
    fences = set()
    for _ in range(2):
        with world.ledger.transaction() as db:
            db.execute("delete from meta where key = 'fence'")  # as the copy has it
        asked = put_back(world)
        fences.add(restoring.fence(world.ledger.reading))
    assert len(fences) == 2
    world.says(Restated(attempts=(), last=True, asked=asked))
    world.tick()
    (found,) = world.attempts()
    assert found.ref.number - 1 in fences


def test_a_number_that_a_lab_knows_is_taken_though_nobody_has_begun_it(world):
    """The lab is deaf to lower numbers of the job; the copy has forgotten the one that it knows."""
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (offer,) = (told for told in world.told() if isinstance(told, Offer))
    (offered,) = offer.attempts
    known = AttemptRef(job=offered.attempt.job, number=900_000)
    asked = put_back(world)
    kept = KeptAttempt(
        offered=replace(offered, attempt=known), state=AttemptState.READY, begun=False
    )
    world.says(Restated(attempts=(kept,), last=True, asked=asked))
    assert world.state(known) is AttemptState.WITHDRAWN
    world.tick()
    (fresh,) = (a.ref for a in world.attempts() if a.state is AttemptState.OFFERED)
    assert fresh.number == known.number + 1


def test_a_lab_that_nobody_waits_for_is_asked_all_the_same(world):
    """It has read the question and lost its card before its answer came."""
    world.add_lab()
    asked = put_back(world)
    world.told()
    with world.ledger.transaction() as db:
        streams.acknowledged(db, NODE, asked, 1)
    restoring.go_on_without(world.ledger, NODE, "steward", world.now)
    assert restoring.unheard(world.ledger.reading) == ()
    world.says(Sync(attempts=(), in_stream="", in_cursor=0))
    again = streams.unacknowledged(world.ledger.reading, NODE, 9)
    assert Restate() in [decode_down(row.type, row.body) for row in again]


def taken_over(world):
    """Return what lab B was never offered: the plate that lab A has."""
    world.add_lab()
    world.add_lab("lab-b")
    world.order(2)
    world.plan()
    world.tick()
    labs = [a.node for a in world.attempts()]
    (told,) = (told for lab in labs for told in world.told(lab) if isinstance(told, Offer))
    (offered,) = told.attempts
    world.take(offered.attempt)
    other = "lab-b" if labs == [NODE] else NODE
    return offered, labs[0], other


def test_nobody_begins_the_plate_of_another_lab_whatever_it_says_that_it_holds(world):
    offered, _, other = taken_over(world)
    late = replace(offered, attempt=replace(offered.attempt, number=99))
    kept = KeptAttempt(offered=late, state=AttemptState.PRINTING, begun=True)
    world.says(Restated(attempts=(kept,), last=True), other)
    assert world.state(offered.attempt) is AttemptState.PREPARING
    assert [a.ref for a in world.attempts()] == [offered.attempt]
    assert world.told(other)[-1].attempt == late.attempt


def test_a_number_that_is_named_hides_no_print_that_is_going_on(world):
    """Else its plate would be given to others as soon as its lab is silent, and made twice."""
    offered, lab, _ = taken_over(world)
    world.ready(offered.attempt)
    world.report(offered.attempt, ReportState.PRINTING)
    late = replace(offered, attempt=replace(offered.attempt, number=99))
    both = (
        KeptAttempt(offered=offered, state=AttemptState.PRINTING, begun=True),
        KeptAttempt(offered=late, state=AttemptState.READY, begun=False),
    )
    world.says(Restated(attempts=both, last=True), lab)
    world.is_there(lab, online=False)
    world.pass_time(seconds=2 * SILENCE.total_seconds())
    world.tick()
    assert world.state(offered.attempt) is AttemptState.PRINTING
    (books,) = {world.books(a.order_id) for a in world.attempts()}
    assert (books.coming, books.to_make) == (2, 0)
    reviews.withdraw(world.ledger, world.revision.id, "it breaks", "steward", world.now)
    assert Cancel in {type(told) for told in world.told(lab)}


def test_two_bags_of_one_plate_stay_with_their_order(world):
    """One was made in the forgotten time, one since; a plate can belong to one order only."""
    world.add_lab()
    order_id = world.order(2)
    world.plan()
    put_back(world)
    restoring.go_on_without(world.ledger, NODE, "steward", world.now)
    world.is_there()
    world.tick()
    (offer,) = (told for told in world.told() if isinstance(told, Offer))
    (offered,) = offer.attempts
    world.print(offered.attempt)
    harvests.harvest(world.ledger, offered.attempt, 2, 0, "", "maker", world.now)
    early = replace(offered, attempt=replace(offered.attempt, number=1))
    made = KeptAttempt(offered=early, state=AttemptState.HARVESTED, begun=True, good=2, scrap=0)
    world.says(Restated(attempts=(made,), last=True))
    assert world.books(order_id).surplus == 2
    other = world.order(2)
    with world.ledger.transaction() as db:
        assert surplus.pass_on(db, world.now) == 0
    assert (world.books(order_id).surplus, world.books(other).to_make) == (2, 2)


def test_a_bag_of_a_plate_that_is_still_being_made_stays_with_its_order(world):
    """Passed on, it would take the plate along that another attempt of it is making."""
    world.add_lab()
    order_id = world.order(2)
    offered = prints(world)
    late = replace(offered, attempt=replace(offered.attempt, number=2))
    made = KeptAttempt(offered=late, state=AttemptState.HARVESTED, begun=True, good=2, scrap=0)
    world.says(Restated(attempts=(made,), last=False))
    other = world.order(2)
    with world.ledger.transaction() as db:
        assert surplus.pass_on(db, world.now) == 0
    assert (world.books(order_id).coming, world.books(other).to_make) == (2, 2)
