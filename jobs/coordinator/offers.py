"""Offers go out, leases run out, and plates of labs that cannot make them go to others.

The functions run inside the caller's transaction. What may have been started is never touched.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from jobs import hours
from jobs.assign import (
    LOOK_AHEAD_S,
    HeldJob,
    OpenJob,
    PrinterLoad,
    next_offers,
    to_take_back,
)
from jobs.coordinator import restoring
from jobs.coordinator.moves import LEASE, dissolve, move
from jobs.fleet import begins_at
from jobs.joining import Standing
from jobs.ledger import cells, labs, views
from jobs.ledger.recalls import CALLED_BACK
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import HOLDS, WAITS, apart, event, live_attempt, newest_attempt, tell
from jobs.lifecycle import LIVE, UNGRANTED, AttemptEvent, AttemptState
from jobs.messages import Offer, OfferedAttempt, Withdraw
from jobs.model import AttemptRef, JobState, Reason, ReasonCode
from printers.model import PrinterState


def forget_the_future(db: sqlite3.Connection, now: datetime) -> None:
    """A clock that was set back must not make anybody wait: what lies in its future was now."""
    db.execute("update node set seen_at = ?1 where seen_at > ?1", (now.isoformat(),))
    db.execute("update printer set state_at = ?1 where state_at > ?1", (now.isoformat(),))
    latest = (now + LEASE).isoformat()
    db.execute("update attempt set lease_until = ?1 where lease_until > ?1", (latest,))


def lapse(db: sqlite3.Connection, now: datetime) -> int:
    """End the leases that ran out; return how many. Never touches what was granted."""
    forget_the_future(db, now)
    if restoring.unheard(db):
        return 0
    states = cells.quoted(UNGRANTED)
    rows = db.execute(
        f"select job_id, number from attempt where lease_until < ? and state in ({states})",
        (now.isoformat(),),
    ).fetchall()
    lapsed = 0
    for job, number in rows:
        ref = AttemptRef(job=job, number=number)
        with apart(db, str(ref)):
            found = views.attempt(db, ref)
            move(db, found, AttemptEvent.LAPSE, now, "no word from the node for two hours")
            tell(db, found.node, Withdraw(attempt=ref, reason="lapsed"), now)
            lapsed += 1
    return lapsed


_OPEN = f"""
select j.*, o.due, o.release, {WAITS} as waits, n.attended, n.utc_offset_min,
 coalesce(json_extract({cells.FACTS}, '$.unattended'), 0) as unattended,
 (select coalesce(max(a.number), 0) from attempt a where a.job_id = j.id) as last_number
