"""Which share of each order is to be in time: a table of what each class can do before each due date.

Orders are taken by what they are worth for their size. Each takes the latest time before its due
date first, and of that the classes that lose least by it, so that the early time stays free for
what is due early. All parts of an order get the same share, since half a kit is none. Pure, and
a fluid: `jobs.filling` turns the shares into plates.
"""

from __future__ import annotations

import numpy as np

from jobs.network import TINY, Floats, Ints, Lines, Network
from jobs.prices import Prices

_HALVES = 8
#: Where a smaller share has no room, another turn of orders is not tried.
_NEAR = 0.003


def by_value(lines: Lines, found: Prices) -> Ints:
    """Return the orders, those first that are worth most for what they cost at these prices."""
    return _by_size(lines, found.price)


def by_work(net: Network, lines: Lines) -> Ints:
    """Return the orders, those first that are worth most for the least minutes that they take.

    Prices say nothing of what few can make and cannot be ready by far when all else is.
    """
    least = net.work_min().min(axis=1, initial=np.inf)
    return _by_size(lines, np.where(np.isfinite(least), least, 0.0))


def _by_size(lines: Lines, each: Floats) -> Ints:
    size = np.bincount(lines.order, lines.pieces * each[lines.part], minlength=len(lines.weight))
    return np.lexsort((lines.due_min, -lines.weight / np.maximum(size, 1e-300)))


def free_min(net: Network, room_min: Floats) -> Floats:
    """Return [E, C]: minutes of good work that classes have by due dates; of printers' room [E, P]."""
    earns = np.maximum(room_min, 0.0) * (net.speed * net.good)
    count = len(net.calendar)
    found = [np.bincount(net.cls, row, count) for row in earns]
    return np.array(found, dtype=np.float64).reshape(-1, count)


def shares_in_time(
    net: Network,
    lines: Lines,
    found: Prices,
    turn: Ints,
    free: Floats,
    asked: Floats,
    *,
    loss: float = 0.0,
    ends_min: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Return how much of what is asked of each order has room before its due date, and where.

    Shares are [O], 0..1; the good pieces of each line that a class would make are [L, C].

    Args:
        net: the printers.
        lines: the orders.
        found: prices of the parts.
        turn: orders, those first that get time first.
        free: [E, C], minutes of good work that each class has until each due date.
        asked: [L], good pieces.
        loss: 0..1, is left unused of all time: whole plates do not fill it to the last minute.
        ends_min: [E], sorted, those of `free`; due dates and others. None: due dates.
    """
    ends = np.unique(lines.due_min) if ends_min is None else ends_min
    table = _Table(net, lines, found, free * (1.0 - loss), asked, ends)
    shares = np.ones(len(lines.weight))
    mine: list[list[int]] = [[] for _ in lines.weight]
    for line in np.flatnonzero(asked > TINY).tolist():
        mine[lines.order[line]].append(line)
    for order in turn:
        if mine[order]:
            shares[order] = table.take(mine[order])
    return shares, table.made


def best_turn(
    net: Network, lines: Lines, found: Prices, free: Floats, loss: float
) -> tuple[Ints, Floats, Floats]:
    """Return in which turn orders get time, the better of two, and what `shares_in_time` says then."""
    turn = by_value(lines, found)
    shares, made = shares_in_time(net, lines, found, turn, free, lines.pieces, loss=loss)
    other = by_work(net, lines)
    lost = float((1.0 - shares) @ lines.weight)
    if lost <= _NEAR * float(lines.weight.sum()) or np.array_equal(turn, other):
        return turn, shares, made
    shares_2, made_2 = shares_in_time(net, lines, found, other, free, lines.pieces, loss=loss)
    if float(shares_2 @ lines.weight) > float(shares @ lines.weight) + TINY:
        return other, shares_2, made_2
    return turn, shares, made


class _Table:
    """Free minutes of good work, by due date from the last to the first and by class."""

    def __init__(
        self, net: Network, lines: Lines, found: Prices, free: Floats, asked: Floats, ends: Floats
    ) -> None:
        self._lines, self._asked = lines, asked
        between = np.diff(free, axis=0, prepend=np.zeros((1, free.shape[1])))
        self._free = between[::-1].ravel().copy()
        self._row = len(ends) - 1 - np.searchsorted(ends, lines.due_min)
        self._first = len(ends) - 1 - np.searchsorted(ends, lines.release_min, side="right")
        work, regret = net.work_min(), found.regret(net)
        classes, count = work.shape[1], len(ends)
        self._can: list[Ints] = []
        self._cells: list[Ints] = []
        self._work: list[Floats] = []
        self.made = np.zeros((lines.count, classes))
        for part in range(work.shape[0]):
            can = np.flatnonzero(np.isfinite(work[part]))
            can = can[np.argsort(regret[part, can], kind="stable")]
            self._can.append(can)
            self._cells.append(np.arange(count)[:, None] * classes + can[None, :])
            self._work.append(work[part, can])

    def take(self, mine: list[int]) -> float:
        """Take the same share of each line of an order, as much as there is; return it."""
        before = self._free.copy()

        def most(share: float) -> float:
            self._free = before.copy()
            return min(self._line(line, share) for line in mine)

        def fits(share: float) -> bool:
            self._free = before.copy()
            return all(self._line(line, share) >= share - TINY for line in mine)

        at_once = min(self._line(line, 1.0) for line in mine)
        if at_once >= 1.0 - TINY:
            return at_once
        # With all of one part there is the less room for the others: more of both may fit.
        low, high = 0.0, 1.0
        for _ in range(_HALVES if len(mine) > 1 else 0):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return most(max(low, at_once))

    def _line(self, line: int, share: float) -> float:
        order, part = self._lines.order[line], self._lines.part[line]
        rows = self._cells[part][self._row[order] : self._first[order] + 1]
        asked = float(self._asked[line]) * share
        self.made[line] = 0.0
        if asked <= 0:
            return share
        if not rows.size:
            return 0.0
        pieces = self._free[rows] / self._work[part]
        sums = pieces.cumsum()
        if sums[-1] <= asked:
            self._free[rows] = 0.0
            share *= float(sums[-1]) / asked
        else:
            last = int(sums.searchsorted(asked))
            cells, flat = rows.ravel(), pieces.ravel()
            self._free[cells[:last]] = 0.0
            rest = float(sums[last]) - asked
            self._free[cells[last]] = rest * self._work[part][last % rows.shape[1]]
            flat[last] -= rest
            flat[last + 1 :] = 0.0
        self.made[line, self._can[part]] = pieces.sum(axis=0)
        return share
