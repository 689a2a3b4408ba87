"""Splits what is still to be made over the printers of the network.

Pure and deterministic: the same facts give the same plan, in whatever order they are passed.
Where there are few plates each goes, by due date, to the printer with the lowest cost: when it would
be printed, what comes out bad there, and what the way and a parcel more are worth; one that can
still be in time goes before any that cannot. Within an order the part that is furthest behind comes
next, full plates before part plates. Where there are many for a wide network, each printer first gets
its share of all orders together (`jobs.shares`), laid out by its own clock (`jobs.clocks`), and only
what is left is placed plate by plate. Where not all fits, only what makes whole kits is placed. What
cannot be placed comes back as a shortfall with the reasons, and every printer gets a row that says what
it got, or why nothing.

Leaves whether a printer can make a part at all to `jobs.fleet`, the moment to offer to
`jobs.assign`, and nesting to `designs.packing`.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from designs.model import PRINTED
from jobs.clocks import Clocks, Key, Line, part_of
from jobs.fleet import KM_S, PARCEL_S, FleetPrinter, Need
from jobs.model import Reason, ReasonCode
from jobs.planned import Explained, Plan, PrinterRow, Run, Shortfall, Stand
from jobs.proof import bounds
from jobs.shares import Arrays, Fits, arrays, no_reserve, shares

#: Up to so many plates are weighed one by one against each other.
FEW_PLATES = 500
#: And up to so many where each printer gets more than some: all labs have a parcel of every order then.
STILL_FEW, MANY_EACH = 5000, 20
#: Or on so many printers where no time is to spare: each at the soonest leaves the most for what goes wrong.
NARROW = 250
#: So often are shares of orders that come out uneven made smaller.
_ROUNDS = 4

_Queue = list[tuple[bool, float, str, str]]  # a heap of (late, cost in s, node, printer)


def split(
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Fits,
    now: datetime,
    few_plates: int | None = None,
    *,
    told: bool = True,
) -> Plan:
    """Plan all needs on the fleet.

    Args:
        needs: at most one per order and part.
        fleet: at most one per node and printer.
        fits: by (mesh_sha256, node, printer); a printer without an entry was not measured and
            gets nothing of that part.
        now: aware UTC.
        few_plates: with more than that, printers get shares of all orders together first; None: with
            more than `FEW_PLATES`, or `STILL_FEW` where printers get more than `MANY_EACH` each, or
            where there are few and their time is short.
        told: whether to say why too: rows of all printers, and what nobody could beat.
    """
    fleet = tuple(fleet)
    ordered = sorted(needs, key=lambda n: (n.due, n.order_id, n.part_id))
    clocks = Clocks(fleet, fits, now)
    # What people make is placed batch by batch: shares and proofs speak of printers.
    printed = [need for need in ordered if need.process == PRINTED]
    plates = _plates_at_least(ordered, fits)
    many = plates > (FEW_PLATES if few_plates is None else few_plates)
    able = fleet if printed and (many or told) else ()
    given = arrays(printed, able, fits, now, clocks.free)
    if many and few_plates is None:
        many = not _still_few(plates, given, len(fleet))
    before, lacking = clocks.state(), _lacked_by_people(clocks, ordered) if many else {}
    for _ in range(_ROUNDS):
        clocks.restore(before)
        laid = clocks.lay_out(printed, shares(given, _without(printed, lacking))) if many else {}
        runs, shortfalls = _with_rest(clocks, ordered, laid)
        # What the clock cuts from shares, and parts that people make, may leave an order uneven.
        uneven = _uneven(ordered, runs) if many else {}
        if not uneven:
            break
        lacking |= {order: math.inf if order in lacking else kits for order, kits in uneven.items()}
    all_runs = [run for found in runs.values() for run in found]
    return Plan(
        runs=tuple(sorted(all_runs, key=lambda r: (r.done_at, r.node, r.printer))),
        shortfalls=tuple(shortfalls),
        explained=tuple(_explained(clocks, ordered, runs)) if told else (),
        bounds=bounds(given) if told else (),
        shares_first=many,
    )


def _still_few(plates: float, given: Arrays, printers: int) -> bool:
    """Return whether more than `FEW_PLATES` are weighed one by one all the same."""
    if plates > STILL_FEW:
        return False
    return plates > MANY_EACH * printers or (printers <= NARROW and no_reserve(given))


def _orders(needs: Iterable[Need]) -> Iterator[tuple[str, tuple[Need, ...]]]:
    """Yield the lines of each order; `needs` are sorted by due date and order."""
    for (_, order_id), group in groupby(needs, key=lambda n: (n.due, n.order_id)):
        yield order_id, tuple(group)


def _with_rest(
    clocks: Clocks, needs: Sequence[Need], laid: Mapping[Line, list[Run]]
) -> tuple[dict[Line, list[Run]], list[Shortfall]]:
    """Place plate by plate what is not laid out; return all runs, and what has no place."""
    heap, shortfalls = _Heap(clocks), []
    runs = {line: laid.get(line, []) for line in ((n.order_id, n.part_id) for n in needs)}
    for order_id, lines in _orders(needs):
        for plate in heap.place(lines, {n.part_id: runs[order_id, n.part_id] for n in lines}):
            runs[order_id, plate.part_id].append(plate)
        for need in lines:
            if left := need.pieces - _pieces(runs[order_id, need.part_id]):
                shortfalls.append(_shortfall(clocks, need, left))
    return runs, shortfalls


def _lacked_by_people(clocks: Clocks, needs: Sequence[Need]) -> dict[str, float]:
    """Return how many kits of an order lack what people make, if they make nothing else.

    Only orders that are printed too; time is taken of the clocks.
    """
    heap, found = _Heap(clocks), {}
    for order_id, lines in _orders(needs):
        by_hand = [need for need in lines if need.process != PRINTED]
        if 0 < len(by_hand) < len(lines):
            placed = heap.place(by_hand, {need.part_id: () for need in by_hand})
            made = Counter[str]()
            for run in placed:
                made[run.part_id] += run.pieces
            lacks = max(math.ceil((n.pieces - made[n.part_id]) / n.per_kit) for n in by_hand)
            if lacks:
                found[order_id] = float(lacks)
    return found


def _without(needs: Iterable[Need], lacking: Mapping[str, float]) -> tuple[Need, ...]:
    """Return what is still asked for where so many kits of an order are not."""
    found = []
    for need in needs:
        fewer = lacking.get(need.order_id, 0) * need.per_kit
        if fewer < need.pieces:
            found.append(replace(need, pieces=need.pieces - int(fewer)))
    return tuple(found)


def _uneven(needs: Iterable[Need], runs: Mapping[Line, Sequence[Run]]) -> dict[str, float]:
    """Return the kits that are not made of orders of which a part is made that others lack."""
    found = {}
    for order_id, lines in _orders(needs):
        left = {n: n.pieces - _pieces(runs[order_id, n.part_id]) for n in lines}
        lacks = max(math.ceil(left[n] / n.per_kit) for n in lines)
        even = (max(0, n.pieces - lacks * n.per_kit) for n in lines)
        if any(
            n.pieces - left[n] - right >= n.per_kit for n, right in zip(lines, even, strict=True)
        ):
            found[order_id] = float(lacks)
    return found


def _plates_at_least(needs: Sequence[Need], fits: Fits) -> float:
    """Return how many plates there are if all are as full as the largest bed allows."""
    most: dict[str, int] = {}
    for (mesh, _, _), fit in fits.items():
        most[mesh] = max(most.get(mesh, 0), fit.most)
    return sum(need.pieces / max(1, most.get(need.mesh_sha256, 0)) for need in needs)


def _pieces(runs: Iterable[Run]) -> int:
    return sum(run.pieces for run in runs)


class _Heap:
    """Places plate by plate, each on the printer where it costs least."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._km = {key: clocks.printer(key).km or 0.0 for key in clocks.keys}
        self._queues: dict[object, _Queue] = {}

    def place(self, lines: Sequence[Need], laid: Mapping[str, Sequence[Run]]) -> list[Run]:
        """Place what is left of the parts of one order, plate by plate.

        Where not all fits, as many as make the most whole kits. `laid` has the plates, by part,
        that the order has already.
        """
        lines = [
            replace(need, pieces=left)
            for need in lines
            if (left := need.pieces - _pieces(laid[need.part_id]))
        ]
        if not lines:
            return []
        has = {plate.node for plates in laid.values() for plate in plates}
        most = max(math.ceil(need.pieces / need.per_kit) for need in lines)
        before = self._clocks.state()

        def fill(kits: int) -> tuple[list[Run], bool]:
            self._clocks.restore(before)
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

    def _fill(self, lines: Sequence[Need], left: dict[str, int], labs: set[str]) -> list[Run]:
        """Place so many pieces of each part, always of the one that is furthest behind in kits.

        `labs` make something of the order already.
        """
        by_part = {need.part_id: need for need in lines}
        queues = {need.part_id: self._queue(need) for need in lines}
        placed: list[Run] = []
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
        for key in self._clocks.of_lab[node]:
            heapq.heappush(queue, (False, self._least_cost(key), *key))

    def _least_cost(self, key: Key) -> float:
        free_s = (self._clocks.free[key] - self._clocks.now).total_seconds()
        return free_s + KM_S * self._km[key]

    def _queue(self, need: Need) -> _Queue:
        """Return who can make a need; those whose costs are known to be too low come out first.

        Costs only grow, so what was found for one need is not too high for the next of the part.
        """
        part = part_of(need)
        if part not in self._queues:
            self._queues[part] = [
                # It cannot be done sooner than it begins, nor lie nearer.
                (False, self._least_cost(key), *key)
                for key in self._clocks.keys
                if self._clocks.fit(need, key) and self._clocks.excluded(need, key) is None
            ]
            heapq.heapify(self._queues[part])
        return self._queues[part].copy()

    def _next(self, need: Need, left: int, queue: _Queue, labs: set[str]) -> Run | None:
        """Take the cheapest printer; what the queue remembers of one may be too low by now."""
        while queue:
            late, cost, node, name = heapq.heappop(queue)
            plate = self._clocks.plate(need, (node, name), left)
            if plate is None:
                continue
            true = self._cost(need, plate, labs)
            if true > (late, cost) and queue and (*true, node, name) > queue[0]:
                heapq.heappush(queue, (*true, node, name))
                continue
            self._clocks.spend(plate)
            heapq.heappush(queue, (*true, node, name))
            return plate
        return None

    def _cost(self, need: Need, plate: Run, labs: set[str]) -> tuple[bool, float]:
        key = (plate.node, plate.printer)
        km, good = self._km[key], self._clocks.printer(key).good
        again_s = plate.takes_s * (1 / good - 1)  # what comes out bad is made again
        cost = again_s + (plate.done_at - self._clocks.now).total_seconds() + KM_S * km
        if plate.node not in labs:
            cost += PARCEL_S
        return plate.done_at > need.print_by, cost


