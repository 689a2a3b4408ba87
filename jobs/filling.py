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

from jobs.network import SLOT_MIN, TINY, Bools, Floats, Ints, Lines, Makers, Network, Rows, joined

#: The steps of a score. Scores of 0..6.5 are told apart by a ten-thousandth.
_FINE = 1e4
_MOST = 65_535
#: So many printers are looked at first for a line, then twice as many: few of ten thousand get any.
_FIRST = 256
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

        `slack_min` [E + 1, P] is what each printer has left by then, `room_min` what of it can be used
        without making anything later late, `put` what was put in, in order.
        """
        self.net, self.lines, self.ends_min = net, lines, ends_min
        at = [*ends_min.tolist(), net.horizon_min]
        self._open = np.array([net.opened(end) for end in at]).reshape(len(at), -1)
        self.slack_min = self._open - net.busy_min
        self.room_min = np.minimum.accumulate(self.slack_min[::-1])[::-1]
        # Against what is due last, or the horizon: late work has no other measure.
        self._offered = np.maximum(self.slack_min[max(0, len(ends_min) - 1)], TINY)
        self._used = net.busy_min.copy()
        self.level = np.inf  # the share of its time that a printer gets at most
        self.bounded = bool(np.isfinite(net.spool_g).any())
        self._spool_g = net.spool_g.copy()
        # To give filament back to one of several spools may leave no way to use the others.
        several = self.bounded and len(self._spool_g) > 1
        self.movable = not several and not bool(lines.release_min.any())
        self.able = (net.most > 0)[:, net.cls].sum(axis=1)  # [Q], printers that can make a part
        self._nodes = int(net.node.max(initial=-1)) + 1
        self._makers: dict[int, Makers] = {}
        self._knows: dict[int, Bools] = {}
        self.put: list[Rows] = []
        self._where: dict[tuple[int, int], list[int]] = {}  # in `put`, by line and bucket

    @property
    def rows(self) -> Rows:
        """Everything that was put in, in this order within a bucket."""
        return joined(self.put)

    def state(self) -> tuple[Any, ...]:
        """Return what `restore` needs to undo what comes after."""
        knows = {line: labs.copy() for line, labs in self._knows.items()}
        where = {key: rows.copy() for key, rows in self._where.items()}
        counts = (self.slack_min, self.room_min, self._used, self._spool_g)
        return (*(each.copy() for each in counts), self.put.copy(), knows, where)

    def restore(self, state: tuple[Any, ...]) -> None:
        """Set everything as it was; a state serves once."""
        self.slack_min, self.room_min, self._used, self._spool_g, self.put = state[:5]
        self._knows, self._where = state[5:]

    def load(self) -> Floats:
        """Return [P]: the share of its time until the last due date that each printer prints."""
        found: Floats = (self._used - self.net.busy_min) / self._offered
        return found

    def lab_load(self) -> Floats:
        """Return [labs]: the share of its time until the last due date that each lab prints."""
        node = self.net.node
        used = np.bincount(node, self._used - self.net.busy_min)
        found: Floats = used / np.maximum(np.bincount(node, self._offered), TINY)
        return found

    def makers(self, part: int) -> Makers:
        """Return who can make a part."""
        found = self._makers.get(part)
        if found is None:
            found = self._makers[part] = self.net.makers(part)
        return found

    # --- putting in ---------------------------------------------------------------------------

    def keep(self, rows: Rows) -> None:
        """Take time and filament for what is planned already, as it is; not yet `put`."""
        minutes = rows.minutes(self.net, self.lines)
        for line in np.unique(rows.line):
            self.knows(int(line))[self.net.node[rows.printer[rows.line == line]]] = True
        for bucket in np.unique(rows.bucket):
            mine = rows.bucket == bucket
            self._spend_all(int(bucket), rows.printer[mine], minutes[mine])
        if self.bounded:
            for turn in rows.turns():
                self._draw(turn)

    def spend(self, bucket: int, printer: Ints, minutes: Floats) -> None:
        """Take minutes of printers, each named once, from what is left by a due date."""
        self.slack_min[bucket:, printer] -= minutes
        slack = self.slack_min[::-1, printer]
        self.room_min[:, printer] = np.minimum.accumulate(slack)[::-1]

    def _spend_all(self, bucket: int, printer: Ints, minutes: Floats) -> None:
        """Take minutes of printers that may be named twice."""
        which, by = np.unique(printer, return_inverse=True)
        taken = np.bincount(by, minutes, len(which)).astype(np.float64)
        self.spend(bucket, which, taken)
        self._used[which] += taken

    def insert(
        self, line: int, pieces: float, bucket: int, score: Floats, *, least: float = 0.0
    ) -> float:
        """Put good pieces of a line in before a due date; return how many have no room.

        Args:
            line: which.
            pieces: good ones.
            bucket: the due date before which they are printed.
            score: [P]; the lowest first, then the first by name.
            least: a printer gets at least so many pieces, or all that are left.
        """
        made = self.makers(int(self.lines.part[line]))
        who = self._may(line, made)
        if len(who) <= _FIRST:
            who = who[self._room(line, bucket, made.printer[who]) >= made.one_min[who]]
            if not len(who):
                return pieces
        by = np.clip(score[made.printer[who]] * _FINE, 0, _MOST).astype(np.uint16)
        who = who[np.argsort(by, kind="stable")]
        # Where it would cost a due date, a printer gets fewer than the least.
        for enough in sorted({max(min(least, pieces), TINY), TINY}, reverse=True):
            begin, count = 0, _FIRST
            while begin < len(who) and pieces > TINY:
                some = who[begin : begin + count]
                begin, count = begin + count, 2 * count
                pieces = self._some(line, pieces, bucket, made, some, enough)
        return self._corners(line, pieces, bucket, score, made) if pieces > TINY else 0.0

    def _some(
        self, line: int, pieces: float, bucket: int, made: Makers, who: Ints, enough: float
    ) -> float:
        """Put pieces on these makers, one after another, if it holds enough; return what is left."""
        plates = self._plates(made, who, self._room(line, bucket, made.printer[who]))
        capacity = plates * made.pieces[who]
        some = np.flatnonzero(capacity >= enough)
        if not len(some):
            return pieces
        sums = np.cumsum(capacity[some])
        if sums[-1] < pieces - TINY:
            self._add(line, bucket, made, who[some], plates[some], np.zeros(len(some), np.int64))
            return pieces - float(sums[-1])
        last = int(np.searchsorted(sums, pieces - TINY))
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

    def lots(self, line: int) -> Floats:
        """Return the good pieces that each lab has of a line by its due date."""
        rows = joined([self.put[n] for n in self._where.get((line, self.bucket(line)), [])])
        good = rows.copies(self.net, self.lines) * self.net.good[rows.printer]
        return np.bincount(self.net.node[rows.printer], good, self._nodes).astype(np.float64)

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
        self._spend_all(bucket, out.printer, -out.minutes(self.net, self.lines))
        self.knows(line)[self.net.node[out.printer]] = False
        if self.bounded:
            self._spool_g[0] += np.bincount(out.printer, self._grams(out), self.net.printers)
        return float(out.copies(self.net, self.lines) @ self.net.good[out.printer])

    def bucket(self, line: int) -> int:
        """Return the bucket of a line."""
        return int(np.searchsorted(self.ends_min, self.lines.due_min[self.lines.order[line]]))

    def _may(self, line: int, made: Makers) -> Ints:
        """Return which makers (indices into `made`) may make a line."""
        if (barred := self.lines.barred.get(line)) is not None:
            return np.flatnonzero(~barred[made.printer])
        return np.arange(len(made.printer))

    def _room(self, line: int, bucket: int, printer: Ints) -> Floats:
        """Return the minutes that can be put on these printers."""
        taken = self._used[printer] - self.net.busy_min[printer]
        level = self.level * self._offered[printer] - taken
        room: Floats = np.minimum(self.room_min[bucket, printer], level)
        release = float(self.lines.release_min[self.lines.order[line]])
        if release > 0:
            room = room - self._gap(bucket, printer, release)
        return room

    def _gap(self, bucket: int, printer: Ints, release_min: float) -> Floats:
        """How long a printer would stand still before a line that may not start yet."""
        before = self._open[bucket, printer] - self.slack_min[bucket, printer]
        found: Floats = np.maximum(0.0, self._after(release_min)[printer] - before)
        return found

    def _after(self, at_min: float) -> Floats:
        """Open minutes by the end of the slot in which a time lies."""
        return self.net.opened(float(np.ceil(at_min / SLOT_MIN - TINY)) * SLOT_MIN)

    def _plates(self, made: Makers, who: Ints, room: Floats) -> Ints:
        plates = np.floor(room / made.minutes[who] + TINY)
        if self.bounded:
            spools = np.floor(self._spool_g[:, made.printer[who]] / made.grams[who] + TINY)
            plates = np.minimum(plates, spools.sum(axis=0))
        return np.maximum(plates, 0).astype(np.int64)

    def _corners(self, line: int, pieces: float, bucket: int, score: Floats, made: Makers) -> float:
        """Put part plates where a full one has no room any more; return what has none either."""
        net, part = self.net, int(self.lines.part[line])
        who = self._may(line, made)
        printer = made.printer[who]
        room = self._room(line, bucket, printer)
        cls = net.cls[printer]
        each = np.maximum(net.piece_min[part, cls], TINY)
        copies = np.floor((room * net.speed[printer] - net.plate_min[part, cls]) / each + TINY)
        if self.bounded:
            spare = self._spool_g[:, printer].max(axis=0) - net.plate_g[part, cls]
            copies = np.minimum(copies, np.floor(spare / np.maximum(net.piece_g[part, cls], TINY)))
        copies = np.clip(copies, 0, made.copies[who] - 1).astype(np.int64)
        some = np.flatnonzero(copies > 0)
        some = some[np.lexsort((score[printer[some]], -copies[some]))]
        sums = np.cumsum(copies[some] * net.good[printer[some]])
        count = int(np.searchsorted(sums, pieces - TINY)) + 1
        some = some[:count]
        if not len(some):
            return pieces
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
        some = (plates > 0) | (last > 0)
        if not some.any():
            return
        printer = made.printer[who[some]]
        same = np.full(len(printer), 1)
        rows = Rows(
            line=same * line, bucket=same * bucket, printer=printer,
            plates=plates[some], last=last[some],
        )  # fmt: skip
        minutes = rows.minutes(self.net, self.lines)
        release = float(self.lines.release_min[self.lines.order[line]])
        if release > 0:
            minutes = minutes + self._gap(bucket, printer, release)
        self.spend(bucket, printer, minutes)
        self._used[printer] += minutes
        self.knows(line)[self.net.node[printer]] = True
        if self.bounded:
            self._draw(rows)
        self._where.setdefault((line, bucket), []).append(len(self.put))
        self.put.append(rows)

    def _grams(self, rows: Rows) -> Floats:
        net, part, cls = self.net, self.lines.part[rows.line], self.net.cls[rows.printer]
        fixed = net.plate_g[part, cls] * (rows.plates + (rows.last > 0))
        found: Floats = fixed + net.piece_g[part, cls] * rows.copies(net, self.lines)
        return found

    def _draw(self, rows: Rows) -> None:
        """Take the filament of rows, at most one for each printer, from spool after spool."""
        net, printer = self.net, rows.printer
        part, cls = self.lines.part[rows.line], net.cls[printer]
        fixed, each = net.plate_g[part, cls], net.piece_g[part, cls]
        for grams, count in (
            (fixed + each * net.most[part, cls], rows.plates.astype(np.float64)),
            (fixed + each * rows.last, (rows.last > 0).astype(np.float64)),
        ):
            left = count
            for spool in self._spool_g:
                here = np.minimum(left, np.floor(spool[printer] / np.maximum(grams, TINY) + TINY))
                here = np.maximum(here, 0.0)
                spool[printer] -= here * grams
                left = left - here

    def possible(self, line: int, bucket: int) -> Ints:
        """Return how many full plates of a line each of its makers could print by a due date."""
        made = self.makers(int(self.lines.part[line]))
        who, found = self._may(line, made), np.zeros(len(made.printer), np.int64)
        found[who] = self._plates(made, who, self._room(line, bucket, made.printer[who]))
        return found

    def insert_plates(self, line: int, bucket: int, plates: Ints) -> float:
        """Put in so many full plates on each maker; return their good pieces."""
        made = self.makers(int(self.lines.part[line]))
        every = np.arange(len(made.printer))
        self._add(line, bucket, made, every, plates, np.zeros(len(every), np.int64))
        return float(plates @ made.pieces)

    # --- score --------------------------------------------------------------------------------

    def knows(self, line: int) -> Bools:
        """Return which labs make some of a line."""
        return self._knows.setdefault(line, np.zeros(self._nodes, dtype=np.bool_))

    def score(self, line: int, regret: Floats, weights: Weights) -> Floats:
        """Return [P]: who should make a line first. `regret` is [Q, P]."""
        part, order = int(self.lines.part[line]), int(self.lines.order[line])
        found: Floats = weights.km * self.net.km[int(self.lines.site[order])]
        found += regret[part]
        found += weights.load * self.load()
        if weights.new:
            # Where nobody knows it, it is new to all.
            know = self._knows.get(line)
            found += weights.new if know is None else weights.new * ~know[self.net.node]
        return found

    # --- as soon as can be --------------------------------------------------------------------

    def earliest(self, line: int, pieces: float) -> float:
        """Put good pieces in after everything else, to be printed as soon as they can be.

        The first time by which all printers together can make them is found by halves. Returns
        how many have no room before the horizon.
        """
        made = self.makers(int(self.lines.part[line]))
        late = len(self.ends_min)
        who = self._may(line, made)
        release = float(self.lines.release_min[self.lines.order[line]])
        printer = made.printer[who]
        start = np.maximum(self._used[printer], self._after(release)[printer])
        by = self.net.calendar[self.net.cls[printer]]

        def until(slot: int) -> Ints:
            return self._plates(made, who, self.net.open_min[slot][by] - start)

        low, high = 0, self.net.open_min.shape[0] - 1
        if float(until(high) @ made.pieces[who]) >= pieces:
            while high - low > 1:
                middle = (low + high) // 2
                if float(until(middle) @ made.pieces[who]) < pieces:
                    low = middle
                else:
                    high = middle
        plates = until(low) if high - low == 1 else until(high)
        pieces -= float(plates @ made.pieces[who])
        more = np.flatnonzero(until(high) > plates)
        more = more[np.argsort((start + (plates + 1) * made.minutes[who])[more], kind="stable")]
        last = np.zeros(len(who), np.int64)
        for maker in more:
            if pieces <= TINY:
                break
            full, last[maker] = self._whole(min(pieces, made.pieces[who[maker]]), made, who[maker])
            plates[maker] += full
            pieces -= full * made.pieces[who[maker]] + last[maker] * self.net.good[printer[maker]]
        self._add(line, late, made, who, plates, last)
        if pieces > TINY:
            pieces = self._corners(line, pieces, late, self._used / self._offered, made)
        return max(0.0, pieces)
