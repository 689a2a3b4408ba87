"""Answers over HTTP that end: in bytes and in seconds, headers and all.

A timeout of requests begins anew with every byte, so a server that trickles would hold its caller for
hours. Leaves what is asked, and what an answer means, to `printers.octoprint_api` and `printers.camera`.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import ProxyManager

#: Of one answer, on the line; OctoPrint's list of some ten thousand files is shorter.
MOST_BYTES = 16 << 20
#: As many times its patience for one byte is the longest that a whole answer may take.
_TIMES = 2


class TooLongError(OSError):
    """An answer that does not end."""


class _Bounded(io.RawIOBase):
    """What comes over a socket, till one moment and so many bytes."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._patience_s = sock.gettimeout()
        self._until_s = time.monotonic() + _TIMES * (self._patience_s or 0.0)
        self._left = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._patience_s is not None:
            left_s = self._until_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("the answer takes too long")
            self._sock.settimeout(min(left_s, self._patience_s))
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise TooLongError("the answer is too long")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(self.fp.detach(), sock))


class _Http(HTTPConnection):
    response_class = _Response


class _Https(HTTPSConnection):
    response_class = _Response


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class BoundedAdapter(HTTPAdapter):
    """For a session of requests: whoever asks must give a timeout, and refuse a `Content-Encoding`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Take our connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Return a manager with our connections."""
        made: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        made.pool_classes_by_scheme = _POOLS
        return made
