"""What a simulated firmware says: numbers and checksums of lines, answers, and scripted faults.

Leaves what a command does to `printers.sim.board`, and time on the line to `printers.sim.wire`.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from printers.gcode_line import checksum
from printers.sim.board import Board
from printers.sim.dialect import Dialect, Repeat

_NUMBERED = re.compile(rb"^N(-?\d+)\s*")
_M110 = re.compile(rb"M110(?:.*?N(-?\d+))?")
_SECONDS = re.compile(rb"S(\d+\.?\d*)")
_NUMBERS = 1 << 16  # Repetier's oks have no more
_REMEMBERED = 40  # lines back, in Repetier


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong, counted in received lines from 1; 0 means never."""

    corrupt_every: int = 0  # a byte of every nth line is changed on its way
    drop_line_every: int = 0  # the line never comes
    duplicate_every: int = 0  # it comes twice
    drop_ok_every: int = 0
    extra_ok_every: int = 0
    reset_at: int = 0
    mute_reset_at: int = 0  # it starts anew without a word, as one whose supply breaks down
    halt_at: int = 0
    deaf_at: int = 0  # answers nothing any more
    unplug_at: int = 0  # the cable is pulled, and put back in after a second: the board starts anew
    stall_at: int = 0  # looks at nothing for a second, as a board that draws its display
    cold_at: int = 0  # from there on its nozzle counts as cold: it pushes no filament, and says so
    sensor_off_at: int = 0  # the nozzle's sensor falls out of its block
    seed: int = 0  # "every nth" is by chance then, one in n; 0: exactly every nth


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came in and was done, for measurements."""

    received: int = 0  # lines, as they were sent
    again: int = 0  # lines whose number was sent before
    spoilt: int = 0  # changed or lost on their way
    moves: int = 0
    first_move_s: float = 0.0
    last_move_s: float = 0.0
    longest_gap_s: float = 0.0  # between two moves
    lost_bytes: int = 0  # that the ring had no room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What follows from one line that was read."""

    says: bytes = b""
    command: bytes | None = None  # to be put into the queue
    number: int | None = None  # of the line
    flush: bool = False  # what waits in the ring is thrown away
    reset: bool = False
    unplugged: bool = False
    stalled: bool = False


_NOTHING = Read()


