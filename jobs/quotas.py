"""Splits orders over the printers of a country: who makes how many full plates of what, by when.

Pure, and the same for the same facts. What every step does is said where it is done: prices
(`jobs.prices`), which share of each order can be in time (`jobs.capacity`), the book and its
scores (`jobs.filling`). A plan carries what nobody could have done better (`jobs.certificate`).
Time passes as `Network` says: a plate may be cut by closing time and go on when it is open again.
Leaves exact times on the clock, and the plates that may not be cut, to `jobs.split`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.capacity import best_turn, by_value, free_min, shares_in_time
from jobs.certificate import fullest_min, most_in_time
from jobs.fewer_km import fewer_km
from jobs.filling import Book, Weights
from jobs.keeping import Kept, good_of
from jobs.kits import gather, in_kits, insert, once_more, rounds_for, share_in_time
from jobs.nearer import nearer
from jobs.network import TINY, Bools, Floats, Ints, Lines, Network, Rows, Singles
from jobs.prices import Prices, prices
from jobs.releases import by_release
from jobs.tight import best_of, more_kits
from jobs.together import few_enough, together

#: Lines go in by scores; until the fullest due date by what printers lose alone; by scores, with shares of all
#: orders found together; or as the table has it. Some time is left free. Not tried where a plan is that near to
#: the best, but until all that can be is in time.
SCORED, PLAIN, TOGETHER, IN_CLASSES = range(4)
WAYS = (
    (SCORED, 0.0, 0.0), (PLAIN, 0.0, 1.0), (SCORED, 0.02, 0.003), (SCORED, 0.05, 0.003),
    (TOGETHER, 0.0, 0.007), (TOGETHER, 0.02, 0.007), (IN_CLASSES, 0.0, 0.007), (IN_CLASSES, 0.02, 0.007),
)  # fmt: skip
_NOTHING = Weights(km=0.0, load=0.0, new=0.0)
#: At first no printer is asked for more than half of its time, or so many times what all need to give.
HALF, FAIR = 0.5, 1.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quotas:
    """A plan over classes and labs, with the proof of how good it is."""

    rows: Rows
    ends_min: Floats  # due dates of the buckets; one bucket more has none
    missing: Floats  # [L], good pieces that have no room before the horizon
    in_time: float  # 0..1, weighted share of kits printed by their due date
    most_in_time: float  # no plan has more
    regret: Floats  # [Q, C], what a class loses on a part

    @property
    def gap(self) -> float:
        """How far from the best that could be, 0..1; the best possible may be worse than that."""
        return max(0.0, 1.0 - self.in_time / self.most_in_time) if self.most_in_time else 0.0


def plan(
    net: Network,
    lines: Lines,
    *,
    weights: Weights | None = None,
    least: float = 0.0,
    kept: Rows | None = None,
    search: bool = True,
) -> Quotas:
    """Split all lines over all printers.

    Args:
        net: the printers.
        lines: sorted as the caller likes best; it decides between equals.
        weights: what a kilometre, load and a parcel more are worth.
        least: no lab makes fewer good pieces of a line, where that costs nobody's due date.
        kept: what stays where it is, as of an earlier plan with the same lines; only what is
            missing from it is put in, into the slack of the others.
        search: whether orders are put in again where not all is in time.
    """
    net, by = net.ordered()
    lines = _barred_by(lines, by)
    if kept is not None:
        kept = kept.renumbered(np.argsort(by))
    ends = np.unique(lines.due_min)
    pieces = lines.of_parts(net.most.shape[0])
    last = float(ends[-1]) if len(ends) else 0.0
    found = prices(net, pieces, net.class_min(last))
    bound = most_in_time(net, lines, found)
    weights = weights or Weights()
    best: tuple[float, Book, Floats] | None = None
    for way, loss, enough in WAYS if kept is None else WAYS[:1]:
        if best is not None and best[0] >= bound * (1.0 - enough * (bound < 1.0 - TINY)):
            continue
        if way == TOGETHER and not few_enough(net, lines):
            continue
        book = Book(net, lines, ends)
        if kept is None:
            filled = _fill(book, found, weights, least, loss, way)
        else:
            filled = _refill(book, found, weights, least, kept)
        if best is None or filled[0] > best[0] + TINY:
            best = filled
    assert best is not None  # noqa: S101 - there is at least one loss
    if kept is None and least > 0:
        gather(best[1], least, found.losses(net), weights)
    best = by_release(*best, found, bound, weights) if kept is None else best
    if kept is None and (search or best[0] >= 1.0 - TINY):
        best = _mended(best, found, bound, weights, least)
    in_time, book, left = best
    for line in _in_turn(lines, by_value(lines, found), left > TINY):
        left[line] = book.earliest(line, float(left[line]))
    return Quotas(
        rows=book.rows.renumbered(by),
        ends_min=ends,
        missing=np.where(left > TINY, left, 0.0),
        in_time=in_time,
        most_in_time=max(bound, 0.0),
        regret=found.regret(net),
    )


def _mended(
    best: tuple[float, Book, Floats], found: Prices, bound: float, weights: Weights, least: float
) -> tuple[float, Book, Floats]:
    """Begin with the better of a plan and order by order, and put orders in again."""
    rounds = rounds_for(best[1])
    if not rounds:
        return best
    share, book, left = best
    net, lines = book.net, book.lines
    regret, turn = found.losses(net), by_value(lines, found)
    if share < 1.0 - TINY:
        book, left = Book(net, lines, book.ends_min), lines.pieces.copy()
        in_kits(book, left, turn, regret, _NOTHING, 0.0)
        if share_in_time(lines, left) <= share:
            _, book, left = best
        book, left = more_kits(book, found, bound)
        if weights.km:
            book, left = nearer(book, best_of(net, found), rounds)
    if weights.km and share_in_time(lines, left) >= 1.0 - TINY:
        book, left = fewer_km(book, left, regret, weights, least, rounds)
    return share_in_time(lines, left), book, left


def _barred_by(lines: Lines, by: Ints) -> Lines:
    if not lines.barred:
        return lines
    return Lines(
        order=lines.order, part=lines.part, pieces=lines.pieces, due_min=lines.due_min,
        release_min=lines.release_min, weight=lines.weight, site=lines.site,
        barred={line: barred[by] for line, barred in lines.barred.items()},
    )  # fmt: skip


def _fill(
    book: Book, found: Prices, weights: Weights, least: float, loss: float, way: int
) -> tuple[float, Book, Floats]:
    """Put in what can be in time; return its share, the book and what is left of each line."""
    net, lines = book.net, book.lines
    regret = found.losses(net)
    left = lines.pieces.copy()
    free = free_min(net, book.room_min[:-1])
    turn, shares, made = best_turn(net, lines, found, free, loss)
    if way == TOGETHER:
        shares, made = together(net, lines, free * (1.0 - loss))
    asked = shares[lines.order] * left
    level = max(HALF, FAIR * _level(net, lines, made, book))
    if way == PLAIN:
        first = lines.due_min <= fullest_min(net, lines, found)
        early = np.where(first[lines.order], asked, 0.0)
        asked -= early
        _by_due(book, left, early, regret, _NOTHING, 0.0)
        in_kits(book, left, turn[first[turn]], regret, _NOTHING, 0.0)
    for line in _due_first(book) if way in (TOGETHER, IN_CLASSES) else ():
        some = _within(book, line, made[line], book.score(line, regret[lines.part[line]], weights))
        left[line] -= some
        asked[line] -= some
    if way not in (TOGETHER, IN_CLASSES):
        before = left.copy()
        book.limit(level)
        _by_due(book, left, asked, regret, weights, least)
        book.limit(np.inf)
        asked -= before - left
    _by_due(book, left, asked, regret, weights, least)
    in_kits(book, left, turn, regret, weights, least)
    once_more(book, left, lines.pieces, turn, regret, weights, least)
    return share_in_time(lines, left), book, left


def _level(net: Network, lines: Lines, made: Floats, book: Book) -> float:
    """Return which share of all time until the last due date is needed for pieces [L, C]."""
    free = free_min(net, book.room_min[:-1][-1:])
    minutes = np.where(made > 0, made, 0.0) * np.where(made > 0, net.work_min()[lines.part], 0.0)
    return float(minutes.sum() / max(float(free.sum()), TINY))


def _within(book: Book, line: int, quota: Floats, score: Singles) -> float:
    """Put in full plates, of each class no more good pieces [C] than its quota; return the pieces."""
    made, bucket = book.makers(line), book.bucket(line)
    can = book.possible(line, bucket)
    cls = book.net.cls[made.printer]
    by = np.lexsort((score[made.printer], cls))
    pieces = (can * made.pieces)[by]
    before = np.cumsum(pieces) - pieces
    before -= before[np.searchsorted(cls[by], cls[by])]
    room = np.clip(quota[cls[by]] - before, 0.0, pieces)
    plates = np.zeros(len(can), np.int64)
    plates[by] = np.floor(room / made.pieces[by] + TINY).astype(np.int64)
    return book.insert_plates(line, bucket, plates)


def _refill(
    book: Book, found: Prices, weights: Weights, least: float, kept: Rows
) -> tuple[float, Book, Floats]:
    """Put in what is missing of what is kept, in the slack of the others; returns as of `_fill`.

    Where not all of it can be in time, what is worth less is printed later, by who has it.
    """
    net, lines = book.net, book.lines
    left = np.maximum(0.0, lines.pieces - good_of(net, lines, kept))
    missing = left.copy()
    stay = Kept(book, kept)
    free = free_min(net, book.room_min[:-1])
    rest = np.bincount(lines.part, left, net.most.shape[0]).astype(np.float64)
    regret = prices(net, rest, free[-1]).losses(net)
    turn = by_value(lines, found)
    shares, _ = shares_in_time(net, lines, found, turn, free, left)
    asked = shares[lines.order] * left
    scarce = turn[shares[turn] < 1.0]
    for end in np.unique(lines.due_min[scarce]):
        mine = scarce[lines.due_min[scarce] == end]
        asked[np.isin(lines.order, mine)] = 0.0
        here = lines.due_min[lines.order] <= end
        _by_due(book, left, np.where(here, asked, 0.0), regret, weights, least)
        asked[here] = 0.0
        in_kits(book, left, mine, regret, weights, least)
    _by_due(book, left, asked, regret, weights, least)
    once_more(book, left, missing, turn, regret, weights, least)
    for line in _in_turn(lines, turn):
        stay.hasten(line)
        left[line] = insert(book, line, float(left[line]), regret, weights, least)
    # Twice: to make room for one may leave less for another.
    for _ in range(2):
        for line in _in_turn(lines, turn, left > TINY):
            stay.make_room(line, float(left[line]))
            left[line] = insert(book, line, float(left[line]), regret, weights, least)
    once_more(book, left, missing, turn, regret, weights, least)
    for line in _in_turn(lines, turn):
        stay.hasten(line)
    late = stay.put()
    return share_in_time(lines, left + good_of(net, lines, late)), book, left


def _by_due(
    book: Book, left: Floats, asked: Floats, regret: Singles, weights: Weights, least: float
) -> None:
    """Put in so much of each line [L], and take it from what is left of it.

    By due date: what is due later would fill the printers that are free before.
    """
    for line in _due_first(book):
        some = float(asked[line])
        left[line] -= some - insert(book, line, some, regret, weights, least)


def _in_turn(lines: Lines, turn: Ints, some: Bools | None = None) -> list[int]:
    """Return the lines, or some [L], in the turn of their orders."""
    found = np.argsort(np.argsort(turn)[lines.order], kind="stable")
    listed: list[int] = (found if some is None else found[some[found]]).tolist()
    return listed


def _due_first(book: Book) -> list[int]:
    """Return the lines by due date; of those of a day what few can make comes first."""
    lines = book.lines
    found: list[int] = np.lexsort((book.able[lines.part], lines.due_min[lines.order])).tolist()
    return found
