"""How long moves take at the least, whatever a file or a server says of it. Pure.

A printer is never quicker than its file's speeds and its firmware's greatest ones; how much slower its
accelerations make it is a slicer's to say. Leaves which moves there are to `printers.gcode`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

#: No firmware of our presets moves an axis quicker (M203 of their makers: 200 to 500, 5 to 20, 25 to 120),
#: in mm/s; of X and Y together along a diagonal.
_TOP_MM_S = 500.0 * math.sqrt(2)
_TOP_Z_MM_S = 50.0
_TOP_E_MM_S = 200.0


class Speed:
    """The speed of the moves that come, while a file is read; the greatest until it tells one."""

    def __init__(self) -> None:
        self._told_mm_s = math.inf
        self._factor = self._kept = 1.0

    @property
    def mm_s(self) -> float:
        """In mm/s; no printer moves quicker."""
        return min(self._told_mm_s * self._factor, _TOP_MM_S)

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
