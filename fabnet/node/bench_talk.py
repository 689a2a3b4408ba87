"""What the thread of a printer is told to do, and what it tells of it.

Leaves the doing to `fabnet.node.bench`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from printers.model import PrinterStatus, PrintOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Print this file under this name."""

    name: str
    gcode: Path
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Cancel the print of this name."""

    name: str
    #: By an emergency stop (M112); for no name whatever is printed there, and whoever's it is.
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover:
    """The node was restarted in the middle of this print: take it up, or make the printer safe."""

    name: str


Command = Start | Stop | Recover


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The printer has taken the file, or was found to be printing it after a restart."""

    printer: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The print is over, however."""

    printer: str
    outcome: PrintOutcome
    fraction_done: float
    took_s: float | None = (
        None  # from start to end, of what was printed all that time and seen to be
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The printer's state is another one."""

    printer: str
    status: PrinterStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Something that is not ours began there, or has ended: a print from a card, or of an OctoPrint's own."""

    printer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a printer shows: when it comes into sight, and where it names another print as its last."""

    printer: str
    status: PrinterStatus
    anew: bool  # nobody looked before: what was printed meanwhile is to be found in it


BenchEvent = Started | Ended | Changed | Used | Found
