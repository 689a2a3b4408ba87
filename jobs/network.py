"""A network of printers and what is asked of it, as arrays: what the planner of many printers reads.

Printers that make the same parts on plates of the same size, in the same times and hours, are one
class: ten thousand printers are some hundred and fifty. Time is counted in minutes from now on; a
printer gets on only in its open minutes, and `Network.open_min` says how many of those have passed
by the end of every slot. Pure. Leaves whether a printer can make a part to `jobs.fleet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jobs.hours import WEEK_MIN, Week

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: How fine the planner sees time, in minutes.
SLOT_MIN = 15
#: Less than this is nothing: floating point, in pieces and in minutes.
TINY = 1e-6
#: Rows that are as long are better taken one by one.
_LONG = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """Printers [P] of classes [C] that make parts [Q], by calendars [K] over slots [T]."""

    name: NDArray[np.str_]  # [P], unique: who comes first where all else is equal
    node: Ints  # [P]
    cls: Ints  # [P], class of each printer
    speed: Floats  # [P], > 0; a plate takes its minutes divided by this
    good: Floats  # [P], 0..1: the share of its pieces that turn out good
    busy_min: Floats  # [P], open minutes that are promised already
    spool_g: Floats  # [spools, P]; a plate is printed from one spool
    most: Ints  # [Q, C], copies on a full plate; 0 where it cannot be made
    plate_min: Floats  # [Q, C], minutes that each plate takes, however full
    piece_min: Floats  # [Q, C], minutes more for each copy
    plate_g: Floats  # [Q, C]
    piece_g: Floats  # [Q, C]
    calendar: Ints  # [C]
    open_min: Floats  # [T + 1, K], cumulative; row 0 is now
    km: Floats  # [sites, P]

    @property
    def printers(self) -> int:
        """How many printers there are."""
        return len(self.cls)

    @property
    def horizon_min(self) -> float:
        """How far the calendars reach."""
        return float((self.open_min.shape[0] - 1) * SLOT_MIN)

    def work_min(self) -> Floats:
        """Return [Q, C]: the least minutes that a piece can take, on a full plate; inf if none."""
        can = self.most > 0
        return np.where(can, self.plate_min / np.where(can, self.most, 1) + self.piece_min, np.inf)

    def makers(self, part: int, barred: Bools | None = None) -> Makers:
        """Return who can make a part, without those who are barred [P]."""
        most, fixed, each = self.most[part], self.plate_min[part], self.piece_min[part]
        can = (most > 0)[self.cls]
        printer = np.flatnonzero(can if barred is None else can & ~barred)
        cls, speed = self.cls[printer], self.speed[printer]
        copies = most[cls]
        return Makers(
            printer=printer,
            minutes=(fixed + each * most)[cls] / speed,
            plate_min=fixed[cls] / speed,
            piece_min=each[cls] / speed,
            copy_min=(fixed + each)[cls] / speed,
            pieces=copies * self.good[printer],
            copies=copies,
            grams=(self.plate_g[part] + self.piece_g[part] * most)[cls],
        )

    def slot(self, at_min: float | Floats) -> Ints:
        """Return the last slot that has ended by then, within the calendars."""
        found = np.floor(np.asarray(at_min, dtype=np.float64) / SLOT_MIN + TINY).astype(np.int64)
        return np.clip(found, 0, self.open_min.shape[0] - 1)

    def opened(self, at_min: float) -> Floats:
        """Return [P]: open minutes of each printer from now until then."""
        found: Floats = self.open_min[int(self.slot(at_min))][self.calendar][self.cls]
        return found

    def class_min(self, at_min: float) -> Floats:
        """Return [C]: minutes of good work that each class has until then, at a speed of 1."""
        free = np.maximum(self.opened(at_min) - self.busy_min, 0.0) * self.speed * self.good
        return np.bincount(self.cls, free, len(self.calendar)).astype(np.float64)

    def stretches(self, free: Floats) -> tuple[Floats, Floats]:
        """Return [P] twice, 0..1: where each printer begins and ends in the good work of its class.

        `free` is [P], minutes; the printers of a class lie one after another.
        """
        earns = free * self.speed * self.good
        by = np.argsort(self.cls, kind="stable")
        sums = np.cumsum(earns[by])
        total = np.bincount(self.cls, earns, len(self.calendar))
        before = np.concatenate([[0.0], np.cumsum(total)[:-1]])
        past = np.empty(self.printers)
        past[by] = (sums - before[self.cls[by]]) / np.maximum(total[self.cls[by]], 1e-12)
        first: Floats = past - earns / np.maximum(total[self.cls], 1e-12)
        return first, past

    def ordered(self) -> tuple[Network, Ints]:
        """Return it with printers sorted by name, and where each of them stood."""
        by = np.argsort(self.name, kind="stable")
        if bool(np.all(by == np.arange(len(by)))):
            return self, by
        return replace(
            self, name=self.name[by], node=self.node[by], cls=self.cls[by], speed=self.speed[by],
            good=self.good[by], busy_min=self.busy_min[by], spool_g=self.spool_g[:, by],
            km=self.km[:, by],
        ), by  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Makers:
    """The printers [M] that can make a part, with their full plates."""

    printer: Ints
    minutes: Floats
    plate_min: Floats  # that each plate takes, however full
    piece_min: Floats  # minutes more for each copy
    copy_min: Floats  # of a plate with one copy
    pieces: Floats  # good ones of a full plate
    copies: Ints
    grams: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lines:
    """What is asked: a line [L] is one part of one order [O]."""

    order: Ints  # [L]
    part: Ints  # [L]
    pieces: Floats  # [L], good ones; > 0
    due_min: Floats  # [O]
    release_min: Floats  # [O], nothing of it starts before
    weight: Floats  # [O], what the order being in time is worth, > 0
    site: Ints  # [O], row of `Network.km`
    #: Printers [P] that get nothing of a line although their class could make it.
    barred: Mapping[int, Bools] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self.part)

    def of_parts(self, parts: int) -> Floats:
        """Return [Q]: pieces of each part."""
        return np.bincount(self.part, self.pieces, parts).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Plates in the order in which each printer takes them: by bucket, and as they stand here.

    A row is `plates` full plates of a line on a printer, and one more of `last` copies if > 0.
    """

    line: Ints
    bucket: Ints  # index into `due_min` of the plan; the last bucket has no due date
    printer: Ints
    plates: Ints
    last: Ints

    def only(self, keep: Bools) -> Rows:
        """Return some of them."""
        return Rows(
            line=self.line[keep], bucket=self.bucket[keep], printer=self.printer[keep],
            plates=self.plates[keep], last=self.last[keep],
        )  # fmt: skip

    def renumbered(self, to: Ints) -> Rows:
        """Return them with the number `to[p]` for each printer p."""
        return Rows(
            line=self.line, bucket=self.bucket, printer=to[self.printer], plates=self.plates,
            last=self.last,
        )  # fmt: skip

    def _cell(self, net: Network, lines: Lines) -> Ints:
        """Return where each row is in [Q, C], row after row: faster to take by than by both."""
        found: Ints = lines.part[self.line] * net.most.shape[1] + net.cls[self.printer]
        return found

    def minutes(self, net: Network, lines: Lines) -> Floats:
        """Return how long each row prints."""
        cell = self._cell(net, lines)
        fixed, each = net.plate_min.take(cell), net.piece_min.take(cell)
        full = self.plates * (fixed + each * net.most.take(cell))
        rest = np.where(self.last > 0, fixed + each * self.last, 0.0)
        found: Floats = (full + rest) / net.speed[self.printer]
        return found

    def copies(self, net: Network, lines: Lines) -> Ints:
        """Return how many copies each row prints, good ones and others."""
        found: Ints = self.plates * net.most.take(self._cell(net, lines)) + self.last
        return found

    def grams(self, net: Network, lines: Lines) -> Floats:
        """Return what each row weighs."""
        part, cls = lines.part[self.line], net.cls[self.printer]
        fixed = net.plate_g[part, cls] * (self.plates + (self.last > 0))
        found: Floats = fixed + net.piece_g[part, cls] * self.copies(net, lines)
        return found

    def draw(self, net: Network, lines: Lines, spool_g: Floats) -> None:
        """Take their filament, of at most one for each printer, from spool after spool [spools, P]."""
        part, cls = lines.part[self.line], net.cls[self.printer]
        fixed, each = net.plate_g[part, cls], net.piece_g[part, cls]
        for grams, count in (
            (fixed + each * net.most[part, cls], self.plates.astype(np.float64)),
            (fixed + each * self.last, (self.last > 0).astype(np.float64)),
        ):
            left = count
            for spool in spool_g:
                has = np.floor(spool[self.printer] / np.maximum(grams, TINY) + TINY)
                here = np.maximum(np.minimum(left, has), 0.0)
                spool[self.printer] -= here * grams
                left = left - here

    def turns(self) -> Iterator[Rows]:
        """Cut them into sets with at most one row for each printer, in their order."""
        by = np.argsort(self.printer, kind="stable")
        first = np.searchsorted(self.printer[by], self.printer[by])
        rank = np.empty(len(by), np.int64)
        rank[by] = np.arange(len(by)) - first
        for turn in range(int(rank.max(initial=-1)) + 1):
            yield self.only(rank == turn)