# --- why ------------------------------------------------------------------------------------------


def _shortfall(clocks: Clocks, need: Need, left: int) -> Shortfall:
    """Say why pieces have no place."""
    # What makes other parts is of no interest, where there is who makes such.
    able = [key for key in clocks.keys if clocks.printer(key).process == need.process]
    reasons = [
        why
        for key in able or clocks.keys
        if clocks.fit(need, key) and (why := clocks.excluded(need, key)) is not None
    ]
    if not clocks.keys:
        reasons = [Reason(code=ReasonCode.NO_NODE)]
    return Shortfall(
        order_id=need.order_id,
        part_id=need.part_id,
        pieces=left,
        # Some printer could make more: it would be of no use without the other parts.
        reasons=tuple(reasons) or (Reason(code=ReasonCode.KIT),),
    )


def _explained(
    clocks: Clocks, needs: Iterable[Need], runs: Mapping[Line, Sequence[Run]]
) -> Iterable[Explained]:
    """Say of every need who got what, and how all printers stand to more of it."""
    known: dict[object, tuple[Stand, ...]] = {}
    for need in needs:
        mine = runs[need.order_id, need.part_id]
        what = part_of(need)
        if what not in known:
            known[what] = clocks.stands(need)
        last = max((run.last_at for run in mine), default=None)
        told = Explained(
            order_id=need.order_id, part_id=need.part_id, made=(), stands=known[what],
            left=need.pieces - _pieces(mine),
            last_h=None if last is None else (last - clocks.now).total_seconds() / 3600,
        )  # fmt: skip
        yield replace(told, made=_made(told, need, mine))


def _made(told: Explained, need: Need, runs: Iterable[Run]) -> tuple[PrinterRow, ...]:
    by_printer: dict[Key, list[Run]] = {}
    for run in runs:
        by_printer.setdefault((run.node, run.printer), []).append(run)
    return tuple(
        PrinterRow(
            order_id=need.order_id,
            part_id=need.part_id,
            node=stand.node,
            printer=stand.printer,
            plates=sum(run.count for run in mine),
            pieces=_pieces(mine),
            late=sum(run.late(need.print_by) for run in mine),
            grams=sum(run.grams * run.count for run in mine),
            km=stand.km,
            done_at=max(run.last_at for run in mine),
            reasons=told.reasons(stand, got=True),
        )
        for stand in told.stands
        if (mine := by_printer.get((stand.node, stand.printer)))
    )
