"""The serial line of a simulated printer: bytes take their time, and a full ring loses them.

`Wire` is a model in which each thing happens at its own moment, however late this process is woken:
bytes come at the line's rate into a receive ring, the firmware's main loop takes whole lines from it
while its queue has room, and answers leave at the same rate. `serve` runs one on a pseudo terminal.
"""

from __future__ import annotations

import fcntl
import math
import os
import select
import sys
import threading
import time
import tty
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from printers.sim.talk import Firmware, Read

# Linux, asm-generic/termbits.h: struct termios2 ends with c_ispeed and c_ospeed, 32 bits each.
_TCGETS2 = 0x802C542A
_TERMIOS2_BYTES = 44
_NOISE = 0xFE
_BITS = 10  # of a byte on the line, with start and stop
_BUSY_S = 2.0
_REPORT_S = 1.0  # between two reports while it waits for heat
_WAIT_S = 1.0
_STALL_S = 1.0
_BOOT_S = 1.5  # its boot loader hears nothing of what is meant for the firmware
_UNPLUGGED_S = 1.0
_MOST = 4096  # bytes that are taken ahead of a queue that is full
_HEATS = (b"M109", b"M190")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a line and its firmware are."""

    baudrate: int = 0  # that it understands; 0: any
    timed: bool = False  # bytes take their time, and the ring can run over
    ok_s: float = 0.0  # from a command's end until its answer begins to leave
    line_s: float = 0.0  # for each command


class Wire:
    """One line with one firmware at its end; a clock comes with each call."""

    def __init__(self, firmware: Firmware, pace: Pace) -> None:
        self._firmware = firmware
        dialect = firmware.dialect
        self._pace = pace
        self._byte_s = _BITS / pace.baudrate if pace.timed and pace.baudrate else 0.0
        self._room = dialect.rx_bytes - 1 if pace.timed and dialect.rx_bytes else 0
        self._coming = bytearray()  # on its way, or waiting in the host
        self._first_s = 0.0  # when the line began, or will begin, with its first byte
        self._ring = bytearray()
        self._line = bytearray()
        self._queue: deque[Read] = deque()
        self._ends_s = math.inf  # when what is executed will be done
        self._known = True
        self._says_s = math.inf  # when it will say that it is busy, or how hot it is
        self._stalled_s = self._boots_s = self._flushes_s = -math.inf
        self._reported_s = self._idle_s = 0.0
        self._out: deque[tuple[float, bytes]] = deque()
        self._out_free_s = 0.0
        self.unplugged = False

    @property
    def has_room(self) -> bool:
        """Whether more may be taken from the host."""
        return len(self._coming) < _MOST

    @property
    def lost_bytes(self) -> int:
        """How many the ring had no room for."""
        return self._firmware.tally.lost_bytes

    def take(self, data: bytes, now_s: float) -> None:
        """Take what the host has written."""
        if not self._coming:
            self._first_s = max(self._first_s, now_s)
        self._coming += data

    def say(self, words: bytes, at_s: float) -> None:
        """Put an answer on its way to the host."""
        if words:
            begins_s = max(at_s + self._pace.ok_s, self._out_free_s)
            self._out_free_s = begins_s + len(words) * self._byte_s
            self._out.append((self._out_free_s, words))

    def due(self, now_s: float) -> bytes:
        """Return what has reached the host by now."""
        found = []
        while self._out and self._out[0][0] <= now_s:
            found.append(self._out.popleft()[1])
        return b"".join(found)

    def next_s(self, now_s: float) -> float:
        """Return when something happens next though nothing is written; never by itself: inf."""
        moments = [self._ends_s, self._says_s]
        if self._out:
            moments.append(self._out[0][0])
        if self._coming and self._byte_s:
            end = self._coming.find(b"\n") + 1 or len(self._coming)
            moments.append(self._first_s + end * self._byte_s)
        if self._firmware.reports_every_s:
            moments.append(self._reported_s + self._firmware.reports_every_s)
        if self._stalled_s > now_s:
            moments = [max(each, self._stalled_s) for each in moments]
        return min(moments)

    # --- time -------------------------------------------------------------------------------------

    def advance(self, now_s: float) -> None:
        """Let everything happen that has happened by now, each at its own moment."""
        while True:
            until_s = min(now_s, max(self._ends_s, self._stalled_s), self._says_s)
            if self._arrive(until_s):
                continue
            if until_s >= self._says_s:
                self._say_busy(until_s)
            elif until_s >= self._ends_s and until_s >= self._stalled_s:
                self._done(max(self._ends_s, self._stalled_s))
            else:
                break
        self._say_unasked(now_s)

    def _arrive(self, until_s: float) -> bool:
        """Let bytes come until a moment, or until a line is whole; whether one was."""
        if self.unplugged or not self._coming:
            return False
        if self._byte_s and self._first_s < self._flushes_s:
            self._lose(min(until_s, self._flushes_s))
        if not self._byte_s:
            come = len(self._coming)
        else:
            come = min(len(self._coming), int((until_s - self._first_s) / self._byte_s + 1e-6))
        waits = len(self._queue) >= self._firmware.dialect.queue_lines or self._stalled_s > until_s
        if come <= 0 or (waits and not self._room):
            return False
        end = self._coming.find(b"\n", 0, come) + 1 or come
        data = bytes(self._coming[:end])
        del self._coming[:end]
        self._first_s += end * self._byte_s
        if (self._first_s if self._byte_s else until_s) < self._boots_s:
            return bool(self._coming)
        if waits:
            self._wait_in_ring(data, self._first_s)
            return bool(self._coming)
        self._line += data
        if data.endswith(b"\n"):
            self._whole_line(max(self._first_s, self._stalled_s))
            return True
        return False

    def _lose(self, until_s: float) -> None:
        """Throw away what comes while it writes."""
        lost = min(len(self._coming), math.ceil((until_s - self._first_s) / self._byte_s))
        if lost > 0:
            del self._coming[:lost]
            self._first_s += lost * self._byte_s

    def _wait_in_ring(self, data: bytes, at_s: float) -> None:
        free = self._room - len(self._ring)
        self._ring += data[:free]
        self._firmware.tally.lost_bytes += max(0, len(data) - free)
        if len(data) > free and self._firmware.dialect.full:
            self._ring.clear()
            self.say(self._firmware.dialect.full, at_s)

    def _whole_line(self, at_s: float) -> None:
        raw = bytes(self._line).rstrip(b"\r\n")
        self._line.clear()
        for line in self._firmware.arrive(raw):
            self._follow(self._firmware.read(line), at_s)

    def _follow(self, read: Read, at_s: float) -> None:
        if read.reset:
            self._queue.clear()
            self._ring.clear()
            self._ends_s = self._says_s = math.inf
            self._boots_s = at_s + _BOOT_S
        self.say(read.says, max(at_s, self._boots_s))
        if read.flush:
            self._ring.clear()
            if self._firmware.dialect.flushes_late:
                why = read.says.partition(b"\n")[0]
                self._flushes_s = at_s + self._byte_s * len(why)
        self.unplugged |= read.unplugged
        if read.stalled:
            self._stalled_s = at_s + _STALL_S
        if self._firmware.board.halted:
            self._queue.clear()
            self._ends_s = self._says_s = math.inf
        if read.command is not None:
            heats = bool(self._queue) and (self._queue[0].command or b"").startswith(_HEATS)
            if heats and self._firmware.dialect.breaks_heating and read.command == b"M108":
                self._ends_s = at_s
            self._queue.append(read)
            if len(self._queue) == 1:
                self._begin(at_s)

    def _begin(self, at_s: float) -> None:
        command = self._queue[0].command or b""
        ends_s = self._firmware.execute(command, at_s)
        self._known = ends_s is not None
        self._ends_s = (at_s if ends_s is None else ends_s) + self._pace.line_s
        self._says_s = at_s + (_REPORT_S if command.startswith(_HEATS) else _BUSY_S)

    def _done(self, at_s: float) -> None:
        read = self._queue.popleft()
        command = read.command or b""
        self._ends_s = self._says_s = math.inf
        self._idle_s = at_s
        self.say(self._firmware.answer(command, read.number, at_s, known=self._known), at_s)
        if self._firmware.board.halted:
            self._queue.clear()
        elif self._queue:
            self._begin(at_s)
        self._drain_ring(at_s)

    def _drain_ring(self, at_s: float) -> None:
        """The main loop looks at the ring again, for its queue has room."""
        while self._ring and len(self._queue) < self._firmware.dialect.queue_lines:
            end = self._ring.find(b"\n") + 1 or len(self._ring)
            self._line += self._ring[:end]
            del self._ring[:end]
            if self._line.endswith(b"\n"):
                self._whole_line(at_s)

    def _say_busy(self, at_s: float) -> None:
        command = self._queue[0].command or b""
        if command.startswith(_HEATS):
            self.say(b" " + self._firmware.temperatures(at_s) + b" W:?\n", at_s)
            self._says_s = at_s + _REPORT_S
        else:
            self.say(self._firmware.dialect.busy, at_s)
            self._says_s = at_s + _BUSY_S

    def _say_unasked(self, now_s: float) -> None:
        firmware = self._firmware
        self.say(firmware.watch(now_s), now_s)
        if firmware.board.halted:
            self._queue.clear()
            self._ends_s = self._says_s = math.inf
            return
        every_s = firmware.reports_every_s
        if every_s and now_s >= self._reported_s + every_s:
            self._reported_s = now_s
            self.say(b" " + firmware.temperatures(now_s) + b"\n", now_s)
        if firmware.dialect.waits and not self._queue and now_s >= self._idle_s + _WAIT_S:
            self._idle_s = now_s
            self.say(b"wait\n", now_s)


class _Terminal:
    """A pseudo terminal under a name of ours."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        fresh = link.with_name(link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self.slave))
        fresh.replace(link)

    def write(self, data: bytes) -> None:
        """Write what fits: with no host that reads, a serial line loses the rest."""
        if data:
            try:
                os.write(self.master, data)
            except BlockingIOError:
                return

    @property
    def rate(self) -> int:
        """The host's speed; also those that POSIX has no name for, such as 250000."""
        settings = fcntl.ioctl(self.slave, _TCGETS2, bytes(_TERMIOS2_BYTES))
        return int.from_bytes(settings[-4:], sys.byteorder)

    def close(self) -> None:
        self._link.unlink(missing_ok=True)
        os.close(self.slave)
        os.close(self.master)


