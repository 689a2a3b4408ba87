"""The transition table decides every pair, and keeps the promises that its sets make."""

import itertools

import pytest

from jobs.errors import IllegalTransitionError
from jobs.lifecycle import (
    COMING,
    ENDED_UNSTARTED,
    LIVE,
    MAY_HAVE_STARTED,
    OVER,
    STOPPABLE,
    TO_HARVEST,
    TRANSITIONS,
    UNGRANTED,
    AttemptEvent,
    AttemptState,
    advance,
)

S, E = AttemptState, AttemptEvent
PAIRS = list(itertools.product(S, E))

# The whole table once more, in another form: per state, event -> state. Whatever is not here is
# refused. A change of the lifecycle has to be made in both places on purpose.
EXPECTED = {
    S.OFFERED: {E.TAKE: S.TAKEN, E.DECLINE: S.DECLINED, E.LAPSE: S.LAPSED, E.WITHDRAW: S.WITHDRAWN},
    S.TAKEN: {
        E.PREPARE: S.PREPARING, E.READY: S.READY,
        E.DECLINE: S.DECLINED, E.LAPSE: S.LAPSED, E.WITHDRAW: S.WITHDRAWN,
    },
    S.PREPARING: {
        E.READY: S.READY, E.DECLINE: S.DECLINED, E.LAPSE: S.LAPSED, E.WITHDRAW: S.WITHDRAWN,
    },
    S.READY: {
        E.READY: S.READY, E.GRANT: S.GRANTED,
        E.DECLINE: S.DECLINED, E.LAPSE: S.LAPSED, E.WITHDRAW: S.WITHDRAWN,
    },
    S.GRANTED: {
        E.READY: S.GRANTED, E.GRANT: S.GRANTED, E.START: S.PRINTING, E.RETURN: S.RETURNED,
        E.DECLINE: S.DECLINED,
        E.FINISH: S.PRINTED, E.FAIL: S.FAILED, E.INTERRUPT: S.INTERRUPTED, E.CANCEL: S.CANCELLED,
        E.WRITE_OFF: S.WRITTEN_OFF,
    },
    S.PRINTING: {
        E.FINISH: S.PRINTED, E.FAIL: S.FAILED, E.INTERRUPT: S.INTERRUPTED, E.CANCEL: S.CANCELLED,
        E.WRITE_OFF: S.WRITTEN_OFF,
    },
    S.PRINTED: {E.HARVEST: S.HARVESTED, E.WRITE_OFF: S.WRITTEN_OFF},
    S.FAILED: {E.HARVEST: S.HARVESTED, E.WRITE_OFF: S.WRITTEN_OFF},
    S.INTERRUPTED: {E.HARVEST: S.HARVESTED, E.WRITE_OFF: S.WRITTEN_OFF},
    S.CANCELLED: {E.HARVEST: S.HARVESTED, E.WRITE_OFF: S.WRITTEN_OFF},
    S.WRITTEN_OFF: {
        E.HARVEST: S.HARVESTED, E.READY: S.WRITTEN_OFF, E.START: S.WRITTEN_OFF,
        E.FINISH: S.WRITTEN_OFF, E.FAIL: S.WRITTEN_OFF, E.INTERRUPT: S.WRITTEN_OFF,
        E.CANCEL: S.WRITTEN_OFF, E.RETURN: S.WRITTEN_OFF, E.DECLINE: S.WRITTEN_OFF,
    },
    S.HARVESTED: {},
    S.UNKNOWN: {},
    **{
        state: dict.fromkeys((E.TAKE, E.DECLINE, E.PREPARE, E.READY, E.RETURN), state)
        for state in (S.DECLINED, S.LAPSED, S.WITHDRAWN, S.RETURNED)
    },
}  # fmt: skip


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda v: v.value)
def test_every_pair_is_decided(state, event):
    if event in EXPECTED[state]:
        assert advance(state, event) is EXPECTED[state][event]
    else:
        with pytest.raises(IllegalTransitionError) as caught:
            advance(state, event)
        assert caught.value.state == state
        assert caught.value.event == event


def test_every_state_can_be_reached():
    reached, todo = {S.OFFERED}, [S.OFFERED]
    while todo:
        here = todo.pop()
        for (state, _), after in TRANSITIONS.items():
            if state is here and after not in reached:
                reached.add(after)
                todo.append(after)
    # What nobody can read is no state that anything leads to.
    assert reached == set(S) - {S.UNKNOWN}


def test_no_timer_and_no_take_back_touches_what_was_granted():
    for state in MAY_HAVE_STARTED:
        for event in (E.LAPSE, E.WITHDRAW):
            with pytest.raises(IllegalTransitionError):
                advance(state, event)


def test_what_may_have_started_ends_only_in_a_harvest_a_write_off_or_by_its_nodes_no():
    ends = {S.HARVESTED, S.WRITTEN_OFF}
    unstarted = {(S.GRANTED, E.RETURN, S.RETURNED), (S.GRANTED, E.DECLINE, S.DECLINED)}
    for (state, event), after in TRANSITIONS.items():
        if state in MAY_HAVE_STARTED and after not in MAY_HAVE_STARTED | ends:
            assert (state, event, after) in unstarted


def test_nothing_leads_out_of_the_ungranted_ends():
    for (state, _), after in TRANSITIONS.items():
        if state in ENDED_UNSTARTED:
            assert after is state


def test_the_sets_cover_the_states():
    over = {S.HARVESTED, S.WRITTEN_OFF}
    assert LIVE | ENDED_UNSTARTED | over == set(S)
    assert not LIVE & (ENDED_UNSTARTED | over)
    assert not UNGRANTED & MAY_HAVE_STARTED
    assert LIVE - {S.OFFERED, S.UNKNOWN} == COMING
    assert set(S) == LIVE | OVER
    assert not LIVE & OVER
    assert {s for (s, e) in TRANSITIONS if e is E.HARVEST} == TO_HARVEST | {S.WRITTEN_OFF}


def test_what_can_be_stopped_is_what_a_node_can_say_is_cancelled():
    assert {
        state for state, events in EXPECTED.items() if S.CANCELLED in events.values()
    } == STOPPABLE
