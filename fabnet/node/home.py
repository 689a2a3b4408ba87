"""Whose a journal is: one node's at a time, on one machine, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from fabnet.alone import held_alone
from fabnet.errors import JournalError
from jobs.ledger.store import connect, immediate


def hold(path: Path) -> IO[str]:
    """Hold a journal for one node alone: two with the same grants would print the same thing twice.

    Raises:
        JournalError: another node holds it.
    """
    taken = f"Another node works with {path.parent} already; only one may. Stop it first."
    try:
        return held_alone(path.with_suffix(".lock"), JournalError(taken))
    except OSError as error:
        raise JournalError(f"The journal {path} cannot be used: {error.strerror}") from error


def home_of(path: Path, machine: str) -> str:
    """Return the name of a place on a machine; kept in the journal that lives there."""
    return f"{machine} {path.resolve()}"


def adopt(path: Path, machine: str, place: Path | None = None) -> None:
    """Move a journal to this machine on purpose; `place` is its path from now on, where it is another.

    Raises:
        JournalError: there is no journal here.
    """
    if not path.exists():
        raise JournalError(f"There is no journal at {path} to adopt.")
    db = connect(path)
    with immediate(db) as connection:
        connection.execute(
            "update meta set value = ? where key = 'machine'", (home_of(place or path, machine),)
        )
    db.conn.close()
