"""Chooses which open jobs to offer now. Pure; leaves who gets what to `jobs.split`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """A job without a live attempt."""

    job: str
    node: str
    printer: str
    seconds: float
    due: date
    created_at: datetime
    declined_at: datetime | None  # when this node last declined it


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterLoad:
    """A printer that may be offered work: its node is online and takes work."""

    node: str
    printer: str
    live_s: float  # estimated seconds of its live attempts


#: Offers reach at most this far ahead on one printer; what is beyond stays free to be re-split.
LOOK_AHEAD_S = 8 * 3600.0
#: A job that a node declined is not put to it again before this time has passed.
DECLINE_REST_S = 15 * 60.0


def next_offers(
    jobs: Iterable[OpenJob], loads: Iterable[PrinterLoad], now: datetime
) -> tuple[OpenJob, ...]:
    """Return the jobs to offer now, each to the printer that its plan names.

    A printer gets at least one attempt and then more while the look-ahead is not full; by due
    date, then age, then id.
    """
    ahead = {(load.node, load.printer): load.live_s for load in loads}
    chosen = []
    for job in sorted(jobs, key=lambda j: (j.due, j.created_at, j.job)):
        key = (job.node, job.printer)
        if key not in ahead:
            continue
        if job.declined_at and (now - job.declined_at).total_seconds() < DECLINE_REST_S:
            continue
        if ahead[key] > 0 and ahead[key] + job.seconds > LOOK_AHEAD_S:
            continue
        ahead[key] += job.seconds
        chosen.append(job)
    return tuple(chosen)
