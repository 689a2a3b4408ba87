"""A whole print between the pure dialogue and a simulated printer, on a clock that nobody waits for.

The same parts as on a pty (`printers.gcode_link`, `printers.sim`), without port, process and pause: what
takes a printer an hour takes a second here.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from firmware_profiles.loader import load_firmware
from printers.feeding import BEGINS, end_is_proven, whole_print
from printers.gcode_link import GcodeLink
from printers.sim.board import Board
from printers.sim.dialect import DIALECTS
from printers.sim.record import Record
from printers.sim.talk import Faults, Firmware
from printers.sim.wire import Pace, Wire

NAME = "fabnet-virtual-a1"
_ASK_S = 2.0  # as the driver does in a print
_AGAIN_S = 2.0
_STEP_S = 0.0001


class VirtualPrint:
    """One print. `tick` moves the clock to the next thing that happens."""

    def __init__(
        self, folder: Path, dialect: str, text: list[str], *, faults: Faults | None = None,
        pace: Pace | None = None, profile=None, rx_bytes=None, heating_c_s=400.0, hurry=0.0, last=0,
    ) -> None:  # fmt: skip
        self.path = folder / "virtual.gcode"
        self.path.write_text("\n".join([*text, ""]))
        name = "marlin" if dialect == "marlin-advanced" else dialect
        self.profile = profile or load_firmware(name)
        made = DIALECTS[dialect]
        if rx_bytes is not None:
            made = dataclasses.replace(made, rx_bytes=rx_bytes)
        self.executed: list[str] = []  # of the file: what goes before each is not told
        self._before = list(BEGINS)
        record = folder / "record"
        record.unlink(missing_ok=True)
        self.board = Board(
            Record(record), self._execute,
            heating_c_s=heating_c_s, hurry=hurry, protected=bool(made.runaway), echoes=made.echoes,
        )  # fmt: skip
        self.firmware = Firmware(self.board, made, faults or Faults(), last=last)
        pace = pace or Pace(baudrate=115200, timed=True, ok_s=0.001)
        self.wire = Wire(self.firmware, pace)
        self.now_s = 0.0
        self.longest_wait_s = 0.0
        self.link = GcodeLink(self.profile, 0.0, pace.baudrate)
        self.link.stream(whole_print(self.path, NAME, self.profile))
        self.link.ask_temperatures()
        self.reports = True
        self._asked_s = self._end_s = 0.0
        self.result = ""

    def _execute(self, line: bytes) -> None:
        told = line.decode("latin-1")
        if self._before[:1] == [told]:
            self._before.pop(0)
        else:
            self.executed.append(told)

    def tick(self) -> None:
        link, wire = self.link, self.wire
        data = link.outgoing(self.now_s)
        if data:
            link.sent(len(data))
            wire.take(data, self.now_s)
        wire.advance(self.now_s)
        heard = wire.due(self.now_s)
        if heard:
            more = link.flow(heard, self.now_s)
            if more is None:
                link.receive(heard, self.now_s)
            else:
                wire.take(more, self.now_s)
            self._judge()
            if self.now_s >= self._asked_s + _ASK_S:
                self._ask()
            return
        ask_s = self._asked_s + _ASK_S
        until_s = min(self.now_s + link.wake_s(self.now_s), wire.next_s(self.now_s), ask_s)
        self.now_s = max(until_s, self.now_s + _STEP_S)
        if self.now_s >= ask_s:
            self._ask()
        self._judge()

    def _ask(self) -> None:
        self._asked_s = self.now_s
        self.link.ask_temperatures()

    def _judge(self) -> None:
        link = self.link
        if link.broken is not None:
            self.result = link.broken.trouble.value
        elif link.stop_asked:
            self.result = link.stop_asked
        elif end_is_proven(link.heard, NAME, streaming=link.streaming):
            self.result = "done"
        elif link.idle and self.now_s > self._end_s + _AGAIN_S:
            self._end_s = self.now_s
            link.urgent("M400", "M114")
        link.heard.clear()

    def run(self, most_s: float = 10_000.0) -> str:
        """Return how it ended: "done", a trouble, or "hangs"."""
        done, since_s = -1, 0.0
        while not self.result and self.now_s < most_s:
            self.tick()
            if len(self.executed) != done:
                done = len(self.executed)
                self.longest_wait_s = max(self.longest_wait_s, self.now_s - since_s)
                since_s = self.now_s
        return self.result or "hangs"