from job j join orders o on o.id = j.order_id join node n on n.id = j.node
left join printer p on p.node = j.node and p.id = j.printer
where j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")}) and {NOT_STOPPED}
"""


def offer(db: sqlite3.Connection, now: datetime, look_ahead_s: float = LOOK_AHEAD_S) -> int:
    """Offer open jobs to the printers of their plan that have room; return how many.

    `look_ahead_s` is how much work one printer may have ahead of it.
    None while a ledger that was put back waits for nodes: they may have made any of them.
    What an order does not need any more is not offered either: such jobs end here. Nor is what has to
    wait for its day where its printer stands, nor what would make it wait for longer.
    """
    if restoring.unheard(db):
        return 0
    _end_spare(db, now)
    rows = {row["id"]: row for row in db.execute(_OPEN, {"now": now.isoformat()}).fetchall()}
    left = _left(db, rows.values())
    jobs = []
    for row in rows.values():
        # What cannot be read is not offered; the plan names its order.
        with suppress(*cells.UNREADABLE):
            jobs.append(_open(row, left[row["order_id"], row["part_id"]], now))
    fence = restoring.fence(db)
    by_node: dict[str, list[OfferedAttempt]] = {}
    for job in next_offers(jobs, _loads(db, now), look_ahead_s):
        row = rows[job.job]
        ref = AttemptRef(job=job.job, number=max(row["last_number"], fence) + 1)
        with apart(db, str(ref)):
            offered = _offered(row, ref, job)
            _write_attempt(db, ref, job, now)
            event(db, row["order_id"], "attempt-offered", "fabnet", str(ref), now, node=job.node)
            by_node.setdefault(job.node, []).append(offered)
    for node, attempts in by_node.items():
        tell(db, node, Offer(attempts=tuple(attempts)), now)
    return sum(map(len, by_node.values()))


def _write_attempt(db: sqlite3.Connection, ref: AttemptRef, job: OpenJob, now: datetime) -> None:
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


def _open(row: sqlite3.Row, left: float, now: datetime) -> OpenJob:
    if math.isnan(cells.figure(row["seconds"]) + cells.figure(row["grams"])):
        # Its node could read nothing of an offer in which it stands among others.
        raise ValueError(f"job {row['id']} takes {row['seconds']} s and {row['grams']} g")
    return OpenJob(
        job=row["id"], node=row["node"], printer=row["printer"], seconds=row["seconds"],
        due=cells.read_day(row["due"]), created_at=cells.read_moment(row["created_at"]), left=left,
        set_back=bool(row["set_back"]), waits_s=_waits_s(row, now) if row["waits"] else 0.0,
    )  # fmt: skip


def _waits_s(row: sqlite3.Row, now: datetime) -> float:
    """Return for how long the printer of a job may print before the day on which that may be started."""
    day = begins_at(cells.read_day(row["release"]), row["utc_offset_min"])
    shift = timedelta(minutes=row["utc_offset_min"])
    week = hours.ALWAYS if row["unattended"] else hours.parse(row["attended"])
    # Not nothing where all of it is outside its hours: it waits all the same.
    return max(1.0, hours.open_s(week, now + shift, day + shift))


def _offered(row: sqlite3.Row, ref: AttemptRef, job: OpenJob) -> OfferedAttempt:
    return OfferedAttempt(
        attempt=ref,
        printer=job.printer,
        part=row["part_id"],
        pieces=row["pieces"],
        material=row["material"],
        mesh_sha256=row["mesh_sha256"],
        plate_sha256=row["plate_sha256"],
        seconds=row["seconds"],
        grams=row["grams"],
        order=row["order_id"],
        due=job.due.isoformat(),
    )


_SPARE = f"""
select j.id, j.order_id, j.part_id, j.pieces, a.number from job j
join line l on l.order_id = j.order_id and l.part_id = j.part_id
left join attempt a on a.job_id = j.id and a.state {HOLDS}
where l.surplus > 0 and j.state = '{JobState.OPEN}'
 and (a.state is null or a.state in ({cells.quoted(UNGRANTED)}))
order by a.number is not null, j.created_at desc, j.id
"""


def _end_spare(db: sqlite3.Connection, now: datetime) -> None:
    """End jobs that nobody may have started, of orders that have pieces to spare.

    An order was lowered while a lab held the grant, and then the lab has given it back; or pieces came
    that nobody counted on any more. A lab that has taken a plate is disturbed where all of it is spare.
    """
    for job, order_id, part_id, pieces, number in db.execute(_SPARE).fetchall():
        spare = db.execute(
            "select surplus from line where order_id = ? and part_id = ?", (order_id, part_id)
        ).fetchone()[0]
        if not spare or (number is not None and pieces > spare):
            continue
        with apart(db, f"job {job}"):
            if number is not None:
                found = views.attempt(db, AttemptRef(job=job, number=number))
                move(db, found, AttemptEvent.WITHDRAW, now, "fewer are needed")
                tell(db, found.node, Withdraw(attempt=found.ref, reason="fewer are needed"), now)
            dissolve(db, job, order_id, part_id, pieces, Reason(code=ReasonCode.NOT_PLANNED))


def _left(db: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> dict[tuple[str, str], float]:
    """Return of parts of orders the share, 0..1, that is in nobody's hands yet."""
    left: Counter[tuple[str, str]] = Counter()
    for row in rows:
        left[row["order_id"], row["part_id"]] += row["pieces"]
    found = {}
    for line, pieces in left.items():
        row = db.execute(
            "select pieces, deficit from line where order_id = ? and part_id = ?", line
        ).fetchone()
        # What belongs to no line of an order is not offered.
        if row is not None:
            found[line] = (pieces + row["deficit"]) / max(1, row["pieces"])
    return found


