"""The host's side of a serial G-code dialogue: bytes in, bytes out, with the time as an argument.

Pure. Lines are numbered and checksummed; a window of unacknowledged bytes and lines keeps the
line busy without overrunning the receive buffer. On `Resend` it stops, listens until the line is
quiet, and goes back to the line that is asked for, with one line in flight, growing again
(go-back-n with additive increase). A lost `ok` is passed by going on with the *next* line: if a
line was lost too, its number makes the firmware ask for it. Leaves ports and files to
`printers.serial_driver`.

Facts on answers: Marlin 1.1.9 and bugfix-2.1.x, genuine builds; Prusa-Firmware 3.13.
"""

from __future__ import annotations

import enum
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firmware_profiles.profile import FirmwareProfile
from printers.errors import GcodeLineError

_HISTORY = 400  # lines kept for a Resend; Prusa's panics ask for up to 100 lines back
_RESENDS = 10  # of one line, before the link counts as broken
_TIMEOUTS = 5  # in a row
_LONG_SILENCE_S = 300.0  # a long command may say nothing for this long
_GROW_AFTER = 4
_HOTTEST_JUMP_C_S = 50.0

_RESEND = re.compile(rb"^\s*(?:resend|rs)\s*:?\s*(?:N:?)?\s*(-?\d+)", re.IGNORECASE)
_OKS = re.compile(rb"^(?:ok)+(?=\s|$)")
_OK_NUMBER = re.compile(rb"^ok\s+N?(\d+)\b")
_GLUED_OK = re.compile(rb"(?:^|[0-9])(?:N\d+)?ok$")
_NUMBER = rb"-?\d+(?:\.\d+)?"
_TOKEN = re.compile(
    rb"\s*((?:T|B|C|P|A|W)\d*|B?@\d*):\s*(" + _NUMBER + rb"|\?)(?:\s*/\s*(" + _NUMBER + rb"))?"
)
_LONG = re.compile(rb"^(?:G4|G28|G29|G30|G32|M0|M1|M109|M190|M191|M226|M303|M400|M600|M601)\b")
_FIELD = re.compile(r"(?:^|\s)([A-Z][A-Z0-9_]*):")
_CAP = re.compile(rb"^Cap:([A-Z0-9_]+):([01])\s*$")
_WORD = re.compile(rb"^[A-Za-z]-?\d+(?:\.\d+)?")
_BLOCKED = re.compile(rb"^(?:M110|M112)\b")


class Trouble(enum.Enum):
    """Why a dialogue cannot go on."""

    RESET = "reset"  # the printer has started anew: what it was doing is lost
    FATAL = "fatal"  # the firmware has stopped and says so
    STALLED = "stalled"  # no answer any more
    RESENDS = "resends"  # one line is asked for again and again


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The end of a dialogue, with the firmware's own words where it said any."""

    trouble: Trouble
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperatures:
    """A temperature report; None for what it did not tell."""

    nozzle_c: float | None
    nozzle_target_c: float | None
    bed_c: float | None
    bed_target_c: float | None


def checksum(line: bytes) -> int:
    """Return the XOR of all bytes, which goes behind `*`."""
    value = 0
    for byte in line:
        value ^= byte
    return value


def clean(line: bytes, number: int, most_bytes: int) -> bytes | None:
    """Return the command of a file's line, None when nothing is left to send.

    Comments go, since a `;` would eat the checksum; M110 and M112 go, since the host alone may
    renumber lines or stop the printer.

    Raises:
        GcodeLineError: too long for the firmware's buffer, which would ask for it for ever; or
            not ASCII.
    """
    if b";" in line:
        line = line[: line.index(b";")]
    if b"(" in line:
        line = re.sub(rb"\([^)]*\)", b"", line)
    line = line.strip()
    if not line or _BLOCKED.match(line):
        return None
    if len(line) + len(b"N1234567 *255\n") > most_bytes:
        raise GcodeLineError(number, f"{len(line)} characters are more than the firmware can read")
    if not line.isascii():
        raise GcodeLineError(number, "it has characters that no firmware knows")
    return line


