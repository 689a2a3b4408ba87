"""Reliable streams over a lossy pipe: an outbox and an inbox cursor in the same database.

A message is a row of the sender's outbox, written in the transaction of the state change it
tells of, until the receiver has acknowledged it. The receiver applies `cursor + 1` only, in one
transaction with the cursor. So each message is applied once, in order, whatever the broker or a
crash does. Used by the ledger and, with the same tables, by a node's journal; the functions run
inside the caller's transaction.

A side whose file was put back from a copy, or that has a twin, does not notice by itself. So every
message says up to where its receiver has acknowledged (`floor`), and every acknowledgement names the
message that it stands on: who reads of something that it did itself and does not remember has gone
back (`Arrival.BEHIND`, `Acked.FOREIGN`). Neither can be feigned by a late duplicate.
"""

from __future__ import annotations

import enum
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import LedgerError

#: What is kept of one peer: it is to be looked at, and a peer that sends nonsense must not fill the disk.
_DEAD_LETTERS = 500
_DEAD_BYTES = 4096
#: Ended streams of one peer. A late duplicate is minutes old; so many journals nobody loses in minutes.
_RETIRED = 1000


class Arrival(enum.Enum):
    """What to do with a message that came in."""

    APPLY = enum.auto()  # the next one; the cursor stands behind it now
    DUPLICATE = enum.auto()  # applied before: acknowledge again
    GAP = enum.auto()  # an earlier one is missing: wait, say nothing
    STALE = enum.auto()  # of a stream that has ended: drop
    NEW_STREAM = enum.auto()  # as APPLY, and the peer has begun anew: it lost its memory
    BEHIND = enum.auto()  # we have acknowledged more than we remember: our memory went back


class Acked(enum.Enum):
    """What an acknowledgement did."""

    NOTHING = enum.auto()  # known before, or of another stream
    FORGOTTEN = enum.auto()  # messages left the outbox
    FOREIGN = enum.auto()  # the peer has read what we do not remember to have sent


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
    floor: int  # the peer has acknowledged up to here


def send(db: sqlite3.Connection, peer: str, kind: str, body: bytes, now: datetime) -> int:
    """Put a message into the outbox and return its number in the peer's stream."""
    row = db.execute(
        "insert into stream_out (peer, stream, last_n) values (?, ?, 1)"
        " on conflict (peer) do update set last_n = last_n + 1 returning last_n",
        (peer, _name("")),
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
        "select o.peer, s.stream, o.n, o.id, o.type, o.body, o.at, s.acked_n from outbox o"
        " join stream_out s on s.peer = o.peer where o.peer = ? order by o.n limit ?",
        (peer, limit),
    )
    return tuple(
        OutboxRow(
            peer=r[0], stream=r[1], n=r[2], id=r[3], type=r[4], body=r[5], at=r[6], floor=r[7]
        )
        for r in rows
    )


def unread(db: sqlite3.Connection, peer: str) -> int:
    """Return how many messages the peer has not acknowledged."""
    row = db.execute("select last_n - acked_n from stream_out where peer = ?", (peer,)).fetchone()
    return 0 if row is None else int(row[0])


def acknowledged(db: sqlite3.Connection, peer: str, stream: str, n: int, id: str = "") -> Acked:  # noqa: A002
    """Forget messages up to `n`, which the peer says is message `id`. Other streams' do nothing."""
    row = db.execute(
        "select stream, last_n, acked_n, acked_id from stream_out where peer = ?", (peer,)
    ).fetchone()
    if row is None or row[0] != stream or n < row[2]:
        return Acked.NOTHING
    if n > row[1]:
        return Acked.FOREIGN
    if n == row[2]:
        return Acked.FOREIGN if id and row[3] and id != row[3] else Acked.NOTHING
    own = db.execute("select id from outbox where peer = ? and n = ?", (peer, n)).fetchone()
    if own is None or (id and own[0] != id):
        return Acked.FOREIGN
    db.execute("delete from outbox where peer = ? and n <= ?", (peer, n))
    db.execute("update stream_out set acked_n = ?, acked_id = ? where peer = ?", (n, own[0], peer))
    return Acked.FORGOTTEN


