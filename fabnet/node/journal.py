"""The node's book: what its printers did. The truth about them, whatever the network believes.

Everything that must not be forgotten is written (and synced to disk) before it is acted on: an
answer before it is sent, INTENT before a printer is told to start. The same file holds the
node's end of the reliable streams, so that a state and the message that tells of it are one
transaction.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fabnet.errors import JournalError
from fabnet.node import telling
from fabnet.node.duty import Kept
from fabnet.node.home import hold, home_of
from fabnet.node.tables import Entry, entry_of, journal_migrations, kept_of
from jobs.errors import LedgerError
from jobs.ledger import log_file, streams
from jobs.ledger.cells import quoted
from jobs.ledger.mark import Mark
from jobs.ledger.migrations.order import stream_migrations
from jobs.ledger.store import connect, counted, immediate, refuse_later
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import (
    Harvested,
    HeldAttempt,
    Loaded,
    OfferedAttempt,
    Ready,
    Restated,
    Up,
    decode_up,
    encode,
)
from jobs.model import AttemptRef

_log = logging.getLogger(__name__)

COORDINATOR = "coordinator"
#: Attempts in one `Restated`: some 600 bytes each, in messages of at most 64 KiB.
_CHUNK = 50
#: States of which a printer was or will be told.
TOLD = frozenset({AttemptState.GRANTED, AttemptState.PRINTING})
_USED = "used:"  # and a printer: the setting that names the last beginning or end of a print there


class Journal:
    """One SQLite file, used by one thread.

    A journal that was put back from a copy has forgotten what it has begun since: it is as good as
    lost, see `forget`.

    Args:
        machine: names this machine; a journal that was copied to another one, or to another place
            on this one, is refused, since two nodes with the same grants would print the same thing
            twice.

    Raises:
        JournalError: the file belongs to another machine or folder, or cannot be used.
    """

    def __init__(self, path: Path, machine: str) -> None:
        self._lock = hold(path)
        self._mark = Mark(path)
        home = home_of(path, machine)
        try:
            log_file.check(path)
            self._db = connect(path)
        except LedgerError as error:
            self._lock.close()
            raise JournalError(f"The journal {path} cannot be used: {error}") from error
        try:
            with immediate(self._db) as db:
                refuse_later(self._db, path, stream_migrations, journal_migrations)
                stream_migrations.apply(self._db)
                journal_migrations.apply(self._db)
                db.execute(
                    "insert into meta (key, value) values ('machine', ?) on conflict do nothing",
                    (home,),
                )
                # Before places were kept, a journal named its machine alone.
                db.execute(
                    "update meta set value = ? where key = 'machine' and value = ?", (home, machine)
                )
                went_back = self._value("machine") == home and self._mark.went_back(db)
                if went_back:
                    self.forget(db)
            if went_back:
                self._mark.set(self.reading)
        except LedgerError as error:
            self.close()
            raise JournalError(str(error)) from error
        except sqlite3.Error as error:
            self.close()
            raise JournalError(f"The journal {path} cannot be used: {error}") from error
        if self._value("machine") != home:
            self.close()
            raise JournalError(
                f"The journal {path} was made on another machine or in another folder. If it was"
                " moved here on purpose, and will never run there again: fabnet node adopt"
            )

    def close(self) -> None:
        """Close the file, and let go of it."""
        self._db.conn.close()
        self._lock.close()

    @property
    def reading(self) -> sqlite3.Connection:
        """For queries outside a transaction."""
        return self._db.conn

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction."""
        with counted(self._db, self._mark) as db:
            yield db

    def _value(self, key: str) -> str:
        row = self.reading.execute("select value from meta where key = ?", (key,)).fetchone()
        return "" if row is None else str(row[0])

    @property
    def epoch(self) -> int:
        """The highest epoch that a coordinator has spoken with; 0 before the first."""
        return int(self._value("epoch") or 0)

    @property
    def read_epoch(self) -> int:
        """The epoch of the last message that was applied; 0 before the first."""
        return int(self._value("read_epoch") or 0)

    def read_in(self, db: sqlite3.Connection, epoch: int) -> None:
        """Keep the epoch of a message that was applied."""
        if epoch != self.read_epoch:
            db.execute(
                "insert or replace into meta (key, value) values ('read_epoch', ?)", (str(epoch),)
            )

    def set_epoch(self, db: sqlite3.Connection, epoch: int) -> None:
        """Keep a higher epoch."""
        db.execute("insert or replace into meta (key, value) values ('epoch', ?)", (str(epoch),))

    def forget(self, db: sqlite3.Connection) -> None:
        """Count as lost: this journal is older than what its node has done.

        What may have been begun is a person's to look at. What was not is dropped without a trace: it
        may have been begun since, so nobody may read of it that it was not. No bed is clear, and the
        coordinator hears by the new stream that nothing is remembered.
        """
        _log.warning("the journal has gone back: it was put back from a copy, or has a twin")
        db.execute(
            f"update attempt set state = '{AttemptState.INTERRUPTED}',"
            " reason = 'the journal was put back from a copy'"
            " where intent_at is not null and state in"
            f" ('{AttemptState.GRANTED}', '{AttemptState.PRINTING}')"
        )
        live = quoted(UNGRANTED | {AttemptState.GRANTED})
        db.execute(f"delete from attempt where state in ({live})")
        db.execute("update bed set clear = 0")
        db.execute(f"update setting set value = hex(randomblob(4)) where key like '{_USED}%'")
        telling.forget(db)
        streams.restart(db, COORDINATOR)
        streams.read_no_more(db, COORDINATOR)

    def begin_anew(self, db: sqlite3.Connection, now: datetime) -> None:
        """Begin a new stream and say all attempts in it: the coordinator has forgotten some."""
        # What was still to be said is in what the journal holds.
        streams.restart(db, COORDINATOR)
        asked = streams.cursor_of(db, COORDINATOR).stream
        rows = self.reading.execute("select * from attempt order by taken_at, job, number")
        kept = [kept_of(row) for row in rows]
        chunks = [kept[at : at + _CHUNK] for at in range(0, len(kept), _CHUNK)] or [[]]
        for number, chunk in enumerate(chunks, 1):
            last = number == len(chunks)
            self.say(db, Restated(attempts=tuple(chunk), last=last, asked=asked), now)

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
            " plate_sha256, seconds, grams, reason, taken_at, order_id, due)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (offer.attempt.job, offer.attempt.number, offer.printer, state, offer.part, offer.pieces,
             offer.material, offer.mesh_sha256, offer.plate_sha256, offer.seconds, offer.grams, reason,
             now.isoformat(), offer.order, offer.due),
        )  # fmt: skip

    def keep_count(self, db: sqlite3.Connection, told: Harvested) -> None:
        """Keep what a person counted; what printed under this attempt is over."""
        db.execute(
            "update attempt set state = ?, good = ?, scrap = ?, reason = ?, counted_by = ?"
            " where job = ? and number = ?",
            (AttemptState.HARVESTED, told.good, told.scrap, told.reason, told.by,
             told.attempt.job, told.attempt.number),
        )  # fmt: skip

    def move(
        self, db: sqlite3.Connection, ref: AttemptRef, state: AttemptState, reason: str = ""
    ) -> None:
        """Set an attempt's state."""
        db.execute(
            "update attempt set state = ?, reason = ? where job = ? and number = ?",
            (state, reason, ref.job, ref.number),
        )

    def begin(self, db: sqlite3.Connection, ref: AttemptRef, spool: str) -> None:
        """A printer prints it, from this spool."""
        db.execute(
            "update attempt set state = ?, spool = ? where job = ? and number = ?",
            (AttemptState.PRINTING, spool, ref.job, ref.number),
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

    def keep_grant(self, db: sqlite3.Connection, ref: AttemptRef, kept: Kept) -> None:
        """Keep that an attempt was granted."""
        db.execute(
            "update attempt set granted_at = ?, granted_until = ?, granted_until_s = ?,"
            " granted_boot = ? where job = ? and number = ?",
            (kept.at.isoformat(), kept.until.isoformat(), kept.until_s, kept.boot, ref.job, ref.number),
        )  # fmt: skip

    def forget_grants(self, db: sqlite3.Connection) -> None:
        """No grant of what has not begun holds any more, whatever a person says."""
        db.execute("update attempt set granted_at = null where intent_at is null")

    def unheard_readies(self) -> frozenset[AttemptRef]:
        """Return the attempts of which a ready has not been acknowledged yet."""
        rows = self.reading.execute("select type, body from outbox where type = 'ready'")
        told = (decode_up(row[0], bytes(row[1])) for row in rows)
        return frozenset(each.attempt for each in told if isinstance(each, Ready))

    def entry(self, ref: AttemptRef) -> Entry | None:
        """Return one attempt."""
        row = self.reading.execute(
            "select * from attempt where job = ? and number = ?", (ref.job, ref.number)
        ).fetchone()
        return None if row is None else entry_of(row)

    def entries(self, states: frozenset[AttemptState]) -> tuple[Entry, ...]:
        """Return the attempts in these states: what is due first goes first, then as they were taken."""
        marks = quoted(states)
        rows = self.reading.execute(
            f"select * from attempt where state in ({marks})"
            " order by due = '', due, taken_at, job, number"
        )
        return tuple(entry_of(row) for row in rows)

    def running(self, name: str) -> Entry | None:
        """Return the attempt of this name that a printer was told of and that is not over."""
        return next((entry for entry in self.entries(TOLD) if entry.ref.name == name), None)

    def parts_of(self, printer: str) -> tuple[tuple[str, str], ...]:
        """Return the parts that were offered for a printer, each with the SHA-256 of its source."""
        sql = "select distinct part, mesh_sha256 from attempt where printer = ?"
        return tuple((row[0], row[1]) for row in self.reading.execute(sql, (printer,)))

    def begun(self) -> tuple[tuple[datetime, float], ...]:
        """Return when each of the last plates was started, and how long it takes, in seconds."""
        rows = self.reading.execute(
            "select intent_at, seconds from attempt where intent_at is not null"
            " order by intent_at desc limit 1000"
        )
        return tuple((datetime.fromisoformat(row[0]), float(row[1])) for row in rows)

    def held(self) -> tuple[HeldAttempt, ...]:
        """Return all attempts that are not over, for a sync."""
        live = UNGRANTED | TO_HARVEST | {AttemptState.GRANTED, AttemptState.PRINTING}
        return tuple(HeldAttempt(attempt=e.ref, state=e.state) for e in self.entries(live))

    def is_clear(self, printer: str) -> bool:
        """Whether a person has marked the bed ready since the last print; a new printer is not."""
        row = self.reading.execute("select clear from bed where printer = ?", (printer,)).fetchone()
        return row is not None and bool(row[0])

    def used(self, printer: str) -> str:
        """Return what names the last beginning or end of a print on a bed, "" before the first."""
        return self.setting(f"{_USED}{printer}") or ""

    def set_clear(self, db: sqlite3.Connection, printer: str, *, clear: bool) -> None:
        """Keep whether the bed is clear; that it is not gets a new name."""
        if not clear:
            self.set_setting(db, f"{_USED}{printer}", secrets.token_hex(4))
        db.execute(
            "insert or replace into bed (printer, clear) values (?, ?)", (printer, int(clear))
        )

    def forget_beds(self, db: sqlite3.Connection, printers: frozenset[str]) -> None:
        """No bed is clear but of these printers."""
        marks = ",".join("?" * len(printers))
        db.execute(f"update bed set clear = 0 where printer not in ({marks})", tuple(printers))

    def on_bed(self, printer: str) -> Entry | None:
        """Return the attempt whose parts lie, or may lie, on the bed uncounted."""
        states = TO_HARVEST | {AttemptState.PRINTING, AttemptState.GRANTED}
        return next((e for e in self.entries(states) if e.printer == printer and e.intent), None)

    def setting(self, key: str) -> str | None:
        """Return what the owner has entered, None where the configuration file holds."""
        row = self.reading.execute("select value from setting where key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, db: sqlite3.Connection, key: str, value: str) -> None:
        """Keep what the owner has entered."""
        db.execute("insert or replace into setting (key, value) values (?, ?)", (key, value))

    def loaded(self, printer: str) -> Loaded | None:
        """Return the spool that a person has loaded, None where the configuration file holds."""
        row = self.reading.execute("select * from loaded where printer = ?", (printer,)).fetchone()
        if row is None:
            return None
        return Loaded(
            printer=printer,
            spool=row["spool"],
            material=row["material"],
            grams=row["grams"],
            maker_lot=row["maker_lot"],
        )

    def load(self, db: sqlite3.Connection, spool: Loaded) -> None:
        """Keep which spool is in a printer, and what it weighs now: what was used is in that."""
        db.execute(
            "insert or replace into loaded (printer, spool, material, grams, maker_lot)"
            " values (?, ?, ?, ?, ?)",
            (spool.printer, spool.spool, spool.material, spool.grams, spool.maker_lot),
        )
        db.execute("delete from spool where id = ?", (spool.spool,))

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
