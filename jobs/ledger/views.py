"""What pages and scripts read: values joined from several tables, in one consistent read each.

Leaves what happened when to `jobs.ledger.history`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError, RefusedError
from jobs.law import Books
from jobs.ledger.books import books
from jobs.ledger.cells import day, figure, moment, reasons_of, when, word
from jobs.ledger.history import EventView, events_of
from jobs.ledger.plan_rows import PlanRow, plan_rows
from jobs.ledger.rows import live_attempt
from jobs.lifecycle import AttemptState
from jobs.model import (
    AttemptRef,
    BatchState,
    JobState,
    LotState,
    Order,
    OrderState,
    Priority,
    Reason,
    Request,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One part of an order: its books, and why pieces of it are in no job."""

    part_id: str
    books: Books
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt with its job and its harvest."""

    ref: AttemptRef
    order_id: str
    part_id: str
    pieces: int
    material: str
    node: str
    lab: str
    printer: str
    state: AttemptState
    reason: str
    seconds: float  # the node's figure once it has sliced, the estimate before
    grams: float
    slicer: str
    spool: str
    mesh_sha256: str
    plate_sha256: str
    gcode_key: str
    granted_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    good: int | None
    scrap: int | None
    lot: str | None
    maker_lot: str = ""  # of the spool; "" where nobody said


@dataclass(frozen=True, slots=True, kw_only=True)
class LotView:
    """One lot: what it is, where it is, and where every piece of it went."""

    code: str
    state: LotState
    place: str  # "lab:<node>", "way:<pick-up>" or "hub:<name>"
    good: int  # that its maker counted
    mislaid: int  # of them, lost on the way to the hub
    arrived_at: datetime | None  # at the hub
    counted_at: datetime | None  # there
    accepted: int
    rejected: int
    reject_reason: str
    recall: str  # id of the recall that holds it, "" where none does
    recalled: int  # pieces that do not count for its order meanwhile
    inspected_by: str
    created_at: datetime
    inspected_at: datetime | None
    attempt: AttemptView
    revision_id: str
    batches: tuple[str, ...]

    @property
    def pieces(self) -> int:
        """Good ones that are still in the bag, as far as is known."""
        return self.good - self.mislaid


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLot:
    """What of one lot is in a batch."""

    lot: str
    part_id: str
    pieces: int
    received: int
    refused: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch and its way to the requester."""

    id: str
    order_id: str
    state: BatchState
    packed_at: datetime
    dispatched_at: datetime | None
    received_at: datetime | None
    damaged: int  # of the refused
    lots: tuple[BatchLot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """All about one order."""

    order: Order
    lines: tuple[LineView, ...]
    plan: tuple[PlanRow, ...]
    attempts: tuple[AttemptView, ...]
    lots: tuple[LotView, ...]
    batches: tuple[BatchView, ...]
    events: tuple[EventView, ...]
    #: Nobody could have printed all that the last plan placed before then; None where it is not known.
    earliest_at: datetime | None = None


def _priority(text: str) -> Priority:
    """Read a priority; where it cannot be read the plan names the order, and a steward says it again."""
    return Priority(text) if text in set(Priority) else Priority.NORMAL


def order_of(row: sqlite3.Row) -> Order:
    """Read a row of `orders`."""
    return Order(
        id=row["id"],
        state=word(OrderState, row["state"]),
        created_at=moment(row["created_at"]),
        closed_reason=row["closed_reason"],
        priority=_priority(row["priority"]),
        release=None if row["release"] is None else day(row["release"]),
        request=Request(
            request_key=row["request_key"],
            revision_id=row["revision_id"],
            kits=row["kits"],
            due=day(row["due"]),
            requester=row["requester"],
            place=row["place"],
            contact=row["contact"],
            note=row["note"],
            language=row["language"],
            sandbox=bool(row["sandbox"]),
        ),
    )


def orders(db: sqlite3.Connection) -> tuple[Order, ...]:
    """Return all orders, the newest first."""
    return tuple(
        order_of(r) for r in db.execute("select * from orders order by created_at desc, id")
    )


def order(db: sqlite3.Connection, order_id: str) -> Order:
    """Return one order.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from orders where id = ?", (order_id,)).fetchone()
    if row is None:
        raise NotFoundError("order", order_id)
    return order_of(row)


def pieces_set_back(db: sqlite3.Connection, order_id: str) -> int:
    """Return the pieces of an order, not offered to anybody, that a plan has set behind what is worth more."""
    row = db.execute(
        "select coalesce(sum(j.pieces), 0) from job j where j.order_id = ? and j.state = ? and j.set_back"
        f" and not exists ({live_attempt('j.id')})",
        (order_id, JobState.OPEN),
    ).fetchone()
    return int(row[0])


ATTEMPTS = """
select a.*, j.order_id, j.part_id, j.pieces, j.material, j.mesh_sha256, j.plate_sha256,
 j.seconds as job_seconds, j.grams as job_grams, n.lab, h.good, h.scrap, l.code as lot
from attempt a join job j on j.id = a.job_id join node n on n.id = a.node
left join harvest h on h.job_id = a.job_id and h.number = a.number
left join lot l on l.job_id = a.job_id and l.number = a.number
"""


def attempt_of(row: sqlite3.Row) -> AttemptView:
    """Read a row of `ATTEMPTS`."""
    return AttemptView(
        ref=AttemptRef(job=row["job_id"], number=row["number"]),
        order_id=row["order_id"],
        part_id=row["part_id"],
        pieces=row["pieces"],
        material=row["material"],
        node=row["node"],
        lab=row["lab"],
        printer=row["printer"],
        state=word(AttemptState, row["state"]),
        reason=row["reason"],
        seconds=figure(row["job_seconds"] if row["seconds"] is None else row["seconds"]),
        grams=figure(row["job_grams"] if row["grams"] is None else row["grams"]),
        slicer=row["slicer"],
        spool=row["spool"],
        mesh_sha256=row["mesh_sha256"],
        plate_sha256=row["plate_sha256"],
        gcode_key=row["gcode_key"],
        granted_at=when(row["granted_at"]),
        started_at=when(row["started_at"]),
        ended_at=when(row["ended_at"]),
        good=row["good"],
        scrap=row["scrap"],
        lot=row["lot"],
        maker_lot=row["maker_lot"],
    )


def attempt(db: sqlite3.Connection, ref: AttemptRef) -> AttemptView:
    """Return one attempt.

    Raises:
        NotFoundError: there is none of this job and number.
    """
    row = db.execute(
        ATTEMPTS + " where a.job_id = ? and a.number = ?", (ref.job, ref.number)
    ).fetchone()
    if row is None:
        raise NotFoundError("attempt", str(ref))
    return attempt_of(row)


def attempts_at(db: sqlite3.Connection, node: str) -> tuple[AttemptView, ...]:
    """Return all attempts of a node, the oldest first."""
    rows = db.execute(f"{ATTEMPTS} where a.node = ? order by a.created_at, a.job_id", (node,))
    return tuple(map(attempt_of, rows))


def attempts_of(db: sqlite3.Connection, order_id: str) -> tuple[AttemptView, ...]:
    """Return all attempts of an order in the order they were offered."""
    rows = db.execute(
        ATTEMPTS + " where j.order_id = ? order by a.created_at, a.job_id, a.number", (order_id,)
    )
    return tuple(attempt_of(row) for row in rows)


_LOTS = "select l.*, o.revision_id from lot l join orders o on o.id = l.order_id"


def _lot(db: sqlite3.Connection, row: sqlite3.Row) -> LotView:
    batches = db.execute(
        "select batch_id from batch_lot where lot_code = ? order by batch_id", (row["code"],)
    )
    return LotView(
        code=row["code"],
        state=word(LotState, row["state"]),
        place=row["place"],
        good=row["good"],
        mislaid=row["mislaid"],
        arrived_at=when(row["arrived_at"]),
        counted_at=when(row["counted_at"]),
        accepted=row["accepted"],
        rejected=row["rejected"],
        reject_reason=row["reject_reason"],
        recall=row["recall"],
        recalled=row["recalled"],
        inspected_by=row["inspected_by"],
        created_at=moment(row["created_at"]),
        inspected_at=when(row["inspected_at"]),
        attempt=attempt(db, AttemptRef(job=row["job_id"], number=row["number"])),
        revision_id=row["revision_id"],
        batches=tuple(b[0] for b in batches),
    )


def lot(db: sqlite3.Connection, code: str) -> LotView:
    """Return one lot by its code; small letters are as good as capitals.

    Raises:
        NotFoundError: there is none of this code.
    """
    row = db.execute(_LOTS + " where l.code = ?", (code.upper(),)).fetchone()
    if row is None:
        raise NotFoundError("lot", code)
    return _lot(db, row)


def need_readable(lot: LotView) -> None:
    """Do nothing if it can be read how far a lot is.

    Raises:
        RefusedError: it cannot: who counted it twice would lose pieces, or make them twice.
    """
    if lot.state is LotState.UNKNOWN:
        raise RefusedError(
            f"What the ledger says of lot {lot.code} cannot be read: lay the bag aside, and tell who runs the"
            " coordinator."
        )


def batch(db: sqlite3.Connection, batch_id: str) -> BatchView:
    """Return one batch with its lots.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from batch where id = ?", (batch_id,)).fetchone()
    if row is None:
        raise NotFoundError("batch", batch_id)
    lots = db.execute(
        "select bl.*, l.part_id from batch_lot bl join lot l on l.code = bl.lot_code"
        " where bl.batch_id = ? order by bl.lot_code",
        (batch_id,),
    )
    return BatchView(
        id=row["id"],
        order_id=row["order_id"],
        state=word(BatchState, row["state"]),
        packed_at=moment(row["packed_at"]),
        dispatched_at=when(row["dispatched_at"]),
        received_at=when(row["received_at"]),
        damaged=row["damaged"],
        lots=tuple(
            BatchLot(
                lot=r["lot_code"],
                part_id=r["part_id"],
                pieces=r["pieces"],
                received=r["received"],
                refused=r["refused"],
                lost=r["lost"],
            )
            for r in lots
        ),
    )


def order_view(db: sqlite3.Connection, order_id: str) -> OrderView:
    """Return all about one order.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = order(db, order_id)
    lines = {
        r["part_id"]: reasons_of(r["reasons"])
        for r in db.execute("select * from line where order_id = ?", (order_id,))
    }
    lots = db.execute(_LOTS + " where l.order_id = ? order by l.created_at, l.code", (order_id,))
    batches = db.execute("select id from batch where order_id = ? order by packed_at", (order_id,))
    return OrderView(
        order=found,
        lines=tuple(
            LineView(part_id=b.part_id, books=b, reasons=lines[b.part_id])
            for b in books(db, order_id)
        ),
        plan=plan_rows(db, order_id),
        attempts=attempts_of(db, order_id),
        lots=tuple(_lot(db, r) for r in lots.fetchall()),
        batches=tuple(batch(db, r[0]) for r in batches.fetchall()),
        events=events_of(db, order_id),
        earliest_at=when(
            db.execute("select not_before from orders where id = ?", (order_id,)).fetchone()[0]
        ),
    )
