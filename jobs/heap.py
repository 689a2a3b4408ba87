"""Places plate by plate, each on the printer where it costs least; of an order as much as makes kits.

Leaves in which turn orders come to `jobs.split`, and what a printer can make to `jobs.clocks`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from jobs.clocks import Clocks, Key, part_of
from jobs.fleet import KM_S, PARCEL_S, Need
from jobs.planned import Run

_Queue = list[tuple[bool, float, str, str]]  # a heap of (late, cost in s, node, printer)


def pieces_of(runs: Iterable[Run]) -> int:
    """Return how many pieces come off."""
    return sum(run.pieces for run in runs)


class Heap:
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
            if (left := need.pieces - pieces_of(laid[need.part_id]))
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
        free_s = (self._clocks.soonest(key) - self._clocks.now).total_seconds()
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
            self._clocks.spend(need, (plate,))
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
