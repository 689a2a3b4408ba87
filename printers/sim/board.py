"""The simulated printer behind its line: it moves, heats, and keeps a record of what it executed.

Leaves numbers, checksums and words to `printers.sim.talk`, and time on the line to
`printers.sim.wire`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from printers.sim.heat import BURNS_C, Heater
from printers.sim.record import Record, RecordEvent

_PLANNER_BLOCKS = 16
_HOMING_S = 8.0
_WORDS = re.compile(rb"([A-Z])\s*(-?\d*\.?\d+)")
_NAME = re.compile(rb"^M11[78]\s+(?:A1\s+)?(fabnet-[a-z0-9-]+)(\s+done)?\s*$")
_KNOWN = re.compile(rb"^[GMT]\d+")
# What the host sends on its own account is no part of a print.
_UNCOUNTED = (b"M105", b"M108", b"M110", b"M155", b"M400", b"M114", b"M115", b"M118")


@dataclass(slots=True)
class _Print:
    """What was executed since an attempt's name was shown."""

    name: str
    lines: int = 0
    extruded_mm: float = 0.0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)


class Board:
    """Motors, heaters and a record.

    Args:
        record: takes what happened.
        executed: is called with each executed command.
        heating_c_s: degrees a second.
        hurry: moves take their time divided by this; 0: none.
        protected: it stops itself when a heater runs away.
        echoes: it knows M118; where it does not, a print's end is the M114 behind an M400.
    """

    def __init__(
        self, record: Record, executed: Callable[[bytes], None], *, heating_c_s: float,
        hurry: float = 0.0, protected: bool = True, echoes: bool = True,
    ) -> None:  # fmt: skip
        self._record = record
        self._executed = executed
        self._hurry = hurry
        self._protected = protected
        self._echoes = echoes
        self._waited = False
        self._print: _Print | None = None
        self._burnt = False
        self._planned: deque[float] = deque()  # when each block of the planner ends
        self.halted = False
        self._now_s = 0.0
        self.nozzle, self.bed = Heater(heating_c_s), Heater(heating_c_s)
        self.boot()

    def boot(self) -> None:
        """Start anew: what was being printed is lost."""
        self.abandon()
        self._switch_off()
        self._position = {b"X": 0.0, b"Y": 0.0, b"Z": 0.0, b"E": 0.0}
        self._relative = self._relative_e = False
        self._feedrate = 1500.0
        self._planned.clear()
        self.halted = False
        self._record.add(RecordEvent(event="boot"))

    def halt(self) -> None:
        """Heaters off, deaf until a reset."""
        self.abandon()
        self.halted = True
        self._switch_off()
        self._record.add(RecordEvent(event="halted"))

    def _switch_off(self) -> None:
        """Both heaters; what is hot stays so for a while."""
        for heater in (self.nozzle, self.bed):
            heater.set(0.0, self._now_s)

    def runs_away(self, now_s: float) -> bool:
        """Whether its thermal protection stops it now; without one, things burn."""
        if not self._burnt and self.nozzle.real_c(now_s) > BURNS_C:
            self._burnt = True
            self._record.add(RecordEvent(event="burnt"))
        heaters = (self.nozzle, self.bed)
        return self._protected and any(heater.runs_away(now_s) for heater in heaters)

    @property
    def position(self) -> tuple[float, ...]:
        """X, Y, Z and E in mm."""
        return tuple(self._position.values())

    def execute(self, command: bytes, now_s: float) -> float | None:
        """Do one command; return when it is done, or None where it is not known."""
        self._now_s = now_s
        name = _NAME.match(command)
        if name is not None:
            self._named(name.group(1).decode(), done=name.group(2) is not None)
            return now_s
        if not _KNOWN.match(command):
            return None
        if not command.startswith(_UNCOUNTED):
            if self._print is not None:
                self._print.lines += 1
                self._print.digest.update(command + b"\n")
            self._executed(command)
        head, _, rest = command.partition(b" ")
        words = {letter: float(value) for letter, value in _WORDS.findall(rest)}
        if head in (b"G0", b"G1"):
            return self._move(words, now_s)
        return self._other(head, words, now_s)

    def _named(self, name: str, *, done: bool) -> None:
        """An attempt's name was shown, or said back at its end."""
        if not done:
            self._begin(name)
        elif self._print is not None:
            self._finish("end")

    def _other(self, head: bytes, words: dict[bytes, float], now_s: float) -> float:
        waited, self._waited = self._waited, head == b"M400"
        match head:
            case b"M104" | b"M109" | b"M140" | b"M190":
                return self._heat(head, words, now_s)
            case b"M400":
                return self._planned_s(now_s)
            case b"M114":
                if waited and not self._echoes:
                    self._finish("end")
            case b"G90" | b"G91":
                self._relative = self._relative_e = head == b"G91"
            case b"M82" | b"M83":
                self._relative_e = head == b"M83"
            case b"G92":
                self._position |= {k: v for k, v in words.items() if k in self._position}
            case b"G28":
                self._position |= {b"X": 0.0, b"Y": 0.0, b"Z": 0.0}
                return self._planned_s(now_s) + self._takes(_HOMING_S)
            case b"G4":
                waits_s = words.get(b"S", 0.0) + words.get(b"P", 0.0) / 1000.0
                return self._planned_s(now_s) + self._takes(waits_s)
            case _:
                pass
        return now_s

    def _heat(self, head: bytes, words: dict[bytes, float], now_s: float) -> float:
        heater = self.nozzle if head in (b"M104", b"M109") else self.bed
        heater.set(words.get(b"S", words.get(b"R", 0.0)), now_s)
        if head in (b"M104", b"M140"):
            return now_s
        return self._planned_s(now_s) + heater.waits_s(now_s, cooling=b"R" in words)

    # --- moves ------------------------------------------------------------------------------------

    def _move(self, words: dict[bytes, float], now_s: float) -> float:
        """Put a move into the planner; it is accepted when there is room."""
        self._feedrate = words.get(b"F", self._feedrate)
        way_mm = 0.0
        for axis, value in words.items():
            if axis not in self._position:
                continue
            relative = self._relative_e if axis == b"E" else self._relative
            moved = value if relative else value - self._position[axis]
            self._position[axis] += moved
            if axis == b"E":
                if self._print is not None:
                    self._print.extruded_mm += moved
            else:
                way_mm = math.hypot(way_mm, moved)
        if not self._hurry:
            return now_s
        planned = self._planned
        while planned and planned[0] <= now_s:
            planned.popleft()
        accepted_s = planned.popleft() if len(planned) >= _PLANNER_BLOCKS else now_s
        takes_s = self._takes(way_mm / max(self._feedrate, 1.0) * 60.0)
        planned.append(max(self._planned_s(now_s), accepted_s) + takes_s)
        return accepted_s

    def _planned_s(self, now_s: float) -> float:
        """Return when the last planned move ends."""
        return max(now_s, self._planned[-1]) if self._planned else now_s

    def _takes(self, seconds: float) -> float:
        return seconds / self._hurry if self._hurry else 0.0

    # --- the record -------------------------------------------------------------------------------

    def _begin(self, name: str) -> None:
        self.abandon()
        self._print = _Print(name)
        for heater in (self.nozzle, self.bed):
            heater.highest_target_c = heater.target_c
        self._record.add(RecordEvent(event="begin", name=name))

    def abandon(self) -> None:
        """What is being printed will never be whole."""
        self._finish("abandoned")

    def _finish(self, event: str) -> None:
        done, self._print = self._print, None
        if done is not None:
            self._record.add(
                RecordEvent(
                    event=event,
                    name=done.name,
                    lines=done.lines,
                    sha256=done.digest.hexdigest(),
                    extruded_mm=round(done.extruded_mm, 3),
                    nozzle_max_c=self.nozzle.highest_target_c,
                    bed_max_c=self.bed.highest_target_c,
                )
            )
