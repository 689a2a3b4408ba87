"""Starts the simulated printer as a process of its own, and reads what it executed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from printers.connect import Connection
from printers.sim.record import RecordEvent, read_record


class SimPrinter:
    """A printer on a pty; options as the simulator's command line takes them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = folder / "printer.tty"
        self._record = folder / "record"
        self._lines = folder / "lines"
        self._options = options
        self._child: subprocess.Popen[bytes] | None = None
        self.connection = Connection(port=str(self.port))

    def start(self) -> SimPrinter:
        self._child = subprocess.Popen(
            [
                sys.executable, "-m", "printers.sim.firmware", "--link", str(self.port),
                "--record", str(self._record), "--record-lines", str(self._lines), *self._options,
            ]
        )  # fmt: skip
        until = time.monotonic() + 100
        while not self.port.exists():
            assert time.monotonic() < until, "the simulated printer did not start"
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """Pull the plug."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            self.port.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hang: the line stays, and nothing is answered."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def events(self) -> tuple[RecordEvent, ...]:
        return read_record(self._record)

    def begins(self) -> list[RecordEvent]:
        """Return the prints that have begun."""
        return [each for each in self.events() if each.event == "begin"]

    def executed(self) -> list[str]:
        return self._lines.read_text().splitlines() if self._lines.exists() else []