def serve(firmware: Firmware, link: Path, pace: Pace, stop: threading.Event) -> None:
    """Run the printer on a new pty until the event is set.

    `link` points to its device. With a baud rate it understands nothing and is not understood
    while the host's is another. Our own end of the device stays open too, so that the host may come
    and go.
    """
    terminal, wire = _Terminal(link), Wire(firmware, pace)
    terminal.write(firmware.dialect.banner)
    while not stop.is_set():
        now_s = time.monotonic()
        wait_s = min(0.1, max(0.0, wire.next_s(now_s) - now_s))
        ready = select.select([terminal.master] if wire.has_room else [], [], [], wait_s)[0]
        now_s = time.monotonic()
        if ready:
            heard = os.read(terminal.master, 65536)
            if pace.baudrate and terminal.rate != pace.baudrate:
                terminal.write(bytes([_NOISE]) * len(heard))
                heard = bytes([_NOISE]) * len(heard)
            wire.take(heard, now_s)
        wire.advance(now_s)
        terminal.write(wire.due(now_s))
        if wire.unplugged:
            terminal.close()
            stop.wait(_UNPLUGGED_S)
            firmware.board.boot()
            terminal, wire = _Terminal(link), Wire(firmware, pace)
            terminal.write(firmware.boot())
    terminal.close()
