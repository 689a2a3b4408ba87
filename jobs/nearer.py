"""Where not all can be in time in a small network: the same kits, made nearer to who asked. Pure.

A few lines at a time are taken out and put in again where kilometres cost more than minutes, each up to
what it had. Kept is what makes no fewer kits, and drives less without being less fair. Copies count, not
full plates, since printers are full there (`jobs.copies`). Leaves how many kits there are to `jobs.tight`.
"""

from __future__ import annotations

import numpy as np

from jobs.copies import LATE, PLAIN, WHOLE, Sheet
from jobs.filling import Book
from jobs.kits import unfair
from jobs.network import TINY, Floats, Ints, Network

#: So often at most; and after so many that were of no use no more.
_ROUNDS, _STALE = 1200, 300
#: Of use is what makes kilometres fewer by such a share.
_SAVED = 0.0002
#: Fewer lines are taken out at once, those first that are furthest away: by how much, against chance.
_OUT, _CHANCE = 7, 0.05
#: How much dearer a copy is at the mean distance than next door, drawn each time; and how often lines are
#: put in which way, and by how much costs are shaken.
_DEARER = (0.3, 1.0, 3.0)
_WAYS, _WITH, _SHAKEN = (WHOLE, LATE, PLAIN), (0.5, 0.1, 0.4), 0.2


def nearer(book: Book, best: Floats, rounds: int) -> tuple[Book, Floats]:
    """Put lines in again nearer; return the new book and what is left of each [L].

    Args:
        book: of a plan of which nothing was kept, `movable`.
        best: [C], what a minute of good work of a class is worth.
        rounds: how often at most.
    """
    move, lines = _Move(book, best), book.lines
    in_time, km, unfair, stale = move.in_time(), move.km(), move.unfair(), 0
    for _ in range(min(rounds, _ROUNDS)):
        if stale >= _STALE or km <= TINY:
            break
        before = move.sheet.state()
        whole = move.again()
        share, driven, worse = move.in_time(), move.km(), move.unfair()
        good = whole and share >= in_time and driven <= km and worse <= unfair
        stale = 0 if good and driven < km * (1.0 - _SAVED) else stale + 1
        if good:
            in_time, km, unfair = share, driven, worse
        else:
            move.sheet.restore(before)
    return move.sheet.book(book), np.maximum(lines.pieces - move.sheet.good, 0.0)


class _Move:
    """Moves lots of a sheet, drawn from one seed."""

    def __init__(self, book: Book, best: Floats) -> None:
        net, lines = book.net, book.lines
        self.sheet, self._net, self._lines = Sheet(book, best), net, lines
        self._draw = np.random.default_rng(0)  # the same for the same facts
        self._km: Floats = net.km[lines.site[lines.order]]  # [L, P]
        self._away = self._km / max(float(self._km.mean()), TINY)
        self._near = np.array([self._nearest(line) for line in range(lines.count)])
        self._offered = _of_labs(net, net.opened(float(lines.due_min.max())))

    def _nearest(self, line: int) -> float:
        who = self.sheet.making[line].printer
        return float(self._km[line, who].min()) if len(who) else 0.0

    def in_time(self) -> float:
        """Return the weight of the kits."""
        return float(self.sheet.shares() @ self._lines.weight)

    def unfair(self) -> float:
        """Return how far the load is from fair; 1 if it is."""
        load = _of_labs(self._net, self.sheet.minutes.sum(axis=0))
        return unfair(load / np.maximum(self._offered, TINY))

    def km(self) -> float:
        """Return the kilometres of all copies."""
        return float(self._driven().sum())

    def _driven(self) -> Floats:
        """Return [L]: the kilometres of all good copies."""
        found: Floats = (self.sheet.copies * self._km) @ self._net.good
        return found

    def again(self) -> bool:
        """Put a few lines in again, by due date or as it comes; return whether they have what they had."""
        draw, sheet, lines = self._draw, self.sheet, self._lines
        had = np.minimum(sheet.good, lines.pieces)
        out = self._some()
        for line in out.tolist():
            sheet.take_out(line)
        if draw.integers(2):
            out = out[np.argsort(lines.due_min[lines.order[out]], kind="stable")]
        dearer, way = float(draw.choice(_DEARER)), int(draw.choice(_WAYS, p=_WITH))
        for line in out.tolist():
            shake = 1.0 + _SHAKEN * draw.random() * draw.random(self._net.printers)
            sheet.put_in(line, float(had[line]), shake + dearer * self._away[line], 0.0, way)
        return bool((sheet.good[out] >= had[out] - TINY).all())

    def _some(self) -> Ints:
        """Draw a few lines that are made of, the more likely the more kilometres they could save."""
        made = np.flatnonzero(self.sheet.good > TINY)
        saves = np.maximum(self._driven() - self._near * self.sheet.good, 0.0)[made]
        odds = saves / max(float(saves.max(initial=0.0)), TINY) + _CHANCE
        by = np.log(self._draw.random(len(made))) / odds
        count = int(self._draw.integers(1, _OUT))
        return made[np.argsort(-by, kind="stable")[:count]]


def _of_labs(net: Network, minutes: Floats) -> Floats:
    return np.bincount(net.node, minutes).astype(np.float64)
