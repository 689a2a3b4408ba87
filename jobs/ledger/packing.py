"""Which of the bags that are inspected go into a parcel of their order, and why the others do not."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from jobs.ledger import hub, needs
from jobs.ledger.books import books
from jobs.ledger.cells import moment
from jobs.ledger.reviews import HELD


class Stays(enum.StrEnum):
    """Why a bag is not packed."""

    WITHDRAWN = "withdrawn"  # its design was, and no reviewer has released it
    SHUT = "shut"  # held, or to be released by a second person
    SPARE = "spare"  # its order needs no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Lies:
    """An inspected bag that is in no parcel and that nobody has called back."""

    code: str
    order_id: str
    part_id: str
    pieces: int  # that were accepted
    inspected_at: datetime
    stays: Stays | None = None  # None: it can be packed now


_LYING = f"""
select l.code, l.order_id, l.part_id, l.accepted, l.inspected_at, {HELD} as withdrawn,
 (select n.surplus from line n where n.order_id = l.order_id and n.part_id = l.part_id) as surplus
from lot l join orders o on o.id = l.order_id
where (?1 is null or l.order_id = ?1) and l.accepted > 0 and l.recall = ''
 and not exists (select 1 from batch_lot b where b.lot_code = l.code) order by l.code
"""


def lying(
    db: sqlite3.Connection, now: datetime | None, order_id: str | None = None
) -> tuple[Lies, ...]:
    """Return the bags of one order or of all, by code; without a time holds are left out."""
    rows = db.execute(_LYING, (order_id,)).fetchall()
    if not rows:
        return ()
    shut = hub.shut(db, order_id, now)
    found = [
        Lies(
            code=row["code"],
            order_id=row["order_id"],
            part_id=row["part_id"],
            pieces=row["accepted"],
            inspected_at=moment(row["inspected_at"]),
            stays=Stays.WITHDRAWN
            if row["withdrawn"]
            else Stays.SHUT
            if row["code"] in shut
            else None,
        )
        for row in rows
    ]
    # By the law of the books a bag can be spare only where there is a surplus.
    crowded = {row["order_id"] for row in rows if row["surplus"]}
    spare = {code for each in sorted(crowded) for code in _spare(db, each, found)}
    return tuple(replace(bag, stays=Stays.SPARE) if bag.code in spare else bag for bag in found)


def _spare(db: sqlite3.Connection, order_id: str, found: list[Lies]) -> Iterator[str]:
    """Return the bags that come after those with which an order has all that it needs."""
    packed = needs.packed(db, order_id)
    missing = {
        b.part_id: b.ordered - b.kept - b.in_transit - packed.get(b.part_id, 0)
        for b in books(db, order_id)
    }
    for bag in found:
        if bag.order_id != order_id or bag.stays is not None:
            continue
        if missing[bag.part_id] > 0:
            missing[bag.part_id] -= bag.pieces
        else:
            yield bag.code
