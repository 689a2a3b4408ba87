"""What of a bed is free: inside its margin, inside its circle, off what must stay empty. Pure.

All coordinates here are in mm from the lower left corner inside the margin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from designs.model import Bed

#: What lies exactly at an edge or a zone is let through.
_TOUCHES_MM = 1e-6


class Room:
    """The free room of one bed; the margin holds from a round edge and around zones too."""

    def __init__(self, bed: Bed) -> None:
        margin = bed.margin_mm
        self.size = bed.x_mm - 2 * margin, bed.y_mm - 2 * margin
        self.is_plain = bed.is_plain
        self.radius = min(self.size) / 2 if bed.round else None
        # Grown to larger rectangles: a part stays a little farther from a zone's corners.
        self._zones = tuple(
            (x0 - 2 * margin, y0 - 2 * margin, x1, y1) for x0, y0, x1, y1 in bed.keep_out
        )
        self._boxes = [
            shapely.box(x0 + _TOUCHES_MM, y0 + _TOUCHES_MM, x1 - _TOUCHES_MM, y1 - _TOUCHES_MM)
            for x0, y0, x1, y1 in self._zones
        ]

    def holds(self, shadow: Any) -> bool:
        """Return whether a shape lies in the room with all of it. Exact."""
        x0, y0, x1, y1 = shadow.bounds
        return (
            min(x0, y0) >= -_TOUCHES_MM
            and x1 <= self.size[0] + _TOUCHES_MM
            and y1 <= self.size[1] + _TOUCHES_MM
            and self.is_round_enough(shadow)
            and not any(shapely.intersects(box, shadow) for box in self._boxes)
        )

    def is_round_enough(self, shadow: Any) -> bool:
        """Return whether a shape lies in the bed's circle, where it has one."""
        if self.radius is None:
            return True
        # A circle holds a shape that has all its corners in it.
        away = shapely.get_coordinates(shadow) - self.radius
        return bool((np.hypot(away[:, 0], away[:, 1]) <= self.radius + _TOUCHES_MM).all())

    def is_off_zones(self, x: float, y: float, size: tuple[float, float]) -> bool:
        """Return whether a box at (x, y) is off the zones."""
        right, top = x + size[0], y + size[1]
        return not any(
            x < x1 - _TOUCHES_MM and right > x0 + _TOUCHES_MM
            and y < y1 - _TOUCHES_MM and top > y0 + _TOUCHES_MM
            for x0, y0, x1, y1 in self._zones
        )  # fmt: skip

    def holds_box(self, x: float, y: float, size: tuple[float, float]) -> bool:
        """Return whether a box at (x, y) is off the zones and inside the circle."""
        if self.radius is None:
            return self.is_off_zones(x, y, size)
        far_x = max(abs(x - self.radius), abs(x + size[0] - self.radius))
        far_y = max(abs(y - self.radius), abs(y + size[1] - self.radius))
        inside = math.hypot(far_x, far_y) <= self.radius + _TOUCHES_MM
        return inside and self.is_off_zones(x, y, size)

    def taken(self, shape: tuple[int, int], cell_mm: float) -> NDArray[np.float32]:
        """Return a raster [y, x] with 1 in each cell that is not wholly free."""
        found = np.zeros(shape, np.float32)
        if self.radius is not None:
            ys, xs = (np.arange(cells) * cell_mm - self.radius for cells in shape)
            far_y = np.maximum(np.abs(ys), np.abs(ys + cell_mm))[:, None]
            far_x = np.maximum(np.abs(xs), np.abs(xs + cell_mm))[None]
            found[np.hypot(far_x, far_y) > self.radius] = 1.0
        for x0, y0, x1, y1 in self._zones:
            rows = slice(max(0, math.floor(y0 / cell_mm)), max(0, math.ceil(y1 / cell_mm)))
            columns = slice(max(0, math.floor(x0 / cell_mm)), max(0, math.ceil(x1 / cell_mm)))
            found[rows, columns] = 1.0
        return found
