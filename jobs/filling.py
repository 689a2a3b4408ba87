"""The book of who prints what until when, and how a line is put into it. Pure.

Each printer takes its plates by due date. What can still be put on it before a due date without
making anything late that is due later is the least slack from there on. The book is filled in the
order of a score: what a printer loses by this work, how far it is, how much of its time is taken,
and whether its lab makes this already. A score is an order only; it forbids nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jobs.lowest import in_sets, lowest_first
from jobs.network import (
    SLOT_MIN,
    TINY,
    Bools,
    Floats,
    Ints,
    Lines,
    Makers,
    Network,
    Rows,
    Singles,
    joined,
    running,
    sums_of,
)

_NONE = joined([])


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What is weighed against each other, in shares of a printer's best use (its regret)."""

    km: float = 0.001  # 100 km are worth 10 % of a printer's best use
    load: float = 0.2  # of a printer whose time is all taken, against one that is free
    new: float = 0.02  # of a lab that does not make this line yet: a parcel and a slice more


class Book:
    """What each printer has to print, by due date."""

    def __init__(self, net: Network, lines: Lines, ends_min: Floats) -> None:
        """Open an empty book; `ends_min` are the due dates, sorted; one bucket more has none.

        `free_min` [E + 1, P] is the time of each printer until then, and `room_min` what it can still take
        without making anything late.
        """
        self.net, self.lines, self.ends_min = net, lines, ends_min
        self._bucket: list[int] = ends_min.searchsorted(lines.due_min[lines.order]).tolist()
        at = [*ends_min.tolist(), net.horizon_min]
        self.free_min = np.array([net.opened(end) - net.busy_min for end in at])
        self._taken = np.zeros(self.free_min.shape)  # by what is due then
        self.room_min = self._until(self.free_min)
        # Against what is due last, or the horizon: late work has no other measure.
        self._offered = np.maximum(self.free_min[max(0, len(ends_min) - 1)], TINY)
        self._load = np.zeros(net.printers, np.float32)  # about the share of it that each prints
        self.level = np.inf  # see `limit`
        self.bounded = bool(np.isfinite(net.spool_g).any())
        self._spool_g = net.spool_g.copy()
        self._km = net.km.astype(np.float32)
        # To give filament back to one of several spools may leave no way to use the others.
        several = self.bounded and len(self._spool_g) > 1
        self.movable = not several and not bool(lines.release_min.any())
        self.able = (net.most > 0) @ np.bincount(net.cls, minlength=len(net.calendar))  # [Q]
        self._nodes = int(net.node.max(initial=-1)) + 1
        self._makers: dict[tuple[int, int | None], Makers] = {}  # by part, and line where barred
        self._knows: dict[int, Bools] = {}
        self.put: list[Rows] = []  # in order
        self._where: dict[tuple[int, int], list[int]] = {}  # in `put`, by line and bucket

    @property
    def rows(self) -> Rows:
        """Everything that was put in, in this order within a bucket."""
        return joined(self.put)

    def state(self) -> tuple[Any, ...]:
        """Return what `restore` needs to undo what comes after."""
        knows = {line: labs.copy() for line, labs in self._knows.items()}
        where = {key: rows.copy() for key, rows in self._where.items()}
        counts = (self._taken, self.room_min, self._load, self._spool_g)
        return (*(each.copy() for each in counts), self.put.copy(), knows, where)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Set everything as it was; a state serves once."""
        self._taken, self.room_min, self._load, self._spool_g, self.put = state[:5]
        self._knows, self._where = state[5:]

    def lab_load(self) -> Floats:
        """Return [labs]: the share of its time until the last due date that each lab prints."""
        node = self.net.node
        used = np.bincount(node, self._taken.sum(axis=0))
        found: Floats = used / np.maximum(np.bincount(node, self._offered), TINY)
        return found

    def makers(self, line: int) -> Makers:
        """Return who can make a line."""
        part, barred = int(self.lines.part[line]), self.lines.barred.get(line)
        what = (part, None if barred is None else line)
        found = self._makers.get(what)
        if found is None:
            found = self._makers[what] = self.net.makers(part, barred)
        return found

    # --- putting in ---------------------------------------------------------------------------

    def keep(self, rows: Rows, minutes: Floats) -> None:
        """Take time and filament for rows that are planned already, as they are; not yet `put`."""
        makes = np.zeros((self.lines.count, self._nodes), np.bool_)
        makes[rows.line, self.net.node[rows.printer]] = True
        for line in np.unique(rows.line).tolist():
            self.knows(line)[:] |= makes[line]
        where = rows.bucket * self.net.printers + rows.printer
        taken = np.bincount(where, minutes, self._taken.size).reshape(self._taken.shape)
        self._taken += taken
        self._load += taken.sum(axis=0) / self._offered
        self.room_min = self._until(self.slack_min(slice(None)))
        if self.bounded:
            for turn in rows.turns():
                turn.draw(self.net, self.lines, self._spool_g)

    def limit(self, level: float) -> None:
        """Let each printer get at most such a share of its time from now on; infinite: all of it."""
        if level > self.level:
            self.room_min = self._until(self.slack_min(slice(None)))
        np.minimum(self.room_min, (level - self._load) * self._offered, out=self.room_min)
        self.level = level

    def spend(self, bucket: int, printer: Ints, minutes: Floats) -> None:
        """Take minutes of printers, each named once, from what is left by a due date."""
        self._taken[bucket][printer] += minutes
        room = self.room_min.take(printer, axis=1)
        room[bucket:] -= minutes
        np.minimum(room[:bucket], room[bucket], out=room[:bucket])
        self.room_min[:, printer] = room

    def give_back(self, bucket: int, printer: Ints, minutes: Floats) -> None:
        """Undo `spend`."""
        self._taken[bucket, printer] -= minutes
        self.room_min[:, printer] = self._until(self.slack_min(printer))

    @staticmethod
    def _until(slack_min: Floats) -> Floats:
        """Return the least slack from each due date on, row after row: faster to take printers of."""
        return np.ascontiguousarray(running(np.minimum, slack_min[::-1])[::-1])

    def slack_min(self, printer: Ints | slice) -> Floats:
        """Return [E + 1, P]: what some printers have left by each due date."""
        found: Floats = self.free_min[:, printer] - running(np.add, self._taken[:, printer])
        return found

    def insert(
        self,
        line: int,
        pieces: float,
        bucket: int,
        score: Singles,
        *,
        least: float = 0.0,
        who: Ints | None = None,
    ) -> float:
        """Put good pieces of a line in before a due date; return how many have no room.

        Args:
            line: which.
            pieces: good ones.
            bucket: the due date before which they are printed.
            score: [P]; the lowest first, then the first by name.
            least: a printer gets at least so many pieces, or all that are left.
            who: makers that could; None: all.
        """
        printer = self.makers(line).printer
        best = score[printer if who is None else printer[who]]
        # Where it would cost a due date, a printer gets fewer than the least.
        for enough in sorted({max(min(least, pieces), TINY), TINY}, reverse=True):
            for some in in_sets(best):
                on = some if who is None else who[some]
                pieces = self.insert_on(line, pieces, bucket, on, best[some], enough)
                if pieces <= TINY:
                    return 0.0
        return self._corners(line, pieces, bucket, score)

    def insert_on(
        self, line: int, pieces: float, bucket: int, who: Ints, score: Singles, least: float = TINY
    ) -> float:
        """Put pieces on these makers by their score, on each if it holds the least; return what is left."""
        made = self.makers(line)
        plates = self._plates(made, who, self._room(line, bucket, made.printer[who]))
        capacity = plates * made.pieces[who]
        some = (capacity >= least).nonzero()[0]
        if not len(some):
            return pieces
        some = some[lowest_first(score[some])]
        sums = capacity[some].cumsum()
        if sums[-1] < pieces - TINY:
            self._add(line, bucket, made, who[some], plates[some], np.zeros(len(some), np.int64))
            return pieces - float(sums[-1])
        last = int(sums.searchsorted(pieces - TINY))
        some = some[: last + 1]
        full, part = plates[some], np.zeros(last + 1, np.int64)
        rest = pieces - (float(sums[last - 1]) if last else 0.0)
        full[last], part[last] = self._whole(rest, made, int(who[some[last]]))
        self._add(line, bucket, made, who[some], full, part)
        return 0.0

    def _whole(self, pieces: float, made: Makers, maker: int) -> tuple[int, int]:
        """Return full plates, and copies of one more, that make at least so many good pieces."""
        good = float(self.net.good[made.printer[maker]])
        full = int(pieces / made.pieces[maker] + TINY)
        copies = int(np.ceil((pieces - full * made.pieces[maker]) / good - TINY))
        return (full + 1, 0) if copies >= made.copies[maker] else (full, max(0, copies))

    def take_out(self, line: int, who: Bools | None = None) -> float:
        """Take back what was put in of a line; return its good pieces.

        Only where the book is `movable`. `who` [P], whole labs, has it taken from; None is all.
        """
        bucket = self.bucket(line)
        where = self._where.pop((line, bucket), [])
        out = joined([self.put[n] for n in where])
        for n in where:
            rows = self.put[n]
            self.put[n] = _NONE if who is None else rows.only(~who[rows.printer])
        if who is not None:
            self._where[line, bucket] = where
            out = out.only(who[out.printer])
        which, given = sums_of(out.printer, out.minutes(self.net, self.lines))
        self.give_back(bucket, which, given)
        self._load[which] -= given / self._offered[which]
        self.knows(line)[self.net.node[out.printer]] = False
        if self.bounded:
            grams = out.grams(self.net, self.lines)
            self._spool_g[0] += np.bincount(out.printer, grams, self.net.printers)
        return float(out.copies(self.net, self.lines) @ self.net.good[out.printer])

    def bucket(self, line: int) -> int:
        """Return the bucket of a line."""
        return self._bucket[line]

    def _room(self, line: int, bucket: int, printer: Ints) -> Floats:
        """Return the minutes that can be put on these printers."""
        room: Floats = self.room_min[bucket][printer]
        if (release := self._release(line)) > 0:
            room = room - self._gap(bucket, printer, release)
        return room

    def _release(self, line: int) -> float:
        return float(self.lines.release_min[self.lines.order[line]])

    def _gap(self, bucket: int, printer: Ints, release_min: float) -> Floats:
        """How long a printer would stand still before a line that may not start yet."""
        before = self._taken[: bucket + 1, printer].sum(axis=0) + self.net.busy_min[printer]
        found: Floats = np.maximum(0.0, self._after(release_min)[printer] - before)
        return found

    def _after(self, at_min: float) -> Floats:
        """Open minutes by the end of the slot in which a time lies."""
        return self.net.opened(float(np.ceil(at_min / SLOT_MIN - TINY)) * SLOT_MIN)

    def _plates(self, made: Makers, who: Ints, room: Floats) -> Ints:
        plates: Ints = np.maximum(room / made.minutes[who] + TINY, 0.0).astype(np.int64)
        if self.bounded:
            grams = np.maximum(made.grams[who], TINY)  # a slicer may have told none
            spools = self._spool_g[:, made.printer[who]] / grams + TINY
            plates = np.minimum(plates, np.floor(spools).sum(axis=0).astype(np.int64))
        return plates

    def _corners(self, line: int, pieces: float, bucket: int, score: Singles) -> float:
        """Put part plates where a full one has no room any more; return what has none either."""
        net, made, who = self.net, self.makers(line), self.with_room(line, bucket)
        printer = made.printer[who]
        each = np.maximum(made.piece_min[who], TINY)
        room = self._room(line, bucket, printer) - made.plate_min[who]
        copies = np.floor(room / each + TINY)
        if self.bounded:
            part, cls = int(self.lines.part[line]), net.cls[printer]
            spare = self._spool_g[:, printer].max(axis=0) - net.plate_g[part, cls]
            copies = np.minimum(copies, np.floor(spare / np.maximum(net.piece_g[part, cls], TINY)))
        copies = np.clip(copies, 0, made.copies[who] - 1).astype(np.int64)
        some = np.flatnonzero(copies > 0)
        if not len(some):
            return pieces
        some = some[np.lexsort((score[printer[some]], -copies[some]))]
        sums = np.cumsum(copies[some] * net.good[printer[some]])
        count = int(np.searchsorted(sums, pieces - TINY)) + 1
        some = some[:count]
        chosen = copies[some]
        if len(some) == count and sums[count - 1] > pieces:
            before = float(sums[count - 2]) if count > 1 else 0.0
            good = float(net.good[printer[some[-1]]])
            chosen[-1] = min(chosen[-1], int(np.ceil((pieces - before) / good - TINY)))
        self._add(line, bucket, made, who[some], np.zeros(len(some), np.int64), chosen)
        return max(0.0, pieces - float((chosen * net.good[printer[some]]).sum()))

    def _add(
        self, line: int, bucket: int, made: Makers, who: Ints, plates: Ints, last: Ints
    ) -> None:
        printer = made.printer[who]
        of_line, by = np.empty((2, len(who)), np.int64)
        of_line[:], by[:] = line, bucket
        rows = Rows(line=of_line, bucket=by, printer=printer, plates=plates, last=last)
        minutes = plates * made.minutes[who]
        if len(some := last.nonzero()[0]):
            minutes[some] += last[some] * made.piece_min[who[some]]
            minutes[some] += made.plate_min[who[some]]
        if (release := self._release(line)) > 0:
            minutes += self._gap(bucket, printer, release)
        self.spend(bucket, printer, minutes)
        self._load[printer] += minutes / self._offered[printer]
        self.knows(line)[self.net.node[printer]] = True
        if self.bounded:
            rows.draw(self.net, self.lines, self._spool_g)
        self._where.setdefault((line, bucket), []).append(len(self.put))
        self.put.append(rows)

    def with_room(self, line: int, bucket: int) -> Ints:
        """Return which makers of a line have time for a copy by a due date."""
        made = self.makers(line)
        return (self._room(line, bucket, made.printer) >= made.copy_min - TINY).nonzero()[0]

    def possible(self, line: int, bucket: int, who: Ints | None = None) -> Ints:
        """Return how many full plates of a line each of its makers, or some, could print by a due date."""
        made = self.makers(line)
        who = np.arange(len(made.printer)) if who is None else who
        return self._plates(made, who, self._room(line, bucket, made.printer[who]))

    def insert_plates(self, line: int, bucket: int, plates: Ints, last: Ints | int = 0) -> float:
        """Put in full plates on each maker, and one of `last` copies; return the pieces of full ones."""
        made, rest = self.makers(line), np.zeros_like(plates) + last
        some = np.flatnonzero(plates + rest)
        self._add(line, bucket, made, some, plates[some], rest[some])
        return float(plates @ made.pieces)

    # --- score --------------------------------------------------------------------------------

    def knows(self, line: int) -> Bools:
        """Return which labs make some of a line."""
        return self._knows.setdefault(line, np.zeros(self._nodes, dtype=np.bool_))

    def score(self, line: int, loss: Singles, weights: Weights) -> Singles:
        """Return [P]: who should make a line first. `loss` is [P], what is lost by it."""
        order = int(self.lines.order[line])
        found: Singles = weights.km * self._km[int(self.lines.site[order])]
        found += loss
        found += weights.load * self._load
        # Where nobody knows it, it is new to all.
        if weights.new and (know := self._knows.get(line)) is not None:
            found -= (know * np.float32(weights.new))[self.net.node]
        return found

    # --- as soon as can be --------------------------------------------------------------------

    def earliest(self, line: int, pieces: float) -> float:
        """Put good pieces in after everything else, to be printed as soon as they can be.

        The first time by which all printers together can make them is found by halves. Returns
        how many have no room before the horizon.
        """
        made, late, release = self.makers(line), len(self.ends_min), self._release(line)
        printer, who = made.printer, np.arange(len(made.printer))
        used = self.net.busy_min + self._taken.sum(axis=0)
        start = np.maximum(used, self._after(release))[printer]
        by = self.net.calendar[self.net.cls[printer]]

        def until(slot: int) -> Ints:
            return self._plates(made, who, self.net.open_min[slot][by[who]] - start[who])

        low, high = 0, self.net.open_min.shape[0] - 1
        most = until(high)
        if float(most @ made.pieces) >= pieces:
            while high - low > 1:
                middle = (low + high) // 2
                can = until(middle)
                if float(can @ made.pieces[who]) < pieces:
                    low = middle
                else:  # who can make nothing by then need not be asked again
                    high, who, most = middle, who[can > 0], can[can > 0]
        plates, last = np.zeros((2, len(printer)), np.int64)
        plates[who] = until(low) if high - low == 1 else most
        pieces -= float(plates @ made.pieces)
        more = who[most > plates[who]]
        done = start[more] + (plates[more] + 1) * made.minutes[more]
        more = more[np.argsort(done, kind="stable")]
        for maker in more.tolist():
            if pieces <= TINY:
                break
            full, last[maker] = self._whole(min(pieces, made.pieces[maker]), made, maker)
            plates[maker] += full
            pieces -= full * made.pieces[maker] + last[maker] * self.net.good[printer[maker]]
        some = ((plates > 0) | (last > 0)).nonzero()[0]
        self._add(line, late, made, some, plates[some], last[some])
        if pieces > TINY:
            pieces = self._corners(line, pieces, late, self._load)
        return max(0.0, pieces)
