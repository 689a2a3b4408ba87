"""Plans what is still to be made. The plan is made outside any transaction, on a snapshot.

Leaves writing it down to `jobs.coordinator.applying`.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter

from designs.errors import MissingFileError, UnknownRevisionError
from designs.library import Library
from designs.model import OtherPart, Part
from jobs import hours
from jobs.assign import DECLINE_REST
from jobs.chances import good_share, mean_good
from jobs.claims import WaitingJob
from jobs.coordinator.fitting import UNUSABLE, Snapshot, earlier_patterns, fits_of
from jobs.errors import InvalidFieldError
from jobs.fleet import (
    LAST_OFFSET_MIN,
    FleetPrinter,
    Need,
    begins_at,
    km_between,
    left_out,
    odd_figure,
)
from jobs.ledger import cells, labs, paces, recalls
from jobs.ledger.coefficients import fitted
from jobs.ledger.figures import known
from jobs.ledger.reviews import NOT_STOPPED
from jobs.ledger.rows import live_attempt
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import MOST_KITS, JobState, OrderState, Priority
from jobs.plan_audit import Sound
from jobs.sound_plan import sound_plan
from printers.model import PrinterFacts, PrinterState

#: Attempts whose filament is not in the grams that a node reports.
RESERVING = (
    AttemptState.OFFERED,
    AttemptState.TAKEN,
    AttemptState.PREPARING,
    AttemptState.READY,
    AttemptState.GRANTED,
    AttemptState.PRINTING,
)

#: No kit has more of one part, and no day is before or after.
_MOST_PER_KIT, _YEARS = 10_000, (2000, 2200)

#: The plates that printers are bound to; what was offered waits for no day.
BOUND = f"""
select a.node, a.printer, coalesce(a.seconds, j.seconds) as seconds,
 coalesce(a.grams, j.grams) as grams, j.material, 0 as rank, a.created_at as at, j.id,
 null as release, 0 as set_back, '' as due
from attempt a join job j on j.id = a.job_id
where a.state in ({cells.quoted(RESERVING)})
union all
select j.node, j.printer, j.seconds, j.grams, j.material, 1, j.created_at, j.id, o.release,
 j.set_back, o.due
