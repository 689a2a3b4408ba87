"""What printers have already, when a plan is made again: who keeps it, and by when it is printed. Pure.

What a printer has stays with it, whatever else is planned. Where not all can be in time any more, a
printer may print in another order: what is worth less after what is worth more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from jobs.filling import Book
from jobs.network import TINY, Floats, Ints, Lines, Network, Rows, Singles, sums_of

#: Of more rows that could make room about so many of the cheapest are looked at first, as a sample has it.
_FEW, _ONE_IN = (256, 2048), 16
#: Costs more than any.
_NEVER = 1e18


def good_of(net: Network, lines: Lines, rows: Rows) -> Floats:
    """Return [L]: the good pieces that rows have of each line."""
    good = rows.copies(net, lines) * net.good[rows.printer]
    return np.bincount(rows.line, good, lines.count).astype(np.float64)


def _lowest(least: Singles, below: float) -> Iterator[Ints]:
    """Yield where a few of many are that are least; at last all that are less than so much."""
    sample = np.sort(least[::_ONE_IN])
    for count in _FEW:
        if count < len(least) and sample[count // _ONE_IN] < below:
            yield np.flatnonzero(least <= sample[count // _ONE_IN])
    yield np.flatnonzero(least < below)


class Kept:
    """Rows of an earlier plan in a book: what of each is in time, and what comes after all due dates."""

    def __init__(self, book: Book, rows: Rows) -> None:
        """Take their time and filament."""
        lines, self._book, self._last = book.lines, book, len(book.ends_min)
        due = np.searchsorted(book.ends_min, lines.due_min[lines.order[rows.line]])
        in_time = rows.bucket <= due
        self._rows = replace(rows, bucket=np.where(in_time, rows.bucket, due))
        self._plates = np.where(in_time, rows.plates, 0)  # that are in time
        self._rest = np.where(in_time, rows.last, 0)
        self._full_min = replace(
            rows, plates=np.ones_like(rows.plates), last=np.zeros_like(rows.last)
        ).minutes(book.net, lines)
        self._all_min = rows.minutes(book.net, lines)
        good = rows.copies(book.net, lines) * book.net.good[rows.printer]
        worth = lines.weight[lines.order[rows.line]] / lines.pieces[rows.line]
        self._worth = worth * good / np.maximum(self._all_min, TINY)  # of a minute
        # Where there is one to take; as singles, since all are looked at for each line.
        self._cost = np.where(in_time, self._worth, _NEVER).astype(np.float32)
        book.keep(replace(rows, bucket=np.where(in_time, rows.bucket, self._last)), self._all_min)
        # Several spools are counted in the order in which they are used up, and what is released
        # later waits for it.
        several = book.bounded and len(book.net.spool_g) > 1
        self._movable = bool(self._last) and not several and not lines.release_min.any()
        self._late = ~in_time  # rows of which some may be late
        self._by_line: list[Ints] | None = None  # those of each line, once somebody asks

    def put(self) -> Rows:
        """Put all of it in the book; return what is late."""
        rows = self._rows
        early = replace(rows, plates=self._plates, last=self._rest)
        late = replace(
            rows, plates=rows.plates - self._plates, last=rows.last - self._rest,
            bucket=np.full(len(rows.line), self._last),
        )  # fmt: skip
        early, late = (some.only((some.plates > 0) | (some.last > 0)) for some in (early, late))
        self._book.put[:0] = [early, late]
        return late

    def hasten(self, line: int) -> None:
        """Print what is late of a line by its due date, where there is room."""
        rows = self._rows
        mine = self._late_of(line)
        late = (self._plates[mine] < rows.plates[mine]) | (self._rest[mine] < rows.last[mine])
        mine = mine[late] if self._movable else mine[:0]
        while len(mine):
            _, first = np.unique(rows.printer[mine], return_index=True)
            some = mine[first]
            mine = np.delete(mine, first)
            room = self._book.room_min[rows.bucket[some], rows.printer[some]]
            left = rows.plates[some] - self._plates[some]
            more = np.floor(room / self._full_min[some] + TINY)
            more = np.clip(more, 0, left).astype(np.int64)
            rest_min = self._all_min[some] - rows.plates[some] * self._full_min[some]
            whole = (more == left) & (room >= more * self._full_min[some] + rest_min - TINY)
            last = np.where(whole, rows.last[some], self._rest[some])
            minutes = more * self._full_min[some] + np.where(last > self._rest[some], rest_min, 0.0)
            self._plates[some] += more
            self._rest[some] = last
            self._move(some, minutes, later=False)

    def _late_of(self, line: int) -> Ints:
        if self._by_line is None:
            late = np.flatnonzero(self._late)
            late = late[np.argsort(self._rows.line[late], kind="stable")]
            count = np.bincount(self._rows.line[late], minlength=self._book.lines.count)
            self._by_line = np.split(late, count.cumsum()[:-1])
        return self._by_line[line]

    def make_room(self, line: int, pieces: float) -> None:
        """Print later what is worth less, on printers that can make so many good pieces of a line."""
        if not self._movable:
            return
        book, net, lines, rows = self._book, self._book.net, self._book.lines, self._rows
        made = book.makers(line)
        bucket = book.bucket(line)
        # What is worth as much already makes no room.
        gain = lines.weight[lines.order[line]] / lines.pieces[line] * (1.0 - TINY)
        # Who has no time for a copy even without all that it has can be given none.
        most = book.free_min[bucket][made.printer]
        each = np.full(net.printers, _NEVER)  # minutes of a good piece
        each[made.printer] = np.where(
            most < made.copy_min - TINY, _NEVER, made.minutes / made.pieces
        )
        # What a piece that gets room costs at least.
        least = self._cost * each.astype(np.float32)[rows.printer]
        for few in _lowest(least, gain):
            if not len(few):
                return
            minutes, plates, rest = self._needed(few, bucket)
            gives = minutes / each[rows.printer[few]]
            cost = self._worth[few] * self._minutes(few, plates, rest) / np.maximum(gives, TINY)
            by = np.flatnonzero((gives > TINY) & (cost < gain))
            if float(gives[by].sum()) > pieces:
                break
        by = by[np.argsort(cost[by], kind="stable")]
        by = by[: int(np.searchsorted(np.cumsum(gives[by]), pieces)) + 1]
        few, plates, rest = few[by], plates[by], rest[by]
        self._plates[few] -= plates
        self._rest[few] -= rest
        self._late[few], self._by_line = True, None
        self._move(few, self._minutes(few, plates, rest), later=True)

    def _needed(self, some: Ints, bucket: int) -> tuple[Floats, Ints, Ints]:
        """Return how many minutes rows can give to what is due then, and by which of their plates."""
        rows, book = self._rows, self._book
        minutes = self._minutes(some, self._plates[some], self._rest[some])
        # What is due later makes room as far as there is time before it.
        later = np.flatnonzero(rows.bucket[some] > bucket)
        before = np.minimum.accumulate(book.slack_min(rows.printer[some[later]])[bucket:], axis=0)
        most = before[rows.bucket[some[later]] - bucket - 1, np.arange(len(later))]
        minutes[later] = np.minimum(minutes[later], most)
        plates = np.ceil(minutes / self._full_min[some] - TINY)
        whole = plates > self._plates[some]
        plates = np.clip(plates, 0, self._plates[some]).astype(np.int64)
        return minutes, plates, np.where(whole, self._rest[some], 0)

    def _minutes(self, some: Ints, plates: Ints, rest: Ints) -> Floats:
        """How long so many full plates of rows are printed, and their part plates where `rest` > 0."""
        full = self._full_min[some]
        last = self._all_min[some] - self._rows.plates[some] * full
        found: Floats = plates * full + np.where(rest > 0, last, 0.0)
        return found

    def _move(self, some: Ints, minutes: Floats, *, later: bool) -> None:
        """Move minutes of rows from after all due dates to before their own, or back."""
        holds = (self._plates[some] > 0) | (self._rest[some] > 0)
        self._cost[some] = np.where(holds, self._worth[some], _NEVER)
        for bucket in np.unique(self._rows.bucket[some]).tolist():
            here = self._rows.bucket[some] == bucket
            printer, sums = sums_of(self._rows.printer[some[here]], minutes[here])
            self._book.give_back(bucket if later else self._last, printer, sums)
            self._book.spend(self._last if later else bucket, printer, sums)
