"""Letters to people: what each wants to be told and where, and the outbox of notices.

A notice is a row from the transaction in which it became due until it is sent, refused for good, or
too late. Every writing function runs inside the caller's transaction.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from jobs.ledger.cells import moment, readable, when
from jobs.model import Role
from jobs.notice_kinds import Channel, Kind
from jobs.telling import Listener, Notice, Told, next_try

_MOST_ERROR = 300
#: Longer than any letter rests: one that is to rest longer was written before the clock was put back.
_LONGEST_REST = timedelta(hours=1)


class NoticeState(enum.StrEnum):
    """Where a letter stands."""

    WAITING = "waiting"
    SENT = "sent"  # the mail server or the webhook has taken it
    REFUSED = "refused"  # it said that it never will
    LATE = "late"  # it could not be sent while it was of use
    DROPPED = "dropped"  # its reader wants it no more


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A letter as it lies in the outbox."""

    id: int
    key: str
    kind: Kind
    channel: Channel
    to: str
    language: str
    login: str  # "" for who has no account
    ref: str
    urgent: bool
    facts: dict[str, str | int]
    created_at: datetime
    expires_at: datetime
    state: NoticeState
    tries: int
    handed: int  # times it was handed over, and nobody knows whether it was taken
    next_at: datetime
    ended_at: datetime | None
    error: str


def _listener(row: sqlite3.Row) -> Listener:
    return Listener(
        login=row["login"],
        role=Role(row["role"]),
        node=row["node"],
        address=row["address"],
        webhook=row["webhook"],
        language=row["language"],
        kinds=msgspec.json.decode(row["kinds"], type=frozenset[Kind]),
        quiet_from_min=row["quiet_from_min"],
        quiet_to_min=row["quiet_to_min"],
        digest_min=row["digest_min"],
    )


_LISTENERS = "select p.role, p.node, t.* from telling t join person p on p.login = t.login"


def listeners(db: sqlite3.Connection) -> tuple[Listener, ...]:
    """Return everybody who has said what she wants to be told."""
    rows = db.execute(f"{_LISTENERS} where t.address != '' or t.webhook != '' order by t.login")
    return readable(_listener, rows.fetchall())


def listeners_at(db: sqlite3.Connection, node: str) -> tuple[Listener, ...]:
    """Return who may be told of a lab: its makers and the stewards."""
    rows = db.execute(
        f"{_LISTENERS} where p.role = ? or (p.role = ? and p.node = ?) order by t.login",
        (Role.STEWARD, Role.MAKER, node),
    )
    return readable(_listener, rows.fetchall())


def listener(db: sqlite3.Connection, login: str) -> Listener | None:
    """Return what a person has said, None where she never has."""
    row = db.execute(f"{_LISTENERS} where t.login = ?", (login,)).fetchone()
    return None if row is None else next(iter(readable(_listener, [row])), None)


def keep_listener(db: sqlite3.Connection, told: Listener, now: datetime) -> None:
    """Keep what a person wants to be told; role and node are her account's."""
    db.execute(
        "insert or replace into telling (login, address, webhook, language, kinds, quiet_from_min,"
        " quiet_to_min, digest_min, changed_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            told.login,
            told.address,
            told.webhook,
            told.language,
            msgspec.json.encode(sorted(told.kinds)).decode(),
            told.quiet_from_min,
            told.quiet_to_min,
            told.digest_min,
            now.isoformat(),
        ),
    )


def write(db: sqlite3.Connection, notices: Iterable[Notice], now: datetime) -> int:
    """Put letters into the outbox; return how many were new. One whose key is there is there already."""
    before = db.total_changes
    db.executemany(
        "insert into notice (key, kind, channel, recipient, language, login, ref, urgent, keys, facts,"
        " created_at, expires_at, state, next_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " on conflict (key) do nothing",
        [
            (
                each.key,
                each.kind,
                each.channel,
                each.to,
                each.language,
                each.login,
                each.ref,
                int(each.urgent),
                msgspec.json.encode(each.keys).decode(),
                msgspec.json.encode(dict(each.facts)).decode(),
                now.isoformat(),
                each.expires_at.isoformat(),
                NoticeState.WAITING,
                now.isoformat(),
            )
            for each in notices
        ],
    )
    return db.total_changes - before


def told_since(db: sqlite3.Connection, since: datetime) -> tuple[Told, ...]:
    """Return what was written down after a time for people with an account."""
    rows = db.execute(
        "select distinct login, kind, created_at, keys from notice"
        " where created_at > ? and login != ''",
        (since.isoformat(),),
    )
    return _told(rows)


def alarms_since(db: sqlite3.Connection, node: str, since: datetime) -> tuple[Told, ...]:
    """Return the alarms of a lab's printers after a time; their `ref` is node/printer."""
    rows = db.execute(
        "select distinct login, kind, created_at, keys from notice"
        " where ref > ? || '/' and ref < ? || '0' and created_at > ? and kind = ?",
        (node, node, since.isoformat(), Kind.ALARM),
    )
    return _told(rows)


def _told(rows: Iterable[sqlite3.Row]) -> tuple[Told, ...]:
    return readable(_told_of, rows)


def _told_of(row: sqlite3.Row) -> Told:
    return Told(
        login=row["login"],
        kind=Kind(row["kind"]),
        at=moment(row["created_at"]),
        keys=msgspec.json.decode(row["keys"], type=frozenset[str]),
    )


