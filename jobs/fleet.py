"""What a plan is made from: needs, printers as the network may plan on them, and how parts fit them.

Pure values, and the one rule that says whether a printer can make anything of a need. Leaves who
gets what to `jobs.split`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from designs.model import PRINTED
from jobs.hours import ALWAYS, Week, earliest_start, ends_of, fits, minute_of, plates_from
from jobs.model import Priority, Reason, ReasonCode
from jobs.pace import slack

#: Where a day begins, and ends, last.
LAST_OFFSET_MIN = -12 * 60

Span = tuple[datetime, datetime]  # from, until

_EARTH_KM = 6371.0
#: What a kilometre between lab and hub is worth, in seconds of waiting: 100 km are an hour.
KM_S = 36.0
#: What one more lab in an order is worth, in seconds: a parcel more to send, announce and open.
PARCEL_S = 3600.0
#: A lab that prints is told to be out of reach after this: shorter cuts mend themselves.
SILENT_AFTER = timedelta(minutes=15)


def is_silent(seen_at: datetime | None, now: datetime, *, online: bool) -> bool:
    """Return whether a lab that was there has been out of reach for long; `seen_at` is when it went."""
    return not online and seen_at is not None and now - seen_at >= SILENT_AFTER


def print_by(due: date) -> datetime:
    """Return when the last piece should be printed: inspection and the way take the day before."""
    return datetime.combine(due, time(), UTC)


def begins_at(day: date, utc_offset_min: int) -> datetime:
    """Return when a day begins by the clock on a lab's wall."""
    return datetime.combine(day, time(), UTC) - timedelta(minutes=utc_offset_min)


