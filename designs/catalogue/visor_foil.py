"""A clear foil for the visor frame, to be cut by laser or punched: A4 across, four holes for the pins.

Its holes lie as a four-hole punch makes them, 80 mm apart and 12 mm from the edge, so that a cut foil
and a punched sheet fit the same frame. Written as SVG and as DXF, both in mm.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import shapely
from shapely.geometry import Point, Polygon, box

from designs.catalogue.measures import check, check_room
from designs.catalogue.visor_frame import VisorFrame

#: Of a hole's outline; a program that cuts it makes a circle of it.
_QUARTER = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class VisorFoil:
    """The measures of a foil that do not come from its frame.

    Raises:
        ValueError: a measure gives no foil; names it and its bounds.
    """

    width_mm: float = 297.0  # A4 across
    height_mm: float = 210.0
    edge_mm: float = 12.0  # from the middle of a hole to the upper edge
    hole_mm: float = 6.0  # a pin of 5.4 mm with a head of 6.2 mm clicks in
    top_radius_mm: float = 4.0
    bottom_radius_mm: float = 25.0  # no corner pokes the chest

    def __post_init__(self) -> None:
        """Check the bounds."""
        check(self, _BOUNDS)


_BOUNDS = {
    "width_mm": (200.0, 420.0),
    "height_mm": (120.0, 420.0),
    "edge_mm": (8.0, 30.0),
    "hole_mm": (2.0, 12.0),
    "top_radius_mm": (0.0, 40.0),
    "bottom_radius_mm": (0.0, 55.0),
}


def build(foil: VisorFoil | None = None, frame: VisorFrame | None = None) -> Polygon:
    """Return the foil as it lies flat, seen from outside: x to the right, y up, the lowest corner at 0."""
    foil, frame = foil or VisorFoil(), frame or VisorFrame()
    sheet = box(0, 0, foil.width_mm, foil.height_mm)
    low, high = foil.bottom_radius_mm, foil.top_radius_mm
    lower = sheet.buffer(-low).buffer(low, quad_segs=_QUARTER)
    upper = sheet.buffer(-high).buffer(high, quad_segs=_QUARTER)
    half = box(0, foil.height_mm / 2, foil.width_mm, foil.height_mm)
    outline = shapely.union_all([lower, upper & half])
    holes = [
        Point(x, y).buffer(foil.hole_mm / 2, quad_segs=_QUARTER) for x, y in holes_at(foil, frame)
    ]
    cut = outline.difference(shapely.union_all(holes))
    return max(shapely.get_parts(cut), key=lambda part: part.area)


def holes_at(foil: VisorFoil, frame: VisorFrame) -> list[tuple[float, float]]:
    """Return the middles of the holes; the frame's pins are as far apart along its outer face.

    Raises:
        ValueError: the foil is narrower than the pins are apart.
    """
    between = (frame.pin_count - 1) * frame.pin_pitch_mm + 2 * foil.hole_mm
    check_room("width_mm", foil.width_mm, between, "leaves no room for its holes")
    y = foil.height_mm - foil.edge_mm
    first = foil.width_mm / 2 - (frame.pin_count - 1) / 2 * frame.pin_pitch_mm
    return [(first + number * frame.pin_pitch_mm, y) for number in range(frame.pin_count)]


def svg(cut: Polygon) -> str:
    """Return a drawing in mm: red lines of 0.1 mm are cut, and there is nothing else in it."""
    width, height = cut.bounds[2], cut.bounds[3]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm"'
        f' viewBox="0 0 {width:g} {height:g}">',
        "  <title>Feuille de visière, à découper / Foil of a visor, to be cut</title>",
        "  <desc>PET, PETG, 0,2-0,5 mm. Jamais de PVC. / PET, PETG, 0.2-0.5 mm. Never PVC.</desc>",
        '  <g fill="none" stroke="#f00" stroke-width="0.1">',
    ]
    for hole in cut.interiors:
        (x, y), radius = hole.centroid.coords[0], _radius(hole)
        lines.append(f'    <circle cx="{x:.3f}" cy="{height - y:.3f}" r="{radius:.3f}"/>')
    steps = " ".join(f"{x:.3f},{height - y:.3f}" for x, y in cut.exterior.coords[:-1])
    lines += [f'    <polygon points="{steps}"/>', "  </g>", "</svg>", ""]
    return "\n".join(lines)


def dxf(cut: Polygon) -> str:
    """Return the same as DXF R12, which every program for laser cutters reads; on the layer CUT."""
    from ezdxf.addons.r12writer import R12FastStreamWriter  # noqa: PLC0415  # where it is made only

    out = io.StringIO()
    writer = R12FastStreamWriter(out)
    for hole in cut.interiors:
        x, y = hole.centroid.coords[0]
        writer.add_circle((round(x, 3), round(y, 3)), round(_radius(hole), 3), layer="CUT", color=1)
    points = [(round(x, 3), round(y, 3)) for x, y in cut.exterior.coords[:-1]]
    writer.add_polyline_2d(points, closed=True, layer="CUT", color=1)
    writer.close()
    return out.getvalue()


def _radius(hole: shapely.LinearRing) -> float:
    """Return the radius of the circle that an outline of a hole stands for."""
    return math.dist(hole.centroid.coords[0], hole.coords[0])