def parse_temperatures(line: bytes) -> Temperatures | None:
    """Return what a line says of temperatures; None unless all of it is a temperature report."""
    text = line.strip()
    if text.startswith(b"ok"):
        text = text[2:]
    found: dict[bytes, tuple[float | None, float | None]] = {}
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        key, value, target = match.groups()
        if value != b"?":
            found[key] = (float(value), None if target is None else float(target))
        position = match.end()
    nozzle = found.get(b"T0", found.get(b"T"))
    bed = found.get(b"B")
    if nozzle is None and bed is None:
        return None
    return Temperatures(
        nozzle_c=nozzle[0] if nozzle else None,
        nozzle_target_c=nozzle[1] if nozzle else None,
        bed_c=bed[0] if bed else None,
        bed_target_c=bed[1] if bed else None,
    )


def parse_identity(line: str) -> dict[str, str]:
    """Return the fields of M115's first line: FIRMWARE_NAME, MACHINE_TYPE and others."""
    parts = _FIELD.split(line.removeprefix("ok").strip())
    return {key: value.strip() for key, value in zip(parts[1::2], parts[2::2], strict=False)}


class GcodeLink:
    """One dialogue with one printer, from opening the port to losing it.

    Use: `outgoing` gives bytes to write now, `sent` says how many were written, `receive` takes
    what was read. `urgent` and `stream` give it commands.
    """

    def __init__(self, profile: FirmwareProfile, now_s: float) -> None:
        self._profile = profile
        self._fatal = tuple(text.encode() for text in profile.fatal)
        self._urgent: deque[bytes] = deque()
        self._stream: Iterator[bytes] = iter(())
        self._streaming = False
        self._history: dict[int, bytes] = {}
        self._commands: dict[int, bytes] = {}
        self._next = 0
        self._send = 0
        self._in_flight: deque[tuple[int, int]] = deque()
        self._in_flight_bytes = 0
        self._limit = profile.window_lines
        self._grown = 0
        self._recover: int | None = None
        self._quiet_at = 0.0
        self._out = bytearray()
        self._mid_line = False
        self._tail = b""
        self._ok_s = self._rx_s = now_s
        self._timeouts = 0
        self._asked: tuple[int, int] = (-1, 0)
        self._temperature_s = -1e9
        self._doubted = False
        self._alone = False
        self._resync = True
        self.broken: Broken | None = None
        self.heard: deque[str] = deque(maxlen=200)
        self.temperatures: Temperatures | None = None
        self.identity: dict[str, str] = {}
        self.caps: dict[str, bool] = {}
        self.acknowledged = 0  # commands of the stream and urgent ones, since the last resync
        self.resends = 0

    def use(self, profile: FirmwareProfile) -> None:
        """Go on by the rules of another profile, once the firmware is known."""
        self._profile = profile
        self._fatal = tuple(text.encode() for text in profile.fatal)
        self._limit = profile.window_lines

    # --- what to send ---------------------------------------------------------------------------

    def urgent(self, *commands: str) -> None:
        """Send these before what is left of the stream."""
        self._urgent.extend(command.encode("ascii") for command in commands)

    def stream(self, commands: Iterable[bytes]) -> None:
        """Number lines anew, then send these commands; they are taken one by one, when needed."""
        self._stream = iter(commands)
        self._streaming = True
        self._resync = True

    def drop_stream(self) -> None:
        """Send no more of the stream; lines in flight are still acknowledged."""
        self._stream = iter(())
        self._streaming = False

    @property
    def idle(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return (
            not (self._in_flight or self._out or self._urgent or self._streaming or self._resync)
            and self._recover is None
            and self._send == self._next
        )

    @property
    def silent_s(self) -> float:
        """When anything was last received, on the clock of `receive`."""
        return self._rx_s

    def outgoing(self, now_s: float) -> bytes:
        """Return what may be written now; say with `sent` how much of it was."""
        if self.broken is None:
            self._watch(now_s)
            if self._recover is not None and now_s >= self._quiet_at:
                self._go_back(self._recover, now_s)
            if self._recover is None:
                self._fill(now_s)
        return bytes(self._out)

    def sent(self, count: int) -> None:
        """Tell that this many of the outgoing bytes were written."""
        if count:
            self._mid_line = self._out[count - 1 : count] != b"\n"
            del self._out[:count]

    def wake_s(self, now_s: float) -> float:
        """Return in how many seconds `outgoing` should be asked again though nothing came."""
        if self._recover is not None:
            return max(0.0, self._quiet_at - now_s)
        if self._in_flight:
            return max(0.01, self._patience_until() - now_s)
        return 1.0

    def _fill(self, now_s: float) -> None:
        while len(self._in_flight) < self._limit and not (self._alone and self._in_flight):
            line = self._line_to_send()
            if line is None:
                return
            size = len(line)
            if self._in_flight and self._in_flight_bytes + size > self._profile.window_bytes:
                return
            if not self._in_flight:
                self._ok_s = now_s
            self._in_flight.append((self._send, size))
            self._in_flight_bytes += size
            self._out += line
            self._send += 1

    def _line_to_send(self) -> bytes | None:
        if self._send < self._next:
            return self._history[self._send]
        if self._resync:
            # M110 takes effect when it is executed: a line behind it would be executed twice.
            if self._in_flight:
                return None
            self._resync = False
            self._alone = True
            self._history.clear()
            self._commands.clear()
            self._next = self._send = 0
            self.acknowledged = 0
            return self._frame(b"M110 N0")
        self._alone = False
        if self._urgent:
            return self._frame(self._urgent.popleft())
        command = next(self._stream, None)
        if command is None:
            self._streaming = False
            return None
        return self._frame(command)

    def _frame(self, command: bytes) -> bytes:
        body = b"N%d %s" % (self._next, command)
        line = b"%s*%d\n" % (body, checksum(body))
        self._history[self._next] = line
        self._commands[self._next] = command
        old = self._next - _HISTORY
        if old >= 0:
            self._history.pop(old, None)
            self._commands.pop(old, None)
        self._next += 1
        return line

    def _go_back(self, number: int, now_s: float) -> None:
        self._recover = None
        self._send = number
        self._forget_flight()
        self._ok_s = now_s

    def _forget_flight(self) -> None:
        self._in_flight.clear()
        self._in_flight_bytes = 0
        self._limit = 1
        self._grown = 0

    def _drop_unsent(self) -> None:
        """Drop what was not written, but finish a line that was begun."""
        if self._mid_line and (end := self._out.find(b"\n")) >= 0:
            del self._out[end + 1 :]
        else:
            self._out.clear()

    # --- when nothing comes -----------------------------------------------------------------------

    def _patience_until(self) -> float:
        if any(_LONG.match(self._commands.get(number, b"")) for number, _ in self._in_flight):
            return self._rx_s + _LONG_SILENCE_S
        return self._ok_s + self._profile.ok_timeout_s

    def _watch(self, now_s: float) -> None:
        if not self._in_flight or self._recover is not None or now_s < self._patience_until():
            return
        self._timeouts += 1
        if self._timeouts > _TIMEOUTS:
            self._break(Trouble.STALLED, "the printer does not answer any more")
            return
        self._forget_flight()
        self._ok_s = now_s

    def _break(self, trouble: Trouble, text: str) -> None:
        if self.broken is None:
            self.broken = Broken(trouble=trouble, text=text)
            self._out.clear()

    # --- what comes -------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Take what was read, in pieces of any size."""
        if not data:
            return
        self._rx_s = now_s
        *lines, self._tail = (self._tail + data).split(b"\n")
        self._tail = self._tail[-4096:]
        for line in lines:
            self._line(line.replace(b"\0", b"").strip(), now_s)

    def _line(self, line: bytes, now_s: float) -> None:
        if line.startswith(b"ok"):
            self._ok_line(line, now_s)
            return
        resend = _RESEND.match(line)
        if resend is not None:
            self._resend(int(resend.group(1)), now_s)
            return
        if line.startswith((b"Error", b"error", b"!!", b"fatal", b":", b"echo:Homing")):
            self._error(line, now_s)
            return
        if line == b"start":
            self._break(Trouble.RESET, "the printer was reset or lost its power")
            return
        if line.startswith((b"echo:busy", b"busy:")):
            self._ok_s = now_s
            return
        self._other(line, now_s)

    def _other(self, line: bytes, now_s: float) -> None:
        report = line
        glued = _GLUED_OK.search(line)
        # Vendors' Marlins print reports and oks into one another: "...@1:N2ok".
        if glued is not None and line[:1] in b"TBN ":
            report = re.sub(rb"(?:N\d+)?ok$", b"", line)
            self._ok(now_s)
        temperatures = parse_temperatures(report) if report else None
        if temperatures is not None:
            self._temperature(temperatures, now_s)
            return
        cap = _CAP.match(line)
        if cap is not None:
            self.caps[cap.group(1).decode()] = cap.group(2) == b"1"
        elif line.startswith(b"FIRMWARE_NAME:"):
            self.identity = parse_identity(line.decode("ascii", "replace"))
        elif line and line != b"wait":
            self.heard.append(line.decode("ascii", "replace"))

    def _ok_line(self, line: bytes, now_s: float) -> None:
        oks = _OKS.match(line)
        if oks is None:
            self.heard.append(line.decode("ascii", "replace"))
            return
        number = _OK_NUMBER.match(line)
        for _ in range(len(oks.group()) // 2):
            self._ok(now_s, None if number is None else int(number.group(1)))
        rest = line[oks.end() :].strip()
        if rest.startswith(b"FIRMWARE_NAME:"):
            self.identity = parse_identity(rest.decode("ascii", "replace"))
        elif rest and number is None:
            temperatures = parse_temperatures(rest)
            if temperatures is not None:
                self._temperature(temperatures, now_s)

    def _ok(self, now_s: float, number: int | None = None) -> None:
        if self._recover is not None:
            # Of a line that the firmware has thrown away; the answers are not over yet.
            self._quiet_at = max(self._quiet_at, now_s + self._profile.drain_s)
            return
        if not self._in_flight:
            return
        self._ok_s = now_s
        self._timeouts = 0
        if number is not None and not self._in_flight[0][0] <= number < self._send:
            number = None
        while self._in_flight:
            first, size = self._in_flight.popleft()
            self._in_flight_bytes -= size
            self.acknowledged += 1
            if number is None or first >= number:
                break
        if self._limit < self._profile.window_lines:
            self._grown += 1
            if self._grown >= _GROW_AFTER:
                self._limit, self._grown = self._limit + 1, 0

    def _resend(self, number: int, now_s: float) -> None:
        if number not in self._history and number != self._next:
            # A corrupted number, or one of before a reset: it cannot be obeyed. The firmware
            # repeats it if it means it.
            self._count_asked(number)
            return
        self._count_asked(number)
        self.resends += 1
        self._drop_unsent()
        self._recover = number
        self._quiet_at = now_s + self._profile.drain_s

    def _count_asked(self, number: int) -> None:
        times = self._asked[1] + 1 if self._asked[0] == number else 1
        self._asked = (number, times)
        if times > _RESENDS:
            self._break(Trouble.RESENDS, f"the printer asks for line {number} again and again")

    def _error(self, line: bytes, now_s: float) -> None:
        if any(text in line for text in self._fatal):
            self._break(Trouble.FATAL, line.decode("ascii", "replace"))
        elif self._recover is not None:
            self._quiet_at = now_s + self._profile.drain_s
        self.heard.append(line.decode("ascii", "replace"))

    def _temperature(self, told: Temperatures, now_s: float) -> None:
        before = self.temperatures
        passed_s = max(now_s - self._temperature_s, 0.1)
        if before is not None and not self._doubted:
            for old, new in ((before.nozzle_c, told.nozzle_c), (before.bed_c, told.bed_c)):
                if old is not None and new is not None:
                    self._doubted |= abs(new - old) / passed_s > _HOTTEST_JUMP_C_S
            if self._doubted:
                return
        self._doubted = False
        self.temperatures = told
        self._temperature_s = now_s
