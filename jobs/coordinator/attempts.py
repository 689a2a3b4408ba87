"""Attempts: what nodes say of them, leases that run out, offers that go out.

The functions run inside the caller's transaction. A node can speak only for itself: whatever it
says of an attempt that is not its own is refused and kept as a dead letter.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from types import MappingProxyType

from jobs.assign import OpenJob, PrinterLoad, next_offers
from jobs.coordinator import nodes
from jobs.errors import RefusedError
from jobs.ledger import views
from jobs.ledger.rows import event, live_attempt, tell
from jobs.ledger.views import AttemptView
from jobs.lifecycle import ENDED_UNSTARTED, LIVE, UNGRANTED, AttemptEvent, AttemptState, advance
from jobs.messages import (
    Answer,
    Capabilities,
    Grant,
    Offer,
    OfferedAttempt,
    PrinterChange,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Up,
    Withdraw,
)
from jobs.model import AttemptRef, JobState

LEASE = timedelta(hours=2)
#: A node asks for a grant when its printer is free, so it starts at once or not at all.
GRANT_TTL_S = 600.0

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


def apply(db: sqlite3.Connection, node: str, message: Up, now: datetime) -> None:
    """Apply one message of a node.

    Raises:
        JobError: it cannot be applied; nothing was changed, the caller keeps it aside.
    """
    match message:
        case Capabilities():
            nodes.capabilities(db, node, message, now)
        case PrinterChange():
            nodes.printer_change(db, node, message)
        case Answer():
            _answer(db, node, message, now)
        case Ready():
            _ready(db, node, message, now)
        case Report():
            _report(db, node, message, now)
        case Sync():
            _sync(db, node, message, now)


def _own(db: sqlite3.Connection, node: str, ref: AttemptRef) -> AttemptView:
    found = views.attempt(db, ref)
    if found.node != node:
        raise RefusedError(f"{ref} belongs to {found.node}; {node} cannot speak for it.")
    return found


def _move(
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


def _answer(db: sqlite3.Connection, node: str, message: Answer, now: datetime) -> None:
    found = _own(db, node, message.attempt)
    to = AttemptEvent.TAKE if message.taken else AttemptEvent.DECLINE
    _move(db, found, to, now, message.reason)
    if message.taken and found.state in ENDED_UNSTARTED:
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)


def _ready(db: sqlite3.Connection, node: str, message: Ready, now: datetime) -> None:
    found = _own(db, node, message.attempt)
    state = _move(db, found, AttemptEvent.READY, now)
    if state not in (AttemptState.READY, AttemptState.GRANTED):
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)
        return
    db.execute(
        "update attempt set state = ?, lease_until = null, nonce = ?, ttl_s = ?, granted_at = ?,"
        " seconds = ?, grams = ?, gcode_key = ?, slicer = ? where job_id = ? and number = ?",
        (
            advance(state, AttemptEvent.GRANT),
            message.nonce,
            GRANT_TTL_S,
            now.isoformat(),
            message.seconds,
            message.grams,
            message.gcode_key,
            message.slicer,
            found.ref.job,
            found.ref.number,
        ),
    )
    event(db, found.order_id, "attempt-granted", "fabnet", str(found.ref), now)
    tell(db, node, Grant(attempt=found.ref, nonce=message.nonce, ttl_s=GRANT_TTL_S), now)


def _report(db: sqlite3.Connection, node: str, message: Report, now: datetime) -> None:
    found = _own(db, node, message.attempt)
    state = _move(db, found, _EVENTS[message.state], now, message.reason)
    if message.spool:
        db.execute(
            "update attempt set spool = ? where job_id = ? and number = ?",
            (message.spool, found.ref.job, found.ref.number),
        )
    late = state in ENDED_UNSTARTED and message.state is ReportState.PREPARING
    if late:
        tell(db, node, Withdraw(attempt=found.ref, reason=found.reason), now)


def _sync(db: sqlite3.Connection, node: str, message: Sync, now: datetime) -> None:
    """Answer that the link carries, and name what the node holds and the ledger does not."""
    live = {
        (row["job_id"], row["number"])
        for row in db.execute("select job_id, number, state from attempt where node = ?", (node,))
        if row["state"] in LIVE or row["state"] == AttemptState.WRITTEN_OFF
    }
    unknown = tuple(
        held.attempt
        for held in message.attempts
        if (held.attempt.job, held.attempt.number) not in live
    )
    tell(db, node, Synced(unknown=unknown), now)


def lapse(db: sqlite3.Connection, now: datetime) -> int:
    """End the leases that ran out; return how many. Never touches what was granted."""
    rows = db.execute(
        "select job_id, number from attempt where lease_until is not null and lease_until < ?",
        (now.isoformat(),),
    ).fetchall()
    for job, number in rows:
        found = views.attempt(db, AttemptRef(job=job, number=number))
        _move(db, found, AttemptEvent.LAPSE, now, "no word from the node for two hours")
        tell(db, found.node, Withdraw(attempt=found.ref, reason="lapsed"), now)
    return len(rows)


_OPEN = f"""
select j.*, o.due, (select max(a.ended_at) from attempt a where a.job_id = j.id
   and a.node = j.node and a.state = '{AttemptState.DECLINED}') as declined_at,
 (select coalesce(max(a.number), 0) from attempt a where a.job_id = j.id) as last_number
