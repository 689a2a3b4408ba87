"""Runs of volunteer drivers: which parcels in which order, and what was said at each stop.

Every writing function runs inside the caller's transaction. There is no position of anybody here.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, time

from jobs.errors import NotFoundError
from jobs.ledger.cells import clock, day, moment, when
from jobs.model import BatchState, StopOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One parcel of a run; the place and the people are the order's."""

    number: int  # from 1, in the order of the run
    batch_id: str
    pieces: int  # 0 where the parcel is none any more
    place: str
    requester: str
    contact: str
    note: str
    outcome: StopOutcome | None  # None: not said yet
    reason: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A volunteer's tour, by the network's clock."""

    id: str
    driver: str
    day: date
    start: time
    end: time
    by: str
    at: datetime
    over_at: datetime  # then nobody reads an address here any more, said or not
    ended_at: datetime | None
    stops: tuple[Stop, ...]

    def is_over(self, now: datetime) -> bool:
        """Whether its page shows no address any more."""
        return self.ended_at is not None or now >= self.over_at


def add_run(db: sqlite3.Connection, run: Run) -> None:
    """Keep a run, without stops."""
    db.execute(
        "insert into run (id, driver, day, from_clock, to_clock, by_person, at, over_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.id, run.driver, run.day.isoformat(), f"{run.start:%H:%M}", f"{run.end:%H:%M}",
            run.by, run.at.isoformat(), run.over_at.isoformat(),
        ),
    )  # fmt: skip


def add_stop(db: sqlite3.Connection, run_id: str, batch_id: str) -> None:
    """Put a parcel at the end of a run."""
    db.execute(
        "insert into stop (run, number, batch_id) values (?1,"
        " (select coalesce(max(number), 0) + 1 from stop where run = ?1), ?2)",
        (run_id, batch_id),
    )


_STOPS = """
select s.*, o.place, o.requester, o.contact, o.note,
 (select coalesce(sum(pieces), 0) from batch_lot bl where bl.batch_id = s.batch_id) as pieces
from stop s left join batch b on b.id = s.batch_id left join orders o on o.id = b.order_id
where s.run = ? order by s.number
"""


def run(db: sqlite3.Connection, run_id: str) -> Run:
    """Return one run with its stops.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from run where id = ?", (run_id,)).fetchone()
    if row is None:
        raise NotFoundError("run", run_id)
    return Run(
        id=row["id"],
        driver=row["driver"],
        day=day(row["day"]),
        start=clock(row["from_clock"]),
        end=clock(row["to_clock"]),
        by=row["by_person"],
        at=moment(row["at"]),
        over_at=moment(row["over_at"]),
        ended_at=when(row["ended_at"]),
        stops=tuple(_stop(each) for each in db.execute(_STOPS, (run_id,)).fetchall()),
    )


def _stop(row: sqlite3.Row) -> Stop:
    return Stop(
        number=row["number"],
        batch_id=row["batch_id"],
        pieces=row["pieces"],
        place=row["place"] or "",
        requester=row["requester"] or "",
        contact=row["contact"] or "",
        note=row["note"] or "",
        outcome=StopOutcome(row["outcome"]) if row["outcome"] else None,
        reason=row["reason"],
        at=when(row["at"]),
    )


def open_runs(db: sqlite3.Connection) -> tuple[Run, ...]:
    """Return the runs that have not ended and have a parcel on its way, the earliest first."""
    rows = db.execute(
        "select id from run r where ended_at is null and exists"
        " (select 1 from batch b where b.run = r.id and b.state = ?) order by day, from_clock, id",
        (BatchState.DISPATCHED,),
    ).fetchall()
    return tuple(run(db, row[0]) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Why a driver brings a parcel back."""

    driver: str  # "" once it is forgotten
    outcome: StopOutcome
    reason: str
    at: datetime


def brought_back(db: sqlite3.Connection, batch_id: str) -> Return | None:
    """Return why a parcel came back from its last run; None where it was on none, or was handed over."""
    row = db.execute(
        "select r.driver, s.outcome, s.reason, s.at from stop s join run r on r.id = s.run"
        " where s.batch_id = ? and s.outcome != '' order by s.at desc limit 1",
        (batch_id,),
    ).fetchone()
    if row is None or row["outcome"] == StopOutcome.DELIVERED:
        return None
    return Return(
        driver=row["driver"],
        outcome=StopOutcome(row["outcome"]),
        reason=row["reason"],
        at=moment(row["at"]),
    )


def say(
    db: sqlite3.Connection,
    run_id: str,
    number: int,
    outcome: StopOutcome,
    reason: str,
    now: datetime,
) -> None:
    """Keep what was said at a stop; the last one ends the run."""
    db.execute(
        "update stop set outcome = ?, reason = ?, at = ? where run = ? and number = ?",
        (outcome, reason, now.isoformat(), run_id, number),
    )
    db.execute(
        "update run set ended_at = ?1 where id = ?2 and not exists"
        " (select 1 from stop where run = ?2 and outcome = '')",
        (now.isoformat(), run_id),
    )
