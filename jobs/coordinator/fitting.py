"""What a plan is made from, and how every part of it lies on every printer.

Slow where a part meets a bed for the first time: the library makes a nest and keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from designs.errors import DesignError
from designs.library import Library
from designs.materials import material as material_of
from designs.model import OtherPart, Part, PartFacts, Revision
from jobs.estimate import GENERIC_030, Coefficients, estimate
from jobs.fleet import Fit, FleetPrinter, Need
from jobs.ledger.cells import UNREADABLE
from jobs.ledger.figures import PlateFigures, PlateKind
from printers.model import PrinterFacts

#: What tells that the ledger's or the library's word on one thing is lost or cannot be used.
UNUSABLE = (*UNREADABLE, DesignError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a plan is made from; two equal snapshots give the same plan."""

    needs: tuple[Need, ...]
    fleet: tuple[FleetPrinter, ...]
    printers: Mapping[tuple[str, str], PrinterFacts]
    parts: Mapping[tuple[str, str], Part | OtherPart]  # by (order, part)
    figures: Mapping[PlateKind, PlateFigures]  # what slicers said of plates
    coefficients: Mapping[str, Coefficients]  # of presets whose estimate was fitted to that
    earlier: Mapping[str, tuple[str, ...]]  # of patterns, see `earlier_patterns`
    #: Orders that are left out, and why: of what was asked, something is lost or cannot be read.
    unread: Mapping[str, str] = field(default_factory=dict)


#: Of a part that a printer cannot make at all.
_NOTHING = Fit(
    most=0, needed_mm=0.0, bed_mm=0.0, seconds_first=0.0, seconds_more=0.0, grams_each=0.0
)


def earlier_patterns(revisions: Iterable[Revision]) -> dict[str, tuple[str, ...]]:
    """Return by pattern what its part was made from in older revisions, the newest of them first.

    A rate that was said of one holds for the next revision until another one is said. `revisions`
    are in the order in which they were added.
    """
    found: dict[str, tuple[str, ...]] = {}
    seen: dict[tuple[str, str], tuple[str, ...]] = {}
    for revision in revisions:
        for part in revision.others:
            if part.pattern_sha256:
                before = seen.get((revision.design, part.id), ())
                found.setdefault(part.pattern_sha256, before)
                seen[revision.design, part.id] = (part.pattern_sha256, *before)
    return found


def fits_of(
    facts: Snapshot, library: Library
) -> tuple[dict[tuple[str, str, str], Fit], dict[str, Exception]]:
    """Return how every part lies on every printer, by (mesh_sha256, node, printer).

    Printers of one make with the same material share one value. A part that cannot be measured on some
    printers is made by the others. By order is returned besides what was raised where one of its parts
    can be measured on none: no such order can be planned, and all others can.
    """
    found: dict[tuple[str, str, str], Fit] = {}
    failed: dict[str, Exception] = {}
    # Two revisions with one mesh are told apart: what is wrong in one says nothing of the other.
    said: dict[object, list[tuple[Need, Part | OtherPart]]] = {}
    for need in facts.needs:
        part = facts.parts[need.order_id, need.part_id]
        about = part.facts if isinstance(part, Part) else part.process
        said.setdefault((need.mesh_sha256, about, part.materials), []).append((need, part))
    for alike in said.values():
        need, part = alike[0]
        on_printers, error = _on_printers(need.mesh_sha256, part, facts, library)
        if error is None:
            for key, fit in on_printers.items():
                found.setdefault(key, fit)
        else:
            failed |= {need.order_id: error for need, _ in alike}
    return found, failed


def _on_printers(
    mesh: str, part: Part | OtherPart, facts: Snapshot, library: Library
) -> tuple[dict[tuple[str, str, str], Fit], Exception | None]:
    """Return how a part lies on printers; and what was raised, where that is so on all that are not odd."""
    found: dict[tuple[str, str, str], Fit] = {}
    known: dict[tuple[object, ...], Fit | None] = {}
    raised: Exception | None = None
    for printer in facts.fleet:
        key = (printer.node, printer.printer)
        if printer.odd:
            found[mesh, *key] = _NOTHING
            continue
        about = facts.printers[key]
        kind = (
            about.preset, about.bed, about.height_mm, printer.material, about.rate_per_h,
            about.rates,
        )  # fmt: skip
        if kind not in known:
            try:
                known[kind] = _fit_of(part, printer.material, about, library, facts)
            except UNUSABLE as error:
                known[kind], raised = None, raised or error
        if (fit := known[kind]) is not None:
            found[mesh, *key] = fit
    return found, raised if all(fit is None for fit in known.values()) else None


def _fit_of(
    part: Part | OtherPart,
    loaded: str | None,
    about: PrinterFacts,
    library: Library,
    facts: Snapshot,
) -> Fit:
    if isinstance(part, OtherPart) or about.process != part.process:
        return _by_hand(part, about, facts.earlier.get(part.source_sha256, ()))
    fit = _fit(part, loaded, about, library, facts.coefficients.get(about.preset, GENERIC_030))
    return replace(fit, sliced=_sliced(part, loaded, about, fit.most, facts.figures))


def _by_hand(part: Part | OtherPart, facts: PrinterFacts, earlier: tuple[str, ...]) -> Fit:
    """Return what a person makes in one go: up to an hour's pieces, at her rate; none by another process."""
    if part.process != facts.process:
        return _NOTHING
    per_h = facts.rate_of(part.source_sha256, *earlier)
    each_s = 3600.0 / per_h
    return Fit(
        most=max(1, int(per_h)), needed_mm=0.0, bed_mm=0.0, seconds_first=each_s,
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


def _fit(
    part: Part,
    loaded: str | None,
    facts: PrinterFacts,
    library: Library,
    profile: Coefficients,
) -> Fit:
    needed_mm, bed_mm, tall = _longest(part.facts, facts)
    most = 0 if tall else len(library.max_layout(part.facts.mesh_sha256, facts.bed).placements)
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
