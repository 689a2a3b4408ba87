"""A TCP proxy that breaks what goes through it: resets, stalls, half-open connections, slow lines.

One thread carries all wires. A wire is one client's way to one port; its faults hit that client
alone, as a bad line would.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

_BLOCK = 4096
_LOOK_S = 0.05
#: A reset that waits for bytes to cut through waits no longer than this.
_RESET_S = 0.5
_RST = struct.pack("ii", 1, 0)
TO_SERVER, TO_CLIENT = 0, 1


@dataclass(slots=True, eq=False)
class _Half:
    """One way of a connection."""

    source: socket.socket
    sink: socket.socket
    way: int
    pending: bytes = b""
    not_before_s: float = 0.0
    ended: bool = False


@dataclass(slots=True, eq=False)
class _Connection:
    halves: tuple[_Half, _Half]
    deaf: set[int] = field(default_factory=set)
    reset_from_s: float | None = None  # at the next bytes, or soon after
    ends_s: float | None = None


class Wire:
    """One client's way to a port of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listener.getsockname()[1]
        self.connections: list[_Connection] = []
        self.stalled_to_s = 0.0
        self.slow_to_s = 0.0
        self.swallowed = 0
        self.connected_at_s: list[float] = []

    def reset(self) -> None:
        """Break all connections with a RST, in the middle of the next packet."""
        for each in self.connections:
            each.reset_from_s = time.monotonic()

    def stall(self, for_s: float) -> None:
        """Carry nothing for a while; what was sent comes late."""
        self.stalled_to_s = max(self.stalled_to_s, time.monotonic() + for_s)

    def slow(self, for_s: float) -> None:
        """Carry every block late for a while."""
        self.slow_to_s = max(self.slow_to_s, time.monotonic() + for_s)

    def half_open(self, way: int, for_s: float) -> None:
        """Swallow one way of all connections; they are broken at the end, as nothing can heal them."""
        for each in self.connections:
            each.deaf.add(way)
            each.ends_s = time.monotonic() + for_s

    def heal(self) -> None:
        """Break what is half-open, end everything else."""
        self.stalled_to_s = self.slow_to_s = 0.0
        for each in self.connections:
            if each.deaf:
                each.ends_s = time.monotonic()


class Exchange:
    """Carries the bytes of all wires, in one thread."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)

    def wire(self, target: int) -> Wire:
        """Lay a wire to a port; before `start`."""
        made = Wire(target)
        self._wires.append(made)
        return made

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def stop(self) -> None:
        """Break everything."""
        self._stop.set()
        self._thread.join(5)
        for wire in self._wires:
            wire.listener.close()
            for each in list(wire.connections):
                _break(wire, each)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._round(time.monotonic())

    def _round(self, now_s: float) -> None:
        reading: dict[socket.socket, _Place] = {}
        writing: dict[socket.socket, _Place] = {}
        for wire in self._wires:
            for each in list(wire.connections):
                if _is_due(each, now_s):
                    _break(wire, each)
                elif now_s >= wire.stalled_to_s:
                    _watch(wire, each, now_s, reading, writing)
        listeners = {wire.listener: wire for wire in self._wires}
        able, ready, _ = select.select([*listeners, *reading], list(writing), [], _LOOK_S)
        for sock in able:
            if sock in listeners:
                _accept(listeners[sock])
            else:
                _read(*reading[sock], now_s)
        for sock in ready:
            _write(*writing[sock])


_Place = tuple[Wire, _Connection, _Half]


def _watch(
    wire: Wire,
    each: _Connection,
    now_s: float,
    reading: dict[socket.socket, _Place],
    writing: dict[socket.socket, _Place],
) -> None:
    for half in each.halves:
        if half.pending and now_s >= half.not_before_s:
            writing[half.sink] = (wire, each, half)
        elif not half.pending and not half.ended:
            reading[half.source] = (wire, each, half)


def _is_due(each: _Connection, now_s: float) -> bool:
    late = each.reset_from_s is not None and now_s > each.reset_from_s + _RESET_S
    over = each.ends_s is not None and now_s >= each.ends_s
    done = all(half.ended and not half.pending for half in each.halves)
    return late or over or done


def _accept(wire: Wire) -> None:
    near, _ = wire.listener.accept()
    try:
        far = socket.create_connection(("127.0.0.1", wire.target), 1.0)
    except OSError:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        near.close()
        return
    for end in (near, far):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.connected_at_s.append(time.monotonic())
    wire.connections.append(_Connection((_Half(near, far, TO_SERVER), _Half(far, near, TO_CLIENT))))


def _read(wire: Wire, each: _Connection, half: _Half, now_s: float) -> None:
    if each not in wire.connections:
        return
    try:
        block = half.source.recv(_BLOCK)
    except BlockingIOError:
        return
    except OSError:
        _break(wire, each)
        return
    if not block:
        half.ended = True
        each.ends_s = each.ends_s or now_s + _LOOK_S
    elif each.reset_from_s is not None:
        with suppress(OSError):
            half.sink.send(block[: len(block) // 2])
        _break(wire, each)
    elif half.way in each.deaf:
        wire.swallowed += len(block)
    else:
        half.pending = block
        half.not_before_s = now_s + 0.3 if now_s < wire.slow_to_s else 0.0


def _write(wire: Wire, each: _Connection, half: _Half) -> None:
    if each not in wire.connections:
        return
    try:
        half.pending = half.pending[half.sink.send(half.pending) :]
    except BlockingIOError:
        return
    except OSError:
        _break(wire, each)


def _break(wire: Wire, each: _Connection) -> None:
    """End a connection: politely where one end has gone, else with a RST to both."""
    wire.connections.remove(each)
    polite = any(half.ended for half in each.halves) and each.reset_from_s is None
    for half in each.halves:
        with suppress(OSError):
            if not polite:
                half.source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        half.source.close()
