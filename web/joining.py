"""Where nodes join, change their login, and leave: JSON for `fabnet node join`, `account`, `rotate`, `leave`.

No secret comes back from here: a node makes its own password, and tells only what the broker keeps of
it. Leaves the pages on which people confirm nodes to `web.pages.members`.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from flask import Blueprint, Response, jsonify, request

from jobs.coordinator import enrolment
from jobs.coordinator.people import open_account
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.joining import (
    Account,
    Enrol,
    Enrolled,
    Leave,
    LoginState,
    NewAccount,
    NewLogin,
    proof_of,
    signed_post,
)
from jobs.ledger import members
from web.auth import LOGIN, hash_password, need_good_password, signed_with
from web.context import here

pages = Blueprint("joining", __name__, url_prefix="/api")

_MOST_BYTES = 4096
_MOST_REASON = 200
_T = TypeVar("_T")
_SIGN = "This coordinator does not know the key of this node, or has shut the node out."
_NOT_OURS = "This is no request of a fabnet node of this version: update fabnet on the node."


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, mimetype="application/json")


def _error(status: int, sentence: str, field: str = "") -> Response:
    response = jsonify(error=sentence, field=field)
    response.status_code = status
    return response


def _body(kind: type[_T]) -> _T | None:
    request.max_content_length = _MOST_BYTES
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except msgspec.DecodeError:
        return None


@pages.get("/authority")
def authority() -> Response:
    """The network's own certificate authority; whoever asks checks it against her invitation."""
    found = here().settings.authority
    if not found:
        return _error(404, "This coordinator has no certificate authority of its own.")
    return Response(found, mimetype="application/x-pem-file")


@pages.post("/enrol")
def enrol() -> Response:
    """Let a node in that shows an invitation; the same answer again for the same key."""
    ask = _body(Enrol)
    if ask is None:
        return _error(422, _NOT_OURS)
    message = proof_of(ask.token, ask.public_key, ask.login)
    if not signed_with(ask.public_key, ask.proof, message):
        return _error(422, "The node has not proved that it holds its key: update fabnet there.")
    context = here()
    found = enrolment.join(context.ledger, ask, context.now())
    settings = context.settings
    return _json(
        Enrolled(
            node=found.id,
            lab=found.lab,
            standing=found.standing,
            coordinator=settings.public_url,
            broker=settings.broker_url,
            authority=settings.authority,
        )
    )


def _signer(message: bytes) -> str | None:
    """Return the node whose signature the request carries."""
    node = request.headers.get("X-Fabnet-Node", "")
    try:
        key = enrolment.signing_key(here().ledger, node)
    except NotFoundError:
        return None
    signature = request.headers.get("X-Fabnet-Signature", "")
    return node if signed_with(key, signature, message) else None


def _standing(node: str) -> Response:
    found = members.member(here().ledger.reading, node)
    return _json(LoginState(node=node, standing=found.standing, number=found.login_number))


@pages.get("/login")
def login() -> Response:
    """How a node stands, and the number of its login."""
    node = _signer(b"GET /api/login")
    if node is None:
        return _error(401, _SIGN)
    return _standing(node)


@pages.post("/login")
def new_login() -> Response:
    """Take a node's next login."""
    told = _body(NewLogin)
    node = _signer(signed_post("/api/login", request.get_data()))
    if node is None:
        return _error(401, _SIGN)
    if told is None:
        return _error(422, _NOT_OURS)
    context = here()
    enrolment.change_login(context.ledger, node, told.number, told.login, context.now())
    return _standing(node)


@pages.post("/account")
def account() -> Response:
    """Make the account of a lab's maker, or give it a new password: her node's key says that it is she."""
    told = _body(NewAccount)
    node = _signer(signed_post("/api/account", request.get_data()))
    if node is None:
        return _error(401, _SIGN)
    if told is None:
        return _error(422, _NOT_OURS)
    login = told.login.strip().lower()
    if not LOGIN.fullmatch(login):
        return _error(422, "A login is 2 to 32 of a to z, 0 to 9, dots and hyphens.", "login")
    need_good_password(told.password)
    context = here()
    try:
        open_account(context.ledger, login, hash_password(told.password), node, context.now())
    except InvalidFieldError as error:
        return _error(422, str(error), error.field)
    return _json(Account(login=login, sign_in=context.settings.public_url + "/sign-in"))


@pages.post("/leave")
def leave() -> Response:
    """Let a node go that says so itself: as if it were shut out, by its own word."""
    told = _body(Leave)
    node = _signer(signed_post("/api/leave", request.get_data()))
    if node is None:
        return _error(401, _SIGN)
    if told is None:
        return _error(422, _NOT_OURS)
    context = here()
    reason = told.reason.strip()[:_MOST_REASON] or "the lab has left"
    enrolment.revoke(context.ledger, node, reason, node, context.now())
    return _standing(node)
