"""Counts the figures of the book-keeping laws from the ledger's rows."""

from __future__ import annotations

import sqlite3

from jobs.law import Books, check
from jobs.ledger import depot
from jobs.ledger.cells import quoted
from jobs.lifecycle import COMING
from jobs.model import BatchState, JobState, LotState

_COMING = f"select 1 from attempt a where a.job_id = j.id and a.state in ({quoted(COMING)})"
_QUERY = f"""
select n.order_id, n.part_id, n.pieces as ordered, n.surplus, n.deficit,
 (select coalesce(sum(j.pieces), 0) from job j where j.order_id = n.order_id and j.part_id = n.part_id
   and exists ({_COMING})) as coming,
 (select coalesce(sum(j.pieces), 0) from job j where j.order_id = n.order_id and j.part_id = n.part_id
   and j.state = '{JobState.OPEN}' and not exists ({_COMING})) as jobs,
 (select coalesce(sum(h.good), 0) from harvest h join job j on j.id = h.job_id
   where j.order_id = n.order_id and j.part_id = n.part_id) as harvested,
 l.waiting, l.accepted, l.scrap, l.recalled, l.recalled_here, l.at_lab, l.incoming, l.mislaid,
 l.hub_pieces, b.*
from line n
left join (select order_id, part_id,
   sum(case when state = '{LotState.WAITING}' then good - mislaid - recalled else 0 end) as waiting,
   sum(case when state = '{LotState.WAITING}' then 0 else recalled end) as recalled,
   sum(case when place like 'hub:%' and not exists
     (select 1 from batch_lot bl where bl.lot_code = lot.code) then recalled else 0 end) as recalled_here,
   sum(accepted) as accepted, sum(rejected) as scrap,
   sum(case when place like 'lab:%' then good - rejected - mislaid else 0 end) as at_lab,
   sum(case when place like 'way:%' then good - rejected - mislaid else 0 end) as incoming,
   sum(case when place like 'hub:%' then good - rejected - mislaid else 0 end) as hub_pieces,
   sum(mislaid) as mislaid
   from lot group by order_id, part_id) l on l.order_id = n.order_id and l.part_id = n.part_id
left join (select lo.order_id as b_order, lo.part_id as b_part,
   sum(bl.pieces) as packed,
   sum(case when ba.state = '{BatchState.PACKED}' then bl.pieces else 0 end) as packed_here,
   sum(case when ba.state = '{BatchState.DISPATCHED}' then bl.pieces else 0 end) as in_transit,
   sum(min(bl.received, lo.recalled)) as recalled_there,
   sum(bl.received) as delivered, sum(bl.refused) as refused, sum(bl.lost) as lost
   from batch_lot bl join lot lo on lo.code = bl.lot_code join batch ba on ba.id = bl.batch_id
   group by lo.order_id, lo.part_id) b on b.b_order = n.order_id and b.b_part = n.part_id
where (:order_id is null or n.order_id = :order_id)
order by n.order_id, n.part_id
"""


def books(db: sqlite3.Connection, order_id: str | None = None) -> tuple[Books, ...]:
    """Count all figures, one value per order and part, of one order or of all."""
    rows = db.execute(_QUERY, {"order_id": order_id}).fetchall()
    return tuple(_books(row) for row in rows)


def _books(row: sqlite3.Row) -> Books:
    def count(name: str) -> int:
        value = row[name]
        return 0 if value is None else int(value)

    return Books(
        order_id=row["order_id"],
        part_id=row["part_id"],
        ordered=count("ordered"),
        surplus=count("surplus"),
        deficit=count("deficit"),
        coming=count("coming"),
        jobs=count("jobs"),
        harvested=count("harvested"),
        waiting=count("waiting"),
        accepted=count("accepted"),
        scrap=count("scrap"),
        at_lab=count("at_lab"),
        incoming=count("incoming"),
        mislaid=count("mislaid"),
        at_hub=count("hub_pieces") - count("packed") + count("packed_here"),
        in_transit=count("in_transit"),
        delivered=count("delivered"),
        refused=count("refused"),
        lost=count("lost"),
        recalled=count("recalled"),
        recalled_there=count("recalled_there"),
        recalled_here=count("recalled_here"),
    )


def audit(db: sqlite3.Connection) -> None:
    """Check both laws on all orders, and the book of the depot.

    Raises:
        LawBrokenError: one does not hold.
    """
    for each in books(db):
        check(each)
    depot.audit(db)
