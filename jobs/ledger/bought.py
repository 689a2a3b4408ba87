"""Bought parts at the hub (foils, elastics): a book of what was counted in, what parcels used and gave back.

An item that was never counted is not kept: it limits no kit. The functions that write run inside the
caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from jobs.hub import Kit


def in_stock(db: sqlite3.Connection) -> Mapping[str, int]:
    """Return how many of each item are at the hub, of those that somebody has counted."""
    rows = db.execute("select item, sum(change) from hub_stock group by item order by item")
    return {row[0]: int(row[1]) for row in rows}


def move(
    db: sqlite3.Connection, item: str, change: int, batch: str, by: str, now: datetime
) -> None:
    """Write a line of the book; `batch` is "" for a count."""
    db.execute(
        "insert into hub_stock (item, change, batch, by_person, at) values (?, ?, ?, ?, ?)",
        (item, change, batch, by, now.isoformat()),
    )


def use(db: sqlite3.Connection, batch_id: str, kit: Kit, by: str, now: datetime) -> None:
    """A parcel takes along what its complete kits need, as far as it is there."""
    known = in_stock(db)
    for item, (used, _wanted) in along(db, kit, _made(db, batch_id)).items():
        if item in known:
            move(db, item, -used, batch_id, by, now)


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
    """A parcel is unpacked: what it took along lies at the hub again."""
    used = db.execute(
        "select item, -sum(change) as pieces from hub_stock where batch = ? group by item"
        " having pieces > 0",
        (batch_id,),
    ).fetchall()
    for item, pieces in used:
        move(db, item, int(pieces), batch_id, by, now)


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
