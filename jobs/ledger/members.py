"""Who belongs to the network: how each node stands, its key, its login; invitations still open."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import msgspec

from jobs.errors import NotFoundError
from jobs.joining import Hosted, Standing, fingerprint
from jobs.ledger.cells import moment, readable, when, word


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node as the coordination team sees it."""

    id: str
    lab: str
    public_key: str  # base64 of the raw Ed25519 key, "" in ledgers of tests
    standing: Standing
    joined_at: datetime
    standing_at: datetime | None  # None where it was let in by hand
    standing_by: str
    standing_reason: str
    login_number: int  # grows by one with every rotation
    login_at: datetime | None
    online: bool

    @property
    def fingerprint(self) -> str:
        """What two people compare before the node is confirmed."""
        return fingerprint(self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedNode:
    """A node that the coordinator runs for a maker who joined on her phone."""

    id: str
    lab: str
    joined_at: datetime
    facts: Hosted


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """An invitation that nobody has used yet."""

    id: str  # made from its token, which it does not tell
    lab: str
    invited_by: str
    expires_at: datetime


def members(db: sqlite3.Connection) -> tuple[Member, ...]:
    """Return all nodes that ever joined, those that wait first."""
    rows = db.execute(
        "select * from node order by standing != ?, standing = ?, lab, id",
        (Standing.PENDING, Standing.REVOKED),
    )
    return tuple(map(_member, rows.fetchall()))


def member(db: sqlite3.Connection, node: str) -> Member:
    """Return one node.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = db.execute("select * from node where id = ?", (node,)).fetchone()
    if row is None:
        raise NotFoundError("node", node)
    return _member(row)


def _member(row: sqlite3.Row) -> Member:
    return Member(
        id=row["id"],
        lab=row["lab"],
        public_key=row["public_key"],
        standing=word(Standing, row["standing"]),
        joined_at=moment(row["created_at"]),
        standing_at=when(row["standing_at"]),
        standing_by=row["standing_by"],
        standing_reason=row["standing_reason"],
        login_number=row["login_number"],
        login_at=when(row["login_at"]),
        online=bool(row["online"]),
    )


def hosted(db: sqlite3.Connection, *, keyless: bool = False) -> tuple[HostedNode, ...]:
    """Return the nodes that makers without software joined with; or those whose folder is to be made."""
    rows = db.execute(
        "select h.node, h.facts, n.lab, n.created_at from hosted h join node n on n.id = h.node"
        " where n.public_key = '' or not ? order by h.node",
        (keyless,),
    )
    return readable(_hosted, rows)


def _hosted(row: sqlite3.Row) -> HostedNode:
    return HostedNode(
        id=row["node"],
        lab=row["lab"],
        joined_at=moment(row["created_at"]),
        facts=msgspec.json.decode(row["facts"], type=Hosted),
    )


def not_members(db: sqlite3.Connection) -> frozenset[str]:
    """Return the nodes that wait to be confirmed, or were shut out."""
    rows = db.execute("select id from node where standing != ?", (Standing.CONFIRMED,))
    return frozenset(row[0] for row in rows)


def is_confirmed(db: sqlite3.Connection, node: str) -> bool:
    """Return whether a node belongs to the network now."""
    row = db.execute(
        "select 1 from node where id = ? and standing = ?", (node, Standing.CONFIRMED)
    ).fetchone()
    return row is not None


def open_invites(db: sqlite3.Connection, now: datetime) -> tuple[Invite, ...]:
    """Return the invitations that can still be used."""
    rows = db.execute(
        "select * from invite where node is null and expires_at > ? order by expires_at",
        (now.isoformat(),),
    )
    return tuple(
        Invite(
            id=r["token_hash"],
            lab=r["lab"],
            invited_by=r["invited_by"],
            expires_at=moment(r["expires_at"]),
        )
        for r in rows
    )


def logins(db: sqlite3.Connection) -> Mapping[str, str]:
    """Return what the broker keeps of each confirmed node's password, by node."""
    rows = db.execute(
        "select id, login from node where standing = ? and login != ''", (Standing.CONFIRMED,)
    )
    return MappingProxyType({row[0]: row[1] for row in rows})


def logins_version(db: sqlite3.Connection) -> str:
    """Return a word that is another one whenever `logins` may be."""
    row = db.execute("select value from meta where key = 'logins'").fetchone()
    return "" if row is None else str(row[0])
