"""A Marlin-like printer on a pseudo terminal, as a process of its own.

    python -m printers.sim.firmware --link printer --record record.jsonl

It answers as Marlin bugfix-2.1.x does (line numbers, checksums, Resend, a duplicate line passed in
silence, M110), executes every line, and keeps a record of its own. It stays when the host goes,
as a printer does. Faults are switched on by options.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import os
import re
import select
import signal
import sys
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from printers.gcode_line import checksum
from printers.sim.record import Record, RecordEvent

_PR_SET_PDEATHSIG = 1
# Linux, asm-generic/termbits.h: struct termios2 ends with c_ispeed and c_ospeed, 32 bits each.
_TCGETS2 = 0x802C542A
_TERMIOS2_BYTES = 44
_NOISE = 0xFE
_MAX_CMD_SIZE = 96
_ROOM_C = 21.0
_HEATING_C_S = 4000.0  # unthrottled: a hot end is hot in some 50 ms
_NUMBERED = re.compile(rb"^N(-?\d+)\s*")
_WORDS = re.compile(rb"([A-Z])\s*(-?\d*\.?\d+)")
_NAME = re.compile(rb"^M11[78]\s+(?:A1\s+)?(fabnet-[a-z0-9-]+)(\s+done)?\s*$")
_COMMAND = re.compile(rb"^[GMT]\d+")
# What the host sends on its own account is no part of a print.
_UNCOUNTED = (b"M105", b"M155", b"M400", b"M114", b"M115", b"M118")
_IDENTITY = (
    b"FIRMWARE_NAME:Marlin 2.1.2 (simulated) SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin"
    b" PROTOCOL_VERSION:1.0 MACHINE_TYPE:fabnet simulated printer EXTRUDER_COUNT:1\n"
    b"Cap:SERIAL_XON_XOFF:0\nCap:AUTOREPORT_TEMP:1\nCap:EMERGENCY_PARSER:0\n"
    b"Cap:HOST_ACTION_COMMANDS:0\nCap:THERMAL_PROTECTION:1\n"
)


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong, counted in received lines from 1; 0 means never."""

    corrupt_every: int = 0  # a byte of every nth line is changed on its way
    drop_ok_every: int = 0
    extra_ok_every: int = 0
    reset_at: int = 0
    halt_at: int = 0
    deaf_at: int = 0  # answers nothing any more


@dataclass(slots=True)
class Heater:
    """A heater that follows its target at a fixed speed."""

    target_c: float = 0.0
    highest_target_c: float = 0.0
    speed_c_s: float = _HEATING_C_S
    _from_c: float = _ROOM_C
    _since_s: float = 0.0

    def set(self, target_c: float, now_s: float) -> None:
        """Change the target."""
        self._from_c = self.at(now_s)
        self._since_s = now_s
        self.target_c = target_c
        self.highest_target_c = max(self.highest_target_c, target_c)

    def at(self, now_s: float) -> float:
        """Return the temperature."""
        goal = max(self.target_c, _ROOM_C)
        way = goal - self._from_c
        done = min(abs(way), (now_s - self._since_s) * self.speed_c_s)
        return self._from_c + (done if way > 0 else -done)


@dataclass(slots=True)
class Print:
    """What was executed since an attempt's name was shown."""

    name: str
    lines: int = 0
    extruded_mm: float = 0.0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)


