"""Writes a plan down: its plates become jobs, its reasons are kept, in one transaction of milliseconds.

Nests and plate files are made before; that the pieces it places are still unplaced is looked at again.
Takes only what the audit has passed (`jobs.plan_audit.Sound`).
"""

from __future__ import annotations

import errno
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from designs.library import Library
from designs.model import Bed, OtherPart
from jobs.coordinator.fitting import UNUSABLE, Snapshot
from jobs.ledger import unplanned
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import event, new_id, pack_reasons
from jobs.ledger.store import Ledger
from jobs.model import UNREAD, JobState, OrderState, Reason, ReasonCode
from jobs.plan_audit import Sound
from jobs.planned import Plan, PrinterRow, Run

#: Up to so many rows, the reason of every printer and need is kept.
ROWS_TOLD = 100_000
#: What ends every writing, whatever it is of.
_WHOLE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def with_plates(library: Library, facts: Snapshot, sound: Sound) -> tuple[Sound, dict[str, str]]:
    """Make the plate files of a plan; return it without the orders of which one cannot be made, and why.

    Raises:
        OSError: the disk is full, or nothing at all can be written on it.
    """
    known, failed = dict[tuple[str, Bed, int], str](), dict[str, str]()
    for run in sound.plan.runs:
        if run.order_id in failed:
            continue
        try:
            _plate_sha(library, facts, run, known)
        except UNUSABLE as error:
            if isinstance(error, OSError) and error.errno in _WHOLE_DISK:
                raise
            failed[run.order_id] = f"{type(error).__name__}: {error}"
    return sound.without(failed, UNREAD) if failed else sound, failed


def apply(ledger: Ledger, library: Library, facts: Snapshot, sound: Sound, now: datetime) -> int:
    """Turn a plan into jobs; return how many. Pieces that were placed meanwhile are left alone.

    Of an order that was left out nothing changes but the reason why it has no place. Plate files that
    `with_plates` has not made are made first.
    """
    plan, known = sound.plan, dict[tuple[str, Bed, int], str]()
    planned = {need.order_id for need in facts.needs}.difference(sound.left_out)
    shas = [_plate_sha(library, facts, run, known) for run in plan.runs]
    with ledger.transaction() as db:
        late = _still_late(db, planned)
        made = _add_jobs(db, facts, zip(plan.runs, shas, strict=True), now)
        _tell_left_out(db, (*sound.left_out, *facts.unread), now)
        why = pack_reasons((Reason(code=ReasonCode.UNSOUND, text=UNREAD),))
        db.executemany(
            "update line set reasons = ? where order_id = ? and deficit > 0",
            [(why, order_id) for order_id in facts.unread],
        )
        for short in plan.shortfalls:
            db.execute(
                "update line set reasons = ? where order_id = ? and part_id = ?",
                (pack_reasons(short.reasons), short.order_id, short.part_id),
            )
        _keep_rows(db, _told(facts, plan), late, now)
        earliest_at = {bound.order_id: bound.earliest_at.isoformat() for bound in plan.bounds}
        db.executemany(
            "update orders set not_before = ? where id = ?",
            [(earliest_at.get(order), order) for order in planned],
        )
        pieces, short_of = Counter[str](), Counter[str]()
        for run in plan.runs:
            pieces[run.order_id] += run.pieces
        for short in plan.shortfalls:
            short_of[short.order_id] += short.pieces
        for order_id in planned:
            event(
                db, order_id, "planned", "fabnet", order_id, now,
                pieces=pieces[order_id], short=short_of[order_id],
            )  # fmt: skip
    return made


def _tell_left_out(db: sqlite3.Connection, orders: Iterable[str], now: datetime) -> None:
    """Write into an order's history that it is left out: once, however often that is tried anew."""
    before = unplanned.orders(db)
    for order_id in orders:
        if order_id not in before:
            event(db, order_id, "left-out", "fabnet", order_id, now)


def _told(facts: Snapshot, plan: Plan) -> Iterable[PrinterRow]:
    """Yield what is kept of the reasons: all, or in a large network only what stays true.

    Ten thousand printers and a hundred orders are a million rows, most of them "others are sooner".
    """
    if len(facts.needs) * len(facts.fleet) <= ROWS_TOLD:
        yield from plan.rows
        return
    for each in plan.explained:
        yield from each.rows(other_than=ReasonCode.LATER)


