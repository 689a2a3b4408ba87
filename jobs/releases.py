"""Puts orders that may not start yet into a book, so that nobody stands still before them. Pure.

A printer that waits for a release has time for what is due later. By due date alone it would get that after,
when its time is gone. So time is cut where something is released or due, and in each piece of it, from the
first on, printers begin what may start by then, by due date. Leaves whole kits to `jobs.kits`.
"""

from __future__ import annotations

import numpy as np

from jobs.capacity import by_value, free_min, shares_in_time
from jobs.filling import Book, Weights
from jobs.kits import in_kits, share_in_time
from jobs.network import SLOT_MIN, TINY, Floats, Ints, Singles
from jobs.prices import Prices

#: So many pieces of time times lines times printers are looked at, at most, in all rounds.
_WORK = 30_000_000
#: So often orders are asked for as much less as they lacked.
_ROUNDS = 4
#: So much of all time is left free in a second try: whole plates do not fill it.
_LOSS = 0.03


def by_release(
    in_time: float, book: Book, left: Floats, found: Prices, bound: float, weights: Weights
) -> tuple[float, Book, Floats]:
    """Return what is in time, a book and what is left of each line [L]: of a plan, or a better one.

    Args:
        in_time: 0..1, of the plan; where it is short and some may not start yet, others are tried.
        book: its.
        left: [L], its.
        found: prices of the parts.
        bound: 0..1, no plan has more in time.
        weights: as of the plan.
    """
    net, lines, best = book.net, book.lines, (in_time, book, left)
    if in_time >= bound - TINY or not lines.release_min.any():
        return best
    begins = np.ceil(lines.release_min / SLOT_MIN - TINY) * SLOT_MIN
    due, regret = book.ends_min, found.losses(net)
    ends = np.union1d(due, begins[(begins > 0) & (begins < due[-1])])
    rounds = _WORK // max(len(ends) * lines.count * net.printers, 1)
    turn = by_value(lines, found)
    rank = np.argsort(turn)
    nothing, same = Weights(km=0.0, load=0.0, new=0.0), np.zeros_like(rank)
    for at, loss, first, weighed, across in (
        (ends, 0.0, rank, weights, False), (ends, 0.0, rank, weights, True),
        (ends, _LOSS, rank, weights, True), (due, 0.0, same, weights, True),
        (ends, 0.0, rank, nothing, True), (due, 0.0, same, nothing, True),
    ):  # fmt: skip
        free = np.array([net.opened(end) for end in at.tolist()]) - net.busy_min
        shares, _ = shares_in_time(
            net, lines, found, turn, free_min(net, free), lines.pieces, loss=loss, ends_min=at
        )
        for _ in range(min(_ROUNDS, rounds)):
            rounds -= 1
            asked, book = shares[lines.order] * lines.pieces, Book(net, lines, due)
            lacks = _put_in(book, asked, begins, ends, first, regret, weighed, across=across)
            left = lines.pieces - asked + lacks
            in_kits(book, left, turn, regret, weights, 0.0)
            share = share_in_time(lines, left)
            if share > best[0] + TINY:
                best = share, book, left
            got = np.ones(len(shares))
            np.minimum.at(got, lines.order, 1.0 - lacks / np.maximum(asked, TINY))
            if bool((got >= 1.0 - TINY).all()):
                break
            shares = shares * got.clip(0.0, 1.0)
        if best[0] >= 1.0 - TINY:
            break
    return best


def _put_in(
    book: Book, asked: Floats, begins: Floats, ends: Floats, rank: Ints, regret: Singles,
    weights: Weights, *, across: bool,
) -> Floats:  # fmt: skip
    """Put good pieces of each line [L] in; return what of them has no room.

    `across`: a plate may be under way where something is released, and keep it waiting.
    """
    net, lines, start = book.net, book.lines, 0.0
    queues, lacks = _Queues(book, across=across), asked.copy()
    due, begin = lines.due_min[lines.order], begins[lines.order]
    by_due = np.lexsort((book.able[lines.part], rank[lines.order], due))
    for end in ends.tolist():
        may = (begin <= start + TINY) & (due >= end - TINY) & (lacks > TINY)
        for line in by_due[may[by_due]].tolist():
            score = book.score(line, regret[lines.part[line]], weights)
            made = queues.begin(line, float(lacks[line]), net.opened(end), score)
            lacks[line] = max(0.0, lacks[line] - made)
        start = end
    return lacks


class _Queues:
    """When each printer is done with what it has begun, in its open minutes."""

    def __init__(self, book: Book, *, across: bool) -> None:
        self._across = across
        self._book, self._done_min = book, book.net.busy_min.copy()
        self._until = np.array([book.net.opened(end) for end in book.ends_min.tolist()])

    def begin(self, line: int, pieces: float, end_min: Floats, score: Singles) -> float:
        """Put in plates that begin by then [P], and are done by their due date; return their pieces."""
        book, made, due = self._book, self._book.makers(line), self._book.bucket(line)
        who = made.printer
        release = float(book.lines.release_min[book.lines.order[line]])
        release = float(np.ceil(release / SLOT_MIN - TINY)) * SLOT_MIN
        start = np.maximum(self._done_min, book.net.opened(release))[who]
        here = (end_min[who] - start) / made.minutes
        plates = np.minimum(
            np.ceil(here - TINY) if self._across else np.floor(here + TINY),
            np.floor((self._until[due][who] - start) / made.minutes + TINY),
        )
        plates = np.minimum(np.maximum(plates, 0.0).astype(np.int64), book.possible(line, due))
        some = np.flatnonzero(plates)
        some = some[np.argsort(score[who[some]], kind="stable")]
        sums = (plates * made.pieces)[some].cumsum()
        some = some[: int(sums.searchsorted(pieces - TINY)) + 1]
        if not len(some):
            return 0.0
        full, last = np.zeros((2, len(who)), np.int64)
        full[some] = plates[some]
        if float(full @ made.pieces) > pieces + TINY:
            one = int(some[-1])
            full[one] = 0
            rest = pieces - float(full @ made.pieces)
            full[one] = int(rest / made.pieces[one] + TINY)
            rest -= full[one] * made.pieces[one]
            copies = int(np.ceil(rest / book.net.good[who[one]] - TINY))
            full[one] += copies >= made.copies[one]
            last[one] = copies if 0 < copies < made.copies[one] else 0
        part = np.where(last > 0, made.plate_min + last * made.piece_min, 0.0)
        done = start + full * made.minutes + part
        self._put(line, full, last, done)
        self._done_min[who[some]] = done[some]
        return float(full @ made.pieces + last @ book.net.good[who])

    def _put(self, line: int, full: Ints, last: Ints, done: Floats) -> None:
        """Put plates in before the first due date by which they are done; none after them has a sooner one."""
        book, who = self._book, self._book.makers(line).printer
        some = (full > 0) | (last > 0)
        bucket = (self._until[:, who] < done - TINY).sum(axis=0)
        for one in np.unique(bucket[some]).tolist():
            here = some & (bucket == one)
            book.insert_plates(line, one, np.where(here, full, 0), np.where(here, last, 0))
