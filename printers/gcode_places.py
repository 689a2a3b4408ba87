"""Where a nozzle may push filament, beside the bed itself. Pure.

Leaves which moves there are to `printers.gcode`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from firmware_profiles.profile import ROUND, MachinePreset

ROUNDING_MM = 0.01
#: A first layer is never lower than this; below, the nozzle would scratch the bed.
LOWEST_MM = -0.05
#: A line that primes the nozzle in front of the bed lies no higher than this.
_PRIME_Z_MM = 0.6
#: An arc is followed in straight lines that leave it by no more.
_BEND_MM = 0.005


def in_front(preset: MachinePreset, x: float, y: float, z: float) -> bool:
    """Return whether this is of a prime line where the preset has room for one, before the first part.

    Once anything lies on the bed no move may leave it: a part that hangs off its edge would.
    """
    return (
        -preset.prime_front_mm - ROUNDING_MM <= y < -ROUNDING_MM
        and -ROUNDING_MM <= x <= preset.bed_x_mm + ROUNDING_MM
        and LOWEST_MM <= z <= _PRIME_Z_MM
    )


class Ground:
    """What of a bed may be printed on where that is more than two numbers: its circle, its zones."""

    def __init__(self, preset: MachinePreset) -> None:
        self._middle = self._reach = preset.bed_x_mm / 2
        if preset.bed != ROUND:
            self._reach = math.inf
        self._zones = [
            (x0 + ROUNDING_MM, y0 + ROUNDING_MM, x1 - ROUNDING_MM, y1 - ROUNDING_MM)
            for x0, y0, x1, y1 in preset.keep_out_mm
        ]

    def why_not(self, way: Sequence[tuple[float, float]]) -> str:
        """Return why filament may not be laid along straight lines from point to point; "" if it may."""
        for x, y in way:
            # What is between two points of a circle is in it.
            if math.hypot(x - self._middle, y - self._middle) > self._reach + ROUNDING_MM:
                return f"it prints at X {x:.1f} Y {y:.1f} mm, beside the round bed"
        for (x0, y0), (x1, y1) in pairwise(way):
            if any(_meets(x0, y0, x1, y1, zone) for zone in self._zones):
                return (
                    f"it prints between X {x0:.1f} Y {y0:.1f} and X {x1:.1f} Y {y1:.1f} mm, over what"
                    " has to stay empty on this bed"
                )
        return ""


def ground_of(preset: MachinePreset) -> Ground | None:
    """Return what to look at besides the bed's two sides; None on a plain bed."""
    return None if preset.is_plain else Ground(preset)


def _meets(
    x0: float, y0: float, x1: float, y1: float, zone: tuple[float, float, float, float]
) -> bool:
    """Return whether a straight line, or a point, has something of a rectangle in it."""
    low_x, low_y, high_x, high_y = zone
    begin, end = 0.0, 1.0
    for at, way, low, high in ((x0, x1 - x0, low_x, high_x), (y0, y1 - y0, low_y, high_y)):
        if way == 0.0:
            if not low <= at <= high:
                return False
            continue
        first, last = sorted(((low - at) / way, (high - at) / way))
        begin, end = max(begin, first), min(end, last)
        if begin > end:
            return False
    return True


def arc_way(
    x0: float, y0: float, offset: tuple[float, float], sweep: float, sense: int
) -> list[tuple[float, float]]:
    """Return points along an arc, so near that straight lines between them are as good.

    It runs `sweep` radians round the point that lies `offset` from (x0, y0); `sense` is 1 for
    anticlockwise, -1 for clockwise.
    """
    radius = math.hypot(*offset)
    centre_x, centre_y = x0 + offset[0], y0 + offset[1]
    start = math.atan2(-offset[1], -offset[0])
    steps = 1 + math.ceil(sweep / 2 * math.sqrt(radius / (2 * _BEND_MM)))
    angles = [start + sense * sweep * step / steps for step in range(steps + 1)]
    return [(centre_x + radius * math.cos(a), centre_y + radius * math.sin(a)) for a in angles]
