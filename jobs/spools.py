"""Which plates leave a printer whose spool does not hold them any more. Pure.

A plan counts on what a spool holds. Then its owner weighs it, or what was to come is late: what nobody was
offered goes to others, where they make it in time; else it stays, for a move would win nothing. Of an order
whose day has passed nothing is in time any more, and late is better than never. Leaves grams and clocks to
`jobs.stock`, the rows to `jobs.coordinator.spools`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from jobs.claims import WaitingJob
from jobs.fleet import print_by
from jobs.planned import Run

_Line = tuple[str, str]  # order, part


def unheld(
    jobs: Iterable[WaitingJob], waits: Mapping[str, datetime | None], now: datetime
) -> tuple[WaitingJob, ...]:
    """Return what nobody was offered and no filament is there for in time, with when it would be printed.

    `waits` is as of `jobs.stock.Forecast`. For what is overdue anything that comes is in time.
    """
    found = (
        replace(job, done_at=waits[job.job])
        for job in jobs
        if job.attempt is None and job.job in waits
    )
    return tuple(
        job for job in found if job.done_at is None or now < print_by(job.due) < job.done_at
    )


def to_give_back(
    jobs: Iterable[WaitingJob], runs: Iterable[Run], now: datetime
) -> tuple[WaitingJob, ...]:
    """Return the jobs that a plan has in time elsewhere, those first that nothing is on its way for.

    What is overdue goes wherever it has room.

    Args:
        jobs: as `unheld` gives them.
        runs: of a plan of all their pieces, and of what has no place besides: that got none when it was
            planned last, so what this plan has room for is room for these.
        now: aware UTC.
    """
    jobs = tuple(jobs)
    by = {(job.order_id, job.part_id): print_by(job.due) for job in jobs}
    room = Counter[_Line]()
    for run in runs:
        line = run.order_id, run.part_id
        if line in by:
            room[line] += run.pieces - (run.late(by[line]) if by[line] > now else 0)
    found = []
    for job in sorted(jobs, key=_turn):
        line = job.order_id, job.part_id
        if job.pieces <= room[line]:
            room[line] -= job.pieces
            found.append(job)
    return tuple(found)


def _turn(job: WaitingJob) -> tuple[float, str]:
    return -(float("inf") if job.done_at is None else job.done_at.timestamp()), job.job
