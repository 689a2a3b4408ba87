"""Where not all can be in time with a few printers: orders taken out and put in again, very often. Pure.

As `jobs.tight` does it for more printers, but on lists (`jobs.listed`), going on from plans that are a little
worse too.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate, chain, islice, repeat

import numpy as np

from jobs.copies import WHOLE
from jobs.filling import Book
from jobs.halves import Orders
from jobs.listed import Sheet
from jobs.network import TINY, Floats

#: So many times for each line and some more lines; and so often a maker of a line is looked at, at most.
_EACH, _ALWAYS, _WORK = 125, 10, 1_090_000
#: Nearer than that to what is possible is near enough, but where all can be in time all has to be.
_ENOUGH = 0.0002
#: How much worse a plan may be to go on from at first, in orders; ever less, and nothing at last.
_WORSE = 0.015
#: Fewer orders are taken out beside the first.
_OUT = 4
#: How often they are due together, took more than they need, or are worth alike for their size.
NEAR, WASTED, ALIKE = 0.3, 0.5, 0.5
#: How much sooner one is taken out that costs as much more than at best as all do on average.
WASTE = 5.0
#: How often orders are put in again for being dear, not for lacking kits.
DEAR = 0.5
#: How often the last copy of a lot has to be worth something, and up to how much more than others.
SPARING, CUT = 0.7, 1.5
#: How often lines are put in which way or in one before it, and by how much costs are shaken: so two can
#: change places, which they would not where a printer becomes dearer for both.
_WAYS, _SHAKEN = (0.75, 0.9, 1.0), 0.15
#: How often orders come by what they are worth for their size, not by due date, and how far its logarithm
#: is shaken.
_BY_WORTH, _TURNED = 0.5, 1.7
#: How much of what is free makes more kits, at most, where it is worth a try.
_FILLED = 0.4
#: How often dearer a printer is than it is.
_Shake = Callable[[int], float]


def refilled(book: Book, best: Floats, most: float) -> tuple[Book, Floats]:
    """Put orders in again, and keep what is better; return the new book and what is left [L].

    Args:
        book: of a plan of which nothing was kept, `movable`.
        best: [C], what a minute of good work of a class is worth.
        most: 0..1, no plan has more in time.
    """
    search = _Search(book, best)
    sheet, rounds = search.sheet, _EACH * (_ALWAYS + book.lines.count)
    work = sheet.looked + _WORK
    worse = _WORSE / len(book.lines.weight)
    enough = near(most)
    top, top_sheet = search.in_time, sheet.state()
    for n in range(rounds):
        left = min(1.0 - n / rounds, (work - sheet.looked) / _WORK)
        if left <= 0.0 or top >= enough:
            break
        search.again(search.in_time - worse * left)
        if search.in_time > top + TINY:
            top, top_sheet = search.in_time, sheet.state()
    sheet.restore(top_sheet)
    lacks = np.maximum(book.lines.pieces - np.array(sheet.good), 0.0)
    return sheet.book(book), lacks


def near(most: float) -> float:
    """Return from which share in time on no more is searched for, where no plan has more than `most`."""
    return min(1.0 - TINY, most if most >= 1.0 - TINY else most * (1.0 - _ENOUGH))


def _draws() -> Iterator[float]:
    """Return numbers in 0..1, the same ones for the same facts."""
    draw = np.random.default_rng(0)
    return chain.from_iterable(draw.random(1000).tolist() for _ in repeat(None))


class _Search:
    """Takes orders out of a sheet and puts them in again, drawn from one seed."""

    def __init__(self, book: Book, best: Floats) -> None:
        net, lines = book.net, book.lines
        self.sheet, count = Sheet(book, best), len(lines.weight)
        self._draws = _draws()
        self._draw = self._draws.__next__
        self._worth: list[float] = (net.speed * net.good * best[net.cls]).tolist()  # of a minute
        self._order: list[int] = lines.order.tolist()
        #: What a good piece costs where all of its line on one printer costs least.
        self._least = [lots[0].cost if lots else 1e99 for lots in self.sheet.lots]
        self._orders = Orders(book, self.sheet, self._least)
        density = self._orders.density
        self._size: list[float] = self._orders.size.tolist()
        self._logs, self._due = np.log(density), lines.due_min
        self._log: list[float] = self._logs.tolist()
        self._rank: list[int] = np.argsort(np.argsort(-density, kind="stable")).tolist()
        weight = lines.weight * np.array([len(mine) > 0 for mine in self._orders.lines])
        self._weight: list[float] = (weight / weight.sum()).tolist()
        self._due_min: list[float] = lines.due_min.tolist()
        told = [self._told(order) for order in range(count)]
        self._share, self._dear = [share for share, _ in told], [dear for _, dear in told]
        self.in_time = sum(map(float.__mul__, self._share, self._weight))
        self._sum_up()

    def _told(self, order: int) -> tuple[float, float]:
        """Return which share of its kits an order has, and how much more it costs than at best."""
        sheet, share, dear = self.sheet, 1.0, 0.0
        for line in self._orders.lines[order]:
            asked = self.sheet.pieces[line]
            good = min(sheet.good[line], asked)
            share = min(share, good / asked)
            costs = sum(min_ * self._worth[p] for p, min_ in sheet.minutes[line].items())
            dear += max(costs - good * self._least[line], 0.0)
        return share, dear

    def _sum_up(self) -> None:
        """Reckon anew what is drawn from."""
        lacks = (
            (1.0 - share) * weight for share, weight in zip(self._share, self._weight, strict=True)
        )
        self._lacks, self._dears = list(accumulate(lacks)), list(accumulate(self._dear))
        self._lacking = [order for order, share in enumerate(self._share) if share < 1.0]

    def again(self, least: float) -> None:
        """Put some orders in again; undo it if that makes fewer kits than so many, weighed."""
        self.sheet.mark()
        out, shake, cut = self._change()
        # A piece that lacks because of scrap is worth no plate of its own.
        rest = sorted({*out, *self._lacking}, key=self._rank.__getitem__)
        told, more = self._changed()
        if self.in_time + more + _FILLED * self._most(rest, told) < least:
            self.sheet.undo()
            return
        self._rest(rest, 1.0, shake, cut)
        if cut:
            self._rest(rest, TINY, shake, 0.0)
        told, more = self._changed()
        if self.in_time + more < least:
            self.sheet.undo()
            return
        for order, (share, dear) in told.items():
            self._share[order], self._dear[order] = share, dear
        self.in_time += more
        self._sum_up()

    def _changed(self) -> tuple[dict[int, tuple[float, float]], float]:
        """Return what holds for each order that has changed, as of `_told`, and how much more is in time."""
        changed = {self._order[line] for line in self.sheet.changed()}
        told = {order: self._told(order) for order in changed}
        return told, sum((new[0] - self._share[o]) * self._weight[o] for o, new in told.items())

    def _most(self, orders: list[int], told: dict[int, tuple[float, float]]) -> float:
        """Return how much more would be in time if all that is free made these orders, at their best."""
        free, more = sum(map(float.__mul__, self.sheet.left_min(), self._worth)), 0.0
        for order in orders:
            share = told[order][0] if order in told else self._share[order]
            needs = (1.0 - share) * self._size[order]
            if needs >= free:
                return more + free / self._size[order] * self._weight[order]
            free -= needs
            more += (1.0 - share) * self._weight[order]
        return more

    def _change(self) -> tuple[list[int], Callable[[int], _Shake], float]:
        """Put an order that lacks some or is dear in again, with a few that make room.

        Return these, how costs were shaken, and what a last copy had to be worth.
        """
        draw = self._draw
        odds = self._dears if draw() < DEAR and self._dears[-1] > 0.0 else self._lacks
        one = min(bisect(odds, draw() * odds[-1]), len(odds) - 1)
        out = self._some(one)
        for order in out:
            self._orders.take_out(order)
        cut = CUT * draw() * float(self._orders.density[one]) * (draw() < SPARING)
        far = _SHAKEN * draw()

        def shaken(_: int) -> float:
            return 1.0 + far * draw()

        def shake(_: int) -> _Shake:
            return shaken

        by = {order: self._due_min[order] for order in out}
        if draw() < _BY_WORTH:
            by = {order: _TURNED * draw() - self._log[order] for order in sorted(out)}
        turn = sorted(out, key=by.__getitem__)
        way = bisect(_WAYS, draw())
        for order in turn:
            self._orders.put_in(order, shake, cut, way)
        return out, shake, cut

    def _some(self, one: int) -> list[int]:
        """Draw a few orders beside one."""
        draw = self._draw
        count = len(self._weight)
        by = np.fromiter(islice(self._draws, count), np.float64, count)
        if draw() < NEAR:
            away = np.abs(self._due - self._due_min[one])
            by += away / max(float(away.max()), TINY)
        if draw() < WASTED:
            by /= 1.0 + WASTE * count / max(self._dears[-1], 1e-99) * np.array(self._dear)
        if draw() < ALIKE:
            by *= 1.0 + (self._logs - self._log[one]) ** 2
        by[one] = -1.0
        some: list[int] = by.argsort(kind="stable")[: 2 + int(draw() * (_OUT - 1))].tolist()
        return some

    def _rest(
        self, orders: list[int], least: float, shake: Callable[[int], _Shake], cut: float
    ) -> None:
        """Put in more of those of some orders that lack more than so many pieces."""
        sheet, lines = self.sheet, self._orders.lines
        pieces, good, has_room = sheet.pieces, sheet.good, sheet.has_room
        for order in orders:
            some = False
            for line in lines[order]:
                if pieces[line] - good[line] > least:
                    some = has_room(line)
                    if not some:
                        break
            if some:
                self._orders.put_in(order, shake, cut, WHOLE)