def arrive(
    db: sqlite3.Connection,
    peer: str,
    stream: str,
    n: int,
    id: str = "",  # noqa: A002 - the field's name on the wire
    floor: int = 0,
    *,
    may_begin: bool = True,
) -> Arrival:
    """Decide on one message, see `Reading.arrive`, and move the cursor if it is to be applied."""
    reading = Reading(db, (peer,))
    found = reading.arrive(peer, stream, n, id, floor, may_begin=may_begin)
    reading.write()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a peer's stream was read; `n` 0 before its first message."""

    stream: str
    n: int
    id: str  # of message n


_UNREAD = Cursor(stream="", n=0, id="")
#: Parameters of one statement; SQLite takes 32,766.
_PEERS = 1000


class Reading:
    """The streams of some peers while a transaction reads them: looked up once, written once.

    A statement for each message would cost more than all else that is done with it: at each one
    Python's threads change places. So the transaction of a reading ends with `write`, and nobody
    else ends a stream meanwhile, except between `write` and `look`.
    """

    def __init__(self, db: sqlite3.Connection, peers: Iterable[str]) -> None:
        self._db = db
        self._at: dict[str, Cursor] = {}
        self._moved: set[str] = set()
        self.look(peers)

    def look(self, peers: Iterable[str]) -> None:
        """Look up where the streams of these peers stand."""
        asked = sorted(set(peers))
        for begin in range(0, len(asked), _PEERS):
            some = asked[begin : begin + _PEERS]
            for peer in some:
                self._at.pop(peer, None)
            rows = self._db.execute(
                "select peer, stream, cursor, last_id from stream_in"
                f" where peer in ({','.join('?' * len(some))})",
                some,
            )
            self._at.update((row[0], Cursor(stream=row[1], n=row[2], id=row[3])) for row in rows)

    def at(self, peer: str) -> Cursor:
        """Return what is to be acknowledged to a peer, once the transaction is committed."""
        return self._at.get(peer, _UNREAD)

    def arrive(
        self,
        peer: str,
        stream: str,
        n: int,
        id: str = "",  # noqa: A002 - the field's name on the wire
        floor: int = 0,
        *,
        may_begin: bool = True,
    ) -> Arrival:
        """Decide on a message by its place in its stream, and move the cursor if it is to be applied.

        `floor` is the number up to which the sender has our acknowledgement. `may_begin` says whether
        the sender has been heard of in our own time: a late duplicate of a stream that a file put back
        from a copy has forgotten must not begin it anew.
        """
        at = self._at.get(peer)
        if at is None or stream != at.stream:
            new = _is_new(self._db, peer, stream, n, floor, may_begin=may_begin)
            if new is not Arrival.APPLY:
                return new
            self._moved.discard(peer)
            self._at[peer] = Cursor(stream=stream, n=1, id=id)
            return _begin_anew(self._db, peer, at.stream if at else None, stream, id)
        if n <= at.n:
            return Arrival.DUPLICATE
        if floor > at.n:
            return Arrival.BEHIND
        if n > at.n + 1:
            return Arrival.GAP
        self._at[peer] = Cursor(stream=stream, n=n, id=id)
        self._moved.add(peer)
        return Arrival.APPLY

    def write(self) -> None:
        """Keep how far the streams were read.

        Raises:
            LedgerError: somebody else has ended one of them.
        """
        if not self._moved:
            return
        rows = [
            (at.n, at.id, peer, at.stream) for peer, at in self._at.items() if peer in self._moved
        ]
        self._moved.clear()
        done = self._db.executemany(
            "update stream_in set cursor = ?, last_id = ? where peer = ? and stream = ?", rows
        )
        if done.rowcount != len(rows):
            raise LedgerError("a stream was ended while it was read")


def _is_new(
    db: sqlite3.Connection, peer: str, stream: str, n: int, floor: int, *, may_begin: bool
) -> Arrival:
    """Return APPLY for the first message of a stream that has not been read."""
    retired = db.execute(
        "select 1 from stream_retired where peer = ? and stream = ?", (peer, stream)
    ).fetchone()
    # A late duplicate of a stream that has ended must not bring it back to life.
    if retired:
        return Arrival.STALE
    if floor > 0:
        # Nobody can read it any more; whoever hears of it begins a new one.
        _retire(db, peer, stream)
        return Arrival.BEHIND
    return Arrival.APPLY if n == 1 and may_begin else Arrival.GAP


