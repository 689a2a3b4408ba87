"""A maker with free hands asks for a plate now, and printers that lie idle are given one."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from jobs import hours
from jobs.assign import DECLINE_REST
from jobs.claims import FreeBed, WaitingJob, last_ones, to_free, to_spread, would_be_late
from jobs.coordinator import planning, restoring
from jobs.coordinator.moves import dissolve, move
from jobs.errors import NotFoundError
from jobs.fleet import FleetPrinter
from jobs.joining import Standing
from jobs.ledger import cells, labs, paces, plan_rows, views
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.recalls import CALLED_BACK
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import HOLDS, WAITS, add_deficit, event, live_attempt, tell
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE, UNGRANTED, AttemptEvent, AttemptState
from jobs.messages import Withdraw
from jobs.model import AttemptRef, JobState, OrderState, Priority, Reason, ReasonCode
from printers.model import PrinterState

#: After a plate was freed for a printer, no other one is for so long: the plan has to answer first.
CLAIM_REST = timedelta(minutes=10)
#: A printer for which a plate was freed, and which got none of it, is passed over for so long.
SPREAD_REST = timedelta(hours=1)
#: Up to so many idle printers are looked after in one go.
AT_ONCE = 50


def claim(ledger: Ledger, node: str, printer: str, by: str, now: datetime) -> bool:
    """Free a plate that waits for another printer; return whether one was.

    The next plan gives it to whoever makes it soonest, which is the one that has nothing. Nothing
    that anybody was offered is touched, and nothing is freed for a printer that could not take it.

    Raises:
        NotFoundError: there is no such printer in the network.
    """
    with ledger.transaction() as db:
        lab = labs.node(db, node)
        found = next((each for each in lab.printers if each.facts.id == printer), None)
        if found is None:
            raise NotFoundError("printer", f"{node}/{printer}")
        works_in, spool = found.facts.works_in, found.facts.spool
        if works_in is None or _busy(db, lab, found, now) or restoring.unheard(db):
            return False
        given = labs.given_s(db, now).get(node, 0.0)
        bed = FreeBed(
            node=node,
            printer=printer,
            material=works_in,
            grams=0.0 if spool is None else spool.grams,
            attended=hours.parse(lab.attended),
            unattended=found.facts.unattended,
            week_left_s=labs.week_left_s(lab.weekly_h, given),
            not_for_it=_not_for(db, node, printer, now),
            pace=paces.known(db, now, node).get((node, printer), 1.0),
        )
        waiting = db.execute(_WAITING, {"now": now.isoformat()}).fetchall()
        job = to_free(_readable(waiting), bed)
        if job is None:
            return False
        _dissolve_for(db, bed, job, by, now)
        return True


def spread(ledger: Ledger, now: datetime, hub: tuple[float, float] | None = None) -> int:
    """Free plates for printers that lie idle now; return how many. The next plan gives them out.

    Of labs that take offers by themselves, inside their hours. First what nobody was offered, then
    what a lab that is there was offered and would not begin soon; never what was granted. An offer
    that is withdrawn needs no answer: nothing starts without a grant, and there will be none.
    """
    db = ledger.reading
    rest = (now - SPREAD_REST).isoformat()
    idle = db.execute(_IDLE, {"rest": rest, "now": now.isoformat()}).fetchall()
    if not idle or restoring.unheard(db):
        return 0
    fleet = {(each.node, each.printer): each for each in planning.printers_of(db, hub, now)}
    printers = [fleet[row["node"], row["id"]] for row in idle]
    open_now = [each for each in printers if not each.odd and _is_open(each, now)]
    beds = [_bed(db, each, now) for each in open_now[:AT_ONCE]]
    if not beds:
        return 0
    waiting = _waiting(db, fleet, now)
    chosen = to_spread(waiting, beds, now)
    if not chosen:
        return 0
    with ledger.transaction() as writing:
        return sum(_free_for(writing, bed, job, now) for bed, job in chosen)


def resplit(ledger: Ledger, now: datetime, order_id: str = "") -> int:
    """Let the next plan give out anew what nobody was offered, where some would come late; return how many.

    Who was offered something keeps it. A plan puts what is new behind what printers have; who is
    slower than was thought, or has lost others' plates to make, is only relieved so. So is an order,
    `order_id`, that has no place yet and is worth more than one that has.
    """
    db = ledger.reading
    if restoring.unheard(db):
        return 0
    fleet = {(each.node, each.printer): each for each in planning.printers_of(db, None, now)}
    if not would_be_late(_waiting(db, fleet, now)) and not _worth_more(db, order_id):
        return 0
    return plan_anew(ledger, now)


def plan_anew(ledger: Ledger, now: datetime, order_id: str = "") -> int:
    """Let the next plan give out anew what nobody was offered, of one order or all; return how many plates.

    Of one order whoever asks has written down why.
    """
    of = {"order_id": order_id, "dissolved": JobState.DISSOLVED}
    with ledger.transaction() as writing:
        if restoring.unheard(writing):
            return 0
        found = writing.execute(
            f"select j.order_id, j.part_id, count(*), sum(j.pieces) from job j {_UNOFFERED}"
            " and :order_id in ('', o.id) group by j.order_id, j.part_id",
            of,
        ).fetchall()
        plan_rows.gone(
            writing, f"select j.id from job j {_UNOFFERED} and :order_id in ('', o.id)", of
        )
        writing.execute(
            f"update job set state = :dissolved where id in (select j.id from job j {_UNOFFERED}"
            " and :order_id in ('', o.id))",
            of,
        )
        why = Reason(code=ReasonCode.NOT_PLANNED if order_id else ReasonCode.RESPLIT)
        for each, part_id, _, pieces in found:
            add_deficit(writing, each, part_id, pieces, why)
            if not order_id:
                event(writing, each, "split-again", "fabnet", part_id, now, pieces=pieces)
    return sum(row[2] for row in found)


def _worth_more(db: sqlite3.Connection, order_id: str) -> bool:
    """Return whether an order that has no place yet is worth more than one that nobody was offered."""
    mine = db.execute(
        "select distinct o.priority from orders o join line l on l.order_id = o.id"
        " where o.id = ? and o.state = ? and l.deficit > 0",
        (order_id, OrderState.CONFIRMED),
    ).fetchall()
    theirs = db.execute(f"select distinct o.priority from job j {_UNOFFERED}").fetchall()
    # Of an order whose priority cannot be read nothing is known.
    known = {each.value: each.weight for each in Priority}
    least = min((known[each[0]] for each in theirs if each[0] in known), default=math.inf)
    return any(known.get(each[0], 0.0) > least for each in mine)


def _waiting(
    db: sqlite3.Connection, fleet: Mapping[tuple[str, str], FleetPrinter], now: datetime
) -> list[WaitingJob]:
    """Return the last of all alike jobs that printers have, with its clock; none that has to stay."""
    queues: dict[tuple[str, str], list[WaitingJob]] = {}
    rows = db.execute(_QUEUES, {"now": now.isoformat()}).fetchall()
    stays = {row["id"] for row in rows if row["stays"]}
    for job in _readable(rows):
        queues.setdefault((job.node, job.printer), []).append(job)
    return [
        replace(job, km=fleet[key].km or 0.0)
        for key, queue in queues.items()
        if key in fleet and not fleet[key].odd
        for job in last_ones(queue, fleet[key], now)
        if job.job not in stays
    ]


def _free_for(db: sqlite3.Connection, bed: FreeBed, job: WaitingJob, now: datetime) -> bool:
    """Free a job for a bed if it still waits as it did when that was decided; return whether."""
    row = db.execute(
        "select j.state, a.number, a.state as attempt from job j left join attempt a on a.job_id = j.id"
        f" and a.state {HOLDS} where j.id = ?",
        (job.job,),
    ).fetchone()
    state = None if row["attempt"] is None else cells.word(AttemptState, row["attempt"])
    if row["state"] != JobState.OPEN or (state is None) != (job.attempt is None):
        return False
    if state is not None and state not in UNGRANTED:
        return False
    if state is not None:
        ref = AttemptRef(job=job.job, number=row["number"])
        why = f"taken back: {ReasonCode.CLAIMED}"
        move(db, views.attempt(db, ref), AttemptEvent.WITHDRAW, now, why)
        tell(db, job.node, Withdraw(attempt=ref, reason=str(ReasonCode.CLAIMED)), now)
    _dissolve_for(db, bed, job, "fabnet", now)
    return True


def _dissolve_for(
    db: sqlite3.Connection, bed: FreeBed, job: WaitingJob, by: str, now: datetime
) -> None:
    why = Reason(code=ReasonCode.CLAIMED, node=bed.node, printer=bed.printer)
    dissolve(db, job.job, job.order_id, job.part_id, job.pieces, why)
    event(
        db, job.order_id, "plate-claimed", by, f"{bed.node}/{bed.printer}", now,
        node=bed.node, printer=bed.printer, pieces=job.pieces,
    )  # fmt: skip


def _is_open(printer: FleetPrinter, now: datetime) -> bool:
    local = now + timedelta(minutes=printer.utc_offset_min)
    return hours.is_open(printer.week, local)


def _bed(db: sqlite3.Connection, printer: FleetPrinter, now: datetime) -> FreeBed:
    return FreeBed(
        node=printer.node, printer=printer.printer, material=printer.material or "",
        grams=printer.grams, attended=printer.attended, unattended=printer.unattended,
        week_left_s=printer.week_left_s, not_for_it=_not_for(db, printer.node, printer.printer, now),
        utc_offset_min=printer.utc_offset_min, km=printer.km or 0.0, pace=printer.pace,
    )  # fmt: skip


_LIVE = cells.quoted(LIVE)

#: The printers that could begin now and have nothing, of labs that take offers by themselves. One
#: that was looked after rests, unless it was offered something since. In another order at each look.
_IDLE = f"""
select p.node, p.id from printer p join node n on n.id = p.node
where n.online and not n.paused and not n.asks and n.standing = '{Standing.CONFIRMED}'
 and p.clear and p.state = '{PrinterState.IDLE}'
 and coalesce(json_extract({cells.FACTS}, '$.spool'), '') != ''
 and not coalesce(json_extract({cells.FACTS}, '$.out_of_service'), 0) and not {CALLED_BACK}
 and not exists (select 1 from job j join orders o on o.id = j.order_id
  where j.node = p.node and j.printer = p.id and j.state = '{JobState.OPEN}' and not {WAITS})
 and not exists (select 1 from attempt a where a.node = p.node and a.printer = p.id
  and a.state in ({_LIVE}))
 and not exists (select 1 from event e where e.kind = 'plate-claimed'
  and e.subject = p.node || '/' || p.id and e.at > :rest and e.at <= :now
  and not exists (select 1 from attempt a where a.node = p.node and a.printer = p.id
   and a.created_at >= e.at))
