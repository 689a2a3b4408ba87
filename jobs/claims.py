"""Free hands: which plate that waits for another printer is freed for one that has nothing. Pure.

The plan gives work out when an order comes; who joins later, or is done sooner, finds all of it given.
A maker asks for a plate (`to_free`), and what her lab takes by itself is looked after all the time
(`to_spread`). What is freed is planned again, by the same rules as ever. Leaves the rows to
`jobs.coordinator.claims`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from jobs.fleet import KM_S, PARCEL_S, FleetPrinter, begins_at, print_by
from jobs.hours import Week, earliest_start, fits
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.pace import slack

#: What a printer would start sooner than this stays with it: its lab has prepared for it.
FROZEN = timedelta(hours=4)
#: So many times its own length a plate has to be done sooner to be worth a move.
_WORTH = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A job that waits for its printer."""

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
    pieces: int
    starts_at: datetime | None = None  # on its printer, after what is before it
    done_at: datetime | None = None
    attempt: AttemptState | None = None  # the live one; None: nobody was offered it
    km: float = 0.0  # from its lab to the hub
    set_back: bool = False  # its plan has it after what is worth more
    release: date | None = None  # a day that is still to come, before which it may not start


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
    utc_offset_min: int = 0  # of its lab's clock
    km: float = 0.0  # from its lab to the hub
    pace: float = 1.0  # how many times its slicer's figure a plate takes on it


def to_free(jobs: Iterable[WaitingJob], bed: FreeBed) -> WaitingJob | None:
    """Return the job to be planned again for this bed, None where none would suit it.

    Of what no plan has set behind others, of the order that is due first, the job that would come
    last: it has waited for the least time, and waits the longest still.
    """
    suits = [job for job in jobs if job.release is None and _suits(job, bed)]
    if not suits:
        return None
    first = min(map(_turn, suits))
    same = [job for job in suits if _turn(job) == first]
    return max(same, key=lambda job: (job.created_at, job.job))


def _turn(job: WaitingJob) -> tuple[bool, date, str, str]:
    return job.set_back, job.due, job.order_id, job.part_id


def to_spread(
    jobs: Iterable[WaitingJob], beds: Iterable[FreeBed], now: datetime
) -> tuple[tuple[FreeBed, WaitingJob], ...]:
    """Return for beds that lie idle the jobs to be planned again, one each.

    What was offered to nobody goes first, then what is due first; of that, what would be done last.
    It has to be worth it: sooner by more than the way and a parcel, or the next plan would give it back.
    """
    waiting = sorted(
        (job for job in jobs if _may_move(job, now)),
        key=lambda j: (
            j.attempt is not None,
            j.set_back,
            j.due,
            -(j.done_at or now).timestamp(),
            j.job,
        ),
    )
    found = []
    for bed in sorted(beds, key=lambda b: (b.node, b.printer)):
        starts: dict[float, bool] = {}  # whether a plate of this length may start now
        job = next((j for j in waiting if _suits(j, bed) and _worth(j, bed, now, starts)), None)
        if job is not None:
            waiting.remove(job)
            found.append((bed, job))
    return tuple(found)


def last_ones(
    queue: Sequence[WaitingJob], printer: FleetPrinter, now: datetime
) -> list[WaitingJob]:
    """Return of all alike jobs in a printer's queue the last one, with its clock.

    `queue` is all that the printer has, in the order in which it makes it. Only what could move is
    looked at, and of alike jobs only the last would.
    """
    last = {
        (job.order_id, job.part_id, job.seconds, job.attempt, job.set_back): n
        for n, job in enumerate(queue)
    }
    ends = _ends(queue, printer, now)
    found = []
    for n in sorted(last.values()):
        done = ends[n]
        starts = done - timedelta(seconds=printer.takes_s(queue[n].seconds))
        found.append(replace(queue[n], starts_at=starts, done_at=done))
    return found


def _ends(queue: Sequence[WaitingJob], printer: FleetPrinter, now: datetime) -> Sequence[datetime]:
    """Return when each job of a queue is done; one that has to wait for its day lets the others go first."""
    if all(job.release is None for job in queue):
        lengths_s = [job.seconds for job in queue]
        return [now + timedelta(minutes=end) for end in printer.ends_min(now, lengths_s)]
    begins = [
        now if job.release is None else begins_at(job.release, printer.utc_offset_min)
        for job in queue
    ]
    ends, left, free = [now] * len(queue), list(range(len(queue))), now
    while left:
        free = max(free, min(begins[n] for n in left))
        n = next(n for n in left if begins[n] <= free)
        takes = timedelta(seconds=printer.takes_s(queue[n].seconds))
        ends[n] = free = printer.finish(free, queue[n].seconds) or free + takes
        left.remove(n)
    return ends


def would_be_late(jobs: Iterable[WaitingJob]) -> bool:
    """Return whether anything that nobody was offered would be printed after its day; of `last_ones`."""
    return any(
        job.attempt is None and job.done_at is not None and job.done_at > print_by(job.due)
        for job in jobs
    )


def _may_move(job: WaitingJob, now: datetime) -> bool:
    """Whether nobody has a grant for it, and its printer would not begin it soon though it may."""
    return (job.attempt is None or job.attempt in UNGRANTED) and (
        job.release is None and job.starts_at is not None and job.starts_at >= now + FROZEN
    )


def _worth(job: WaitingJob, bed: FreeBed, now: datetime, starts: dict[float, bool]) -> bool:
    if job.done_at is None:
        return False
    costs_s = (1 + _WORTH) * job.seconds * bed.pace + PARCEL_S + max(0.0, KM_S * (bed.km - job.km))
    if now + timedelta(seconds=costs_s) >= job.done_at:
        return False
    if job.seconds not in starts:
        local, takes_s = now + timedelta(minutes=bed.utc_offset_min), job.seconds * bed.pace
        starts[job.seconds] = (
            bed.unattended or earliest_start(bed.attended, local, takes_s, slack(bed.pace)) == local
        )
    return starts[job.seconds]


def _suits(job: WaitingJob, bed: FreeBed) -> bool:
    return (
        (job.node, job.printer) != (bed.node, bed.printer)
        and job.material == bed.material
        and job.grams <= bed.grams
        and job.seconds <= bed.week_left_s
        and (bed.unattended or fits(bed.attended, job.seconds * bed.pace, slack(bed.pace)))
        and (job.order_id, job.part_id) not in bed.not_for_it
    )
