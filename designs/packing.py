"""Lays as many copies of one part on a bed as fit. Pure: shadows in, placements out.

Two ways are tried, and the fuller is taken: boxes in rows, and shadows on a raster
(`designs.raster`). Several starts of the nester are tried within a fixed number of steps, never
within a time, so that the same part on the same bed gives the same layout on any machine.

Leaves different parts on one bed to `designs.kit_packing`, what of a bed is free to `designs.room`,
reading meshes to `designs.mesh` and writing plates to `designs.plate_file`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity

from designs.model import Bed, Layout, Placement
from designs.raster import Shadow, Table, Turn, turns_of
from designs.room import Room

#: Every shadow is grown by this much, so that rounding its outline never shrinks it.
_GROW_MM = 0.05
#: Correlations that one nest may cost, each of one turn with one bed; some 1 ms each at 250 mm.
_STEPS = 2000
#: How far towards the middle of the bed fewer copies are moved: as far as they stay free.
_WAYS = (1.0, 0.75, 0.5, 0.25)


def footprint(triangles: NDArray[np.float32]) -> Shadow:
    """Return the shadow on the bed of a closed mesh; `triangles` has the shape (n, 3, 3), in mm."""
    flat = triangles[:, :, :2].astype(np.float64)
    side, other = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    # Every point of a closed mesh's shadow lies under a triangle that looks up.
    up = side[:, 0] * other[:, 1] - side[:, 1] * other[:, 0] > 1e-6  # noqa: PLR2004  # mm2
    shadows = shapely.polygons(flat[up])
    grown = shapely.union_all(shadows).buffer(_GROW_MM, quad_segs=2).simplify(_GROW_MM / 2)
    # The part's own box is exact: six squares of 40 mm lie in a row of 250 mm, and not if they grow.
    points = flat.reshape(-1, 2)
    cut: Shadow = grown.intersection(shapely.box(*points.min(axis=0), *points.max(axis=0)))
    return cut


def hull(triangles: NDArray[np.float32]) -> Shadow:
    """Return the convex hull of a mesh's shadow: all that `centred` needs, and much sooner made."""
    return shapely.MultiPoint(triangles[:, :, :2].reshape(-1, 2).astype(np.float64)).convex_hull


def placed(shadow: Shadow, placement: Placement) -> Shadow:
    """Return the shadow where a placement puts it."""
    turned = affinity.rotate(shadow, placement.angle_deg, origin=(0, 0))
    return affinity.translate(turned, placement.x_mm, placement.y_mm)


def pack(shadow: Shadow, bed: Bed, gap_mm: float = 2.0, limit: int | None = None) -> Layout:
    """Return a layout of as many copies as fit, at most `limit`, at least `gap_mm` apart.

    All lie inside the bed's margin. The layout is empty where not even one fits.
    """
    room = Room(bed)
    turns = turns_of(shadow, room, gap_mm)
    most = _most(shadow, room, gap_mm, limit)
    best = _in_boxes(shadow, bed, gap_mm)[:most]
    if not best and most:
        best = _in_the_middle(bed, turns)
    if turns and len(best) < most:
        table = Table(turns, bed, gap_mm)
        for first, allowed, by_area in _starts(turns):
            found = table.lay(chain([[first]], repeat(allowed, most - 1)), by_area=by_area)
            if len(found) > len(best):
                best = tuple(placement for _, placement in found)
            if len(best) >= most or table.steps >= _STEPS:
                break
    return Layout(bed=bed, placements=best)


def centred(shadow: Shadow, layout: Layout, copies: int) -> Layout:
    """Return the first `copies` of a layout, moved together to the middle of the bed.

    On a bed that is round or has zones they are moved as far as they stay free.

    `shadow` may be the part's footprint or its hull.
    """
    chosen = layout.placements[:copies]
    x0, y0, x1, y1 = shapely.total_bounds([placed(shadow, each) for each in chosen])
    move_x, move_y = (layout.bed.x_mm - x0 - x1) / 2, (layout.bed.y_mm - y0 - y1) / 2
    for way in _WAYS:
        moved = tuple(
            replace(
                each,
                x_mm=round(each.x_mm + move_x * way, 3),
                y_mm=round(each.y_mm + move_y * way, 3),
            )
            for each in chosen
        )
        if layout.bed.is_plain or _stays_free(shadow, moved, layout.bed):
            return replace(layout, placements=moved)
    return replace(layout, placements=chosen)


def _stays_free(shadow: Shadow, placements: Sequence[Placement], bed: Bed) -> bool:
    room, margin = Room(bed), -bed.margin_mm
    for each in placements:
        lies = affinity.translate(placed(shadow, each), margin, margin)
        x0, y0, x1, y1 = lies.bounds
        # By its box, so that a hull says what the footprint says.
        if not room.is_round_enough(lies) or not room.is_off_zones(x0, y0, (x1 - x0, y1 - y0)):
            return False
    return True


def _in_the_middle(bed: Bed, turns: Sequence[Turn]) -> tuple[Placement, ...]:
    """One copy in the middle of a round bed, which the raster may miss by a part of a cell."""
    room = Room(bed)
    if room.radius is None:
        return ()
    for turn in turns:
        circle = shapely.minimum_bounding_circle(turn.shadow).centroid
        box = shapely.box(*turn.shadow.bounds).centroid
        for middle in (circle, box):
            move = room.radius - middle.x, room.radius - middle.y
            if room.holds(affinity.translate(turn.shadow, *move)):
                return (
                    Placement(
                        angle_deg=float(turn.angle_deg),
                        x_mm=round(move[0] - turn.corner[0] + bed.margin_mm, 3),
                        y_mm=round(move[1] - turn.corner[1] + bed.margin_mm, 3),
                    ),
                )
    return ()


