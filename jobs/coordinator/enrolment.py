"""Who may belong to the network: invitations, joining, confirming, revoking, new logins.

A node that has joined waits until a person has compared its fingerprint: till then the broker does
not know its login, and nothing is taken from it. Revoking ends what was not granted; what was
granted stays until a person writes it off, because silence proves nothing.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from jobs.coordinator import restoring
from jobs.coordinator.nodes import RESERVED, logins_changed
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.joining import Enrol, Newcomer, Standing, UsedCodeError, is_login, token_hash
from jobs.ledger import members, streams
from jobs.ledger.cells import moment
from jobs.ledger.members import Member
from jobs.ledger.rows import event, tell
from jobs.ledger.store import Ledger
from jobs.messages import RotateLogin
from jobs.model import Role

INVITE_HOURS = 24
MOST_HOURS = 24 * 14
#: A clock that was ahead is put back by less.
_PUT_BACK = timedelta(days=1)
_MOST_ID = 32
_MOST_LAB = 80


def invite(ledger: Ledger, lab: str, by: str, now: datetime, hours: int = INVITE_HOURS) -> str:
    """Invite a lab; return the token, which is kept nowhere else.

    Raises:
        InvalidFieldError: no name, or a time that is too long.
    """
    lab = _lab_name(lab)
    if not 1 <= hours <= MOST_HOURS:
        raise InvalidFieldError("hours", f"between 1 and {MOST_HOURS}")
    token = secrets.token_urlsafe(16)
    with ledger.transaction() as db:
        db.execute(
            "insert into invite (token_hash, lab, invited_by, created_at, expires_at)"
            " values (?, ?, ?, ?, ?)",
            (
                token_hash(token),
                lab,
                by,
                now.isoformat(),
                (now + timedelta(hours=hours)).isoformat(),
            ),
        )
        event(db, "", "lab-invited", by, lab, now, hours=hours)
    return token


def uninvite(ledger: Ledger, invite_id: str, by: str, now: datetime) -> str:
    """End an invitation that nobody has used; return whose it was. One that has ended stays as it is.

    Raises:
        NotFoundError: there is none of this id.
        RefusedError: somebody has joined with it.
    """
    with ledger.transaction() as db:
        row = db.execute("select * from invite where token_hash = ?", (invite_id,)).fetchone()
        if row is None:
            raise NotFoundError("invitation", invite_id)
        if row["node"] is not None:
            raise RefusedError(
                f"{row['node']} has joined with this invitation: shut it out if nobody knows it."
            )
        # Not now: a clock that is put back would let the code in once more.
        ended = min(now, moment(row["created_at"])) - _PUT_BACK
        sql = "update invite set expires_at = ? where token_hash = ? and expires_at > ?"
        if db.execute(sql, (ended.isoformat(), invite_id, now.isoformat())).rowcount:
            event(db, "", "invitation-withdrawn", by, row["lab"], now)
    return str(row["lab"])


def _lab_name(text: str) -> str:
    lab = text.strip()
    if not lab or len(lab) > _MOST_LAB or not lab.isprintable():
        raise InvalidFieldError("lab", f"write its name, at most {_MOST_LAB} letters")
    return lab


def join(ledger: Ledger, ask: Enrol, now: datetime) -> Member:
    """Let a node in that shows an invitation; it waits then to be confirmed.

    The caller has checked the proof. The same key with the same invitation gets the same answer
    again, however late: a node may be killed between any two steps of joining.

    Raises:
        RefusedError: the invitation is unknown, too old, or was used with another key; the
            sentence says what to do.
        InvalidFieldError: the login is none.
    """
    if not is_login(ask.login):
        raise InvalidFieldError("login", "is none: update fabnet on the node")
    with ledger.transaction() as db:
        row = _invite(db, ask.token)
        if row["node"] is not None:
            found = members.member(db, row["node"])
            if found.public_key != ask.public_key:
                raise UsedCodeError(row["used_at"], found.id)
            return found
        _still_good(row, now)
        return _let_in(db, ask, row, now)


def _invite(db: sqlite3.Connection, token: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "select * from invite where token_hash = ?", (token_hash(token),)
    ).fetchone()
    if row is None:
        raise RefusedError(
            "The coordinator does not know this code: copy it again, or ask for a new one."
        )
    return row


def _still_good(row: sqlite3.Row, now: datetime) -> None:
    if row["expires_at"] <= now.isoformat():
        raise RefusedError(
            f"This code was good until {row['expires_at'][:16]} UTC: ask the coordination team for a new one."
        )


def invitation(ledger: Ledger, token: str, now: datetime) -> str:
    """Return the lab that an invitation is for, while nobody has used it.

    Raises:
        UsedCodeError: somebody has.
        RefusedError: the invitation is unknown or too old; the sentence says what to do.
    """
    row = _invite(ledger.reading, token)
    if row["node"] is not None:
        raise UsedCodeError(row["used_at"], row["node"])
    _still_good(row, now)
    return str(row["lab"])


def join_by_hand(ledger: Ledger, token: str, ask: Newcomer, now: datetime) -> str:
    """Let a maker without software in; return her node, which waits then to be confirmed.

    Account, node and what it is to be are in the ledger at once, and the invitation is used. The
    coordinator makes the node's folder and key from it (`fabnet.hosting`); it has no key before.

    Raises:
        UsedCodeError: the invitation was used, perhaps by the same person a moment ago.
        RefusedError: it is unknown or too old.
        InvalidFieldError: the login is somebody else's already, or the lab has no name.
    """
    with ledger.transaction() as db:
        row = _invite(db, token)
        if row["node"] is not None:
            raise UsedCodeError(row["used_at"], row["node"])
        _still_good(row, now)
        if db.execute("select 1 from person where lower(login) = ?", (ask.login,)).fetchone():
            raise InvalidFieldError("login", "is somebody else's already: choose another one")
        lab = _lab_name(ask.lab)
        node, at = _free_id(db, lab), now.isoformat()
        db.execute(
            "insert into node (id, lab, public_key, created_at, standing, standing_at)"
            " values (?1, ?2, '', ?3, ?4, ?3)",
            (node, lab, at, Standing.PENDING),
        )
        facts = msgspec.json.encode(ask.hosted).decode()
        db.execute("insert into hosted (node, facts) values (?, ?)", (node, facts))
        db.execute(
            "insert into person (login, name, role, password_hash, node, created_at)"
            " values (?1, ?1, ?2, ?3, ?4, ?5)",
            (ask.login, Role.MAKER, ask.password_hash, node, at),
        )
        _use(db, row, node, at)
        event(db, "", "node-joined", ask.login, node, now)
    return node


def keep_key(ledger: Ledger, node: str, public_key: str, login: str) -> None:
    """Keep the key and the login of a hosted node, once; its folder is on the disk already.

    Raises:
        InvalidFieldError: the login is none.
    """
    if not is_login(login):
        raise InvalidFieldError("login", "is none")
    with ledger.transaction() as db:
        db.execute(
            "update node set public_key = ?, login = ?, login_at = created_at"
            " where id = ? and public_key = ''",
            (public_key, login, node),
        )
        logins_changed(db)


def _use(db: sqlite3.Connection, row: sqlite3.Row, node: str, at: str) -> None:
    db.execute(
        "update invite set node = ?, used_at = ? where token_hash = ?",
        (node, at, row["token_hash"]),
    )


def _let_in(db: sqlite3.Connection, ask: Enrol, row: sqlite3.Row, now: datetime) -> Member:
    known = db.execute("select id from node where public_key = ?", (ask.public_key,)).fetchone()
    if known is not None:
        raise RefusedError(
            f"The key in this folder belongs to node {known['id']} already: join into a new folder,"
            " with --out FOLDER behind the command."
        )
    node = _free_id(db, row["lab"])
    at = now.isoformat()
    db.execute(
        "insert into node (id, lab, public_key, created_at, standing, standing_at, login, login_at)"
        " values (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?4)",
        (node, row["lab"], ask.public_key, at, Standing.PENDING, ask.login),
    )
    _use(db, row, node, at)
    event(db, "", "node-joined", node, node, now)
    return members.member(db, node)


def _free_id(db: sqlite3.Connection, lab: str) -> str:
    """Return a name for a node that its people recognise: `Atelier Nord` is `atelier-nord`."""
    plain = unicodedata.normalize("NFKD", lab).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_MOST_ID].strip("-") or "lab"
    taken = {row[0] for row in db.execute("select id from node")} | RESERVED
    number, name = 1, stem
    while name in taken:
        number += 1
        tail = f"-{number}"
        name = stem[: _MOST_ID - len(tail)].strip("-") + tail
    return name


def _stand(
    db: sqlite3.Connection, node: str, standing: Standing, by: str, reason: str, now: datetime
) -> None:
    db.execute(
        "update node set standing = ?, standing_at = ?, standing_by = ?, standing_reason = ?"
        " where id = ?",
        (standing, now.isoformat(), by, reason, node),
    )
    logins_changed(db)


def confirm(ledger: Ledger, node: str, seen: str, by: str, now: datetime) -> None:
    """A person has compared the fingerprint: the node belongs to the network from now on.

    `seen` is the fingerprint that she compared; spaces and case do not matter.

    Raises:
        NotFoundError: there is no such node.
        RefusedError: it does not wait, or its fingerprint is another one.
    """
    with ledger.transaction() as db:
        found = members.member(db, node)
        if found.standing is not Standing.PENDING:
            raise RefusedError(f"{node} is {found.standing} already.")
        if not found.public_key:
            raise RefusedError(f"{node} is being set up here: look again in a minute.")
        if _letters(seen) != _letters(found.fingerprint):
            raise RefusedError(
                f"The fingerprint of {node} is {found.fingerprint}, not {seen}. If the lab shows"
                " another one, do not confirm: somebody else has used its code."
            )
        _stand(db, node, Standing.CONFIRMED, by, "", now)
        event(db, "", "node-confirmed", by, node, now)


def _letters(text: str) -> str:
    return "".join(text.split()).upper()


def revoke(ledger: Ledger, node: str, reason: str, by: str, now: datetime) -> None:
    """Shut a node out for good: its login ends, nothing is taken from it any more.

    What it was not granted goes to others at once; while the books, put back from a backup, wait for it,
    once a steward goes on without it. What it was granted may have been started: that stays until it is
    counted or written off.

    Raises:
        NotFoundError: there is no such node.
        InvalidFieldError: without a reason.
        RefusedError: it was revoked already.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidFieldError("reason", "is needed")
    with ledger.transaction() as db:
        found = members.member(db, node)
        if found.standing is Standing.REVOKED:
            raise RefusedError(f"{node} was revoked already: {found.standing_reason}.")
        shut_out(db, found, reason, by, now)


