"""Printers and machines that a person feeds: by memory card, by hand, without any line to them."""

from __future__ import annotations

import threading
from pathlib import Path

from printers.driver import PrinterIdentity
from printers.errors import BusyPrinterError, PrinterError
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult


class ManualDriver:
    """A machine that a person works; keeps to `printers.driver.Driver`.

    `start` means that the work was handed to a person. It goes on until that person reports, which
    ends it by `cancel`; nobody but a person knows how it went. Nothing here heats or moves.
    """

    def __init__(self) -> None:
        self._name: str | None = None
        self._last: PrintOutcome | None = None
        self._pause = threading.Event()

    def open(self) -> PrinterIdentity:
        """Return an identity without a firmware; there is nothing to be opened."""
        return PrinterIdentity(firmware="", machine="worked by hand", profile="")

    def start(self, gcode: Path, name: str) -> None:
        """Hand the file to a person.

        Raises:
            BusyPrinterError: the person has something else in hands.
            PrinterError: there is no such file.
        """
        if self._name is not None:
            raise BusyPrinterError(self._name)
        if not gcode.is_file():
            raise PrinterError(f"{gcode} cannot be read: there is no such file")
        self._last = None
        self._name = name

    def poll(self, timeout_s: float) -> PrinterStatus:
        """Wait, and tell what was handed over."""
        self._pause.wait(timeout_s)
        return self._status()

    def cancel(self) -> None:
        """End what was handed over."""
        if self._name is not None:
            why = "the person who works the machine has ended it"
            self._last = PrintOutcome(name=self._name, result=PrintResult.CANCELLED, reason=why)
            self._name = None

    def stop_now(self) -> None:
        """Refuse: there is no line to it.

        Raises:
            PrinterError: always.
        """
        raise PrinterError("a person works it: it is stopped there, by its own switch")

    def make_safe(self) -> PrinterStatus:
        """Return the status; there is nothing to be switched off from here."""
        return self._status()

    def resume(self, name: str) -> bool:
        """Take up what was handed over in an earlier run of this program: the person has it still."""
        self._last = None
        self._name = name
        return True

    def close(self) -> None:
        """Do nothing."""

    def _status(self) -> PrinterStatus:
        state = PrinterState.IDLE if self._name is None else PrinterState.PRINTING
        return PrinterStatus(state=state, name=self._name, last=self._last)
