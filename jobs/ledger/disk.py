"""What an error tells of the disk: that it is full, or cannot be written."""

from __future__ import annotations

import enum
import errno
import os
import sqlite3
from pathlib import Path

_LEAST_FREE_BYTES = 1 << 20
_FAULTS = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})


class DiskTrouble(enum.StrEnum):
    """What keeps a ledger or a journal from being written."""

    NONE = ""
    FULL = "full"
    FAILS = "fails"  # it is read-only, or broken


_OF_FILES = {
    errno.ENOSPC: DiskTrouble.FULL,
    errno.EDQUOT: DiskTrouble.FULL,
    errno.EROFS: DiskTrouble.FAILS,
    errno.EIO: DiskTrouble.FAILS,
}


def trouble_of(error: Exception, folder: Path) -> DiskTrouble:
    """Return what an error, of SQLite or of a file, tells of the disk on which a folder lies."""
    if isinstance(error, OSError):
        return _OF_FILES.get(error.errno or 0, DiskTrouble.NONE)
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return DiskTrouble.FULL
    if not isinstance(error, sqlite3.Error) or primary not in _FAULTS:
        return DiskTrouble.NONE
    # A log that cannot be made longer is told as a fault of the disk, too.
    told = os.statvfs(folder)
    full = told.f_bavail * told.f_frsize < _LEAST_FREE_BYTES
    return DiskTrouble.FULL if full and not told.f_flag & os.ST_RDONLY else DiskTrouble.FAILS