def joined(rows: Sequence[Rows]) -> Rows:
    """Return several as one, in this order."""
    empty = np.zeros(0, dtype=np.int64)
    return Rows(
        line=np.concatenate([empty, *(r.line for r in rows)]),
        bucket=np.concatenate([empty, *(r.bucket for r in rows)]),
        printer=np.concatenate([empty, *(r.printer for r in rows)]),
        plates=np.concatenate([empty, *(r.plates for r in rows)]),
        last=np.concatenate([empty, *(r.last for r in rows)]),
    )


def running(what: np.ufunc, rows: Floats) -> Floats:
    """Return `what.accumulate(rows)`, from the first row to the last: faster where rows are long."""
    found = rows.copy()
    if rows.shape[1] < _LONG:
        return what.accumulate(found, out=found)
    for before, row in pairwise(found):
        what(before, row, out=row)
    return found


def sums_of(printer: Ints, minutes: Floats) -> tuple[Ints, Floats]:
    """Return each printer that is named, once, and its minutes."""
    which = np.flatnonzero(np.bincount(printer))
    return which, np.bincount(printer, minutes)[which].astype(np.float64)


def open_minutes(
    week: Week,
    minute: float,
    slots: int,
    ceiling_min: float = np.inf,
    used: Sequence[float] | None = None,
) -> Floats:
    """Return [slots + 1]: how many minutes of the week are open by the end of each slot from now.

    `minute` of the week is now on the lab's clock, 0..10080. `ceiling_min` bounds what may be
    printed in one week of the calendar, Monday to Sunday: what is open beyond it does not count.
    `used` says of each window which share of it plates can fill, 0..1.
    """
    first = int(minute) % WEEK_MIN
    at = first - 1 + SLOT_MIN * np.arange(slots + 1)  # the last minute before each slot ends
    weeks, minutes = np.divmod(at, WEEK_MIN)
    is_open = _is_open(week, None if used is None else tuple(used))
    rest = is_open.copy()
    rest[:first] = 0.0
    whole, begun = (np.minimum(row.cumsum(), ceiling_min) for row in (is_open, rest))
    before = np.concatenate([[0.0, begun[-1]], np.full(max(0, int(weeks[-1]) - 1), whole[-1])])
    found: Floats = np.where(weeks > 0, whole[minutes], begun[minutes]) + before.cumsum()[weeks]
    found[0] = 0.0
    return found


@lru_cache(maxsize=256)
def _is_open(week: Week, used: tuple[float, ...] | None) -> Floats:
    """Return [10080]: how much of each minute of a week is open, not to be changed."""
    is_open = np.zeros(WEEK_MIN)
    for n, (start, end) in enumerate(week.windows):
        is_open[np.arange(start, end) % WEEK_MIN] = 1.0 if used is None else used[n]
    return is_open
