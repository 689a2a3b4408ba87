"""The node's book: what its printers did. The truth about them, whatever the network believes.

Everything that must not be forgotten is written (and synced to disk) before it is acted on: an
answer before it is sent, INTENT before a printer is told to start. The same file holds the
node's end of the reliable streams, so that a state and the message that tells of it are one
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database, Migrations

from fabnet.errors import JournalError
from jobs.errors import LedgerError
from jobs.ledger import streams
from jobs.ledger.migrations import run_script, stream_migrations
from jobs.ledger.store import connect, immediate
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import HeldAttempt, OfferedAttempt, Up, encode
from jobs.model import AttemptRef

COORDINATOR = "coordinator"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One attempt as the journal holds it."""

    ref: AttemptRef
    printer: str
    state: AttemptState
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


class Journal:
    """One SQLite file, used by one thread.

    Args:
        machine: names this machine; a journal that was copied to another one is refused, since
            two nodes with the same grants would print the same thing twice.

    Raises:
        JournalError: the file belongs to another machine, or cannot be used.
    """

    def __init__(self, path: Path, machine: str) -> None:
        try:
            self._db = connect(path)
            with immediate(self._db) as db:
                stream_migrations.apply(self._db)
                journal_migrations.apply(self._db)
                db.execute(
                    "insert into meta (key, value) values ('machine', ?) on conflict do nothing",
                    (machine,),
                )
        except (LedgerError, sqlite3.Error) as error:
            raise JournalError(f"The journal {path} cannot be used: {error}") from error
        owner = self._value("machine")
        if owner != machine:
            self.close()
            raise JournalError(
                f"The journal {path} belongs to another machine. If it was moved here on purpose,"
                " and the other machine will not run again: fabnet node adopt"
            )

    def close(self) -> None:
        """Close the file."""
        self._db.conn.close()

    @property
    def reading(self) -> sqlite3.Connection:
        """For queries outside a transaction."""
        return self._db.conn

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction."""
        with immediate(self._db) as db:
            yield db

    def _value(self, key: str) -> str:
        row = self.reading.execute("select value from meta where key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    @property
    def epoch(self) -> int:
        """The highest epoch that a coordinator has spoken with; 0 before the first."""
        return int(self._value("epoch") or 0)

    def set_epoch(self, db: sqlite3.Connection, epoch: int) -> None:
        """Keep a higher epoch."""
        db.execute("insert or replace into meta (key, value) values ('epoch', ?)", (str(epoch),))

    def say(self, db: sqlite3.Connection, message: Up, now: datetime) -> None:
        """Put a message for the coordinator into the outbox."""
        word, body = encode(message)
        streams.send(db, COORDINATOR, word, body, now)

    def knows(self, ref: AttemptRef) -> bool:
        """Whether this attempt, or a later one of its job, is in the journal."""
        row = self.reading.execute(
            "select 1 from attempt where job = ? and number >= ?", (ref.job, ref.number)
        ).fetchone()
        return row is not None

    def add(
        self,
        db: sqlite3.Connection,
        offer: OfferedAttempt,
        state: AttemptState,
        reason: str,
        now: datetime,
    ) -> None:
        """Write down an offered attempt with the answer to it."""
        db.execute(
            "insert into attempt (job, number, printer, state, part, pieces, material, mesh_sha256,"
            " plate_sha256, seconds, grams, reason, taken_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                offer.attempt.job,
                offer.attempt.number,
                offer.printer,
                state,
                offer.part,
                offer.pieces,
                offer.material,
                offer.mesh_sha256,
                offer.plate_sha256,
                offer.seconds,
                offer.grams,
                reason,
                now.isoformat(),
            ),
        )

    def move(
        self, db: sqlite3.Connection, ref: AttemptRef, state: AttemptState, reason: str = ""
    ) -> None:
        """Set an attempt's state."""
        db.execute(
            "update attempt set state = ?, reason = ? where job = ? and number = ?",
            (state, reason, ref.job, ref.number),
        )

    def prepared(
        self,
        db: sqlite3.Connection,
        ref: AttemptRef,
        *,
        gcode: str,
        gcode_sha256: str,
        gcode_key: str,
        slicer: str,
        seconds: float,
        grams: float,
    ) -> None:
        """Keep what slicing gave."""
        db.execute(
            "update attempt set gcode = ?, gcode_sha256 = ?, gcode_key = ?, slicer = ?,"
            " seconds = ?, grams = ? where job = ? and number = ?",
            (gcode, gcode_sha256, gcode_key, slicer, seconds, grams, ref.job, ref.number),
        )

    def intend(self, db: sqlite3.Connection, ref: AttemptRef, printer: str, now: datetime) -> bool:
        """Write INTENT; False if it was written before: the attempt must not be started again.

        The bed is not clear from here on, whatever happens.
        """
        done = db.execute(
            "update attempt set intent_at = ?, state = ? where job = ? and number = ?"
            " and intent_at is null",
            (now.isoformat(), AttemptState.GRANTED, ref.job, ref.number),
        )
        if done.rowcount != 1:
            return False
        self.set_clear(db, printer, clear=False)
        return True

    def entry(self, ref: AttemptRef) -> Entry | None:
        """Return one attempt."""
        row = self.reading.execute(
            "select * from attempt where job = ? and number = ?", (ref.job, ref.number)
        ).fetchone()
        return None if row is None else _entry(row)

    def entries(self, states: frozenset[AttemptState]) -> tuple[Entry, ...]:
        """Return the attempts in these states, in the order they were taken."""
        marks = ",".join(f"'{state}'" for state in sorted(states))
        rows = self.reading.execute(
            f"select * from attempt where state in ({marks}) order by taken_at, job, number"
        )
        return tuple(_entry(row) for row in rows)

    def held(self) -> tuple[HeldAttempt, ...]:
        """Return all attempts that are not over, for a sync."""
        live = UNGRANTED | TO_HARVEST | {AttemptState.GRANTED, AttemptState.PRINTING}
        return tuple(HeldAttempt(attempt=e.ref, state=e.state) for e in self.entries(live))

    def is_clear(self, printer: str) -> bool:
        """Whether a person has marked the bed ready since the last print; a new printer is not."""
        row = self.reading.execute("select clear from bed where printer = ?", (printer,)).fetchone()
        return row is not None and bool(row[0])

    def set_clear(self, db: sqlite3.Connection, printer: str, *, clear: bool) -> None:
        """Keep whether the bed is clear."""
        db.execute(
            "insert or replace into bed (printer, clear) values (?, ?)", (printer, int(clear))
        )

    def on_bed(self, printer: str) -> Entry | None:
        """Return the attempt whose parts lie, or may lie, on the bed uncounted."""
        states = TO_HARVEST | {AttemptState.PRINTING, AttemptState.GRANTED}
        return next((e for e in self.entries(states) if e.printer == printer and e.intent), None)

    def used_g(self, spool: str) -> float:
        """Return the grams that prints have taken from a spool."""
        row = self.reading.execute("select used_g from spool where id = ?", (spool,)).fetchone()
        return 0.0 if row is None else float(row[0])

    def use(self, db: sqlite3.Connection, spool: str, grams: float) -> None:
        """Take grams from a spool."""
        db.execute(
            "insert into spool (id, used_g) values (?, ?)"
            " on conflict (id) do update set used_g = used_g + excluded.used_g",
            (spool, grams),
        )


def adopt(path: Path, machine: str) -> None:
    """Move a journal to this machine on purpose.

    Raises:
        JournalError: there is no journal here.
    """
    if not path.exists():
        raise JournalError(f"There is no journal at {path} to adopt.")
    db = connect(path)
    with immediate(db) as connection:
        connection.execute("update meta set value = ? where key = 'machine'", (machine,))
    db.conn.close()


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        ref=AttemptRef(job=row["job"], number=row["number"]),
        printer=row["printer"],
        state=AttemptState(row["state"]),
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
    )
