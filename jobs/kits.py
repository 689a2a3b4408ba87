"""Puts orders into the book in whole kits, and says what of a plan is fair. Pure.

Half a kit is none: of no part is more put in than makes kits with the others. Leaves who is near to
`jobs.fewer_km`, and what to do where not all are in time to `jobs.tight`.
"""

from __future__ import annotations

import numpy as np

from jobs.filling import Book, Weights
from jobs.network import TINY, Floats, Ints, Lines, Singles

#: So many times at most, and so many lines times printers looked at in all; each time costs as
#: much as some lines.
ROUNDS, _WORK, _ALWAYS = 1200, 2_000_000, 10
#: With fewer it is not worth to begin.
_FEWEST = 10
#: Below that index of Jain every hundredth counts as much as so many hundredths of the kilometres.
_FAIR, _UNFAIR = 0.92, 5.0


def in_kits(
    book: Book, left: Floats, turn: Ints, regret: Singles, weights: Weights, least: float
) -> None:
    """Put in what is left of orders, in this turn; of no part more than makes kits with the others."""
    lines = book.lines
    for order in turn:
        mine, kits = np.flatnonzero(lines.order == order), 1.0
        for line in mine[np.argsort(book.able[lines.part[mine]], kind="stable")].tolist():
            beyond = (1.0 - kits) * float(lines.pieces[line])
            some = float(left[line]) - beyond
            if some > TINY:
                left[line] = beyond + insert(book, line, some, regret, weights, least)
            # What is printed already lacks nothing, however little that is.
            if left[line] > TINY:
                kits = min(kits, 1.0 - float(left[line] / lines.pieces[line]))


def once_more(
    book: Book,
    left: Floats,
    asked: Floats,
    turn: Ints,
    regret: Singles,
    weights: Weights,
    least: float,
) -> None:
    """Put orders that lack kits in again in this turn, with the last of all that makes room for them.

    Whole plates of what is due sooner may have left no room for what is worth more. No more is put in
    of a line [L] than was asked of this book. Undone where it is of no use; only where the book is
    `movable`.
    """
    lines, share = book.lines, share_in_time(book.lines, left)
    if share >= 1.0 - TINY or not book.movable:
        return
    before, had = book.state(), left.copy()
    out = _lack(lines, left) > 0
    out[turn[np.isin(turn, lines.order)][-1]] = True
    for line in np.flatnonzero(out[lines.order]).tolist():
        left[line] = min(left[line] + book.take_out(line), asked[line])
    in_kits(book, left, turn, regret, weights, least)
    if share_in_time(lines, left) <= share:
        book.restore(before)
        left[:] = had


def insert(
    book: Book, line: int, pieces: float, regret: Singles, weights: Weights, least: float
) -> float:
    """Put in so many pieces by their due date; return how many have no room."""
    if pieces <= TINY:
        return 0.0
    bucket = book.bucket(line)
    # Where printers get no more than a share of their time there is room, mostly.
    who = book.with_room(line, bucket) if book.level == np.inf else None
    if who is not None and not len(who):
        return pieces
    score = book.score(line, regret[book.lines.part[line]], weights)
    return book.insert(line, pieces, bucket, score, least=least, who=who)


def gather(book: Book, least: float, regret: Singles, weights: Weights) -> None:
    """Put what small lots (of one lab) have of each line on labs that make more of it, where they have room.

    A lot of fewer than `least` pieces is small. Nothing may be late yet.
    """
    if not book.movable:
        return
    lines, lab, pieces = lots_of(book)
    small, node = pieces < least, book.net.node
    count = book.lines.count
    has_small, has_more = (np.bincount(lines[some], minlength=count) for some in (small, ~small))
    first = lines.searchsorted(np.arange(count + 1))
    for line in np.flatnonzero(has_small * has_more).tolist():
        more, few = np.zeros((2, len(book.knows(line))), np.bool_)
        lots = np.arange(first[line], first[line + 1])
        more[lab[lots[~small[lots]]]] = True
        lots = lots[small[lots]]
        lots = lots[np.argsort(pieces[lots], kind="stable")]
        made, bucket = book.makers(line), book.bucket(line)
        who = np.flatnonzero(more[node[made.printer]])
        room = float(book.possible(line, bucket, who) @ made.pieces[who])
        few[lab[lots[pieces[lots].cumsum() <= room]]] = True
        if few.any():
            moved = book.take_out(line, few[node])
            score = book.score(line, regret[book.lines.part[line]], weights)
            book.insert_on(line, moved, bucket, who, score[made.printer[who]])


def lots_of(book: Book) -> tuple[Ints, Ints, Floats]:
    """Return line and lab of each lot, by line, and its good pieces."""
    rows, node = book.rows, book.net.node
    good = rows.copies(book.net, book.lines) * book.net.good[rows.printer]
    labs = int(node.max(initial=-1)) + 1
    where = rows.line * labs + node[rows.printer]
    # To sort numbers that say where each stood is quicker than to find their order.
    bits = len(where).bit_length()
    keys = np.sort((where << bits) + np.arange(len(where)))
    where, good = keys >> bits, good[keys & ((1 << bits) - 1)]
    first = np.flatnonzero(np.diff(where, prepend=-1))
    lots = where[first]
    return lots // labs, lots % labs, np.add.reduceat(good, first)


def share_in_time(lines: Lines, left: Floats) -> float:
    """Return the weighted share of kits in time; a kit is as complete as its scarcest part."""
    if not lines.count:
        return 1.0
    share = 1.0 - _lack(lines, left)
    asked = np.bincount(lines.order, minlength=len(lines.weight)) > 0
    return float((share * lines.weight)[asked].sum() / lines.weight[asked].sum())


def _lack(lines: Lines, left: Floats) -> Floats:
    """Return [O], 0..1: the share of the kits of each order that has no room."""
    found = np.zeros(len(lines.weight))
    lack = np.clip(np.where(left > TINY, left, 0.0) / lines.pieces, 0.0, 1.0)
    np.maximum.at(found, lines.order, lack)
    return found


def rounds_for(book: Book) -> int:
    """Return how often it is worth to put orders in again; 0 where it cannot be or takes too long."""
    rounds = _WORK // (book.net.printers * (_ALWAYS + book.lines.count) + 1)
    some = rounds >= _FEWEST and book.movable and book.lines.count and book.net.printers
    return min(rounds, ROUNDS) if some else 0


def unfair(load: Floats) -> float:
    """Return how many times kilometres count where labs give such shares of their time; 1 if that is fair."""
    return 1.0 + _UNFAIR * max(0.0, _FAIR - jain(load))


def jain(load: Floats) -> float:
    """Return 1 where all labs give the same share of their time, 1 / labs where only one does."""
    return float(load.sum() ** 2 / max(len(load) * float(load @ load), TINY))
