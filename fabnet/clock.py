"""The only reader of the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the wall clock, aware UTC: for people, never for a decision between machines."""
    return datetime.now(UTC)


def boottime_s() -> float:
    """Return seconds since the machine started, suspend included.

    `CLOCK_MONOTONIC` stands still while the machine sleeps, so a grant measured with it would
    come back to life hours late.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
