"""The ledger file: connections, transactions, migrations. Leaves every table to its own module.

One connection a thread. Every writing transaction is `BEGIN IMMEDIATE`: with SQLite's deferred
default, two threads that read and then write cannot both wait, and one of them fails at once.
`synchronous=FULL`, because an order that was accepted must survive a power cut.

Who copies the file and its log gets what belongs together, unless the log was written back or has
begun anew in between: then one lacks what the other held. So that happens seldom, and nobody writes
for a moment before and after it (`_Log`), which is longer than a copy takes.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database, Migrations

from designs.tables import design_migrations
from jobs.errors import LedgerError
from jobs.ledger.mark import Mark
from jobs.ledger.migrations.order import ledger_migrations, stream_migrations, unknown

_log = logging.getLogger(__name__)

_BUSY_S = 30.0
#: A log of this length is written back so long after the last time, and one of that length sooner.
_LOG_LEAST_BYTES, _LOG_EVERY_S = 4 << 20, 60.0
_LOG_MOST_BYTES, _LOG_SOON_S = 256 << 20, 10.0
#: So long nobody writes before and after it.
_STILL_S = 0.5
_PAUSE = threading.Event()  # never set
#: All tables that lie in the file.
_SETS = (stream_migrations, ledger_migrations, design_migrations)
#: SQLite's results that tell of a disk, of memory or of another writer: a message that meets them
#: is as good as any other, and comes again.
_MACHINE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


def connect(path: Path) -> Database:
    """Open a SQLite file as ledger and journal need it: WAL, FULL, foreign keys, autocommit.

    Raises:
        LedgerError: the file cannot be opened or is no database.
    """
    try:
        if not path.exists():
            # Addresses of requesters and hashes of passwords: SQLite's other files take its mode.
            path.touch(mode=0o600)
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path} cannot be used as a database: {error}") from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"{path} cannot be used as a database: {error}") from error
    return Database(connection)


def refuse_later(db: Database, path: Path, *sets: Migrations) -> None:
    """Do nothing if this program knows all that was done to a file's tables.

    Else it would write rows without what a later one needs in them.

    Raises:
        LedgerError: a later program has worked with it.
    """
    found = unknown(db, *sets)
    if found:
        raise LedgerError(
            f"{path} was written by a later fabnet than this one ({found[0]} is not known here);"
            " nothing was changed. Install that release again, or a later one."
        )


@contextmanager
def immediate(db: Database) -> Iterator[sqlite3.Connection]:
    """Run the block in one `BEGIN IMMEDIATE` transaction; commit, or roll back on any exception."""
    connection = db.conn
    connection.execute("begin immediate")
    try:
        yield connection
        connection.execute("commit")
    except BaseException:
        # A full disk makes SQLite roll back by itself; a second time would hide why. A commit that is
        # refused leaves the transaction open, and this thread could begin none any more.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextmanager
def counted(
    db: Database, mark: Mark, listeners: Iterable[Callable[[], None]] = ()
) -> Iterator[sqlite3.Connection]:
    """As `immediate`; a transaction that changes something is counted in the file and its mark.

    Then the listeners hear of it.
    """
    number = None
    with immediate(db) as connection:
        before = connection.total_changes
        yield connection
        if connection.total_changes != before:
            number = mark.count(connection)
    if number is not None:
        mark.raise_to(number)
        for heard in listeners:
            heard()


def is_machines(error: Exception) -> bool:
    """Whether the machine failed and not the message."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, MemoryError)
    # Extended results keep the primary one in their low byte.
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _MACHINE


