"""What one line that a printer says means. Pure.

The forms are those of Marlin 1.1 and 2.x, Prusa, Repetier, Smoothieware, RepRapFirmware and Klipper,
with the slips of some vendors' builds. A line that is not understood whole is text: nothing is
guessed from a part of it, except an `ok` at the end of a report, which Marlins with two writers on one line
produce (MarlinFirmware/Marlin #9179, #9658, #16196). Leaves what follows from a line to
`printers.gcode_link`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from printers.gcode_line import Temperatures, parse_identity, parse_temperatures

_RESEND = re.compile(rb"^(?:resend|rs)\s*:?\s*(?:N:?)?\s*(-?\d{1,9})\s*$", re.IGNORECASE)
_OKS = re.compile(rb"^(?:ok)+(?=\s|$)")
_OK_NUMBER = re.compile(rb"^\s+N?(\d{1,9})(?:\s+P\d+)?(?:\s+B\d+)?(?=\s|$)")
_GLUED_OKS = re.compile(rb"(?:(?<=[0-9])|^)(?:N\d+)?((?:ok)+)$")
_REPORT = (b"T:", b"T0:", b"B:", b"==T", b"N", b"TT:")
_CAP = re.compile(rb"^Cap:([A-Z0-9_]+):([01])$")
_ACTION = re.compile(rb"^//\s*action:\s*([a-z_]+)")
_GRBL = re.compile(rb"^Grbl [0-9]")
#: Numbers since Grbl 1.1, words before.
_REFUSAL = re.compile(
    rb"^(?:error|ALARM): ?(?:\d+|Unsupported command|Bad number format|Expected .*)$"
)
_ERRORS = (
    b"Error",
    b"Serial Error",
    b"error",
    b"!!",
    b"fatal:",
    b":",
    b"echo:Homing",
    b"// Klipper state:",
)
_LONGEST_ANSWER = 4096
#: A Klipper or a Smoothieware that comes back has lost the print, as any printer that says `start`. Of
#: its greeting that line may be lost; what else Marlin and Repetier-Firmware say is then as good.
_STARTS = re.compile(
    rb"(?:start|// Klipper state: Ready|Smoothie|Smoothie Running @.*"
    rb"|(?:echo: ?|Info: ?)? ?(?:PowerUp|(?:External|Brown out|Watchdog|Software) Reset)"
    rb"|(?:echo: ?)? ?Marlin [1-9b]\S*|(?:echo: ?)? ?Free Memory: \d+ +PlannerBufferBytes: ?\d+)$"
)
#: A board that starts anew while it answers says half of it first.
_CUT_SHORT = re.compile(
    rb"(?:ok?|ok [NPTB0-9 .:/@-]+| ?(?:T:|B:)[0-9TB .:/@-]*|w|wa|wai|wait|echo:busy: [a-z]*|Resend: ?\d*)start$"
)
#: Bytes of a line that was sampled at the wrong moment, while a board starts.
_NOISE = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]+")


class Kind(enum.Enum):
    """What sort of thing was said."""

    NOTHING = enum.auto()
    OK = enum.auto()
    RESEND = enum.auto()
    BUSY = enum.auto()
    WAIT = enum.auto()  # the printer has nothing left to do
    START = enum.auto()  # the printer has started anew
    ERROR = enum.auto()
    REPORT = enum.auto()  # temperatures that nobody asked for
    CAP = enum.auto()
    IDENTITY = enum.auto()
    HOLD = enum.auto()  # the host is asked to wait
    GO_ON = enum.auto()
    STOP = enum.auto()
    FOREIGN = enum.auto()  # Grbl says its name
    REFUSAL = enum.auto()  # as Grbl refuses a line that it does not understand
    FULL = enum.auto()  # it has thrown away what it could not hold
    TEXT = enum.auto()


#: What a person at the printer, or its sensors, ask of the host.
_ACTIONS = {
    **dict.fromkeys(("pause", "paused", "out_of_filament"), Kind.HOLD),
    **dict.fromkeys(("resume", "resumed"), Kind.GO_ON),
    **dict.fromkeys(("cancel", "disconnect", "kill", "shutdown", "poweroff"), Kind.STOP),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One line, read."""

    kind: Kind
    text: str = ""
    oks: int = 0  # how many lines are acknowledged
    reports: bool = False  # one ok with temperatures behind it, which answers an M105
    number: int | None = None  # of the line that is acknowledged or asked for
    temperatures: Temperatures | None = None
    identity: dict[str, str] | None = None
    cap: tuple[str, bool] | None = None


