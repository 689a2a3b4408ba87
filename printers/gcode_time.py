"""How long moves take at the least, whatever a file or a server says of it. Pure.

A printer is never quicker than its file's speeds and its firmware's greatest ones, and at a sharp turn it
slows down, with an acceleration that no printer of ours has; how much slower its own make it is a slicer's to
say. What the file sets them to, where that is lower than slicers do, is reckoned with. Leaves which moves
there are to `printers.gcode`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

#: No firmware of our presets moves an axis quicker (M203 of their makers: 200 to 500, 5 to 20, 25 to 120),
#: in mm/s; of X and Y together along a diagonal.
_TOP_MM_S = 500.0 * math.sqrt(2)
_TOP_Z_MM_S = 50.0
_TOP_E_MM_S = 200.0
#: Of accelerations (mm/s2) and jerks (mm/s) lower ones make a printer slower than a slicer's figure tells. By
#: a planner's reckoning of a visor, about as these roots: 3.4 times at 100 mm/s2 and 1 mm/s.
_USUAL_MM_S2, _USUAL_JERK_MM_S = 300.0, 5.0
_ACCELERATION_ROOT, _JERK_ROOT = 0.5, 0.25
#: No printer of our presets turns quicker: round a turn of more than some 84 degrees, in mm/s, and from there
#: and to there, in mm/s2 (of their makers: 5 to 15, and 500 to 5000). Without it zigzags of a tenth of a
#: millimetre, at any speed a file tells, would take a hundred times what is reckoned.
_TURN_MM_S, _TOP_MM_S2 = 20.0, 10_000.0
#: Cosine of that turn.
TURNS = 0.1
#: Where a file tells them: the command and its words.
LIMITS: Mapping[str, str] = {"M201": "XY", "M204": "SP", "M205": "XY"}


class Speed:
    """The speed of the moves that come, while a file is read; the greatest until it tells one."""

    def __init__(self) -> None:
        self._told_mm_s = math.inf
        self._factor = self._kept = self._slower = 1.0
        self._limits: dict[str, float] = {}  # by command and word

    @property
    def mm_s(self) -> float:
        """In mm/s; no printer moves quicker."""
        return min(self._told_mm_s * self._factor, _TOP_MM_S) / self._slower

    def limit(self, name: str, words: Mapping[str, float]) -> float:
        """Take a command of `LIMITS`, whose numbers are above 0. Returns `mm_s`."""
        for letter in LIMITS[name]:
            if letter in words:
                self._limits[name + letter] = words[letter]
        jerks = [told for key, told in self._limits.items() if key.startswith("M205")]
        others = [told for key, told in self._limits.items() if not key.startswith("M205")]
        jerk = min(jerks, default=_USUAL_JERK_MM_S)
        acceleration = min(others, default=_USUAL_MM_S2)
        self._slower = (
            max(1.0, _USUAL_MM_S2 / acceleration) ** _ACCELERATION_ROOT
            * max(1.0, _USUAL_JERK_MM_S / jerk) ** _JERK_ROOT
        )
        return self.mm_s

    def told(self, mm_min: float) -> float:
        """Take an F; 0 changes nothing. Returns `mm_s`."""
        if mm_min > 0:
            self._told_mm_s = mm_min / 60
        return self.mm_s

    def factor(self, words: Mapping[str, float]) -> float:
        """Take an M220; where firmwares differ, the quickest of them. Returns `mm_s`.

        B keeps the factor and R takes it back for Marlin and Prusa; Klipper reads 100 % of both, and of no
        word at all.
        """
        if "B" in words:
            self._kept = self._factor
        if "S" in words:
            self._factor = words["S"] / 100
        else:
            back = self._kept if "R" in words else 1.0
            self._factor = max(self._factor, back, 1.0)
        return self.mm_s


def least_s(flat_mm: float, lift_mm: float, pushed_mm: float, mm_s: float) -> float:
    """Return how long one move takes at the least, in seconds; 0 from or to where nobody knows (NaN).

    Args:
        flat_mm: its way over the bed; along an arc where it is one.
        lift_mm: up or down.
        pushed_mm: filament; at the move's speed only where nothing else moves.
        mm_s: its speed, > 0.
    """
    way = math.hypot(flat_mm, lift_mm)
    if not way:
        return pushed_mm / min(mm_s, _TOP_E_MM_S)
    takes_s = max(way / mm_s, lift_mm / _TOP_Z_MM_S)
    return takes_s if takes_s > 0 else 0.0


def turn_s(mm: float, mm_s: float) -> float:
    """Return how much longer a move takes at the least for a sharp turn at one of its ends, in seconds.

    Half its way is for each of its ends.

    Args:
        mm: its way, > 0.
        mm_s: its speed, > 0.
    """
    if mm_s <= _TURN_MM_S:
        return 0.0
    half_mm, twice = mm / 2, 2 * _TOP_MM_S2
    ramp_mm = (mm_s * mm_s - _TURN_MM_S * _TURN_MM_S) / twice
    if half_mm >= ramp_mm:
        return (mm_s - _TURN_MM_S) / _TOP_MM_S2 - ramp_mm / mm_s
    reached = math.sqrt(_TURN_MM_S * _TURN_MM_S + twice * half_mm)
    return (reached - _TURN_MM_S) / _TOP_MM_S2 - half_mm / mm_s
