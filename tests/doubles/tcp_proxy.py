"""A cable between a client and a server that can go silent, as a pulled plug does, or be cut."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class TcpProxy:
    """Forwards every connection to `target`, from a thread of its own, until `close`.

    `path` is cut from the addresses that are asked for, as a reverse proxy does.
    """

    def __init__(self, target: tuple[str, int], *, path: str = "") -> None:
        self._target = target
        self._path = path.encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.silent = False
        self.taken = 0  # connections
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._nears: set[socket.socket] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Reset every connection."""
        for end in list(self._pairs):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()
        for end in self._pairs:
            end.close()

    def _run(self) -> None:
        while not self._over.is_set():
            watched = [] if self.silent else [self._listener, *self._pairs]
            for end in select.select(watched, [], [], 0.02)[0]:
                if end is self._listener:
                    self._take()
                elif end in self._pairs and not self.silent:
                    self._forward(end)

    def _take(self) -> None:
        near, _ = self._listener.accept()
        self.taken += 1
        try:
            far = socket.create_connection(self._target, 10)
        except OSError:
            near.close()
            return
        self._pairs |= {near: far, far: near}
        self._nears.add(near)

    def _forward(self, end: socket.socket) -> None:
        other = self._pairs[end]
        try:
            data = end.recv(65536)
            if data:
                if self._path and end in self._nears:
                    data = data.replace(b" " + self._path + b"/", b" /")
                other.sendall(data)
                return
        except OSError:
            pass
        for each in (end, other):
            self._pairs.pop(each, None)
            each.close()
