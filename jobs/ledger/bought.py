"""Bought parts at the hub (foils, elastics): a book of what was counted in, what parcels used and gave back.

They lie in boxes, each of one supplier's lot where somebody has typed it. An item that was never counted
is not kept: it limits no kit. The functions that write run inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs.hub import Kit
from jobs.ledger.cells import bare

_NAME = bare("s.item || '/' || s.supplier_lot")
#: Of a query over stock `s`: it is of the item and the lot "<item>/<lot>" that ?1 names.
OF_CAUSE: Final = f"s.supplier_lot != '' and {_NAME} = {bare('?1')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """All of one item and one supplier's lot."""

    item: str
    lot: str  # "" where nobody said
    pieces: int  # at the hub, or of it in a parcel
    called: bool = False  # an open recall names it: nothing of it is packed

    @property
    def cause(self) -> str:
        """How a recall names it; "" where it has no number."""
        return f"{self.item}/{self.lot}" if self.lot else ""


_BOXES = f"""
select s.item, s.supplier_lot, sum(s.change) as pieces, s.supplier_lot != '' and exists (
 select 1 from recall c where c.ended_at is null and c.kind = 'bought'
 and {bare("c.value")} = {_NAME}) as called
from hub_stock s group by s.item, s.supplier_lot order by s.item, min(s.id)
"""


def boxes(db: sqlite3.Connection) -> tuple[Box, ...]:
    """Return what lies at the hub by item, the box that came first before the others; empty ones too."""
    return tuple(
        Box(item=r["item"], lot=r["supplier_lot"], pieces=r["pieces"], called=bool(r["called"]))
        for r in db.execute(_BOXES)
    )


def boxes_of(db: sqlite3.Connection, cause: str) -> tuple[Box, ...]:
    """Return the boxes that a recall of "<item>/<lot>" names."""
    rows = db.execute(
        f"select distinct s.item, s.supplier_lot from hub_stock s where {OF_CAUSE}", (cause,)
    )
    named = {(row[0], row[1]) for row in rows}
    return tuple(box for box in boxes(db) if (box.item, box.lot) in named)


def in_stock(db: sqlite3.Connection) -> Mapping[str, int]:
    """Return how many of each item can be packed, of those that somebody has counted."""
    found: dict[str, int] = {}
    for box in boxes(db):
        found[box.item] = found.get(box.item, 0) + (0 if box.called else box.pieces)
    return found


def move(db: sqlite3.Connection, box: Box, change: int, batch: str, by: str, now: datetime) -> None:
    """Write a line of the book; `batch` is "" for a count."""
    db.execute(
        "insert into hub_stock (item, supplier_lot, change, batch, by_person, at)"
        " values (?, ?, ?, ?, ?, ?)",
        (box.item, box.lot, change, batch, by, now.isoformat()),
    )


def count(db: sqlite3.Connection, item: str, lot: str, pieces: int, by: str, now: datetime) -> None:
    """So many of a box are there; of a lot that was typed in other letters before it is the same box."""
    same = [
        box
        for box in (boxes_of(db, f"{item}/{lot}") if lot else boxes(db))
        if box.item == item and bool(box.lot) == bool(lot)
    ]
    box = same[0] if same else Box(item=item, lot=lot, pieces=0)
    move(db, box, pieces - box.pieces, "", by, now)


def throw_away(db: sqlite3.Connection, cause: str, by: str, now: datetime) -> None:
    """Nothing of a lot is at the hub any more."""
    for box in boxes_of(db, cause):
        move(db, box, -box.pieces, "", by, now)


def use(
    db: sqlite3.Connection,
    batch_id: str,
    kit: Kit,
    by: str,
    now: datetime,
    first: Mapping[str, str] | None = None,
) -> None:
    """A parcel takes along what its complete kits need, as far as it is there.

    Out of the oldest box; `first` names another lot by item, and the others follow.
    """
    found = boxes(db)
    for item, (used, _wanted) in along(db, kit, _made(db, batch_id)).items():
        mine = [box for box in found if box.item == item]
        for box in taking(mine, used, (first or {}).get(item)):
            move(db, box, -box.pieces, batch_id, by, now)
        if mine and not used:  # it was counted, and nothing was there
            move(db, mine[0], 0, batch_id, by, now)