class Firmware:
    """The printer itself: lines in, answers out; no file but its records."""

    def __init__(
        self,
        record: Record,
        faults: Faults,
        executed: Callable[[bytes], None],
        heating_c_s: float = _HEATING_C_S,
        identity: bytes = _IDENTITY,
    ) -> None:
        self._identity = identity
        self._record = record
        self._faults = faults
        self._executed = executed
        self._heating_c_s = heating_c_s
        self._received = 0
        self._oks = 0
        self._halted = False
        self._print: Print | None = None
        self.reports_every_s = 0.0
        self._boot()

    def _boot(self) -> None:
        self._last = 0
        self._nozzle, self._bed = self._heaters()
        self._position = {b"X": 0.0, b"Y": 0.0, b"Z": 0.0, b"E": 0.0}
        self._relative = self._relative_e = False
        self.reports_every_s = 0.0
        self._halted = False
        self._record.add(RecordEvent(event="boot"))

    def _heaters(self) -> tuple[Heater, Heater]:
        return Heater(speed_c_s=self._heating_c_s), Heater(speed_c_s=self._heating_c_s)

    def banner(self) -> bytes:
        """Return what a board says when it starts."""
        return b"start\necho:Marlin 2.1.2 (simulated)\n"

    def line(self, raw: bytes, now_s: float) -> bytes:
        """Take one received line; return the answer."""
        self._received += 1
        faults = self._faults
        if faults.deaf_at and self._received >= faults.deaf_at:
            return b""
        if self._received == faults.reset_at:
            self._abandon()
            self._boot()
            return self.banner()
        if self._received == faults.halt_at:
            return self._halt(b"Error:Thermal Runaway, system stopped! Heater_ID: 0\n")
        if self._halted:
            return b""
        if faults.corrupt_every and self._received % faults.corrupt_every == 0 and raw:
            at = self._received % len(raw)
            raw = raw[:at] + bytes([raw[at] ^ 0x04]) + raw[at + 1 :]
        return self._checked(raw[: _MAX_CMD_SIZE - 1].strip(), now_s)

    def _checked(self, line: bytes, now_s: float) -> bytes:
        """Check number and checksum as Marlin's queue does, then execute."""
        if not line:
            return b""
        numbered = _NUMBERED.match(line)
        if numbered is None:
            return self._execute(line, now_s)
        number = int(numbered.group(1))
        body, star, check = line.rpartition(b"*")
        if not star:
            return self._resend(b"No Checksum with line number")
        if not check.isdigit() or int(check) != checksum(body):
            return self._resend(b"checksum mismatch")
        command = body[numbered.end() :]
        if command.startswith(b"M110"):
            words = dict(_WORDS.findall(command))
            self._last = int(float(words.get(b"N", number)))
            return self._ok()
        if number != self._last + 1:
            if number in (self._last, self._last - 1):
                return b""  # Marlin since 2.1.1 passes a line that it has had without a word.
            return self._resend(b"Line Number is not Last Line Number+1")
        self._last = number
        return self._execute(command, now_s)

    def _resend(self, why: bytes) -> bytes:
        return b"Error:%s, Last Line: %d\nResend: %d\nok\n" % (why, self._last, self._last + 1)

    def _ok(self, more: bytes = b"") -> bytes:
        self._oks += 1
        if self._faults.drop_ok_every and self._oks % self._faults.drop_ok_every == 0:
            return b""
        answer = b"ok" + more + b"\n"
        if self._faults.extra_ok_every and self._oks % self._faults.extra_ok_every == 0:
            return answer + b"ok\n"
        return answer

    def _execute(self, command: bytes, now_s: float) -> bytes:
        name = _NAME.match(command)
        if name is not None and command.startswith(b"M117"):
            self._begin(name.group(1).decode())
            return self._ok()
        known = _COMMAND.match(command) is not None
        if known and self._print is not None and not command.startswith(_UNCOUNTED):
            self._print.lines += 1
            self._print.digest.update(command + b"\n")
        if known and not command.startswith(_UNCOUNTED):
            self._executed(command)
        head = command.split(b" ", 1)[0]
        if head in (b"G0", b"G1"):
            self._move(command)
            return self._ok()
        return self._other(head, command, now_s)

    def _other(self, head: bytes, command: bytes, now_s: float) -> bytes:  # noqa: C901, PLR0912
        words = dict(_WORDS.findall(command[len(head) :]))
        match head:
            case b"M104" | b"M109" | b"M140" | b"M190":
                return self._heat(head, words, now_s)
            case b"M105":
                return self._ok(b" " + self.temperatures(now_s))
            case b"M114":
                return (
                    b"X:%.2f Y:%.2f Z:%.2f E:%.2f\n" % tuple(self._position.values()) + self._ok()
                )
            case b"M115":
                return self._identity + self._ok()
            case b"M118":
                return self._echo(command)
            case b"M155":
                self.reports_every_s = float(words.get(b"S", 0))
            case b"M112":
                return self._halt(b"Error:Printer halted. kill() called!\n")
            case b"G90" | b"G91":
                self._relative = self._relative_e = head == b"G91"
            case b"M82" | b"M83":
                self._relative_e = head == b"M83"
            case b"G92":
                self._position |= {k: float(v) for k, v in words.items() if k in self._position}
            case b"G28":
                self._position |= {b"X": 0.0, b"Y": 0.0, b"Z": 0.0}
            case _ if not _COMMAND.match(head):
                return b'echo:Unknown command: "%s"\n' % command + self._ok()
            case _:
                pass
        return self._ok()

    def _move(self, command: bytes) -> None:
        for axis, text in _WORDS.findall(command):
            if axis not in self._position:
                continue
            value = float(text)
            relative = self._relative_e if axis == b"E" else self._relative
            moved = value if relative else value - self._position[axis]
            self._position[axis] += moved
            if axis == b"E" and self._print is not None:
                self._print.extruded_mm += moved

    def _heat(self, head: bytes, words: dict[bytes, bytes], now_s: float) -> bytes:
        heater = self._nozzle if head in (b"M104", b"M109") else self._bed
        heater.set(float(words.get(b"S", words.get(b"R", b"0"))), now_s)
        if head in (b"M104", b"M140"):
            return self._ok()
        waited_s = abs(heater.target_c - heater.at(now_s)) / heater.speed_c_s
        threading.Event().wait(waited_s)
        return b" " + self.temperatures(now_s + waited_s) + b" W:0\n" + self._ok()

    def _echo(self, command: bytes) -> bytes:
        name = _NAME.match(command)
        if name is not None and name.group(2) and self._print is not None:
            self._finish("end")
        return command[5:].strip().removeprefix(b"A1 ") + b"\n" + self._ok()

    def temperatures(self, now_s: float) -> bytes:
        """Return a report as M105 and autoreport give it."""
        return b"T:%.2f /%.2f B:%.2f /%.2f @:0 B@:0" % (
            self._nozzle.at(now_s), self._nozzle.target_c, self._bed.at(now_s), self._bed.target_c,
        )  # fmt: skip

    def _begin(self, name: str) -> None:
        self._abandon()
        self._print = Print(name)
        for heater in (self._nozzle, self._bed):
            heater.highest_target_c = heater.target_c
        self._record.add(RecordEvent(event="begin", name=name))

    def _abandon(self) -> None:
        if self._print is not None:
            self._finish("abandoned")

    def _finish(self, event: str) -> None:
        done = self._print
        self._print = None
        if done is not None:
            self._record.add(
                RecordEvent(
                    event=event,
                    name=done.name,
                    lines=done.lines,
                    sha256=done.digest.hexdigest(),
                    extruded_mm=round(done.extruded_mm, 3),
                    nozzle_max_c=self._nozzle.highest_target_c,
                    bed_max_c=self._bed.highest_target_c,
                )
            )

    def _halt(self, words: bytes) -> bytes:
        self._abandon()
        self._halted = True
        self._nozzle, self._bed = self._heaters()
        self._record.add(RecordEvent(event="halted"))
        return words + b"Error:Printer halted. kill() called!\n"


