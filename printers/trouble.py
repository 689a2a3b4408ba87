"""Why a serial dialogue cannot go on. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Trouble(enum.Enum):
    """Why a dialogue cannot go on."""

    RESET = "reset"  # the printer has started anew: what it was doing is lost
    FATAL = "fatal"  # the firmware has stopped and says so
    STALLED = "stalled"  # no answer any more
    RESENDS = "resends"  # one line is asked for again and again
    FOREIGN = "foreign"  # it is no 3D printer
    LOST = "lost"  # a line may be lost, and this firmware cannot say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The end of a dialogue, with the firmware's own words where it said any."""

    trouble: Trouble
    text: str
