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
from jobs.certificate import earliest_min, fullest_min, most_in_time
from jobs.fewer_km import fewer_km
from jobs.filling import Book, Weights
from jobs.keeping import Kept, good_of
from jobs.kits import gather, in_kits, insert, once_more, rounds_for, share_in_time
from jobs.nearer import nearer
from jobs.network import SLOT_MIN, TINY, Bools, Floats, Ints, Lines, Network, Rows, Singles
from jobs.prices import Prices, prices
from jobs.releases import by_release
from jobs.tight import all_by, best_of, more_kits
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
_ROUNDS = 12


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
        kept = _renumbered(kept, np.argsort(by))
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
        gather(best[1], least, _of_printers(net, found), weights)
    best = by_release(*best, found, bound, weights) if kept is None else best
    if kept is None and (search or best[0] >= 1.0 - TINY):
        best = _mended(best, found, bound, weights, least)
    in_time, book, left = best
    for line in _in_turn(lines, by_value(lines, found), left > TINY):
        left[line] = book.earliest(line, float(left[line]))
    return Quotas(
        rows=_renumbered(book.rows, by),
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
    regret, turn = _of_printers(net, found), by_value(lines, found)
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


def _of_printers(net: Network, found: Prices) -> Singles:
    """Return [Q, P]: what is lost by a printer on a part against what it is best at."""
    return found.regret(net).astype(np.float32)[:, net.cls]


def _barred_by(lines: Lines, by: Ints) -> Lines:
    if not lines.barred:
        return lines
    return Lines(
        order=lines.order, part=lines.part, pieces=lines.pieces, due_min=lines.due_min,
        release_min=lines.release_min, weight=lines.weight, site=lines.site,
        barred={line: barred[by] for line, barred in lines.barred.items()},
    )  # fmt: skip


def _renumbered(rows: Rows, to: Ints) -> Rows:
    return Rows(
        line=rows.line, bucket=rows.bucket, printer=to[rows.printer], plates=rows.plates,
        last=rows.last,
    )  # fmt: skip


def _fill(
    book: Book, found: Prices, weights: Weights, least: float, loss: float, way: int
) -> tuple[float, Book, Floats]:
    """Put in what can be in time; return its share, the book and what is left of each line."""
    net, lines = book.net, book.lines
    regret = _of_printers(net, found)
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
    once_more(book, left, turn, regret, weights, least)
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
    stay = Kept(book, kept)
    free = free_min(net, book.room_min[:-1])
    rest = np.bincount(lines.part, left, net.most.shape[0]).astype(np.float64)
    regret = _of_printers(net, prices(net, rest, free[-1]))
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
    for line in _in_turn(lines, turn):
        stay.hasten(line)
        left[line] = insert(book, line, float(left[line]), regret, weights, least)
    # Twice: to make room for one may leave less for another.
    for _ in range(2):
        for line in _in_turn(lines, turn, left > TINY):
            stay.make_room(line, float(left[line]))
            left[line] = insert(book, line, float(left[line]), regret, weights, least)
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
    for _ in range(_ROUNDS * 4):
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
        rows=_renumbered(best.rows, by),
        lines=lines,
        ready_min=float(high * SLOT_MIN),
        earliest_min=bound,
    )


def _by(
    net: Network, lines: Lines, found: Prices, end_min: float, *, in_shares: bool
) -> Book | None:
    """Try to print all lines by then; `in_shares` gives each its stretch of every class first."""
    book = Book(net, lines, np.array([end_min]))
    regret, left = _of_printers(net, found), lines.pieces.copy()
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