class _Log:
    """The ledger's log, which SQLite would begin anew at any commit; may be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._ledger = path
        self._path = path.with_name(path.name + "-wal")
        self._busy = threading.Lock()
        self._done_s = time.monotonic()

    def keep_short(self, db: sqlite3.Connection) -> None:
        """Write what the log holds into the file where it has grown long; the next commit begins it anew."""
        if not self._is_due() or not self._busy.acquire(blocking=False):
            return
        try:
            self._write_back(db)
            self._done_s = time.monotonic()
        except (sqlite3.Error, LedgerError) as error:
            # What was committed is in the log; the next transaction tries again.
            _log.warning("the log of %s cannot be written back: %s", self._ledger, error)
        finally:
            self._busy.release()

    def _is_due(self) -> bool:
        try:
            size = self._path.stat().st_size
        except OSError:
            return False  # It went with the last connection of another process.
        if size < _LOG_LEAST_BYTES:
            return False
        since_s = time.monotonic() - self._done_s
        return since_s >= (_LOG_SOON_S if size >= _LOG_MOST_BYTES else _LOG_EVERY_S)

    def _write_back(self, db: sqlite3.Connection) -> None:
        others = connect(self._ledger).conn
        try:
            others.execute("begin immediate")
            _PAUSE.wait(_STILL_S)
            db.execute("pragma wal_checkpoint(passive)").fetchone()
            _PAUSE.wait(_STILL_S)
        finally:
            others.close()


class Ledger:
    """The coordinator's book.

    Args:
        path: the SQLite file; made and migrated when it is new or older.
        audit: called with the connection at the end of every writing transaction; what it
            raises undoes the transaction. Tests pass the book-keeping laws.
    """

    def __init__(
        self, path: Path, *, audit: Callable[[sqlite3.Connection], None] | None = None
    ) -> None:
        self.path = path
        self._audit = audit
        self._local = threading.local()
        self._mark = Mark(path)
        self._log = _Log(path)
        self._listeners: list[Callable[[], None]] = [self._count]
        self._changes = 0
        self._opening = threading.Lock()
        self._all: dict[threading.Thread, Database] = {}
        try:
            with immediate(self.database) as db:
                refuse_later(self.database, path, *_SETS)
                stream_migrations.apply(self.database)
                ledger_migrations.apply(self.database)
                went_back = self._mark.went_back(db)
                if went_back:
                    # Kept until a coordinator starts: whoever opens the file first sees it.
                    db.execute("insert or replace into meta (key, value) values ('restored', '1')")
            if went_back:
                self._mark.set(self.reading)
        except LedgerError:
            self.close()
            raise
        except sqlite3.Error as error:
            self.close()
            raise LedgerError(f"{path} cannot be used as a ledger: {error}") from error

    @property
    def database(self) -> Database:
        """This thread's connection, as sqlite-utils wants it."""
        db: Database | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = connect(self.path)
            db.conn.execute("pragma wal_autocheckpoint = 0")
            # A log that begins anew is cut off, so that its size says how long it is.
            db.conn.execute("pragma journal_size_limit = 0")
            self._keep(db)
        return db

    def _keep(self, db: Database) -> None:
        """Keep this thread's connection until `close`; those of threads that have ended are closed."""
        with self._opening:
            for thread in [each for each in self._all if not each.is_alive()]:
                self._all.pop(thread).conn.close()
            self._all[threading.current_thread()] = db

    @property
    def reading(self) -> sqlite3.Connection:
        """This thread's connection, for queries outside a transaction."""
        return self.database.conn

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction; see `counted`."""
        with counted(self.database, self._mark, self._listeners) as db:
            yield db
            if self._audit is not None:
                self._audit(db)
        self._log.keep_short(self.reading)

    def _count(self) -> None:
        self._changes += 1

    @property
    def changes(self) -> int:
        """Another number than before when this process has changed something."""
        return self._changes

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` after each transaction that has changed something: it must be quick."""
        self._listeners.append(heard)

    def written(self) -> int:
        """Return another number than before when another thread or process has written."""
        return int(self.reading.execute("pragma data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connections of all threads; none of them may use the ledger any more."""
        with self._opening:
            while self._all:
                self._all.popitem()[1].conn.close()
        self._local = threading.local()
