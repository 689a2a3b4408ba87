"""Posts a letter to the address that a person has entered, as ntfy wants it.

The address is hers and the request is ours: it must not reach what only this machine can reach. So
it goes to the very address that was looked up and found public, over TLS that is verified for its
name, follows no redirect, reads no answer but its first line, and ends after a quarter of a minute.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.header import Header
from urllib.parse import urlsplit

from fabnet.errors import LetterLostError, LetterRefusedError

_CONNECT_S = 5
_WHOLE_S = 15.0
_PORTS = {"https": 443, "http": 80}
#: Translators put an IPv4 address into the last bits of these.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OK, _REDIRECT, _WRONG, _SERVER = 200, 300, 400, 500
#: What may be better later: not now, too many.
_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One letter to one webhook."""

    key: str  # names it: who gets it twice can tell
    url: str
    title: str
    text: str
    click: str  # the page that it leads to
    priority: int = 3  # as ntfy: 1 (least) to 5
    tags: str = ""


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public Internet, whatever way it is written."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def post(push: Push, *, private: bool) -> None:
    """Post one letter; its server has taken it when this returns.

    `private` lets it go into this machine's own network, and there without TLS.

    Raises:
        LetterRefusedError: it was not taken, now or ever.
        LetterLostError: it was handed over, and no answer came.
    """
    handed = False
    address, context = _target(push.url, private=private)
    parts = urlsplit(push.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        with _connected(address, port, host, context) as connection:
            path = parts.path or "/"
            connection.request(
                "POST",
                f"{path}?{parts.query}" if parts.query else path,
                body=push.text.encode(),
                headers=_headers(push),
            )
            handed = True
            status = connection.getresponse().status
    except ssl.SSLCertVerificationError as error:
        why = f"{host} has no certificate that can be trusted: {error.verify_message}"
        raise LetterRefusedError(why, again=True) from error
    except (OSError, http.client.HTTPException) as error:
        why = f"{host} cannot be reached: {error}"
        if handed:
            raise LetterLostError(why, handed=True) from error
        raise LetterRefusedError(why, again=True) from error
    _judge(host, status)


def _judge(host: str, status: int) -> None:
    if _OK <= status < _REDIRECT:
        return
    if _REDIRECT <= status < _WRONG:
        why = f"{host} sends on to another address; enter that one"
        raise LetterRefusedError(why, again=False)
    again = status >= _SERVER or status in _LATER
    raise LetterRefusedError(f"{host} answered {status}", again=again)


def _target(url: str, *, private: bool) -> tuple[str, ssl.SSLContext | None]:
    """Return the IP address to connect to, and how; every address of the name has to be allowed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise LetterRefusedError(
            f"this is no address of a webhook: {error}", again=False
        ) from error
    if parts.scheme not in _PORTS or not host or parts.username or parts.password:
        why = "write it as https://host/topic, without a user or a password"
        raise LetterRefusedError(why, again=False)
    try:
        found = socket.getaddrinfo(host, port or _PORTS[parts.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LetterRefusedError(f"{host} is not known: {error}", again=True) from error
    addresses = [str(each[4][0]) for each in found]
    inside = [each for each in addresses if not is_public(each)]
    if inside and not private:
        why = f"{host} lies in the coordinator's own network"
        raise LetterRefusedError(why, again=False)
    if parts.scheme == "http":
        if not private or len(inside) < len(addresses):
            raise LetterRefusedError("only https: is allowed", again=False)
        return addresses[0], None
    return addresses[0], ssl.create_default_context()


@contextmanager
def _connected(
    address: str, port: int, host: str, context: ssl.SSLContext | None
) -> Iterator[http.client.HTTPConnection]:
    """Connect to an address that was looked at; the name is not looked up again."""
    with socket.create_connection((address, port), timeout=_CONNECT_S) as plain, _limited(plain):
        if context is None:
            connection = http.client.HTTPConnection(host, port)
            connection.sock = plain
        else:
            connection = http.client.HTTPSConnection(host, port, context=context)
            connection.sock = context.wrap_socket(plain, server_hostname=host)
        with closing(connection):
            yield connection


@contextmanager
def _limited(plain: socket.socket) -> Iterator[None]:
    """Cut the connection after a time, also from a server that says a byte now and then."""
    # A socket of its own on the same connection: TLS takes the first one over.
    cutter = plain.dup()
    timer = threading.Timer(_WHOLE_S, _cut, [cutter])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        cutter.close()


def _cut(cutter: socket.socket) -> None:
    try:
        cutter.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It has gone by itself.


def _headers(push: Push) -> dict[str, str]:
    title = " ".join(push.title.split())
    found = {
        # Heads are ASCII; ntfy reads what mail programs read.
        "Title": title if title.isascii() else Header(title, "utf-8", maxlinelen=1000).encode(),
        "Priority": str(push.priority),
        "Click": push.click,
        "Content-Type": "text/plain; charset=utf-8",
        "Idempotency-Key": hashlib.sha256(push.key.encode()).hexdigest()[:32],
        "User-Agent": "fabnet",
    }
    return found | ({"Tags": push.tags} if push.tags else {})
