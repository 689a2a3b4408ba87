"""The frame of a face visor: head band, outer arc that carries the foil, four pins, two elastic hooks.

The foil is a transparent A4 sheet with the four holes of a European office punch (ISO 838 holes of
6 mm, 80 mm apart, "888"). Lies flat on the bed, prints without supports, fits a bed of 180 x 180 mm.
x goes from temple to temple, +y is the front, z = 0 the bed. All lengths are in mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import manifold3d
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString

from designs.catalogue.measures import check, check_room
from designs.catalogue.solids import extrude, triangles


@dataclass(frozen=True, slots=True, kw_only=True)
class VisorFrame:
    """The measures of a frame.

    Raises:
        ValueError: a measure gives no frame that holds a sheet; names it and its bounds.
    """

    head_width_mm: float = 152.0  # inside of the band, temple to temple
    head_depth_mm: float = 88.0  # inside of the band, temple line to forehead
    sheet_gap_mm: float = 25.0  # forehead to foil
    temple_mm: float = 44.0  # how far the arms run back from the temple line
    hook_mm: float = 4.5  # radius of the elastic hooks' centre line
    wall_mm: float = 2.4  # an even number of lines of a 0.4 mm nozzle
    height_mm: float = 8.1  # 27 layers of 0.3 mm
    pin_pitch_mm: float = 80.0  # along the arc's outer face, where the sheet lies
    pin_count: int = 4
    pin_diameter_mm: float = 5.4  # of a hole of 6 mm
    pin_length_mm: float = 5.0  # in front of the wall
    strut_x_mm: float = 31.0  # where the two spacers leave the band

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)
        check_room(
            "height_mm", self.height_mm, self.pin_diameter_mm, "is lower than a pin is thick"
        )
        check_room(
            "head_width_mm",
            self.head_width_mm,
            3.2 * self.strut_x_mm,
            "leaves its spacers too far out",
        )
        between = (self.pin_count - 1) * self.pin_pitch_mm + 2 * self.pin_diameter_mm
        check_room("head_width_mm", outer_face(self).length, between, "leaves no wall for its pins")


_BOUNDS = {
    "head_width_mm": (120.0, 180.0),
    "head_depth_mm": (70.0, 110.0),
    "sheet_gap_mm": (10.0, 45.0),
    "temple_mm": (20.0, 60.0),
    "hook_mm": (3.0, 8.0),
    "wall_mm": (1.6, 4.0),
    "height_mm": (4.0, 20.0),
    "pin_pitch_mm": (20.0, 120.0),
    "pin_count": (2, 8),
    "pin_diameter_mm": (3.0, 8.0),
    "pin_length_mm": (3.0, 10.0),
    "strut_x_mm": (15.0, 45.0),
}


def build(frame: VisorFrame | None = None) -> NDArray[np.float32]:
    """Return the frame's triangles, shape (n, 3, 3), in mm, closed and one body."""
    frame = frame or VisorFrame()
    outer = _outer_arc(frame)
    wall = frame.wall_mm / 2
    outline = shapely.union_all(
        [_band(frame).buffer(wall), outer.buffer(wall), *(s.buffer(wall) for s in _struts(frame))]
    )
    # Round the inner corners, where a stiff frame would crack.
    outline = outline.buffer(1.5).buffer(-1.5).simplify(0.01)
    solid = extrude(outline, frame.height_mm)
    for pin in _pins(frame):
        solid += pin
    above_bed = manifold3d.Manifold.cube((800.0, 800.0, 100.0)).translate((-400.0, -400.0, 0.0))
    return triangles(solid ^ above_bed)


def _arc(
    centre: tuple[float, float], radii: tuple[float, float], start_deg: float, end_deg: float
) -> list[tuple[float, float]]:
    steps = max(8, round(abs(end_deg - start_deg) * max(radii) / 57.3 / 2.0))
    angles = [math.radians(start_deg + (end_deg - start_deg) * i / steps) for i in range(steps + 1)]
    return [
        (centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in angles
    ]


def _band(frame: VisorFrame) -> LineString:
    """The centre line of the head band: left hook, arm, forehead, arm, right hook."""
    half = (frame.head_width_mm + frame.wall_mm) / 2
    depth = frame.head_depth_mm + frame.wall_mm / 2
    radius = frame.hook_mm
    right = _arc((half + radius, -frame.temple_mm), (radius, radius), 385.0, 180.0)
    forehead = _arc((0.0, 0.0), (half, depth), 0.0, 180.0)
    left = [(-x, y) for x, y in reversed(right)]
    return LineString([*right, *forehead, *left])


def _arc_radii(frame: VisorFrame) -> tuple[float, float]:
    half = (frame.head_width_mm + frame.wall_mm) / 2
    return half + 3.0, frame.head_depth_mm + 1.5 * frame.wall_mm + frame.sheet_gap_mm


def _outer_arc(frame: VisorFrame) -> LineString:
    """The centre line of the wall that carries the foil; meets the arms behind the temples."""
    half = (frame.head_width_mm + frame.wall_mm) / 2
    arc = _arc((0.0, 0.0), _arc_radii(frame), 4.0, 176.0)
    return LineString([(half, -18.0), *arc, (-half, -18.0)])


def outer_face(frame: VisorFrame) -> LineString:
    """The line on which the sheet lies, in front of the outer arc; from right to left."""
    wide, deep = _arc_radii(frame)
    return LineString(
        _arc((0.0, 0.0), (wide + frame.wall_mm / 2, deep + frame.wall_mm / 2), 4, 176)
    )


def _struts(frame: VisorFrame) -> list[LineString]:
    """Two spacers from the forehead to the outer arc."""
    half = (frame.head_width_mm + frame.wall_mm) / 2
    depth = frame.head_depth_mm + frame.wall_mm / 2
    wide, deep = _arc_radii(frame)
    near, far = frame.strut_x_mm, frame.strut_x_mm * 1.15
    y_near = depth * math.sqrt(1 - (near / half) ** 2)
    y_far = deep * math.sqrt(1 - (far / wide) ** 2)
    return [LineString([(s * near, y_near), (s * far, y_far)]) for s in (-1, 1)]


def _pins(frame: VisorFrame) -> list[manifold3d.Manifold]:
    """Eight-sided pins that point outwards, a flat side down so that they print without support.

    A pin begins inside the wall and reaches a little below the bed, where it is cut off: faces that
    only touch give edges that four triangles share.
    """
    radius = frame.pin_diameter_mm / 2
    inside = frame.wall_mm * 3 / 4
    length = frame.pin_length_mm + inside
    knob = 1.2
    shaft = manifold3d.Manifold.cylinder(length, radius, radius, 8)
    head = manifold3d.Manifold.cylinder(knob, radius * 1.15, radius * 0.8, 8)
    pin = (shaft + head.translate((0.0, 0.0, length - knob))).rotate((0.0, 0.0, 22.5))
    pin = pin.rotate((0.0, 90.0, 0.0)).translate((-inside, 0.0, 0.0))
    height = radius * math.cos(math.pi / 8) - 0.1
    face = outer_face(frame)
    pins = []
    for number in range(frame.pin_count):
        along = face.length / 2 + (number - (frame.pin_count - 1) / 2) * frame.pin_pitch_mm
        at, before, ahead = (face.interpolate(along + step) for step in (0.0, -0.5, 0.5))
        outward = math.degrees(math.atan2(ahead.y - before.y, ahead.x - before.x)) - 90.0
        pins.append(pin.rotate((0.0, 0.0, outward)).translate((at.x, at.y, height)))
    return pins