def _begin_anew(db: sqlite3.Connection, peer: str, old: str | None, new: str, id: str) -> Arrival:  # noqa: A002
    if old is not None:
        _retire(db, peer, old)
    db.execute(
        "insert into stream_in (peer, stream, cursor, last_id) values (?, ?, 1, ?)"
        " on conflict (peer) do update set stream = excluded.stream, cursor = 1,"
        " last_id = excluded.last_id",
        (peer, new, id),
    )
    return Arrival.APPLY if old is None else Arrival.NEW_STREAM


def _retire(db: sqlite3.Connection, peer: str, stream: str) -> None:
    db.execute(
        "insert into stream_retired (peer, stream) values (?, ?) on conflict do nothing",
        (peer, stream),
    )
    db.execute(
        "delete from stream_retired where peer = ?1 and rowid <= (select rowid from stream_retired"
        " where peer = ?1 order by rowid desc limit 1 offset ?2)",
        (peer, _RETIRED),
    )


def read_no_more(db: sqlite3.Connection, peer: str) -> None:
    """End the stream that is being read from a peer: its next words are the first of a new one."""
    row = db.execute("select stream from stream_in where peer = ?", (peer,)).fetchone()
    if row is not None:
        _retire(db, peer, str(row[0]))
        db.execute("delete from stream_in where peer = ?", (peer,))


def cursor_of(db: sqlite3.Connection, peer: str) -> Cursor:
    """Return what is to be acknowledged to a peer."""
    row = db.execute(
        "select stream, cursor, last_id from stream_in where peer = ?", (peer,)
    ).fetchone()
    if row is None:
        return _UNREAD
    return Cursor(stream=str(row[0]), n=int(row[1]), id=str(row[2]))


def stream_of(db: sqlite3.Connection, peer: str) -> tuple[str, int]:
    """Return our own stream to the peer and its last number, ("", 0) before the first."""
    row = db.execute("select stream, last_n from stream_out where peer = ?", (peer,)).fetchone()
    return ("", 0) if row is None else (str(row[0]), int(row[1]))


def is_lost_on(db: sqlite3.Connection, peer: str, reading: str) -> bool:
    """Whether a peer that reads stream `reading` has forgotten that it began to read ours."""
    row = db.execute("select stream, acked_n from stream_out where peer = ?", (peer,)).fetchone()
    return row is not None and row[1] > 0 and row[0] != reading


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
        (peer, stream, n, kind, body[:_DEAD_BYTES], error[:_DEAD_BYTES], now.isoformat()),
    )
    db.execute(
        "delete from dead_letter where peer = ?1 and id <= (select id from dead_letter"
        " where peer = ?1 order by id desc limit 1 offset ?2)",
        (peer, _DEAD_LETTERS),
    )


def restart(db: sqlite3.Connection, peer: str) -> None:
    """Begin a new stream to a peer that has lost its cursor; what it had not read is void."""
    db.execute("delete from outbox where peer = ?", (peer,))
    _new_stream(db, peer, 0)


def renumber(db: sqlite3.Connection, peer: str) -> None:
    """Begin a new stream to a peer, with what it has not acknowledged as its first messages."""
    rows = db.execute("select n from outbox where peer = ? order by n", (peer,)).fetchall()
    # Downwards in order: no number is taken twice on the way, since each is at least its place.
    db.executemany(
        "update outbox set n = ? where peer = ? and n = ?",
        [(place, peer, row[0]) for place, row in enumerate(rows, 1)],
    )
    _new_stream(db, peer, len(rows))


def _new_stream(db: sqlite3.Connection, peer: str, last_n: int) -> None:
    old, _ = stream_of(db, peer)
    db.execute(
        "insert into stream_out (peer, stream, last_n) values (?, ?, ?) on conflict (peer) do update"
        " set stream = excluded.stream, last_n = excluded.last_n, acked_n = 0, acked_id = ''",
        (peer, _name(old), last_n),
    )


def _name(before: str) -> str:
    """Name a stream that follows another; the later of two is greater, see `is_later`."""
    return f"{_place(before) + 1:06x}{secrets.token_hex(6)}"


def _place(stream: str) -> int:
    try:
        return int(stream[:6], 16)
    except ValueError:
        return 0


def is_later(stream: str, than: str) -> bool:
    """Whether a sender has begun one of its streams after another, as long as its file is whole."""
    return _place(stream) > _place(than)
