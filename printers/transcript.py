"""A real board's words, written down so that fabnet can be tested with them; nothing moves or heats.

What could name a person, a workshop or one single machine is taken out (`scrub`). Leaves the dialogue
to `printers.gcode_link`.
"""

from __future__ import annotations

import re
import time

from firmware_profiles.loader import all_firmwares, load_firmware
from printers.errors import NoAnswerError
from printers.gcode_link import GcodeLink
from printers.recognise import baudrates
from printers.serial_driver import SerialDriver
from printers.serial_line import SerialLine
from printers.trouble import Trouble

#: Questions, and one command that no firmware knows. None changes anything that outlives the dialogue.
_ASKED = ("M115", "M105", "M105", "M114", "M119", "M27", "M9999 fabnet")
_REPORTS_S = 3.0
_MOST_S = 60.0
#: Marlin's own for every printer: it names none.
_COMMON_UUID = b"cede2a2f-41a2-4748-9b12-c55c62f367ff"

_SCRUBBED: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (
        re.compile(
            rb"(?i)\b((?:machine_|printer_)?(?:serial(?:[_ ]?(?:number|no\.?|nr))?|sn|s/n))"
            rb"(\s*[:=#]\s*)\S+"
        ),
        rb"\1\2<serial>",
    ),
    (
        re.compile(rb"(?i)\b((?:machine_name|host_?name|printer_name|ssid|network|password|user|email))(\s*[:=]\s*)"
                   rb".*?(?=\s+[A-Z][A-Z0-9_]*:|$)"),
        rb"\1\2<name>",
    ),
    (re.compile(rb"(?i)\b(?!" + _COMMON_UUID + rb")[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), b"<uuid>"),
    (re.compile(rb"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"), b"<mac>"),
    (re.compile(rb"[\w.+-]+@[\w-]+\.[\w.-]+"), b"<mail>"),
    (re.compile(rb"(?i)\b[\w-]+\.(?:local|lan|home|fritz\.box)\b"), b"<host>"),
    (re.compile(rb"\b\d{2,3}(?:\.\d{1,3}){3}\b"), b"<address>"),
    (re.compile(rb"\bCZP[A-Z0-9]{8,}\b"), b"<serial>"),
    (re.compile(rb"(?i)\b(?=[0-9a-f]*\d)[0-9a-f]{16,}\b"), b"<serial>"),
)  # fmt: skip


def scrub(line: bytes) -> bytes:
    """Return a line without serial numbers, identifiers, addresses and names. Pure."""
    for pattern, instead in _SCRUBBED:
        line = pattern.sub(instead, line)
    return line


class Tape:
    """What was sent and heard, line by line."""

    def __init__(self) -> None:
        self._ends = {">": b"", "<": b""}
        self._lines: list[str] = []

    def take(self, sign: str, data: bytes) -> None:
        """Take bytes that were sent (">") or heard ("<")."""
        *lines, self._ends[sign] = (self._ends[sign] + data).split(b"\n")
        for line in lines:
            told = scrub(line.rstrip(b"\r")).decode("ascii", "backslashreplace")
            self._lines.append(f"{sign} {told.replace(chr(0), '<NUL>')}")

    def text(self) -> str:
        """Return all of it."""
        return "\n".join([*self._lines, ""])


class _Taped(GcodeLink):
    """A dialogue on tape."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(load_firmware("unknown"), time.monotonic())
        self._tape = tape

    def sent(self, count: int) -> None:
        self._tape.take(">", bytes(self._out.bytes[:count]))
        super().sent(count)

    def receive(self, data: bytes, now_s: float) -> None:
        self._tape.take("<", data)
        super().receive(data, now_s)


def record(port: str) -> str:
    """Return a dialogue with the board on a port. Opening the port resets many boards.

    Raises:
        PortError: there is no such port, another program holds it, or it went away.
        NoAnswerError: nobody answers as a 3D printer does.
    """
    driver = SerialDriver(port, baudrates=baudrates(all_firmwares()))
    try:
        told = driver.open()
    finally:
        driver.close()
    tape = Tape()
    line = SerialLine(port, driver.baudrate)
    try:
        _ask(line, tape, port)
    except OSError as error:
        raise NoAnswerError(port, f"the line was lost ({error.strerror or error})") from error
    finally:
        line.close()
    head = f"# {told.firmware}, profile {told.profile}, {driver.baudrate} baud\n"
    return scrub(head.encode()).decode() + tape.text()


def _ask(line: SerialLine, tape: Tape, port: str) -> None:
    link = _Taped(tape)
    until_s = time.monotonic() + _MOST_S
    link.urgent(*_ASKED)
    while not link.idle:
        line.exchange(link, 0.2)
        if link.broken is not None and link.broken.trouble is Trouble.RESET:
            link = _Taped(tape)
            link.urgent(*_ASKED)
        elif link.broken is not None or time.monotonic() > until_s:
            why = "it does not answer any more" if link.broken is None else link.broken.text
            raise NoAnswerError(port, why)
    if link.caps.get("AUTOREPORT_TEMP"):
        _listen(line, link)


def _listen(line: SerialLine, link: GcodeLink) -> None:
    """Let it report its temperatures unasked for a few seconds."""
    link.urgent("M155 S1")
    until_s = time.monotonic() + _REPORTS_S
    while time.monotonic() < until_s and link.broken is None:
        line.exchange(link, 0.2)
    link.urgent("M155 S0")
    while not link.idle and link.broken is None:
        line.exchange(link, 0.2)
