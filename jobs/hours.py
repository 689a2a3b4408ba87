"""The hours of a week in which somebody is with the printers, and what fits into them. Pure.

Written as owners say it: "08:00-20:00", or "Mon-Fri 18:00-23:00, Sat-Sun 09:00-22:00". A window may
run past midnight ("22:00-06:00"); "00:00-24:00" is always. Times are those of the clock on the
lab's wall: whoever asks passes local time.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import accumulate, groupby

from jobs.errors import InvalidFieldError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN
WEEK_H = 7 * 24.0
#: How much longer than estimated a plate may take before it runs out of the attended hours.
SLACK = 1.25
#: Less than this is a rounding of times.
_CLOSE_MIN = 1e-6

_PART = re.compile(
    r"(?:(?P<first>[A-Z][a-z]{2})(?:-(?P<last>[A-Z][a-z]{2}))?\s+)?"
    r"(?P<h1>\d{2}):(?P<m1>\d{2})-(?P<h2>\d{2}):(?P<m2>\d{2})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """Windows (start, end) in minutes after Monday 00:00; sorted, apart, the last may pass Sunday."""

    windows: tuple[tuple[int, int], ...]
    longest_min: int = field(init=False, compare=False)  # the longest window
    always: bool = field(init=False, compare=False)  # somebody is there all the time
    #: The windows of the week before, this one and the next, sorted; their ends.
    three_weeks: tuple[tuple[int, int], ...] = field(init=False, compare=False, repr=False)
    ends: tuple[int, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Reckon once what every plate of every plan asks."""
        longest = max((end - start for start, end in self.windows), default=0)
        turns = (-WEEK_MIN, 0, WEEK_MIN)
        three = tuple((start + t, end + t) for t in turns for start, end in self.windows)
        object.__setattr__(self, "longest_min", longest)
        object.__setattr__(self, "always", longest >= WEEK_MIN)
        object.__setattr__(self, "three_weeks", three)
        object.__setattr__(self, "ends", tuple(end for _, end in three))


ALWAYS = Week(windows=((0, WEEK_MIN),))


def parse(text: str) -> Week:
    """Read the hours of a week.

    Raises:
        InvalidFieldError: says how to write it.

    >>> parse("Mon-Fri 18:00-23:00").longest_min
    300
    """
    found: list[tuple[int, int]] = []
    for part in text.split(","):
        found += _windows(part.strip())
    return Week(windows=_merged(found))


def _windows(part: str) -> list[tuple[int, int]]:
    match = _PART.fullmatch(part)
    if match is None:
        raise _wrong(part)
    first = match["first"] or DAYS[0]
    last = match["last"] or match["first"] or DAYS[-1]
    if first not in DAYS or last not in DAYS:
        raise _wrong(part)
    start = 60 * int(match["h1"]) + int(match["m1"])
    end = 60 * int(match["h2"]) + int(match["m2"])
    if max(int(match["m1"]), int(match["m2"])) > 59 or max(start, end) > DAY_MIN or start == end:  # noqa: PLR2004
        raise _wrong(part)
    if end < start:
        end += DAY_MIN
    begin, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 + 1
    return [
        (day * DAY_MIN + start, day * DAY_MIN + end)
        for day in sorted((begin + n) % 7 for n in range(length))
    ]


def _wrong(part: str) -> InvalidFieldError:
    return InvalidFieldError(
        "attended",
        f'{part!r} cannot be read; write it as "08:00-20:00" or "Mon-Fri 18:00-23:00, Sat 09:00-17:00"',
    )


