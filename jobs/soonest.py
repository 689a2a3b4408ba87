"""Splits pieces over printers so that all are printed as soon as can be, with the proof of how good that is.

One due date that nobody has named: it is sought by halves, between what nobody can beat
(`jobs.certificate`) and the horizon. Pure, and the same for the same facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.certificate import earliest_min
from jobs.filling import Book
from jobs.network import SLOT_MIN, TINY, Floats, Ints, Lines, Network, Rows
from jobs.prices import Prices, prices
from jobs.tight import all_by

_ROUNDS = 48


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Soonest:
    """The plan that is ready first, and the proof of how good it is."""

    rows: Rows
    lines: Lines  # one for each part
    ready_min: float  # when all is printed, to the slot
    earliest_min: float  # nobody can be ready before

    @property
    def gap(self) -> float:
        """How much longer it takes than what nobody can beat; 0.01 is one per cent."""
        return self.ready_min / self.earliest_min - 1.0 if self.earliest_min > 0 else 0.0


def soonest(net: Network, pieces: Floats) -> Soonest | None:
    """Split so many good pieces [Q] so that all are printed as soon as can be; None if never."""
    net, by = net.ordered()
    parts = np.flatnonzero(pieces > 0)
    lines = Lines(
        order=np.zeros(len(parts), np.int64), part=parts, pieces=pieces[parts],
        due_min=np.zeros(1), release_min=np.zeros(1), weight=np.ones(1),
        site=np.zeros(1, np.int64),
    )  # fmt: skip
    found = prices(net, pieces, net.class_min(net.horizon_min / 2))
    bound = earliest_min(net, pieces, found)
    found = prices(net, pieces, net.class_min(bound + SLOT_MIN))
    bound = max(bound, earliest_min(net, pieces, found))
    low, high = int(bound // SLOT_MIN), net.open_min.shape[0] - 1
    best = None
    step = max(1, low // 100)
    at = min(high, low + step)
    for _ in range(_ROUNDS):
        book = _by(net, lines, found, at * SLOT_MIN, in_shares=True)
        if book is None:
            # A few long plates are better put one after another where they have room.
            book = _by(net, lines, found, at * SLOT_MIN, in_shares=False)
        if book is not None:
            best, high = book, at
        elif at == high:
            return None
        else:
            low = at
        if best is not None and high - low <= 1:
            break
        step *= 2
        at = (low + high) // 2 if best is not None else min(high, low + step)
    if best is None:
        return None
    # In a small network whole plates decide: another turn may be ready sooner still.
    while high * SLOT_MIN > bound and (
        book := all_by(
            Book(net, lines, np.array([(high - 1) * SLOT_MIN])), found, _turn(net, lines)
        )
    ):
        best, high = book, high - 1
    return Soonest(
        rows=best.rows.renumbered(by),
        lines=lines,
        ready_min=float(high * SLOT_MIN),
        earliest_min=bound,
    )


def _by(
    net: Network, lines: Lines, found: Prices, end_min: float, *, in_shares: bool
) -> Book | None:
    """Try to print all lines by then; `in_shares` gives each its stretch of every class first."""
    book = Book(net, lines, np.array([end_min]))
    regret, left = found.losses(net), lines.pieces.copy()
    past = np.cumsum(found.share, axis=0)
    turn = _turn(net, lines)
    for line in turn if in_shares else ():
        part = int(lines.part[line])
        begin = past[part] - found.share[part]
        left[line] -= _apportion(book, int(line), begin, past[part])
    for line in turn:
        if left[line] > TINY:
            left[line] = book.insert(int(line), float(left[line]), 0, regret[lines.part[line]])
    return book if bool((left <= TINY).all()) else None


def _turn(net: Network, lines: Lines) -> Ints:
    """Return the lines: what few can make first, and of what equally many can the longest plates.

    The others fill what those leave.
    """
    makers = (net.most > 0)[:, net.cls].sum(axis=1)
    longest = np.where(net.most > 0, net.plate_min + net.piece_min * net.most, 0.0).max(axis=1)
    return np.lexsort((-longest[lines.part], makers[lines.part]))


def _apportion(book: Book, line: int, begin: Floats, end: Floats) -> float:
    """Put a line on the printers whose stretch of their class it owns; return the good pieces.

    All open time of a class, printer after printer, is one stretch, 0..1; the line owns the part of
    it from `begin` to `end` [C].
    """
    net, made = book.net, book.makers(line)
    free = np.maximum(net.opened(float(book.ends_min[0])) - net.busy_min, 0.0)
    first, past = net.stretches(free)
    printer = made.printer
    cls = net.cls[printer]
    overlap = np.minimum(past[printer], end[cls]) - np.maximum(first[printer], begin[cls])
    width = np.maximum(past - first, 1e-12)[printer]
    owned = free[printer] * np.clip(overlap / width, 0.0, 1.0)
    wanted = np.maximum(np.round(owned / made.minutes - 0.1), 0).astype(np.int64)
    plates: Ints = np.minimum(wanted, book.possible(line, 0))
    plates[np.cumsum(plates * made.pieces) > float(book.lines.pieces[line]) + TINY] = 0
    return book.insert_plates(line, 0, plates)
