"""How long prints took, and what that says of each printer: a plan reckons with it.

The functions run inside the caller's transaction.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from jobs.ledger.cells import UNREADABLE, read_moment
from jobs.model import AttemptRef
from jobs.pace import NEWEST, Finished, pace


def keep(db: sqlite3.Connection, ref: AttemptRef, took_s: float | None) -> None:
    """Keep how long an attempt printed, as its node has measured; None where it has not."""
    db.execute(
        "update attempt set took_s = ? where job_id = ? and number = ?",
        (took_s, ref.job, ref.number),
    )


def known(db: sqlite3.Connection, now: datetime, node: str = "") -> Mapping[tuple[str, str], float]:
    """Return the pace of every printer that finished plates tell of, by node and printer.

    Not a number where the time of one cannot be read. `node` is the only one to look at, "" for all.
    """
    rows = db.execute(
        "select p.node, p.id, a.ended_at, a.seconds, a.took_s from printer p join attempt a"
        " on a.rowid in (select b.rowid from attempt b where b.node = p.node and b.printer = p.id"
        " and b.took_s is not null order by b.ended_at desc limit ?1) where ?2 in ('', p.node)",
        (NEWEST, node),
    )
    finished = defaultdict[tuple[str, str], list[Finished]](list)
    odd: dict[tuple[str, str], float] = {}
    for row in rows:
        if row["seconds"] is None:
            continue
        key = (row["node"], row["id"])
        try:
            told = Finished(
                at=read_moment(row["ended_at"]), sliced_s=row["seconds"], took_s=row["took_s"]
            )
            pace((told,), now)
        except UNREADABLE:
            odd[key] = math.nan
        else:
            finished[key].append(told)
    return {key: pace(plates, now) for key, plates in finished.items()} | odd