def _in_boxes(shadow: Shadow, bed: Bed, gap_mm: float) -> tuple[Placement, ...]:
    """Copies as if they were boxes: rows of one way to lie, then rows of the other beside them.

    The raster wastes part of a cell for each copy, so that small parts which fill their box do
    better without it.
    """
    room = Room(bed)
    best: list[tuple[int, float, float]] = []
    for turned in (False, True):
        best = max(best, _in_circle(shadow, room, gap_mm, turned=turned), key=len)
    for across in (False, True):
        for turned in (False, True):
            rows = _two_blocks(shadow, room, gap_mm, across=across, turned=turned)
            best = max(best, rows, key=len)
    corners = {angle: affinity.rotate(shadow, angle, origin=(0, 0)).bounds for angle in (0, 90)}
    return tuple(
        Placement(
            angle_deg=float(angle),
            x_mm=round(x + bed.margin_mm - corners[angle][0], 3),
            y_mm=round(y + bed.margin_mm - corners[angle][1], 3),
        )
        for angle, x, y in best
    )


def _two_blocks(
    shadow: Shadow, room: Room, gap_mm: float, *, across: bool, turned: bool
) -> list[tuple[int, float, float]]:
    """The fullest two blocks of boxes, as angle and corner; `across`: the blocks divide the depth."""
    x0, y0, x1, y1 = shadow.bounds
    size = (y1 - y0, x1 - x0) if turned else (x1 - x0, y1 - y0)
    length, width = room.size
    if across:
        length, width = width, length
        size = size[::-1]
    best: list[tuple[int, float, float]] = []
    for first in range(_fits(length, size[0], gap_mm) + 1):
        used = first * (size[0] + gap_mm)
        found = [
            *_block(turned, 0.0, first, _fits(width, size[1], gap_mm), size, gap_mm),
            *_block(
                not turned, used, _fits(length - used, size[1], gap_mm),
                _fits(width, size[0], gap_mm), size[::-1], gap_mm,
            ),
        ]  # fmt: skip
        if across:
            found = [(angle, y, x) for angle, x, y in found]
        best = max(best, _free(found, shadow, room), key=len)
    return best


def _free(
    boxes: list[tuple[int, float, float]], shadow: Shadow, room: Room
) -> list[tuple[int, float, float]]:
    if room.is_plain:
        return boxes
    x0, y0, x1, y1 = shadow.bounds
    size, turned = (x1 - x0, y1 - y0), (y1 - y0, x1 - x0)
    return [(a, x, y) for a, x, y in boxes if room.holds_box(x, y, turned if a else size)]


def _in_circle(
    shadow: Shadow, room: Room, gap_mm: float, *, turned: bool
) -> list[tuple[int, float, float]]:
    """The fullest rows of boxes on a round bed, each as long as the circle is wide there."""
    if room.radius is None:
        return []
    x0, y0, x1, y1 = shadow.bounds
    wide, deep = (y1 - y0, x1 - x0) if turned else (x1 - x0, y1 - y0)
    most = _fits(room.size[1], deep, gap_mm)
    best: list[tuple[int, float, float]] = []
    for rows in (most, most - 1):  # a row across the middle, or a gap there
        found: list[tuple[int, float, float]] = []
        for row in range(rows):
            y = room.radius - (rows * (deep + gap_mm) - gap_mm) / 2 + row * (deep + gap_mm)
            away = max(room.radius - y, y + deep - room.radius)
            chord = 2 * math.sqrt(max(0.0, room.radius**2 - away**2))
            columns = _fits(chord, wide, gap_mm)
            x = room.radius - (columns * (wide + gap_mm) - gap_mm) / 2
            found += _block(turned, x, columns, 1, (wide, deep), gap_mm, y)
        best = max(best, _free(found, shadow, room), key=len)
    return best


def _block(
    turned: bool,  # noqa: FBT001
    start: float,
    columns: int,
    rows: int,
    size: tuple[float, float],
    gap_mm: float,
    low: float = 0.0,
) -> list[tuple[int, float, float]]:
    return [
        (90 if turned else 0, start + column * (size[0] + gap_mm), low + row * (size[1] + gap_mm))
        for column in range(columns)
        for row in range(rows)
    ]


def _fits(length: float, size: float, gap_mm: float) -> int:
    """How many boxes of a size lie in a row."""
    return max(0, math.floor((length + gap_mm) / (size + gap_mm) + 1e-6))


def _most(shadow: Shadow, room: Room, gap_mm: float, limit: int | None) -> int:
    """A number of copies that cannot be beaten: the area of copies with half the gap around them."""
    most = int(widest_mm2(room, gap_mm) / shadow.buffer(gap_mm / 2, quad_segs=4).area)
    return most if limit is None else min(most, limit)


def widest_mm2(room: Room, gap_mm: float) -> float:
    """Return the area in which shadows lie that are grown by half the gap."""
    width, depth = room.size
    if room.radius is not None:
        return float(math.pi * (room.radius + gap_mm / 2) ** 2)
    return (width + gap_mm) * (depth + gap_mm)


def _starts(turns: Sequence[Turn]) -> Iterator[tuple[int, list[int], bool]]:
    """The first copy's turn, the turns that the others may have, and how to choose among places.

    Square to one another first, which suits parts that fill their box; then any turn, which suits
    parts that lie in one another.
    """
    everything = list(range(len(turns)))
    for first, turn in enumerate(turns):
        square = [n for n in everything if (turns[n].angle_deg - turn.angle_deg) % 90 == 0]
        yield first, square, False
        yield first, square, True
    for first in everything:
        yield first, everything, False
        yield first, everything, True
