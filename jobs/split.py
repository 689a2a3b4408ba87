"""Splits what is still to be made over the printers of the network.

Pure and deterministic: the same facts give the same plan, in whatever order they are passed.
Plates go to the printer that would finish them first (list scheduling by earliest completion),
full plates before part plates, orders by due date. What cannot be placed comes back as a
shortfall with the reasons, and every printer gets a row that says what it got or why nothing.
Leaves the choice of the moment to offer to `jobs.assign`, and nesting to `designs.packing`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from jobs.model import Reason, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Pieces of one part of one order that are in no job."""

    order_id: str
    part_id: str
    pieces: int
    due: date
    materials: tuple[str, ...]  # allowed codes
    mesh_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPrinter:
    """A printer as the plan sees it now."""

    node: str
    printer: str
    online: bool
    paused: bool
    material: str | None  # loaded; None without a spool
    grams: float  # on the spool, less what live attempts will use
    busy_s: float  # until what it already has is printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How one part lies on one printer's bed, and what a plate of it costs."""

    most: int  # copies on a full plate; 0 when not even one fits
    needed_mm: float  # the part's longer side
    bed_mm: float  # the bed's usable longer side
    seconds_first: float  # a plate of k takes seconds_first + (k - 1) * seconds_more
    seconds_more: float
    grams_each: float

    def seconds(self, copies: int) -> float:
        """Estimate for a plate of `copies`."""
        return self.seconds_first + (copies - 1) * self.seconds_more


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPlate:
    """One plate for one printer: will be a job."""

    order_id: str
    part_id: str
    node: str
    printer: str
    material: str
    copies: int
    seconds: float
    grams: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Pieces that no printer can make now, with every reason once."""

    order_id: str
    part_id: str
    pieces: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterRow:
    """What one printer got of one need, or why it got nothing."""

    order_id: str
    part_id: str
    node: str
    printer: str
    plates: int
    pieces: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole answer; plates in the order they should be offered."""

    plates: tuple[PlannedPlate, ...]
    shortfalls: tuple[Shortfall, ...]
    rows: tuple[PrinterRow, ...]


def split(
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
) -> Plan:
    """Plan all needs on the fleet.

    Args:
        needs: at most one per order and part.
        fleet: at most one per node and printer.
        fits: by (mesh_sha256, node, printer); a printer without an entry was not measured and
            gets nothing of that part.
    """
    state = {(p.node, p.printer): p for p in fleet}
    plates: list[PlannedPlate] = []
    shortfalls: list[Shortfall] = []
    rows: list[PrinterRow] = []
    for need in sorted(needs, key=lambda n: (n.due, n.order_id, n.part_id)):
        placed = _place(need, state, fits)
        plates += placed
        left = need.pieces - sum(plate.copies for plate in placed)
        rows += _rows(need, placed, state, fits)
        if left:
            shortfalls.append(_shortfall(need, left, state, fits))
    return Plan(plates=tuple(plates), shortfalls=tuple(shortfalls), rows=tuple(rows))


def _place(
    need: Need,
    state: dict[tuple[str, str], FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
) -> list[PlannedPlate]:
    """Give plates to the printers that finish them first; update `state`."""
    left = need.pieces
    placed: list[PlannedPlate] = []
    queue: list[tuple[float, str, str, int]] = []

    def offer(key: tuple[str, str]) -> None:
        printer = state[key]
        fit = fits.get((need.mesh_sha256, *key))
        if fit is None or exclusion(need, printer, fit) is not None:
            return
        copies = min(fit.most, left, int(printer.grams // fit.grams_each))
        heapq.heappush(queue, (printer.busy_s + fit.seconds(copies), *key, copies))

    for key in state:
        offer(key)
    while left and queue:
        _, node, name, copies = heapq.heappop(queue)
        if copies > left:
            offer((node, name))
            continue
        printer, fit = state[node, name], fits[need.mesh_sha256, node, name]
        plate = PlannedPlate(
            order_id=need.order_id,
            part_id=need.part_id,
            node=node,
            printer=name,
            material=printer.material or "",
            copies=copies,
            seconds=fit.seconds(copies),
            grams=copies * fit.grams_each,
        )
        placed.append(plate)
        left -= copies
        state[node, name] = replace(
            printer, grams=printer.grams - plate.grams, busy_s=printer.busy_s + plate.seconds
        )
        if left:
            offer((node, name))
    return placed


def exclusion(need: Need, printer: FleetPrinter, fit: Fit) -> Reason | None:
    """Return why this printer can make nothing of the need now; None when it can."""
    node, name = printer.node, printer.printer
    if fit.most < 1:
        return Reason(
            code=ReasonCode.BED, needed=fit.needed_mm, available=fit.bed_mm, node=node, printer=name
        )
    if printer.material is None:
        return Reason(code=ReasonCode.NO_SPOOL, node=node, printer=name)
    if printer.material not in need.materials:
        return Reason(code=ReasonCode.MATERIAL, text=printer.material, node=node, printer=name)
    if printer.grams < fit.grams_each:
        return Reason(
            code=ReasonCode.STOCK,
            needed=fit.grams_each,
            available=printer.grams,
            node=node,
            printer=name,
        )
    if printer.paused:
        return Reason(code=ReasonCode.PAUSED, node=node, printer=name)
    if not printer.online:
        return Reason(code=ReasonCode.OFFLINE, node=node, printer=name)
    return None


def _rows(
    need: Need,
    placed: list[PlannedPlate],
    state: Mapping[tuple[str, str], FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
) -> list[PrinterRow]:
    rows = []
    for (node, name), printer in sorted(state.items()):
        mine = [p for p in placed if (p.node, p.printer) == (node, name)]
        fit = fits.get((need.mesh_sha256, node, name))
        why = None if fit is None else exclusion(need, printer, fit)
        rows.append(
            PrinterRow(
                order_id=need.order_id,
                part_id=need.part_id,
                node=node,
                printer=name,
                plates=len(mine),
                pieces=sum(p.copies for p in mine),
                reasons=() if mine or why is None else (why,),
            )
        )
    return rows


def _shortfall(
    need: Need,
    left: int,
    state: Mapping[tuple[str, str], FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
) -> Shortfall:
    reasons = [
        why
        for key, printer in sorted(state.items())
        if (fit := fits.get((need.mesh_sha256, *key))) is not None
        and (why := exclusion(need, printer, fit)) is not None
    ]
    if not state:
        reasons = [Reason(code=ReasonCode.NO_NODE)]
    return Shortfall(
        order_id=need.order_id,
        part_id=need.part_id,
        pieces=left,
        reasons=tuple(reasons) or (Reason(code=ReasonCode.NOT_PLANNED),),
    )
