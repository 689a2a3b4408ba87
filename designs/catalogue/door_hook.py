"""A hook that opens doors: it pulls a lever handle or a bar, and presses a button with its tip.

Lies flat on the bed, prints without supports. z = 0 is the bed. All lengths are in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon, box

from designs.catalogue.measures import check, check_room
from designs.catalogue.solids import extrude, rounded, triangles


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorHook:
    """The measures of a hook.

    Raises:
        ValueError: a measure gives no hook that holds; names it and its bounds.
    """

    handle_mm: float = 24.0  # the thickest lever that it takes
    grip_mm: float = 26.0  # the hole for two fingers
    reach_mm: float = 62.0  # from the middle of the grip to the middle of the handle
    bar_mm: float = 11.0  # width of every limb
    thickness_mm: float = 6.0  # 20 layers of 0.3 mm

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)
        needed = (self.grip_mm + self.handle_mm) / 2 + self.bar_mm
        check_room("reach_mm", self.reach_mm, needed, "leaves no limb")


_BOUNDS = {
    "handle_mm": (10.0, 40.0),
    "grip_mm": (20.0, 40.0),
    "reach_mm": (40.0, 110.0),
    "bar_mm": (7.0, 20.0),
    "thickness_mm": (4.0, 15.0),
}


def outline(hook: DoorHook) -> Polygon:
    """Return the hook seen from above: a ring for the fingers, a stem, an open hook with a tip."""
    grip = Point(0.0, 0.0).buffer(hook.grip_mm / 2 + hook.bar_mm, quad_segs=24)
    middle = Point(0.0, hook.reach_mm)
    outer = middle.buffer(hook.handle_mm / 2 + hook.bar_mm, quad_segs=24)
    inner = middle.buffer(hook.handle_mm / 2, quad_segs=24)
    stem = LineString([(0.0, 0.0), (0.0, hook.reach_mm - hook.handle_mm / 2 - 1.0)])
    far = hook.handle_mm / 2 + 2 * hook.bar_mm
    # Open to the right and a little upwards: the handle slides in and cannot slip out sideways.
    mouth = box(0.0, hook.reach_mm - hook.handle_mm / 2, far, hook.reach_mm + hook.handle_mm / 2)
    tip = box(
        hook.handle_mm / 2 - 1.0,
        hook.reach_mm - hook.handle_mm / 2 - hook.bar_mm * 0.72,
        hook.handle_mm / 2 + hook.bar_mm + 5.0,
        hook.reach_mm - hook.handle_mm / 2,
    )
    body = grip.union(stem.buffer(hook.bar_mm / 2)).union(outer).union(tip)
    body = body.difference(inner).difference(mouth)
    body = body.difference(Point(0.0, 0.0).buffer(hook.grip_mm / 2, quad_segs=24))
    shape: Polygon = max(getattr(body, "geoms", [body]), key=lambda piece: piece.area)
    return rounded(shape, 1.6, 3.0)


def build(hook: DoorHook | None = None) -> NDArray[np.float32]:
    """Return the hook's triangles, shape (n, 3, 3), in mm, closed and one body."""
    hook = hook or DoorHook()
    return triangles(extrude(outline(hook), hook.thickness_mm))
