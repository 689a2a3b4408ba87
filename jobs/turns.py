"""Which orders go before others where they are not worth the same, and what a plan is worth. Pure.

Where all has room orders go by due date, whatever they are worth: nobody gains by being first. Where
not, as much of what is worth less is set back as what is worth more needs, so that what is due sooner
does not push it out of its time; if that brings no more kits in time, weighed by what each is worth,
all stays by due date.

Leaves the placing to `jobs.split`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from jobs.fleet import Need
from jobs.planned import Run

Runs = dict[tuple[str, str], list[Run]]  # by order and part
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a plan makes of one order."""

    weight: float  # of a kit
    asked: int  # kits, here as below
    made: int
    in_time: int
    late_h: float  # by which the last piece is late


def by_worth(needs: Iterable[Need]) -> list[Need]:
    """Return needs that are sorted by due date with what is worth more first."""
    return sorted(needs, key=lambda need: -need.priority.weight)


def ahead(needs: Sequence[Need], by_due: Mapping[str, Made]) -> list[frozenset[str]]:
    """Return which orders might go before the others: all but what is worth least, then fewer and fewer.

    Only where some of them are not all in time by due date. `by_due` is what is made then.
    """
    weights = sorted({need.priority.weight for need in needs})[1:]
    found = (frozenset(n.order_id for n in needs if n.priority.weight >= w) for w in weights)
    return [
        first
        for first in found
        if any(by_due[order].in_time < by_due[order].asked for order in first)
    ]


def kits_of(needs: Iterable[Need]) -> dict[str, int]:
    """Return for how many kits something is asked, by order."""
    found: dict[str, int] = {}
    for need in needs:
        kits = math.ceil(need.pieces / need.per_kit)
        found[need.order_id] = max(found.get(need.order_id, 0), kits)
    return found


def made_of(
    needs: Iterable[Need], runs: Mapping[tuple[str, str], Sequence[Run]]
) -> dict[str, Made]:
    """Return what a plan makes, by order."""
    lines: dict[str, list[Need]] = {}
    for need in needs:
        lines.setdefault(need.order_id, []).append(need)
    return {order_id: _made(mine, runs) for order_id, mine in lines.items()}


def _made(lines: Sequence[Need], runs: Mapping[tuple[str, str], Sequence[Run]]) -> Made:
    (asked,) = kits_of(lines).values()
    lacks = lacks_in_time = 0
    late_h = 0.0
    for need in lines:
        mine = runs[need.order_id, need.part_id]
        placed = sum(run.pieces for run in mine)
        late = sum(run.late(need.print_by) for run in mine)
        lacks = max(lacks, math.ceil((need.pieces - placed) / need.per_kit))
        lacks_in_time = max(lacks_in_time, math.ceil((need.pieces - placed + late) / need.per_kit))
        over = (run.last_at - need.print_by for run in mine)
        late_h = max(late_h, max(over, default=timedelta()) / _HOUR)
    return Made(
        weight=lines[0].priority.weight, asked=asked, made=asked - lacks,
        in_time=asked - lacks_in_time, late_h=late_h,
    )  # fmt: skip


def is_better(new: Mapping[str, Made], made: Mapping[str, Made], first: Iterable[str]) -> bool:
    """Return whether more is made, and of none of those who go first fewer kits in time."""
    harms = any(new[order].in_time < made[order].in_time for order in first)
    return not harms and _worth(new.values()) > _worth(made.values())


def _worth(made: Iterable[Made]) -> tuple[float, float, float]:
    """Return what a plan is worth: kits in time, then kits at all, then how little is late."""
    found = tuple(made)
    return (
        sum(each.weight * each.in_time for each in found),
        sum(each.weight * each.made for each in found),
        -sum(each.weight * each.asked * each.late_h for each in found),
    )