from job j join orders o on o.id = j.order_id
where j.state = '{JobState.OPEN}' and not exists ({live_attempt("j.id")})
"""


def snapshot(
    ledger: Ledger,
    library: Library,
    now: datetime,
    hub: tuple[float, float] | None = None,
    back: Sequence[WaitingJob] = (),
) -> Snapshot:
    """Read what is still to be made and who could make it.

    An order of which something is lost or cannot be read is left out (`unread`), and a printer is
    there and odd, so that neither keeps all else from being planned.
    `hub` is where lots are gathered (latitude, longitude); None leaves distances out. `back` are jobs
    that nobody was offered, to be planned as if they had been given back.
    """
    db = ledger.reading
    again = Counter[tuple[str, str]]()
    for job in back:
        again[job.order_id, job.part_id] += job.pieces
    rows = db.execute(
        "select l.*, o.due, o.revision_id, o.priority, o.release from line l"
        " join orders o on o.id = l.order_id where o.state = ?"
        " and (l.deficit > 0 or l.order_id in (select value from json_each(?)))"
        f" and {NOT_STOPPED} order by l.order_id, l.part_id",
        (OrderState.CONFIRMED, json.dumps([order_id for order_id, _ in again])),
    ).fetchall()
    declined = _declined(db, now) if rows else {}
    needs: list[Need] = []
    parts: dict[tuple[str, str], Part | OtherPart] = {}
    unread: dict[str, str] = {}
    for row in rows:
        line = (row["order_id"], row["part_id"])
        try:
            # As `rows.add_deficit` would have it.
            pieces = row["deficit"] + max(0, again[line] - row["surplus"])
            if pieces == 0:
                continue
            parts[line] = _part(library, row["revision_id"], row["part_id"])
            needs.append(_need(row, pieces, parts[line], declined.get(line, {}), now))
        except UNUSABLE as error:
            unread[row["order_id"]] = f"{type(error).__name__}: {error}"
    needs = [need for need in needs if need.order_id not in unread]
    # Who could make it is asked only where there is something to make.
    fleet, printers = fleet_of(db, hub, now, back) if needs else ((), {})
    stated = any(facts.rates for facts in printers.values())
    return Snapshot(
        needs=tuple(needs),
        fleet=fleet,
        printers=printers,
        parts=parts,
        figures=known(db) if needs else {},
        coefficients=fitted(db) if needs else {},
        earlier=earlier_patterns(library.revisions()) if stated else {},
        unread=unread,
    )


def _part(library: Library, revision_id: str, part_id: str) -> Part | OtherPart:
    """Return a part that can be made.

    Raises:
        UnknownRevisionError: the library does not know it.
        MissingFileError: its file is lost.
    """
    made = library.revision(revision_id).made
    part = next((each for each in made if each.id == part_id), None)
    if part is None:
        raise UnknownRevisionError(revision_id)
    if library.file(part.source_sha256) is None:
        raise MissingFileError(part.source_sha256)
    return part


def _need(
    row: sqlite3.Row,
    pieces: int,
    part: Part | OtherPart,
    declined: Mapping[str, str],
    now: datetime,
) -> Need:
    """Read what is to be made of a part of an order, so many pieces.

    Raises:
        InvalidFieldError: a figure of it cannot be; ValueError: nor can what else stands there.
    """
    due, release = cells.read_day(row["due"]), _ahead(row["release"], now)
    for name, value, low, high in (
        ("per_kit", part.per_kit, 1, _MOST_PER_KIT),
        ("deficit", pieces, 1, MOST_KITS * part.per_kit),
        ("due", due.year, *_YEARS),
        ("release", _YEARS[0] if release is None else release.year, *_YEARS),
    ):
        if not low <= value <= high:
            raise InvalidFieldError(name, f"{value} is not between {low} and {high}")
    return Need(
        order_id=row["order_id"],
        part_id=row["part_id"],
        pieces=pieces,
        per_kit=part.per_kit,
        due=due,
        declined=tuple(sorted(declined.items())),
        materials=part.materials,
        mesh_sha256=part.source_sha256,
        process=part.process,
        priority=Priority(row["priority"]),
        release=release,
    )


def _ahead(release: str | None, now: datetime) -> date | None:
    """Return the day before which an order waits; None once it has begun everywhere on Earth."""
    day = None if release is None else cells.read_day(release)
    return day if day is not None and begins_at(day, LAST_OFFSET_MIN) > now else None


def _declined(db: sqlite3.Connection, now: datetime) -> dict[tuple[str, str], dict[str, str]]:
    """Return what labs declined, or left unanswered, of an order's part, and have not changed since."""
    rows = db.execute(
        "select j.order_id, j.part_id, a.node, a.reason from attempt a join job j on j.id = a.job_id"
        " join node n on n.id = a.node where a.state in (?, ?) and a.ended_at > ? and a.ended_at <= ?"
        " and (n.changed_at is null or n.changed_at <= a.ended_at) order by a.ended_at",
        (
            AttemptState.DECLINED,
            AttemptState.LAPSED,
            (now - DECLINE_REST).isoformat(),
            now.isoformat(),  # what lies in the future of a clock that was set back counts no more
        ),
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for order_id, part_id, node, reason in rows:
        found.setdefault((order_id, part_id), {})[node] = reason
    return found


def fleet_of(
    db: sqlite3.Connection,
    hub: tuple[float, float] | None,
    now: datetime,
    back: Sequence[WaitingJob] = (),
) -> tuple[tuple[FleetPrinter, ...], dict[tuple[str, str], PrinterFacts]]:
    """Return all printers with what they have to do, and what nodes say of them; arguments of `snapshot`."""
    fleet, facts = [], {}
    load = _load(db, {job.job for job in back})
    back_s: dict[str, float] = {}
    for job in back:
        back_s[job.node] = back_s.get(job.node, 0.0) + job.seconds
    given, suspects = labs.given_s(db, now), recalls.suspects(db)
    counted = labs.yields(db)
    mean = mean_good(counted.values())
    pace = paces.known(db, now)
    for node in labs.fleet(db):
        bound = given.get(node.id, 0.0) + _open_s(db, node.id) if node.weekly_h else 0.0
        bound -= back_s.get(node.id, 0.0) if node.weekly_h else 0.0
        # What is no number stays so, here as below.
        left_s = math.nan if math.isnan(bound) else labs.week_left_s(node.weekly_h, bound)
        for printer in node.printers:
            key = (node.id, printer.facts.id)
            facts[key] = printer.facts
            spool = printer.facts.spool
            plates, grams = load.get(key, ((), 0.0))
            queue_s, later = _by_day(plates, node.utc_offset_min, now)
            broken = printer.state in (PrinterState.FAULT, PrinterState.OFFLINE)
            found = FleetPrinter(
                node=node.id,
                printer=printer.facts.id,
                online=node.online,
                paused=node.paused,
                fault=(printer.fault or printer.state) if node.online and broken else "",
                out_of_service=printer.facts.out_of_service or key in suspects,
                out_until=printer.facts.out_until,
                material=printer.facts.works_in,
                grams=0.0 if spool is None else max(spool.grams - grams, 0.0),
                queue_s=queue_s,
                later=later,
                attended=hours.parse(node.attended),
                unattended=printer.facts.unattended,
                utc_offset_min=node.utc_offset_min,
                km=km_between(node.place, hub) if node.place and hub else None,
                weekly_h=node.weekly_h,
                week_left_s=left_s,
                process=printer.facts.process,
                good=round(good_share(*counted.get(key, (0, 0)), mean), 3),
                pace=pace.get(key, 1.0),
            )
            odd = printer.odd or odd_figure(found)
            fleet.append(left_out(found, odd) if odd else found)
    return tuple(fleet), facts


def printers_of(
    db: sqlite3.Connection, hub: tuple[float, float] | None, now: datetime
) -> tuple[FleetPrinter, ...]:
    """Return every printer as a plan sees it now; `hub` as of `snapshot`."""
    return fleet_of(db, hub, now)[0]


def _open_s(db: sqlite3.Connection, node: str) -> float:
    """Return the seconds of the jobs that a lab's plan has for it, and that are not offered yet."""
    row = db.execute(
        "select coalesce(sum(j.seconds), 0) from job j where j.node = ? and j.state = ?"
        f" and not exists ({live_attempt('j.id')})",
        (node, JobState.OPEN),
    ).fetchone()
    return float(row[0])


_Plates = tuple[tuple[float, date | None], ...]  # seconds, and the day before which they wait


def _by_day(
    plates: _Plates, utc_offset_min: int, now: datetime
) -> tuple[tuple[float, ...], tuple[tuple[date, float], ...]]:
    """Return the seconds of the plates that may be printed now, and of those that wait: by day, with it."""
    queue_s: list[float] = []
    later: list[tuple[date, float]] = []
    for seconds, day in plates:
        if day is None or begins_at(day, utc_offset_min) <= now:
            queue_s.append(seconds)
        else:
            later.append((day, seconds))
    return tuple(queue_s), tuple(sorted(later, key=itemgetter(0)))


def _load(
    db: sqlite3.Connection, back: Collection[str]
) -> dict[tuple[str, str], tuple[_Plates, float]]:
    """Return the plates and the grams that each printer is already bound to, but for some jobs.

    No number where they cannot be.
    """
    found: dict[tuple[str, str], tuple[_Plates, float]] = {}
    for row in _bound(db):
        if row["id"] in back:
            continue
        key = (row["node"], row["printer"])
        plates, used_g = found.get(key, ((), 0.0))
        plate = (float(row["seconds"]), release_of(row))
        grams = row["grams"] if 0 <= row["grams"] < math.inf else math.nan
        found[key] = ((*plates, plate), used_g + grams)
    return found


def release_of(row: sqlite3.Row) -> date | None:
    """Return the day before which a plate waits; none where it cannot be read: then its time is taken now."""
    try:
        return None if row["release"] is None else cells.read_day(row["release"])
    except ValueError:
        return None


def _bound(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the plates that printers are bound to: what they hold, then what is planned for them."""
    return db.execute(f"{BOUND} order by rank, at, 8").fetchall()


def held(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """Return the plates that labs hold to print, with their orders: each printer's in its turn."""
    return db.execute(
        "select j.id, j.order_id, j.part_id, j.pieces, o.due, a.node, a.printer,"
        " coalesce(a.seconds, j.seconds) as seconds, coalesce(a.grams, j.grams) as grams"
        " from attempt a join job j on j.id = a.job_id join orders o on o.id = j.order_id"
        f" where a.state in ({cells.quoted(RESERVING)}) order by a.created_at, j.id"
    ).fetchall()


def make(
    facts: Snapshot,
    library: Library,
    now: datetime,
    suspects: Collection[str] = (),
    doubted: Collection[tuple[str, str]] = (),
) -> Sound:
    """Make a plan from a snapshot; slow where a part meets a bed for the first time.

    `suspects` are orders that the last plan left out, `doubted` printers.
    """
    fits, failed = fits_of(facts, library)
    return sound_plan(facts.needs, facts.fleet, fits, now, suspects, failed, doubted)
