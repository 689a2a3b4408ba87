"""Where not all can be in time in a small network: how many copies of what each printer makes. Pure.

Rounding decides there: a lot of five takes six copies and a plate of its own, and the sixth may keep
another order from being made. So each lot goes where a good piece costs least, with its plate and with
what is printed beyond the need; its last copy is left out where others make more of the minutes; and a
few orders at a time are taken out and put in again, as long as that makes more kits.

Leaves kilometres to `jobs.nearer`.
"""

from __future__ import annotations

import numpy as np

from jobs.copies import PLAIN, WHOLE, Sheet
from jobs.filling import Book
from jobs.halves import Orders
from jobs.network import TINY, Floats, Ints, Network
from jobs.prices import Prices
from jobs.refill import ALIKE, CUT, DEAR, NEAR, SPARING, WASTE, WASTED, near, refilled

#: So many times at most, and so many lines times printers looked at in all.
_ROUNDS, _WORK, _ALWAYS = 1500, 3_000_000, 10
#: After so many that were of no use, and so many more for each order, no more are tried.
_STALE, _STALE_EACH = 50, 2
#: So few printers are better looked at one by one.
_FEW = 30
#: Fewer orders are taken out at once.
_OUT = 7
#: How often lines are put in which way, and by how much costs of each on each printer are shaken: so
#: two can change places, which they would not where a printer becomes dearer for both.
_WAYS, _SHAKEN = (0.75, 0.15, 0.1), 0.15
#: By how much costs of a printer are shaken to have all ready by a time.
_TRIED_SHAKEN = 0.3
#: How far the turn is shaken in which orders come.
_TURNED = 0.5
#: To have all ready by a time is tried so often at most, and with so many lines times printers.
_TRIES, _TRIED = 16, 100_000


