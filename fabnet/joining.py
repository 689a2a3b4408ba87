"""A lab's side of joining: what a node asks of the coordinator over HTTP, from being let in to leaving.

Every step may be broken off and done again: what is in the folder is used again. Leaves what lies in
that folder to `fabnet.node_folder`, running the node to `fabnet.node`, and letting it in to
`fabnet.enrolment`.
"""

from __future__ import annotations

import base64
import logging
import secrets
import ssl
import threading
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import requests
import urllib3

from fabnet import clock
from fabnet.broker import login_of
from fabnet.config import NodeConfig
from fabnet.durable import write_whole
from fabnet.errors import JoinError, LoginRefusedError
from fabnet.node_folder import (
    AUTHORITY,
    make_secrets,
    next_of,
    public_key_of,
    read_key,
    signed,
    write_config,
)
from jobs.joining import (
    NO_CERTIFICATE,
    PUBLIC_CERTIFICATE,
    Account,
    Enrol,
    Enrolled,
    JoinCode,
    JoinCodeError,
    Leave,
    LoginState,
    NewAccount,
    NewLogin,
    fingerprint,
    pin_of,
    proof_of,
    signed_post,
)

_log = logging.getLogger(__name__)

_TIMEOUT_S = (5, 30)
#: OpenSSL's words for a certificate that is not valid yet, or not any more.
_WRONG_TIME = (9, 10)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What came of joining."""

    answer: Enrolled
    config: Path  # the node's configuration file
    fingerprint: str
    was_there: bool  # this folder had joined before; its configuration is as it was


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coordinator:
    """What is asked over HTTP.

    `verify` is as requests has it: the file of whom to trust, True for public authorities.
    """

    url: str
    verify: str | bool
    now: datetime

    def get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        return self.ask("GET", path, b"", headers or {})

    def post(
        self, path: str, body: bytes, kind: type[_T], headers: dict[str, str] | None = None
    ) -> _T:
        return _read(self.ask("POST", path, body, headers or {}), self.url, kind)

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> requests.Response:
        try:
            return requests.request(
                method, self.url + path, data=body, headers=headers, verify=self.verify,
                timeout=_TIMEOUT_S, allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise JoinError(_tls_words(self.url, error, self.now)) from error
        except (requests.RequestException, UnicodeError) as error:
            raise JoinError(
                f"The coordinator at {self.url} does not answer: is this"
                " machine on the network, and is the address right? Then run the same command again."
            ) from error


def join(code: JoinCode, folder: Path, now: datetime) -> Joined:
    """Ask a coordinator to let this machine's node in; makes or completes its folder.

    Nothing secret is sent before the coordinator has proved to be the one of the invitation. Broken
    off anywhere, the same call goes on where it stopped.

    Raises:
        JoinError: one sentence with what to do.
        JoinCodeError: what answers there is not what the code names.
    """
    try:
        key, password = make_secrets(folder)
    except OSError as error:
        raise JoinError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    coordinator = _Coordinator(url=code.url, verify=_trust(code, folder, now), now=now)
    public = public_key_of(key)
    login = login_of(password)
    proof = base64.b64encode(key.sign(proof_of(code.token, public, login))).decode()
    ask = Enrol(token=code.token, public_key=public, login=login, proof=proof)
    answer = coordinator.post("/api/enrol", msgspec.json.encode(ask), Enrolled)
    pinned = code.pin not in (PUBLIC_CERTIFICATE, NO_CERTIFICATE)
    if pinned and (not answer.authority or pin_of(answer.authority) != code.pin):
        raise JoinError("The coordinator's answer contradicts the code: ask for a new code.")
    target = folder / "node.toml"
    was_there = target.exists()
    if not was_there:
        write_config(folder, answer, coordinator_ca=pinned)
    return Joined(
        answer=answer, config=target, fingerprint=fingerprint(public), was_there=was_there
    )


def _trust(code: JoinCode, folder: Path, now: datetime) -> str | bool:
    """Return whom to trust: the authority whose certificate the code names, fetched and compared."""
    if code.pin in (PUBLIC_CERTIFICATE, NO_CERTIFICATE):
        return True
    with warnings.catch_warnings():
        # Nothing secret goes out here, and what comes in is compared with the code.
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        anybody = _Coordinator(url=code.url, verify=False, now=now)
        answer = anybody.get("/api/authority")
    try:
        same = secrets.compare_digest(pin_of(answer.text), code.pin)
    except JoinCodeError:
        same = False
    if not same:
        raise JoinError(
            f"What answers at {code.url} is not the coordinator that the code names: somebody may"
            " stand in between, or a letter of the code is wrong. Nothing secret was sent. Try from"
            " another network, or ask for a new code."
        )
    write_whole(folder / AUTHORITY, answer.text)
    return str(folder / AUTHORITY)


def _tls_words(url: str, error: BaseException, now: datetime) -> str:
    found: object = error
    for _ in range(10):
        if isinstance(found, ssl.SSLCertVerificationError) or not isinstance(found, BaseException):
            break
        found = getattr(found, "reason", None) or (found.args[0] if found.args else None)
    if isinstance(found, ssl.SSLCertVerificationError):
        if found.verify_code in _WRONG_TIME:
            return (
                f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC, and the certificate of {url} is"
                " not good then: set the clock (sudo timedatectl set-ntp true) and run it again."
            )
        return (
            f"{url} cannot prove that it is the coordinator ({found.verify_message}). Nothing secret"
            " was sent. Ask for a new code; if it goes on, tell the coordination team."
        )
    return f"No safe connection to {url} comes about: is it https there? ({found or error})"


def _read(answer: requests.Response, url: str, kind: type[_T]) -> _T:
    if answer.status_code == requests.codes.too_many:
        minutes = -(-int(answer.headers.get("Retry-After", "60") or 60) // 60)
        raise JoinError(
            f"Too many attempts from this address: wait {minutes} min, then run it again."
        )
    try:
        if answer.status_code == requests.codes.ok:
            return msgspec.json.decode(answer.content, type=kind)
        told = msgspec.json.decode(answer.content, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise JoinError(
            f"What answers at {url} is no fabnet coordinator of this version (status"
            f" {answer.status_code}): check the address, or update fabnet."
        ) from error
    words = told.get("error", f"{url} answered {answer.status_code}.")
    raise LoginRefusedError(words) if told.get("field") == "login" else JoinError(words)


def standing(config: NodeConfig, now: datetime) -> LoginState:
    """Ask the coordinator how this node stands.

    Raises:
        JoinError: it does not answer, or has shut this node out.
    """
    headers = signed(config.id, read_key(Path(config.key_file)), b"GET /api/login")
    coordinator = _coordinator(config, now)
    return _read(coordinator.get("/api/login", headers), coordinator.url, LoginState)


def leave(config: NodeConfig, reason: str, now: datetime) -> bool:
    """Take this node out of the network, for good; return whether it belonged to it until now.

    Raises:
        JoinError: the coordinator does not answer, or not as one.
    """
    coordinator, body = _coordinator(config, now), msgspec.json.encode(Leave(reason=reason))
    headers = signed(config.id, read_key(Path(config.key_file)), signed_post("/api/leave", body))
    answer = coordinator.ask("POST", "/api/leave", body, headers)
    if answer.status_code == requests.codes.unauthorized:
        return False
    _read(answer, coordinator.url, LoginState)
    return True


def open_account(config: NodeConfig, login: str, password: str, now: datetime) -> Account:
    """Make the maker's account on the network's pages, or give hers a new password.

    Raises:
        JoinError: one sentence with what to do; a LoginRefusedError where another login is to be chosen.
    """
    path, body = "/api/account", msgspec.json.encode(NewAccount(login=login, password=password))
    headers = signed(config.id, read_key(Path(config.key_file)), signed_post(path, body))
    coordinator = _coordinator(config, now)
    answer = coordinator.ask("POST", path, body, headers)
    if answer.status_code == requests.codes.not_found:
        raise JoinError(
            "This network's coordinator is older than this node, and makes no accounts so: ask the"
            " coordination team for one."
        )
    return _read(answer, coordinator.url, Account)


def _coordinator(config: NodeConfig, now: datetime) -> _Coordinator:
    url = config.coordinator.rstrip("/")
    return _Coordinator(url=url, verify=config.coordinator_ca_file or True, now=now)


def rotate(config: NodeConfig, now: datetime) -> LoginState:
    """Give this node a new MQTT password; a node that runs goes over to it by itself.

    The new one is on the disk before the coordinator hears of it, and replaces the old one after it
    has. In between both are tried, so a crash at any step locks nobody out; calling it again ends it.

    Raises:
        JoinError: one sentence with what to do; the old password still works.
    """
    path, fresh = Path(config.password_file), next_of(Path(config.password_file))
    try:
        if not fresh.exists():
            write_whole(fresh, secrets.token_urlsafe(32) + "\n")
        password = fresh.read_text(encoding="utf-8").strip()
        number = standing(config, now).number + 1
        body = msgspec.json.encode(NewLogin(number=number, login=login_of(password)))
        said = signed_post("/api/login", body)
        headers = signed(config.id, read_key(Path(config.key_file)), said)
        answer = _coordinator(config, now).post("/api/login", body, LoginState, headers)
        fresh.replace(path)
    except OSError as error:
        raise JoinError(f"{path} cannot be changed: {error.strerror}.") from error
    return answer


def rotate_soon(config: NodeConfig) -> None:
    """As `rotate`, on a thread of its own: the coordinator asked for it, and may be slow to answer."""

    def work() -> None:
        try:
            answer = rotate(config, clock.now())
            _log.info("node %s has a new MQTT password, number %s", config.id, answer.number)
        except (JoinError, JoinCodeError) as error:
            _log.error("node %s keeps its MQTT password: %s", config.id, error)

    threading.Thread(target=work, name="rotate", daemon=True).start()