PLAIN_OK = Answer(kind=Kind.OK, oks=1)
#: All that is read at once, mostly.
ONE_OK = frozenset({b"ok\n", b"ok\r\n"})
_NOTHING = Answer(kind=Kind.NOTHING)


def read_answer(raw: bytes) -> Answer:
    """Return what a line says; never raises, whatever it holds."""
    if raw == b"ok":
        return PLAIN_OK
    line = raw.replace(b"\0", b"").strip()
    if not line:
        return _NOTHING
    if line.endswith(b"start") and _CUT_SHORT.match(line):
        return Answer(kind=Kind.START, text=line.decode("ascii", "replace"))
    if line.startswith(b"ok"):
        return _ok(line)
    resend = _RESEND.match(line)
    if resend is not None:
        return Answer(kind=Kind.RESEND, number=int(resend.group(1)))
    text = line.decode("ascii", "replace")
    if _STARTS.match(_NOISE.sub(b"", line)):
        return Answer(kind=Kind.START, text=text)
    if line.startswith((b"echo:busy:", b"busy:")):
        return Answer(kind=Kind.BUSY, text=text)
    if line == b"wait":
        return Answer(kind=Kind.WAIT)
    return _complaint(line, text) or _told(line, text)


class Ear:
    """Bytes in pieces of any size, put together to lines."""

    def __init__(self) -> None:
        self.tail = b""

    def take(self, data: bytes) -> Sequence[Answer]:
        """Return what the lines say that are whole now."""
        if data in ONE_OK and not self.tail:
            return (PLAIN_OK,)
        *lines, self.tail = (self.tail + data).split(b"\n")
        if len(self.tail) > _LONGEST_ANSWER:
            # The mark keeps what is left from passing for a line of its own.
            self.tail = b"?" + self.tail[-_LONGEST_ANSWER:]
        return [read_answer(line.rstrip(b"\r")) for line in lines]


def _complaint(line: bytes, text: str) -> Answer | None:
    if b"Full RX Buffer" in line:
        return Answer(kind=Kind.FULL, text=text)
    if _GRBL.match(line):
        return Answer(kind=Kind.FOREIGN, text=text)
    if _REFUSAL.match(line):
        return Answer(kind=Kind.REFUSAL, text=text)
    if line.startswith(_ERRORS):
        return Answer(kind=Kind.ERROR, text=text)
    return None


def _ok(line: bytes) -> Answer:
    found = _OKS.match(line)
    if found is None:
        return Answer(kind=Kind.TEXT, text=line.decode("ascii", "replace"))
    oks = len(found.group()) // 2
    rest = line[found.end() :]
    if not rest:
        return Answer(kind=Kind.OK, oks=oks)
    number = _OK_NUMBER.match(rest)
    if number is not None:
        told = parse_temperatures(rest[number.end() :])
        return Answer(kind=Kind.OK, oks=oks, number=int(number.group(1)), temperatures=told)
    rest = rest.strip()
    glued = _GLUED_OKS.search(rest)
    if glued is not None and rest.startswith(_REPORT):
        oks += len(glued.group(1)) // 2
        rest = rest[: glued.start()]
    identity = None
    if rest.startswith(b"FIRMWARE_NAME:"):
        identity = parse_identity(rest.decode("ascii", "replace"))
    temperatures = parse_temperatures(rest)
    return Answer(
        kind=Kind.OK, oks=oks, temperatures=temperatures, identity=identity,
        text=rest.decode("ascii", "replace"), reports=oks == 1 and temperatures is not None,
    )  # fmt: skip


def _told(line: bytes, text: str) -> Answer:
    glued = _GLUED_OKS.search(line)
    if glued is not None and line.startswith(_REPORT):
        return Answer(
            kind=Kind.OK,
            oks=len(glued.group(1)) // 2,
            temperatures=parse_temperatures(line[: glued.start()]),
        )
    temperatures = parse_temperatures(line)
    if temperatures is not None:
        return Answer(kind=Kind.REPORT, temperatures=temperatures)
    cap = _CAP.match(line)
    if cap is not None:
        return Answer(kind=Kind.CAP, cap=(cap.group(1).decode(), cap.group(2) == b"1"))
    if line.startswith((b"FIRMWARE_NAME:", b"NAME. ")):
        return Answer(kind=Kind.IDENTITY, identity=parse_identity(text), text=text)
    action = _ACTION.match(line)
    if action is not None:
        word = action.group(1).decode()
        return Answer(kind=_ACTIONS.get(word, Kind.TEXT), text=word)
    return Answer(kind=Kind.TEXT, text=text)
