"""Filament in the depot, in whole grams: a book of what was counted there and sent, and what is on its way.

It lies in boxes, each of one lot of its maker's where somebody has typed it. The functions that write run
inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from jobs.errors import LawBrokenError, NotFoundError
from jobs.ledger.cells import bare, day, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """All of one material and one lot of its maker's."""

    material: str
    lot: str  # "" where nobody said
    grams: int
    called: bool = False  # an open recall names it: nothing of it is sent

    @property
    def cause(self) -> str:
        """What a recall of it names."""
        return f"{self.material}/{self.lot}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Filament that has left the depot for a lab."""

    id: str
    node: str
    lab: str  # its name
    material: str
    grams: int
    lots: tuple[str, ...]  # of its maker's, as far as they are known
    arrives: date  # as whoever sent it expects
    sent_at: datetime


_BOXES = f"""
select d.material, d.maker_lot, sum(d.change_g) as grams, d.maker_lot != '' and exists (
 select 1 from recall c where c.ended_at is null and c.kind = 'material'
 and {bare("c.value")} = {bare("d.material || '/' || d.maker_lot")}) as called
from depot d group by d.material, d.maker_lot order by d.material, min(d.id)
"""


def boxes(db: sqlite3.Connection) -> tuple[Box, ...]:
    """Return what lies in the depot by material, the box that came first before the others; empty ones too."""
    return tuple(
        Box(material=r["material"], lot=r["maker_lot"], grams=r["grams"], called=bool(r["called"]))
        for r in db.execute(_BOXES)
    )


def box_of(db: sqlite3.Connection, cause: str) -> Box | None:
    """Return the box that a recall of "<material>/<lot>" names, an empty one too."""
    return next((b for b in boxes(db) if b.lot and _bare(b.cause) == _bare(cause)), None)


def in_store(db: sqlite3.Connection) -> Mapping[str, float]:
    """Return how many grams of each material can be sent."""
    found: dict[str, float] = {}
    for box in boxes(db):
        if not box.called:
            found[box.material] = found.get(box.material, 0.0) + box.grams
    return found


def on_way(db: sqlite3.Connection, node: str = "") -> tuple[Sending, ...]:
    """Return what is on its way, to one lab or to all, the first to arrive first."""
    rows = db.execute(
        "select s.*, n.lab from sending s join node n on n.id = s.node where s.ended_at is null"
        " and ?1 in ('', s.node) order by s.arrives, s.id",
        (node,),
    ).fetchall()
    return tuple(_sending(db, row) for row in rows)


def came_since(db: sqlite3.Connection, since: datetime) -> tuple[Sending, ...]:
    """Return what came after a moment, the first to arrive first."""
    rows = db.execute(
        "select s.*, n.lab from sending s join node n on n.id = s.node where s.came and s.ended_at > ?"
        " order by s.arrives, s.id",
        (since.isoformat(),),
    ).fetchall()
    return tuple(_sending(db, row) for row in rows)


def sending(db: sqlite3.Connection, sending_id: str) -> tuple[Sending, bool | None]:
    """Return a sending, and whether it came; None while it is on its way.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute(
        "select s.*, n.lab from sending s join node n on n.id = s.node where s.id = ?",
        (sending_id,),
    ).fetchone()
    if row is None:
        raise NotFoundError("sending", sending_id)
    return _sending(db, row), None if row["ended_at"] is None else bool(row["came"])


def _sending(db: sqlite3.Connection, row: sqlite3.Row) -> Sending:
    lots = db.execute(
        "select maker_lot from depot where sending = ? and maker_lot != '' and change_g < 0 order by id",
        (row["id"],),
    )
    return Sending(
        id=row["id"], node=row["node"], lab=row["lab"], material=row["material"],
        grams=row["grams"], lots=tuple(each[0] for each in lots), arrives=day(row["arrives"]),
        sent_at=moment(row["sent_at"]),
    )  # fmt: skip


def count(
    db: sqlite3.Connection, material: str, lot: str, grams: int, by: str, now: datetime
) -> int:
    """So much of a box is there; return by how much that is more than before.

    Of a lot that was typed in other letters before it is the same box.
    """
    same = [b for b in boxes(db) if b.material == material and _bare(b.lot) == _bare(lot)]
    box = same[0] if same else Box(material=material, lot=lot, grams=0)
    if grams != box.grams:
        _move(db, box, grams - box.grams, None, by, now)
    return grams - box.grams


def _bare(lot: str) -> str:
    return "".join(lot.upper().split())


def send(db: sqlite3.Connection, found: Sending, by: str, now: datetime) -> None:
    """Take what is sent out of the boxes, the oldest first; there has to be enough of it."""
    db.execute(
        "insert into sending (id, node, material, grams, arrives, sent_by, sent_at)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (found.id, found.node, found.material, found.grams, found.arrives.isoformat(), by,
         now.isoformat()),
    )  # fmt: skip
    left = found.grams
    for box in boxes(db):
        some = 0 if box.called or box.material != found.material else min(box.grams, left)
        if some:
            _move(db, box, -some, found.id, by, now)
            left -= some


def end(db: sqlite3.Connection, sending_id: str, by: str, now: datetime, *, came: bool) -> None:
    """It came, or it is taken back: then it lies in its boxes again."""
    db.execute(
        "update sending set ended_at = ?, ended_by = ?, came = ? where id = ?",
        (now.isoformat(), by, int(came), sending_id),
    )
    if came:
        return
    rows = db.execute(
        "select material, maker_lot, -change_g as grams from depot where sending = ? order by id",
        (sending_id,),
    ).fetchall()
    for row in rows:
        box = Box(material=row["material"], lot=row["maker_lot"], grams=0)
        _move(db, box, row["grams"], sending_id, by, now)


def _move(
    db: sqlite3.Connection, box: Box, change_g: int, of: str | None, by: str, now: datetime
) -> None:
    """Write a line of the book; `of` is a sending, None for a count."""
    db.execute(
        "insert into depot (material, maker_lot, change_g, sending, by_person, at)"
        " values (?, ?, ?, ?, ?, ?)",
        (box.material, box.lot, change_g, of, by, now.isoformat()),
    )


def audit(db: sqlite3.Connection) -> None:
    """Check that no box holds less than nothing, and that each sending took what it says, or gave it back.

    Raises:
        LawBrokenError: it does not hold.
    """
    for box in boxes(db):
        if box.grams < 0:
            subject = f"{box.material} {box.lot}".strip()
            raise LawBrokenError("no box of the depot is below zero", subject, box.grams, 0)
    rows = db.execute(
        "select s.id, case when s.ended_at is null or s.came then s.grams else 0 end as gone_g,"
        " coalesce((select -sum(d.change_g) from depot d where d.sending = s.id), 0) as taken_g"
        " from sending s"
    )
    for row in rows:
        if row["gone_g"] != row["taken_g"]:
            raise LawBrokenError(
                "a sending is what the depot lacks", row["id"], row["taken_g"], row["gone_g"]
            )
