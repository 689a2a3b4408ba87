"""How many copies of each line each printer of a small network makes, and where more cost least. Pure.

Each plate counts with its own minutes and grams, and only the pieces that are asked for. Leaves which
orders come first to `jobs.tight`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.filling import Book
from jobs.network import TINY, Bools, Floats, Ints

#: How a line is put in: all on one printer where one has room; first into time that is of no use for
#: what is due before, full plates only; or as it comes.
WHOLE, LATE, PLAIN = range(3)
#: More than anybody has: counts with it stay finite.
ENDLESS_G = 1e12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plates:
    """What plates [M] take of something, minutes or grams."""

    most: Ints  # copies on a full one
    full: Floats
    fixed: Floats
    each: Floats

    def of(self, copies: Ints) -> Floats:
        """Return what so many copies take."""
        plates = copies // self.most
        rest = copies - plates * self.most
        found: Floats = plates * self.full + (rest > 0) * self.fixed + rest * self.each
        return found

    def within(self, room: Floats) -> tuple[Floats, Floats]:
        """Return how many copies have room: on full plates, and with a part plate."""
        plates = np.floor(room / self.full + TINY)
        rest = np.floor((room - plates * self.full - self.fixed) / self.each + TINY)
        whole: Floats = plates * self.most
        return whole, whole + np.clip(rest, 0, self.most - 1)

    def only(self, some: Ints) -> Plates:
        """Return those of some makers."""
        return Plates(
            most=self.most[some], full=self.full[some], fixed=self.fixed[some], each=self.each[some]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Making:
    """How a line is made by each printer [M] that may; and what all of it on that one would take."""

    printer: Ints
    good: Floats
    worth: Floats  # what a minute is worth elsewhere
    minutes: Plates
    grams: Plates
    copies: Ints
    lot_min: Floats
    lot_g: Floats
    cost: Floats  # of a good piece
    last_good: Floats  # what of the last copy is asked for
    last_cost: Floats


def _making(book: Book, line: int, best: Floats) -> Making:
    """Read a line; `best` [C] is what a minute of good work of a class is worth."""
    net, part, pieces = book.net, int(book.lines.part[line]), float(book.lines.pieces[line])
    can = net.most[part][net.cls] > 0
    if (barred := book.lines.barred.get(line)) is not None:
        can = can & ~barred
    printer = np.flatnonzero(can)
    cls, speed, good = net.cls[printer], net.speed[printer], net.good[printer]
    most = net.most[part, cls]
    fixed = net.plate_min[part, cls] / speed
    each = np.maximum(net.piece_min[part, cls] / speed, TINY)
    fixed_g, each_g = net.plate_g[part, cls], np.maximum(net.piece_g[part, cls], TINY)
    minutes = Plates(most=most, full=fixed + each * most, fixed=fixed, each=each)
    grams = Plates(most=most, full=fixed_g + each_g * most, fixed=fixed_g, each=each_g)
    copies = np.ceil(pieces / good - TINY).astype(np.int64)
    lot_min = minutes.of(copies)
    worth = speed * good * np.maximum(best[cls], TINY)
    return Making(
        printer=printer, good=good, worth=worth, minutes=minutes, grams=grams, copies=copies,
        lot_min=lot_min, lot_g=grams.of(copies), cost=lot_min * worth / pieces,
        last_good=pieces - (copies - 1) * good,
        last_cost=worth * (lot_min - minutes.of(copies - 1)),
    )  # fmt: skip


class Sheet:
    """How many copies of each line each printer makes, and what it has left by each due date."""

    def __init__(self, book: Book, best: Floats) -> None:
        """Take over what is in time of a book."""
        net, lines = book.net, book.lines
        self._bucket = np.array([book.bucket(line) for line in range(lines.count)], np.int64)
        self.lines, self._bounded = lines, book.bounded
        self.making = [_making(book, line, best) for line in range(lines.count)]
        shape = lines.count, net.printers
        self.copies, self.minutes = np.zeros(shape, np.int64), np.zeros(shape)
        self.good = np.zeros(lines.count)
        empty = Book(net, lines, book.ends_min)
        self._slack = empty.slack_min(np.arange(net.printers))[:-1]
        self.room = empty.room_min[:-1].copy()
        self._spool_g = np.minimum(net.spool_g[0], ENDLESS_G)
        self._first, self._next = np.full(shape, np.inf), np.full(shape, np.inf)
        for line, make in enumerate(self.making):
            self._first[line, make.printer] = make.minutes.fixed + make.minutes.each
            self._next[line, make.printer] = make.minutes.each
        rows = book.rows
        rows = rows.only(rows.bucket == self._bucket[rows.line])
        np.add.at(self.copies, (rows.line, rows.printer), rows.copies(net, lines))
        for line, make in enumerate(self.making):
            had = self.copies[line, make.printer]
            self.copies[line] = 0
            self._make(line, np.flatnonzero(had), had[had > 0])

    def state(self) -> tuple[Ints, tuple[Floats, ...]]:
        """Return what `restore` needs; it serves once."""
        rest = self.minutes, self.good, self._slack, self.room, self._spool_g
        return self.copies.copy(), tuple(each.copy() for each in rest)

    def restore(self, state: tuple[Ints, tuple[Floats, ...]]) -> None:
        """Set everything as it was."""
        self.copies, (self.minutes, self.good, self._slack, self.room, self._spool_g) = state

    def book(self, book: Book) -> Book:
        """Return a new book in which just this is put."""
        found = Book(book.net, book.lines, book.ends_min)
        for line, bucket in enumerate(self._bucket.tolist()):
            made = found.makers(line)
            plates, last = np.divmod(self.copies[line, made.printer], made.copies)
            found.insert_plates(line, bucket, plates, last)
        return found

    def shares(self) -> Floats:
        """Return [O], 0..1: the share of its kits that each order has."""
        found = np.ones(len(self.lines.weight))
        np.minimum.at(found, self.lines.order, np.minimum(self.good / self.lines.pieces, 1.0))
        return found

    def has_room(self) -> Bools:
        """Return [L]: whether some printer has time for one copy more of a line."""
        least = np.where(self.copies > 0, self._next, self._first)
        found: Bools = (self.room[self._bucket] - least).max(axis=1) >= 0.0
        return found

    def take_out(self, line: int) -> None:
        """Make nothing of a line."""
        make = self.making[line]
        who = np.flatnonzero(self.copies[line, make.printer])
        self._make(line, who, np.zeros(len(who), np.int64))
        self.good[line] = 0.0

    def put_in(self, line: int, goal: float, shake: Floats, least: float, way: int) -> None:
        """Make good pieces of a line until there are so many, where they cost least.

        Args:
            line: which.
            goal: good pieces of it in all.
            shake: [P], costs count so many times.
            least: what of the last copy is asked for has to be so much for what it costs.
            way: `WHOLE`, `LATE` or `PLAIN`.
        """
        bucket = self._bucket[line]
        begun = self.copies[line] > 0
        if not (self.room[bucket] >= np.where(begun, self._next[line], self._first[line])).any():
            return
        alone = way == WHOLE and self.good[line] <= TINY and goal >= self.lines.pieces[line] - TINY
        if alone and self._on_one(line, shake, least):
            return
        every = np.arange(len(self.making[line].printer))
        for before in (*(range(bucket - 1, -1, -1) if way == LATE else ()), None):
            who = every
            while len(who) and (need := goal - float(self.good[line])) > TINY:
                who = self._some(line, who, need, shake, least, before)

    def _make(self, line: int, who: Ints, copies: Ints) -> None:
        """Let makers, each named once, make so many copies of a line."""
        if not len(who):
            return
        make, bucket = self.making[line], self._bucket[line]
        printer = make.printer[who]
        minutes, before = make.minutes.only(who).of(copies), self.copies[line, printer]
        self._slack[bucket:, printer] -= minutes - self.minutes[line, printer]
        self.room[:, printer] = np.minimum.accumulate(self._slack[::-1, printer])[::-1]
        if self._bounded:
            grams = make.grams.only(who)
            self._spool_g[printer] += grams.of(before) - grams.of(copies)
        self.good[line] += float((copies - before) @ make.good[who])
        self.copies[line, printer] = copies
        self.minutes[line, printer] = minutes

    def _on_one(self, line: int, shake: Floats, least: float) -> bool:
        """Put all of a line on one printer; return whether one has room."""
        make = self.making[line]
        fits = make.lot_min <= self.room[self._bucket[line], make.printer] + TINY
        if self._bounded:
            fits = fits & (make.lot_g <= self._spool_g[make.printer] + TINY)
        one = int(np.where(fits, make.cost * shake[make.printer], np.inf).argmin())
        if not fits[one]:
            return False
        copies = make.copies[one : one + 1]
        if copies[0] > 1 and make.last_good[one] < least * make.last_cost[one]:
            copies = copies - 1
        self._make(line, np.array([one]), copies)
        return True

    def _some(
        self, line: int, who: Ints, need: float, shake: Floats, least: float, before: int | None
    ) -> Ints:
        """Put pieces on the cheapest makers; return who may get more, none if it is done.

        Part plates only where no full one has room, or for the last of the need. Only full ones, in
        time that is of no use by the due date `before`, if one is given.
        """
        make, bucket = self.making[line], self._bucket[line]
        printer = make.printer[who]
        had, spent = self.copies[line, printer], self.minutes[line, printer]
        room = self.room[bucket, printer]
        if before is not None:
            room = room - np.maximum(self.room[before, printer], 0.0)
        full, most = make.minutes.only(who).within(room + spent)
        if before is not None:
            most = full
        if self._bounded:
            grams = make.grams.only(who)
            full_g, most_g = grams.within(self._spool_g[printer] + grams.of(had))
            full, most = np.minimum(full, full_g), np.minimum(most, most_g)
        some = np.flatnonzero(most > had)
        if not len(some):
            return some
        who, printer, had, spent = who[some], printer[some], had[some], spent[some]
        full, most, good = full[some], most[some], make.good[who]
        want = had + np.ceil(need / good - TINY)
        copies = np.where(want <= most, want, np.where(full > had, full, most)).astype(np.int64)
        pieces = np.minimum((copies - had) * good, need)
        spends = (make.minutes.only(who).of(copies) - spent) * make.worth[who]
        cost = spends / pieces * shake[printer]
        one = int(cost.argmin())
        if copies[one] >= want[one]:
            last = need - (copies[one] - had[one] - 1) * good[one]
            if last < least * make.minutes.each[who[one]] * make.worth[who[one]]:
                copies[one] -= 1
            if copies[one] > had[one]:
                self._make(line, who[one : one + 1], copies[one : one + 1])
            return who[:0]
        by = np.argsort(cost, kind="stable")
        count = max(1, int(np.searchsorted(np.cumsum(pieces[by]), need + TINY)))
        by = by[:count]
        by = by[copies[by] < want[by]]
        self._make(line, who[by], copies[by])
        return who
