"""Attempts: what nodes say of them. Leaves offers, leases and taking back to `jobs.coordinator.offers`.

The functions run inside the caller's transaction. A node can speak only for itself: whatever it
says of an attempt that is not its own is refused and kept as a dead letter.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from types import MappingProxyType

from jobs import plausible
from jobs.assign import LOOK_AHEAD_S
from jobs.coordinator import harvests, nodes, restoring, telling
from jobs.coordinator.moves import move
from jobs.errors import RefusedError
from jobs.ledger import figures, labs, paces, streams, views
from jobs.ledger.cells import quoted
from jobs.ledger.rows import event, keep_spool, ran_s, tell
from jobs.ledger.views import AttemptView
from jobs.lifecycle import ENDED_UNSTARTED, OVER, AttemptEvent, AttemptState, advance
from jobs.messages import (
    Answer,
    Capabilities,
    Counted,
    Grant,
    PrinterChange,
    Ready,
    Report,
    ReportState,
    Restated,
    Sync,
    Synced,
    Up,
    Withdraw,
)
from jobs.model import AttemptRef
from printers.model import MANUAL

#: No grant is shorter, or a slow link would use it up.
_LEAST_TTL_S = 60.0
#: Messages that a node has not read: beyond it nothing is said that it can ask for again.
_MOST_UNREAD = 2000

_EVENTS = MappingProxyType(
    {
        ReportState.PREPARING: AttemptEvent.PREPARE,
        ReportState.DECLINED: AttemptEvent.DECLINE,
        ReportState.PRINTING: AttemptEvent.START,
        ReportState.PRINTED: AttemptEvent.FINISH,
        ReportState.CANCELLED: AttemptEvent.CANCEL,
        ReportState.FAILED: AttemptEvent.FAIL,
        ReportState.INTERRUPTED: AttemptEvent.INTERRUPT,
        ReportState.RETURNED: AttemptEvent.RETURN,
    }
)

#: A print ended as nobody wanted: its printer may still be hot.
_WRONG = frozenset({AttemptState.FAILED, AttemptState.INTERRUPTED})


def grant_ttl_s(seconds: float, look_ahead_s: float) -> float:
    """Return how long a grant is good for.

    A lab that is cut off prints on for the whole look-ahead: the last plate of it begins when the
    ones before it are done, and a plate that overruns may push it out by as much as itself.
    """
    return max(_LEAST_TTL_S, look_ahead_s + min(seconds, look_ahead_s))


def apply(
    db: sqlite3.Connection,
    node: str,
    message: Up,
    now: datetime,
    look_ahead_s: float = LOOK_AHEAD_S,
) -> None:
    """Apply one message of a node.

    `look_ahead_s` is how far ahead its printers are granted work.

    Raises:
        JobError: it cannot be applied; nothing was changed, the caller keeps it aside.
    """
    plausible.check(message)
    if isinstance(message, Sync | Ready | Answer) and streams.unread(db, node) > _MOST_UNREAD:
        raise RefusedError(f"{node} asks and does not read the answers.")
    match message:
        case Capabilities():
            nodes.capabilities(db, node, message, now)
        case PrinterChange():
            nodes.printer_change(db, node, message, now)
        case Answer():
            _answer(db, node, message, now)
        case Ready():
            _ready(db, node, message, now, look_ahead_s)
        case Report():
            _report(db, node, message, now)
        case Counted():
            harvests.counted(db, _own(db, node, message.attempt), message, now)
        case Sync():
            _sync(db, node, message, now)
        case Restated():
            restoring.restated(db, node, message, now)


def _own(db: sqlite3.Connection, node: str, ref: AttemptRef) -> AttemptView:
    found = views.attempt(db, ref)
    if found.node != node:
        raise RefusedError(f"{ref} belongs to {found.node}; {node} cannot speak for it.")
    return found


def _answer(db: sqlite3.Connection, node: str, message: Answer, now: datetime) -> None:
    found = _own(db, node, message.attempt)
    to = AttemptEvent.TAKE if message.taken else AttemptEvent.DECLINE
    move(db, found, to, now, message.reason)
    if message.taken and found.state in ENDED_UNSTARTED:
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)


def _ready(
    db: sqlite3.Connection, node: str, message: Ready, now: datetime, look_ahead_s: float
) -> None:
    found = _own(db, node, message.attempt)
    if found.state is AttemptState.PRINTING and _from_card(db, found):
        _keep_slice(db, found.ref, message, now)
        event(db, found.order_id, "own-gcode", node, str(found.ref), now)
        return
    state = move(db, found, AttemptEvent.READY, now)
    if state not in (AttemptState.READY, AttemptState.GRANTED):
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)
        return
    if restoring.unheard(db):
        return  # Another lab may have made it in the time that the ledger has forgotten.
    ttl_s = grant_ttl_s(message.seconds, look_ahead_s)
    # The node may start by an earlier grant until it has this one: the longest of them counts.
    earlier_s = harvests.granted_for_s(db, found.ref)
    db.execute(
        "update attempt set state = ?, lease_until = null, nonce = ?, ttl_s = ?, granted_at = ?,"
        " granted_s = ? where job_id = ? and number = ?",
        (
            advance(state, AttemptEvent.GRANT),
            message.nonce,
            max(ttl_s, earlier_s),
            now.isoformat(),
            ran_s(db),
            found.ref.job,
            found.ref.number,
        ),
    )
    _keep_slice(db, found.ref, message, now)
    event(db, found.order_id, "attempt-granted", "fabnet", str(found.ref), now)
    tell(db, node, Grant(attempt=found.ref, nonce=message.nonce, ttl_s=ttl_s), now)


def _from_card(db: sqlite3.Connection, found: AttemptView) -> bool:
    """Whether a person feeds the printer by hand: she may take another slice as long as it prints."""
    facts = labs.printers(db).get((found.node, found.printer))
    return facts is not None and facts.link == MANUAL


def _keep_slice(db: sqlite3.Connection, ref: AttemptRef, message: Ready, now: datetime) -> None:
    db.execute(
        "update attempt set seconds = ?, grams = ?, gcode_key = ?, slicer = ?"
        " where job_id = ? and number = ?",
        (message.seconds, message.grams, message.gcode_key, message.slicer, ref.job, ref.number),
    )
    figures.keep(
        db, ref, seconds=message.seconds, grams=message.grams, slicer=message.slicer, now=now
    )


def _report(db: sqlite3.Connection, node: str, message: Report, now: datetime) -> None:
    found = _own(db, node, message.attempt)
    state = move(db, found, _EVENTS[message.state], now, message.reason)
    if message.state is not ReportState.RETURNED:
        nodes.holds(db, found.ref)
    if message.spool:
        keep_spool(db, found.ref, message.spool)
    if state is AttemptState.PRINTED and state is not found.state:
        paces.keep(db, found.ref, message.took_s)
    if state in _WRONG and state is not found.state:
        telling.trouble(db, f"{found.ref}-{state}", node, found.printer, message.reason, now)
    late = state in ENDED_UNSTARTED and message.state is ReportState.PREPARING
    if late:
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)


def _sync(db: sqlite3.Connection, node: str, message: Sync, now: datetime) -> None:
    """Answer that the link carries, and name what the node holds and the ledger does not."""
    if streams.is_lost_on(db, node, message.in_stream):
        restoring.speak_anew(db, node, now)
    # One whose state cannot be read is known: its node must not take it for nobody's.
    over = quoted(OVER - {AttemptState.WRITTEN_OFF})
    rows = db.execute(
        f"select job_id, number from attempt where node = ? and state not in ({over})", (node,)
    )
    live = {AttemptRef(job=row[0], number=row[1]) for row in rows}
    unknown = tuple(held.attempt for held in message.attempts if held.attempt not in live)
    for held in message.attempts:
        if held.attempt in live:
            nodes.holds(db, held.attempt)
    tell(db, node, Synced(unknown=unknown), now)
