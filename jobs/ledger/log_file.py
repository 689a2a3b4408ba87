"""Whether the log beside a SQLite file is that file's own.

SQLite applies a log to whatever file lies beside it. A `ledger.db` that somebody has put in the place
of a newer one, with the newer one's `-wal` left there, becomes a mixture of both; and the log brings
the newer count of transactions along, so that the mark notices nothing (`jobs.ledger.mark`).

Every counted transaction writes its number. A log begins when all before it is in the file: so the
first number in a log is at most one more than that of its file. The log is read as documented in
https://sqlite.org/fileformat2.html; whatever is not as expected proves nothing.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

from jobs.errors import LedgerError

_HEAD, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)
_LEAF = 0x0D  # a table's page that holds rows
_TEXT = 13  # a text of n bytes has the type 13 + 2 n
_KEY = b"writes"


def check(path: Path) -> None:
    """Do nothing if the log beside a file may be its own; nobody may write to it meanwhile.

    Raises:
        LedgerError: it is another one's.
    """
    log = path.with_name(path.name + "-wal")
    if not path.exists() or not log.exists():
        return
    try:
        known = _of_file(path)
        first = None if known is None else _first_in(log, page=known[0])
    except (OSError, sqlite3.Error, struct.error, IndexError, ValueError):
        return
    if known is not None and first is not None and first > known[1] + 1:
        raise LedgerError(
            f"{log} is not the log of {path}: the file ends at change {known[1]}, and the log begins at"
            f" {first}. Somebody has put an older file in the place of the one that this log belongs to."
            f" To go on with the older one, move {log.name} and {path.name}-shm away and start again;"
            " to go on with the newer one, put it back."
        )


def _of_file(path: Path) -> tuple[int, int] | None:
    """Return on which page a file counts, and its last number, without its log."""
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        page = db.execute("select rootpage from sqlite_master where name = 'meta'").fetchone()
        row = db.execute("select value from meta where key = ?", (_KEY.decode(),)).fetchone()
    return None if page is None or row is None else (int(page[0]), int(row[0]))


def _first_in(log: Path, page: int) -> int | None:
    """Return the first number that a log brings for this page; None where it brings none."""
    with log.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        magic, _, size, _, *salt, _, _ = _HEAD.unpack(head)
        if magic not in _MAGIC:
            return None
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            number, _, *mine, _, _ = _FRAME.unpack(frame)
            if mine != salt:
                return None  # what was in the log before it began anew
            if number == page:
                return _count_on(file.read(size))
            file.seek(size, 1)
    return None


def _count_on(page: bytes) -> int | None:
    if page[0] != _LEAF:
        return None
    (cells,) = struct.unpack_from(">H", page, 3)
    for (at,) in struct.iter_unpack(">H", page[8 : 8 + 2 * cells]):
        _, at = _varint(page, at)  # noqa: PLW2901 - the size of the row
        _, at = _varint(page, at)  # noqa: PLW2901 - its number
        begin = at
        size, at = _varint(page, at)  # noqa: PLW2901
        key, at = _varint(page, at)  # noqa: PLW2901
        value, _ = _varint(page, at)
        names, begin = (key - _TEXT) // 2, begin + size
        if page[begin : begin + names] == _KEY:
            begin += names
            return int(page[begin : begin + (value - _TEXT) // 2])
    return None


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """Return a number of SQLite's variable length, and where the next begins."""
    found = 0
    while page[at] & 0x80:
        found, at = found << 7 | page[at] & 0x7F, at + 1
    return found << 7 | page[at], at + 1