def _loads(db: sqlite3.Connection, now: datetime) -> list[PrinterLoad]:
    live = cells.quoted(LIVE)
    rows = db.execute(
        f"""
        select p.node, p.id, n.weekly_h, (select coalesce(sum(coalesce(a.seconds, j.seconds)), 0)
           from attempt a join job j on j.id = a.job_id
           where a.node = p.node and a.printer = p.id and a.state in ({live})) as live_s
        from printer p join node n on n.id = p.node where n.online and not n.paused and n.standing = ?
          and not coalesce(json_extract({cells.FACTS}, '$.out_of_service'), 0) and not {CALLED_BACK}
        """,
        (Standing.CONFIRMED,),
    )
    given = labs.given_s(db, now)
    return [
        PrinterLoad(
            node=r["node"],
            printer=r["id"],
            live_s=r["live_s"],
            week_left_s=labs.week_left_s(r["weekly_h"], given.get(r["node"], 0.0)),
        )
        for r in rows
    ]


_HELD = f"""
select j.id, j.order_id, j.part_id, j.pieces, j.node, j.printer, j.material, j.seconds, n.online, n.paused,
 n.weekly_h, n.seen_at, p.facts, p.state as printer_state, p.state_at, p.fault, a.state as attempt_state,
 a.number, a.reason, {CALLED_BACK} as called_back
from job j join node n on n.id = j.node
left join printer p on p.node = j.node and p.id = j.printer
left join attempt a on a.job_id = j.id
 and a.number = {newest_attempt("j.id")}
where j.state = '{JobState.OPEN}'
"""


def take_back(db: sqlite3.Connection, silence: timedelta, now: datetime) -> int:
    """Take the plates back that their lab declined or cannot make; return how many.

    Their pieces are a deficit again, so that the next plan gives them to others. `silence` is how
    long a lab or printer may be out of reach before this. Nothing while a ledger that was put back
    waits for nodes: any of them may have been made.
    """
    if restoring.unheard(db):
        return 0
    rows = {row["id"]: row for row in db.execute(_HELD).fetchall()}
    given = labs.given_s(db, now)
    held = []
    for row in rows.values():
        # A lab whose times cannot be read keeps what it has.
        with suppress(*cells.UNREADABLE):
            held.append(_held(row, given.get(row["node"], 0.0)))
    taken = 0
    for job, why in to_take_back(held, silence, now):
        row = rows[job.job]
        with apart(db, f"job {job.job}"):
            if job.attempt in UNGRANTED:
                attempt = views.attempt(db, AttemptRef(job=job.job, number=row["number"]))
                move(db, attempt, AttemptEvent.WITHDRAW, now, f"taken back: {why.code}")
                tell(db, job.node, Withdraw(attempt=attempt.ref, reason=str(why.code)), now)
            dissolve(db, job.job, row["order_id"], row["part_id"], row["pieces"], why)
            event(
                db, row["order_id"], "taken-back", "fabnet", job.job, now,
                node=job.node, printer=job.printer, pieces=row["pieces"], reason=str(why.code),
            )  # fmt: skip
            taken += 1
    return taken


def _held(row: sqlite3.Row, given_s: float) -> HeldJob:
    facts = None if row["facts"] is None else labs.read_facts(row["printer"], row["facts"])[0]
    broken = row["printer_state"] in (PrinterState.OFFLINE, PrinterState.FAULT)
    gone = row["state_at"] if broken else None
    since = gone if row["online"] else row["seen_at"]
    return HeldJob(
        job=row["id"],
        node=row["node"],
        printer=row["printer"],
        material=row["material"],
        attempt=None if row["attempt_state"] is None else AttemptState(row["attempt_state"]),
        words=row["reason"] or "",
        online=bool(row["online"]),
        gone_since=None if since is None else cells.read_moment(since),
        fault=row["fault"] or "",
        paused=bool(row["paused"]),
        loaded=None if facts is None else facts.works_in,
        out_of_service=bool(row["called_back"]) or (facts is not None and facts.out_of_service),
        over_ceiling=row["seconds"] > labs.week_left_s(row["weekly_h"], given_s),
    )