order by random()
"""

#: What every printer has, in the order in which it makes it. What stays: of an order that is
#: stopped, of a lab that is out of reach, or what a person was asked for.
_QUEUES = f"""
select j.*, o.due, a.state as attempt,
 case when a.state is null and {WAITS} then o.release end as release,
 o.state != '{OrderState.CONFIRMED}' or not ({NOT_STOPPED})
 or (a.state is not null and (n.asks or not n.online)) as stays
from job j join orders o on o.id = j.order_id join node n on n.id = j.node
left join attempt a on a.job_id = j.id and a.state {HOLDS}
where j.state = '{JobState.OPEN}'
order by a.state is null, j.set_back and a.state is null, o.due, j.created_at, j.id
"""

_UNOFFERED = f"""
join orders o on o.id = j.order_id
where j.state = '{JobState.OPEN}' and o.state = '{OrderState.CONFIRMED}' and {NOT_STOPPED}
 and not exists ({live_attempt("j.id")})
"""

#: Jobs that were not offered, behind others on a printer that has work.
_WAITING = f"""
select j.*, o.due, null as attempt, case when {WAITS} then o.release end as release
from job j join orders o on o.id = j.order_id join node n on n.id = j.node
where j.state = '{JobState.OPEN}' and o.state = '{OrderState.CONFIRMED}'
 and not exists ({live_attempt("j.id")})
 and exists (select 1 from attempt b where b.node = j.node and b.printer = j.printer
  and b.state in ({_LIVE}))
