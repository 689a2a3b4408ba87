"""The lines of one print for a printer on a serial port, and what proves that all were done.

Reads the file line by line, whatever its size. Leaves numbers, checksums and lost lines to
`printers.gcode_link`, and whether the file may run to `printers.gcode`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from firmware_profiles.profile import FirmwareProfile
from printers.errors import PortError
from printers.gcode_line import Temperatures, clean

#: The state in which the check of a file begins: millimetres, absolute positions, and E too.
BEGINS = ("G21", "G90", "M82", "G92 E0")
#: M114's answer; Smoothieware puts `C: ` before it.
_POSITION = re.compile(r"(?:C: )?X:\s*-?\d+\.?\d* Y:")


def whole_print(gcode: Path, name: str, profile: FirmwareProfile) -> Iterator[bytes]:
    """Yield the commands of a print: its name for the display, the file, and a question at the end.

    Before the file goes the state in which its check began: another print may have left another.
    Everything before M400's ok has been done, and the answer to M118 or M114 says so in the same
    stream: an ok too many on the way cannot make a print end early.

    Raises:
        PortError: the file cannot be read.
        GcodeLineError: a line cannot be sent; names it.
    """
    yield f"M117 {name}".encode("ascii")
    yield from (command.encode("ascii") for command in BEGINS)
    yield from _commands(gcode, profile.max_line_bytes)
    yield b"M400"
    yield f"M118 {name} done".encode("ascii") if profile.echoes else b"M114"


#: Why a print ends whose printer has refused filament.
COLD = "the printer refused to push filament: it was cold"


def count(gcode: Path, profile: FirmwareProfile) -> int:
    """Return the number of commands in a file.

    Raises:
        PortError: the file cannot be read.
        GcodeLineError: a line cannot be sent; names it.
    """
    return sum(1 for _ in _commands(gcode, profile.max_line_bytes))


def end_is_proven(heard: Iterable[str], name: str, *, streaming: bool) -> bool:
    """Return whether the printer has said that everything of this print was done.

    Args:
        heard: what it said of late.
        name: of the print.
        streaming: whether a part of the print was not sent yet; a position does not prove its end.
    """
    done = f"{name} done"
    return any(
        line.strip() == done or (not streaming and _POSITION.match(line) is not None)
        for line in heard
    )


def refused_filament(heard: Iterable[str], told: Temperatures | None) -> bool:
    """Return whether the printer would not push filament since its nozzle was cold: it moves on with nothing.

    Args:
        heard: what it said of late.
        told: its last report; where the print itself has switched the nozzle off, it is at its end.
    """
    if told is not None and told.nozzle_target_c == 0:
        return False
    return any("cold extrusion prevented" in line.lower() for line in heard)


def _commands(gcode: Path, most_bytes: int) -> Iterator[bytes]:
    try:
        with gcode.open("rb") as file:
            for number, line in enumerate(file, 1):
                command = clean(line, number, most_bytes)
                if command is not None:
                    yield command
    except OSError as error:
        raise PortError(str(gcode), f"cannot be read: {error.strerror}") from error
