"""As many copies of one part as fit on a bed. Pure: a footprint and a bed in, a layout out.

A raster nester: the part's shadow is drawn on a grid in several turns, and one Fourier transform
finds all places where it collides with nothing. What it finds is checked again exactly. The same
input gives the same layout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import fft
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from designs.model import Bed, Layout, Placement

_GRIDS = ((2.0, 15), (1.0, 90))  # cell in mm, step of the turns in degrees
_MOST = 200


@dataclass(frozen=True, slots=True)
class _Turned:
    """The part in one turn: its mask, the same with the gap around it, and where its cells lie."""

    angle_deg: float
    shape: BaseGeometry
    solid: NDArray[np.bool_]
    grown: NDArray[np.bool_]
    grown_offset: tuple[int, int]  # rows and columns that the grown mask reaches further down, left
    origin_mm: tuple[float, float]  # of the solid mask's cell (0, 0), in the turned part's frame


def pack(footprint: BaseGeometry, bed: Bed, *, gap_mm: float = 2.0) -> Layout:
    """Return the fullest layout found; no placement at all when not one copy fits.

    Args:
        footprint: the part's shadow, in mm, in the mesh's own frame.
        bed: copies lie inside its margin, at least `gap_mm` apart.
    """
    best: tuple[Placement, ...] = ()
    shape = footprint.simplify(0.1)
    for cell_mm, step in _GRIDS:
        turns = _turn_all(shape, bed, gap_mm, cell_mm, step)
        room = box(0, 0, *_room(bed)).area
        most = min(_MOST, int(room // shape.area))
        for first in turns:
            if len(best) >= most:
                break
            found = _exact(_nest(turns, first, bed, cell_mm), shape, bed, gap_mm)
            if len(found) > len(best):
                best = found
    return Layout(bed=bed, placements=best)


def _room(bed: Bed) -> tuple[float, float]:
    return bed.x_mm - 2 * bed.margin_mm, bed.y_mm - 2 * bed.margin_mm


def _turn_all(
    shape: BaseGeometry, bed: Bed, gap_mm: float, cell_mm: float, step: int
) -> list[_Turned]:
    width, depth = _room(bed)
    turns = []
    for angle in range(0, 360, step):
        turned = affinity.rotate(shape, angle, origin=(0, 0))
        x0, y0, x1, y1 = turned.bounds
        if x1 - x0 > width or y1 - y0 > depth:
            continue
        solid, origin = _draw(turned, cell_mm)
        grown, far = _draw(turned.buffer(gap_mm, quad_segs=4), cell_mm)
        offset = (round((origin[1] - far[1]) / cell_mm), round((origin[0] - far[0]) / cell_mm))
        turns.append(_Turned(float(angle), turned, solid, grown, offset, origin))
    return turns


def _draw(shape: BaseGeometry, cell_mm: float) -> tuple[NDArray[np.bool_], tuple[float, float]]:
    """Return the cells that the shape touches, and the frame's position of cell (0, 0)."""
    x0, y0, x1, y1 = shape.bounds
    columns = int(np.ceil((x1 - x0) / cell_mm)) or 1
    rows = int(np.ceil((y1 - y0) / cell_mm)) or 1
    x, y = np.meshgrid(x0 + np.arange(columns) * cell_mm, y0 + np.arange(rows) * cell_mm)
    cells = shapely.box(x, y, x + cell_mm, y + cell_mm)
    shapely.prepare(shape)
    return shapely.intersects(shape, cells), (x0, y0)


