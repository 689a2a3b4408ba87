"""How many times its slicer's figure a printer takes for a plate, from the plates that it finished. Pure.

A slicer reckons with speeds and accelerations that a machine may not reach, and without its heating up.
The middle of the newest plates counts, so that one odd print says nothing; where there are few of them,
a printer is taken to be as its slicer says. Leaves how far estimates are off from slicers to `jobs.refit`.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.hours import SLACK

#: No printer is taken to be quicker or slower than so many times its slicer's figure.
LEAST, MOST = 0.5, 3.0
#: So many of its newest plates count: a belt is tightened, a firmware changed.
NEWEST = 12
_OLD = timedelta(days=60)
#: That the slicer is right weighs as much as one plate.
_HELD_BY = 1.0
#: Of a shorter plate, heating up is too much to say anything of a longer one.
_SHORT_S = 900.0
#: Beyond these somebody has changed the speed by hand, or the printer was no real one.
_ODD_LEAST, _ODD_MOST = 0.4, 5.0
_LEAST_SLACK = 1.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A plate that was printed to its end without a pause."""

    at: datetime  # aware: which are the newest
    sliced_s: float  # as the slicer said
    took_s: float  # from its start to its end, by one clock of its node


def pace(finished: Iterable[Finished], now: datetime) -> float:
    """Return how many times its slicer's figure a printer's next plate takes, `LEAST` to `MOST`.

    1 of no plates, and never further from 1 than the plates are. `now` is aware; a time after it was now.
    """
    counts = [each for each in finished if now - each.at < _OLD and _says_something(each)]
    newest = sorted(counts, key=lambda each: each.at, reverse=True)[:NEWEST]
    if not newest:
        return 1.0
    # On a logarithm half as long and twice as long are equally far from 1.
    middle = statistics.median(math.log(each.took_s / each.sliced_s) for each in newest)
    found = math.exp(middle * len(newest) / (len(newest) + _HELD_BY))
    return round(min(MOST, max(LEAST, found)), 2)


def slack(at: float) -> float:
    """Return how many times a plate's time at a pace has to fit into a lab's hours.

    The slack for slicers that are wrong holds what is known of the printer: a twentieth of the time
    always stays, and a quick printer needs no shorter hours than its slicer asks for.
    """
    return max(SLACK / at, _LEAST_SLACK)


def is_told(at: float) -> bool:
    """Whether a pace is so far from 1 that people should read it, to a tenth."""
    return round(at, 1) != 1.0


def _says_something(each: Finished) -> bool:
    if not (_SHORT_S <= each.sliced_s < math.inf and 0 < each.took_s < math.inf):
        return False
    return _ODD_LEAST <= each.took_s / each.sliced_s <= _ODD_MOST
