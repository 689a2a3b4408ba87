"""One step of an attempt: its new state, its lease, its history; and the end of jobs that nobody began."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from jobs.ledger import plan_rows, views
from jobs.ledger.cells import quoted
from jobs.ledger.rows import add_deficit, close_job, event, live_attempt
from jobs.ledger.views import AttemptView
from jobs.lifecycle import UNGRANTED, AttemptEvent, AttemptState, advance
from jobs.model import AttemptRef, JobState, Reason, ReasonCode

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


def free_work(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """What a node that was shut out was not granted goes to others."""
    states = quoted(UNGRANTED)
    rows = db.execute(
        f"select job_id, number from attempt where node = ? and state in ({states})", (node,)
    ).fetchall()
    for job, number in rows:
        held = views.attempt(db, AttemptRef(job=job, number=number))
        move(db, held, AttemptEvent.WITHDRAW, now, "the lab left the network")
    jobs = db.execute(
        f"select * from job j where node = ? and state = ? and not exists ({live_attempt('j.id')})",
        (node, JobState.OPEN),
    ).fetchall()
    for row in jobs:
        why = Reason(code=ReasonCode.REVOKED, node=node, printer=row["printer"])
        dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)


def dissolve(
    db: sqlite3.Connection, job_id: str, order_id: str, part_id: str, pieces: int, why: Reason
) -> None:
    """A job that nobody may have started is not needed as it is: its pieces are planned again."""
    close_job(db, job_id, JobState.DISSOLVED)
    plan_rows.gone(db, ":job", {"job": job_id})
    add_deficit(db, order_id, part_id, pieces, why)
