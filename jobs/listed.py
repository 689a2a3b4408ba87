"""The copies that each of a few printers makes of each line, in lists. Pure.

As `jobs.copies` has them in arrays: with up to some thirty printers to call NumPy takes longer than to look at
those that have room. What a change needs to be undone is kept, not the whole sheet. Leaves which orders come
first to `jobs.refill`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf

import numpy as np

from jobs.copies import ENDLESS_G, LATE, WHOLE
from jobs.filling import Book
from jobs.network import TINY, Floats

#: What has that much less room than it needs still has it: floating point.
_ROUNDED = 1.0 - TINY


@dataclass(frozen=True, slots=True, eq=False)
class Plates:
    """What plates of a printer take of something, minutes or grams."""

    most: int  # copies on a full one
    full: float
    fixed: float
    each: float

    def of(self, copies: int) -> float:
        """Return what so many copies take."""
        if copies < self.most:
            return self.fixed + copies * self.each if copies else 0.0
        plates, rest = divmod(copies, self.most)
        return plates * self.full + (self.fixed + rest * self.each if rest else 0.0)

    def within(self, room: float) -> tuple[int, int]:
        """Return how many copies have room: on full plates, and with a part plate."""
        plates = int(room / self.full + TINY)
        rest = int((room - plates * self.full - self.fixed) / self.each + TINY)
        whole = plates * self.most
        if rest <= 0:
            return whole, whole
        return whole, whole + (rest if rest < self.most else self.most - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """How a printer makes a line."""

    printer: int
    good: float
    worth: float  # what a minute is worth elsewhere
    minutes: Plates
    grams: Plates
    first_min: float  # with less than that there is no room for a first copy, or for one more
    next_min: float


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """All of a line on one printer."""

    cost: float  # of a good piece
    maker: Maker
    copies: int
    minutes: float
    grams: float
    last_good: float  # what of the last copy is asked for
    last_cost: float


def _makers(book: Book, line: int, best: Floats) -> list[Maker]:
    """Read who may make a line; `best` [C] is what a minute of good work of a class is worth."""
    net, part = book.net, int(book.lines.part[line])
    can = net.most[part][net.cls] > 0
    if (barred := book.lines.barred.get(line)) is not None:
        can = can & ~barred
    printer = np.flatnonzero(can)
    cls, speed, good = net.cls[printer], net.speed[printer], net.good[printer]
    most = net.most[part, cls]
    fixed = net.plate_min[part, cls] / speed
    each = np.maximum(net.piece_min[part, cls] / speed, TINY)
    fixed_g, each_g = net.plate_g[part, cls], np.maximum(net.piece_g[part, cls], TINY)
    worth = speed * good * np.maximum(best[cls], TINY)
    minutes = _plates(most.tolist(), fixed + each * most, fixed, each)
    grams = _plates(most.tolist(), fixed_g + each_g * most, fixed_g, each_g)
    columns = printer, good, worth, minutes, grams, (fixed + each) * _ROUNDED, each * _ROUNDED
    return [Maker(*row) for row in zip(*map(_listed, columns), strict=True)]


def _plates(most: list[int], *columns: Floats) -> list[Plates]:
    return [Plates(*row) for row in zip(most, *map(_listed, columns), strict=True)]


def _listed(column: Floats | list[Plates]) -> list[float] | list[Plates]:
    return column if isinstance(column, list) else column.tolist()


def _lot(maker: Maker, pieces: float) -> Lot:
    copies = ceil(pieces / maker.good - TINY)
    minutes = maker.minutes.of(copies)
    return Lot(
        cost=minutes * maker.worth / pieces, maker=maker, copies=copies, minutes=minutes,
        grams=maker.grams.of(copies), last_good=pieces - (copies - 1) * maker.good,
        last_cost=maker.worth * (minutes - maker.minutes.of(copies - 1)),
    )  # fmt: skip


class Sheet:
    """How many copies of each line each printer makes, and what it has left by each due date."""

    def __init__(self, book: Book, best: Floats) -> None:
        """Take over what is in time of a book."""
        net, lines = book.net, book.lines
        #: Of each line, its due date, counted from the last one.
        self._at = [len(book.ends_min) - 1 - book.bucket(line) for line in range(lines.count)]
        self.pieces: list[float] = lines.pieces.tolist()
        self._bounded = book.bounded
        self.makers = [_makers(book, line, best) for line in range(lines.count)]
        #: Of each line, what costs least first.
        self.lots = [
            sorted((_lot(maker, asked) for maker in makers), key=lambda lot: lot.cost)
            for makers, asked in zip(self.makers, self.pieces, strict=True)
        ]
        self._by_printer = [{maker.printer: maker for maker in who} for who in self.makers]
        self._first = [min((m.first_min for m in who), default=inf) for who in self.makers]
        self._next = [min((m.next_min for m in who), default=inf) for who in self.makers]
        self._tops: list[float] = []  # the most room by each due date; empty if not known
        #: Of each line, by printer.
        self.copies: list[dict[int, int]] = [{} for _ in self.makers]
        self.minutes: list[dict[int, float]] = [{} for _ in self.makers]
        self.good = [0.0] * lines.count
        self.looked = 0  # how often at a maker of a line, to tell how long it has taken
        empty = Book(net, lines, book.ends_min)
        slack = empty.slack_min(np.arange(net.printers))
        #: Of each printer, by due date from the last one on: what is not taken of all time until then, and
        #: what of it is of use; empty if not known.
        self._slack: list[list[float]] = slack[-2::-1].T.tolist()
        self._rooms: list[list[float]] = [[] for _ in self._slack]
        self._spool_g: list[float] = np.minimum(net.spool_g[0], ENDLESS_G).tolist()
        self._lines_before: dict[int, tuple[dict[int, int], dict[int, float], float]] = {}
        self._printers_before: dict[int, tuple[list[float], list[float], float]] = {}
        rows, had = book.rows, self.state()
        copies = rows.copies(net, lines).tolist()
        for n, (line, printer) in enumerate(
            zip(rows.line.tolist(), rows.printer.tolist(), strict=True)
        ):
            if rows.bucket[n] == book.bucket(line):
                had[line][printer] = had[line].get(printer, 0) + copies[n]
        self.restore(had)

    def state(self) -> list[dict[int, int]]:
        """Return what `restore` needs: of each line, how many copies each printer makes."""
        return [copies.copy() for copies in self.copies]

    def restore(self, state: list[dict[int, int]]) -> None:
        """Let printers make just that."""
        for line in range(len(self.makers)):
            self.take_out(line)
        for line, copies in enumerate(state):
            for maker in self.makers[line]:
                if maker.printer in copies:
                    self._make(line, maker, copies[maker.printer])

    def mark(self) -> None:
        """Let `undo` come back to this."""
        self._lines_before.clear()
        self._printers_before.clear()

    def undo(self) -> None:
        """Set everything as it was at the last `mark`."""
        for line, (copies, minutes, good) in self._lines_before.items():
            self.copies[line], self.minutes[line], self.good[line] = copies, minutes, good
        for printer, (slack, rooms, grams) in self._printers_before.items():
            self._slack[printer], self._rooms[printer] = slack, rooms
            self._spool_g[printer] = grams
        self._tops = []
        self.mark()

    def changed(self) -> list[int]:
        """Return the lines that were put in or taken out since the last `mark`."""
        return list(self._lines_before)

    def book(self, book: Book) -> Book:
        """Return a new book in which just this is put."""
        found = Book(book.net, book.lines, book.ends_min)
        for line, mine in enumerate(self.copies):
            made = found.makers(line)
            copies = np.array([mine.get(p, 0) for p in made.printer.tolist()], np.int64)
            plates, last = np.divmod(copies, made.copies)
            found.insert_plates(line, book.bucket(line), plates, last)
        return found

    def left_min(self) -> list[float]:
        """Return how many minutes each printer has left by the last due date."""
        return [slack[0] for slack in self._slack]

    def rooms_min(self, printer: int) -> list[float]:
        """Return how many minutes of use a printer has left by each due date, from the last one on."""
        rooms, least = self._rooms[printer], inf
        if not rooms:
            self._rooms[printer] = rooms = []
            for left in self._slack[printer]:
                least = left if left < least else least
                rooms.append(least)
        return rooms

    def has_room(self, line: int) -> bool:
        """Return whether somebody has time for one copy more of a line."""
        if not self._tops:
            rooms = map(self.rooms_min, range(len(self._rooms)))
            self._tops = [max(room) for room in zip(*rooms, strict=True)]
        mine, at = self.copies[line], self._at[line]
        top = self._tops[at]
        if top < self._next[line]:
            return False
        if top >= self._first[line]:  # of a printer that makes none of it yet
            return bool(self.with_room(line))
        by = self._by_printer[line]
        return any(self.rooms_min(printer)[at] >= by[printer].next_min for printer in mine)

    def with_room(self, line: int) -> list[Maker]:
        """Return who has time for one copy more of a line."""
        at, mine, rooms_min = self._at[line], self.copies[line], self.rooms_min
        return [
            maker
            for maker in self.makers[line]
            if (room := rooms_min(maker.printer)[at]) >= maker.next_min
            and (room >= maker.first_min or maker.printer in mine)
        ]

    def take_out(self, line: int) -> None:
        """Make nothing of a line."""
        copies, minutes = self.copies[line], self.minutes[line]
        if not copies:
            return
        if line in self._lines_before:
            copies, minutes = copies.copy(), minutes.copy()
            self.copies[line].clear()
            self.minutes[line].clear()
        else:
            self._lines_before[line] = copies, minutes, self.good[line]
            self.copies[line], self.minutes[line] = {}, {}
        self.good[line] = 0.0
        self.looked += len(copies)
        for printer, taken in minutes.items():
            grams = 0.0
            if self._bounded:
                grams = self._by_printer[line][printer].grams.of(copies[printer])
            self._take(line, printer, -taken, -grams)

    def put_in(
        self, line: int, goal: float, shake: Callable[[int], float], least: float, way: int
    ) -> None:
        """Make good pieces of a line until there are so many, where they cost least.

        Args:
            line: which.
            goal: good pieces of it in all.
            shake: of a printer: costs count so many times, at least once.
            least: what of the last copy is asked for has to be so much for what it costs.
            way: as of `jobs.copies`.
        """
        alone = way == WHOLE and self.good[line] <= TINY and goal >= self.pieces[line] - TINY
        if alone and self._on_one(line, shake, least):
            return
        soon = range(self._at[line] + 1, len(self._slack[0])) if way == LATE else ()
        for before in (*soon, None):
            who = self.makers[line]
            while who and (need := goal - self.good[line]) > TINY:
                who = self._some(line, who, need, shake, least, before)

    def _make(self, line: int, maker: Maker, copies: int) -> None:
        """Let a maker make so many copies of a line, more than it does."""
        printer, mine, spent = maker.printer, self.copies[line], self.minutes[line]
        if line not in self._lines_before:
            self._lines_before[line] = mine.copy(), spent.copy(), self.good[line]
        had, used = (mine[printer], spent[printer]) if printer in mine else (0, 0.0)
        takes, grams = maker.minutes.of(copies), 0.0
        if self._bounded:
            grams = maker.grams.of(copies) - maker.grams.of(had)
        self.looked += 1
        self._take(line, printer, takes - used, grams)
        self.good[line] += (copies - had) * maker.good
        mine[printer], spent[printer] = copies, takes

    def _take(self, line: int, printer: int, minutes: float, grams: float) -> None:
        """Take so much of what a printer has left for a line."""
        slack = self._slack[printer]
        if printer not in self._printers_before:
            before = slack.copy(), self._rooms[printer], self._spool_g[printer]
            self._printers_before[printer] = before
        for end in range(self._at[line] + 1):
            slack[end] -= minutes
        self._rooms[printer], self._tops = [], []
        self._spool_g[printer] -= grams

    def _on_one(self, line: int, shake: Callable[[int], float], least: float) -> bool:
        """Put all of a line on one printer; return whether one has room."""
        at, known, best, cheapest = self._at[line], self._rooms, None, inf
        for lot in self.lots[line]:
            if lot.cost >= cheapest:
                break  # nobody who comes now costs less
            printer = lot.maker.printer
            if lot.minutes <= (known[printer] or self.rooms_min(printer))[at] + TINY and (
                not self._bounded or lot.grams <= self._spool_g[printer] + TINY
            ):
                cost = lot.cost * shake(printer)
                if cost < cheapest:
                    best, cheapest = lot, cost
        if best is None:
            return False
        spared = best.copies > 1 and best.last_good < least * best.last_cost
        self._make(line, best.maker, best.copies - spared)
        return True

    def _some(
        self, line: int, who: list[Maker], need: float, shake: Callable[[int], float],
        least: float, before: int | None,
    ) -> list[Maker]:  # fmt: skip
        """Put pieces on the cheapest makers; return who may get more, none if it is done.

        Part plates only where no full one has room, or for the last of the need. Only full ones, in
        time that is of no use by the due date `before`, if one is given.
        """
        mine, spent = self.copies[line], self.minutes[line]
        offers: list[tuple[float, int, Maker, int, bool, bool, float]] = []
        for maker, room in self._with_rooms(line, who, before):
            printer = maker.printer
            had, used = (mine[printer], spent[printer]) if printer in mine else (0, 0.0)
            full, most = maker.minutes.within(room + used)
            if self._bounded:
                full_g, most_g = maker.grams.within(self._spool_g[printer] + maker.grams.of(had))
                full, most = min(full, full_g), min(most, most_g)
            most = most if before is None else full
            if most <= had:
                continue
            want = had + ceil(need / maker.good - TINY)
            copies = want if want <= most else full if full > had else most
            pieces = (copies - had) * maker.good
            pieces = need if pieces > need else pieces
            cost = (maker.minutes.of(copies) - used) * maker.worth / pieces * shake(printer)
            offers.append((cost, len(offers), maker, copies, want <= most, copies < most, pieces))
        self.looked += len(offers)
        if not offers:
            return []
        _, _, maker, copies, enough, _, _ = min(offers)
        if enough:
            had = mine.get(maker.printer, 0)
            last = need - (copies - had - 1) * maker.good
            copies -= last < least * maker.minutes.each * maker.worth
            if copies > had:
                self._make(line, maker, copies)
            return []
        others = []
        for n, (_, turn, maker, copies, _, more, pieces) in enumerate(sorted(offers)):
            fits = n == 0 or pieces <= need + TINY
            need = need - pieces if fits else 0.0  # nor is anything made that costs more
            if fits:
                self._make(line, maker, copies)
            if more or not fits:
                others.append((turn, maker))
        return [maker for _, maker in sorted(others)]

    def _with_rooms(
        self, line: int, who: list[Maker], before: int | None
    ) -> list[tuple[Maker, float]]:
        """Return who has time for one copy more, and how much; as `_some` may take it."""
        at, known, rooms_min = self._at[line], self._rooms, self.rooms_min
        found = []
        for maker in who:
            rooms = known[maker.printer] or rooms_min(maker.printer)
            room = rooms[at]
            if before is not None and rooms[before] > 0.0:
                room -= rooms[before]
            if room >= maker.next_min:
                found.append((maker, room))
        return found