def is_over(day: date, now: datetime) -> bool:
    """Return whether a day has passed by every clock on Earth: of one lab it may still be evening."""
    return begins_at(day + timedelta(days=1), LAST_OFFSET_MIN) <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Pieces of one part of one order that are in no job."""

    order_id: str
    part_id: str
    pieces: int
    per_kit: int
    due: date
    materials: tuple[str, ...]  # allowed codes
    mesh_sha256: str  # of what it is made from: its mesh, or its pattern
    declined: tuple[tuple[str, str], ...] = ()  # (node, its words): not asked again for now
    process: str = PRINTED  # by which it is made
    priority: Priority = Priority.NORMAL  # of its order
    release: date | None = None  # no plate of it starts before this day, by the lab's clock

    @property
    def print_by(self) -> datetime:
        """When its last piece should be printed."""
        return print_by(self.due)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPrinter:
    """A printer as the plan sees it now."""

    node: str
    printer: str
    online: bool
    paused: bool
    material: str | None  # loaded; None without a spool; the process of a machine that has none
    grams: float  # on the spool, less what live attempts and planned jobs will use
    queue_s: tuple[float, ...] = ()  # plates that it has, in slicers' seconds, one after another
    #: Plates that it has and may not start before a day of its own calendar, by day: (day, seconds).
    later: tuple[tuple[date, float], ...] = ()
    fault: str = ""  # the printer's own words when it cannot print
    out_of_service: bool = False  # its owner has taken it out
    out_until: str = ""  # the day on which that ends by itself
    attended: Week = ALWAYS
    unattended: bool = False  # may print while nobody is there
    utc_offset_min: int = 0  # of the lab's clock
    km: float | None = None  # to the hub, None where the owner does not say
    weekly_h: float = 0.0  # of printing that its lab gives in a calendar week; 0: no ceiling
    week_left_s: float = math.inf  # of them: what its lab's printers together may still be given
    process: str = PRINTED
    good: float = 1.0  # the share of its pieces that come out good, > 0: what is bad is made again
    pace: float = 1.0  # > 0: how many times its slicer's figure a plate takes, see jobs.pace
    #: What cannot be in what is known of it; it gets nothing, and its other figures say nothing.
    odd: str = ""

    @property
    def week(self) -> Week:
        """The hours in which it may print."""
        return ALWAYS if self.unattended else self.attended

    def takes_s(self, seconds: float) -> float:
        """Return how long a plate prints here whose slicer, or estimate, says `seconds`."""
        return seconds * self.pace

    @property
    def slack(self) -> float:
        """How many times what a plate takes has to fit into the lab's hours."""
        return slack(self.pace)

    def fits(self, seconds: float) -> bool:
        """Return whether such a plate can lie inside the hours of some day."""
        return fits(self.week, self.takes_s(seconds), self.slack)

    def finish(self, free: datetime, seconds: float) -> datetime | None:
        """Return when a plate is printed that is started at `free` or later; None if never.

        Here as below, seconds of plates are those of the slicer.
        """
        shift = timedelta(minutes=self.utc_offset_min)
        takes_s = self.takes_s(seconds)
        start = earliest_start(self.week, free + shift, takes_s, self.slack)
        return None if start is None else start - shift + timedelta(seconds=takes_s)

    def finishes(
        self, free: datetime, seconds: float, count: int
    ) -> tuple[tuple[datetime, int], ...]:
        """Return runs of equal plates, one after another: when the first is printed, how many.

        A run goes on without a pause. Together they are `count` plates, or none if never.
        """
        shift = timedelta(minutes=self.utc_offset_min)
        takes_s = self.takes_s(seconds)
        found: list[tuple[datetime, int]] = []
        while count > 0:
            start = earliest_start(self.week, free + shift, takes_s, self.slack)
            if start is None:
                break
            here = int(min(count, plates_from(self.week, start, takes_s, self.slack)))
            found.append((start - shift + timedelta(seconds=takes_s), here))
            free = start - shift + timedelta(seconds=takes_s * here)
            count -= here
        return tuple(found)

    def ends_min(self, now: datetime, lengths_s: Iterable[float]) -> list[float]:
        """Return in how many minutes each of some plates is printed, made one after another from now."""
        minute = minute_of(now + timedelta(minutes=self.utc_offset_min))
        takes_s = (self.takes_s(each) for each in lengths_s)
        ends = ends_of(self.week, minute, takes_s, self.slack)
        return [end - minute for end in ends]

    def free_at(self, now: datetime) -> datetime:
        """Return when all that it already has would be printed if nothing had to wait for its day."""
        return self._done_at(now, (*self.queue_s, *(seconds for _, seconds in self.later)))

    def openings(self, now: datetime) -> tuple[tuple[Span, ...], datetime]:
        """Return when it has nothing to print before what has to wait for its day, and when all is printed."""
        free, gaps = self._done_at(now, self.queue_s), []
        for day, seconds in self.later:
            begin = max(free, begins_at(day, self.utc_offset_min))
            takes = timedelta(seconds=self.takes_s(seconds))
            done = self.finish(begin, seconds) or begin + takes
            if begin > free:
                gaps.append((free, done - takes))
            free = done
        return tuple(gaps), free

    def _done_at(self, now: datetime, lengths_s: Iterable[float]) -> datetime:
        ends = self.ends_min(now, lengths_s)
        return now + timedelta(minutes=ends[-1]) if ends else now


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How one part lies on one printer's bed, and what a plate of it costs."""

    most: int  # copies on a full plate; 0 when not even one fits
    needed_mm: float  # the side of the part that is too long, else its longer side
    bed_mm: float  # what the printer has there
    seconds_first: float  # a plate of k is estimated at seconds_first + (k - 1) * seconds_more
    seconds_more: float
    grams_each: float
    #: (copies, seconds, grams) that a slicer gave for this part on this kind of machine
    sliced: tuple[tuple[int, float, float], ...] = ()

    def seconds(self, copies: int) -> float:
        """How long a plate of `copies` takes: sliced, else estimated and corrected by what was."""
        ratio = 1.0
        if self.sliced:
            near = min(self.sliced, key=lambda known: (abs(known[0] - copies), known[0]))
            if near[0] == copies:
                return near[1]
            ratio = near[1] / self._estimate(near[0])
        return self._estimate(copies) * ratio

    def grams(self, copies: int) -> float:
        """What a plate of `copies` weighs."""
        if self.sliced:
            near = min(self.sliced, key=lambda known: (abs(known[0] - copies), known[0]))
            return near[2] * copies / near[0]
        return copies * self.grams_each

    def _estimate(self, copies: int) -> float:
        return self.seconds_first + (copies - 1) * self.seconds_more


