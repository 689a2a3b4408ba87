"""What one line of a serial G-code dialogue says: commands cleaned and checksummed, answers read.

Pure. Leaves the order of lines, their numbers and what is lost to `printers.gcode_link`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import NamedTuple

from printers.errors import GcodeLineError

_NUMBER = rb"-?\d+(?:\.\d+)?"
#: One value of a report: `T:20.0 /0.0`; Smoothieware's power `@0` has no colon, Creality's CR-10S Pro
#: puts `==` before a name.
_TOKEN = re.compile(
    rb"\s*(?:==)?((?:T|B|C|P|A|W)\d?:|B?@\d?:|@)"
    rb"\s*(" + _NUMBER + rb"|\?)(?:\s*/\s*(" + _NUMBER + rb"))?(?![^\s=TB@])"
)
#: What no thermistor of a printer measures: a report with it was spoilt on its way.
_COLDEST_C, _HOTTEST_C = -50.0, 600.0
_FIELD = re.compile(r"(?:^|\s)([A-Z][A-Z0-9_-]*):")
_MALYAN = re.compile(r"^NAME\. (\w+) VER: (\S+) MODEL: (\S+)")
_BLOCKED = re.compile(rb"^(?:M0*110|M0*112)(?![0-9])|^@")
_LONG = re.compile(
    rb"^(?:G4|G28|G29|G30|G32|G33|G34|G80|M0|M1|M109|M116|M190|M191|M226|M303|M400|M600|M601|M70[12])"
    rb"(?![0-9])"
)
_HOTTEST_JUMP_C_S = 50.0
#: Done twice these end in the same state. A move does only while positions are absolute.
_IDEMPOTENT = re.compile(
    rb"^(?:M105|M106|M107|M104|M109|M110|M140|M190|M114|M115|M11[78]|M155|M400|M8[234]|M20[1345]"
    rb"|M22[01]|G21|G28|G9[01]|G92)(?![0-9])"
)
#: Neither a target of a heater, nor whether numbers are positions, nor another tool, nor a macro.
_PLAIN = re.compile(rb"^(?!(?:M104|M105|M109|M140|M190|G9[01]|M8[23])(?![0-9]))[GM][0-9]")
_MOVE = re.compile(rb"^G0*[01](?![0-9])")
#: Whose rest is text for people: what cannot be said of it is left out.
_TEXT = re.compile(rb"^M(?:117|486)(?![0-9])")
#: Where that begins: behind the word, and in M486 behind the letter of a part's name.
_TEXT_BEGINS = re.compile(rb"^M117|^M486[^A]*A?")
#: Marlin looks for M110 and a number anywhere in a line, others for a G; and what a full ring leaves of a line
#: may begin with any of these. In small letters they are none.
_LIKE_A_COMMAND = re.compile(rb"[GMTN](?=\s*[-+.]?\d)")
#: Begins a checksum, a remark or an escape for one firmware or another, which then does not find the checksum.
_NO_TEXT = bytes.maketrans(b"*()\\", b"    ")
_COMMAND_WORD = re.compile(rb"^[gmt]\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperatures:
    """A temperature report; None for what it did not tell."""

    nozzle_c: float | None
    nozzle_target_c: float | None
    bed_c: float | None
    bed_target_c: float | None

    @property
    def is_off(self) -> bool:
        """Whether every heater's target is 0."""
        return self.nozzle_target_c == 0 and self.bed_target_c in {0, None}


class Thermometer:
    """The last report of temperatures; one that leaps is passed over, once."""

    def __init__(self) -> None:
        self.told: Temperatures | None = None
        self._told_s = 0.0
        self._doubted = False

    def hear(self, told: Temperatures, now_s: float) -> bool:
        """Take one report; return whether it is believed."""
        before = self.told
        if before is not None and not self._doubted:
            passed_s = max(now_s - self._told_s, 0.1)
            for old, new in ((before.nozzle_c, told.nozzle_c), (before.bed_c, told.bed_c)):
                if old is not None and new is not None:
                    self._doubted |= abs(new - old) / passed_s > _HOTTEST_JUMP_C_S
            if self._doubted:
                return False
        self._doubted = False
        self.told, self._told_s = told, now_s
        return True


class DoneTwice:
    """Which commands may be sent again though nobody knows whether they were done."""

    def __init__(self) -> None:
        self._relative = self._relative_e = True  # until the opposite was said

    def follow(self, command: bytes) -> None:
        """Take a command that was done."""
        match command[:3]:
            case b"G90" | b"G91":
                self._relative = self._relative_e = command[:3] == b"G91"
            case b"M82" | b"M83":
                self._relative_e = command[:3] == b"M83"
            case _:
                pass

    def harmless(self, command: bytes) -> bool:
        """Return whether the printer is in the same state when it does the command twice."""
        if _MOVE.match(command):
            return not self._relative and not (self._relative_e and b"E" in command)
        return _IDEMPOTENT.match(command) is not None


