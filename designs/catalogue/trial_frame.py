"""The part of a test print: a square frame that shows at a glance whether a printer is well.

20 mm wide outside, so that a ruler tells whether the axes move as far as they are told. It belongs
to no design and is never ordered. x and y are centred, z = 0 is the bed. All lengths are in mm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import box

from designs.catalogue.solids import extrude, triangles

OUTSIDE_MM = 20.0
_WALL_MM = 2.4  # an even number of lines of a 0.4 mm nozzle
_HEIGHT_MM = 2.4  # 8 layers of 0.3 mm


def build() -> NDArray[np.float32]:
    """Return the frame's triangles, shape (n, 3, 3), in mm, closed and one body."""
    half = OUTSIDE_MM / 2
    outline = box(-half, -half, half, half)
    return triangles(extrude(outline - outline.buffer(-_WALL_MM, join_style="mitre"), _HEIGHT_MM))
