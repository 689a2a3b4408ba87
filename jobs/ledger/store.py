"""The ledger file: connections, transactions, migrations. Leaves every table to its own module.

One connection a thread. Every writing transaction is `BEGIN IMMEDIATE`: with SQLite's deferred
default, two threads that read and then write cannot both wait, and one of them fails at once.
`synchronous=FULL`, because an order that was accepted must survive a power cut.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from jobs.errors import LedgerError
from jobs.ledger.migrations import ledger_migrations, stream_migrations

_BUSY_S = 30.0


def connect(path: Path) -> Database:
    """Open a SQLite file as ledger and journal need it: WAL, FULL, foreign keys, autocommit.

    Raises:
        LedgerError: the file cannot be opened or is no database.
    """
    try:
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
    except sqlite3.Error as error:
        raise LedgerError(f"{path} cannot be used as a database: {error}") from error
    return Database(connection)


@contextmanager
def immediate(db: Database) -> Iterator[sqlite3.Connection]:
    """Run the block in one `BEGIN IMMEDIATE` transaction; commit, or roll back on any exception."""
    connection = db.conn
    connection.execute("begin immediate")
    try:
        yield connection
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


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
        with immediate(self.database):
            stream_migrations.apply(self.database)
            ledger_migrations.apply(self.database)

    @property
    def database(self) -> Database:
        """This thread's connection, as sqlite-utils wants it."""
        db: Database | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = connect(self.path)
        return db

    @property
    def reading(self) -> sqlite3.Connection:
        """This thread's connection, for queries outside a transaction."""
        return self.database.conn

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writing transaction; see `immediate`."""
        with immediate(self.database) as db:
            yield db
            if self._audit is not None:
                self._audit(db)

    def close(self) -> None:
        """Close this thread's connection."""
        db: Database | None = getattr(self._local, "db", None)
        if db is not None:
            db.conn.close()
            self._local.db = None
