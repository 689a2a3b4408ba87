"""The journal's tables, and its rows as values. Leaves what is written when to the journal itself."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database, Migrations

from fabnet.node.duty import Kept
from jobs.ledger.migrations.script import run_script
from jobs.lifecycle import AttemptState
from jobs.messages import KeptAttempt, OfferedAttempt
from jobs.model import AttemptRef
from jobs.pace import NEWEST, Finished, pace

journal_migrations = Migrations("journal")


@journal_migrations()
def m001_journal(db: Database) -> None:
    """Attempts, printers' beds, spools."""
    run_script(
        db,
        """
        create table meta (key text primary key, value text not null) strict;
        create table attempt (
            job text not null, number integer not null, printer text not null, state text not null,
            part text not null, pieces integer not null, material text not null,
            mesh_sha256 text not null, plate_sha256 text not null,
            seconds real not null, grams real not null, reason text not null default '',
            gcode text not null default '', gcode_sha256 text not null default '',
            gcode_key text not null default '', slicer text not null default '',
            intent_at text, taken_at text not null, primary key (job, number)
        ) strict;
        create table bed (printer text primary key, clear integer not null) strict;
        create table spool (id text primary key, used_g real not null) strict;
        """,
    )


@journal_migrations()
def m002_owner(db: Database) -> None:
    """What the owner has entered on a page, before what stands in the configuration file."""
    run_script(
        db,
        """
        create table setting (key text primary key, value text not null) strict;
        create table loaded (
            printer text primary key, spool text not null, material text not null,
            grams real not null, maker_lot text not null
        ) strict;
        """,
    )


@journal_migrations()
def m003_kept(db: Database) -> None:
    """All that a coordinator needs that has forgotten an attempt."""
    run_script(
        db,
        """
        alter table attempt add column order_id text not null default '';
        alter table attempt add column spool text not null default '';
        alter table attempt add column good integer;
        alter table attempt add column scrap integer;
        alter table attempt add column counted_by text not null default '';
        """,
    )


@journal_migrations()
def m004_granted(db: Database) -> None:
    """That an attempt was granted and till when: for its owner's eyes; no restart starts by it."""
    run_script(
        db,
        """
        alter table attempt add column granted_at text;
        alter table attempt add column granted_until text;
        alter table attempt add column granted_until_s real;
        alter table attempt add column granted_boot text;
        """,
    )


@journal_migrations()
def m005_telling(db: Database) -> None:
    """What Spoolman is being told of a spool: written before it is sent, gone when it has arrived."""
    run_script(
        db,
        """
        create table telling (
            spool text primary key, from_g real not null, to_g real not null, full_g real,
            told_g real not null, weighed integer not null
        ) strict;
        """,
    )


@journal_migrations()
def m049_indexes(db: Database) -> None:
    """What each round asks for, without a look at all that was ever printed."""
    run_script(
        db,
        """
        create index attempt_by_state on attempt(state);
        create index attempt_by_intent on attempt(intent_at) where intent_at is not null;
        """,
    )


@journal_migrations()
def m055_due(db: Database) -> None:
    """The day on which an attempt's pieces are to be there."""
    run_script(db, "alter table attempt add column due text not null default '';")


@journal_migrations()
def m052_took(db: Database) -> None:
    """How long each print took, of those that stood still for no moment."""
    run_script(
        db,
        """
        alter table attempt add column took_s real;
        create index attempt_took on attempt(printer, intent_at) where took_s is not null;
        """,
    )


def keep_took(db: sqlite3.Connection, ref: AttemptRef, took_s: float | None) -> None:
    """Keep how long a print took, None where nobody knows."""
    db.execute(
        "update attempt set took_s = ? where job = ? and number = ?", (took_s, ref.job, ref.number)
    )


