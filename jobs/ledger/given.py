"""What one lab has given: its yield by design and printer, hours, grams, and the words that came back.

A yield is a fact about a machine and a design; pages show it to the lab's own people and the steward.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.cells import figure, moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What was counted of one part from one printer in one month (UTC); pieces."""

    month: str  # "2026-11"
    revision_id: str
    part_id: str
    printer: str
    plates: int
    good: int
    scrap: int
    rejected: int  # of the good ones, at the inspection
    seconds: float  # of printing, as sliced
    grams: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    """A requester's word to those who made a delivery."""

    batch_id: str
    at: datetime
    text: str
    hidden: bool  # a steward keeps it from the labs
    pieces: int  # of the delivery, from the lab that is asked about; all of them where none is


def months(db: sqlite3.Connection, node: str) -> tuple[Month, ...]:
    """Return a lab's counts, the newest month first."""
    rows = db.execute(
        "select substr(h.at, 1, 7) as month, o.revision_id, j.part_id, a.printer, count(*) as plates,"
        " sum(h.good) as good, sum(h.scrap) as scrap, sum(coalesce(l.rejected, 0)) as rejected,"
        " sum(coalesce(a.seconds, j.seconds)) as seconds, sum(coalesce(a.grams, j.grams)) as grams"
        " from harvest h join attempt a on a.job_id = h.job_id and a.number = h.number"
        " join job j on j.id = h.job_id join orders o on o.id = j.order_id"
        " left join lot l on l.job_id = h.job_id and l.number = h.number"
        " where a.node = ? and not o.sandbox group by 1, 2, 3, 4 order by 1 desc, 2, 3, 4",
        (node,),
    )
    return tuple(
        Month(**{**row, "seconds": figure(row["seconds"]), "grams": figure(row["grams"])})
        for row in map(dict, rows)
    )


_THANKS = (
    "select b.id, b.received_at, b.thanks, b.thanks_hidden, sum(bl.pieces) as pieces from batch b"
    " join batch_lot bl on bl.batch_id = b.id join lot l on l.code = bl.lot_code"
    " join attempt a on a.job_id = l.job_id and a.number = l.number"
    " where b.thanks != '' and b.received_at is not null"
)


def thanks_to(db: sqlite3.Connection, node: str) -> tuple[Thanks, ...]:
    """Return the words to a lab whose pieces were in the delivery, the newest first."""
    rows = db.execute(
        f"{_THANKS} and not b.thanks_hidden and a.node = ?"
        " and b.order_id in (select id from orders where not sandbox)"
        " group by b.id order by b.received_at desc",
        (node,),
    )
    return tuple(map(_thanks, rows))


def thanks_of(db: sqlite3.Connection, order_id: str) -> Mapping[str, Thanks]:
    """Return the words that came with an order's deliveries, by batch."""
    rows = db.execute(f"{_THANKS} and b.order_id = ? group by b.id", (order_id,))
    return {each.batch_id: each for each in map(_thanks, rows)}


def _thanks(row: sqlite3.Row) -> Thanks:
    return Thanks(
        batch_id=row["id"],
        at=moment(row["received_at"]),
        text=row["thanks"],
        hidden=bool(row["thanks_hidden"]),
        pieces=row["pieces"],
    )
