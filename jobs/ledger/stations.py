"""Reads where the bags are that have not left the hub."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from jobs.hub import Gate
from jobs.ledger import hub
from jobs.ledger.cells import when
from jobs.ledger.first_mile import Pickup
from jobs.ledger.packing import Stays, lying
from jobs.ledger.reviews import HELD
from jobs.model import BatchState, LotState
from jobs.stations import Bag

_ROWS = f"""
select l.*, r.at as rework_at, ba.packed_at, b.pieces as packed, {HELD} as withdrawn
from lot l join orders o on o.id = l.order_id
left join rework r on r.lot_code = l.code and r.done_at is null
left join batch_lot b on b.lot_code = l.code left join batch ba on ba.id = b.batch_id
where l.recall = '' and (ba.state is null or ba.state = '{BatchState.PACKED}')
"""


def bags(db: sqlite3.Connection, today: Collection[Pickup]) -> tuple[Bag, ...]:
    """Return all bags that are coming `today` or have not left the hub; those called back are apart."""
    gates = hub.gates(db)
    spare = {bag.code for bag in lying(db, None) if bag.stays is Stays.SPARE}
    ready = {bag.code: each.ready_at for each in today for bag in each.bags}
    return tuple(
        _bag(row, gates.get(row["code"]), ready.get(row["code"]), is_spare=row["code"] in spare)
        for row in db.execute(_ROWS)
    )


def _bag(row: sqlite3.Row, gate: Gate | None, ready_at: datetime | None, *, is_spare: bool) -> Bag:
    is_inspected = row["state"] == LotState.INSPECTED
    here = row["place"].startswith("hub:")
    return Bag(
        code=row["code"],
        pieces=row["packed"] or (row["accepted"] if is_inspected else row["good"] - row["mislaid"]),
        gate=gate,
        ready_at=ready_at,
        arrived_at=when(row["arrived_at"]) if here else None,
        counted_at=when(row["counted_at"]),
        rework_at=when(row["rework_at"]),
        inspected_at=when(row["inspected_at"]) if is_inspected else None,
        withdrawn=bool(row["withdrawn"]),
        spare=is_spare,
        packed_at=when(row["packed_at"]),
    )