"""


def _readable(rows: Iterable[sqlite3.Row]) -> Iterator[WaitingJob]:
    """Yield the jobs of rows; one that cannot be read is left out: the plan names its order."""
    for row in rows:
        try:
            job = job_of(row)
        except cells.UNREADABLE:
            continue
        yield job


def job_of(row: sqlite3.Row) -> WaitingJob:
    """Return a job as it waits, of a row of its facts with its order's day and its live attempt's state.

    Raises:
        ValueError: something of it cannot be read, as all of `cells.UNREADABLE`.
    """
    if math.isnan(cells.figure(row["seconds"]) + cells.figure(row["grams"])):
        raise ValueError(f"job {row['id']} takes {row['seconds']} s and {row['grams']} g")
    return WaitingJob(
        job=row["id"],
        order_id=row["order_id"],
        part_id=row["part_id"],
        node=row["node"],
        printer=row["printer"],
        material=row["material"],
        seconds=row["seconds"],
        grams=row["grams"],
        due=cells.read_day(row["due"]),
        created_at=cells.read_moment(row["created_at"]),
        pieces=row["pieces"],
        set_back=bool(row["set_back"]),
        release=None if row["release"] is None else cells.read_day(row["release"]),
        attempt=None if row["attempt"] is None else AttemptState(row["attempt"]),
    )


def _busy(db: sqlite3.Connection, lab: NodeView, printer: PrinterView, now: datetime) -> bool:
    """Whether work is there or on its way already, or none may come."""
    if not lab.online or lab.paused or printer.attempt is not None:
        return True
    mine = db.execute(
        "select 1 from job j join orders o on o.id = j.order_id join node n on n.id = j.node"
        f" where j.node = :node and j.printer = :printer and j.state = '{JobState.OPEN}' and not {WAITS}",
        {"node": lab.id, "printer": printer.facts.id, "now": now.isoformat()},
    ).fetchone()
    asked = db.execute(
        "select 1 from event where kind = 'plate-claimed' and subject = ? and at > ? and at <= ?",
        (f"{lab.id}/{printer.facts.id}", (now - CLAIM_REST).isoformat(), now.isoformat()),
    ).fetchone()
    return mine is not None or asked is not None


def _not_for(
    db: sqlite3.Connection, node: str, printer: str, now: datetime
) -> frozenset[tuple[str, str]]:
    declined = db.execute(
        "select j.order_id, j.part_id from attempt a join job j on j.id = a.job_id"
        " where a.node = ? and a.state in (?, ?) and a.ended_at > ?",
        (node, AttemptState.DECLINED, AttemptState.LAPSED, (now - DECLINE_REST).isoformat()),
    )
    found = {(row[0], row[1]) for row in declined}
    rows = db.execute(
        "select order_id, part_id, reasons from plan_row where node = ? and printer = ?",
        (node, printer),
    )
    return frozenset(
        found
        | {
            (row["order_id"], row["part_id"])
            for row in rows
            if any(each.code is ReasonCode.BED for each in cells.reasons_of(row["reasons"]))
        }
    )
