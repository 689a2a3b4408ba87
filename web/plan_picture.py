"""Until when each lab is at work on an order, as a picture: bars on one clock. Pure.

Everything is in per cent of the picture's width, so that a page draws it as wide as it is itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Steps between the lines of a clock, in hours, and the most lines that a telephone has room for.
_STEPS_H = (1, 3, 6, 12, 24, 48, 72, 168, 336, 720, 2160, 8760)
_MOST_MARKS = 4
_DAY_H = 24
#: Beyond what comes last there is a little room, for the line of the day.
_ROOM = 1.06
#: A line further to the right would have no room for its words.
_LAST_MARK = 88
#: The shortest bar that is still seen.
_LEAST = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Bars by lab; the picture begins now."""

    bars: Mapping[str, float]  # by node: where its bar ends, 0..100
    marks: tuple[tuple[float, datetime], ...]  # lines with the time that they stand for
    by_hours: bool  # lines stand for hours, not days
    due: float | None  # where the time stands by which all is to be printed; None: it is over


def picture(
    until: Mapping[str, datetime | None], now: datetime, due: datetime, shift: timedelta
) -> Picture:
    """Draw until when labs are at work.

    Args:
        until: by node, when its last piece is expected; None has no bar.
        now: aware UTC, as all times.
        due: by when all is to be printed.
        shift: of the network's clock from UTC, for days that begin at its midnight.
    """
    ends = [at for at in until.values() if at is not None and at > now]
    span_s = max([(at - now).total_seconds() for at in (*ends, due)] + [3600.0]) * _ROOM

    def place(at: datetime) -> float:
        return round(max(0.0, (at - now).total_seconds()) / span_s * 100, 1)

    step_h = next((h for h in _STEPS_H if span_s / 3600 / h <= _MOST_MARKS), _STEPS_H[-1])
    local = now + shift
    first = local.replace(hour=0, minute=0, second=0, microsecond=0)
    marks = []
    while (at := first - shift) < now + timedelta(seconds=span_s):
        if at > now and place(at) < _LAST_MARK:
            marks.append((place(at), at))
        first += timedelta(hours=step_h)
    return Picture(
        bars={node: max(_LEAST, place(at)) for node, at in until.items() if at is not None},
        marks=tuple(marks),
        by_hours=step_h < _DAY_H,
        due=place(due) if due > now else None,
    )
