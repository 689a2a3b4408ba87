"""Bags that their order does not need go to the next one that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from jobs.coordinator import restoring
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import absorb, apart, event, live_attempt
from jobs.model import JobState, LotState, OrderState

# Whole bags only, that lie where they can be taken and that nothing holds. Of a plate that was made twice,
# in the time that a ledger put back has forgotten and since, both bags stay: it belongs to one order. So
# does the first, while the second is made.
_SPARE = f"""
select l.code, l.job_id, l.part_id, l.order_id, o.revision_id, o.sandbox,
 case l.state when '{LotState.WAITING}' then l.good - l.mislaid else l.accepted end as pieces
from line n join orders o on o.id = n.order_id
join lot l on l.order_id = n.order_id and l.part_id = n.part_id
where n.surplus > 0 and l.recall = '' and {NOT_STOPPED}
 and not exists (select 1 from batch_lot bl where bl.lot_code = l.code)
 and not exists (select 1 from harvest h where h.job_id = l.job_id and h.number != l.number)
 and not exists (select 1 from job j where j.id = l.job_id and j.state = '{JobState.OPEN}')
order by pieces desc, l.code
"""
# What an order has to spare makes up for its plates that nobody has begun: they end with the next offers.
_NEXT = f"""
select o.id, n.deficit - n.surplus + (select coalesce(sum(j.pieces), 0) from job j where j.order_id = n.order_id
  and j.part_id = n.part_id and j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")}))
  as missing
from line n join orders o on o.id = n.order_id
where o.state = '{OrderState.CONFIRMED}' and o.revision_id = :revision_id and n.part_id = :part_id
 and o.id != :order_id and o.sandbox = :sandbox
order by o.due, o.created_at, o.id
"""


def pass_on(db: sqlite3.Connection, now: datetime) -> int:
    """Give spare bags to the orders that are due first; return how many.

    Inside the caller's transaction. The bag goes with its plate and what was counted of it, so that
    both laws hold for both orders, and its trace stays whole.
    """
    spare = db.execute(_SPARE).fetchall()
    if not spare or restoring.unheard(db):
        return 0
    moved = 0
    for bag in spare:
        surplus = db.execute(
            "select surplus from line where order_id = ? and part_id = ?",
            (bag["order_id"], bag["part_id"]),
        ).fetchone()[0]
        if not 0 < bag["pieces"] <= surplus:
            continue
        facts = {name: bag[name] for name in ("revision_id", "part_id", "order_id", "sandbox")}
        missing = {row["id"]: row["missing"] for row in db.execute(_NEXT, facts).fetchall()}
        if (order_id := taker(missing, bag["pieces"])) is not None:
            with apart(db, f"lot {bag['code']}"):
                _move(db, bag, order_id, now)
                moved += 1
    return moved


def taker(missing: Mapping[str, int], pieces: int) -> str | None:
    """Return the order that gets a bag; `missing` are pieces by order, the one that is due first first.

    The first that needs all of it; else the one that needs most, where that is more than half: the
    rest stays in the bag and is spare there. None where it stays.
    """
    for order_id, needed in missing.items():
        if needed >= pieces:
            return order_id
    most = max(missing, key=missing.__getitem__, default=None)
    return most if most is not None and 2 * missing[most] > pieces else None


def _move(db: sqlite3.Connection, bag: sqlite3.Row, to: str, now: datetime) -> None:
    pieces = int(bag["pieces"])
    db.execute("update lot set order_id = ? where code = ?", (to, bag["code"]))
    db.execute("update job set order_id = ? where id = ?", (to, bag["job_id"]))
    db.execute(
        "update line set surplus = surplus - ? where order_id = ? and part_id = ?",
        (pieces, bag["order_id"], bag["part_id"]),
    )
    absorb(db, to, bag["part_id"], pieces)
    for order_id, kind in ((bag["order_id"], "passed-on"), (to, "taken-over")):
        event(db, order_id, kind, "fabnet", bag["code"], now, pieces=pieces)
