"""Lays as many copies of one part on a bed as fit. Pure: shadows in, placements out.

The nester works on a raster of 1 mm: where a turned shadow would meet the copies that lie already
is one correlation, computed for all turns at once by FFT. What the raster proposes is checked
exactly with shapely before it is taken. Several starts are tried within a fixed number of steps,
never within a time, so that the same part on the same bed gives the same layout on any machine.

Leaves reading meshes to `designs.mesh` and writing plates to `designs.plate_file`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon

from designs.model import Bed, Layout, Placement

#: Every shadow is grown by this much, so that rounding its outline never shrinks it.
_GROW_MM = 0.05
_CELL_MM = 1.0
_TURN_DEG = 15
#: Correlations that one nest may cost, each of one turn with one bed; some 1 ms each at 250 mm.
_STEPS = 2000
#: Proposals of the raster that may fail the exact check, one after another, before a turn is given up.
_PROPOSALS = 4

Shadow: TypeAlias = Polygon | MultiPolygon


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
    turns = _turns(shadow, bed, gap_mm)
    most = _most(shadow, bed, gap_mm, limit)
    best = _in_boxes(shadow, bed, gap_mm)[:most]
    if turns and len(best) < most:
        table = _Table(turns, bed, gap_mm)
        for first, allowed, by_area in _starts(turns):
            found = table.fill(first, allowed, most, by_area=by_area)
            if len(found) > len(best):
                best = found
            if len(best) >= most or table.steps >= _STEPS:
                break
    return Layout(bed=bed, placements=best)


def centred(shadow: Shadow, layout: Layout, copies: int) -> Layout:
    """Return the first `copies` of a layout, moved together to the middle of the bed.

    `shadow` may be the part's footprint or its hull.
    """
    chosen = layout.placements[:copies]
    x0, y0, x1, y1 = shapely.total_bounds([placed(shadow, each) for each in chosen])
    move_x, move_y = (layout.bed.x_mm - x0 - x1) / 2, (layout.bed.y_mm - y0 - y1) / 2
    moved = (
        replace(each, x_mm=round(each.x_mm + move_x, 3), y_mm=round(each.y_mm + move_y, 3))
        for each in chosen
    )
    return replace(layout, placements=tuple(moved))


def _in_boxes(shadow: Shadow, bed: Bed, gap_mm: float) -> tuple[Placement, ...]:
    """Copies as if they were boxes: rows of one way to lie, then rows of the other beside them.

    The raster wastes part of a cell for each copy, so that small parts which fill their box do
    better without it.
    """
    best: list[tuple[int, float, float]] = []
    for across in (False, True):
        for turned in (False, True):
            rows = _two_blocks(shadow, bed, gap_mm, across=across, turned=turned)
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
    shadow: Shadow, bed: Bed, gap_mm: float, *, across: bool, turned: bool
) -> list[tuple[int, float, float]]:
    """The fullest two blocks of boxes, as angle and corner; `across`: the blocks divide the depth."""
    x0, y0, x1, y1 = shadow.bounds
    size = (y1 - y0, x1 - x0) if turned else (x1 - x0, y1 - y0)
    length, width = _room(bed)
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
        best = max(best, found, key=len)
    return [(angle, y, x) for angle, x, y in best] if across else best


def _block(
    turned: bool,  # noqa: FBT001
    start: float,
    columns: int,
    rows: int,
    size: tuple[float, float],
    gap_mm: float,
) -> list[tuple[int, float, float]]:
    return [
        (90 if turned else 0, start + column * (size[0] + gap_mm), row * (size[1] + gap_mm))
        for column in range(columns)
        for row in range(rows)
    ]


def _fits(length: float, size: float, gap_mm: float) -> int:
    """How many boxes of a size lie in a row."""
    return max(0, math.floor((length + gap_mm) / (size + gap_mm) + 1e-6))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """The shadow turned by an angle, its lowest corner moved to the origin."""

    angle_deg: int
    shadow: Shadow
    corner: tuple[float, float]  # where the lowest corner was before the move
    size: tuple[float, float]
    solid: NDArray[np.float32]  # raster [y, x] of the shadow
    fat: NDArray[np.float32]  # raster of the shadow and the gap around it
    fat_cells: int  # how many cells the fat raster begins before the solid one


def _turns(shadow: Shadow, bed: Bed, gap_mm: float) -> list[_Turn]:
    """All turns at which one copy fits on the bed."""
    room = _room(bed)
    turns = []
    for angle in range(0, 360, _TURN_DEG):
        turned = affinity.rotate(shadow, angle, origin=(0, 0))
        x0, y0, x1, y1 = turned.bounds
        if x1 - x0 > room[0] or y1 - y0 > room[1]:
            continue
        at_origin = affinity.translate(turned, -x0, -y0)
        border = math.ceil(gap_mm / _CELL_MM)
        turns.append(
            _Turn(
                angle_deg=angle,
                shadow=at_origin,
                corner=(x0, y0),
                size=(x1 - x0, y1 - y0),
                solid=_raster(at_origin, 0),
                fat=_raster(at_origin.buffer(gap_mm, quad_segs=4), border),
                fat_cells=border,
            )
        )
    # The square ways to lie come first, then the others.
    return sorted(turns, key=lambda turn: (turn.angle_deg % 90 != 0, turn.angle_deg))


def _raster(shape: Shadow, border: int) -> NDArray[np.float32]:
    """Draw a shape whose lowest corner lies at (-border, -border) cells or above."""
    _, _, x1, y1 = shape.bounds
    size = (math.ceil(x1 / _CELL_MM) + 2 * border + 1, math.ceil(y1 / _CELL_MM) + 2 * border + 1)
    image = Image.new("L", size, 0)
    draw = ImageDraw.Draw(image)
    for polygon in shapely.get_parts(shape):
        draw.polygon(_cells(polygon.exterior.coords, border), fill=1, outline=1)
        for hole in polygon.interiors:
            draw.polygon(_cells(hole.coords, border), fill=0, outline=1)
    return np.asarray(image, dtype=np.float32)


def _cells(points: Sequence[tuple[float, ...]], border: int) -> list[tuple[float, float]]:
    # Pillow's pixel centres lie at whole numbers.
    shift = border - 0.5
    return [(x / _CELL_MM + shift, y / _CELL_MM + shift) for x, y, *_ in points]


def _most(shadow: Shadow, bed: Bed, gap_mm: float, limit: int | None) -> int:
    """A number of copies that cannot be beaten: the area of copies with half the gap around them."""
    width, depth = _room(bed)
    around = shadow.buffer(gap_mm / 2, quad_segs=4).area
    most = int((width + gap_mm) * (depth + gap_mm) / around)
    return most if limit is None else min(most, limit)


def _room(bed: Bed) -> tuple[float, float]:
    return bed.x_mm - 2 * bed.margin_mm, bed.y_mm - 2 * bed.margin_mm


def _starts(turns: list[_Turn]) -> Iterator[tuple[int, list[int], bool]]:
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


def _fourier() -> Any:
    # With the first nest: it takes a process a quarter of a second, and few of them nest.
    from scipy import fft  # noqa: PLC0415

    return fft


class _Table:
    """One bed and the turned shadows, ready to be filled again and again."""

    def __init__(self, turns: list[_Turn], bed: Bed, gap_mm: float) -> None:
        self.steps = 0
        self._turns = turns
        self._bed = bed
        self._gap_mm = gap_mm
        self._room = _room(bed)
        self._fft = _fourier()
        # A raster may stick out of the bed by a part of a cell; the exact size decides there.
        cells = [math.ceil(side / _CELL_MM) + 2 for side in self._room]
        self._shape = (
            self._fft.next_fast_len(cells[1], real=True),
            self._fft.next_fast_len(cells[0], real=True),
        )
        solids = np.zeros((len(turns), *self._shape), np.float32)
        for plane, turn in zip(solids, turns, strict=True):
            height, width = turn.solid.shape
            plane[:height, :width] = turn.solid[: self._shape[0], : self._shape[1]]
        self._solids = self._fft.rfft2(solids).conj()

    def fill(
        self, first: int, allowed: list[int], most: int, *, by_area: bool
    ) -> tuple[Placement, ...]:
        """Place the first copy turned as told, then others wherever they fit best."""
        taken = np.zeros(self._shape, np.float32)
        shadows: list[Shadow] = []
        places: list[Placement] = []
        at: tuple[int, int, int] | None = (first, 0, 0)
        while at is not None:
            number, row, column = at
            turn = self._turns[number]
            shadows.append(self._shadow(turn, row, column))
            places.append(self._placement(turn, row, column))
            if len(places) == most:
                break
            self._occupy(taken, turn, row, column)
            at = self._next(taken, shadows, allowed, by_area=by_area)
        return tuple(places)

    def _next(
        self,
        taken: NDArray[np.float32],
        shadows: list[Shadow],
        allowed: list[int],
        *,
        by_area: bool,
    ) -> tuple[int, int, int] | None:
        self.steps += len(allowed)
        seen = self._fft.rfft2(taken)[None] * self._solids[allowed]
        hits = self._fft.irfft2(seen, s=self._shape)
        choices = []
        for plane, number in zip(hits, allowed, strict=True):
            turn = self._turns[number]
            rows = int((self._room[1] - turn.size[1]) / _CELL_MM) + 1
            columns = int((self._room[0] - turn.size[0]) / _CELL_MM) + 1
            free_rows, free_columns = np.nonzero(plane[:rows, :columns] < 0.5)  # noqa: PLR2004
            tops = free_rows * _CELL_MM + turn.size[1]
            rights = free_columns * _CELL_MM + turn.size[0]
            score = tops * rights if by_area else tops + rights * 1e-3
            for index in np.argsort(score, kind="stable")[:_PROPOSALS]:
                row, column = int(free_rows[index]), int(free_columns[index])
                choices.append((float(score[index]), number, row, column))
        for _, number, row, column in sorted(choices):
            shadow = self._shadow(self._turns[number], row, column)
            if not shapely.dwithin(shadow, shadows, self._gap_mm).any():
                return number, row, column
        return None

    def _occupy(self, taken: NDArray[np.float32], turn: _Turn, row: int, column: int) -> None:
        height, width = turn.fat.shape
        y0, x0 = row - turn.fat_cells, column - turn.fat_cells
        y1, x1 = min(y0 + height, self._shape[0]), min(x0 + width, self._shape[1])
        cut_y, cut_x = max(0, -y0), max(0, -x0)
        part = turn.fat[cut_y : y1 - y0, cut_x : x1 - x0]
        area = taken[y0 + cut_y : y1, x0 + cut_x : x1]
        np.maximum(area, part, out=area)

    def _shadow(self, turn: _Turn, row: int, column: int) -> Shadow:
        return affinity.translate(turn.shadow, column * _CELL_MM, row * _CELL_MM)

    def _placement(self, turn: _Turn, row: int, column: int) -> Placement:
        margin = self._bed.margin_mm
        return Placement(
            angle_deg=float(turn.angle_deg),
            x_mm=round(column * _CELL_MM - turn.corner[0] + margin, 3),
            y_mm=round(row * _CELL_MM - turn.corner[1] + margin, 3),
        )