class Line(NamedTuple):
    """A command with its number, and what has to be known of it when it goes and when it is done.

    Made long before, it costs nothing in the moment in which a printer waits for it.
    """

    number: int
    raw: bytes  # as it is sent, with number, checksum and end
    text: bytes  # the command
    plain: bool = False  # when it goes and when it is done nobody has to look at it
    long: bool = False  # the printer may be at it for minutes
    heats: bool = False  # the printer is at it until something is hot
    asks: bool = False  # only how hot it is


def line_of(number: int, text: bytes) -> Line:
    """Give a command its number and checksum, and look at it."""
    body = b"N%d %s" % (number, text)
    raw = b"%s*%d\n" % (body, checksum(body))
    if _MOVE.match(text):
        return Line(number, raw, text, plain=True)
    long, heats = _LONG.match(text) is not None, waits_for_heat(text)
    plain = not (long or heats) and _PLAIN.match(text) is not None
    return Line(number, raw, text, plain=plain, long=long, heats=heats, asks=text == b"M105")


def waits_for_heat(text: bytes) -> bool:
    """Return whether a firmware is at this command until something is hot."""
    return text[:4] in {b"M109", b"M190"} and not text[4:5].isdigit()


def checksum(line: bytes) -> int:
    """Return the XOR of all bytes, which goes behind `*`."""
    return reduce(xor, line, 0)


class Numbered:
    """The lines of a dialogue as they were sent, so far as a printer may ask for them again."""

    def __init__(self, kept: int) -> None:
        self._kept: list[Line | None] = [None] * kept  # each at its number, modulo `kept`
        self.next = 0  # number of the next new line

    def clear(self) -> None:
        """Forget all, and begin at 0."""
        self._kept = [None] * len(self._kept)
        self.next = 0

    def new(self, text: bytes) -> Line:
        """Return what would be the next new line with this command."""
        return line_of(self.next, text)

    def add(self, line: Line) -> Line:
        """Keep the next new line, and return it."""
        self._kept[line.number % len(self._kept)] = line
        self.next = line.number + 1
        return line

    def kept(self, number: int) -> Line | None:
        """Return a line; None where it is not kept."""
        line = self._kept[number % len(self._kept)]
        return line if line is not None and line.number == number else None


def clean(line: bytes, number: int, most_bytes: int) -> bytes | None:
    """Return the command of a file's line, None when nothing is left to send.

    Comments go, since a `;` would eat the checksum; M110 and M112 go, since the host alone may
    renumber lines or stop the printer; so do lines for a host (`@pause`). The letter of the command
    becomes a capital, for Marlin knows no `m105`. Text for people is made ASCII, as short as it has to be, and
    such that no firmware finds a command in it.

    Raises:
        GcodeLineError: too long for the firmware's buffer, which would ask for it for ever; or
            not ASCII.
    """
    if b";" in line:
        line = line[: line.index(b";")]
    if b"(" in line:
        line = re.sub(rb"\([^)]*\)", b"", line)
    line = b" ".join(line.split())
    if not line:
        return None
    if _COMMAND_WORD.match(line):
        line = line[:1].upper() + line[1:]
    if _BLOCKED.match(line):
        return None
    room = most_bytes - len(b"N1234567 *255\n")
    if _TEXT.match(line):
        line = _plain_text(line.decode("utf-8", "replace").encode("ascii", "replace"))[:room]
    if len(line) > room:
        raise GcodeLineError(number, f"{len(line)} characters are more than the firmware can read")
    if not line.isascii():
        raise GcodeLineError(number, "it has characters that no firmware knows")
    return line


def _plain_text(line: bytes) -> bytes:
    """Return a command with a text that no firmware takes for anything else."""
    begins = _TEXT_BEGINS.match(line)
    at = begins.end() if begins is not None else 0
    text = _LIKE_A_COMMAND.sub(lambda found: found.group().lower(), line[at:])
    return line[:at] + text.translate(_NO_TEXT)


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
            told = float(value), None if target is None else float(target)
            if key[:1] in b"TB" and not key.startswith(b"B@"):
                if key.rstrip(b":") in found or not all(
                    _COLDEST_C <= each <= _HOTTEST_C for each in told if each is not None
                ):
                    return None
                found[key.rstrip(b":")] = told
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
    """Return the fields of M115's first line: FIRMWARE_NAME, MACHINE_TYPE and others.

    Malyan's `NAME. Malyan VER: 4.0 MODEL: M200` is told in the same fields.
    """
    text = line.removeprefix("ok").strip()
    malyan = _MALYAN.match(text)
    if malyan is not None:
        name, version, model = malyan.groups()
        return {"FIRMWARE_NAME": f"{name} {version}", "MACHINE_TYPE": model}
    parts = _FIELD.split(text)
    # Smoothieware puts commas between its fields.
    return {key: value.strip(" ,") for key, value in zip(parts[1::2], parts[2::2], strict=False)}
