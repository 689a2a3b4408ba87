"""Notes on what was done to a printer, the newest first."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.cells import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note; `out` says whether it took the printer out of service, None where it left that."""

    printer: str
    at: datetime
    by: str  # the person's name
    text: str
    out: bool | None
    until: str  # the day on which that ends, "" for without an end


def notes(db: sqlite3.Connection, node: str, printer: str = "") -> tuple[Note, ...]:
    """Return the notes on a printer, or on all printers of a node."""
    rows = db.execute(
        "select u.*, coalesce(p.name, u.by_person) as name from upkeep u"
        " left join person p on p.login = u.by_person"
        " where u.node = ?1 and (?2 = '' or u.printer = ?2) order by u.id desc",
        (node, printer),
    )
    return tuple(
        Note(
            printer=r["printer"],
            at=moment(r["at"]),
            by=r["name"],
            text=r["text"],
            out=None if r["out"] is None else bool(r["out"]),
            until=r["until"],
        )
        for r in rows
    )
