"""An ear saver: a flat strap behind the head, with hooks for the ear loops of a mask.

The loops pull on the strap instead of on the ears; several rows of hooks fit several sizes. Lies flat
on the bed, prints without supports. x goes from ear to ear, z = 0 is the bed. All lengths are in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon, box

from designs.catalogue.measures import check, check_room
from designs.catalogue.solids import extrude, rounded, triangles


@dataclass(frozen=True, slots=True, kw_only=True)
class EarSaver:
    """The measures of a strap.

    Raises:
        ValueError: a measure gives no strap whose hooks take a loop; names it and its bounds.
    """

    length_mm: float = 156.0
    width_mm: float = 16.0  # of the strap between the hooks
    reach_mm: float = 6.5  # how far hooks stand out of the strap's side
    thickness_mm: float = 1.5  # 5 layers of 0.3 mm: it bends around the head
    rows: int = 4  # of hooks at each end
    pitch_mm: float = 13.0  # from row to row
    hook_mm: float = 4.0  # width of a hook's arm
    tip_mm: float = 4.5  # how far a hook's tip points outwards, over the loop
    window_mm: float = 34.0  # length of the opening in the middle, which lets the strap bend

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)
        under = self.hook_mm + _LOOP_MM - 0.5
        check_room("reach_mm", self.reach_mm, under, "leaves no room for a loop under a tip")
        between = self.tip_mm + self.hook_mm + _LOOP_MM
        check_room("pitch_mm", self.pitch_mm, between, "leaves no room for a loop")
        needed = self.window_mm + 2 * ((self.rows - 1) * self.pitch_mm + self.tip_mm + self.hook_mm)
        check_room(
            "length_mm", self.length_mm, needed, "is too short for its hooks and its opening"
        )


_LOOP_MM = 2.5
_BOUNDS = {
    "length_mm": (80.0, 240.0),
    "width_mm": (10.0, 40.0),
    "reach_mm": (5.0, 15.0),
    "thickness_mm": (0.9, 4.0),
    "rows": (1, 8),
    "pitch_mm": (8.0, 30.0),
    "hook_mm": (3.0, 6.0),
    "tip_mm": (2.0, 8.0),
    "window_mm": (10.0, 80.0),
}


def build(strap: EarSaver | None = None) -> NDArray[np.float32]:
    """Return the strap's triangles, shape (n, 3, 3), in mm, closed and one body."""
    strap = strap or EarSaver()
    return triangles(extrude(_outline(strap), strap.thickness_mm))


def _outline(strap: EarSaver) -> Polygon:
    half, side = strap.length_mm / 2, strap.width_mm / 2
    outline = box(-half, -side, half, side)
    for end in (-1, 1):
        for row in range(strap.rows):
            at = end * (half - strap.hook_mm / 2 - row * strap.pitch_mm)
            for up in (-1, 1):
                outline = outline.union(_hook(strap, at, end, up))
    opening = box(-strap.window_mm / 2, -side / 2.2, strap.window_mm / 2, side / 2.2)
    return rounded(outline, 1.2, 1.0).difference(rounded(opening, 2.0, 0.5))


def _hook(strap: EarSaver, at_mm: float, end: int, up: int) -> Polygon:
    """An arm out of the strap's side, whose tip points to the middle so that a loop cannot slip off."""
    side = strap.width_mm / 2
    top = side + strap.reach_mm - strap.hook_mm / 2
    points = [
        (at_mm, up * (side - strap.hook_mm)),
        (at_mm, up * top),
        (at_mm - end * strap.tip_mm, up * (top + 0.3)),
    ]
    return LineString(points).buffer(strap.hook_mm / 2, quad_segs=6)
