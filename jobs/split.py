"""Splits what is still to be made over the printers of the network.

Pure and deterministic: the same facts give the same plan, in whatever order they are passed.
Orders go by due date. Within an order the part that is furthest behind comes next, and where not all
fits, only what makes whole kits is placed. A plate goes to the printer with the lowest cost: when it
would be printed, and what the way and a parcel more are worth; one that can still be in time goes
before any that cannot. Full plates go before part plates. What cannot be placed comes back as a
shortfall with the reasons, and every printer gets a row that says what it got, or why nothing.

Leaves whether a printer can make a part at all to `jobs.fleet`, the moment to offer to
`jobs.assign`, and nesting to `designs.packing`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from jobs.fleet import Fit, FleetPrinter, Need, copies_for, exclusion
from jobs.model import Reason, ReasonCode

#: What a kilometre between lab and hub is worth, in seconds of waiting: 100 km are an hour.
KM_S = 36.0
#: What one more lab in an order is worth, in seconds: a parcel more to send, announce and open.
PARCEL_S = 3600.0

Fits = Mapping[tuple[str, str, str], Fit]
_Key = tuple[str, str]  # node, printer
_Queue = list[tuple[bool, float, str, str]]  # a heap of (late, cost in s, node, printer)


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
    done_at: datetime  # when it is expected to be printed


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
    late: int  # of the pieces, those printed after the day that they were needed by
    grams: float
    km: float | None
    done_at: datetime | None  # of its last plate
    reasons: tuple[Reason, ...]  # why nothing; or what stopped it from getting more


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole answer; plates in the order they should be offered."""

    plates: tuple[PlannedPlate, ...]
    shortfalls: tuple[Shortfall, ...]
    rows: tuple[PrinterRow, ...]


def split(needs: Iterable[Need], fleet: Iterable[FleetPrinter], fits: Fits, now: datetime) -> Plan:
    """Plan all needs on the fleet.

    Args:
        needs: at most one per order and part.
        fleet: at most one per node and printer.
        fits: by (mesh_sha256, node, printer); a printer without an entry was not measured and
            gets nothing of that part.
        now: aware UTC.
    """
    table = _Table(fleet, fits, now)
    plates: list[PlannedPlate] = []
    shortfalls: list[Shortfall] = []
    rows: list[PrinterRow] = []
    ordered = sorted(needs, key=lambda n: (n.due, n.order_id, n.part_id))
    for _, group in groupby(ordered, key=lambda n: (n.due, n.order_id)):
        lines = tuple(group)
        placed = table.place(lines)
        plates += placed
        for need in lines:
            mine = [plate for plate in placed if plate.part_id == need.part_id]
            left = need.pieces - sum(plate.copies for plate in mine)
            rows += table.rows(need, mine, left)
            if left:
                shortfalls.append(table.shortfall(need, left))
    return Plan(plates=tuple(plates), shortfalls=tuple(shortfalls), rows=tuple(rows))


