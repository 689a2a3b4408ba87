"""Who is asking, and what may she do: passwords, sessions, the permission table.

Every endpoint has a line in `PERMISSIONS`; one without is refused for everybody. The account is
read from the ledger with every request, so a changed role or password counts at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, Response, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator.people import Person, person
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.joining import LEAST_PASSWORD
from jobs.model import Role
from web.context import here

PUBLIC: Final = "public"
_ALL: Final = frozenset(Role) - {Role.UNKNOWN}
_STEWARD: Final = frozenset({Role.STEWARD})
_MAKER: Final = frozenset({Role.MAKER})
_BEDS: Final = frozenset({Role.MAKER, Role.STEWARD})
_HUB: Final = frozenset({Role.INSPECTOR, Role.STEWARD})

PERMISSIONS: Mapping[str, frozenset[Role] | Literal["public"]] = MappingProxyType(
    {
        "static": PUBLIC,
        "healthz": PUBLIC,
        "requesters.home": PUBLIC,
        "requesters.ask": PUBLIC,
        "requesters.follow": PUBLIC,  # whoever holds the secret link
        "requesters.follow_live": PUBLIC,
        "requesters.receive": PUBLIC,
        "requesters.recalled": PUBLIC,
        "requesters.need": PUBLIC,
        "designs.index": PUBLIC,
        "designs.show": PUBLIC,
        "designs.picture": PUBLIC,
        "designs.mesh": PUBLIC,
        "designs.pattern": PUBLIC,
        "designs.download": PUBLIC,
        "designs.document": _HUB,
        "designs.add": _STEWARD,
        "designs.gaps": _STEWARD,
        "designs.withdraw": _STEWARD,
        "designs.choose_profile": _STEWARD,
        "designs.release": _STEWARD,
        "lots.show": PUBLIC,
        "lots.label": PUBLIC,  # it says less than the lot's page
        "lots.take": PUBLIC,  # a telephone that has the run's link
        "lots.arrive": _HUB,
        "lots.count": _HUB,
        "pickups.of_lab": _BEDS,  # a maker at her own node only, here and below
        "pickups.show": _ALL,
        "pickups.give": _ALL,
        "pickups.goods": _ALL,
        "pickups.cancel": _ALL,
        "pickups.arrived": _HUB,
        "pickups.run": PUBLIC,  # whoever holds the driver's link
        "pickups.take": PUBLIC,
        "lots.sign": _HUB,
        "lots.rework": _HUB,
        "lots.reworked": _HUB,
        "lots.scrap": _HUB,
        "lot_photos.show": _ALL,  # a maker those of her own node only, here and below
        "lot_photos.add": _ALL,
        "lot_photos.picture": _ALL,
        "lot_photos.remove": _ALL,  # who took it, and a steward
        "hub.stock": _HUB,
        "hub.index": _HUB,
        "hub.live": _HUB,
        "hub.at_step": _HUB,
        "hub.rules": _STEWARD,
        "depot.index": _STEWARD,
        "depot.count": _STEWARD,
        "depot.send": _STEWARD,
        "depot.end": _BEDS,  # a maker of what came to her own node only
        "newcomers.join": PUBLIC,  # whoever holds an invitation
        "newcomers.own_code": PUBLIC,  # free software, offered to whoever uses it
        "newcomers.welcome": _MAKER,
        "newcomers.welcome_live": _MAKER,
        "people.sign_in": PUBLIC,
        "people.sign_out": _ALL,
        "people.waiting": _ALL,
        "people.waiting_live": _ALL,
        "orders.index": _HUB,
        "orders.show": _HUB,
        "orders.live": _HUB,
        "what_if.ask": _STEWARD,
        "lists.show": _STEWARD,
        "lists.read": _STEWARD,
        "lists.template": _STEWARD,
        "lists.template_xlsx": _STEWARD,
        "lists.wrong_lines": _STEWARD,
        "personal.look": _STEWARD,
        "orders.confirm": _STEWARD,
        "orders.refuse": _STEWARD,
        "orders.need": _STEWARD,
        "orders.trial": _STEWARD,
        "orders.prioritise": _STEWARD,
        "orders.hold": _STEWARD,
        "orders.complete": _STEWARD,
        "stops.ask": _BEDS,  # a maker at her own node only
        "stops.live": _BEDS,
        "orders.write_off": _STEWARD,
        "orders.pack": _HUB,
        "orders.dispatch": _HUB,
        "orders.hide_thanks": _STEWARD,
        "deliveries.index": _HUB,
        "deliveries.hand": _HUB,
        "deliveries.carrier": _HUB,
        "deliveries.new_run": _HUB,
        "deliveries.come_back": _HUB,
        "deliveries.run": PUBLIC,  # whoever holds the run's address, for as long as it lasts
        "deliveries.stop": PUBLIC,
        "deliveries.note": _HUB,
        "deliveries.address": _HUB,
        "deliveries.lose": _HUB,
        "deliveries.parcel": PUBLIC,  # whoever holds the parcel's address, here and below
        "deliveries.parcel_note": PUBLIC,
        "deliveries.receive": PUBLIC,
        "deliveries.complain": PUBLIC,
        "complaints.index": _HUB,
        "complaints.read": _HUB,
        "complaints.photo": _ALL,  # a maker those that were passed on to her own node only
        "lots.inspect": _HUB,
        "recalls.index": _HUB,
        "recalls.ask": _HUB,
        "recalls.ask_bought": _HUB,
        "recalls.ask_filament": _HUB,
        "recalls.show": _HUB,
        "recalls.end": _STEWARD,
        "recalls.waive": _STEWARD,
        "harvests.count": _BEDS,  # a maker at her own node only, here and below
        "harvests.gcode": _BEDS,
        "harvests.plate": _BEDS,
        "harvests.bring": _MAKER,  # it is her printer that runs by it
        "claims.bed": _BEDS,
        "claims.bed_live": _BEDS,
        "offers.answer": _BEDS,
        "labs.mine": _MAKER,
        "labs.show": _BEDS,
        "labs.live": _BEDS,
        "labs.pause": _BEDS,
        "labs.asks": _BEDS,
        "labs.hours": _BEDS,
        "labs.ceiling": _BEDS,
        "labs.export": _BEDS,
        "labs.alone": _MAKER,  # who lives there says so, and nobody for her
        "labs.listed": _MAKER,  # likewise
        "labs.spool": _BEDS,
        "rates.machine": _BEDS,
        "upkeep.printer": _BEDS,
        "given.show": _BEDS,
        "leaving.leave": _MAKER,
        "estimates.index": _STEWARD,
        "fleet.index": _ALL,
        "fleet.live": _ALL,
        "fleet.listed": _STEWARD,
        "fleet.ready": _BEDS,
        "members.index": _STEWARD,
        "members.invite": _STEWARD,
        "members.uninvite": _STEWARD,
        "members.confirm": _STEWARD,
        "members.revoke": _STEWARD,
        "members.rotate": _STEWARD,
        "members.go_on_without": _STEWARD,
        "telling.choice": _ALL,
        "telling.stop": PUBLIC,  # whoever was sent a letter
        "api.waiting": _ALL,
        "api.order": _HUB,
        "api.file": PUBLIC,  # nodes sign their requests
        "api.slice_plate": PUBLIC,  # nodes sign their requests
        "joining.authority": PUBLIC,  # a certificate is no secret
        "joining.enrol": PUBLIC,  # whoever holds an invitation
        "joining.account": PUBLIC,  # nodes sign their requests
        "joining.leave": PUBLIC,  # nodes sign their requests
        "joining.login": PUBLIC,  # nodes sign their requests
        "joining.new_login": PUBLIC,  # nodes sign their requests
    }
)

#: What a maker who joins may be called.
LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_hasher = PasswordHasher()  # argon2id with the library's current parameters


def need_good_password(password: str) -> None:
    """Refuse a password that is guessed too soon.

    Raises:
        InvalidFieldError: it is too short.
    """
    if len(password) < LEAST_PASSWORD:
        why = f"needs at least {LEAST_PASSWORD} characters; four or five words are easy to keep"
        raise InvalidFieldError("password", why)


def hash_password(password: str) -> str:
    """Return what the ledger keeps of a password."""
    return _hasher.hash(password)


def nobody() -> str:
    """Return a hash that no password is known for.

    It is verified against when there is no such account, so that both answers take the same time. It
    is written down, since to compute one takes each process a fifth of a second at its start.
    """
    cost = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
    salt, digest = (
        base64.b64encode(bytes(length)).decode().rstrip("=")
        for length in (_hasher.salt_len, _hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


def check_password(login: str, password: str) -> Person | None:
    """Return the account that login and password belong to, None when they do not match."""
    try:
        found: Person | None = person(here().ledger, login)
    except NotFoundError:
        found = None
    try:
        _hasher.verify(nobody() if found is None else found.password_hash, password)
    except (VerificationError, InvalidHashError):
        return None
    return found


def _stamp(found: Person) -> str:
    """Return what ties a session to a password: it ends when the password changes."""
    return hashlib.sha256(found.password_hash.encode()).hexdigest()[:16]


def begin_session(found: Person) -> None:
    """Sign a person in; nothing of the session before is kept."""
    end_session()
    session.permanent = True
    session["login"] = found.login
    session["stamp"] = _stamp(found)
    session["since"] = here().clock().isoformat()
    g.person = found


def end_session() -> None:
    """Sign out; her open streams end."""
    held = ticket()
    if held is not None:
        here().streams.end(held)
    session.clear()
    g.person = None


def signed_in() -> Person | None:
    """Return who is signed in."""
    if "person" not in g:
        g.person = _of_session()
    found: Person | None = g.person
    return found


def _of_session() -> Person | None:
    login = session.get("login")
    return None if login is None else _account(login, session.get("stamp", ""), session["since"])


def _account(login: str, stamp: str, since: str) -> Person | None:
    """Return whom a session belongs to, None when it is over."""
    context = here()
    age = context.clock() - datetime.fromisoformat(since)
    if age > timedelta(hours=context.settings.session_hours):
        return None
    try:
        found = person(context.ledger, login)
    except NotFoundError:
        return None
    return found if stamp == _stamp(found) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """By what right somebody reads a stream, for long after her request."""

    login: str
    stamp: str
    since: str
    role: Role
    node: str


def ticket() -> Ticket | None:
    """Return the right of the one who asks; None when nobody is signed in."""
    found = signed_in()
    if found is None:
        return None
    return Ticket(
        login=found.login,
        stamp=session["stamp"],
        since=session["since"],
        role=found.role,
        node=found.node,
    )


def still(held: Hashable) -> bool:
    """Return whether a ticket is as good as when it was given."""
    if not isinstance(held, Ticket):
        return False
    found = _account(held.login, held.stamp, held.since)
    return found is not None and (found.role, found.node) == (held.role, held.node)


def me() -> Person:
    """Return who is signed in, on a page that the table keeps from others."""
    found = signed_in()
    if found is None:
        abort(403)
    return found


def only_at(node: str) -> None:
    """Refuse a maker who is not of this node."""
    found = me()
    if found.role is Role.MAKER and found.node != node:
        abort(403)


def can(endpoint: str) -> bool:
    """Return whether the one who asks may use this endpoint."""
    rule = PERMISSIONS.get(endpoint)
    found = signed_in()
    return rule == PUBLIC or (rule is not None and found is not None and found.role in rule)


def signed_with(public_key: str, signature: str, message: bytes) -> bool:
    """Return whether a signature over the message was made with this key; both are base64."""
    try:
        raw = base64.b64decode(public_key, validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(
            base64.b64decode(signature, validate=True), message
        )
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def safe_next(path: str) -> str:
    """Return a path of this site to go on to; the landing page when it is none."""
    local = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if local and path.isprintable() else url_for("people.waiting")


def _guard() -> AnyResponse | None:
    if request.endpoint is None or can(request.endpoint):
        return None
    if signed_in() is not None or request.endpoint not in PERMISSIONS:
        abort(403)
    if request.path.startswith("/api/"):
        return Response('{"error": "Sign in first."}\n', 401, mimetype="application/json")
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("people.sign_in", next=target), 303)


def register(app: Flask) -> None:
    """Guard every endpoint of the app."""
    app.before_request(_guard)
    app.jinja_env.globals.update(signed_in=signed_in, can=can)
