"""The mark beside a SQLite file: how many transactions it has seen. Tells a copy that was put back.

A ledger or journal that was replaced by an older copy of itself looks whole, and has forgotten what
it has granted or begun since. The mark lies beside it and is not copied with it (`fabnet backup`
leaves it out), so the file that has seen fewer transactions than its mark, or has lost it, has gone
back. Written after each commit without a sync: after a power cut the mark may be too low, which
hides nothing but a copy put back in the same moment.
"""

from __future__ import annotations

import logging
import os
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

    def went_back(self, db: sqlite3.Connection) -> bool:
        """Whether the file has forgotten transactions; begins to count where nobody has counted."""
        row = db.execute("select value from meta where key = 'writes'").fetchone()
        if row is None:
            db.execute("insert into meta (key, value) values ('writes', '0')")
            return False
        seen = self._read()
        return int(row[0]) > 0 if seen is None else seen > int(row[0])

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
            self._write(int(row[0]))

    def _read(self) -> int | None:
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _write(self, n: int) -> None:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                fresh = os.fstat(handle).st_size == 0
                os.pwrite(handle, f"{n:0{_DIGITS}d}".encode(), 0)
                if fresh:
                    # An empty mark after a power cut would look like a lost one.
                    os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            _log.warning("the mark %s cannot be written: %s", self._path, error.strerror)
            return
        self._written = n
