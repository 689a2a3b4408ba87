"""Whether the clock on the wall of this machine can be right. Pure: what was seen before and the time in.

A small computer without a battery begins where it stopped, or years back, until a time server has told
it: night may be taken for hours in which somebody is there. Time that has passed since it was last seen
has passed at least. Leaves keeping what was seen to `fabnet.node.lab`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

#: What was seen is kept so often, in seconds.
KEEP_S = 300.0
#: Clocks are set back by so much while they run, and nobody's hours are kept to the minute.
_CLOSE = timedelta(minutes=2)
#: No clock falls back by so much to a time in which this program was there: it was ahead when it was seen.
_WRONG = timedelta(days=366)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A time that the clock on the wall has shown."""

    at: datetime  # aware
    at_s: float  # of clock.boottime_s of the run of the machine named `boot`
    boot: str


def least(seen: Seen, now_s: float, boot: str) -> datetime:
    """Return the earliest time that it can be now, if the clock was right when it was seen."""
    passed_s = now_s - seen.at_s if seen.boot == boot else now_s
    return seen.at + timedelta(seconds=passed_s)


def is_behind(seen: Seen | None, built: datetime, now: datetime, now_s: float, boot: str) -> bool:
    """Whether the clock stands before what was seen of it, or before this program was there."""
    earliest = built if seen is None else max(built, least(seen, now_s, boot))
    if built <= now < earliest - _WRONG:
        return False
    return now < earliest - _CLOSE


def is_to_keep(seen: Seen | None, now_s: float, boot: str) -> bool:
    """Whether what the clock shows is worth writing down; ask where it is not behind."""
    if seen is None or seen.boot != boot:
        return True
    return now_s - seen.at_s >= KEEP_S