def more_kits(book: Book, found: Prices, most: float) -> tuple[Book, Floats]:
    """Put orders in again, and keep what is better; return the new book and what is left [L].

    Args:
        book: of a plan of which nothing was kept, `movable`.
        found: prices of the parts.
        most: 0..1, no plan has more in time.
    """
    if book.net.printers <= _FEW:
        return refilled(book, best_of(book.net, found), most)
    search, lines = _Search(book, found), book.lines
    rounds = min(_ROUNDS, _WORK // (book.net.printers * (_ALWAYS + lines.count) + 1))
    enough_of = _STALE + _STALE_EACH * len(lines.weight)
    best, stale, enough = search.in_time(), 0, near(most)
    for _ in range(rounds):
        if stale >= enough_of or best >= enough:
            break
        before = search.sheet.state()
        search.again()
        now = search.in_time()
        stale = 0 if now > best + TINY else stale + 1
        if now >= best:
            best = now
        else:
            search.sheet.restore(before)
    return search.sheet.book(book), np.maximum(lines.pieces - search.sheet.good, 0.0)


def all_by(book: Book, found: Prices, turn: Ints) -> Book | None:
    """Try to put all lines into an empty book by their due date, in this turn and in others.

    Only where the network is small and the book `movable`.
    """
    net, lines = book.net, book.lines
    tries = min(_TRIES, _TRIED // (net.printers * (_ALWAYS + lines.count) + 1))
    if not tries or not book.movable:
        return None
    sheet, draw = Sheet(book, best_of(net, found)), np.random.default_rng(0)
    shake = np.ones(net.printers)
    for n in range(tries):
        before = sheet.state()
        for line in turn.tolist():
            sheet.put_in(line, float(lines.pieces[line]), shake, 0.0, PLAIN)
        if bool((sheet.good >= lines.pieces - TINY).all()):
            return sheet.book(book)
        sheet.restore(before)
        turn = draw.permutation(turn) if n % 2 else turn
        shake = 1.0 + _TRIED_SHAKEN * draw.random() * draw.random(net.printers)
    return None


def best_of(net: Network, found: Prices) -> Floats:
    """Return [C]: what a minute of good work of a class is worth."""
    work = net.work_min()
    each = np.where(np.isfinite(work), found.price[:, None] / work, 0.0)
    best: Floats = each.max(axis=0, initial=0.0)
    return best


class _Search:
    """Takes orders out of a sheet and puts them in again, drawn from one seed."""

    def __init__(self, book: Book, found: Prices) -> None:
        net, lines = book.net, book.lines
        best = best_of(net, found)
        self.sheet, self._lines = Sheet(book, best), lines
        self._draw = np.random.default_rng(0)  # the same for the same facts
        self._worth = net.speed * net.good * best[net.cls]  # [P], of a minute
        #: What a good piece costs where all of its line on one printer costs least.
        self._least = np.array([m.cost.min(initial=1e99) for m in self.sheet.making])
        self._orders = Orders(book, self.sheet, self._least.tolist())
        self._density = self._orders.density
        self._asked = np.array([len(mine) > 0 for mine in self._orders.lines])

    def in_time(self) -> float:
        """Return the weighted share of kits."""
        weight = self._lines.weight * self._asked
        return float(self.sheet.shares() @ weight / weight.sum())

    def again(self) -> None:
        """Put an order that lacks some or is dear in again, with a few that make room, and others."""
        lines, draw = self._lines, self._draw
        wanted = (1.0 - self.sheet.shares()) * lines.weight
        if draw.random() < DEAR and (dear := self._dear()).any():
            wanted = dear
        one = int(draw.choice(len(wanted), p=wanted / wanted.sum()))
        out = np.unique(np.append(self._some(one), one))
        for order in out.tolist():
            self._orders.take_out(order)
        cut = CUT * draw.random() * self._density[one] * (draw.random() < SPARING)
        shake = 1.0 + _SHAKEN * draw.random() * draw.random((lines.count, len(self._worth)))
        first = lines.due_min[out]
        if draw.integers(2):  # what is worth most for its size, about
            first = -self._density[out] * np.exp(draw.normal(0.0, _TURNED, len(out)))
        way = int(draw.choice(3, p=_WAYS))
        for order in out[np.argsort(first, kind="stable")].tolist():
            self._orders.put_in(order, shake.__getitem__, cut, way)
        # A piece that lacks because of scrap is worth no plate of its own.
        self._rest(1.0, shake, cut)
        if cut:
            self._rest(TINY, shake, 0.0)

    def _some(self, one: int) -> Ints:
        """Draw a few orders."""
        draw = self._draw
        by = draw.random(len(self._density))
        if draw.random() < NEAR:
            away = np.abs(self._lines.due_min - self._lines.due_min[one])
            by = by + away / max(float(away.max()), TINY)
        if draw.random() < WASTED:
            dear = self._dear()
            by = by / (1.0 + WASTE * dear / max(float(dear.mean()), 1e-99))
        if draw.random() < ALIKE:
            by = by * (1.0 + np.log(self._density / self._density[one]) ** 2)
        return np.argsort(by, kind="stable")[: int(draw.integers(1, _OUT))]

    def _dear(self) -> Floats:
        """Return [O]: how much more each order costs than its pieces would on the best printers."""
        sheet, orders = self.sheet, len(self._density)
        least = np.minimum(sheet.good, self._lines.pieces) * self._least
        more = np.maximum(sheet.minutes @ self._worth - least, 0.0)
        return np.bincount(self._lines.order, more, orders).astype(np.float64)

    def _rest(self, least: float, shake: Floats, cut: float) -> None:
        """Put in more of orders that lack more than so many pieces."""
        lines, orders = self._lines, len(self._density)
        lacks = lines.pieces - self.sheet.good > least
        room = self.sheet.has_room()
        more, none = np.zeros((2, orders), np.bool_)
        more[lines.order[lacks]], none[lines.order[lacks & ~room]] = True, True
        who = np.flatnonzero(more & ~none)
        for order in who[np.argsort(-self._density[who], kind="stable")].tolist():
            self._orders.put_in(order, shake.__getitem__, cut, WHOLE)
