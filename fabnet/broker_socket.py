"""The way to a broker: its address, whom to trust, and a socket that reads and writes much at once.

paho reads a message with four calls of the socket and acknowledges each with one more. At every call
Python's threads may change places, so that a coordinator whose inbox works pays more for the changes
than for the message. `BufferedSocket` reads what is there and writes what has gathered.
"""

from __future__ import annotations

import select
import socket
import ssl
from contextlib import suppress
from types import MappingProxyType
from typing import Literal, Protocol
from urllib.parse import urlsplit

from fabnet.errors import BrokerError

#: Read at once: some hundred messages.
_READ_BYTES = 1 << 16
#: Kept until it is written; more is refused as by a socket that is full.
_UNSENT_BYTES = 1 << 18
_DEFAULT_PORTS = MappingProxyType({"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443})
_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Socket(Protocol):
    """What paho needs of a socket; plain, TLS and WebSocket alike."""

    def recv(self, buffer_size: int, /) -> bytes: ...
    def send(self, buffer: bytes | bytearray, /) -> int: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    def setblocking(self, flag: bool, /) -> None: ...  # noqa: FBT001 - as the socket's own


class BufferedSocket:
    """A connected socket, made non-blocking by its owner; used by one thread, but for `wake`.

    Args:
        inner: the socket, which this one closes.
    """

    def __init__(self, inner: _Socket) -> None:
        self._inner = inner
        self._inner_pending = getattr(inner, "pending", int)  # what TLS has read and not given yet
        self._read = b""
        self._at = 0  # up to here it was given
        self._unsent = bytearray()
        self._heard, self._woken = socket.socketpair()
        for end in (self._heard, self._woken):
            end.settimeout(0.0)

    def recv(self, most: int) -> bytes:
        """Return at most so many bytes; b"" where the other end has closed.

        Raises:
            OSError: as the socket raises it, `BlockingIOError` or TLS's own where nothing is there.
        """
        at = self._at
        found = self._read[at : at + most]
        if not found:
            self._read = b""  # given before; what raises leaves nothing to give twice
            self._at = 0
            self._read = self._inner.recv(max(most, _READ_BYTES))
            at, found = 0, self._read[:most]
        self._at = at + len(found)
        return found

    def pending(self) -> int:
        """Return how many bytes were read and not given: for these nobody needs to wait."""
        return len(self._read) - self._at + int(self._inner_pending())

    def send(self, data: bytes | bytearray) -> int:
        """Take bytes that `flush` writes.

        Raises:
            OSError: the connection is lost; `BlockingIOError` where too many wait already.
        """
        if len(self._unsent) >= _UNSENT_BYTES:
            self.flush()
            if len(self._unsent) >= _UNSENT_BYTES:
                raise BlockingIOError
        self._unsent += data
        return len(data)

    def flush(self) -> None:
        """Write what was sent, as far as the other end takes it.

        Raises:
            OSError: the connection is lost.
        """
        with suppress(*_BLOCKED):
            # Nothing written: a WebSocket that wants to be asked again with the same bytes.
            while self._unsent and (done := self._inner.send(self._unsent)):
                del self._unsent[:done]

    def wait(self, timeout_s: float, *, writes: bool) -> bool:
        """Wait for something to read, for `wake`, and for room to write if that `writes` or is left over.

        Return whether there is something to read.
        """
        pending = self.pending() > 0
        writing = [self._inner] if writes or self._unsent else []
        readable, _, _ = select.select(
            [self._inner, self._heard], writing, [], 0.0 if pending else timeout_s
        )
        if self._heard in readable:
            with suppress(BlockingIOError):
                self._heard.recv(_READ_BYTES)
        return pending or self._inner in readable

    def wake(self) -> None:
        """End a `wait`, this one or the next; from any thread."""
        # Full: it is awake. Closed: nobody waits any more.
        with suppress(OSError):
            self._woken.send(b"\0")

    def close(self) -> None:
        """Write what can be written at once, and close."""
        with suppress(OSError):
            self.flush()
        for each in (self._inner, self._heard, self._woken):
            each.close()

    def fileno(self) -> int:
        """Return the socket's number, -1 where it is closed."""
        return self._inner.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - as the socket's own
        """Set it on the socket."""
        self._inner.setblocking(flag)


def address(url: str) -> tuple[str, int, Literal["tcp", "websockets"], bool]:
    """Return host, port, transport, and whether it is TLS.

    Raises:
        BrokerError: no address of a broker.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BrokerError(
            f"{url!r} is no broker address; write it as mqtt://host:1883, or with mqtts, ws or wss"
        )
    transport: Literal["tcp", "websockets"] = (
        "websockets" if parts.scheme.startswith("ws") else "tcp"
    )
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    return parts.hostname, port, transport, parts.scheme in ("mqtts", "wss")


def trust(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a file; "" means those of this machine.

    Raises:
        BrokerError: the file cannot be read as such.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(
            f"{ca_file} cannot be read as certificates of an authority: {error}"
        ) from error