class Firmware:
    """Lines in, answers out, by the rules of one dialect."""

    def __init__(
        self, board: Board, dialect: Dialect, faults: Faults, identity: bytes = b"", last: int = 0
    ) -> None:
        self.board = board
        self.dialect = dialect
        self._faults = faults
        self._identity = identity or dialect.identity
        self._chance = random.Random(faults.seed)  # noqa: S311 - it has to repeat
        self.tally = Tally()
        self._highest = -1
        self._oks = 0
        self._lose_sensor = False
        self.deaf = False
        self.boot()
        self._last = last  # line that it was sent, by a host before us

    def boot(self) -> bytes:
        """Start anew; return what a board says then."""
        self._last = 0
        self._skips = 0
        self.reports_every_s = 0.0
        return self.dialect.banner

    # --- reading ----------------------------------------------------------------------------------

    def arrive(self, raw: bytes) -> tuple[bytes, ...]:
        """Return the lines that come of one that was sent: changed, none, or two."""
        self._count(raw)
        faults, nth = self._faults, self.tally.received
        if self._strikes(faults.drop_line_every, nth):
            self.tally.spoilt += 1
            return ()
        if raw and self._strikes(faults.corrupt_every, nth):
            at = self._chance.randrange(len(raw)) if faults.seed else nth % len(raw)
            self.tally.spoilt += 1
            raw = raw[:at] + bytes([raw[at] ^ 0x04]) + raw[at + 1 :]
        return (raw, raw) if self._strikes(faults.duplicate_every, nth) else (raw,)

    def _count(self, raw: bytes) -> None:
        self.tally.received += 1
        numbered = _NUMBERED.match(raw)
        if numbered is not None:
            number = int(numbered.group(1))
            self.tally.again += number <= self._highest
            self._highest = 0 if b"M110" in raw else max(self._highest, number)

    def _strikes(self, every: int, nth: int) -> bool:
        if not every:
            return False
        return self._chance.random() * every < 1 if self._faults.seed else nth % every == 0

    def read(self, raw: bytes) -> Read:
        """Take one line as it came."""
        faults, nth = self._faults, self.tally.received
        self.deaf |= bool(faults.deaf_at) and nth >= faults.deaf_at
        self._lose_sensor |= nth == faults.sensor_off_at
        if self.deaf:
            return _NOTHING
        if nth in (faults.reset_at, faults.mute_reset_at):
            self.board.boot()
            greeting = self.boot()
            return Read(says=greeting if nth == faults.reset_at else b"", reset=True)
        if nth == faults.unplug_at:
            return Read(unplugged=True)
        if nth == faults.halt_at:
            return Read(says=self._halt(self.dialect.runaway))
        if self.board.halted:
            return Read(says=self.dialect.stopped if self.dialect.bangs else b"")
        line = raw[: self.dialect.line_bytes - 1].strip()
        if line == b"M112":  # with a number it waits behind the others
            return Read(says=self._halt(self.dialect.emergency), flush=True)
        found = self._checked(line)
        if nth == faults.stall_at:
            return Read(says=found.says, command=found.command, number=found.number, stalled=True)
        return found

    def _checked(self, line: bytes) -> Read:
        """Check number and checksum as the firmware's queue does."""
        dialect = self.dialect
        if not line:
            return Read(says=b"ok\n") if dialect.blank_ok else _NOTHING
        if dialect.foreign:
            return Read(says=b"error:20\r\n" if line.startswith(b"N") else b"error:2\r\n")
        numbered = _NUMBERED.match(line)
        body, star, check = line.rpartition(b"*")
        fits = star != b"" and check.isdigit() and int(check) == checksum(body)
        if numbered is None:
            return self._headless(line, starred=star != b"", fits=fits)
        number = int(numbered.group(1))
        if not dialect.numbers:
            if not fits and dialect.drops_spoilt:
                return _NOTHING
            return self._queued(body[numbered.end() :] if star else line[numbered.end() :], None)
        if not star:
            return self._ask(b"No Checksum with line number")
        if not fits:
            return self._ask(b"checksum mismatch")
        command = body[numbered.end() :]
        renumbers = _M110.search(command) if dialect.finds_m110 else _M110.match(command)
        if renumbers is not None:
            number = int(renumbers.group(1) or number)
        elif number != self._last + 1:
            return self._unexpected(number)
        self._last = number
        self._skips = 0
        return self._queued(command, number)

    def _headless(self, line: bytes, *, starred: bool, fits: bool) -> Read:
        if starred and self.dialect.needs_number:
            return self._ask(b"No Line Number with checksum")
        spoilt = starred and not fits and self.dialect.drops_spoilt
        return _NOTHING if spoilt else self._queued(line, None)

    def _unexpected(self, number: int) -> Read:
        dialect = self.dialect
        if dialect.repeat is Repeat.SILENT and number in (self._last, self._last - 1):
            return _NOTHING
        ahead = number - self._last
        if dialect.repeat is Repeat.SKIPS and (-_REMEMBERED < ahead <= 0 or self._skips > 0):
            self._skips -= ahead > 0
            return Read(says=b"skip %d\nok\n" % number)
        return self._ask(b"Line Number is not Last Line Number+1", number)

    def _ask(self, why: bytes, number: int | None = None) -> Read:
        dialect = self.dialect
        self._skips = dialect.skips_after_resend
        words = {b"why": why, b"last": self._last, b"next": self._last + 1, b"number": number}
        form = dialect.gap if dialect.gap and number is not None else dialect.resend
        return Read(says=form % words, flush=dialect.flushes)

    def _queued(self, command: bytes, number: int | None) -> Read:
        says = self._ok(number) if self.dialect.ok_when_queued else b""
        return Read(says=says, command=command, number=number)

    # --- executing --------------------------------------------------------------------------------

    def execute(self, command: bytes, now_s: float) -> float | None:
        """Begin a command; return when it is done, None where it is not known."""
        if self._lose_sensor and self.board.nozzle.target_c > 0:
            self.board.nozzle.lose_sensor(now_s)
            self._lose_sensor = False
        if command.startswith(b"G1"):
            tally = self.tally
            if tally.moves:
                tally.longest_gap_s = max(tally.longest_gap_s, now_s - tally.last_move_s)
            else:
                tally.first_move_s = now_s
            tally.moves += 1
            tally.last_move_s = now_s
        return self.board.execute(command, now_s)

    def answer(self, command: bytes, number: int | None, now_s: float, *, known: bool) -> bytes:
        """Return what is said when a command is done."""
        dialect = self.dialect
        if command.startswith(b"M112"):
            return self._halt(self.dialect.emergency)
        told = self._told(command, now_s) if known else self._unknown(command)
        if dialect.ok_when_queued:
            return told
        if not told:
            return self._ok(number)
        if dialect.inline and known:
            return self._ok(number, b" " + told.strip())
        if command.startswith(b"M105"):  # Marlin tells no number then
            return self._ok(None, b" " + told.strip())
        return told + self._ok(number)

    def _told(self, command: bytes, now_s: float) -> bytes:
        """Do what is the firmware's own, and return what is told of it."""
        match command[:4]:
            case b"M105":
                return self.temperatures(now_s) + b"\n"
            case b"M110":
                self._renumber(command)
            case b"M114":
                return self.dialect.position % self.board.position + b"\n"
            case b"M115":
                return self._identity
            case b"G1 X" if self._faults.cold_at and b" E" in command:
                if self.tally.received >= self._faults.cold_at:
                    return b"echo: cold extrusion prevented\n"
            case b"M118" if self.dialect.echoes:
                return command[5:].strip().removeprefix(b"A1 ") + b"\n"
            case b"M118":
                return self._unknown(command)
            case b"M155":
                every = _SECONDS.search(command)
                self.reports_every_s = float(every.group(1)) if every else 0.0
            case _:
                pass
        return b""

    def _renumber(self, command: bytes) -> None:
        found = _M110.match(command)
        if self.dialect.late_m110 and found is not None and found.group(1):
            self._last = int(found.group(1))

    def _unknown(self, command: bytes) -> bytes:
        return self.dialect.unknown % command if b"%s" in self.dialect.unknown else b""

    def _ok(self, number: int | None = None, more: bytes = b"") -> bytes:
        self._oks += 1
        if self._strikes(self._faults.drop_ok_every, self._oks):
            return b""
        form = self.dialect.numbered_ok
        ok = form % (number % _NUMBERS) if form and number is not None else b"ok"
        answer = ok + more + b"\n"
        if self._strikes(self._faults.extra_ok_every, self._oks):
            return answer + b"ok\n"
        return answer

    def watch(self, now_s: float) -> bytes:
        """Return what it says when it stops itself now."""
        if not self.board.halted and self.board.runs_away(now_s):
            return self._halt(self.dialect.runaway)
        return b""

    def _halt(self, words: bytes) -> bytes:
        self.board.halt()
        stopped = self.dialect.stopped
        return stopped if stopped.startswith(b"!!") else words + stopped

    def temperatures(self, now_s: float) -> bytes:
        """Return a report as M105 and autoreport give it."""
        nozzle, bed = self.board.nozzle, self.board.bed
        return self.dialect.report % {
            b"n": nozzle.read_c(now_s), b"nt": nozzle.target_c,
            b"b": bed.read_c(now_s), b"bt": bed.target_c,
        }  # fmt: skip
