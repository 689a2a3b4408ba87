"""Where not all can be in time with a few printers: orders taken out and put in again, very often. Pure.

As `jobs.tight` does it for more printers, but on lists (`jobs.listed`), going on from plans that are a
little worse too. First minutes that nobody takes are worth something as well: full printers leave a lot no
place but the one it had, and what takes less time for the same kits is seen to be better though it makes
none yet. Then all is filled up, and kits alone count.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import numpy as np

from jobs.copies import WHOLE
from jobs.filling import Book
from jobs.halves import Orders
from jobs.listed import Sheet
from jobs.network import TINY, Floats

#: So many times for each line and some more lines; and so often a maker of a line is looked at, at most.
_EACH, _ALWAYS, _LOOKS = 125, 10, 1_000_000
#: With more orders than that free minutes count at first: then, and after, so many times for each line, and so
#: many looks. With fewer orders it gains nothing.
_FEW, _FREE, _FULL = 40, (190, 900_000), (40, 300_000)
#: How much a free minute counts of what it makes of the last order that would have room at best.
_PRICE = 0.9
#: Orders that are worth less for their size than so much of that are left out then, between the two.
_POOR, _POOREST = 1.15, 0.75
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
    search, enough = _Search(book, best), near(most)
    had, had_sheet = search.in_time, search.sheet.state()
    lines = book.lines.count
    if search.price:
        search.run(_FREE[0] * lines, _FREE[1], enough)
        search.fill_up()
        search.run(_FULL[0] * lines, _FULL[1], enough)
    else:
        search.run(_EACH * (_ALWAYS + lines), _LOOKS, enough)
    if search.in_time < had:
        search.sheet.restore(had_sheet)
    lacks = np.maximum(book.lines.pieces - np.array(search.sheet.good), 0.0)
    return search.sheet.book(book), lacks


def near(most: float) -> float:
    """Return from which share in time on no more is searched for, where no plan has more than `most`."""
    return min(1.0 - TINY, most if most >= 1.0 - TINY else most * (1.0 - _ENOUGH))


def _draws() -> Iterator[float]:
    """Return numbers in 0..1, the same ones for the same facts."""
    draw = np.random.default_rng(0)
    return chain.from_iterable(draw.random(1000).tolist() for _ in repeat(None))


def _even(_: int) -> float:
    return 1.0


class _Search:
    """Takes orders out of a sheet and puts them in again, drawn from one seed."""

    def __init__(self, book: Book, best: Floats) -> None:
        net, lines = book.net, book.lines
        self.sheet = Sheet(book, best)
        # The same for the same facts.
        self._draw, self._many = _draws().__next__, np.random.default_rng(1).random
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
        self._weights = np.array(self._weight)
        self._each: list[float] = (self._weights / self._orders.size).tolist()  # worth of its size
        self._read()
        #: What a free minute counts, for what it is worth; nothing where all may have room, or orders are few.
        self.price = _PRICE * self._margin() if len(lines.weight) > _FEW else 0.0

    def _read(self) -> None:
        """Reckon what the sheet comes to."""
        orders = range(len(self._weight))
        self._share, self._over_each = list(map(self._kits, orders)), list(map(self._over, orders))
        self.in_time = sum(map(float.__mul__, self._share, self._weight))
        self._sum_up()

    def _margin(self) -> float:
        """Return what the last order is worth for its size that would have room at best."""
        sheet, taken = self.sheet, self._free_worth()
        for minutes in sheet.minutes:
            taken += sum(each * self._worth[printer] for printer, each in minutes.items())
        for order in sorted(range(len(self._rank)), key=self._rank.__getitem__):
            taken -= self._size[order]
            if taken < 0.0:
                return self._each[order]
        return 0.0

    def _free_worth(self) -> float:
        return sum(map(float.__mul__, self.sheet.left_min(), self._worth))

    def _value(self) -> float:
        """Return the kits in time, weighed, and what all free minutes count."""
        return self.in_time + (self.price * self._free_worth() if self.price else 0.0)

    def run(self, rounds: int, looks: int, enough: float) -> None:
        """Put orders in again and again, and go back to the best.

        Args:
            rounds: how often at most.
            looks: how often a maker of a line is looked at, at most.
            enough: 0..1, when so much is in time no more is tried.
        """
        sheet, worse = self.sheet, _WORSE / len(self._weight)
        until = sheet.looked + looks
        top, top_sheet = self._value(), sheet.state()
        for n in range(rounds):
            left = min(1.0 - n / rounds, (until - sheet.looked) / looks)
            if left <= 0.0 or self.in_time >= enough:
                break
            self._again(worse * left)
            if (value := self._value()) > top + TINY:
                top, top_sheet = value, sheet.state()
        sheet.restore(top_sheet)
        self._read()

    def fill_up(self) -> None:
        """Put in what has room of all that lacks; from now on free minutes count nothing."""
        self.sheet.mark()
        lacking = sorted(self._lacking, key=self._rank.__getitem__)
        for least in (1.0, TINY):
            self._rest(lacking, least, lambda _: _even, 0.0)
        self.price = 0.0
        self._read()

    def _kits(self, order: int) -> float:
        """Return which share of its kits an order has."""
        good, pieces, share = self.sheet.good, self.sheet.pieces, 1.0
        for line in self._orders.lines[order]:
            got = good[line] / pieces[line]
            share = got if got < share else share
        return share

    def _over(self, order: int) -> float:
        """Return how much more an order costs than its pieces would at best."""
        sheet, over = self.sheet, 0.0
        for line in self._orders.lines[order]:
            costs = sum(min_ * self._worth[p] for p, min_ in sheet.minutes[line].items())
            good = min(sheet.good[line], sheet.pieces[line])
            over += max(costs - good * self._least[line], 0.0)
        return over

    def _sum_up(self) -> None:
        """Reckon anew what is drawn from."""
        share, self._dear = np.array(self._share), np.array(self._over_each)
        self._lacks: list[float] = ((1.0 - share) * self._weights).cumsum().tolist()
        self._dears: list[float] = self._dear.cumsum().tolist()
        self._lacking: list[int] = np.flatnonzero(share < 1.0).tolist()

    def _again(self, bear: float) -> None:
        """Put some orders in again; undo it if the plan is worth less by more than is borne."""
        self.sheet.mark()
        least = self._value() - bear
        out, shake, cut = self._change()
        told, more = self._changed()
        if not self.price:
            # A piece that lacks because of scrap is worth no plate of its own.
            rest = sorted({*out, *self._lacking}, key=self._rank.__getitem__)
            if self.in_time + more + _FILLED * self._most(rest, told) >= least:
                self._rest(rest, 1.0, shake, cut)
                if cut:
                    self._rest(rest, TINY, shake, 0.0)
                told, more = self._changed()
        if more + self._value() < least:
            self.sheet.undo()
            return
        for order, share in told.items():
            self._share[order], self._over_each[order] = share, self._over(order)
        self.in_time += more
        self._sum_up()

    def _changed(self) -> tuple[dict[int, float], float]:
        """Return which share each order has that has changed, and how much more is in time."""
        changed = {self._order[line] for line in self.sheet.changed()}
        told = {order: self._kits(order) for order in changed}
        return told, sum((new - self._share[o]) * self._weight[o] for o, new in told.items())

    def _most(self, orders: list[int], told: dict[int, float]) -> float:
        """Return how much more would be in time if all that is free made these orders, at their best."""
        free, more = self._free_worth(), 0.0
        for order in orders:
            share = told[order] if order in told else self._share[order]
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
            poor = self.price * (_POOR - (_POOR - _POOREST) * draw()) if self.price else 0.0
            if self._each[order] >= poor:
                self._orders.put_in(order, shake, cut, way)
        return out, shake, cut

    def _some(self, one: int) -> list[int]:
        """Draw a few orders beside one."""
        draw = self._draw
        count = len(self._weight)
        by = self._many(count)
        if draw() < NEAR:
            away = np.abs(self._due - self._due_min[one])
            by += away / max(float(away.max()), TINY)
        if draw() < WASTED:
            by /= 1.0 + WASTE * count / max(self._dears[-1], 1e-99) * self._dear
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
