"""A printer's metal, and the driver of it: what was begun and what came of it, whoever believes what."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from printers.driver import PrinterIdentity
from printers.errors import BusyPrinterError, PrinterError
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult


class Machine:
    """The metal and its own append-only record. It outlives every process.

    Args:
        keeps_printing: it prints from its own memory, as behind an OctoPrint; else the line feeds it.
    """

    def __init__(self, *, keeps_printing: bool) -> None:
        self.keeps_printing = keeps_printing
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.now: str | None = None
        self.lies = ""  # what somebody has to take off the bed; also what was broken off
        self.heaped: list[str] = []  # begun on top of something
        self.last: PrintOutcome | None = None

    def begin(self, name: str) -> None:
        self.begun[name] += 1
        if self.lies:
            self.heaped.append(f"{name} on {self.lies}")
        self.lies = name
        self.now, self.last = name, None

    def finish(self) -> None:
        """The layer on top is done."""
        if self.now is not None:
            self.ended[self.now] += 1
            self._over(PrintResult.DONE, "")

    def stop(self, result: PrintResult, why: str) -> None:
        if self.now is not None:
            self._over(result, why)

    def line_cut(self) -> None:
        """The program at the other end of the line is gone."""
        if not self.keeps_printing:
            self.stop(PrintResult.INTERRUPTED, "the line was cut")

    def _over(self, result: PrintResult, why: str) -> None:
        assert self.now is not None
        self.last = PrintOutcome(name=self.now, result=result, reason=why)
        self.now = None


class MachineDriver:
    """Keeps to `printers.driver.Driver`; `poll` never waits."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._mine: str | None = None

    def open(self) -> PrinterIdentity:
        return PrinterIdentity(firmware="Marlin, simulated", machine="metal", profile="marlin")

    def start(self, gcode: Path, name: str) -> None:
        if self._machine.now is not None:
            raise BusyPrinterError(self._machine.now)
        if not gcode.is_file():
            raise PrinterError(f"{gcode} cannot be read: there is no such file")
        self._mine = name
        self._machine.begin(name)

    def poll(self, timeout_s: float) -> PrinterStatus:
        del timeout_s
        last = self._machine.last
        return PrinterStatus(
            state=PrinterState.IDLE if self._machine.now is None else PrinterState.PRINTING,
            name=self._machine.now,
            nozzle_c=21.0 if self._machine.now is None else 215.0,
            nozzle_target_c=0.0 if self._machine.now is None else 215.0,
            last=last if last is not None and last.name == self._mine else None,
        )

    def cancel(self) -> None:
        self._machine.stop(PrintResult.CANCELLED, "stopped by a person")

    def make_safe(self) -> PrinterStatus:
        return self.poll(0)

    def resume(self, name: str) -> bool:
        if not self._machine.keeps_printing:
            return False
        last = self._machine.last
        if self._machine.now == name or (last is not None and last.name == name):
            self._mine = name
            return True
        return False

    def close(self) -> None:
        """Let go; the metal does what it does."""
