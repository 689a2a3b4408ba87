"""People who sign in. Leaves passwords' hashing and sessions to `web.auth`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.joining import NOT_LET_IN
from jobs.ledger import cells
from jobs.ledger.members import is_confirmed
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger
from jobs.model import Role

#: Of one lab, made by the word of its node.
MOST_ACCOUNTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account."""

    login: str
    name: str
    role: Role
    password_hash: str
    node: str  # the maker's own node, "" for others


def add_person(
    ledger: Ledger,
    login: str,
    name: str,
    role: Role,
    password_hash: str,
    node: str,
    now: datetime,
) -> None:
    """Make an account, or change the one of this login.

    Raises:
        InvalidFieldError: empty login, or a maker without a node.
    """
    if not login.strip():
        raise InvalidFieldError("login", "may not be empty")
    if role is Role.MAKER and not node:
        raise InvalidFieldError("node", "a maker belongs to a node")
    with ledger.transaction() as db:
        db.execute(
            "insert into person (login, name, role, password_hash, node, created_at)"
            " values (?, ?, ?, ?, ?, ?) on conflict (login) do update set name = excluded.name,"
            " role = excluded.role, password_hash = excluded.password_hash, node = excluded.node",
            (login, name, role, password_hash, node, now.isoformat()),
        )


def has_people(ledger: Ledger) -> bool:
    """Return whether anybody has an account."""
    return ledger.reading.execute("select 1 from person limit 1").fetchone() is not None


def has_person(ledger: Ledger, login: str) -> bool:
    """Return whether somebody has this login."""
    row = ledger.reading.execute("select 1 from person where login = ?", (login,)).fetchone()
    return row is not None


def open_account(ledger: Ledger, login: str, password_hash: str, node: str, now: datetime) -> None:
    """Make a maker's account by the word of her node, or give hers a new password.

    Raises:
        RefusedError: the node does not belong to the network, or its lab has many accounts already.
        InvalidFieldError: somebody else has this login.
    """
    with ledger.transaction() as db:
        if not is_confirmed(db, node):
            raise RefusedError(NOT_LET_IN)
        row = db.execute(
            "select login, node, role from person where lower(login) = ?", (login,)
        ).fetchone()
        if row is not None and (row["node"], row["role"]) != (node, Role.MAKER):
            raise InvalidFieldError("login", "is somebody else's already: choose another one")
        hers = db.execute("select count(*) from person where node = ?", (node,)).fetchone()[0]
        if row is None and hers >= MOST_ACCOUNTS:
            raise RefusedError(f"This lab has {hers} accounts already, which is as many as may be.")
        db.execute(
            "insert into person (login, name, role, password_hash, node, created_at)"
            " values (?1, ?1, ?2, ?3, ?4, ?5)"
            " on conflict (login) do update set password_hash = excluded.password_hash",
            (row["login"] if row else login, Role.MAKER, password_hash, node, now.isoformat()),
        )
        event(db, "", "account-opened", node, login, now)


def person(ledger: Ledger, login: str) -> Person:
    """Return the account of this login.

    Raises:
        NotFoundError: there is none.
    """
    row = ledger.reading.execute("select * from person where login = ?", (login,)).fetchone()
    if row is None:
        raise NotFoundError("person", login)
    return Person(
        login=row["login"],
        name=row["name"],
        role=cells.word(Role, row["role"]),
        password_hash=row["password_hash"],
        node=row["node"],
    )


def name_of(ledger: Ledger, login: str) -> str:
    """Return what a person is called; what stands in her place when she has left."""
    try:
        return person(ledger, login).name
    except NotFoundError:
        return login
