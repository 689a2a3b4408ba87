"""Signs that a printer has started anew though its greeting was lost, or it gave none. Pure.

A board that browns out, or whose watchdog bites, counts lines from 0 again and has no targets any more.
Obeying it would print in the air, or the beginning twice. Leaves lines and their numbers to
`printers.gcode_link`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from printers.gcode_line import Temperatures

#: One such sign may be a spoilt number or report.
_TWICE = 2
_TOO_MANY = 8  # oks, that may have acknowledged lines beyond the window
_SETS = re.compile(rb"^M(104|109|140|190)(?![0-9])(.*)$")
_TARGET = re.compile(rb"[SR]\s*(\d+(?:\.\d+)?)")
_BEGINS = re.compile(r"Last Line: ?(?:0|-1)\b|expected line [01] got")
_OTHER_TOOL = re.compile(rb"T\s*[1-9]")


@dataclass(slots=True)
class _Heater:
    set: bool = False  # to a target above 0
    line: int = 0  # number of the line that did
    seen: bool = False  # in a report, since


class Restart:
    """What was set and what was asked for, since numbers began."""

    def __init__(self) -> None:
        self._nozzle, self._bed = _Heater(), _Heater()
        self._fallen = self._first = 0
        self._said = ""
        #: The printer has surely had all lines up to this number.
        self.surely = 0

    def send(self, number: int, command: bytes) -> None:
        """Take a command that goes out."""
        if command.startswith(b"G"):
            return
        found = _SETS.match(command)
        if found is not None:
            target = _TARGET.search(found.group(2))
            heats = target is not None and float(target.group(1)) > 0
            if found.group(1) in (b"140", b"190"):
                self._bed = _Heater(heats, number)
            else:
                self._nozzle = _Heater(heats and not _OTHER_TOOL.search(found.group(2)), number)
        elif not command.startswith(b"M"):  # another tool, or a macro that does what it likes
            self._nozzle, self._bed = _Heater(), _Heater()

    def cools(self, told: Temperatures, first: int) -> bool:
        """Return whether this report tells that targets fell to 0 which we have set.

        Where it does for the first time, another report has to be asked for. `first` is the number of
        the first line that is not acknowledged.
        """
        pairs = ((self._nozzle, told.nozzle_target_c), (self._bed, told.bed_target_c))
        known = [
            (heater, target)
            for heater, target in pairs
            if heater.set and heater.line < first and target is not None
        ]
        for heater, target in known:
            heater.seen |= target > 0
        if known and all(heater.seen and target == 0 for heater, target in known):
            self._fallen += 1
            return True
        self._fallen = 0
        return False

    def first_asked(self, number: int, acknowledged: int, window_lines: int) -> bool:
        """Return whether a Resend is for the first line, though that was done long ago.

        Args:
            number: that the printer asks for.
            acknowledged: lines; an ok too many on the way may have acknowledged one that was not done.
            window_lines: how many may be in flight.
        """
        had = self.surely > 0 or acknowledged > window_lines + _TOO_MANY
        if not had or not 0 <= number <= 1:
            self._first = 0
            return False
        said, self._said = self._said, ""
        self._first += 1 + (_BEGINS.search(said) is not None)
        return True

    def complains(self, text: str) -> None:
        """Take what stands before a Resend: most firmwares tell there, too, which line they had last."""
        self._said = text

    @property
    def is_likely(self) -> bool:
        """Whether there was a sign."""
        return max(self._fallen, self._first) > 0

    @property
    def is_sure(self) -> bool:
        """Whether there was a second sign."""
        return max(self._fallen, self._first) >= _TWICE


class Asked:
    """Which line was asked for, and how often in a row."""

    def __init__(self) -> None:
        self._number = -1
        self.times = self._burst = 0

    def hear(self, number: int, window_lines: int, *, anew: bool) -> None:
        """Take a Resend; `anew`: it is no answer to a line that was under way behind the lost one."""
        if anew:
            self._burst = 0
        # Lines in flight behind the lost one are answered alike, once each.
        if not 0 < self._burst <= window_lines:
            self.times = self.times + 1 if self._number == number else 1
            self._number = number
        self._burst += 1
