"""Waiting for heat, done by the host: a firmware that waits itself hears no cancel until it is hot. Pure.

A print's `M109 S215` goes out as `M104 S215`; then the host asks for temperatures, and only when it reads
hot, twice, follows the line itself, which the firmware then waits for by its own rule, for seconds at most.
Where no report can be believed for a while the firmware waits alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from printers.gcode_line import Temperatures, waits_for_heat

_SETS = {b"M109": b"M104", b"M190": b"M140"}
_TARGET = re.compile(rb"([SR])(\d{1,3}(?:\.\d+)?)$")
_NEAR_C = 1.5  # Marlin's window is 1 degree, and it waits on
_SOON_C = 8.0  # so near it is asked more often
_OFTEN_S, _SELDOM_S = 0.2, 1.0
_HOT_REPORTS = 2  # one may be spoilt
_UNHEARD_S = 20.0


@dataclass(slots=True, kw_only=True)
class HeatWait:
    """One wait, from the line that sets the target until it is reached."""

    command: bytes  # as it stands in the file
    sets: bytes  # the same without waiting
    goal_c: float
    cooling: bool  # a lower temperature is waited for, too
    number: int = -1  # of the line that sets
    ask_s: float = 0.0
    _heard_s: float = field(default=0.0)
    _hot: int = field(default=0)

    def begin(self, now_s: float) -> None:
        """The line that sets the target is on its way."""
        self._heard_s = self.ask_s = now_s

    def hear(self, told: Temperatures, now_s: float) -> None:
        """Take a report of after the line was done."""
        if self.sets[:4] == b"M104":
            at_c, target_c = told.nozzle_c, told.nozzle_target_c
        else:
            at_c, target_c = told.bed_c, told.bed_target_c
        # A firmware that allows less than this has its own rule for when it is hot enough.
        if at_c is None or (target_c is not None and abs(target_c - self.goal_c) > 1):
            return
        self._heard_s = now_s
        away_c = self.goal_c - at_c
        is_there = away_c <= _NEAR_C and (not self.cooling or away_c >= -_NEAR_C)
        self._hot = self._hot + 1 if is_there else 0
        pause_s = _OFTEN_S if abs(away_c) < _SOON_C or is_there else _SELDOM_S
        self.ask_s = now_s + pause_s

    def is_over(self, now_s: float) -> bool:
        """Return whether the command itself may go."""
        return self._hot >= _HOT_REPORTS or now_s > self._heard_s + _UNHEARD_S

    def asks(self, now_s: float) -> bool:
        """Return whether it is time to ask how hot it is."""
        if now_s < self.ask_s:
            return False
        self.ask_s = now_s + _SELDOM_S
        return True


def heat_wait(command: bytes, number: int, now_s: float) -> HeatWait | None:
    """Return the wait that a command of a print asks for, None where it is another or a strange one.

    `number` is that of the line that will set the target.
    """
    if not waits_for_heat(command):
        return None
    words = [word for word in command[4:].split() if word != b"T0"]
    found = _TARGET.match(words[0]) if len(words) == 1 else None
    if found is None or float(found.group(2)) <= 0:
        return None
    sets = _SETS[command[:4]] + command[4:].replace(b"R" + found.group(2), b"S" + found.group(2))
    return HeatWait(
        command=command, sets=sets, goal_c=float(found.group(2)), cooling=found.group(1) == b"R",
        number=number, _heard_s=now_s,
    )  # fmt: skip