def _view(row: sqlite3.Row) -> NoticeView:
    return NoticeView(
        id=row["id"],
        key=row["key"],
        kind=Kind(row["kind"]),
        channel=Channel(row["channel"]),
        to=row["recipient"],
        language=row["language"],
        login=row["login"],
        ref=row["ref"],
        urgent=bool(row["urgent"]),
        facts=msgspec.json.decode(row["facts"], type=dict[str, str | int]),
        created_at=moment(row["created_at"]),
        expires_at=moment(row["expires_at"]),
        state=NoticeState(row["state"]),
        tries=row["tries"],
        handed=row["handed"],
        next_at=moment(row["next_at"]),
        ended_at=when(row["ended_at"]),
        error=row["error"],
    )


def to_send(
    db: sqlite3.Connection, channel: Channel, now: datetime, most: int
) -> tuple[NoticeView, ...]:
    """Return letters whose time has come, alarms first, then the oldest."""
    rows = db.execute(
        "select * from notice where channel = ? and state = 'waiting'"
        " and (next_at <= ? or next_at > ?) order by urgent desc, id limit ?",
        (channel, now.isoformat(), (now + _LONGEST_REST).isoformat(), most),
    )
    return readable(_view, rows.fetchall())


def still_waits(db: sqlite3.Connection, notice_id: int) -> bool:
    """Return whether a letter is still to be sent: its reader may have said no meanwhile."""
    row = db.execute("select state from notice where id = ?", (notice_id,)).fetchone()
    return row is not None and row["state"] == NoticeState.WAITING


def end(
    db: sqlite3.Connection, notice_id: int, state: NoticeState, now: datetime, error: str = ""
) -> None:
    """A letter was sent, or never will be."""
    db.execute(
        "update notice set state = ?, ended_at = ?, tries = tries + ?,"
        " error = case when ? = '' then error else ? end where id = ?",
        (
            state,
            now.isoformat(),
            int(state in (NoticeState.SENT, NoticeState.REFUSED)),
            error,
            error[:_MOST_ERROR],
            notice_id,
        ),
    )


def try_again(
    db: sqlite3.Connection,
    notice: NoticeView,
    error: str,
    now: datetime,
    *,
    in_doubt: bool = False,
) -> None:
    """A letter could not be sent now: later, or never where it is of no use by then.

    `in_doubt`: it was handed over, and may have been taken; else it surely was not.
    """
    tries = notice.tries + 1
    db.execute(
        "update notice set tries = ?, next_at = ?, error = ?, handed = ?"
        " where id = ? and state = 'waiting'",
        (
            tries,
            next_try(tries, now).isoformat(),
            error[:_MOST_ERROR],
            notice.handed + int(in_doubt),
            notice.id,
        ),
    )


def hand(db: sqlite3.Connection, notice: NoticeView) -> None:
    """A letter is about to be handed over: who ends in that moment does not know what became of it."""
    db.execute("update notice set handed = ? where id = ?", (notice.handed + 1, notice.id))


def hold(db: sqlite3.Connection, notice_id: int, until: datetime) -> None:
    """A letter waits for the end of quiet hours."""
    db.execute("update notice set next_at = ? where id = ?", (until.isoformat(), notice_id))


def drop(db: sqlite3.Connection, login: str, now: datetime, greet: tuple[str, str]) -> None:
    """What still waits for a person is not sent: she has chosen anew.

    Only the first letter to an address in `greet`, which is still hers, is sent.
    """
    db.execute(
        "update notice set state = ?, ended_at = ? where login = ? and state = 'waiting'"
        " and not (kind = ? and recipient in (?, ?))",
        (NoticeState.DROPPED, now.isoformat(), login, Kind.HELLO, *greet),
    )


def drop_about(db: sqlite3.Connection, ref: str, now: datetime) -> None:
    """What still waits on one thing is not sent: its reader has no account, and wants it no more."""
    db.execute(
        "update notice set state = ?, ended_at = ? where ref = ? and login = '' and state = 'waiting'",
        (NoticeState.DROPPED, now.isoformat(), ref),
    )


def drop_silence(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """A lab is back: what still waits on its silence is not sent."""
    db.execute(
        "update notice set state = ?, ended_at = ? where ref > ? || '/' and ref < ? || '0' and kind = ?"
        " and state = 'waiting' and json_extract(facts, '$.silent_min') is not null",
        (NoticeState.DROPPED, now.isoformat(), node, node, Kind.ALARM),
    )


def tidy(db: sqlite3.Connection, now: datetime) -> None:
    """Letters that are of no use any more are late; `jobs.coordinator.retention` forgets old ones."""
    db.execute(
        "update notice set state = ?2, ended_at = ?1 where state = 'waiting' and expires_at < ?1",
        (now.isoformat(), NoticeState.LATE),
    )


def last_to(db: sqlite3.Connection, login: str, most: int = 5) -> tuple[NoticeView, ...]:
    """Return the newest letters to a person."""
    rows = db.execute(
        "select * from notice where login = ? order by id desc limit ?", (login, most)
    )
    return readable(_view, rows.fetchall())


def about(db: sqlite3.Connection, refs: Iterable[str]) -> tuple[NoticeView, ...]:
    """Return the letters to people without an account about these orders, the oldest first."""
    known = tuple(sorted(refs))
    marks = ",".join("?" * len(known))
    rows = db.execute(
        f"select * from notice where login = '' and ref in ({marks}) order by id", known
    )
    return readable(_view, rows)


def unsent(db: sqlite3.Connection, since: datetime, most: int = 20) -> tuple[NoticeView, ...]:
    """Return letters that failed: refused or too late since a time, or tried in vain so far."""
    rows = db.execute(
        "select * from notice where (state in (?, ?) and ended_at > ?)"
        " or (state = 'waiting' and tries > 0) order by id desc limit ?",
        (NoticeState.REFUSED, NoticeState.LATE, since.isoformat(), most),
    )
    return readable(_view, rows.fetchall())
