"""What the last plan of an order said of each printer, beside what has become of it since."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.cells import figure, moment, reasons_of, when
from jobs.model import JobState, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What one printer has of an order's part, and why it has nothing or no more.

    Pieces and plates are those of all its jobs that were not taken back: of a plate that was counted the
    good ones, none of one that was written off. The rest is what the last plan said.
    """

    part_id: str
    node: str
    printer: str
    pieces: int
    plates: int
    plates_left: int  # of them, those whose parts nobody has counted
    plate_s: float  # one of those prints for so long on average, as its slicer or an estimate says
    late: int  # pieces that plans expect after the day
    grams: float
    km: float | None
    done_at: datetime | None  # when its last plate was expected
    reasons: tuple[Reason, ...]
    at: datetime  # of the last plan: its reasons held then


_PLAN = f"""
select p.*, coalesce(j.made, 0) as made, coalesce(j.jobs, 0) as jobs, coalesce(j.made_g, 0) as made_g,
 coalesce(j.jobs_left, 0) as jobs_left, coalesce(j.left_s, 0) as left_s
from plan_row p left join (select order_id, part_id, node, printer,
   sum(case state when '{JobState.OPEN}' then pieces
    else (select coalesce(sum(h.good), 0) from harvest h where h.job_id = job.id) end) as made,
   count(*) as jobs, sum(grams) as made_g, sum(state = '{JobState.OPEN}') as jobs_left,
   sum(seconds) filter (where state = '{JobState.OPEN}') as left_s
   from job where state != '{JobState.DISSOLVED}' group by order_id, part_id, node, printer
 ) j using (order_id, part_id, node, printer)
where order_id = ? order by part_id, node, printer
"""


def plan_rows(db: sqlite3.Connection, order_id: str) -> tuple[PlanRow, ...]:
    """Return the plan of an order, by part, node and printer."""
    return tuple(
        PlanRow(
            part_id=r["part_id"],
            node=r["node"],
            printer=r["printer"],
            pieces=r["made"],
            plates=r["jobs"],
            plates_left=r["jobs_left"],
            plate_s=figure(r["left_s"] / max(1, r["jobs_left"])),
            late=r["late"],
            grams=figure(r["made_g"]),
            km=r["km"],
            done_at=when(r["done_at"]),
            reasons=reasons_of(r["reasons"]),
            at=moment(r["at"]),
        )
        for r in db.execute(_PLAN, (order_id,))
    )


def gone(db: sqlite3.Connection, jobs: str, given: Mapping[str, object]) -> None:
    """Say of printers that some of the plates that they were to print last are not theirs any more.

    As many pieces fewer are late, and what is left is done about as much sooner: a later plan that gives
    them nothing does not say that anew. `jobs` is SQL that selects their ids, with what is `given`.
    """
    db.execute(
        "update plan_row set late = max(0, late - g.pieces),"
        " done_at = strftime('%Y-%m-%dT%H:%M:%S+00:00', done_at, '-' || g.seconds || ' seconds')"
        " from (select order_id, part_id, node, printer, sum(pieces) as pieces, sum(seconds) as seconds"
        f" from job where id in ({jobs}) group by 1, 2, 3, 4) g where plan_row.order_id = g.order_id"
        " and plan_row.part_id = g.part_id and plan_row.node = g.node and plan_row.printer = g.printer",
        given,
    )
