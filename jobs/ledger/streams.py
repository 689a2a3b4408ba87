"""Reliable streams over a lossy pipe: an outbox and an inbox cursor in the same database.

A message is a row of the sender's outbox, written in the transaction of the state change it
tells of, until the receiver has acknowledged it. The receiver applies `cursor + 1` only, in one
transaction with the cursor. So each message is applied once, in order, whatever the broker or a
crash does. Used by the ledger and, with the same tables, by a node's journal; the functions run
inside the caller's transaction.
"""

from __future__ import annotations

import enum
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime


class Arrival(enum.Enum):
    """What to do with a message that came in."""

    APPLY = enum.auto()  # the next one; the cursor stands behind it now
    DUPLICATE = enum.auto()  # applied before: acknowledge again
    GAP = enum.auto()  # an earlier one is missing: wait, say nothing
    STALE = enum.auto()  # of a stream that has ended: drop
    NEW_STREAM = enum.auto()  # as APPLY, and the peer has begun anew: it lost its memory


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A message that the peer has not acknowledged."""

    peer: str
    stream: str
    n: int
    id: str
    type: str
    body: bytes
    at: str


def send(db: sqlite3.Connection, peer: str, kind: str, body: bytes, now: datetime) -> int:
    """Put a message into the outbox and return its number in the peer's stream."""
    row = db.execute(
        "insert into stream_out (peer, stream, last_n) values (?, ?, 1)"
        " on conflict (peer) do update set last_n = last_n + 1 returning last_n",
        (peer, secrets.token_hex(8)),
    ).fetchone()
    n = int(row[0])
    db.execute(
        "insert into outbox (peer, n, id, type, body, at) values (?, ?, ?, ?, ?, ?)",
        (peer, n, secrets.token_hex(10), kind, body, now.isoformat()),
    )
    return n


def unacknowledged(db: sqlite3.Connection, peer: str, limit: int) -> tuple[OutboxRow, ...]:
    """Return the oldest messages that the peer has not acknowledged, in order."""
    rows = db.execute(
        "select o.peer, s.stream, o.n, o.id, o.type, o.body, o.at from outbox o"
        " join stream_out s on s.peer = o.peer where o.peer = ? order by o.n limit ?",
        (peer, limit),
    )
    return tuple(
        OutboxRow(peer=r[0], stream=r[1], n=r[2], id=r[3], type=r[4], body=r[5], at=r[6])
        for r in rows
    )


def peers_with_mail(db: sqlite3.Connection) -> tuple[str, ...]:
    """Return all peers that have unacknowledged messages."""
    return tuple(r[0] for r in db.execute("select distinct peer from outbox order by peer"))


def acknowledged(db: sqlite3.Connection, peer: str, stream: str, n: int) -> bool:
    """Forget messages up to `n`; return whether there were any. Acks of other streams do nothing."""
    cursor = db.execute(
        "delete from outbox where peer = ? and n <= ?"
        " and exists (select 1 from stream_out s where s.peer = outbox.peer and s.stream = ?)",
        (peer, n, stream),
    )
    return cursor.rowcount > 0


def arrive(db: sqlite3.Connection, peer: str, stream: str, n: int) -> Arrival:
    """Decide on a message by its place in its stream, and move the cursor if it is to be applied."""
    row = db.execute("select stream, cursor from stream_in where peer = ?", (peer,)).fetchone()
    if row is None:
        if n != 1:
            return Arrival.GAP
        db.execute("insert into stream_in (peer, stream, cursor) values (?, ?, 1)", (peer, stream))
        return Arrival.APPLY
    known, cursor = str(row[0]), int(row[1])
    if stream != known:
        return _begin_anew(db, peer, known, stream, n)
    if n <= cursor:
        return Arrival.DUPLICATE
    if n > cursor + 1:
        return Arrival.GAP
    db.execute("update stream_in set cursor = ? where peer = ?", (n, peer))
    return Arrival.APPLY


def _begin_anew(db: sqlite3.Connection, peer: str, old: str, new: str, n: int) -> Arrival:
    retired = db.execute(
        "select 1 from stream_retired where peer = ? and stream = ?", (peer, new)
    ).fetchone()
    # A late duplicate of a stream that has ended must not bring it back to life.
    if retired or n != 1:
        return Arrival.STALE
    db.execute("insert into stream_retired (peer, stream) values (?, ?)", (peer, old))
    db.execute("update stream_in set stream = ?, cursor = 1 where peer = ?", (new, peer))
    return Arrival.NEW_STREAM


def cursor_of(db: sqlite3.Connection, peer: str) -> tuple[str, int]:
    """Return the stream that is being read from the peer and how far, ("", 0) before the first."""
    row = db.execute("select stream, cursor from stream_in where peer = ?", (peer,)).fetchone()
    return ("", 0) if row is None else (str(row[0]), int(row[1]))


def stream_of(db: sqlite3.Connection, peer: str) -> tuple[str, int]:
    """Return our own stream to the peer and its last number, ("", 0) before the first."""
    row = db.execute("select stream, last_n from stream_out where peer = ?", (peer,)).fetchone()
    return ("", 0) if row is None else (str(row[0]), int(row[1]))


def dead_letter(
    db: sqlite3.Connection,
    peer: str,
    stream: str,
    n: int,
    kind: str,
    body: bytes,
    error: str,
    now: datetime,
) -> None:
    """Keep a message that could not be applied; the cursor has passed it, so it blocks nobody."""
    db.execute(
        "insert into dead_letter (peer, stream, n, type, body, error, at) values (?,?,?,?,?,?,?)",
        (peer, stream, n, kind, body, error, now.isoformat()),
    )


def restart(db: sqlite3.Connection, peer: str) -> None:
    """Begin a new stream to a peer that has lost its cursor; what it had not read is void."""
    db.execute("delete from outbox where peer = ?", (peer,))
    db.execute(
        "update stream_out set stream = ?, last_n = 0 where peer = ?", (secrets.token_hex(8), peer)
    )