def _nest(turns: list[_Turned], first: _Turned, bed: Bed, cell_mm: float) -> list[Placement]:
    """Put copies into the lowest free corner, one after another, beginning with one turn."""
    width, depth = _room(bed)
    columns, rows = int(width / cell_mm), int(depth / cell_mm)
    taken = np.zeros((rows, columns), dtype=bool)
    placed: list[Placement] = []
    size = (fft.next_fast_len(2 * rows, real=True), fft.next_fast_len(2 * columns, real=True))
    masks = {t.angle_deg: np.conj(fft.rfft2(t.solid.astype(np.float32), size)) for t in turns}
    while len(placed) < _MOST:
        bed_mask = fft.rfft2(taken.astype(np.float32), size)
        choice: tuple[float, int, int, _Turned] | None = None
        for turned in turns if placed else [first]:
            spot = _lowest(turned, bed_mask * masks[turned.angle_deg], size, (rows, columns))
            if spot is not None and (choice is None or spot[0] < choice[0]):
                choice = (*spot, turned)
        if choice is None:
            return placed
        _, row, column, turned = choice
        placed.append(
            Placement(
                angle_deg=turned.angle_deg,
                x_mm=round(column * cell_mm - turned.origin_mm[0] + bed.margin_mm, 3),
                y_mm=round(row * cell_mm - turned.origin_mm[1] + bed.margin_mm, 3),
            )
        )
        _take(taken, turned, row, column)
    return placed


def _lowest(
    turned: _Turned, product: NDArray[np.complex64], size: tuple[int, int], bed: tuple[int, int]
) -> tuple[float, int, int] | None:
    """Return the free spot whose far corner lies lowest, then leftmost."""
    high, wide = turned.solid.shape
    free_rows, free_columns = bed[0] - high + 1, bed[1] - wide + 1
    if free_rows < 1 or free_columns < 1:
        return None
    hits = fft.irfft2(product, size)[:free_rows, :free_columns]
    rows, columns = np.nonzero(hits < 0.5)  # noqa: PLR2004 - counts of cells, with rounding
    if len(rows) == 0:
        return None
    key = (rows + high) + (columns + wide) * 1e-3
    at = int(np.argmin(key))
    return float(key[at]), int(rows[at]), int(columns[at])


def _take(taken: NDArray[np.bool_], turned: _Turned, row: int, column: int) -> None:
    down, left = turned.grown_offset
    row, column = row - down, column - left
    high, wide = turned.grown.shape
    r0, c0 = max(0, row), max(0, column)
    r1, c1 = min(taken.shape[0], row + high), min(taken.shape[1], column + wide)
    taken[r0:r1, c0:c1] |= turned.grown[r0 - row : r1 - row, c0 - column : c1 - column]


def outline(footprint: BaseGeometry, placement: Placement) -> BaseGeometry:
    """Return a footprint where a placement puts it."""
    turned = affinity.rotate(footprint, placement.angle_deg, origin=(0, 0))
    return affinity.translate(turned, placement.x_mm, placement.y_mm)


def _exact(
    placed: list[Placement], shape: BaseGeometry, bed: Bed, gap_mm: float
) -> tuple[Placement, ...]:
    """Keep what lies inside the bed and keeps its distance, checked without a grid."""
    margin = bed.margin_mm
    room: Polygon = box(margin, margin, bed.x_mm - margin, bed.y_mm - margin).buffer(1e-6)
    kept: list[tuple[Placement, BaseGeometry]] = []
    for placement in placed:
        mine = outline(shape, placement)
        if room.contains(mine) and all(mine.distance(other) >= gap_mm - 0.05 for _, other in kept):
            kept.append((placement, mine))
    return tuple(placement for placement, _ in kept)


def centred(footprint: BaseGeometry, layout: Layout, copies: int) -> Layout:
    """Return a layout of fewer copies, moved to the middle of the bed.

    Raises:
        ValueError: the layout holds fewer copies.
    """
    if not 1 <= copies <= len(layout.placements):
        raise ValueError(f"{copies} copies of a layout of {len(layout.placements)}")
    chosen = layout.placements[:copies]
    boxes = np.array([outline(footprint, placement).bounds for placement in chosen])
    x = (layout.bed.x_mm - boxes[:, 0].min() - boxes[:, 2].max()) / 2
    y = (layout.bed.y_mm - boxes[:, 1].min() - boxes[:, 3].max()) / 2
    moved = tuple(
        Placement(angle_deg=p.angle_deg, x_mm=round(p.x_mm + x, 3), y_mm=round(p.y_mm + y, 3))
        for p in chosen
    )
    return Layout(bed=layout.bed, placements=moved)
