"""People who sign in. Leaves passwords' hashing and sessions to `web.auth`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger.store import Ledger
from jobs.model import Role


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
        role=Role(row["role"]),
        password_hash=row["password_hash"],
        node=row["node"],
    )


def name_of(ledger: Ledger, login: str) -> str:
    """Return what a person is called; what stands in her place when she has left."""
    try:
        return person(ledger, login).name
    except NotFoundError:
        return login