def shut_out(db: sqlite3.Connection, found: Member, reason: str, by: str, now: datetime) -> None:
    """As `revoke`, inside the caller's transaction, for a node that was not revoked before."""
    _stand(db, found.id, Standing.REVOKED, by, reason, now)
    db.execute("update node set login = '', online = 0 where id = ?", (found.id,))
    streams.restart(db, found.id)
    event(db, "", "node-revoked", by, found.id, now, reason=reason)
    restoring.is_shut_out(db, found.id, now)


def change_login(ledger: Ledger, node: str, number: int, login: str, now: datetime) -> None:
    """Keep a node's next login; the broker takes it within a second.

    The caller has checked the node's signature. A request that comes a second time is refused by its
    number; a node that got no answer asks how it stands, and sends the same password with the next.

    Raises:
        RefusedError: it was revoked, or this is not its next login: an older request, or two at once.
        InvalidFieldError: the login is none.
    """
    if not is_login(login):
        raise InvalidFieldError("login", "is none: update fabnet on the node")
    with ledger.transaction() as db:
        found = members.member(db, node)
        if found.standing is Standing.REVOKED:
            raise RefusedError(f"{node} does not belong to the network any more.")
        if number != found.login_number + 1:
            raise RefusedError(
                f"Login {number} is not the next of {node}: it has {found.login_number}. Try again."
            )
        db.execute(
            "update node set login = ?, login_number = ?, login_at = ? where id = ?",
            (login, number, now.isoformat(), node),
        )
        logins_changed(db)
        event(db, "", "login-changed", node, node, now, number=number)


