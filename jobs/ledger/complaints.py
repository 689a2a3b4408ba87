"""What hospitals complain of, with their photos, and what became of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError
from jobs.ledger.cells import moment, when


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong with pieces of a batch, in a requester's words."""

    id: str
    batch_id: str
    order_id: str
    place: str
    lot_code: str  # "" where nobody could say which
    lots: tuple[str, ...]  # that one, or all that were in the parcel
    pieces: int
    text: str
    photos: int
    at: datetime
    read_by: str  # the inspector; "" while nobody has
    read_at: datetime | None
    advice: str  # the inspector's, to those who made the pieces
    told: bool  # they read it


_COMPLAINTS = """
select c.*, o.place,
 (select count(*) from complaint_photo p where p.complaint = c.id) as photos,
 (select group_concat(cl.lot_code, ' ') from complaint_lot cl where cl.complaint = c.id) as lots
from complaint c join orders o on o.id = c.order_id
"""
#: Of a query over complaints `c`: it is of pieces of this node.
_OF_NODE = """
exists (select 1 from complaint_lot cl join lot l on l.code = cl.lot_code join attempt a
 on a.job_id = l.job_id and a.number = l.number where cl.complaint = c.id and a.node = ?)
"""


def complaint(db: sqlite3.Connection, complaint_id: str) -> Complaint:
    """Return one complaint.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute(f"{_COMPLAINTS} where c.id = ?", (complaint_id,)).fetchone()
    if row is None:
        raise NotFoundError("complaint", complaint_id)
    return _complaint(row)


def complaints(db: sqlite3.Connection) -> tuple[Complaint, ...]:
    """Return all complaints, those that nobody has read first, then the newest."""
    rows = db.execute(f"{_COMPLAINTS} order by c.read_at is not null, c.at desc, c.id")
    return tuple(map(_complaint, rows))


def of_batch(db: sqlite3.Connection, batch_id: str) -> tuple[Complaint, ...]:
    """Return the complaints of one batch, the oldest first."""
    rows = db.execute(f"{_COMPLAINTS} where c.batch_id = ? order by c.at, c.id", (batch_id,))
    return tuple(map(_complaint, rows))


def told_to(db: sqlite3.Connection, node: str) -> tuple[Complaint, ...]:
    """Return what was passed on to a lab, the newest first."""
    rows = db.execute(
        f"{_COMPLAINTS} where c.told and {_OF_NODE} order by c.at desc, c.id", (node,)
    )
    return tuple(map(_complaint, rows))


def passed_on(db: sqlite3.Connection, after: datetime) -> tuple[tuple[Complaint, str], ...]:
    """Return what was passed on since then, once for each lab that it is for."""
    nodes = [row[0] for row in db.execute("select id from node order by id")]
    return tuple(
        (each, node)
        for node in nodes
        for each in told_to(db, node)
        if each.read_at is not None and each.read_at > after
    )


def photo(db: sqlite3.Connection, complaint_id: str, number: int) -> bytes:
    """Return one photo as a JPEG; the first is number 1.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute(
        "select jpeg from complaint_photo where complaint = ? and number = ?",
        (complaint_id, number),
    ).fetchone()
    if row is None:
        raise NotFoundError("photo", f"{complaint_id}/{number}")
    return bytes(row[0])


def _complaint(row: sqlite3.Row) -> Complaint:
    return Complaint(
        id=row["id"],
        batch_id=row["batch_id"],
        order_id=row["order_id"],
        place=row["place"],
        lot_code=row["lot_code"],
        lots=tuple(sorted((row["lots"] or "").split())),
        pieces=row["pieces"],
        text=row["text"],
        photos=row["photos"],
        at=moment(row["at"]),
        read_by=row["read_by"],
        read_at=when(row["read_at"]),
        advice=row["advice"],
        told=bool(row["told"]),
    )
