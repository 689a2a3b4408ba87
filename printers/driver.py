"""The one shape every printer connection has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from printers.model import PrinterStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterIdentity:
    """What a printer says of itself when it is opened."""

    firmware: str  # FIRMWARE_NAME as sent, "" where the link tells none
    machine: str  # MACHINE_TYPE as sent
    profile: str  # name of the firmware profile in use


class Driver(Protocol):
    """A printer that can be told to print a G-code file.

    All methods are called from one thread, the printer's own. A driver starts no thread: its
    work (feeding lines, reading answers) is done inside `poll`, which the thread calls all the
    time. Nothing but `printers.errors.PrinterError` and its kinds leaves a method.
    """

    def open(self) -> PrinterIdentity:
        """Connect and make sure that a printer answers. Never starts, heats or moves anything."""

    def start(self, gcode: Path, name: str) -> None:
        """Begin to print the file under the attempt's name; return when the printer has taken it.

        The name is `fabnet-<job>-a<number>`; the printer shows or keeps it where it can.
        """

    def poll(self, timeout_s: float) -> PrinterStatus:
        """Work on the link for at most `timeout_s`, then tell what the printer is doing.

        A lost link is no exception: it is told as OFFLINE, and a print in progress as
        INTERRUPTED in `last`. `poll` tries to reconnect, but never resumes a print.
        """

    def cancel(self) -> None:
        """Stop the print, heaters off, head parked; do nothing if none is running."""

    def stop_now(self) -> None:
        """Emergency stop (M112), whatever is being printed: motors and heaters off at once.

        The print is INTERRUPTED; the printer is a FAULT until a person has reset it, which no
        driver does. A printer that does not answer is a fault that says so.

        Raises:
            PrinterError: it cannot be told.
        """

    def make_safe(self) -> PrinterStatus:
        """Heaters off, confirmed by the printer's own reading of its targets.

        Raises:
            PrinterError: the printer did not confirm; it may still be hot.
        """

    def resume(self, name: str) -> bool:
        """Return whether a print of an earlier run of this program goes on, or its end is known.

        Then `poll` tells of it as if it had been started here. Never starts, heats or moves
        anything; False means that nobody knows what became of it.
        """

    def close(self) -> None:
        """Let go of the connection; never raises."""
