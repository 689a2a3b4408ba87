"""A network cable that can be pulled out: a TCP forwarder between one lab and the broker."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_BLOCK = 1 << 16
_WAIT_S = 0.2


class Cable:
    """Forwards connections from a port of its own to another one, until it is pulled.

    Args:
        port: of 127.0.0.1, where the connections go.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._plugged = threading.Event()
        self._plugged.set()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_WAIT_S)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="cable", daemon=True).start()

    def pull(self) -> None:
        """Cut all connections, and let none through."""
        self._plugged.clear()
        self._cut()

    def plug(self) -> None:
        """Let connections through again."""
        self._plugged.set()

    def close(self) -> None:
        """Cut everything for good."""
        self._closed.set()
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if not self._plugged.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            near.settimeout(None)
            with self._lock:
                self._ends |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while block := one.recv(_BLOCK):
                other.sendall(block)
        with self._lock:
            self._ends -= {one, other}
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
