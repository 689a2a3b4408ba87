"""When printers are open from now on, as far as whole plates can use it. Pure.

A plate has to lie whole inside a window: what is left of it is lost. So each window counts for as
many minutes as plates of a mean length fill, and a plate for the time it really takes of a week.
Leaves the clock of a single plate to `jobs.hours`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from jobs.fleet import Fit, FleetPrinter
from jobs.hours import DAY_MIN, Week, fits, minute_of, plates_in
from jobs.network import SLOT_MIN, Floats, open_minutes
from jobs.pace import slack

#: How far a plan over classes looks; what has no room by then is placed plate by plate.
HORIZON_DAYS = 60
#: A smaller plate is planned where the windows of a week hold that many times more pieces by it.
_FAR_MORE = 1.15
#: Printers whose paces are as near as this are of one class where windows cut their plates.
_PACES = 0.2
#: Rounding of a plate's time, in seconds.
_CLOSE_S = 0.01

Kind = tuple[Fit | None, ...]  # how each part fits a printer


@lru_cache(maxsize=4096)
def _full_plate(fit: Fit, week: Week, pace: float) -> int:
    """Return the copies of the plates to plan with: a smaller one only where it makes far more."""
    best, best_pieces = 0, 0.0
    for copies in range(fit.most, 0, -1):
        seconds = fit.seconds(copies) * pace
        if not fits(week, seconds, slack(pace)):
            continue
        if week.always:
            return copies
        plates = sum(plates_in(end - start, seconds, slack(pace)) for start, end in week.windows)
        pieces = copies * plates
        if pieces > best_pieces * (_FAR_MORE if best else 1.0):
            best, best_pieces = copies, pieces
    return best


class Weeks:
    """When each printer is open from now on, as far as whole plates can use it."""

    def __init__(
        self,
        able: Sequence[FleetPrinter],
        kinds: Sequence[Kind],
        now: datetime,
        free: Mapping[tuple[str, str], datetime],
    ) -> None:
        """Read the hours of printers; `free` says of each when what it has is printed."""
        self._slots = HORIZON_DAYS * DAY_MIN // SLOT_MIN
        self._columns: list[Floats] = []
        self._known: dict[tuple[object, ...], int] = {}
        of_lab: dict[str, int] = {}
        for printer in able:
            of_lab[printer.node] = of_lab.get(printer.node, 0) + 1
        self.busy_min = np.zeros(len(able))
        self.least_busy_min = np.zeros(len(able))
        self.calendar = np.zeros(len(able), np.int64)
        self.bare = np.zeros(len(able), np.int64)  # every open minute, without any ceiling
        self.full: list[tuple[int, ...]] = []  # copies of a full plate of each part
        self.used: list[tuple[float, ...]] = []  # the share of each window that plates fill
        self.pace: list[float] = []  # at which plates fill its windows, about that of the printer
        filled: dict[tuple[int, Week, float], tuple[tuple[int, ...], tuple[float, ...]]] = {}
        for n, (printer, kind) in enumerate(zip(able, kinds, strict=True)):
            week, offset = printer.week, printer.utc_offset_min
            pace = 1.0 if week.always else round(printer.pace / _PACES) * _PACES
            if (id(kind), week, pace) not in filled:
                filled[id(kind), week, pace] = _filled(kind, week, pace)
            full, used = filled[id(kind), week, pace]
            self.full.append(full)
            self.used.append(used)
            self.pace.append(pace)
            minute = minute_of(now + timedelta(minutes=offset))
            self.bare[n] = self._column((week, offset), week, minute, None)
            self.calendar[n] = self._column((week, offset, used), week, minute, used)
            if printer.queue_s or printer.later:
                slot = (free[printer.node, printer.printer] - now).total_seconds() / 60 / SLOT_MIN
                before, after = (min(int(r), self._slots) for r in (slot, math.ceil(slot)))
                self.busy_min[n] = self._columns[self.calendar[n]][after]
                # What waits for its day leaves the time before it: it bounds nobody.
                if not printer.later:
                    self.least_busy_min[n] = self._columns[self.bare[n]][before]
            if printer.weekly_h:
                # A ceiling is a calendar that ends: the lab's printers share what is left of it.
                share_min = printer.week_left_s / 60 / of_lab[printer.node]
                ends = math.floor((self.busy_min[n] + share_min) / SLOT_MIN) * SLOT_MIN
                self._end(n, (week, offset, used, ends), ends)
        self.open_min = np.array(self._columns).T.copy() if able else np.zeros((self._slots + 1, 0))

    def _column(
        self, key: tuple[object, ...], week: Week, minute: float, used: Sequence[float] | None
    ) -> int:
        if key not in self._known:
            self._known[key] = len(self._columns)
            self._columns.append(open_minutes(week, minute, self._slots, used=used))
        return self._known[key]

    def _end(self, n: int, key: tuple[object, ...], ends: float) -> None:
        if key not in self._known:
            self._known[key] = len(self._columns)
            self._columns.append(np.minimum(self._columns[self.calendar[n]], ends))
        self.calendar[n] = self._known[key]


def _filled(kind: Kind, week: Week, pace: float) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the full plate of each part, and which share of each window plates of a mean length fill."""
    full = tuple(0 if fit is None else _full_plate(fit, week, pace) for fit in kind)
    lengths = [
        fit.seconds(copies) * pace for fit, copies in zip(kind, full, strict=True) if fit and copies
    ]
    if week.always or not lengths:
        return full, tuple(1.0 for _ in week.windows)
    mean_s = sum(lengths) / len(lengths)
    return full, tuple(
        round(plates_in(end - start, mean_s, slack(pace)) * mean_s / 60 / (end - start), 2)
        for start, end in week.windows
    )


def could_hold(fit: Fit, week: Week, pace: float) -> bool:
    """Return whether any printer of a class could make a plate within a window; for proofs.

    `pace` is that of the class: the quickest of its printers may be half a step quicker.
    """
    quick = pace if week.always else pace - _PACES / 2
    least_s = min((fit.seconds(copies) for copies in range(1, fit.most + 1)), default=math.inf)
    return fit.most > 0 and fits(week, least_s * quick - _CLOSE_S, slack(quick))


def longer_by(seconds: float, week: Week, used: Sequence[float], pace: float) -> float:
    """Return how much of its used time a printer spends on a plate, against what it prints; 0: never.

    `seconds` are the slicer's; the printer takes `pace` times as long.
    """
    if week.always:
        return 1.0
    takes_s = seconds * pace
    minutes = sum(u * (end - start) for u, (start, end) in zip(used, week.windows, strict=True))
    plates = sum(plates_in(end - start, takes_s, slack(pace)) for start, end in week.windows)
    return minutes / (plates * takes_s / 60) if plates else 0.0
