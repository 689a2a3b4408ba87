"""What has happened, line by line: the history of an order, and whether anything is new."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

import msgspec

from jobs.ledger.cells import UNREADABLE, moment, when
from jobs.model import AttemptRef


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One line of an order's history; `kind` is a word that pages translate."""

    id: int
    at: datetime
    kind: str
    actor: str
    subject: str
    data: dict[str, str | int | float]


def _data(text: str) -> dict[str, str | int | float]:
    """Read what a line says; nothing where it cannot be read."""
    try:
        return msgspec.json.decode(text, type=dict[str, str | int | float])
    except UNREADABLE:
        return {}


def events_of(db: sqlite3.Connection, order_id: str) -> tuple[EventView, ...]:
    """Return the history of an order, oldest first."""
    rows = db.execute("select * from event where order_id = ? order by id", (order_id,))
    return tuple(
        EventView(
            id=r["id"],
            at=moment(r["at"]),
            kind=r["kind"],
            actor=r["actor"],
            subject=r["subject"],
            data=_data(r["data"]),
        )
        for r in rows
    )


def stop_asked(db: sqlite3.Connection, order_id: str, ref: AttemptRef) -> datetime | None:
    """Return when the stop of a print was last asked for on a page; None where it was not."""
    row = db.execute(
        "select max(at) from event where order_id = ? and kind = 'cancel-asked' and subject = ?",
        (order_id, str(ref)),
    ).fetchone()
    return when(row[0])


def last_event(db: sqlite3.Connection, order_id: str | None = None) -> int:
    """Return the number of the newest event, of one order or of all: pages watch it."""
    row = db.execute(
        "select coalesce(max(id), 0) from event where ?1 is null or order_id = ?1", (order_id,)
    ).fetchone()
    return int(row[0])
