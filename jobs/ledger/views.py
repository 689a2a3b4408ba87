"""What pages and scripts read: values joined from several tables, in one consistent read each."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from jobs.errors import NotFoundError
from jobs.law import Books
from jobs.ledger.books import books
from jobs.lifecycle import LIVE, TO_HARVEST, AttemptState
from jobs.model import (
    AttemptRef,
    BatchState,
    LotState,
    Order,
    OrderState,
    Reason,
    Request,
    Role,
)
from printers.model import PrinterFacts, PrinterState


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One part of an order: its books, and why pieces of it are in no job."""

    part_id: str
    books: Books
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """What the last plan gave one printer of an order's part, or why it gave nothing."""

    part_id: str
    node: str
    printer: str
    pieces: int
    plates: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LotView:
    """One lot: what it is, where it is, and where every piece of it went."""

    code: str
    state: LotState
    place: str  # "lab:<node>" or "hub:<name>"
    good: int
    accepted: int
    rejected: int
    reject_reason: str
    inspected_by: str
    created_at: datetime
    inspected_at: datetime | None
    attempt: AttemptView
    revision_id: str
    batches: tuple[str, ...]


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
    received_by: str
    lots: tuple[BatchLot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One line of an order's history; `kind` is a word that pages translate."""

    id: int
    at: datetime
    kind: str
    actor: str
    subject: str
    data: dict[str, str | int | float]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterView:
    """A printer as the fleet page shows it."""

    node: str
    facts: PrinterFacts
    state: PrinterState
    clear: bool  # a person has marked the bed ready since the last print
    fault: str
    attempt: AttemptView | None  # what it works on or what lies on its bed


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A lab's node."""

    id: str
    lab: str
    online: bool
    paused: bool
    seen_at: datetime | None
    printers: tuple[PrinterView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One thing that waits for a person.

    `kind` is one of: "confirm" (order), "clear" (node/printer), "harvest" (attempt),
    "inspect" (lot), "pack" (order), "dispatch" (batch).
    """

    kind: str
    key: str
    order_id: str
    text: str  # names the thing for people
    since: datetime | None


def when(text: str | None) -> datetime | None:
    """Read a time of the ledger."""
    return None if text is None else datetime.fromisoformat(text)


def moment(text: str) -> datetime:
    """Read a time of the ledger that is never missing."""
    return datetime.fromisoformat(text)


def day(text: str) -> date:
    """Read a date of the ledger."""
    return date.fromisoformat(text)


def reasons_of(text: str) -> tuple[Reason, ...]:
    """Read a column of reasons."""
    return msgspec.json.decode(text, type=tuple[Reason, ...])


def order_of(row: sqlite3.Row) -> Order:
    """Read a row of `orders`."""
    return Order(
        id=row["id"],
        state=OrderState(row["state"]),
        created_at=moment(row["created_at"]),
        closed_reason=row["closed_reason"],
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


_ATTEMPTS = """
select a.*, j.order_id, j.part_id, j.pieces, j.material, j.mesh_sha256, j.plate_sha256,
 j.seconds as job_seconds, j.grams as job_grams, n.lab, h.good, h.scrap, l.code as lot
from attempt a join job j on j.id = a.job_id join node n on n.id = a.node
left join harvest h on h.job_id = a.job_id and h.number = a.number
left join lot l on l.job_id = a.job_id and l.number = a.number
"""


def _attempt(row: sqlite3.Row) -> AttemptView:
    return AttemptView(
        ref=AttemptRef(job=row["job_id"], number=row["number"]),
        order_id=row["order_id"],
        part_id=row["part_id"],
        pieces=row["pieces"],
        material=row["material"],
        node=row["node"],
        lab=row["lab"],
        printer=row["printer"],
        state=AttemptState(row["state"]),
        reason=row["reason"],
        seconds=row["job_seconds"] if row["seconds"] is None else row["seconds"],
        grams=row["job_grams"] if row["grams"] is None else row["grams"],
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
    )


def attempt(db: sqlite3.Connection, ref: AttemptRef) -> AttemptView:
    """Return one attempt.

    Raises:
        NotFoundError: there is none of this job and number.
    """
    row = db.execute(
        _ATTEMPTS + " where a.job_id = ? and a.number = ?", (ref.job, ref.number)
    ).fetchone()
    if row is None:
        raise NotFoundError("attempt", str(ref))
    return _attempt(row)


def attempts_of(db: sqlite3.Connection, order_id: str) -> tuple[AttemptView, ...]:
    """Return all attempts of an order in the order they were offered."""
    rows = db.execute(
        _ATTEMPTS + " where j.order_id = ? order by a.created_at, a.job_id, a.number", (order_id,)
    )
    return tuple(_attempt(row) for row in rows)


_LOTS = "select l.*, o.revision_id from lot l join orders o on o.id = l.order_id"


def _lot(db: sqlite3.Connection, row: sqlite3.Row) -> LotView:
    batches = db.execute(
        "select batch_id from batch_lot where lot_code = ? order by batch_id", (row["code"],)
    )
    return LotView(
        code=row["code"],
        state=LotState(row["state"]),
        place=row["place"],
        good=row["good"],
        accepted=row["accepted"],
        rejected=row["rejected"],
        reject_reason=row["reject_reason"],
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
        state=BatchState(row["state"]),
        packed_at=moment(row["packed_at"]),
        dispatched_at=when(row["dispatched_at"]),
        received_at=when(row["received_at"]),
        received_by=row["received_by"],
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


def events_of(db: sqlite3.Connection, order_id: str) -> tuple[EventView, ...]:
    """Return the history of an order, oldest first."""
    rows = db.execute("select * from event where order_id = ? order by id", (order_id,))
    return tuple(
        EventView(
            id=r["id"],
            at=moment(r["at"]),
            kind=r["kind"],
            actor=r["actor"],
            subject=r["subject"],
            data=msgspec.json.decode(r["data"], type=dict[str, str | int | float]),
        )
        for r in rows
    )


def last_event(db: sqlite3.Connection, order_id: str | None = None) -> int:
    """Return the number of the newest event, of one order or of all: pages watch it."""
    row = db.execute(
        "select coalesce(max(id), 0) from event where ?1 is null or order_id = ?1", (order_id,)
    ).fetchone()
    return int(row[0])


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
    plan = db.execute(
        "select * from plan_row where order_id = ? order by part_id, node, printer", (order_id,)
    )
    return OrderView(
        order=found,
        lines=tuple(
            LineView(part_id=b.part_id, books=b, reasons=lines[b.part_id])
            for b in books(db, order_id)
        ),
        plan=tuple(
            PlanRow(
                part_id=r["part_id"],
                node=r["node"],
                printer=r["printer"],
                pieces=r["pieces"],
                plates=r["plates"],
                reasons=reasons_of(r["reasons"]),
            )
            for r in plan
        ),
        attempts=attempts_of(db, order_id),
        lots=tuple(_lot(db, r) for r in lots.fetchall()),
        batches=tuple(batch(db, r[0]) for r in batches.fetchall()),
        events=events_of(db, order_id),
    )


def fleet(db: sqlite3.Connection) -> tuple[NodeView, ...]:
    """Return all nodes with their printers."""
    live = ",".join(f"'{s}'" for s in sorted(LIVE))
    working = {
        (a.node, a.printer): a
        for a in map(
            _attempt,
            db.execute(f"{_ATTEMPTS} where a.state in ({live}) order by a.created_at desc"),
        )
    }
    printers: dict[str, list[PrinterView]] = {}
    for row in db.execute("select * from printer order by node, id"):
        printers.setdefault(row["node"], []).append(
            PrinterView(
                node=row["node"],
                facts=msgspec.json.decode(row["facts"], type=PrinterFacts),
                state=PrinterState(row["state"]),
                clear=bool(row["clear"]),
                fault=row["fault"],
                attempt=working.get((row["node"], row["id"])),
            )
        )
    return tuple(
        NodeView(
            id=row["id"],
            lab=row["lab"],
            online=bool(row["online"]),
            paused=bool(row["paused"]),
            seen_at=when(row["seen_at"]),
            printers=tuple(printers.get(row["id"], ())),
        )
        for row in db.execute("select * from node order by lab, id").fetchall()
    )


def waiting(db: sqlite3.Connection, role: Role, node: str = "") -> tuple[Waiting, ...]:
    """Return what waits for a person of this role; a maker sees her own node's things only."""
    found: list[Waiting] = []
    if role is Role.STEWARD:
        for r in db.execute("select * from orders where state = ?", (OrderState.ASKED,)):
            found.append(
                Waiting(
                    kind="confirm",
                    key=r["id"],
                    order_id=r["id"],
                    text=r["place"],
                    since=moment(r["created_at"]),
                )
            )
    mine = node if role is Role.MAKER else None
    if role in (Role.MAKER, Role.STEWARD):
        found += _on_beds(db, mine)
    if role in (Role.INSPECTOR, Role.STEWARD):
        found += _at_hub(db)
    return tuple(sorted(found, key=lambda w: (w.since is not None, w.since, w.key)))


def _on_beds(db: sqlite3.Connection, node: str | None) -> list[Waiting]:
    states = ",".join(f"'{s}'" for s in sorted(TO_HARVEST))
    harvests = db.execute(
        f"{_ATTEMPTS} where a.state in ({states}) and (?1 is null or a.node = ?1)", (node,)
    )
    found = [
        Waiting(
            kind="harvest", key=str(a.ref), order_id=a.order_id, text=a.printer, since=a.ended_at
        )
        for a in map(_attempt, harvests)
    ]
    busy = {(w.text) for w in found}
    beds = db.execute(
        "select * from printer where clear = 0 and (?1 is null or node = ?1)", (node,)
    )
    found += [
        Waiting(kind="clear", key=f"{r['node']}/{r['id']}", order_id="", text=r["id"], since=None)
        for r in beds
        if r["id"] not in busy and r["state"] not in ("printing", "paused")
    ]
    return found


def _at_hub(db: sqlite3.Connection) -> list[Waiting]:
    found = [
        Waiting(
            kind="inspect",
            key=r["code"],
            order_id=r["order_id"],
            text=str(r["good"]),
            since=moment(r["created_at"]),
        )
        for r in db.execute("select * from lot where state = ?", (LotState.WAITING,))
    ]
    packable = db.execute(
        "select order_id, sum(accepted) as n, min(inspected_at) as since from lot l where accepted > 0"
        " and not exists (select 1 from batch_lot b where b.lot_code = l.code) group by order_id"
    )
    found += [
        Waiting(
            kind="pack",
            key=r["order_id"],
            order_id=r["order_id"],
            text=str(r["n"]),
            since=moment(r["since"]),
        )
        for r in packable
    ]
    found += [
        Waiting(
            kind="dispatch",
            key=r["id"],
            order_id=r["order_id"],
            text=r["id"],
            since=moment(r["packed_at"]),
        )
        for r in db.execute("select * from batch where state = ?", (BatchState.PACKED,))
    ]
    return found
