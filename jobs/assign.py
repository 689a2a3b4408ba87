"""Chooses which jobs to offer now, and which to take back from their node. Pure.

Leaves who gets what to `jobs.split`. Nothing that may have been started is ever taken back here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jobs.lifecycle import LIVE, MAY_HAVE_STARTED, AttemptState
from jobs.model import Reason, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """A job without a live attempt."""

    job: str
    node: str
    printer: str
    seconds: float
    due: date
    created_at: datetime
    #: The share of its part of the order that nobody has begun or made, 0..1.
    left: float = 1.0
    set_back: bool = False  # its plan has it after what is worth more
    #: Its printer may print for so long before the day comes on which it may be started; 0: it may now.
    waits_s: float = 0.0

    @property
    def tail(self) -> bool:
        """Whether it is of the last pieces: each printer gets one plate of them at a time."""
        return self.left <= TAIL


#: So much of an order that is neither made nor begun is its tail.
TAIL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterLoad:
    """A printer that may be offered work: its node is online and takes work."""

    node: str
    printer: str
    live_s: float  # estimated seconds of its live attempts
    week_left_s: float = math.inf  # what its lab still gives this week, on all its printers


#: Offers and grants reach so far ahead on one printer; what is beyond stays free to be re-split.
LOOK_AHEAD_S = 8 * 3600.0
#: What a lab declined of an order is not put to it again before this time has passed, unless the
#: lab itself has changed: a re-split of the whole network comes as often.
DECLINE_REST = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldJob:
    """An open job with the printer that has it, as both stand now."""

    job: str
    node: str
    printer: str
    material: str
    attempt: AttemptState | None  # of its newest attempt
    words: str  # of its newest attempt: why it was declined or has lapsed
    online: bool  # the node
    gone_since: (
        datetime | None
    )  # since when node or printer is out of reach; None while both are there
    fault: str  # the printer's own words
    paused: bool
    loaded: str | None  # what it works in; None without a spool, or where there is no such printer
    out_of_service: bool = False  # the printer
    #: It is longer than what its lab still gives this week.
    over_ceiling: bool = False


def to_take_back(
    jobs: Iterable[HeldJob], silence: timedelta, now: datetime
) -> tuple[tuple[HeldJob, Reason], ...]:
    """Return the jobs that go to others, with the reason.

    `silence` is how long node or printer may be out of reach before their plates go to others.
    """
    found = []
    for job in sorted(jobs, key=lambda j: j.job):
        code = None if job.attempt in MAY_HAVE_STARTED else _cannot(job, silence, now)
        if code is not None:
            text = {ReasonCode.DECLINED: job.words, ReasonCode.FAULT: job.fault}.get(code, "")
            why = Reason(code=code, node=job.node, printer=job.printer, text=text)
            found.append((job, why))
    return tuple(found)


def _cannot(job: HeldJob, silence: timedelta, now: datetime) -> ReasonCode | None:
    # Who does not answer in two hours has answered.
    if job.attempt in (AttemptState.DECLINED, AttemptState.LAPSED):
        return ReasonCode.DECLINED
    if job.paused:
        return ReasonCode.PAUSED
    if job.out_of_service:
        return ReasonCode.SERVICE
    if job.loaded is None:
        return ReasonCode.NO_SPOOL
    if job.loaded != job.material:
        return ReasonCode.MATERIAL
    if job.over_ceiling and job.attempt not in LIVE:
        return ReasonCode.CEILING
    if job.gone_since is not None and now - job.gone_since >= silence:
        return ReasonCode.FAULT if job.online else ReasonCode.OFFLINE
    return None


def next_offers(
    jobs: Iterable[OpenJob], loads: Iterable[PrinterLoad], look_ahead_s: float = LOOK_AHEAD_S
) -> tuple[OpenJob, ...]:
    """Return the jobs to offer now, each to the printer that its plan names.

    A printer gets at least one attempt and then more while the look-ahead is not full; first what
    no plan has set behind others; by due date, then the part that is further behind, then age and id.
    Of the tail of an order it gets one plate, when it has no other: who is done first takes the next.
    What waits for its day is not chosen, and nothing that comes after it unless that is done by then.
    """
    known = tuple(loads)
    ahead = {(load.node, load.printer): load.live_s for load in known}
    week_s = {load.node: load.week_left_s for load in known}
    room_s: dict[tuple[str, str], float] = {}  # before the day of what waits
    chosen = []
    for job in sorted(jobs, key=lambda j: (j.set_back, j.due, -j.left, j.created_at, j.job)):
        key = (job.node, job.printer)
        if key not in ahead:
            continue
        if job.waits_s > 0:
            room_s[key] = min(job.waits_s, room_s.get(key, math.inf))
            continue
        if ahead[key] + job.seconds > room_s.get(key, math.inf):
            continue
        if ahead[key] > 0 and ahead[key] + job.seconds > look_ahead_s:
            continue
        if ahead[key] > 0 and job.tail:
            # Nor may what is due later slip in before it.
            ahead[key] = math.inf
            continue
        if job.seconds > week_s[job.node]:
            continue
        week_s[job.node] -= job.seconds
        ahead[key] += job.seconds
        chosen.append(job)
    return tuple(chosen)
