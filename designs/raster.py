"""Shadows on a raster of 1 mm, and where a turned one would meet what lies there. Pure.

Where a turned shadow would meet the copies that lie already is one correlation, computed for all
turns at once by FFT. What the raster proposes is checked exactly with shapely before it is taken.

Leaves how many copies to lay, and in what order, to `designs.packing` and `designs.kit_packing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon

from designs.model import Bed, Placement
from designs.room import Room

_CELL_MM = 1.0
_TURN_DEG = 15
#: Proposals of the raster that may fail the exact check, one after another, before a turn is given up.
_PROPOSALS = 4

Shadow: TypeAlias = Polygon | MultiPolygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The shadow turned by an angle, its lowest corner moved to the origin."""

    angle_deg: int
    shadow: Shadow
    corner: tuple[float, float]  # where the lowest corner was before the move
    size: tuple[float, float]
    solid: NDArray[np.float32]  # raster [y, x] of the shadow
    fat: NDArray[np.float32]  # raster of the shadow and the gap around it
    fat_cells: int  # how many cells the fat raster begins before the solid one


def turns_of(shadow: Shadow, room: Room, gap_mm: float) -> list[Turn]:
    """Return all turns at which the box around one copy fits into the room."""
    turns = []
    for angle in range(0, 360, _TURN_DEG):
        turned = affinity.rotate(shadow, angle, origin=(0, 0))
        x0, y0, x1, y1 = turned.bounds
        if x1 - x0 > room.size[0] or y1 - y0 > room.size[1]:
            continue
        at_origin = affinity.translate(turned, -x0, -y0)
        border = math.ceil(gap_mm / _CELL_MM)
        turns.append(
            Turn(
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


def _fourier() -> Any:
    # With the first nest: it takes a process a quarter of a second, and few of them nest.
    from scipy import fft  # noqa: PLC0415

    return fft


class Table:
    """One bed and the turned shadows, ready to be filled again and again."""

    def __init__(self, turns: Sequence[Turn], bed: Bed, gap_mm: float) -> None:
        self.steps = 0  # correlations so far, each of one turn with the bed
        self._turns = turns
        self._bed = bed
        self._gap_mm = gap_mm
        self._room = Room(bed)
        self._fft = _fourier()
        # A raster may stick out of the bed by a part of a cell; the exact size decides there.
        cells = [math.ceil(side / _CELL_MM) + 2 for side in self._room.size]
        self._shape = (
            self._fft.next_fast_len(cells[1], real=True),
            self._fft.next_fast_len(cells[0], real=True),
        )
        solids = np.zeros((len(turns), *self._shape), np.float32)
        for plane, turn in zip(solids, turns, strict=True):
            height, width = turn.solid.shape
            plane[:height, :width] = turn.solid[: self._shape[0], : self._shape[1]]
        self._solids = self._fft.rfft2(solids).conj()

    def lay(
        self, wanted: Iterable[Sequence[int]], *, by_area: bool
    ) -> tuple[tuple[int, Placement], ...]:
        """Place one shadow after the other where it fits best, until one does not fit.

        Args:
            wanted: for each, the turns that it may have, by their numbers.
            by_area: how to choose among places: nearest to the corner, or lowest.

        Returns:
            The turn and the placement of each.
        """
        taken = self._room.taken(self._shape, _CELL_MM)
        shadows: list[Shadow] = []
        places: list[tuple[int, Placement]] = []
        for allowed in wanted:
            at: tuple[int, int, int] | None
            if not shadows and len(allowed) == 1 and self._room.is_plain:
                at = (allowed[0], 0, 0)
            else:
                at = self._next(taken, shadows, allowed, by_area=by_area)
            if at is None:
                break
            number, row, column = at
            turn = self._turns[number]
            shadows.append(self._shadow(turn, row, column))
            places.append((number, self._placement(turn, row, column)))
            self._occupy(taken, turn, row, column)
        return tuple(places)

    def _next(
        self,
        taken: NDArray[np.float32],
        shadows: list[Shadow],
        allowed: Sequence[int],
        *,
        by_area: bool,
    ) -> tuple[int, int, int] | None:
        self.steps += len(allowed)
        seen = self._fft.rfft2(taken)[None] * self._solids[list(allowed)]
        hits = self._fft.irfft2(seen, s=self._shape)
        choices = []
        for plane, number in zip(hits, allowed, strict=True):
            turn = self._turns[number]
            rows = int((self._room.size[1] - turn.size[1]) / _CELL_MM) + 1
            columns = int((self._room.size[0] - turn.size[0]) / _CELL_MM) + 1
            free_rows, free_columns = np.nonzero(plane[:rows, :columns] < 0.5)  # noqa: PLR2004
            tops = free_rows * _CELL_MM + turn.size[1]
            rights = free_columns * _CELL_MM + turn.size[0]
            score = tops * rights if by_area else tops + rights * 1e-3
            for index in np.argsort(score, kind="stable")[:_PROPOSALS]:
                row, column = int(free_rows[index]), int(free_columns[index])
                choices.append((float(score[index]), number, row, column))
        for _, number, row, column in sorted(choices):
            shadow = self._shadow(self._turns[number], row, column)
            if not self._room.is_plain and not self._room.holds(shadow):
                continue
            if not shadows or not shapely.dwithin(shadow, shadows, self._gap_mm).any():
                return number, row, column
        return None

    def _occupy(self, taken: NDArray[np.float32], turn: Turn, row: int, column: int) -> None:
        height, width = turn.fat.shape
        y0, x0 = row - turn.fat_cells, column - turn.fat_cells
        y1, x1 = min(y0 + height, self._shape[0]), min(x0 + width, self._shape[1])
        cut_y, cut_x = max(0, -y0), max(0, -x0)
        part = turn.fat[cut_y : y1 - y0, cut_x : x1 - x0]
        area = taken[y0 + cut_y : y1, x0 + cut_x : x1]
        np.maximum(area, part, out=area)

    def _shadow(self, turn: Turn, row: int, column: int) -> Shadow:
        return affinity.translate(turn.shadow, column * _CELL_MM, row * _CELL_MM)

    def _placement(self, turn: Turn, row: int, column: int) -> Placement:
        margin = self._bed.margin_mm
        return Placement(
            angle_deg=float(turn.angle_deg),
            x_mm=round(column * _CELL_MM - turn.corner[0] + margin, 3),
            y_mm=round(row * _CELL_MM - turn.corner[1] + margin, 3),
        )
