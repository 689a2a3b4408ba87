"""The mark beside a SQLite file: how many transactions it has seen. Tells a copy that was put back.

A ledger or journal that was replaced by an older copy of itself looks whole, and has forgotten what
it has granted or begun since. The mark lies beside it and is not copied with it (`fabnet backup`
leaves it out), so the file that has seen fewer transactions than its mark, or has lost it, has gone
back. Written after each commit without a sync: after a power cut the mark may be too low, which
hides nothing but a copy put back in the same moment.

Who has put the wrong copy back puts back another one. That one may have seen more transactions than
the first has by now, and has forgotten what was done with the first. So a file that has gone back
begins a history of its own, which file and mark name: a file of another history has gone back too.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import threading
from pathlib import Path

_log = logging.getLogger(__name__)
_DIGITS = 20


class Mark:
    """The mark of one file; may be used by several threads.

    Args:
        path: of the SQLite file; the mark is `<path>.mark`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".mark")
        self._lock = threading.Lock()
        self._written = 0
        self._history = ""

    def went_back(self, db: sqlite3.Connection) -> bool:
        """Whether the file has forgotten transactions; begins to count where nobody has counted.

        Call it in a transaction: where it has, a new history begins, and `set` follows the commit.
        """
        row = db.execute("select value from meta where key = 'writes'").fetchone()
        if row is None:
            db.execute("insert into meta (key, value) values ('writes', '0')")
            self._begin_history(db)
            return False
        self._history = _history_of(db)
        back = self._knows_better(int(row[0]))
        if back:
            self._begin_history(db)
        return back

    def _knows_better(self, writes: int) -> bool:
        told = self._read()
        if told is None:
            return writes > 0
        seen, history = told
        return seen > writes or history != self._history

    def _begin_history(self, db: sqlite3.Connection) -> None:
        self._history = secrets.token_hex(8)
        db.execute(
            "insert or replace into meta (key, value) values ('history', ?)", (self._history,)
        )

    def count(self, db: sqlite3.Connection) -> int:
        """Count the transaction that is under way; return the number to `raise_to` after it."""
        row = db.execute(
            "update meta set value = value + 1 where key = 'writes' returning value"
        ).fetchone()
        return int(row[0])

    def raise_to(self, n: int) -> None:
        """Keep that transaction `n` was committed."""
        with self._lock:
            if n > self._written:
                self._write(n)

    def set(self, db: sqlite3.Connection) -> None:
        """Begin anew from what the file knows, whatever the mark said before."""
        row = db.execute("select value from meta where key = 'writes'").fetchone()
        with self._lock:
            self._write(int(row[0]), synced=True)

    def _read(self) -> tuple[int, str] | None:
        """Return the number and the history; marks of earlier releases name none."""
        try:
            number, _, history = self._path.read_text(encoding="ascii").partition(" ")
            return int(number), history
        except (OSError, ValueError):
            return None

    def _write(self, n: int, *, synced: bool = False) -> None:
        text = f"{n:0{_DIGITS}d} {self._history}" if self._history else f"{n:0{_DIGITS}d}"
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                fresh = os.fstat(handle).st_size == 0
                os.pwrite(handle, text.encode(), 0)
                if fresh or synced:
                    # After a power cut an empty mark would look like a lost one, and one of the
                    # history before like another file's.
                    os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            _log.warning("the mark %s cannot be written: %s", self._path, error.strerror)
            return
        self._written = n


def _history_of(db: sqlite3.Connection) -> str:
    row = db.execute("select value from meta where key = 'history'").fetchone()
    return "" if row is None else str(row[0])