def _still_late(
    db: sqlite3.Connection, orders: Iterable[str]
) -> dict[tuple[str, str, str, str], int]:
    """Return the pieces that earlier plans expect after the day, of plates that are not made yet.

    By order, part, node and printer.
    """
    rows = db.execute(
        "select p.order_id, p.part_id, p.node, p.printer, min(p.late, j.pieces) from ("
        " select order_id, part_id, node, printer, sum(pieces) as pieces from job where state = ?"
        "  and order_id in (select order_id from plan_row where late > 0"
        "   and order_id in (select value from json_each(?))) group by 1, 2, 3, 4"
        ") j join plan_row p using (order_id, part_id, node, printer) where p.late > 0",
        (JobState.OPEN, msgspec.json.encode(sorted(orders)).decode()),
    )
    return {tuple(row)[:4]: row[4] for row in rows}


def _keep_rows(
    db: sqlite3.Connection,
    rows: Iterable[PrinterRow],
    late: Mapping[tuple[str, str, str, str], int],
    now: datetime,
) -> None:
    """A plan for a rest says nothing of when the plates from before are done: that stays.

    `late` are pieces of those that are expected after the day: they are so besides its own.
    """
    db.executemany(
        "insert into plan_row (order_id, part_id, node, printer, pieces, plates, late, grams, km,"
        " done_at, reasons, at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (order_id, part_id, node, printer) do update set pieces = excluded.pieces,"
        " plates = excluded.plates, grams = excluded.grams,"
        " late = case when excluded.plates then excluded.late else late end,"
        " km = excluded.km, done_at = coalesce(excluded.done_at, done_at),"
        " reasons = excluded.reasons, at = excluded.at",
        (
            (
                row.order_id, row.part_id, row.node, row.printer, row.pieces, row.plates,
                row.late + late.get((row.order_id, row.part_id, row.node, row.printer), 0),
                row.grams, row.km, None if row.done_at is None else row.done_at.isoformat(),
                pack_reasons(row.reasons), now.isoformat(),
            )
            for row in rows
        ),
    )  # fmt: skip


def _plate_sha(
    library: Library, facts: Snapshot, run: Run, known: dict[tuple[str, Bed, int], str]
) -> str:
    part = facts.parts[run.order_id, run.part_id]
    if isinstance(part, OtherPart):
        return part.pattern_sha256
    bed = facts.printers[run.node, run.printer].bed
    mesh = part.facts.mesh_sha256
    kind = (mesh, bed, run.copies)
    if kind not in known:
        layout = library.max_layout(mesh, bed)
        known[kind] = library.plate(mesh, layout, run.copies).sha256
    return known[kind]


def _add_jobs(
    db: sqlite3.Connection, facts: Snapshot, runs: Iterable[tuple[Run, str]], now: datetime
) -> int:
    """Add a job for every plate whose pieces still have no place; return how many."""
    rows = db.execute(
        "select l.order_id, l.part_id, l.deficit from line l join orders o on o.id = l.order_id"
        f" where o.state = ? and l.deficit > 0 and {NOT_STOPPED}",
        (OrderState.CONFIRMED,),
    )
    left = {(row["order_id"], row["part_id"]): int(row["deficit"]) for row in rows}
    placed: set[tuple[str, str]] = set()
    jobs: list[tuple[object, ...]] = []
    for run, sha256 in runs:
        line = (run.order_id, run.part_id)
        count = min(run.count, left.get(line, 0) // run.copies)
        if count < 1:
            continue
        left[line] -= count * run.copies
        placed.add(line)
        rest = (
            *line, run.copies, run.material, facts.parts[line].source_sha256, sha256, run.node,
            run.printer, run.seconds, run.grams, JobState.OPEN, now.isoformat(), int(run.set_back),
        )  # fmt: skip
        jobs += [(new_id(), *rest) for _ in range(count)]
    db.executemany(
        "insert into job (id, order_id, part_id, pieces, material, mesh_sha256, plate_sha256, node,"
        " printer, seconds, grams, state, created_at, set_back)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        jobs,
    )
    db.executemany(
        "update line set deficit = ?, reasons = '[]' where order_id = ? and part_id = ?",
        [(left[line], *line) for line in sorted(placed)],
    )
    return len(jobs)