def ask_to_rotate(ledger: Ledger, node: str, by: str, now: datetime) -> None:
    """Ask a node to make a new password; the old one works until the new one is here.

    Raises:
        NotFoundError: there is no such node.
        RefusedError: it does not belong to the network.
    """
    with ledger.transaction() as db:
        found = members.member(db, node)
        if found.standing is not Standing.CONFIRMED:
            raise RefusedError(f"{node} is {found.standing}: only a confirmed node can be asked.")
        tell(db, node, RotateLogin(), now)
        event(db, "", "rotation-asked", by, node, now)


def import_logins(ledger: Ledger, found: Mapping[str, str]) -> tuple[str, ...]:
    """Take over logins that were kept in a file; return the nodes that they belong to.

    `found` is what the broker keeps of each password, by node.
    """
    taken = []
    with ledger.transaction() as db:
        for node, login in sorted(found.items()):
            if not is_login(login):
                continue
            cursor = db.execute(
                "update node set login = ? where id = ? and login = '' and standing = ?",
                (login, node, Standing.CONFIRMED),
            )
            if cursor.rowcount:
                taken.append(node)
        logins_changed(db)
    return tuple(taken)


def signing_key(ledger: Ledger, node: str) -> str:
    """Return the key of a node that is not revoked: one that waits may ask how it stands.

    Raises:
        NotFoundError: there is no such node.
    """
    found = members.member(ledger.reading, node)
    if found.standing is Standing.REVOKED:
        raise NotFoundError("node", node)
    return found.public_key
