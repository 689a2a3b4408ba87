"""Splits what is still to be made over the printers of the network.

Pure and deterministic: the same facts give the same plan, in whatever order they are passed.
Where there are few plates each goes, by due date, to the printer with the lowest cost: when it would
be printed, and what the way and a parcel more are worth; one that can still be in time goes before any
that cannot. Within an order the part that is furthest behind comes next, full plates before part
plates. Where there are many, each printer first gets its share of all orders together
(`jobs.shares`), laid out by its own clock, and only what is left is placed plate by plate. Where not
all fits, only what makes whole kits is placed. What cannot be placed comes back as a shortfall with
the reasons, and every printer gets a row that says what it got, or why nothing.

Leaves whether a printer can make a part at all to `jobs.fleet`, the moment to offer to
`jobs.assign`, and nesting to `designs.packing`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from designs.model import PRINTED
from jobs.fleet import Fit, FleetPrinter, Need, copies_for, exclusion
from jobs.model import Reason, ReasonCode
from jobs.planned import Plan, PlannedPlate, PrinterRow, Shortfall
from jobs.proof import bounds
from jobs.shares import Fits, Share, arrays, shares

#: What a kilometre between lab and hub is worth, in seconds of waiting: 100 km are an hour.
KM_S = 36.0
#: What one more lab in an order is worth, in seconds: a parcel more to send, announce and open.
PARCEL_S = 3600.0
#: Up to so many plates are weighed one by one against each other.
FEW_PLATES = 500

_Key = tuple[str, str]  # node, printer
_Stand = tuple[FleetPrinter, datetime, Reason | None, datetime | None]
_Line = tuple[str, str]  # order, part
_Queue = list[tuple[bool, float, str, str]]  # a heap of (late, cost in s, node, printer)


def split(
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Fits,
    now: datetime,
    few_plates: int = FEW_PLATES,
) -> Plan:
    """Plan all needs on the fleet.

    Args:
        needs: at most one per order and part.
        fleet: at most one per node and printer.
        fits: by (mesh_sha256, node, printer); a printer without an entry was not measured and
            gets nothing of that part.
        now: aware UTC.
        few_plates: with more than that, printers get shares of all orders together first.
    """
    fleet = tuple(fleet)
    ordered = sorted(needs, key=lambda n: (n.due, n.order_id, n.part_id))
    table = _Table(fleet, fits, now)
    # What people make is placed batch by batch: shares and proofs speak of printers.
    printed = [need for need in ordered if need.process == PRINTED]
    given = arrays(printed, fleet if printed else (), fits, now)
    laid: dict[_Line, list[PlannedPlate]] = {}
    if _plates_at_least(ordered, fits) > few_plates:
        laid = table.lay_out(printed, shares(given))
    plates: list[PlannedPlate] = []
    shortfalls: list[Shortfall] = []
    rows: list[PrinterRow] = []
    for _, group in groupby(ordered, key=lambda n: (n.due, n.order_id)):
        lines = tuple(group)
        placed = {need.part_id: laid.get((need.order_id, need.part_id), []) for need in lines}
        for part in placed.values():
            plates += part
        for plate in table.place(lines, placed):
            placed[plate.part_id].append(plate)
            plates.append(plate)
        for need in lines:
            mine = placed[need.part_id]
            left = need.pieces - sum(plate.copies for plate in mine)
            rows += table.rows(need, mine, left)
            if left:
                shortfalls.append(table.shortfall(need, left))
    if laid:
        plates.sort(key=lambda p: (p.done_at, p.node, p.printer))
    return Plan(
        plates=tuple(plates), shortfalls=tuple(shortfalls), rows=tuple(rows), bounds=bounds(given)
    )


def _plates_at_least(needs: Sequence[Need], fits: Fits) -> float:
    """Return how many plates there are if all are as full as the largest bed allows."""
    most: dict[str, int] = {}
    for (mesh, _, _), fit in fits.items():
        most[mesh] = max(most.get(mesh, 0), fit.most)
    return sum(need.pieces / max(1, most.get(need.mesh_sha256, 0)) for need in needs)


class _Table:
    """The printers while a plan fills them."""

    def __init__(self, fleet: Iterable[FleetPrinter], fits: Fits, now: datetime) -> None:
        self._printers = {(p.node, p.printer): p for p in fleet}
        self._sorted = sorted(self._printers)
        self._free = {key: p.free_at(now) for key, p in self._printers.items()}
        self._of_lab: dict[str, list[_Key]] = {}
        for key in self._sorted:
            self._of_lab.setdefault(key[0], []).append(key)
        self._fits = fits
        self._stands: dict[object, dict[_Key, _Stand]] = {}
        self._now = now

    def lay_out(
        self, needs: Iterable[Need], found: Iterable[Share]
    ) -> dict[_Line, list[PlannedPlate]]:
        """Put shares on the clock, in their order.

        What a printer cannot hold is left out, and so is what it would print late where others
        have time.
        """
        asked = {(need.order_id, need.part_id): need for need in needs}
        left = {line: need.pieces for line, need in asked.items()}
        laid: dict[_Line, list[PlannedPlate]] = {line: [] for line in asked}
        for share in found:
            line, key = (share.order_id, share.part_id), (share.node, share.printer)
            fit = self._fit(asked[line], key)
            if fit is None or exclusion(asked[line], self._printers[key], fit) is not None:
                continue
            for copies, run in groupby(share.copies):
                count = min(len(tuple(run)), left[line] // copies)
                plates = self._run(share, asked[line], fit, copies, count)
                left[line] -= copies * len(plates)
                laid[line] += plates
        return laid

    def _run(
        self, share: Share, need: Need, fit: Fit, copies: int, count: int
    ) -> list[PlannedPlate]:
        """Lay out equal plates one after another: as many as bed, filament and week allow."""
        key = (share.node, share.printer)
        printer = self._printers[key]
        seconds, grams = fit.seconds(copies), fit.grams(copies)
        if grams > 0:
            count = min(count, int(printer.grams / grams))
        if printer.weekly_h:
            count = min(count, int(printer.week_left_s / seconds))
        if count < 1 or not 1 <= copies <= fit.most:
            return []
        ends = printer.finishes(self._free[key], seconds, count)
        if share.in_time:
            ends = tuple(end for end in ends if end <= need.print_by)
        plates = [
            self._planned(need, key, copies, seconds, grams, printer.material or "", done)
            for done in ends
        ]
        if plates:
            self._spend(key, grams * len(plates), seconds * len(plates), ends[-1])
        return plates

    def _fit(self, need: Need, key: _Key) -> Fit | None:
        return self._fits.get((need.mesh_sha256, *key))

    def place(
        self, lines: Sequence[Need], laid: dict[str, list[PlannedPlate]]
    ) -> list[PlannedPlate]:
        """Place what is left of the parts of one order, plate by plate.

        Where not all fits, as many as make the most whole kits. `laid` has the plates, by part,
        that the order has already.
        """
        lines = [
            replace(need, pieces=left)
            for need in lines
            if (left := need.pieces - sum(plate.copies for plate in laid[need.part_id]))
        ]
        if not lines:
            return []
        has = {plate.node for plates in laid.values() for plate in plates}
        most = max(math.ceil(need.pieces / need.per_kit) for need in lines)
        before = (self._printers.copy(), self._free.copy())

        def fill(kits: int) -> tuple[list[PlannedPlate], bool]:
            self._printers, self._free = before[0].copy(), before[1].copy()
            left = {n.part_id: n.pieces - (most - kits) * n.per_kit for n in lines}
            left = {part: pieces for part, pieces in left.items() if pieces > 0}
            placed = self._fill(lines, dict(left), set(has))
            return placed, sum(p.copies for p in placed) == sum(left.values())

        placed, whole = fill(most)
        if whole or len(lines) == 1:
            return placed
        low, high = 0, most - 1
        while low < high:
            kits = (low + high + 1) // 2
            low, high = (kits, high) if fill(kits)[1] else (low, kits - 1)
        return fill(low)[0]

    def _fill(
        self, lines: Sequence[Need], left: dict[str, int], labs: set[str]
    ) -> list[PlannedPlate]:
        """Place so many pieces of each part, always of the one that is furthest behind in kits.

        `labs` make something of the order already.
        """
        by_part = {need.part_id: need for need in lines}
        queues = {need.part_id: self._queue(need) for need in lines}
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
        for key in self._of_lab[node]:
            heapq.heappush(queue, (False, self._least_cost(key), *key))

    def _least_cost(self, key: _Key) -> float:
        free_s = (self._free[key] - self._now).total_seconds()
        return free_s + KM_S * (self._printers[key].km or 0.0)

    def _queue(self, need: Need) -> _Queue:
        queue: _Queue = []
        for key in self._sorted:
            if self._fit(need, key) is not None and self._stand(need, key)[0] is None:
                # It cannot be done sooner than it begins, nor lie nearer.
                queue.append((False, self._least_cost(key), *key))
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
            self._spend((node, name), plate.grams, plate.seconds, plate.done_at)
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
        seconds, grams = fit.seconds(copies), fit.grams(copies)
        return self._planned(need, key, copies, seconds, grams, printer.material or "", done)

    @staticmethod
    def _planned(
        need: Need,
        key: _Key,
        copies: int,
        seconds: float,
        grams: float,
        material: str,
        done: datetime,
    ) -> PlannedPlate:
        return PlannedPlate(
            order_id=need.order_id,
            part_id=need.part_id,
            node=key[0],
            printer=key[1],
            material=material,
            copies=copies,
            seconds=seconds,
            grams=grams,
            done_at=done,
        )

    def _cost(self, need: Need, plate: PlannedPlate, labs: set[str]) -> tuple[bool, float]:
        printer = self._printers[plate.node, plate.printer]
        cost = (plate.done_at - self._now).total_seconds() + KM_S * (printer.km or 0.0)
        if plate.node not in labs:
            cost += PARCEL_S
        return plate.done_at > need.print_by, cost

    def _spend(self, key: _Key, grams: float, seconds: float, free: datetime) -> None:
        printer = self._printers[key]
        self._printers[key] = replace(printer, grams=printer.grams - grams)
        if printer.weekly_h:
            # The week is its lab's, whichever printer uses it.
            left_s = max(0.0, printer.week_left_s - seconds)
            for other in self._of_lab[key[0]]:
                self._printers[other] = replace(self._printers[other], week_left_s=left_s)
        self._free[key] = free

    # --- why ----------------------------------------------------------------------------------

    def rows(self, need: Need, placed: list[PlannedPlate], left: int) -> list[PrinterRow]:
        """Say of every printer what it got of the need, and why nothing or no more.

        `left` is how many pieces have no place.
        """
        last = max((plate.done_at for plate in placed), default=None)
        by_printer: dict[_Key, list[PlannedPlate]] = {}
        for plate in placed:
            by_printer.setdefault((plate.node, plate.printer), []).append(plate)
        print_by, found = need.print_by, []
        for key in self._sorted:
            mine = by_printer.get(key, ())
            found.append(
                PrinterRow(
                    order_id=need.order_id,
                    part_id=need.part_id,
                    node=key[0],
                    printer=key[1],
                    plates=len(mine),
                    pieces=sum(p.copies for p in mine) if mine else 0,
                    late=sum(p.copies for p in mine if p.done_at > print_by) if mine else 0,
                    grams=sum(p.grams for p in mine) if mine else 0.0,
                    km=self._printers[key].km,
                    done_at=mine[-1].done_at if mine else None,
                    reasons=self._why(need, key, last, left, got=bool(mine)),
                )
            )
        return found

    def _stand(self, need: Need, key: _Key) -> tuple[Reason | None, datetime | None]:
        """Return why a printer can make nothing more of a need, else when its next plate would be done.

        What was found holds for every need of the part until the printer is given something.
        """
        printer, free = self._printers[key], self._free[key]
        what = (need.mesh_sha256, need.materials, need.declined)
        known = self._stands.setdefault(what, {}).get(key)
        if known is not None and known[0] is printer and known[1] == free:
            return known[2], known[3]
        fit = self._fits[need.mesh_sha256, *key]
        why, done = exclusion(need, printer, fit), None
        if why is None:
            copies = copies_for(need, printer, fit, fit.most)
            done = printer.finish(free, fit.seconds(copies))
        self._stands[what][key] = (printer, free, why, done)
        return why, done

    def _why(
        self,
        need: Need,
        key: _Key,
        last: datetime | None,
        left: int,
        *,
        got: bool,
    ) -> tuple[Reason, ...]:
        if self._fit(need, key) is None:
            return ()
        why, done = self._stand(need, key)
        if why is not None:
            return (why,)
        if left:
            return (Reason(code=ReasonCode.KIT, node=key[0], printer=key[1]),)
        if got or done is None or last is None:
            return ()
        return (
            Reason(
                code=ReasonCode.LATER,
                node=key[0],
                printer=key[1],
                needed=(done - self._now).total_seconds() / 3600,
                available=(last - self._now).total_seconds() / 3600,
            ),
        )

    def shortfall(self, need: Need, left: int) -> Shortfall:
        """Say why pieces have no place."""
        # What makes other parts is of no interest, where there is who makes such.
        able = [key for key in self._sorted if self._printers[key].process == need.process]
        reasons = [
            why
            for key in able or self._sorted
            if self._fit(need, key) is not None and (why := self._stand(need, key)[0]) is not None
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