class _Table:
    """The printers while a plan fills them."""

    def __init__(self, fleet: Iterable[FleetPrinter], fits: Fits, now: datetime) -> None:
        self._printers = {(p.node, p.printer): p for p in fleet}
        self._free = {key: p.free_at(now) for key, p in self._printers.items()}
        self._fits = fits
        self._now = now

    def _fit(self, need: Need, key: _Key) -> Fit | None:
        return self._fits.get((need.mesh_sha256, *key))

    def place(self, lines: tuple[Need, ...]) -> list[PlannedPlate]:
        """Place the parts of one order; where not all fit, as many as make the most whole kits."""
        most = max(math.ceil(need.pieces / need.per_kit) for need in lines)
        before = (self._printers.copy(), self._free.copy())

        def fill(kits: int) -> tuple[list[PlannedPlate], bool]:
            self._printers, self._free = before[0].copy(), before[1].copy()
            left = {n.part_id: n.pieces - (most - kits) * n.per_kit for n in lines}
            left = {part: pieces for part, pieces in left.items() if pieces > 0}
            placed = self._fill(lines, dict(left))
            return placed, sum(p.copies for p in placed) == sum(left.values())

        placed, whole = fill(most)
        if whole or len(lines) == 1:
            return placed
        low, high = 0, most - 1
        while low < high:
            kits = (low + high + 1) // 2
            low, high = (kits, high) if fill(kits)[1] else (low, kits - 1)
        return fill(low)[0]

    def _fill(self, lines: tuple[Need, ...], left: dict[str, int]) -> list[PlannedPlate]:
        """Place so many pieces of each part, always of the one that is furthest behind in kits."""
        by_part = {need.part_id: need for need in lines}
        queues = {need.part_id: self._queue(need) for need in lines}
        labs: set[str] = set()
        placed: list[PlannedPlate] = []
        while left:
            # Kits that still lack this part; the most come first.
            part = max(left, key=lambda p: (left[p] / by_part[p].per_kit, p))
            plate = self._next(by_part[part], left[part], queues[part], labs)
            if plate is None:
                del left[part]
                continue
            placed.append(plate)
            if plate.node not in labs:
                labs.add(plate.node)
                for need in lines:
                    self._cheaper(plate.node, queues[need.part_id])
            left[part] -= plate.copies
            if not left[part]:
                del left[part]
        return placed

    def _cheaper(self, node: str, queue: _Queue) -> None:
        """A lab that has got some costs no parcel more: what the queues remember is too high."""
        for key in self._printers:
            if key[0] == node:
                heapq.heappush(queue, (False, 0.0, *key))

    def _queue(self, need: Need) -> _Queue:
        queue: _Queue = []
        for key, printer in self._printers.items():
            fit = self._fit(need, key)
            if fit is not None and exclusion(need, printer, fit) is None:
                queue.append((False, 0.0, *key))
        heapq.heapify(queue)
        return queue

    def _next(self, need: Need, left: int, queue: _Queue, labs: set[str]) -> PlannedPlate | None:
        """Take the cheapest printer; what the queue remembers of one may be too low by now."""
        while queue:
            late, cost, node, name = heapq.heappop(queue)
            plate = self._plate(need, (node, name), left)
            if plate is None:
                continue
            true = self._cost(need, plate, labs)
            if true > (late, cost) and queue and (*true, node, name) > queue[0]:
                heapq.heappush(queue, (*true, node, name))
                continue
            self._take(plate)
            heapq.heappush(queue, (*true, node, name))
            return plate
        return None

    def _plate(self, need: Need, key: _Key, left: int) -> PlannedPlate | None:
        printer, fit = self._printers[key], self._fit(need, key)
        copies = 0 if fit is None else copies_for(need, printer, fit, left)
        if fit is None or not copies:
            return None
        done = printer.finish(self._free[key], fit.seconds(copies))
        if done is None:
            return None
        return PlannedPlate(
            order_id=need.order_id,
            part_id=need.part_id,
            node=key[0],
            printer=key[1],
            material=printer.material or "",
            copies=copies,
            seconds=fit.seconds(copies),
            grams=fit.grams(copies),
            done_at=done,
        )

    def _cost(self, need: Need, plate: PlannedPlate, labs: set[str]) -> tuple[bool, float]:
        printer = self._printers[plate.node, plate.printer]
        cost = (plate.done_at - self._now).total_seconds() + KM_S * (printer.km or 0.0)
        if plate.node not in labs:
            cost += PARCEL_S
        return plate.done_at > need.print_by, cost

    def _take(self, plate: PlannedPlate) -> None:
        key = (plate.node, plate.printer)
        printer = self._printers[key]
        self._printers[key] = replace(printer, grams=printer.grams - plate.grams)
        if printer.weekly_h:
            # The week is its lab's, whichever printer uses it.
            left_s = max(0.0, printer.week_left_s - plate.seconds)
            for other, each in self._printers.items():
                if other[0] == plate.node:
                    self._printers[other] = replace(each, week_left_s=left_s)
        self._free[key] = plate.done_at

    # --- why ----------------------------------------------------------------------------------

    def rows(self, need: Need, placed: list[PlannedPlate], left: int) -> list[PrinterRow]:
        """Say of every printer what it got of the need, and why nothing or no more.

        `left` is how many pieces have no place.
        """
        last = max((plate.done_at for plate in placed), default=None)
        found = []
        for key in sorted(self._printers):
            mine = [plate for plate in placed if (plate.node, plate.printer) == key]
            found.append(
                PrinterRow(
                    order_id=need.order_id,
                    part_id=need.part_id,
                    node=key[0],
                    printer=key[1],
                    plates=len(mine),
                    pieces=sum(p.copies for p in mine),
                    late=sum(p.copies for p in mine if p.done_at > need.print_by),
                    grams=sum(p.grams for p in mine),
                    km=self._printers[key].km,
                    done_at=mine[-1].done_at if mine else None,
                    reasons=self._why(need, key, last, left, got=bool(mine)),
                )
            )
        return found

    def _why(
        self,
        need: Need,
        key: _Key,
        last: datetime | None,
        left: int,
        *,
        got: bool,
    ) -> tuple[Reason, ...]:
        printer, fit = self._printers[key], self._fit(need, key)
        if fit is None:
            return ()
        why = exclusion(need, printer, fit)
        if why is not None:
            return (why,)
        if left:
            return (Reason(code=ReasonCode.KIT, node=key[0], printer=key[1]),)
        plate = self._plate(need, key, fit.most)
        if got or plate is None or last is None:
            return ()
        # It could have made some, and others cost less: they are done sooner, or lie nearer.
        return (
            Reason(
                code=ReasonCode.LATER,
                node=key[0],
                printer=key[1],
                needed=(plate.done_at - self._now).total_seconds() / 3600,
                available=(last - self._now).total_seconds() / 3600,
            ),
        )

    def shortfall(self, need: Need, left: int) -> Shortfall:
        """Say why pieces have no place."""
        reasons = [
            why
            for key in sorted(self._printers)
            if (fit := self._fit(need, key)) is not None
            and (why := exclusion(need, self._printers[key], fit)) is not None
        ]
        if not self._printers:
            reasons = [Reason(code=ReasonCode.NO_NODE)]
        return Shortfall(
            order_id=need.order_id,
            part_id=need.part_id,
            pieces=left,
            # Some printer could make more: it would be of no use without the other parts.
            reasons=tuple(reasons) or (Reason(code=ReasonCode.KIT),),
        )
