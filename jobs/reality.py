"""How estimates, slicers and printers compare, one kind of machine at a time. Pure.

A slicer's word is the measure: what was estimated before it, and how long the print then took, are
shares of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

#: A print of less than half of its slice's time, or more than twice that, was told late or stood still.
_LEAST, _MOST = 0.5, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was estimated of one kind of plate, and what a slicer said of it; all above 0."""

    preset: str
    estimated_s: float
    sliced_s: float
    estimated_g: float
    sliced_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """One print from its start to its end, as the coordinator heard of both."""

    preset: str
    sliced_s: float  # > 0
    printed_s: float  # may be 0 or less where both were told late


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Differences from the slicer's word: 0.1 is a tenth more. One for each plate, smallest first."""

    preset: str
    estimated_time: tuple[float, ...]
    printed_time: tuple[float, ...]
    estimated_weight: tuple[float, ...]
    odd: int  # prints left out: told late, or the printer stood still


def middle(differences: tuple[float, ...]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(differences) if differences else None


def compare(told: Iterable[Told], printed: Iterable[Printed]) -> tuple[Compared, ...]:
    """Return what is known of each kind of machine, by name."""
    plates, prints = tuple(told), tuple(printed)
    found = []
    for preset in sorted({each.preset for each in plates} | {each.preset for each in prints}):
        shares = [each.printed_s / each.sliced_s for each in prints if each.preset == preset]
        sane = [share for share in shares if _LEAST <= share <= _MOST]
        own = [each for each in plates if each.preset == preset]
        found.append(
            Compared(
                preset=preset,
                estimated_time=_differences(each.estimated_s / each.sliced_s for each in own),
                printed_time=_differences(sane),
                estimated_weight=_differences(each.estimated_g / each.sliced_g for each in own),
                odd=len(shares) - len(sane),
            )
        )
    return tuple(found)


def _differences(shares: Iterable[float]) -> tuple[float, ...]:
    return tuple(sorted(share - 1 for share in shares))