def pace_of(db: sqlite3.Connection, printer: str, now: datetime) -> float:
    """Return how many times its slicer's figure a printer takes, as its last plates tell."""
    rows = db.execute(
        "select intent_at, seconds, took_s from attempt where printer = ? and took_s is not null"
        " order by intent_at desc limit ?",
        (printer, NEWEST),
    )
    return pace(
        (Finished(at=datetime.fromisoformat(r[0]), sliced_s=r[1], took_s=r[2]) for r in rows), now
    )


#: Before the name of a printer, in the settings: when its last test part began, and its seconds.
_TRIED = "tried:"


def last_begun(db: sqlite3.Connection, printer: str) -> tuple[datetime, float] | None:
    """Return when our last print began on a printer, and how long it takes, in seconds.

    A plate, or a test part: its heat is ours, too.
    """
    rows: list[tuple[str, float | str]] = db.execute(
        "select intent_at, seconds from attempt where printer = ? and intent_at is not null"
        " order by intent_at desc limit 1",
        (printer,),
    ).fetchall()
    for (value,) in db.execute("select value from setting where key = ?", (f"{_TRIED}{printer}",)):
        at, seconds = value.split()
        rows.append((at, seconds))
    begun = [(datetime.fromisoformat(at), float(seconds)) for at, seconds in rows]
    return max(begun, default=None)


def trial_begins(db: sqlite3.Connection, printer: str, at: datetime, seconds: float) -> None:
    """Note that a test part is printed from now on, which takes so many seconds."""
    db.execute(
        "insert or replace into setting (key, value) values (?, ?)",
        (f"{_TRIED}{printer}", f"{at.isoformat()} {seconds}"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt as the journal holds it."""

    ref: AttemptRef
    printer: str
    state: AttemptState
    part: str
    pieces: int
    material: str
    mesh_sha256: str
    plate_sha256: str
    seconds: float
    grams: float
    gcode: str  # path, "" before it is prepared
    gcode_sha256: str
    gcode_key: str
    slicer: str
    intent: bool  # a printer was or will be told to start: never again
    reason: str
    granted: Kept | None  # the last grant that came, whatever became of it


def kept_of(row: sqlite3.Row) -> KeptAttempt:
    """Return all that is held of an attempt, for a coordinator that has forgotten it."""
    return KeptAttempt(
        offered=OfferedAttempt(
            attempt=AttemptRef(job=row["job"], number=row["number"]),
            printer=row["printer"],
            part=row["part"],
            pieces=row["pieces"],
            material=row["material"],
            mesh_sha256=row["mesh_sha256"],
            plate_sha256=row["plate_sha256"],
            seconds=row["seconds"],
            grams=row["grams"],
            order=row["order_id"],
            due=row["due"],
        ),
        state=AttemptState(row["state"]),
        begun=row["intent_at"] is not None,
        reason=row["reason"],
        spool=row["spool"],
        good=row["good"],
        scrap=row["scrap"],
        counted_by=row["counted_by"],
    )


def entry_of(row: sqlite3.Row) -> Entry:
    """Return a row of the attempts."""
    return Entry(
        ref=AttemptRef(job=row["job"], number=row["number"]),
        printer=row["printer"],
        state=AttemptState(row["state"]),
        part=row["part"],
        pieces=row["pieces"],
        material=row["material"],
        mesh_sha256=row["mesh_sha256"],
        plate_sha256=row["plate_sha256"],
        seconds=row["seconds"],
        grams=row["grams"],
        gcode=row["gcode"],
        gcode_sha256=row["gcode_sha256"],
        gcode_key=row["gcode_key"],
        slicer=row["slicer"],
        intent=row["intent_at"] is not None,
        reason=row["reason"],
        granted=None
        if row["granted_at"] is None
        else Kept(
            at=datetime.fromisoformat(row["granted_at"]),
            until=datetime.fromisoformat(row["granted_until"]),
            until_s=row["granted_until_s"],
            boot=row["granted_boot"],
        ),
    )
