"""Plans what is still to be made. The plan is made outside any transaction, on a snapshot.

Nests and plate files take seconds; applying a plan takes milliseconds and re-checks that the
pieces it places are still unplaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from designs.library import Library
from designs.materials import material as material_of
from designs.model import Bed, OtherPart, Part, PartFacts
from jobs import hours, plan_audit
from jobs.assign import DECLINE_REST
from jobs.estimate import GENERIC_030, Coefficients, estimate
from jobs.fleet import Fit, FleetPrinter, Need, km_between
from jobs.ledger import labs, recalls, views
from jobs.ledger.coefficients import fitted
from jobs.ledger.figures import PlateFigures, PlateKind, known
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import event, live_attempt, new_id, pack_reasons
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import JobState, OrderState
from jobs.planned import Plan, PlannedPlate, PrinterRow
from jobs.split import split
from jobs.stock import Forecast, Weight, forecast
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
    parts: Mapping[tuple[str, str], Part | OtherPart]  # by (order, part)
    figures: Mapping[PlateKind, PlateFigures]  # what slicers said of plates
    coefficients: Mapping[str, Coefficients]  # of presets whose estimate was fitted to that


def snapshot(
    ledger: Ledger, library: Library, now: datetime, hub: tuple[float, float] | None = None
) -> Snapshot:
    """Read what is still to be made and who could make it.

    `hub` is where lots are gathered (latitude, longitude); None leaves distances out.
    """
    db = ledger.reading
    rows = db.execute(
        "select l.order_id, l.part_id, l.deficit, o.due, o.revision_id from line l"
        " join orders o on o.id = l.order_id where o.state = ? and l.deficit > 0"
        f" and {NOT_STOPPED}"
        " order by l.order_id, l.part_id",
        (OrderState.CONFIRMED,),
    ).fetchall()
    declined = _declined(db, now) if rows else {}
    needs, parts = [], {}
    for row in rows:
        revision = library.revision(row["revision_id"])
        part = next(p for p in revision.made if p.id == row["part_id"])
        parts[row["order_id"], row["part_id"]] = part
        needs.append(
            Need(
                order_id=row["order_id"],
                part_id=row["part_id"],
                pieces=row["deficit"],
                per_kit=part.per_kit,
                due=views.day(row["due"]),
                declined=tuple(sorted(declined.get((row["order_id"], row["part_id"]), {}).items())),
                materials=part.materials,
                mesh_sha256=part.source_sha256,
                process=part.process,
            )
        )
    # Who could make it is asked only where there is something to make.
    fleet, printers = _fleet(db, hub, now) if needs else ((), {})
    return Snapshot(
        needs=tuple(needs),
        fleet=fleet,
        printers=printers,
        parts=parts,
        figures=known(db) if needs else {},
        coefficients=fitted(db) if needs else {},
    )


def _declined(db: sqlite3.Connection, now: datetime) -> dict[tuple[str, str], dict[str, str]]:
    """Return what labs declined, or left unanswered, of an order's part, and have not changed since."""
    rows = db.execute(
        "select j.order_id, j.part_id, a.node, a.reason from attempt a join job j on j.id = a.job_id"
        " join node n on n.id = a.node where a.state in (?, ?) and a.ended_at > ? and a.ended_at <= ?"
        " and (n.changed_at is null or n.changed_at <= a.ended_at) order by a.ended_at",
        (
            AttemptState.DECLINED,
            AttemptState.LAPSED,
            (now - DECLINE_REST).isoformat(),
            now.isoformat(),  # what lies in the future of a clock that was set back counts no more
        ),
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for order_id, part_id, node, reason in rows:
        found.setdefault((order_id, part_id), {})[node] = reason
    return found


def _fleet(
    db: sqlite3.Connection, hub: tuple[float, float] | None, now: datetime
) -> tuple[tuple[FleetPrinter, ...], dict[tuple[str, str], PrinterFacts]]:
    fleet, facts = [], {}
    load = _load(db)
    given, suspects = labs.given_s(db, now), recalls.suspects(db)
    for node in labs.fleet(db):
        bound = given.get(node.id, 0.0) + _open_s(db, node.id) if node.weekly_h else 0.0
        for printer in node.printers:
            key = (node.id, printer.facts.id)
            facts[key] = printer.facts
            spool = printer.facts.spool
            queue_s, grams = load.get(key, ((), 0.0))
            broken = printer.state in (PrinterState.FAULT, PrinterState.OFFLINE)
            fleet.append(
                FleetPrinter(
                    node=node.id,
                    printer=printer.facts.id,
                    online=node.online,
                    paused=node.paused,
                    fault=(printer.fault or printer.state) if node.online and broken else "",
                    out_of_service=printer.facts.out_of_service or key in suspects,
                    out_until=printer.facts.out_until,
                    material=printer.facts.works_in,
                    grams=0.0 if spool is None else max(0.0, spool.grams - grams),
                    queue_s=queue_s,
                    attended=hours.parse(node.attended),
                    unattended=printer.facts.unattended,
                    utc_offset_min=node.utc_offset_min,
                    km=km_between(node.place, hub) if node.place and hub else None,
                    weekly_h=node.weekly_h,
                    week_left_s=labs.week_left_s(node.weekly_h, bound),
                    process=printer.facts.process,
                )
            )
    return tuple(fleet), facts


def _open_s(db: sqlite3.Connection, node: str) -> float:
    """Return the seconds of the jobs that a lab's plan has for it, and that are not offered yet."""
    row = db.execute(
        "select coalesce(sum(j.seconds), 0) from job j where j.node = ? and j.state = ?"
        f" and not exists ({live_attempt('j.id')})",
        (node, JobState.OPEN),
    ).fetchone()
    return float(row[0])


def _load(db: sqlite3.Connection) -> dict[tuple[str, str], tuple[tuple[float, ...], float]]:
    """Return the plates (in seconds) and the grams that each printer is already bound to."""
    found: dict[tuple[str, str], tuple[tuple[float, ...], float]] = {}
    for row in _bound(db):
        key = (row["node"], row["printer"])
        queue_s, used_g = found.get(key, ((), 0.0))
        found[key] = ((*queue_s, float(row["seconds"])), used_g + float(row["grams"]))
    return found


def _bound(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the plates that printers are bound to: what they hold, then what is planned for them."""
    states = ",".join(f"'{state}'" for state in _RESERVING)
    return db.execute(
        f"""
        select a.node, a.printer, coalesce(a.seconds, j.seconds) as seconds,
          coalesce(a.grams, j.grams) as grams, j.material, 0 as rank, a.created_at as at, j.id
        from attempt a join job j on j.id = a.job_id where a.state in ({states})
        union all
        select j.node, j.printer, j.seconds, j.grams, j.material, 1, j.created_at, j.id from job j
        where j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")})
        order by rank, at, 8
        """
    ).fetchall()


def stock(ledger: Ledger, now: datetime) -> Forecast:
    """Return what all that is planned will use of the spools, and where they do not reach."""
    db = ledger.reading
    plates: dict[tuple[str, str], list[Weight]] = {}
    for row in _bound(db):
        weight = Weight(
            material=row["material"], seconds=float(row["seconds"]), grams=float(row["grams"])
        )
        plates.setdefault((row["node"], row["printer"]), []).append(weight)
    fleet, facts = _fleet(db, None, now)
    spools = {
        key: 0.0 if about.spool is None else about.spool.grams for key, about in facts.items()
    }
    whole = [
        replace(printer, grams=spools[printer.node, printer.printer], queue_s=())
        for printer in fleet
    ]
    return forecast(
        [(printer, plates.get((printer.node, printer.printer), ())) for printer in whole], now
    )


def make(facts: Snapshot, library: Library, now: datetime) -> Plan:
    """Make a plan from a snapshot; slow where a part meets a bed for the first time.

    Raises:
        UnsoundPlanError: the plan breaks a rule; it must not be applied.
    """
    fits = fits_of(facts, library)
    plan = split(facts.needs, facts.fleet, fits, now)
    plan_audit.check(plan, facts.needs, facts.fleet, fits, now)
    return plan


def fits_of(facts: Snapshot, library: Library) -> dict[tuple[str, str, str], Fit]:
    """Return how every part lies on every printer, by (mesh_sha256, node, printer).

    Printers of one make with the same material share one value.
    """
    found: dict[tuple[str, str, str], Fit] = {}
    parts = {n.mesh_sha256: facts.parts[n.order_id, n.part_id] for n in reversed(facts.needs)}
    for mesh, part in parts.items():
        known: dict[tuple[object, ...], Fit] = {}
        for printer in facts.fleet:
            key = (printer.node, printer.printer)
            about = facts.printers[key]
            kind = (
                about.preset, bed_of(about), about.height_mm, printer.material, about.rate_per_h
            )  # fmt: skip
            if kind not in known:
                known[kind] = _fit_of(part, printer.material, about, library, facts)
            found[mesh, *key] = known[kind]
    return found


def _fit_of(
    part: Part | OtherPart,
    loaded: str | None,
    about: PrinterFacts,
    library: Library,
    facts: Snapshot,
) -> Fit:
    if isinstance(part, OtherPart) or about.process != part.process:
        return _by_hand(part, about)
    fit = _fit(part, loaded, about, library, facts.coefficients.get(about.preset, GENERIC_030))
    return replace(fit, sliced=_sliced(part, loaded, about, fit.most, facts.figures))


def _by_hand(part: Part | OtherPart, facts: PrinterFacts) -> Fit:
    """Return what a person makes in one go: up to an hour's pieces, at her rate; none by another process."""
    if part.process != facts.process:
        return Fit(
            most=0, needed_mm=0.0, bed_mm=0.0, seconds_first=0.0, seconds_more=0.0, grams_each=0.0
        )
    each_s = facts.pieces_s(1)
    return Fit(
        most=max(1, int(facts.rate_per_h)), needed_mm=0.0, bed_mm=0.0, seconds_first=each_s,
        seconds_more=each_s, grams_each=0.0,
    )  # fmt: skip


def _sliced(
    part: Part,
    loaded: str | None,
    facts: PrinterFacts,
    most: int,
    figures: Mapping[PlateKind, PlateFigures],
) -> tuple[tuple[int, float, float], ...]:
    """Return (copies, seconds, grams) of the plates that a slicer has measured for this printer."""
    found = []
    for copies in range(1, most + 1):
        kind = PlateKind(
            mesh_sha256=part.facts.mesh_sha256,
            copies=copies,
            preset=facts.preset,
            material=loaded or "",
        )
        if kind in figures:
            found.append((copies, figures[kind].seconds, figures[kind].grams))
    return tuple(found)


def bed_of(facts: PrinterFacts) -> Bed:
    """Return the bed of a printer."""
    return Bed(x_mm=facts.bed_x_mm, y_mm=facts.bed_y_mm, margin_mm=facts.margin_mm)


def _fit(
    part: Part,
    loaded: str | None,
    facts: PrinterFacts,
    library: Library,
    profile: Coefficients,
) -> Fit:
    bed = bed_of(facts)
    needed_mm, bed_mm, tall = _longest(part.facts, facts)
    most = 0 if tall else len(library.max_layout(part.facts.mesh_sha256, bed).placements)
    code = loaded if loaded in part.materials else part.materials[0]
    density = material_of(code).density_g_cm3
    one = estimate(part.facts, 1, density, profile)
    two = estimate(part.facts, 2, density, profile)
    return Fit(
        most=most,
        needed_mm=needed_mm,
        bed_mm=bed_mm,
        seconds_first=one.seconds,
        seconds_more=two.seconds - one.seconds,
        grams_each=one.grams,
    )


def _longest(part: PartFacts, printer: PrinterFacts) -> tuple[float, float, bool]:
    """Return what the part needs, what the printer has, and whether it is about the height."""
    width, depth, height = part.extents_mm
    if height > printer.height_mm:
        return height, printer.height_mm, True
    needed, bed = max(width, depth), max(printer.bed_x_mm, printer.bed_y_mm)
    # Where the bed itself is long enough, what counts is what its margins leave.
    return needed, bed if needed > bed else bed - 2 * printer.margin_mm, False


def apply(ledger: Ledger, library: Library, facts: Snapshot, plan: Plan, now: datetime) -> int:
    """Turn a plan into jobs; return how many. Pieces that were placed meanwhile are left alone."""
    known: dict[tuple[str, Bed, int], str] = {}
    shas = [_plate_sha(library, facts, plate, known) for plate in plan.plates]
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
            _keep_row(db, row, now)
        not_before = {bound.order_id: bound.not_before.isoformat() for bound in plan.bounds}
        db.executemany(
            "update orders set not_before = ? where id = ?",
            [(not_before.get(order), order) for order in {n.order_id for n in facts.needs}],
        )
        for order_id in {need.order_id for need in facts.needs}:
            pieces = sum(p.copies for p in plan.plates if p.order_id == order_id)
            short_of = sum(s.pieces for s in plan.shortfalls if s.order_id == order_id)
            event(db, order_id, "planned", "fabnet", order_id, now, pieces=pieces, short=short_of)
    return made


def _keep_row(db: sqlite3.Connection, row: PrinterRow, now: datetime) -> None:
    """A plan for a rest says nothing of when the plates from before are done: that stays."""
    db.execute(
        "insert into plan_row (order_id, part_id, node, printer, pieces, plates, late, grams, km,"
        " done_at, reasons, at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (order_id, part_id, node, printer) do update set pieces = excluded.pieces,"
        " plates = excluded.plates, grams = excluded.grams,"
        " late = case when excluded.plates then excluded.late else late end,"
        " km = excluded.km, done_at = coalesce(excluded.done_at, done_at),"
        " reasons = excluded.reasons, at = excluded.at",
        (
            row.order_id,
            row.part_id,
            row.node,
            row.printer,
            row.pieces,
            row.plates,
            row.late,
            row.grams,
            row.km,
            None if row.done_at is None else row.done_at.isoformat(),
            pack_reasons(row.reasons),
            now.isoformat(),
        ),
    )


def _plate_sha(
    library: Library, facts: Snapshot, plate: PlannedPlate, known: dict[tuple[str, Bed, int], str]
) -> str:
    part = facts.parts[plate.order_id, plate.part_id]
    if isinstance(part, OtherPart):
        return part.pattern_sha256
    bed = bed_of(facts.printers[plate.node, plate.printer])
    mesh = part.facts.mesh_sha256
    kind = (mesh, bed, plate.copies)
    if kind not in known:
        layout = library.max_layout(mesh, bed)
        known[kind] = library.plate(mesh, layout, plate.copies).sha256
    return known[kind]


def _add_job(
    db: sqlite3.Connection, facts: Snapshot, plate: PlannedPlate, sha256: str, now: datetime
) -> int:
    taken = db.execute(
        "update line set deficit = deficit - ?1, reasons = '[]' where order_id = ?2"
        " and part_id = ?3 and deficit >= ?1 and exists"
        f" (select 1 from orders o where o.id = ?2 and o.state = ?4 and {NOT_STOPPED})",
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
            facts.parts[plate.order_id, plate.part_id].source_sha256,
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
