"""Volunteer drivers: a run leaves with its parcels, and its driver says what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from jobs.coordinator import deliveries
from jobs.coordinator.couriers import VolunteerDriver
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import runs
from jobs.ledger.rows import new_id
from jobs.ledger.store import Ledger
from jobs.model import BatchState, StopOutcome

#: So long after its window a run's page shows no address any more, whatever was said.
_FORGET_AFTER = timedelta(hours=24)
_MOST_NAME = 100
MOST_REASON = 200
#: Who says it, in an order's history: her name is nobody's business there.
_DRIVER = "driver"


def leave(
    ledger: Ledger,
    *,
    driver: str,
    day: date,
    start: time,
    end: time,
    zone: tzinfo,
    batches: Sequence[str],
    by: str,
    now: datetime,
) -> str:
    """A volunteer takes parcels along, in this order, within a window; return the run's id.

    All of them leave, or none.

    Raises:
        InvalidFieldError: naming what was typed wrong.
        NotFoundError: there is no such batch.
        RefusedError: one of them may not leave.
    """
    name = " ".join(driver.split())
    if not name or len(name) > _MOST_NAME:
        raise InvalidFieldError("driver", f"is needed, at most {_MOST_NAME} characters")
    if end <= start:
        raise InvalidFieldError("to", "is before the beginning")
    if not batches or len(set(batches)) < len(batches):
        raise InvalidFieldError("stops", "each parcel once, at least one")
    over = datetime.combine(day, end, zone).astimezone(UTC) + _FORGET_AFTER
    if over <= now:
        raise InvalidFieldError("day", "this day has passed")
    run = runs.Run(
        id=new_id(8), driver=name, day=day, start=start, end=end, by=by, at=now, over_at=over,
        ended_at=None, stops=(),
    )  # fmt: skip
    with ledger.transaction() as db:
        runs.add_run(db, run)
        for batch_id in batches:
            deliveries.leave(db, batch_id, VolunteerDriver(run=run.id), by, now)
    return run.id


def say(
    ledger: Ledger, run_id: str, number: int, outcome: StopOutcome, reason: str, now: datetime
) -> None:
    """The driver says what became of a stop. The same word twice is as good as once.

    Delivered is not received: the pieces are in transit until the hospital has counted them. What nobody
    took, or was refused, is in the hub's hand again.

    Raises:
        NotFoundError: there is no such run or stop.
        RefusedError: the run is over, or something else was said.
        InvalidFieldError: refused without a reason, or too many words.
    """
    reason = reason.strip()
    if len(reason) > MOST_REASON:
        raise InvalidFieldError("reason", f"at most {MOST_REASON} characters")
    if outcome is StopOutcome.REFUSED and not reason:
        raise InvalidFieldError("reason", "say why they refuse it")
    with ledger.transaction() as db:
        run = runs.run(db, run_id)
        stop = next((each for each in run.stops if each.number == number), None)
        if stop is None:
            raise NotFoundError("stop", f"{run_id}/{number}")
        if stop.outcome is outcome:
            return
        if stop.outcome is not None or run.is_over(now):
            raise RefusedError("This was answered before, or the run is over: telephone the hub.")
        runs.say(db, run_id, number, outcome, reason, now)
        row = db.execute("select run, state from batch where id = ?", (stop.batch_id,)).fetchone()
        # Brought back, sent another way, or received meanwhile: others have said more than the driver.
        if row is None or row["run"] != run_id or row["state"] != BatchState.DISPATCHED:
            return
        if outcome is StopOutcome.DELIVERED:
            deliveries.hand_over(db, stop.batch_id, _DRIVER, now)
        else:
            deliveries.bring_back(db, stop.batch_id, reason, _DRIVER, now, outcome)
