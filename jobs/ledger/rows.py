"""Small writes that several families of use cases share: events, and pieces that change columns.

Every function runs inside the caller's transaction. Pieces move from one figure of the books to
another here and nowhere else, so that each move can be read beside the law it keeps.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from jobs.errors import IllegalTransitionError, NotFoundError
from jobs.ledger import streams
from jobs.ledger.cells import FACTS, UNREADABLE, quoted
from jobs.ledger.members import is_confirmed
from jobs.lifecycle import OVER, AttemptState
from jobs.messages import Down, encode
from jobs.model import AttemptRef, JobState, Reason

_log = logging.getLogger(__name__)

#: No i, l, o, u: codes are read aloud and written on bags.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTER_OF_BYTE = (_LETTERS * 8).encode()


def new_id(length: int = 10) -> str:
    """Return a random id; 10 letters of 32 are 50 bits."""
    return secrets.token_bytes(length).translate(_LETTER_OF_BYTE).decode()


def ran_s(db: sqlite3.Connection) -> float:
    """Return for how long coordinators have run with this ledger while a grant was out, in seconds.

    A clock that no step of the wall clock moves, and that never runs ahead of a node's.
    """
    row = db.execute("select value from meta where key = 'ran_s'").fetchone()
    return 0.0 if row is None else float(row[0])


def has_run(db: sqlite3.Connection, seconds: float) -> None:
    """Count time that has passed, by a clock that only grows; none is counted while none is needed."""
    db.execute(
        "insert into meta (key, value) select 'ran_s', ? where exists"
        f" (select 1 from attempt where state = '{AttemptState.GRANTED}')"
        " on conflict (key) do update set value = value + excluded.value",
        (str(seconds),),
    )


def tell(db: sqlite3.Connection, node: str, message: Down, now: datetime) -> None:
    """Put a message for a node into the outbox; a node that was shut out is told nothing."""
    if not is_confirmed(db, node):
        return
    word, body = encode(message)
    streams.send(db, node, word, body, now)


def event(
    db: sqlite3.Connection,
    order_id: str,
    kind: str,
    actor: str,
    subject: str,
    now: datetime,
    **data: str | float,
) -> None:
    """Write a line of an order's history."""
    db.execute(
        "insert into event (at, order_id, kind, actor, subject, data) values (?, ?, ?, ?, ?, ?)",
        (now.isoformat(), order_id, kind, actor, subject, msgspec.json.encode(data).decode()),
    )


@contextmanager
def apart(db: sqlite3.Connection, what: str) -> Iterator[None]:
    """Do what is about one thing; where something of that cannot be, it alone is undone, and the log names it.

    So one odd row ends no work on all others. What ends every writing, as a full disk, is raised.
    """
    db.execute("savepoint apart")
    try:
        yield
    except (*UNREADABLE, NotFoundError, IllegalTransitionError, sqlite3.IntegrityError) as error:
        db.execute("rollback to apart")
        _log.error(
            "%s is left as it is: something of it in the ledger cannot be used (%s: %s). All else goes on",
            what, type(error).__name__, error, exc_info=error,
        )  # fmt: skip
    db.execute("release apart")


def keep_spool(db: sqlite3.Connection, ref: AttemptRef, spool: str) -> None:
    """An attempt is printed from this spool; of which lot of its maker it is stays known when it is gone."""
    db.execute(
        "update attempt set spool = ?1, maker_lot = coalesce((select"
        f" json_extract({FACTS}, '$.spool.maker_lot') from printer p where p.node = attempt.node"
        f" and p.id = attempt.printer and json_extract({FACTS}, '$.spool.id') = ?1), maker_lot)"
        " where job_id = ?2 and number = ?3",
        (spool, ref.job, ref.number),
    )


def pack_reasons(reasons: Iterable[Reason]) -> str:
    """Write reasons for a column."""
    return msgspec.json.encode(tuple(reasons)).decode()


def add_deficit(
    db: sqlite3.Connection, order_id: str, part_id: str, pieces: int, reason: Reason
) -> None:
    """Pieces that were counted on will not come: they are planned again, but for those that were spare."""
    row = db.execute(
        "select surplus from line where order_id = ? and part_id = ?", (order_id, part_id)
    ).fetchone()
    spare = min(int(row[0]), pieces)
    db.execute(
        "update line set surplus = surplus - ?, deficit = deficit + ? where order_id = ? and part_id = ?",
        (spare, pieces - spare, order_id, part_id),
    )
    if pieces > spare:
        db.execute(
            "update line set reasons = ? where order_id = ? and part_id = ?",
            (pack_reasons([reason]), order_id, part_id),
        )


#: SQL behind the state of an attempt that holds its job; so does one that cannot be read: it may have started.
HOLDS = f"not in ({quoted(OVER)})"


def live_attempt(job: str) -> str:
    """Return SQL that selects the live attempt of the job that the expression `job` names."""
    return f"select 1 from attempt a where a.job_id = {job} and a.state {HOLDS}"


#: SQL of an order `o` of which the lab of a node `n` may start nothing yet; `:now` as ISO 8601 of UTC.
WAITS = "coalesce(o.release > date(:now, n.utc_offset_min || ' minutes'), 0)"


def newest_attempt(job: str) -> str:
    """Return SQL for the number of a job's live attempt, and where it has none of its last one.

    A node may name a number above the live one's: it hides nothing that is going on.
    """
    return (
        f"(select n.number from attempt n where n.job_id = {job}"
        f" order by n.state {HOLDS} desc, n.number desc limit 1)"
    )


def close_job(db: sqlite3.Connection, job_id: str, state: JobState) -> None:
    """The job is not needed any more."""
    db.execute("update job set state = ? where id = ?", (state, job_id))


def absorb(db: sqlite3.Connection, order_id: str, part_id: str, pieces: int) -> None:
    """Pieces exist that nobody counted on: they make up a deficit, then spare jobs, then are surplus."""
    deficit, spare = db.execute(
        "select deficit, surplus from line where order_id = ? and part_id = ?", (order_id, part_id)
    ).fetchone()
    take = min(int(deficit), pieces)
    free = 0
    pieces -= take
    idle = db.execute(
        "select id, pieces from job j where order_id = ? and part_id = ? and state = ?"
        f" and not exists ({live_attempt('j.id')}) order by created_at desc, id",
        (order_id, part_id, JobState.OPEN),
    ).fetchall()
    for job_id, size in idle:
        if free >= pieces:
            break
        close_job(db, job_id, JobState.DISSOLVED)
        free += int(size)
    # What dissolved jobs held beyond the pieces goes back to be planned, but for what was spare before.
    back = max(0, free - pieces)
    covered = min(int(spare), back)
    back, surplus = back - covered, max(0, pieces - free) - covered
    db.execute(
        "update line set deficit = deficit - ? + ?, surplus = surplus + ?"
        " where order_id = ? and part_id = ?",
        (take, back, surplus, order_id, part_id),
    )
