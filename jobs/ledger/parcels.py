"""A batch on its way: what `jobs.ledger.views` does not say of it, and what was sent before it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError
from jobs.ledger import bought, cells, hub, views
from jobs.ledger.needs import OPEN
from jobs.ledger.reviews import HELD
from jobs.ledger.rows import event
from jobs.ledger.runs import Run, run
from jobs.ledger.views import BatchView
from jobs.model import BatchState, CourierKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A batch with how it leaves and what was said when it came."""

    batch: BatchView
    profile: str  # the regulatory profile under which it left; "" where there was none
    refuse_reason: str
    courier: CourierKind | None  # None: it has not left, or left before this was kept
    carrier: str  # the company, or who fetched it
    tracking: str
    run: Run | None  # of a volunteer driver
    handed_at: datetime | None  # the courier's word; received is the hospital's


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """What keeps a packed batch here; its regulatory profile may besides, when it is to leave."""

    held: tuple[str, ...]  # lots of a design that was withdrawn, which nobody has released
    unsigned: tuple[str, ...]  # lots that a second person has still to release
    asked: bool  # its requester was asked whether she still needs it, and has not answered

    def __bool__(self) -> bool:
        """Whether anything does."""
        return bool(self.held or self.unsigned or self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotFacts:
    """What paper says of a lot in a parcel."""

    code: str
    part_id: str
    pieces: int  # in the parcel
    good: int  # counted at harvest
    accepted: int
    material: str  # its code, or that of the process that made it
    made_at: datetime
    inspected_at: datetime | None


def parcel(db: sqlite3.Connection, batch_id: str) -> Parcel:
    """Return one batch.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from batch where id = ?", (batch_id,)).fetchone()
    if row is None:
        raise NotFoundError("batch", batch_id)
    return Parcel(
        batch=views.batch(db, batch_id),
        profile=row["profile"],
        refuse_reason=row["refuse_reason"],
        courier=CourierKind(row["courier"]) if row["courier"] in set(CourierKind) else None,
        carrier=row["carrier"],
        tracking=row["tracking"],
        run=run(db, row["run"]) if row["run"] else None,
        handed_at=cells.when(row["handed_at"]),
    )


def barrier(db: sqlite3.Connection, batch_id: str) -> Barrier:
    """Return what keeps a packed batch here."""
    held = db.execute(
        "select l.code from batch_lot bl join lot l on l.code = bl.lot_code"
        f" join orders o on o.id = l.order_id where bl.batch_id = ? and {HELD} order by l.code",
        (batch_id,),
    ).fetchall()
    asked = db.execute(
        f"select 1 from batch b join orders o on o.id = b.order_id where b.id = ? and {OPEN}",
        (batch_id,),
    ).fetchone()
    return Barrier(
        held=tuple(row[0] for row in held),
        unsigned=hub.unsigned_in(db, batch_id),
        asked=asked is not None,
    )


def under_way(db: sqlite3.Connection) -> tuple[Parcel, ...]:
    """Return the batches that are packed or dispatched, the oldest first."""
    rows = db.execute(
        "select id from batch where state in (?, ?) order by packed_at, id",
        (BatchState.PACKED, BatchState.DISPATCHED),
    ).fetchall()
    return tuple(parcel(db, row[0]) for row in rows)


def lost(db: sqlite3.Connection) -> tuple[Parcel, ...]:
    """Return the batches that were lost and may turn up, the last one first."""
    rows = db.execute(
        "select id from batch where state = ? order by received_at desc, id", (BatchState.LOST,)
    ).fetchall()
    return tuple(parcel(db, row[0]) for row in rows)


def lots_in(db: sqlite3.Connection, batch_id: str) -> tuple[LotFacts, ...]:
    """Return the lots of a batch by part and code."""
    rows = db.execute(
        "select l.*, bl.pieces, j.material from batch_lot bl join lot l on l.code = bl.lot_code"
        " join job j on j.id = l.job_id where bl.batch_id = ? order by l.part_id, l.code",
        (batch_id,),
    )
    return tuple(
        LotFacts(
            code=row["code"],
            part_id=row["part_id"],
            pieces=row["pieces"],
            good=row["good"],
            accepted=row["accepted"],
            material=row["material"],
            made_at=cells.moment(row["created_at"]),
            inspected_at=cells.when(row["inspected_at"]),
        )
        for row in rows
    )


def unpack(db: sqlite3.Connection, batch_id: str, why: str, now: datetime) -> None:
    """Dissolve a parcel that has not left: its lots lie at the hub as before, its bought parts too.

    Inside the caller's transaction. Its paper names what is not in it any more: it is packed anew,
    with another number.
    """
    order_id = db.execute("select order_id from batch where id = ?", (batch_id,)).fetchone()[0]
    db.execute("delete from batch_lot where batch_id = ?", (batch_id,))
    db.execute("delete from batch where id = ?", (batch_id,))
    bought.give_back(db, batch_id, "fabnet", now)
    event(db, order_id, "unpacked", "fabnet", batch_id, now, reason=why)


def sent_before(db: sqlite3.Connection, batch: BatchView) -> dict[str, int]:
    """Return the pieces by part that were received, or are on their way, from batches packed before."""
    rows = db.execute(
        "select l.part_id, sum(case b.state when 'received' then bl.received else bl.pieces end)"
        " from batch b join batch_lot bl on bl.batch_id = b.id join lot l on l.code = bl.lot_code"
        " where b.order_id = ? and b.id != ? and b.state in ('dispatched', 'received')"
        " and b.packed_at <= ? group by l.part_id",
        (batch.order_id, batch.id, batch.packed_at.isoformat()),
    )
    return dict(tuple(row) for row in rows)
