"""One step of an attempt: its new state, its lease, its history. Used by all who move attempts."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from jobs.ledger.rows import event
from jobs.ledger.views import AttemptView
from jobs.lifecycle import UNGRANTED, AttemptEvent, AttemptState, advance

LEASE = timedelta(hours=2)


def move(
    db: sqlite3.Connection, found: AttemptView, to: AttemptEvent, now: datetime, reason: str = ""
) -> AttemptState:
    """Advance an attempt and renew its lease; write its history."""
    state = advance(found.state, to)
    if state is found.state:
        return state
    lease = (now + LEASE).isoformat() if state in UNGRANTED else None
    db.execute(
        "update attempt set state = ?1, lease_until = ?2,"
        " reason = case when ?3 = '' then reason else ?3 end,"
        " started_at = case when ?4 then ?5 else started_at end,"
        " ended_at = case when ?6 then ?5 else ended_at end"
        " where job_id = ?7 and number = ?8",
        (
            state,
            lease,
            reason,
            state is AttemptState.PRINTING,
            now.isoformat(),
            state not in UNGRANTED | {AttemptState.GRANTED, AttemptState.PRINTING},
            found.ref.job,
            found.ref.number,
        ),
    )
    event(db, found.order_id, f"attempt-{state}", found.node, str(found.ref), now, reason=reason)
    return state
