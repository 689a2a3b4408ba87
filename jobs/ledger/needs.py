"""What requesters said of whether they still need their orders, and what of these has not left."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.cells import when
from jobs.ledger.reviews import HELD
from jobs.model import BatchState, OrderState
from jobs.needs import is_open

#: Of a query over orders `o`: she was asked whether she still needs it, and has not answered.
OPEN = "(o.need_asked_at is not null and coalesce(o.need_answered_at, '') < o.need_asked_at)"
#: Orders of which something lies at the hub and could be sent.
READY = f"""
select o.* from orders o where o.state = '{OrderState.CONFIRMED}' and not o.sandbox and exists (
 select 1 from lot l left join batch_lot bl on bl.lot_code = l.code
 left join batch b on b.id = bl.batch_id where l.order_id = o.id and l.accepted > 0
 and l.recall = '' and not {HELD} and (b.id is null or b.state = '{BatchState.PACKED}'))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """When a requester was asked whether she still needs her order, and when she answered."""

    asked_at: datetime | None
    answered_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether she has not answered yet."""
        return is_open(self.asked_at, self.answered_at)


def need(db: sqlite3.Connection, order_id: str) -> Need:
    """Return what was asked and answered last of one order."""
    row = db.execute(
        "select need_asked_at, need_answered_at from orders where id = ?", (order_id,)
    ).fetchone()
    return Need(asked_at=when(row[0]), answered_at=when(row[1]))


def packed(db: sqlite3.Connection, order_id: str) -> dict[str, int]:
    """Return how many pieces of each part of an order lie in parcels that have not left."""
    rows = db.execute(
        "select l.part_id, sum(bl.pieces) from batch b join batch_lot bl on bl.batch_id = b.id"
        " join lot l on l.code = bl.lot_code where b.order_id = ? and b.state = ? group by l.part_id",
        (order_id, BatchState.PACKED),
    )
    return {part: int(pieces) for part, pieces in rows}