def taking(found: Sequence[Box], pieces: int, first: str | None = None) -> list[Box]:
    """Return how many come out of which boxes of one item, of those given in turn; none that is called back."""
    taken = []
    for box in sorted(found, key=lambda box: first is None or box.lot != first):
        some = 0 if box.called else min(box.pieces, pieces)
        if some:
            taken.append(Box(item=box.item, lot=box.lot, pieces=some))
            pieces -= some
    return taken


def along(
    db: sqlite3.Connection, kit: Kit, made: Mapping[str, int]
) -> Mapping[str, tuple[int, int]]:
    """Return how many of each item go along with made parts, and how many their kits want."""
    kits, known = kit.whole(made, {}), in_stock(db)
    return {
        item: (min(kits, known.get(item, kits * each) // each) * each, kits * each)
        for item, each in kit.bought.items()
    }


def give_back(db: sqlite3.Connection, batch_id: str, by: str, now: datetime) -> None:
    """A parcel is unpacked: what it took along lies in its boxes again."""
    for box in boxes_in(db, batch_id):
        move(db, box, box.pieces, batch_id, by, now)


def boxes_in(db: sqlite3.Connection, batch_id: str) -> tuple[Box, ...]:
    """Return what a parcel took along, and of which lots, of those that were counted then."""
    rows = db.execute(
        "select item, supplier_lot, -sum(change) as pieces from hub_stock where batch = ?"
        " group by item, supplier_lot having pieces > 0 order by item, min(id)",
        (batch_id,),
    ).fetchall()
    return tuple(Box(item=row[0], lot=row[1], pieces=int(row[2])) for row in rows)


def lots_with(db: sqlite3.Connection, code: str) -> tuple[Box, ...]:
    """Return what went along with a bag in its parcel, of which the supplier's lot is known."""
    batches = db.execute("select batch_id from batch_lot where lot_code = ?", (code,)).fetchall()
    return tuple(box for row in batches for box in boxes_in(db, row[0]) if box.lot)


def kits_in(db: sqlite3.Connection, batch_id: str, kit: Kit) -> int:
    """Return how many complete kits a parcel holds."""
    return kit.whole(_made(db, batch_id), taken(db, batch_id))


def taken(db: sqlite3.Connection, batch_id: str) -> Mapping[str, int]:
    """Return how many of each item a parcel took along, of those that were counted then."""
    used = db.execute(
        "select item, -sum(change) from hub_stock where batch = ? group by item order by item",
        (batch_id,),
    )
    return {row[0]: int(row[1]) for row in used}


def still_wanted(db: sqlite3.Connection, order_id: str, kits: int, kit: Kit) -> Mapping[str, int]:
    """Return how many of each item an order still takes.

    A parcel lacks what was not at the hub; of an item that nobody had counted then it lacks none.
    """
    batches = db.execute("select id from batch where order_id = ?", (order_id,)).fetchall()
    went = dict.fromkeys(kit.bought, 0)
    for (batch_id,) in batches:
        counted, whole = taken(db, batch_id), kit.whole(_made(db, batch_id), {})
        for item, each in kit.bought.items():
            went[item] += counted.get(item, each * whole)
    usable = kit.whole(packed(db, order_id), {})
    return {
        item: max(0, each * kits - min(went[item], each * usable))
        for item, each in kit.bought.items()
    }


def _made(db: sqlite3.Connection, batch_id: str) -> dict[str, int]:
    rows = db.execute(
        "select l.part_id, sum(b.pieces) from batch_lot b join lot l on l.code = b.lot_code"
        " where b.batch_id = ? group by l.part_id",
        (batch_id,),
    )
    return {row[0]: int(row[1]) for row in rows}


def packed(db: sqlite3.Connection, order_id: str) -> Mapping[str, int]:
    """Return the pieces of an order's parts that are in parcels and were not lost or refused."""
    rows = db.execute(
        "select l.part_id, sum(b.pieces - b.refused - b.lost) from batch_lot b"
        " join lot l on l.code = b.lot_code where l.order_id = ? group by l.part_id",
        (order_id,),
    )
    return {row[0]: int(row[1]) for row in rows}
