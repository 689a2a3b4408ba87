"""A maker with free hands asks for a plate now."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from jobs import hours
from jobs.assign import DECLINE_REST
from jobs.claims import FreeBed, WaitingJob, to_free
from jobs.coordinator import restoring
from jobs.coordinator.offers import dissolve
from jobs.errors import NotFoundError
from jobs.ledger import labs, views
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.rows import event, live_attempt
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE, AttemptState
from jobs.model import JobState, OrderState, Reason, ReasonCode

#: After a plate was freed for a printer, no other one is for so long: the plan has to answer first.
CLAIM_REST = timedelta(minutes=10)


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
        )
        rows = {row["id"]: row for row in db.execute(_WAITING).fetchall()}
        job = to_free(map(_job, rows.values()), bed)
        if job is None:
            return False
        why = Reason(code=ReasonCode.CLAIMED, node=node, printer=printer)
        dissolve(db, job.job, job.order_id, job.part_id, rows[job.job]["pieces"], why)
        event(
            db, job.order_id, "plate-claimed", by, f"{node}/{printer}", now,
            node=node, printer=printer, pieces=rows[job.job]["pieces"],
        )  # fmt: skip
        return True


#: Jobs that were not offered, behind others on a printer that has work.
_WAITING = f"""
select j.*, o.due from job j join orders o on o.id = j.order_id
where j.state = '{JobState.OPEN}' and o.state = '{OrderState.CONFIRMED}'
 and not exists ({live_attempt("j.id")})
 and exists (select 1 from attempt b where b.node = j.node and b.printer = j.printer
  and b.state in ({",".join(f"'{state}'" for state in sorted(LIVE))}))
"""


def _job(row: sqlite3.Row) -> WaitingJob:
    return WaitingJob(
        job=row["id"],
        order_id=row["order_id"],
        part_id=row["part_id"],
        node=row["node"],
        printer=row["printer"],
        material=row["material"],
        seconds=row["seconds"],
        grams=row["grams"],
        due=views.day(row["due"]),
        created_at=views.moment(row["created_at"]),
    )


def _busy(db: sqlite3.Connection, lab: NodeView, printer: PrinterView, now: datetime) -> bool:
    """Whether work is there or on its way already, or none may come."""
    if not lab.online or lab.paused or printer.attempt is not None:
        return True
    mine = db.execute(
        "select 1 from job where node = ? and printer = ? and state = ?",
        (lab.id, printer.facts.id, JobState.OPEN),
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
            if any(each.code is ReasonCode.BED for each in views.reasons_of(row["reasons"]))
        }
    )
