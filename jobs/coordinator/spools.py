"""Plates that a spool does not hold any more, and that nobody was offered, go to who can make them in time."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from designs.library import Library
from jobs.claims import WaitingJob
from jobs.coordinator import filament, planning, restoring
from jobs.coordinator.claims import job_of
from jobs.coordinator.moves import dissolve
from jobs.fleet import is_over
from jobs.ledger import cells, depot
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import event, live_attempt
from jobs.ledger.store import Ledger
from jobs.model import JobState, OrderState, Reason, ReasonCode
from jobs.spools import to_give_back, unheld
from jobs.stock import Coming

#: What has come is counted on for so long, besides the spools: it is loaded when the one before it ends.
_LOADED_IN = timedelta(days=1)

#: What nobody was offered, of the jobs `:jobs` (JSON), with the spool of its printer.
_UNOFFERED = f"""
select j.*, o.due, null as attempt, null as release, json_extract({cells.FACTS}, '$.spool') as spool
from job j join orders o on o.id = j.order_id join printer p on p.node = j.node and p.id = j.printer
where j.id in (select value from json_each(:jobs)) and j.state = '{JobState.OPEN}'
 and o.state = '{OrderState.CONFIRMED}' and {NOT_STOPPED} and not exists ({live_attempt("j.id")})
 and json_extract({cells.FACTS}, '$.spool.material') = j.material
"""


def give_back(
    ledger: Ledger,
    library: Library,
    now: datetime,
    hub: tuple[float, float] | None = None,
    known: Collection[str] = (),
) -> frozenset[str]:
    """Let the next plan give to others what no spool holds, where they make it in time.

    Nothing that anybody was offered is touched; nor what stands on another material than is loaded,
    which goes by itself. Slow as a plan is, where some is not held: that is made to see where it would go.

    Returns:
        The jobs that stay though no spool holds them in time. Where all that are found are among the
        `known`, nothing is tried.
    """
    db = ledger.reading
    short = filament.lacking(db)
    if not short or restoring.unheard(db):
        return frozenset()
    waits = filament.stock(ledger, now, short, _counted_on(db, now)).waits
    rows = {row["id"]: row for row in _unoffered(db, waits)}
    jobs = unheld(_read(rows.values()), waits, now)
    left = frozenset(job.job for job in jobs)
    if left <= frozenset(known):
        return left
    facts = planning.snapshot(ledger, library, now, hub, jobs)
    runs = planning.make(facts, library, now).plan.runs
    chosen = to_give_back(jobs, runs, now)
    if chosen:
        _dissolve(ledger, chosen, {job: row["spool"] for job, row in rows.items()}, now)
    return left.difference(job.job for job in chosen)


def _read(rows: Iterable[sqlite3.Row]) -> Iterator[WaitingJob]:
    for row in rows:
        with suppress(*cells.UNREADABLE):  # the plan names its order
            yield job_of(row)


def _counted_on(db: sqlite3.Connection, now: datetime) -> list[Coming]:
    """Return what comes to labs by the depot's book, but for what is late; and what has come lately."""
    found = [each for each in depot.on_way(db) if not is_over(each.arrives, now)]
    return [filament.coming_of(e) for e in (*depot.came_since(db, now - _LOADED_IN), *found)]


def _unoffered(db: sqlite3.Connection, jobs: Collection[str]) -> list[sqlite3.Row]:
    return db.execute(_UNOFFERED, {"jobs": json.dumps(sorted(jobs))}).fetchall()


def _dissolve(
    ledger: Ledger, jobs: Sequence[WaitingJob], spools: dict[str, str], now: datetime
) -> None:
    """Give jobs back that nobody was offered meanwhile, and whose spool is as it was."""
    pieces = Counter[tuple[str, str, str]]()
    with ledger.transaction() as db:
        if restoring.unheard(db):
            return
        rows = _unoffered(db, [job.job for job in jobs])
        same = {row["id"] for row in rows if row["spool"] == spools[row["id"]]}
        for job in jobs:
            if job.job not in same:
                continue
            why = Reason(code=ReasonCode.STOCK, node=job.node, printer=job.printer)
            dissolve(db, job.job, job.order_id, job.part_id, job.pieces, why)
            pieces[job.order_id, job.node, job.printer] += job.pieces
        for (order_id, node, printer), n in sorted(pieces.items()):
            event(
                db, order_id, "taken-back", "fabnet", f"{node}/{printer}", now,
                node=node, printer=printer, pieces=n, reason=str(ReasonCode.STOCK),
            )  # fmt: skip
