"""Plans what is still to be made. The plan is made outside any transaction, on a snapshot.

Nests and plate files take seconds; applying a plan takes milliseconds and re-checks that the
pieces it places are still unplaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from designs.library import Library
from designs.materials import material as material_of
from designs.model import Bed, Part
from jobs.estimate import estimate
from jobs.ledger import views
from jobs.ledger.rows import event, live_attempt, new_id, pack_reasons
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import JobState, OrderState
from jobs.split import Fit, FleetPrinter, Need, Plan, PlannedPlate, split
from printers.model import PrinterFacts, PrinterState

#: Attempts whose filament is not in the grams that a node reports.
_RESERVING = (
    AttemptState.OFFERED,
    AttemptState.TAKEN,
    AttemptState.PREPARING,
    AttemptState.READY,
    AttemptState.GRANTED,
    AttemptState.PRINTING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a plan is made from; two equal snapshots give the same plan."""

    needs: tuple[Need, ...]
    fleet: tuple[FleetPrinter, ...]
    printers: Mapping[tuple[str, str], PrinterFacts]
    parts: Mapping[tuple[str, str], Part]  # by (order, part)


def snapshot(ledger: Ledger, library: Library) -> Snapshot:
    """Read what is still to be made and who could make it."""
    db = ledger.reading
    rows = db.execute(
        "select l.order_id, l.part_id, l.deficit, o.due, o.revision_id from line l"
        " join orders o on o.id = l.order_id where o.state = ? and l.deficit > 0"
        " order by l.order_id, l.part_id",
        (OrderState.CONFIRMED,),
    ).fetchall()
    needs, parts = [], {}
    for row in rows:
        revision = library.revision(row["revision_id"])
        part = next(p for p in revision.parts if p.id == row["part_id"])
        parts[row["order_id"], row["part_id"]] = part
        needs.append(
            Need(
                order_id=row["order_id"],
                part_id=row["part_id"],
                pieces=row["deficit"],
                due=views.day(row["due"]),
                materials=part.materials,
                mesh_sha256=part.facts.mesh_sha256,
            )
        )
    fleet, printers = _fleet(db)
    return Snapshot(needs=tuple(needs), fleet=fleet, printers=printers, parts=parts)


def _fleet(
    db: sqlite3.Connection,
) -> tuple[tuple[FleetPrinter, ...], dict[tuple[str, str], PrinterFacts]]:
    fleet, facts = [], {}
    load = _load(db)
    for node in views.fleet(db):
        for printer in node.printers:
            key = (node.id, printer.facts.id)
            facts[key] = printer.facts
            spool = printer.facts.spool
            busy_s, grams = load.get(key, (0.0, 0.0))
            fleet.append(
                FleetPrinter(
                    node=node.id,
                    printer=printer.facts.id,
                    online=node.online and printer.state is not PrinterState.FAULT,
                    paused=node.paused,
                    material=None if spool is None else spool.material,
                    grams=0.0 if spool is None else max(0.0, spool.grams - grams),
                    busy_s=busy_s,
                )
            )
    return tuple(fleet), facts


def _load(db: sqlite3.Connection) -> dict[tuple[str, str], tuple[float, float]]:
    """Return seconds and grams that each printer is already bound to."""
    states = ",".join(f"'{state}'" for state in _RESERVING)
    rows = db.execute(
        f"""
        select node, printer, sum(seconds), sum(grams) from (
          select a.node, a.printer, coalesce(a.seconds, j.seconds) as seconds,
            coalesce(a.grams, j.grams) as grams
          from attempt a join job j on j.id = a.job_id where a.state in ({states})
          union all
          select j.node, j.printer, j.seconds, j.grams from job j
          where j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")})
        ) group by node, printer
        """
    )
    return {(r[0], r[1]): (float(r[2]), float(r[3])) for r in rows}


def make(facts: Snapshot, library: Library) -> Plan:
    """Make a plan from a snapshot; slow where a part meets a bed for the first time."""
    fits = {}
    for need in facts.needs:
        part = facts.parts[need.order_id, need.part_id]
        for printer in facts.fleet:
            key = (printer.node, printer.printer)
            fits[need.mesh_sha256, *key] = _fit(
                part, printer.material, facts.printers[key], library
            )
    return split(facts.needs, facts.fleet, fits)


