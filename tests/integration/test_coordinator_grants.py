"""The coordinator and what it has offered and granted: leases, nonces, nodes that are away or forget."""

import pytest

from jobs.assign import LOOK_AHEAD_S
from jobs.coordinator import attempts, harvests, nodes
from jobs.errors import JobError, RefusedError
from jobs.ledger import labs, streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Answer,
    Grant,
    HeldAttempt,
    Offer,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Withdraw,
)
from jobs.model import AttemptRef
from tests.doubles.lots import offered
from tests.doubles.world import NODE


def test_a_grant_answers_a_ready_with_its_nonce(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref, "abc")
    (grant,) = [m for m in world.told() if isinstance(m, Grant)]
    assert (grant.attempt, grant.nonce) == (ref, "abc")
    assert world.state(ref) is AttemptState.GRANTED


def test_a_ready_asked_again_is_granted_again_and_stays_granted(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref, "one")
    world.ready(ref, "two")
    assert [m.nonce for m in world.told() if isinstance(m, Grant)] == ["one", "two"]
    assert world.state(ref) is AttemptState.GRANTED


def test_a_lease_runs_out_before_the_grant_and_never_after(world):
    order_id, (lapsing, granted, *_) = offered(world)
    world.take(lapsing)
    world.take(granted)
    world.ready(granted)
    world.pass_time(hours=3)
    world.tick()
    assert world.state(lapsing) is AttemptState.LAPSED
    assert world.state(granted) is AttemptState.GRANTED
    assert world.books(order_id).coming == 2


def test_a_late_ready_on_a_lapsed_attempt_is_answered_withdraw(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.pass_time(hours=3)
    world.tick()
    world.told()
    world.ready(ref)
    assert Withdraw(attempt=ref, reason="no word from the node for two hours") in world.told()
    assert world.state(ref) is AttemptState.LAPSED


def test_a_node_cannot_speak_for_another(world):
    _, (ref, *_) = offered(world)
    world.add_lab("lab-b")
    with pytest.raises(RefusedError, match="lab-b cannot speak for it"):
        world.says(Answer(attempt=ref, taken=True), "lab-b")
    assert world.state(ref) is AttemptState.OFFERED


def test_a_granted_attempt_is_not_written_off_while_its_grant_lives(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    ttl_s = attempts.grant_ttl_s(6400, LOOK_AHEAD_S)
    world.pass_time(seconds=ttl_s)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    world.pass_time(seconds=ttl_s * 0.1 + 6)
    harvests.write_off(world.ledger, ref, "silent", "steward", world.now)
    assert world.state(ref) is AttemptState.WRITTEN_OFF


def test_a_node_that_forgot_everything_is_asked_to_look(world):
    order_id, (granted, taken, *_) = offered(world)
    world.take(granted)
    world.take(taken)
    world.ready(granted)
    with world.ledger.transaction() as db:
        nodes.forgot_everything(db, NODE, world.now)
    assert world.state(granted) is AttemptState.INTERRUPTED
    assert world.state(taken) is AttemptState.WITHDRAWN
    assert not labs.fleet(world.ledger.reading)[0].printers[0].clear
    assert world.books(order_id).coming == 2
    assert streams.unacknowledged(world.ledger.reading, NODE, 16) == ()


def test_a_sync_names_what_the_ledger_does_not_know(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    stranger = AttemptRef(job="elsewhere", number=1)
    world.told()
    held = tuple(HeldAttempt(attempt=r, state=AttemptState.TAKEN) for r in (ref, stranger))
    world.says(Sync(attempts=held, in_stream="", in_cursor=0))
    assert world.told() == [Synced(unknown=(stranger,))]


def test_the_will_of_an_older_connection_is_no_news(world):
    world.add_lab()
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "older", world.now, online=False)
    assert labs.fleet(world.ledger.reading)[0].online
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", world.now, online=False)
    assert not labs.fleet(world.ledger.reading)[0].online


def test_an_offer_says_the_day_on_which_its_order_is_due(world):
    world.add_lab()
    world.order(2)
    world.plan()
    world.tick()
    (offer,) = (m for m in world.told() if isinstance(m, Offer))
    assert [each.due for each in offer.attempts] == ["2026-12-01"]


def test_offers_go_only_to_nodes_that_are_there(world):
    world.add_lab()
    world.order(2)
    world.plan()
    with world.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", world.now, online=False)
    world.tick()
    assert world.attempts() == []


def test_reports_from_a_taken_back_attempt_do_not_bring_it_back(world):
    _, (ref, *_) = offered(world)
    world.pass_time(hours=3)
    world.tick()
    world.says(Report(attempt=ref, state=ReportState.RETURNED))
    assert world.state(ref) is AttemptState.LAPSED


def test_a_grant_is_good_for_the_look_ahead_and_the_plate(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.told()
    world.ready(ref)
    (grant,) = world.told()
    assert grant.ttl_s == LOOK_AHEAD_S + 6400


@pytest.mark.parametrize(
    ("seconds", "look_ahead_s", "ttl_s"),
    [(6400, 28800, 35200), (40_000, 28800, 57600), (6400, 60, 120), (10, 20, 60)],
)
def test_grants_are_bounded(seconds, look_ahead_s, ttl_s):
    assert attempts.grant_ttl_s(seconds, look_ahead_s) == ttl_s


def test_another_slice_while_it_prints_is_for_who_feeds_by_hand_only(world):
    world.add_lab()
    ref = world.printing()
    told = Ready(attempt=ref, nonce="n2", gcode_key="k2", seconds=10, grams=33, slicer="own slice")
    with pytest.raises(JobError), world.ledger.transaction() as db:
        attempts.apply(db, NODE, told, world.now)
    assert world.attempts()[0].gcode_key == "k"


def test_a_shorter_grant_does_not_make_the_coordinator_wait_less_for_a_longer_one(world):
    _, (ref, *_) = offered(world)
    world.take(ref)
    world.ready(ref)
    told = Ready(attempt=ref, nonce="n2", gcode_key="k", seconds=10, grams=33, slicer="test")
    with world.ledger.transaction() as db:
        attempts.apply(db, NODE, told, world.now, 60.0)
    grant = world.told()[-1]
    assert grant == Grant(attempt=ref, nonce="n2", ttl_s=70.0)
    world.pass_time(seconds=LOOK_AHEAD_S)
    with pytest.raises(RefusedError, match="Ask the maker"):
        harvests.write_off(world.ledger, ref, "silent", "steward", world.now)


def test_a_granted_plate_that_its_maker_gives_back_goes_to_others(world):
    order_id, (ref, *_) = offered(world)
    world.add_lab("lab-b")
    world.take(ref)
    world.ready(ref)
    world.report(ref, ReportState.DECLINED, "no-time")
    assert world.state(ref) is AttemptState.DECLINED
    world.tick()
    assert world.books(order_id).deficit == 2
    world.plan()
    world.tick()
    assert {a.node for a in world.attempts() if a.state is AttemptState.OFFERED} >= {"lab-b"}
