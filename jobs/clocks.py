"""Every printer's spool, week and clock while a plan fills them.

Pure. Lays shares out as runs of equal plates, and says what a printer could still make. Leaves who
gets what to `jobs.shares` and `jobs.split`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from jobs.fleet import Fit, FleetPrinter, Need, Span, begins_at, copies_for, exclusion
from jobs.lots import Share
from jobs.model import Reason, ReasonCode
from jobs.planned import Run, Stand, plates_by
from jobs.shares import Fits

Key = tuple[str, str]  # node, printer
Line = tuple[str, str]  # order, part
#: Who has work for so long is given no more: it would be a plan for nobody.
YEAR = timedelta(days=366)

State = tuple[
    dict[Key, FleetPrinter], dict[Key, datetime], dict[Key, tuple[Span, ...]], dict[str, float]
]


class Clocks:
    """The printers of a network, by node and printer."""

    def __init__(self, fleet: Iterable[FleetPrinter], fits: Fits, now: datetime) -> None:
        self._printers = {(p.node, p.printer): p for p in fleet}
        self.keys = sorted(self._printers)
        #: When all that each has would be printed if nothing waited for its day.
        self.loaded = {key: p.free_at(now) for key, p in self._printers.items()}
        self.free = self.loaded.copy()
        #: When a printer has nothing before what waits for its day; of those that have such times.
        self._gaps: dict[Key, tuple[Span, ...]] = {}
        for key, printer in self._printers.items():
            if printer.later:
                self._gaps[key], self.free[key] = printer.openings(now)
        self._week_left_s = {p.node: p.week_left_s for p in self._printers.values() if not p.odd}
        self.of_lab: dict[str, list[Key]] = {}
        for key in self.keys:
            self.of_lab.setdefault(key[0], []).append(key)
        self.fits = fits
        self.now = now
        self._excluded: dict[object, dict[Key, tuple[FleetPrinter, Reason | None]]] = {}
        self._next: dict[object, dict[Key, tuple[FleetPrinter, Run | None]]] = {}

    def state(self) -> State:
        """Return what `restore` brings back."""
        return (
            self._printers.copy(), self.free.copy(), self._gaps.copy(), self._week_left_s.copy()
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Undo what was spent since then."""
        printers, free, gaps, week_left_s = state
        self._printers, self.free = printers.copy(), free.copy()
        self._gaps, self._week_left_s = gaps.copy(), week_left_s.copy()

    def printer(self, key: Key) -> FleetPrinter:
        """Return a printer as it stands now: another object once it was given something."""
        found = self._printers[key]
        if found.weekly_h and found.week_left_s != self._week_left_s[key[0]]:
            # The week is its lab's, whichever printer uses it.
            found = replace(found, week_left_s=self._week_left_s[key[0]])
            self._printers[key] = found
        return found

    def fit(self, need: Need, key: Key) -> Fit | None:
        """Return how a need lies on a printer; None where nobody has measured it."""
        return self.fits.get((need.mesh_sha256, *key))

    def excluded(self, need: Need, key: Key) -> Reason | None:
        """Return why a printer can make nothing more of a need; one that was measured.

        What was found holds for every need of the part until the printer is given something.
        """
        printer = self.printer(key)
        of_part = self._excluded.setdefault(part_of(need), {})
        known = of_part.get(key)
        if known is None or known[0] is not printer:
            why = exclusion(need, printer, self.fits[need.mesh_sha256, *key])
            if why is None and self._is_full(key):
                why = Reason(code=ReasonCode.FULL, node=key[0], printer=key[1])
            known = of_part[key] = (printer, why)
        return known[1]

    def soonest(self, key: Key) -> datetime:
        """Return when a printer could begin something at the earliest."""
        gaps = self._gaps.get(key)
        return gaps[0][0] if gaps else self.free[key]

    def _is_full(self, key: Key) -> bool:
        return self.soonest(key) - self.now > YEAR

    def _begin(self, need: Need, key: Key) -> datetime:
        """Return when a need may be begun on a printer."""
        if need.release is None:
            return self.now
        return max(self.now, begins_at(need.release, self._printers[key].utc_offset_min))

    def _finish(self, need: Need, key: Key, seconds: float) -> datetime | None:
        """Return when a printer could have made one more plate of a need; None if never."""
        printer, begin = self.printer(key), self._begin(need, key)
        for start, end in self._gaps.get(key, ()):
            done = printer.finish(max(start, begin), seconds)
            if done is not None and done <= end:
                return done
        if self.free[key] - self.now > YEAR:
            return None
        return printer.finish(max(self.free[key], begin), seconds)

    def stands(self, need: Need) -> tuple[Stand, ...]:
        """Return how every printer stands to more of a need."""
        found = []
        for key in self.keys:
            fit, printer, why, done_h = self.fit(need, key), self.printer(key), None, None
            if fit is not None:
                why = self.excluded(need, key)
                if why is None:
                    seconds = fit.seconds(copies_for(need, printer, fit, fit.most))
                    done = self._finish(need, key, seconds)
                    done_h = None if done is None else (done - self.now).total_seconds() / 3600
            found.append(Stand(node=key[0], printer=key[1], km=printer.km, why=why, done_h=done_h))
        return tuple(found)

    def plate(self, need: Need, key: Key, left: int) -> Run | None:
        """Return the next plate that a printer could make of a need; None if none."""
        fit = self.fit(need, key)
        if fit is None or left < 1:
            return None
        if left < fit.most:
            return self._plate(need, key, fit, left)
        # A full plate is the same for all needs of the part, until the printer is given something.
        of_part = self._next.setdefault(part_of(need), {})
        printer, known = self.printer(key), of_part.get(key)
        if known is None or known[0] is not printer:
            known = of_part[key] = (printer, self._plate(need, key, fit, fit.most))
        run = known[1]
        if run is None or (run.order_id == need.order_id and run.part_id == need.part_id):
            return run
        return replace(run, order_id=need.order_id, part_id=need.part_id)

    def _plate(self, need: Need, key: Key, fit: Fit, left: int) -> Run | None:
        printer = self.printer(key)
        copies = copies_for(need, printer, fit, left)
        if not copies or self._is_full(key):
            return None
        done = self._finish(need, key, fit.seconds(copies))
        return None if done is None else _run(need, printer, fit, copies, 1, done)

    def spend(self, need: Need, runs: Sequence[Run]) -> None:
        """Take equal plates of a need, made one after another, from spool, week and clock of their printer."""
        key, count = (runs[0].node, runs[0].printer), sum(run.count for run in runs)
        printer = self.printer(key)
        self._printers[key] = replace(printer, grams=printer.grams - runs[0].grams * count)
        if printer.weekly_h:
            left_s = printer.week_left_s - runs[0].seconds * count
            self._week_left_s[key[0]] = max(0.0, left_s)
        start = runs[0].done_at - timedelta(seconds=runs[0].takes_s)
        self._take(key, (start, runs[-1].last_at), waits=self._begin(need, key) > self.free[key])

    def _take(self, key: Key, span: Span, *, waits: bool) -> None:
        """Take a time of a printer; one that lies behind all others leaves the time before it if it waits."""
        (start, end), free, gaps = span, self.free[key], self._gaps.get(key, ())
        if start >= free:
            self.free[key] = end
            if waits:
                self._gaps[key] = (*gaps, (free, start))
            return
        left: list[Span] = []
        for begin, until in gaps:
            inside = begin <= start and end <= until
            left += [(begin, start), (end, until)] if inside else [(begin, until)]
        self._gaps[key] = tuple((begin, until) for begin, until in left if begin < until)

    def lay_out(self, needs: Iterable[Need], found: Iterable[Share]) -> dict[Line, list[Run]]:
        """Put shares on the clock, in their order.

        What a printer cannot hold is left out, and so is what it would print late where others
        have time.
        """
        asked = {(need.order_id, need.part_id): need for need in needs}
        left = {line: need.pieces for line, need in asked.items()}
        laid: dict[Line, list[Run]] = {line: [] for line in asked}
        for share in found:
            line, key = (share.order_id, share.part_id), (share.node, share.printer)
            fit = self.fit(asked[line], key)
            if fit is None or self.excluded(asked[line], key) is not None:
                continue
            for copies, times in share.plates:
                count = min(times, left[line] // copies)
                runs = self._runs(share, asked[line], fit, copies, count)
                left[line] -= sum(run.pieces for run in runs)
                laid[line] += runs
        return laid

    def _runs(self, share: Share, need: Need, fit: Fit, copies: int, count: int) -> list[Run]:
        """Lay out equal plates one after another: as many as bed, filament and week allow."""
        key = (share.node, share.printer)
        printer = self.printer(key)
        seconds, grams = fit.seconds(copies), fit.grams(copies)
        if grams > 0:
            count = min(count, int(printer.grams / grams))
        if printer.weekly_h:
            count = min(count, int(printer.week_left_s / seconds))
        if count < 1 or not 1 <= copies <= fit.most:
            return []
        until = need.print_by if share.in_time else None
        begin, found = self._begin(need, key), list[Run]()
        tail = () if self.free[key] - self.now > YEAR else ((self.free[key], None),)
        for start, end in (*self._gaps.get(key, ()), *tail):
            by = end if until is None else until if end is None else min(end, until)
            runs: list[Run] = []
            for done_at, times in printer.finishes(max(start, begin), seconds, count):
                run = _run(need, printer, fit, copies, times, done_at)
                here = times if by is None else plates_by(run, by)
                if here:
                    runs.append(replace(run, count=here) if here < times else run)
                if here < times:
                    break
            if runs:
                self.spend(need, runs)
                count -= sum(run.count for run in runs)
                found += runs
        return found


def part_of(need: Need) -> object:
    """Return what needs have in common for which the same holds on every printer."""
    return need.mesh_sha256, need.materials, need.process, need.declined, need.release


def _run(
    need: Need, printer: FleetPrinter, fit: Fit, copies: int, count: int, done_at: datetime
) -> Run:
    return Run(
        order_id=need.order_id, part_id=need.part_id, node=printer.node, printer=printer.printer,
        material=printer.material or "", copies=copies, seconds=fit.seconds(copies),
        grams=fit.grams(copies), done_at=done_at, count=count, pace=printer.pace,
    )  # fmt: skip
