"""The only reader of the time, and of the zone that people read it in."""

from __future__ import annotations

import ctypes
import os
import time
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

_FALLBACK = "Europe/Paris"
#: Of adjtimex(2): more than its struct takes, and the answer of a clock that nobody has set.
_TIMEX_BYTES, _TIME_ERROR = 512, 5


def now() -> datetime:
    """Return the wall clock, aware UTC: for people, never for a decision between machines."""
    return datetime.now(UTC)


def boot_id() -> str:
    """Return what names this run of the machine: boot times of another run say nothing in it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def boottime_s() -> float:
    """Return seconds since the machine started, suspend included.

    `CLOCK_MONOTONIC` stands still while the machine sleeps, so a grant measured with it would
    come back to life hours late.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def built() -> datetime:
    """Return when this program was put here, aware UTC: it has never run before."""
    return datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)


def is_set() -> bool:
    """Whether a time server has set this machine's clock since it was started, as its kernel says."""
    asked = ctypes.create_string_buffer(_TIMEX_BYTES)  # all zero: it changes nothing
    state: int = ctypes.CDLL(None).adjtimex(asked)
    return 0 <= state < _TIME_ERROR


def is_zone(name: str) -> bool:
    """Return whether this machine knows a time zone of this name, as in "Europe/Paris"."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def zone() -> str:
    """Return the name of the time zone that this process is in; Europe/Paris where none is set."""
    linked = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    written = Path("/etc/timezone")
    names = [os.environ.get("TZ", "").removeprefix(":"), linked]
    if written.exists():
        names.append(written.read_text(encoding="utf-8").strip())
    return next((name for name in names if name and is_zone(name)), _FALLBACK)


def here() -> datetime:
    """Return the time on the wall of this machine; its zone knows when clocks are set.

    Where the name of the zone is not known, it has the offset that holds now.
    """
    moment = now().astimezone()
    named = moment.astimezone(zoneinfo.ZoneInfo(zone()))
    return named if named.utcoffset() == moment.utcoffset() else moment


def use_zone(name: str) -> None:
    """Let this process be in a time zone: `astimezone()` gives its time from now on."""
    os.environ["TZ"] = name
    time.tzset()


def local(moment: datetime) -> str:
    """Return a moment for people at a command line: to the minute, in this process' named zone."""
    here = moment.astimezone()
    return f"{here:%Y-%m-%d %H:%M} {here.tzname()}"
