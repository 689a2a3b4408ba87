"""What may happen to an attempt, as one table.

An attempt is one node's try at one job. `TRANSITIONS` is the only place that says which event
leads from which state to which; callers ask `advance`. Who may cause an event, and what else
changes with it, is decided by the use cases.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from jobs.errors import IllegalTransitionError


class AttemptState(enum.StrEnum):
    """Where an attempt stands, as the coordinator knows it."""

    OFFERED = "offered"
    TAKEN = "taken"
    PREPARING = "preparing"
    READY = "ready"
    GRANTED = "granted"
    PRINTING = "printing"
    PRINTED = "printed"
    HARVESTED = "harvested"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    WRITTEN_OFF = "written-off"
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read: nothing can happen to it


class AttemptEvent(enum.StrEnum):
    """Something that happens to an attempt."""

    TAKE = "take"
    DECLINE = "decline"
    PREPARE = "prepare"
    READY = "ready"
    GRANT = "grant"
    START = "start"
    FINISH = "finish"
    HARVEST = "harvest"
    LAPSE = "lapse"
    WITHDRAW = "withdraw"
    RETURN = "return"
    CANCEL = "cancel"
    FAIL = "fail"
    INTERRUPT = "interrupt"
    WRITE_OFF = "write-off"


_S, _E = AttemptState, AttemptEvent

#: Offered and not yet granted: the lease holds it, and taking it back costs nothing.
UNGRANTED = frozenset({_S.OFFERED, _S.TAKEN, _S.PREPARING, _S.READY})
#: May have touched a printer: ends only by its node's own report and a harvest, or a write-off.
MAY_HAVE_STARTED = frozenset(
    {_S.GRANTED, _S.PRINTING, _S.PRINTED, _S.CANCELLED, _S.FAILED, _S.INTERRUPTED}
)
#: Its pieces count as coming in the first book-keeping law.
COMING = frozenset({_S.TAKEN, _S.PREPARING, _S.READY}) | MAY_HAVE_STARTED
#: It holds its job: no second attempt of the job may be offered. Of which nothing is known may have started.
LIVE = UNGRANTED | MAY_HAVE_STARTED | {_S.UNKNOWN}
#: It holds its job no more.
OVER = frozenset(_S) - LIVE
#: Attempts with a print that a person can ask to stop.
STOPPABLE = frozenset({_S.GRANTED, _S.PRINTING})
#: A person has to say what came off the bed.
TO_HARVEST = frozenset({_S.PRINTED, _S.CANCELLED, _S.FAILED, _S.INTERRUPTED})
#: Nothing can happen any more, but a late word of the node is expected and changes nothing.
ENDED_UNSTARTED = frozenset({_S.DECLINED, _S.LAPSED, _S.WITHDRAWN, _S.RETURNED})


def _table() -> dict[tuple[AttemptState, AttemptEvent], AttemptState]:
    table = {
        (_S.OFFERED, _E.TAKE): _S.TAKEN,
        (_S.TAKEN, _E.PREPARE): _S.PREPARING,
        # A plate that is sliced already needs no preparing.
        (_S.TAKEN, _E.READY): _S.READY,
        (_S.PREPARING, _E.READY): _S.READY,
        # Asked again with a new nonce, because the answer did not arrive in time.
        (_S.READY, _E.READY): _S.READY,
        (_S.READY, _E.GRANT): _S.GRANTED,
        # The grant died unused and is asked for anew. It stays granted: a node's journal that
        # was put back from a copy must not make the attempt look as if it had never started.
        (_S.GRANTED, _E.READY): _S.GRANTED,
        (_S.GRANTED, _E.GRANT): _S.GRANTED,
        (_S.GRANTED, _E.START): _S.PRINTING,
        (_S.GRANTED, _E.RETURN): _S.RETURNED,
        # Its maker gives it back, unstarted: the network plans it as if she had said no.
        (_S.GRANTED, _E.DECLINE): _S.DECLINED,
        (_S.GRANTED, _E.FINISH): _S.PRINTED,
        (_S.PRINTING, _E.FINISH): _S.PRINTED,
    }
    for state in UNGRANTED:
        table[state, _E.DECLINE] = _S.DECLINED
        table[state, _E.LAPSE] = _S.LAPSED
        table[state, _E.WITHDRAW] = _S.WITHDRAWN
    for state in (_S.GRANTED, _S.PRINTING):
        table[state, _E.FAIL] = _S.FAILED
        table[state, _E.INTERRUPT] = _S.INTERRUPTED
        table[state, _E.CANCEL] = _S.CANCELLED
    for state in TO_HARVEST:
        table[state, _E.HARVEST] = _S.HARVESTED
    for state in MAY_HAVE_STARTED:
        table[state, _E.WRITE_OFF] = _S.WRITTEN_OFF
    # Whatever the node says of a written-off attempt, the decision stands until parts come back.
    words = (_E.READY, _E.START, _E.FINISH, _E.FAIL, _E.INTERRUPT, _E.CANCEL, _E.RETURN, _E.DECLINE)
    for event in words:
        table[_S.WRITTEN_OFF, event] = _S.WRITTEN_OFF
    table[_S.WRITTEN_OFF, _E.HARVEST] = _S.HARVESTED
    # The node spoke before it heard that the attempt had ended; it is told `withdraw`.
    for state in ENDED_UNSTARTED:
        for event in (_E.TAKE, _E.DECLINE, _E.PREPARE, _E.READY, _E.RETURN):
            table[state, event] = state
    return table


TRANSITIONS: Mapping[tuple[AttemptState, AttemptEvent], AttemptState] = MappingProxyType(_table())


def advance(state: AttemptState, event: AttemptEvent) -> AttemptState:
    """Return the state after `event`.

    Raises:
        IllegalTransitionError: the table has no such row.

    >>> advance(AttemptState.OFFERED, AttemptEvent.TAKE)
    <AttemptState.TAKEN: 'taken'>
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(state.value, event.value) from None