def _merged(found: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join windows that touch, over the end of the week too."""
    joined: list[list[int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    if sum(min(end, WEEK_MIN) - start for start, end in joined) >= WEEK_MIN:
        return ALWAYS.windows
    while len(joined) > 1 and joined[-1][1] - WEEK_MIN >= joined[0][0]:
        # Sunday night runs into Monday: one window with all that it meets there, written where it begins.
        joined[-1][1] = max(joined[-1][1], joined[0][1] + WEEK_MIN)
        del joined[0]
    return tuple((start, end) for start, end in joined)


#: One window of a day: (start, end) in minutes after its midnight. An end that is not after the
#: start lies on the next day.
Day = tuple[int, int]


def by_day(week: Week) -> tuple[Day | None, ...] | None:
    """Return one window for each day from Monday on, None for a day without one.

    The whole is None where a day has two windows, which seven pairs of times cannot say. A window
    of a day or more is cut at the midnights inside it.

    >>> by_day(parse("Mon 22:00-06:00"))[:2]
    ((1320, 360), None)
    """
    days: list[Day | None] = [None] * 7
    for start, end in week.windows:
        for begin, until in _cut(start, end):
            day = begin // DAY_MIN % 7
            if days[day] is not None:
                return None
            midnight = begin // DAY_MIN * DAY_MIN
            past = until - midnight
            days[day] = (begin - midnight, past if past <= DAY_MIN else past - DAY_MIN)
    return tuple(days)


def _cut(start: int, end: int) -> list[tuple[int, int]]:
    if end - start < DAY_MIN:
        return [(start, end)]
    found = []
    while start < end:
        midnight = (start // DAY_MIN + 1) * DAY_MIN
        found.append((start, min(end, midnight)))
        start = midnight
    return found


def write(days: Sequence[Day | None]) -> str:
    """Write seven days, from Monday on, as `parse` reads them.

    Raises:
        InvalidFieldError: nobody is ever there, or a window begins when it ends.

    >>> write([(1080, 1380)] * 5 + [None, (540, 1440)])
    'Mon-Fri 18:00-23:00, Sun 09:00-24:00'
    """
    parts = []
    for window, run in groupby(zip(days, DAYS, strict=True), key=lambda pair: pair[0]):
        if window is None:
            continue
        names = [name for _, name in run]
        start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in window)
        if start == end:
            raise _wrong(f"{start}-{end}")
        if len(names) == len(DAYS):
            return f"{start}-{end}"
        first_last = names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"
        parts.append(f"{first_last} {start}-{end}")
    if not parts:
        raise InvalidFieldError("attended", "somebody has to be there at some time; or pause")
    return ", ".join(parts)


def fits(week: Week, seconds: float, slack: float = SLACK) -> bool:
    """Return whether a plate that takes `seconds` can lie inside one window, with slack."""
    return week.always or seconds * slack / 60 <= week.longest_min


def is_open(week: Week, local: datetime) -> bool:
    """Return whether somebody is there: where nobody is, no plate may start now."""
    minute = minute_of(local)
    return week.always or any(start <= minute < end for start, end in week.three_weeks)


def open_s(week: Week, local: datetime, until: datetime) -> float:
    """Return for how many seconds somebody is there between two local times, a week apart at most."""
    start = minute_of(local)
    end = start + min(WEEK_MIN, (until - local).total_seconds() / 60)
    open_min = (max(0.0, min(end, b) - max(start, a)) for a, b in week.three_weeks)
    return 60.0 * sum(open_min)


def minute_of(local: datetime) -> float:
    """Return how many minutes of its week have passed, 0..10080."""
    seconds = ((local.weekday() * 24 + local.hour) * 60 + local.minute) * 60 + local.second
    return (seconds * 1_000_000 + local.microsecond) / 1_000_000 / 60


def plates_in(length_min: float, seconds: float, slack: float = SLACK) -> int:
    """Return how many equal plates fit one after another into a window of this length."""
    minutes = max(seconds / 60, _CLOSE_MIN)
    if length_min < minutes * slack:
        return 0
    return math.floor((length_min - minutes * slack) / minutes + _CLOSE_MIN) + 1


def plates_from(week: Week, start: datetime, seconds: float, slack: float = SLACK) -> float:
    """Return how many equal plates the window holds in which a plate may start at `start`, 1 or more.

    `start` is as of `earliest_start`; inf where somebody is there all the time.
    """
    if week.always:
        return math.inf
    minute = minute_of(start)
    return max(1, plates_in(week.ends[bisect_left(week.ends, minute)] - minute, seconds, slack))


def earliest_start(
    week: Week, local: datetime, seconds: float, slack: float = SLACK
) -> datetime | None:
    """Return when a plate of this length may start, `local` or later; None where it never may.

    Its whole time, with slack, lies inside one window. `local` is the time on the lab's wall,
    `seconds` how long it prints, >= 0. Where `local` has a zone that puts its clocks forward, the
    hour that a night lacks then is nobody's.
    """
    if week.always:
        return local
    needed = seconds * slack / 60
    minute = minute_of(local)
    for n in range(bisect_left(week.ends, minute), len(week.ends)):
        start, end = week.three_weeks[n]
        begin = local if start <= minute else monday_of(local) + timedelta(minutes=start)
        if max(start, minute) + needed + _put_forward_min(begin, needed) <= end:
            return begin
    return None


def _put_forward_min(begin: datetime, minutes: float) -> float:
    """Return how far the clock on the wall is put forward within so many minutes."""
    if begin.tzinfo is None or isinstance(begin.tzinfo, timezone):
        return 0.0
    end = (begin.astimezone(UTC) + timedelta(minutes=minutes)).astimezone(begin.tzinfo)
    change = (end.utcoffset() or timedelta()) - (begin.utcoffset() or timedelta())
    return max(0.0, change.total_seconds() / 60)


def ends_of(
    week: Week, minute: float, lengths_s: Iterable[float], slack: float = SLACK
) -> list[float]:
    """Return when each of some plates is printed that are made one after another, in minutes.

    `minute` of the week is when the first may start, `lengths_s` are seconds; the answer counts from
    the same Monday. A window holds a plate that is `slack` times as long; one that none holds is
    taken to begin at once.
    """
    if week.always:
        return list(accumulate((seconds / 60 for seconds in lengths_s), initial=minute))[1:]
    found, windows, longest = [], week.windows, week.longest_min
    turn, n = divmod(bisect_left(week.ends, minute) - 1, max(1, len(windows)))
    weeks_min, begin, end = (turn - 1) * WEEK_MIN, -math.inf, -math.inf
    for seconds in lengths_s:
        needed = seconds * slack / 60
        if needed <= longest:
            while (minute if minute > begin else begin) + needed > end + _CLOSE_MIN:
                n += 1
                if n == len(windows):
                    n, weeks_min = 0, weeks_min + WEEK_MIN
                begin, end = windows[n][0] + weeks_min, windows[n][1] + weeks_min
            minute = max(minute, begin)
        minute += seconds / 60
        found.append(minute)
    return found


def monday_of(local: datetime) -> datetime:
    """Return when the calendar week of this time began."""
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=local.weekday())


def in_week_s(start: datetime, seconds: float, local: datetime) -> float:
    """Return how much of a plate lies in the calendar week of `local`, in seconds.

    `start` is when it began and `seconds` how long it takes, >= 0; both times are aware. Where the zone of
    `local` knows when clocks are set, a week in which they are has an hour more or less.
    """
    monday = monday_of(local)
    # Two times of one zone differ by what its clock shows, and not by what passes.
    first, last = (at.astimezone(UTC) for at in (monday, monday + timedelta(days=7)))
    begun = start.astimezone(UTC)
    end = min(begun + timedelta(seconds=seconds), last)
    return max(0.0, (end - max(begun, first)).total_seconds())