def serve(firmware: Firmware, link: Path, lines_per_s: float, baudrate: int = 0) -> None:
    """Run the printer on a new pty until SIGTERM; `link` points to its device.

    With a baud rate it understands nothing and is not understood while the host's is another.

    Our own end of the device stays open too, so that the host may come and go.
    """
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    fresh = link.with_name(link.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(os.ttyname(slave))
    fresh.replace(link)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    _write(master, firmware.banner())
    waiting = b""
    next_report_s = 0.0
    while not stop.is_set():
        if select.select([master], [], [], 0.1)[0]:
            heard = os.read(master, 65536)
            if baudrate and _rate_of(slave) != baudrate:
                heard = bytes([_NOISE]) * len(heard)
                _write(master, heard)
            waiting += heard
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            _write(master, firmware.line(line, time.monotonic()))
            if lines_per_s:
                stop.wait(1 / lines_per_s)
        now_s = time.monotonic()
        if firmware.reports_every_s and now_s >= next_report_s:
            next_report_s = now_s + firmware.reports_every_s
            _write(master, b" " + firmware.temperatures(now_s) + b"\n")
    link.unlink(missing_ok=True)


def _rate_of(terminal: int) -> int:
    """Return a terminal's output speed; also those that POSIX has no name for, such as 250000."""
    settings = fcntl.ioctl(terminal, _TCGETS2, bytes(_TERMIOS2_BYTES))
    return int.from_bytes(settings[-4:], sys.byteorder)


def _write(master: int, data: bytes) -> None:
    """Write what fits: with no host that reads, a serial line loses the rest."""
    if data:
        try:
            os.write(master, data)
        except BlockingIOError:
            return


def main() -> None:
    """Read the options and run until SIGTERM, or until the parent process ends."""
    parser = argparse.ArgumentParser(description="A simulated printer on a pseudo terminal.")
    parser.add_argument("--link", type=Path, required=True, help="symbolic link to make")
    parser.add_argument("--record", type=Path, required=True, help="file of what was executed")
    parser.add_argument("--record-lines", type=Path, help="file of all executed lines")
    parser.add_argument("--lines-per-s", type=float, default=0.0, help="0: as fast as it can")
    parser.add_argument("--heating-c-s", type=float, default=_HEATING_C_S, help="degrees a second")
    parser.add_argument("--baudrate", type=int, default=0, help="0: any")
    parser.add_argument("--m115", default="", help="what it says of itself")
    for name in Faults.__dataclass_fields__:
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=0)
    options = vars(parser.parse_args())
    faults = Faults(**{name: options[name] for name in Faults.__dataclass_fields__})
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    executed: Callable[[bytes], None] = lambda _line: None  # noqa: E731
    if options["record_lines"] is not None:
        fd = os.open(options["record_lines"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        executed = lambda line: _append(fd, line)  # noqa: E731
    identity = options["m115"].encode() + b"\n" if options["m115"] else _IDENTITY
    firmware = Firmware(
        Record(options["record"]), faults, executed, options["heating_c_s"], identity
    )
    serve(firmware, options["link"], options["lines_per_s"], options["baudrate"])


def _append(fd: int, line: bytes) -> None:
    os.write(fd, line + b"\n")


if __name__ == "__main__":
    main()
