"""Orders that are put into a sheet of copies, as whole as there is room for. Pure.

Parts that make no kit are of no use: how much of each makes some is found by halves. Leaves which orders
come first, and what costs what, to `jobs.tight` and `jobs.refill`; where copies go to their sheets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from jobs.filling import Book
from jobs.network import TINY, Floats

_HALVES = 6
_Shake_contra = TypeVar("_Shake_contra", contravariant=True)


class _Sheet(Protocol[_Shake_contra]):
    """What printers make of each line: `jobs.copies.Sheet`, or `jobs.listed.Sheet`."""

    good: Any  # [L], good pieces

    def take_out(self, line: int) -> None: ...

    def put_in(
        self, line: int, goal: float, shake: _Shake_contra, least: float, way: int
    ) -> None: ...


class Orders(Generic[_Shake_contra]):
    """The orders of a book, and the sheet they are put into.

    `lines` are those of each order, what few can make first; `size` [O] is what each costs at best, `density`
    [O] what it is worth for that.
    """

    def __init__(self, book: Book, sheet: _Sheet[_Shake_contra], least: Sequence[float]) -> None:
        """Read a book.

        Args:
            book: whose lines are asked for.
            sheet: of the same lines.
            least: [L], what a good piece costs where that is least.
        """
        asked = book.lines
        self._sheet, self._least, self._pieces = sheet, least, asked.pieces.tolist()
        self.lines: list[list[int]] = [[] for _ in asked.weight]
        for line in np.argsort(book.able[asked.part], kind="stable").tolist():
            self.lines[asked.order[line]].append(line)
        size = np.bincount(asked.order, asked.pieces * np.array(least), len(asked.weight))
        self.size: Floats = np.maximum(size, 1e-99)
        self.density: Floats = asked.weight / self.size
        self._worth: list[float] = self.density.tolist()
        self._most = [max((self._pieces[n] for n in mine), default=0.0) for mine in self.lines]

    def take_out(self, order: int) -> None:
        """Make nothing of an order."""
        for line in self.lines[order]:
            self._sheet.take_out(line)

    def put_in(
        self, order: int, shake: Callable[[int], _Shake_contra], cut: float, way: int
    ) -> None:
        """Put in an order: of its parts as much as makes kits.

        Args:
            order: which; of its lines as much as they have stays.
            shake: of a line, as of the sheet.
            cut: the last copy of a lot has to be worth so much for what it costs.
            way: as of `jobs.copies`.
        """
        low, high = self._up_to(order, 1.0, shake, cut, way)
        if (high - low) * self._most[order] <= 1.0:
            return
        for _ in range(_HALVES):
            if (high - low) * self._most[order] <= 1.0:
                break
            middle = (low + high) / 2
            got = self._anew(order, middle, shake, way)
            low, high = (middle, high) if got >= middle - TINY else (max(low, got), middle)
        self._anew(order, low, shake, way)

    def _anew(
        self, order: int, kits: float, shake: Callable[[int], _Shake_contra], way: int
    ) -> float:
        self.take_out(order)
        return self._up_to(order, kits, shake, 0.0, way)[0]

    def _up_to(
        self, order: int, kits: float, shake: Callable[[int], _Shake_contra], cut: float, way: int
    ) -> tuple[float, float]:
        """Put in up to a share of all kits; return the least and the most that a part has of them."""
        sheet, most = self._sheet, 0.0
        for line in self.lines[order]:
            asked = self._pieces[line]
            if sheet.good[line] < kits * asked - TINY:
                # What the order is worth, by what its parts cost at best.
                least = cut / max(self._worth[order] * self._least[line], 1e-99)
                sheet.put_in(line, kits * asked, shake(line), least, way)
            got = float(sheet.good[line]) / asked
            kits, most = min(kits, got), max(most, min(got, 1.0))
        return kits, most