def km_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two places (latitude, longitude in degrees), as the crow flies."""
    (lat1, lon1), (lat2, lon2) = ([math.radians(d) for d in place] for place in (one, other))
    chord = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


#: No plate takes longer, and no spool holds more.
_MOST_S, _MOST_G = 366 * 24 * 3600.0, 1e9
_MOST_OFFSET_MIN = 24 * 60


def odd_figure(printer: FleetPrinter) -> str:
    """Return which figure of a printer no plan can reckon with, and what it is; "" where there is none."""
    queue_s = (*printer.queue_s, *(seconds for _, seconds in printer.later))
    figures = (
        ("grams", printer.grams, 0.0, _MOST_G),
        ("utc_offset_min", printer.utc_offset_min, -_MOST_OFFSET_MIN, _MOST_OFFSET_MIN),
        ("km", printer.km or 0.0, 0.0, _EARTH_KM * 4),
        ("weekly_h", printer.weekly_h, 0.0, 1e6),
        ("week_left_s", printer.week_left_s, 0.0, math.inf),
        ("good", printer.good, 1e-6, 1.0),
        ("pace", printer.pace, 1e-3, 1e3),
        *(("seconds", each, 0.0, _MOST_S) for each in queue_s),
    )
    # Not a number is neither below nor above anything.
    return next(
        (f"{name}: {value:g}" for name, value, low, high in figures if not low <= value <= high), ""
    )


def left_out(printer: FleetPrinter, odd: str) -> FleetPrinter:
    """Return a printer of which nothing counts but that it is odd, and why."""
    return FleetPrinter(
        node=printer.node, printer=printer.printer, online=True, paused=False, material=None,
        grams=0.0, process=printer.process, odd=odd,
    )  # fmt: skip


def copies_for(need: Need, printer: FleetPrinter, fit: Fit, left: int) -> int:
    """Return how many copies the next plate on this printer has: bed, filament, hours and the week allow it."""
    copies = min(fit.most, left)
    while copies > 0 and (
        fit.grams(copies) > printer.grams
        or fit.seconds(copies) > printer.week_left_s
        or not printer.fits(fit.seconds(copies))
    ):
        copies -= 1
    return 0 if exclusion(need, printer, fit) else copies


def exclusion(need: Need, printer: FleetPrinter, fit: Fit) -> Reason | None:
    """Return the one rule by which this printer can make nothing of the need now; None if it can."""
    code, needed, available, text = _rule(need, printer, fit)
    if code is None:
        return None
    return Reason(
        code=code, node=printer.node, printer=printer.printer, needed=needed, available=available,
        text=text,
    )  # fmt: skip


def _rule(
    need: Need, printer: FleetPrinter, fit: Fit
) -> tuple[ReasonCode | None, float | None, float | None, str]:
    """What never changes comes first: it is what helps most to know."""
    if printer.odd:
        return ReasonCode.ODD, None, None, printer.odd
    if printer.process != need.process:
        return ReasonCode.PROCESS, None, None, printer.process
    if fit.most < 1:
        return ReasonCode.BED, fit.needed_mm, fit.bed_mm, ""
    if printer.material is None:
        return ReasonCode.NO_SPOOL, None, None, ""
    if printer.material not in need.materials:
        return ReasonCode.MATERIAL, None, None, printer.material
    if printer.out_of_service:
        return ReasonCode.SERVICE, None, None, printer.out_until
    if printer.fault:
        return ReasonCode.FAULT, None, None, printer.fault
    if not printer.fits(fit.seconds(1)):
        needed_h = printer.takes_s(fit.seconds(1)) * printer.slack / 3600
        return ReasonCode.HOURS, needed_h, printer.week.longest_min / 60, ""
    if fit.grams(1) > printer.grams:
        return ReasonCode.STOCK, fit.grams(1), max(0.0, printer.grams), printer.material
    return _rule_for_now(need, printer, fit)


def _rule_for_now(
    need: Need, printer: FleetPrinter, fit: Fit
) -> tuple[ReasonCode | None, float | None, float | None, str]:
    declined = dict(need.declined).get(printer.node)
    if fit.seconds(1) > printer.week_left_s:
        return ReasonCode.CEILING, fit.seconds(1) / 3600, printer.weekly_h, ""
    if printer.paused:
        return ReasonCode.PAUSED, None, None, ""
    if declined is not None:
        return ReasonCode.DECLINED, None, None, declined
    if not printer.online:
        return ReasonCode.OFFLINE, None, None, ""
    return None, None, None, ""