from job j join orders o on o.id = j.order_id
where j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")})
"""


def offer(db: sqlite3.Connection, now: datetime) -> int:
    """Offer open jobs to the printers of their plan that have room; return how many."""
    rows = {row["id"]: row for row in db.execute(_OPEN).fetchall()}
    jobs = [
        OpenJob(
            job=row["id"],
            node=row["node"],
            printer=row["printer"],
            seconds=row["seconds"],
            due=views.day(row["due"]),
            created_at=views.moment(row["created_at"]),
            declined_at=views.when(row["declined_at"]),
        )
        for row in rows.values()
    ]
    by_node: dict[str, list[OfferedAttempt]] = {}
    for job in next_offers(jobs, _loads(db), now):
        row = rows[job.job]
        ref = AttemptRef(job=job.job, number=row["last_number"] + 1)
        db.execute(
            "insert into attempt (job_id, number, node, printer, state, lease_until, created_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (
                ref.job,
                ref.number,
                job.node,
                job.printer,
                AttemptState.OFFERED,
                (now + LEASE).isoformat(),
                now.isoformat(),
            ),
        )
        by_node.setdefault(job.node, []).append(
            OfferedAttempt(
                attempt=ref,
                printer=job.printer,
                part=row["part_id"],
                pieces=row["pieces"],
                material=row["material"],
                mesh_sha256=row["mesh_sha256"],
                plate_sha256=row["plate_sha256"],
                seconds=row["seconds"],
                grams=row["grams"],
            )
        )
        event(db, row["order_id"], "attempt-offered", "fabnet", str(ref), now, node=job.node)
    for node, attempts in by_node.items():
        tell(db, node, Offer(attempts=tuple(attempts)), now)
    return sum(map(len, by_node.values()))


def _loads(db: sqlite3.Connection) -> list[PrinterLoad]:
    live = ",".join(f"'{state}'" for state in sorted(LIVE))
    rows = db.execute(
        f"""
        select p.node, p.id, (select coalesce(sum(coalesce(a.seconds, j.seconds)), 0)
           from attempt a join job j on j.id = a.job_id
           where a.node = p.node and a.printer = p.id and a.state in ({live})) as live_s
        from printer p join node n on n.id = p.node where n.online and not n.paused
        """
    )
    return [PrinterLoad(node=r["node"], printer=r["id"], live_s=r["live_s"]) for r in rows]
