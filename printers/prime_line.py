"""Where the nozzle is primed on a bed that is round or has something on it. Pure.

Leaves plain beds to the profile's own line, and which places are free to `printers.gcode_places`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from firmware_profiles.profile import ROUND, MachinePreset
from printers.gcode_places import ground_of

#: The line is so long, and takes so much filament, as the one of our profile for plain beds.
_LONG_MM, _E_MM = 100.0, 9.0
#: From the edge, where parts keep away by the machine's margin.
_EDGE_MM = 1.0
_BEGINS_MM = 10.0
#: Corners of a circle; the line between two leaves it by a thousandth of the radius.
_CORNERS = 72


def circle(wide_mm: float, edge_mm: float = 0.0) -> list[tuple[float, float]]:
    """Return the corners of a round bed, anticlockwise from its right, or of a circle `edge_mm` inside."""
    middle = wide_mm / 2
    turns = [math.tau * corner / _CORNERS for corner in range(_CORNERS)]
    return [
        (
            round(middle + (middle - edge_mm) * math.cos(turn), 3),
            round(middle + (middle - edge_mm) * math.sin(turn), 3),
        )
        for turn in turns
    ]


def prime_line(preset: MachinePreset) -> str:
    r"""Return the G-code of a prime line along a free part of the edge, from travel height 0.3 mm.

    Its lines are parted by `\n` as PrusaSlicer's profiles write it. Where no part of the edge is
    free it lies in front, and the check of G-code says what is in its way.
    """
    ways = list(_ways(preset))
    ground = ground_of(preset)
    way = next((way for way in ways if ground is None or not ground.why_not(way)), ways[0])
    steps = [math.dist(here, there) for here, there in pairwise(way)]
    each = _E_MM / sum(steps)
    lines = [f"G1 X{way[0][0]:g} Y{way[0][1]:g} F6000"]
    lines += [
        f"G1 X{x:g} Y{y:g} E{step * each:.3f} F1000"
        for (x, y), step in zip(way[1:], steps, strict=True)
    ]
    return r"\n".join(lines)


def _ways(preset: MachinePreset) -> Iterator[list[tuple[float, float]]]:
    if preset.bed == ROUND:
        corners = circle(preset.bed_x_mm, _EDGE_MM)
        step = math.dist(*corners[:2])
        count = min(_CORNERS // 2, max(1, round(_LONG_MM / step)))
        front = _CORNERS * 3 // 4 - count // 2
        for first in range(front, front + _CORNERS, 6):
            yield [corners[(first + n) % _CORNERS] for n in range(count + 1)]
        return
    wide, deep = preset.bed_x_mm, preset.bed_y_mm
    for y in (_EDGE_MM, deep - _EDGE_MM):
        for begin, end in _along(wide):
            yield [(begin, y), (end, y)]
    for x in (_EDGE_MM, wide - _EDGE_MM):
        for begin, end in _along(deep):
            yield [(x, begin), (x, end)]


def _along(side_mm: float) -> list[tuple[float, float]]:
    """Where a line begins and ends on one side: from its one end, from its other one, in its middle."""
    end = min(_BEGINS_MM + _LONG_MM, side_mm - _EDGE_MM)
    half = (end - _BEGINS_MM) / 2
    return [
        (_BEGINS_MM, end),
        (side_mm - _BEGINS_MM, side_mm - end),
        (side_mm / 2 - half, side_mm / 2 + half),
    ]