def bed_of(facts: PrinterFacts) -> Bed:
    """Return the bed of a printer."""
    return Bed(x_mm=facts.bed_x_mm, y_mm=facts.bed_y_mm, margin_mm=facts.margin_mm)


def _fit(
    part: Part,
    loaded: str | None,
    facts: PrinterFacts,
    library: Library,
) -> Fit:
    size = part.facts.extents_mm
    tall = size[2] > facts.height_mm
    bed = bed_of(facts)
    most = 0 if tall else len(library.max_layout(part.facts.mesh_sha256, bed).placements)
    code = loaded if loaded in part.materials else part.materials[0]
    density = material_of(code).density_g_cm3
    one = estimate(part.facts, 1, density)
    two = estimate(part.facts, 2, density)
    return Fit(
        most=most,
        needed_mm=size[2] if tall else max(size[0], size[1]),
        bed_mm=facts.height_mm if tall else max(bed.x_mm, bed.y_mm) - 2 * bed.margin_mm,
        seconds_first=one.seconds,
        seconds_more=two.seconds - one.seconds,
        grams_each=one.grams,
    )


def apply(ledger: Ledger, library: Library, facts: Snapshot, plan: Plan, now: datetime) -> int:
    """Turn a plan into jobs; return how many. Pieces that were placed meanwhile are left alone."""
    shas = [_plate_sha(library, facts, plate) for plate in plan.plates]
    made = 0
    with ledger.transaction() as db:
        for plate, sha256 in zip(plan.plates, shas, strict=True):
            made += _add_job(db, facts, plate, sha256, now)
        for short in plan.shortfalls:
            db.execute(
                "update line set reasons = ? where order_id = ? and part_id = ?",
                (pack_reasons(short.reasons), short.order_id, short.part_id),
            )
        for row in plan.rows:
            db.execute(
                "insert into plan_row (order_id, part_id, node, printer, pieces, plates, reasons, at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (order_id, part_id, node, printer)"
                " do update set pieces = excluded.pieces, plates = excluded.plates,"
                " reasons = excluded.reasons, at = excluded.at",
                (
                    row.order_id,
                    row.part_id,
                    row.node,
                    row.printer,
                    row.pieces,
                    row.plates,
                    pack_reasons(row.reasons),
                    now.isoformat(),
                ),
            )
        for order_id in {need.order_id for need in facts.needs}:
            pieces = sum(p.copies for p in plan.plates if p.order_id == order_id)
            short_of = sum(s.pieces for s in plan.shortfalls if s.order_id == order_id)
            event(db, order_id, "planned", "fabnet", order_id, now, pieces=pieces, short=short_of)
    return made


def _plate_sha(library: Library, facts: Snapshot, plate: PlannedPlate) -> str:
    printer = facts.printers[plate.node, plate.printer]
    mesh = facts.parts[plate.order_id, plate.part_id].facts.mesh_sha256
    layout = library.max_layout(mesh, bed_of(printer))
    return library.plate(mesh, layout, plate.copies).sha256


def _add_job(
    db: sqlite3.Connection, facts: Snapshot, plate: PlannedPlate, sha256: str, now: datetime
) -> int:
    taken = db.execute(
        "update line set deficit = deficit - ?1, reasons = '[]' where order_id = ?2"
        " and part_id = ?3 and deficit >= ?1 and exists"
        " (select 1 from orders o where o.id = ?2 and o.state = ?4)",
        (plate.copies, plate.order_id, plate.part_id, OrderState.CONFIRMED),
    )
    if taken.rowcount == 0:
        return 0
    db.execute(
        "insert into job (id, order_id, part_id, pieces, material, mesh_sha256, plate_sha256, node,"
        " printer, seconds, grams, state, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new_id(),
            plate.order_id,
            plate.part_id,
            plate.copies,
            plate.material,
            facts.parts[plate.order_id, plate.part_id].facts.mesh_sha256,
            sha256,
            plate.node,
            plate.printer,
            plate.seconds,
            plate.grams,
            JobState.OPEN,
            now.isoformat(),
        ),
    )
    return 1
