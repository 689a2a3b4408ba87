"""Whose a journal is: one node's at a time, on one machine, in one folder."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from fabnet.errors import JournalError
from jobs.ledger.store import connect, immediate


def held_alone(path: Path) -> IO[str]:
    """Hold a journal for one node alone: two with the same grants would print the same thing twice.

    Linux lets go of it when the process ends.

    Raises:
        JournalError: another node holds it.
    """
    try:
        handle = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise JournalError(
            f"Another node works with {path.parent} already; only one may. Stop it first."
        ) from error
    return handle


def home_of(path: Path, machine: str) -> str:
    """Return the name of a place on a machine; kept in the journal that lives there."""
    return f"{machine} {path.resolve()}"


def adopt(path: Path, machine: str) -> None:
    """Move a journal to this machine on purpose.

    Raises:
        JournalError: there is no journal here.
    """
    if not path.exists():
        raise JournalError(f"There is no journal at {path} to adopt.")
    db = connect(path)
    with immediate(db) as connection:
        connection.execute(
            "update meta set value = ? where key = 'machine'", (home_of(path, machine),)
        )
    db.conn.close()
