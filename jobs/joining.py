"""What a node and its coordinator agree on when a lab joins: the code, the proof, the answers.

Pure. Leaves keys and signatures to the two sides, and what the ledger keeps to
`jobs.coordinator.enrolment`.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from designs.model import PRINTED
from jobs.errors import JobError, RefusedError

#: 128 bits in URL-safe base64 without padding.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
_LINK = re.compile(r"^https?://.+/join/")
_PIN = re.compile(r"[A-Za-z0-9_-]{43}")
#: In place of a pin: the certificate is one that every machine trusts, or there is none.
PUBLIC_CERTIFICATE = "web"
NO_CERTIFICATE = "none"
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----"
)
#: What a login is at mosquitto, without the user's name: PBKDF2-SHA512 with 101 rounds.
_LOGIN = re.compile(r"\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==")
_FINGERPRINT_BYTES = 10
#: Characters of a password.
LEAST_PASSWORD: Final = 10
#: Why a node that waits gets no account.
NOT_LET_IN: Final = (
    "The coordination team has not let this node in yet: once it has compared the fingerprint, run"
    " the same command again."
)


class JoinCodeError(JobError):
    """A code that cannot be used; the message says what to do."""


class UsedCodeError(RefusedError):
    """A code that somebody has joined with already.

    Args:
        at: when, as the ledger keeps it.
        node: what became of it.
    """

    def __init__(self, at: str, node: str) -> None:
        super().__init__(
            f"This code was used already, at {at[:16]} UTC by a node that is called {node} now. If"
            " that was not you, tell the coordination team at once; ask for a new code."
        )
        self.node = node


class Standing(enum.StrEnum):
    """Where a node stands with the network."""

    PENDING = "pending"  # has joined; nobody has compared the fingerprint yet
    CONFIRMED = "confirmed"
    REVOKED = "revoked"  # for good: a lab that comes back gets a new invitation and a new name
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinCode:
    """What an invitation says: where, with which one-time secret, and whom to find there."""

    url: str  # of the coordinator, without a path
    token: str
    pin: str  # SHA-256 of the network's certificate (DER), base64url; or one of the words above

    def __str__(self) -> str:
        return f"{self.url}/#{self.token}.{self.pin}"


def read_code(text: str) -> JoinCode:
    """Read a code as it was pasted.

    Raises:
        JoinCodeError: it is none, or a part of it is missing.
    """
    address, _, secret = "".join(text.split()).partition("#")
    token, _, pin = secret.partition(".")
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    whole = _TOKEN.fullmatch(token) and (
        _PIN.fullmatch(pin) or pin in (PUBLIC_CERTIFICATE, NO_CERTIFICATE)
    )
    if _LINK.search(address) and not secret:
        raise JoinCodeError(
            "This is the link of the invitation, for a browser: open it, choose the computer beside the"
            " printer, and copy the command that stands there."
        )
    if not host or parts.scheme not in ("http", "https") or not whole:
        raise JoinCodeError(
            "This is not a whole code: copy all of it, from https:// to its last letter, and put it"
            " between quotation marks."
        )
    if (parts.scheme == "http") != (pin == NO_CERTIFICATE):
        raise JoinCodeError("This code contradicts itself: ask for a new one.")
    if pin == NO_CERTIFICATE and not is_loopback(host):
        raise JoinCodeError(
            f"This code would send secrets to {host} unprotected: the coordinator has to serve"
            " https. Ask for a new code."
        )
    return JoinCode(url=f"{parts.scheme}://{parts.netloc}", token=token, pin=pin)


def may_join(url: str, pin: str) -> bool:
    """Return whether a lab can join at this address: with a certificate, or on the same machine."""
    return pin != NO_CERTIFICATE or is_loopback(urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Return whether an address or name leads to the same machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def pin_of(certificate_pem: str) -> str:
    """Return the SHA-256 of a certificate's DER bytes, base64url without padding.

    Raises:
        JoinCodeError: it is no certificate.
    """
    found = _CERTIFICATE.search(certificate_pem)
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    except binascii.Error:
        der = b""
    if not der:
        raise JoinCodeError("What the server showed is no certificate.")
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def fingerprint(public_key: str) -> str:
    """Return what two people compare of a key (base64 of its raw bytes): 80 bits in five groups."""
    digest = hashlib.sha256(public_key.encode()).digest()[:_FINGERPRINT_BYTES]
    text = digest.hex().upper()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def is_login(text: str) -> bool:
    """Return whether a text is what the broker may keep of a password.

    The node makes the password and tells only this: nobody but the node ever holds it.
    """
    return _LOGIN.fullmatch(text) is not None


def token_hash(token: str) -> str:
    """Return what the ledger keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def proof_of(token: str, public_key: str, login: str) -> bytes:
    """Return what a joining node signs: that this key and this login go with this invitation."""
    return "\n".join(("fabnet join", token_hash(token), public_key, login)).encode()


def signed_post(path: str, body: bytes) -> bytes:
    """Return what a node signs when it sends a body to a path."""
    return f"POST {path}\n".encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class HandPrinter:
    """A printer that a newcomer feeds from an SD card, or a machine that she works at a rate."""

    preset: str  # name of a machine preset; "" for a machine that does not print
    material: str  # code, "" where nothing is loaded
    grams: float  # that are left of it
    process: str = PRINTED
    rate_per_h: float = 0.0  # pieces an hour, of a machine that does not print
    title: str = ""  # what its maker calls it; "" for the name of its preset or of its process


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """What the coordinator makes a hosted node from."""

    town: str  # for the coordination team, who telephones; plans do not know it
    place: tuple[float, float] | None  # latitude, longitude in degrees, rounded
    attended: str  # hours of the week, see jobs.hours
    printers: tuple[HandPrinter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """What a maker without software says of herself on her phone."""

    lab: str
    login: str
    password_hash: str
    hosted: Hosted


#: A place is kept to a twentieth of a degree: some 5 km.
_PLACES_A_DEGREE = 20


def rounded(place: tuple[float, float]) -> tuple[float, float]:
    """Return a place (latitude, longitude in degrees) as the network may know it: to about 5 km."""
    return (
        round(place[0] * _PLACES_A_DEGREE) / _PLACES_A_DEGREE,
        round(place[1] * _PLACES_A_DEGREE) / _PLACES_A_DEGREE,
    )


class Enrol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/enrol`: a node asks to be let in."""

    token: str
    public_key: str  # base64 of the raw Ed25519 key
    login: str  # see `is_login`
    proof: str  # base64 signature over `proof_of`


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `Enrol`; the same again for the same key."""

    node: str
    lab: str
    standing: Standing
    coordinator: str  # http(s)://host[:port]
    broker: str  # mqtt(s)://host:port
    authority: str = ""  # PEM of the network's own certificate authority


class LoginState(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /api/login`: how the node stands, and how often its login has changed."""

    node: str
    standing: Standing
    number: int


class Leave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/leave`: the node takes itself out of the network, for good.

    Signed by its key, so a node leaves for itself alone; said twice it changes nothing.
    """

    reason: str = ""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/account`: the lab's maker wants to sign in on the network's pages.

    Signed by the node's key, which nobody but she holds.
    """

    login: str
    password: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `NewAccount`."""

    login: str
    sign_in: str  # where, http(s)://...


class NewLogin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /api/login`: the node's next login.

    The number makes an old request that somebody kept worthless.
    """

    number: int
    login: str
