"""A maker with free hands asks for a plate: which one that waits for another printer is freed. Pure.

The plan gives work out when an order comes; who joins later, or is done sooner, finds all of it given.
What is freed is planned again, by the same rules as ever. Leaves the rows to `jobs.coordinator.claims`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from jobs.hours import Week, fits


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A job that its printer was not offered yet."""

    job: str
    order_id: str
    part_id: str
    node: str
    printer: str
    material: str
    seconds: float
    grams: float
    due: date
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeBed:
    """The printer of whoever asks."""

    node: str
    printer: str
    material: str
    grams: float  # that no plate is reckoned to need
    attended: Week
    unattended: bool
    week_left_s: float
    #: (order, part) that are not for it: its maker declined them, or the last plan found no fit.
    not_for_it: Collection[tuple[str, str]] = ()


def to_free(jobs: Iterable[WaitingJob], bed: FreeBed) -> WaitingJob | None:
    """Return the job to be planned again for this bed, None where none would suit it.

    Of the order that is due first the job that would come last: it has waited for the least time,
    and waits the longest still.
    """
    suits = [job for job in jobs if _suits(job, bed)]
    if not suits:
        return None
    first = min((job.due, job.order_id, job.part_id) for job in suits)
    same = [job for job in suits if (job.due, job.order_id, job.part_id) == first]
    return max(same, key=lambda job: (job.created_at, job.job))


def _suits(job: WaitingJob, bed: FreeBed) -> bool:
    return (
        (job.node, job.printer) != (bed.node, bed.printer)
        and job.material == bed.material
        and job.grams <= bed.grams
        and job.seconds <= bed.week_left_s
        and (bed.unattended or fits(bed.attended, job.seconds))
        and (job.order_id, job.part_id) not in bed.not_for_it
    )
