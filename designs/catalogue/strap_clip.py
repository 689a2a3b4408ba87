"""A clip that shortens an elastic strap: a flat plate with two slots and a bar between them.

The strap goes up through one slot, over the bar and down through the other; pull, and it holds. Lies
flat on the bed, prints without supports. z = 0 is the bed. All lengths are in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import box

from designs.catalogue.measures import check
from designs.catalogue.solids import extrude, rounded, triangles


@dataclass(frozen=True, slots=True, kw_only=True)
class StrapClip:
    """The measures of a clip.

    Raises:
        ValueError: a measure gives no clip that holds a strap; names it and its bounds.
    """

    strap_mm: float = 20.0  # width of the elastic
    room_mm: float = 1.0  # wider than the elastic, so that it slides
    slot_mm: float = 3.6  # for two layers of elastic
    bar_mm: float = 4.2  # in the middle
    rim_mm: float = 4.0  # around
    thickness_mm: float = 3.0  # 10 layers of 0.3 mm

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)


_BOUNDS = {
    "strap_mm": (5.0, 60.0),
    "room_mm": (0.2, 4.0),
    "slot_mm": (1.8, 8.0),
    "bar_mm": (2.4, 12.0),
    "rim_mm": (2.4, 12.0),
    "thickness_mm": (1.5, 8.0),
}


def build(clip: StrapClip | None = None) -> NDArray[np.float32]:
    """Return the clip's triangles, shape (n, 3, 3), in mm, closed and one body."""
    clip = clip or StrapClip()
    wide = clip.strap_mm + clip.room_mm
    deep = 2 * clip.slot_mm + clip.bar_mm
    rim = clip.rim_mm
    outline = rounded(box(-rim, -rim, wide + rim, deep + rim), 3.0, 0.5)
    for start in (0.0, clip.slot_mm + clip.bar_mm):
        slot = box(0.0, start, wide, start + clip.slot_mm)
        outline = outline.difference(rounded(slot, 0.8, 0.2))
    return triangles(extrude(outline, clip.thickness_mm))
