"""A ledger that was put back from a copy: whose word it waits for."""

from jobs.coordinator import restoring
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import KeptAttempt, Offer, ReportState, Restated
from tests.doubles.world import NODE, SILENCE


def put_back(world):
    """Return the stream in which the node is asked for all it holds."""
    with world.ledger.transaction() as db:
        restoring.begin(db, world.now)
        return streams.stream_of(db, NODE)[0]


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
    world.plan()
    world.tick()
    (offer,) = (told for told in world.told() if isinstance(told, Offer))
    (offered,) = offer.attempts
    world.take(offered.attempt)
    world.ready(offered.attempt)
    world.report(offered.attempt, ReportState.PRINTING)
    asked = put_back(world)
    kept = KeptAttempt(offered=offered, state=AttemptState.WITHDRAWN, begun=False)
    world.says(Restated(attempts=(kept,), last=True, asked=asked))
    assert world.state(offered.attempt) is AttemptState.INTERRUPTED
