"""The server that serves the pages: cheroot, plain on loopback and with TLS elsewhere.

Leaves the application to `web.app`, and certificates to whoever starts the server.
"""

from __future__ import annotations

import errno
import logging
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

from cheroot import wsgi
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from web.streams import HAND_OVER

_log = logging.getLogger(__name__)

THREADS = 16
#: How long a client may be silent in the middle of a request.
_TIMEOUT_S = 10
#: More than any page has, and any model file; the application has limits of its own below.
_MOST_HEADER_BYTES = 64 << 10
#: Of a body; G-code is the largest that is sent.
MOST_BODY_BYTES = 100 << 20
_HERE = ("127.0.0.1", "::1")
#: A process may open so many files; so many of them, or that share, are left to all else that it does.
_LEFT, _LEFT_SHARE = 128, 0.25
#: Of a connection that this process or machine has no room for.
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: So long the next one waits then, and so seldom it is said.
_REST_S, _SAID_EVERY_S = 0.1, 60.0
_PAUSE = threading.Event()  # never set


class Server(Protocol):
    """What `make_server` returns: a server that already listens."""

    @property
    def port(self) -> int:
        """The port that it listens on; the one chosen when 0 was asked for."""

    def run(self) -> None:
        """Serve until `close`; on the thread that calls it."""

    def renew(self) -> None:
        """Read the certificate again; connections that are open keep the one they have."""

    def close(self) -> None:
        """Stop serving; streams end within a second."""


class _Tls(BuiltinSSLAdapter):
    """TLS whose handshake is done by the thread that serves the connection.

    cheroot does it on the thread that accepts: one client that connects and says nothing would keep
    everybody else out.
    """

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, str]]:
        quick = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return quick, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Listening(socket.socket):
    """Lets nobody in where there is no room, and no cry about it: whoever is silent is sent away in time.

    cheroot would ask again at once, write down each time that it cannot, and send nobody away meanwhile.
    """

    _said_s = -_SAID_EVERY_S

    def accept(self) -> tuple[socket.socket, Any]:
        try:
            found, address = super().accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise self._full() from error
        if found.fileno() < _most_files():
            return found, address
        found.close()
        raise self._full()

    def _full(self) -> OSError:
        if time.monotonic() - self._said_s >= _SAID_EVERY_S:
            self._said_s = time.monotonic()
            _log.warning(
                "there are too many connections for this process (ulimit -n): some are turned away"
            )
        _PAUSE.wait(_REST_S)
        return BlockingIOError(errno.EAGAIN, "no room")


def _most_files() -> float:
    """Return how many files may be open with a connection that is let in."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most - min(_LEFT, most * _LEFT_SHARE) if most > 0 else float("inf")


class _Connection(HTTPConnection):
    """Drops, when it is closed, what its client did not take.

    cheroot leaves that in its buffer, and the file open, until both are collected: what is sent then fails,
    and from Python 3.13 on stands in the log, with a traceback for each page that somebody left too early.
    """

    def close(self) -> None:
        try:
            super().close()
        finally:
            if not self.linger:
                with suppress(OSError):
                    self.wfile.close()


class _Gateway(wsgi.Gateway_10):
    """Lets the application take a connection over once its answer has begun."""

    def __init__(self, req: Any) -> None:
        super().__init__(req)
        self.env[HAND_OVER] = self._hand_over

    def _hand_over(self, taker: Callable[[Any, bool], None]) -> None:
        self.req.conn.taker = taker

    def respond(self) -> None:
        super().respond()
        if hasattr(self.req.conn, "taker"):
            # The answer goes on: neither its end is written nor the connection closed.
            self.req.conn.chunked = self.req.chunked_write
            self.req.chunked_write = self.req.close_connection = False


class _Quiet(wsgi.Server):
    """A server whose threads wait for requests, not for clients, and that logs as fabnet does."""

    ConnectionClass = _Connection

    def process_conn(self, conn: Any) -> None:
        """Hand a connection to a thread once there is something to read from it."""
        if getattr(conn, "was_here", False):
            super().process_conn(conn)
            return
        conn.was_here = True
        self.put_conn(conn)

    def put_conn(self, conn: Any) -> None:
        """Keep a connection for its next request, unless the application has taken it over."""
        taker = getattr(conn, "taker", None)
        if taker is None or not self.ready:
            super().put_conn(conn)
        else:
            taker(conn, conn.chunked)

    @staticmethod
    def bind_socket(socket_: Any, bind_addr: Any) -> Any:
        """As cheroot does, and close what could not be bound."""
        try:
            return wsgi.Server.bind_socket(socket_, bind_addr)  # type: ignore[no-untyped-call]
        except OSError:
            socket_.close()
            raise

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: object = None) -> None:
        quiet = logging.DEBUG if level < logging.ERROR else level
        _log.log(quiet, "%s", msg, exc_info=bool(traceback))


class _Cheroot:
    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        certificate: tuple[str, str] | None,
        threads: int,
    ) -> None:
        # A node's own page has no streams that would have to end.
        context = app.extensions.get("fabnet")
        self._streams = None if context is None else context.streams
        self._running = threading.Lock()
        self._certificate = certificate
        self._server: Any = _Quiet(
            (host, port), _behind_proxy(app), numthreads=threads, server_name="fabnet",
            timeout=_TIMEOUT_S, shutdown_timeout=2, request_queue_size=128,
        )  # fmt: skip
        self._server.gateway = _Gateway
        self._server.max_request_header_size = _MOST_HEADER_BYTES
        self._server.max_request_body_size = MOST_BODY_BYTES
        if certificate is not None:
            self._server.ssl_adapter = _Tls(*certificate)
        self._server.prepare()
        plain = self._server.socket
        wait_s = plain.gettimeout()
        self._server.socket = _Listening(fileno=plain.detach())
        self._server.socket.settimeout(wait_s)

    @property
    def port(self) -> int:
        return int(self._server.bind_addr[1])

    def run(self) -> None:
        with self._running:
            streams = self._streams
            if streams is None:
                self._server.serve()
                return
            thread = threading.Thread(target=streams.run, name="streams")
            thread.start()
            try:
                self._server.serve()
            finally:
                # Nobody is let in any more: a page whose stream ends now finds that at once.
                streams.stop()
                thread.join()

    def renew(self) -> None:
        if self._certificate is not None:
            self._server.ssl_adapter.context.load_cert_chain(*self._certificate)

    def close(self) -> None:
        self._server.stop()
        with self._running:
            pass  # `run` has returned


_Start = Callable[..., Any]


def _behind_proxy(app: Flask) -> Callable[[dict[str, Any], _Start], Iterable[bytes]]:
    """A proxy that ends TLS runs on this machine and says who asked; nobody else is believed."""
    proxied = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)

    def serve(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR") in _HERE:
            return proxied(environ, start)
        return app(environ, start)

    return serve


def make_server(
    app: Flask,
    host: str,
    port: int,
    certificate: tuple[str, str] | None = None,
    *,
    threads: int = THREADS,
) -> Server:
    """Return a server that listens on host (an address) and port; port 0 takes a free one.

    `certificate` are the PEM files of certificate (with its chain) and key; None serves plain HTTP.

    Raises:
        OSError: the address is taken or not ours, or the certificate cannot be read.
    """
    return _Cheroot(app, host, port, certificate, threads)
