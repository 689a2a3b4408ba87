"""Pictures: a part as a small PNG, and a plate as the path of an SVG. Pure: triangles in, bytes out.

The part is drawn with a depth buffer in numpy, row by row of every triangle, so that neither a
graphics card nor a display is needed and the same mesh gives the same bytes. Surfaces that meet at
a blunt angle are shaded as one, which hides the facets of a round wall; the background is
transparent, and the colour is one that stands out on white and on black.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from designs.model import Layout
from designs.packing import placed
from designs.raster import Shadow

#: Grows when pictures are drawn otherwise: older ones are then drawn again.
PICTURE_FORMAT = 1
SIZE = (320, 240)

_FINER = 3  # each pixel is the mean of as many by as many
_FILL = 0.94  # of the picture, by the part
_SEEN_FROM_DEG = 42.0, -62.0  # how far above, and how far round from the right, the viewer stands
COLOUR = (0.93, 0.48, 0.17)
_MARK = (200, 0, 40, 255)
#: Of a mark and of the white around it, in pixels: a picture is shown at half its size on a phone.
_MARK_WIDE, _AROUND_WIDE = 4, 8
_COLOURS, _RIM_STEPS = 96, 8  # of a PNG's palette
_SMOOTH_COS = 0.80  # surfaces that meet at less than 37 degrees are shaded as one
_MOST_AROUND = 64  # triangles around a corner that are smoothed; more make a fan, which is flat
#: Triangles, and pixels around them; bounds the memory.
_AT_ONCE, _PIXELS_AT_ONCE = 200_000, 4_000_000
_WORTH_DRAWING_MM = 0.15  # of a plate's outlines

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What is seen: for each pixel the triangle in front and where on it; -1 is background."""

    triangle: _Int  # (height, width)
    depth: _Float  # in pixels; small is near
    corners: _Float  # (n, 3, 3) of all triangles, as x, y (down), depth in pixels
    axes: _Float  # rows: right, up, towards the viewer
    middle: _Float  # of the part, along the axes
    scale: float  # pixels a mm

    def pixels(self, points_mm: _Float) -> _Float:
        """Return where points are seen, shape (n, 2)."""
        height, width = self.triangle.shape
        flat = (points_mm @ self.axes.T - self.middle) * self.scale
        seen: _Float = flat[:, :2] * np.array([1.0, -1.0]) + np.array([width, height]) / 2
        return seen


def draw(
    triangles: NDArray[np.float32],
    size: tuple[int, int] = SIZE,
    marks_mm: Sequence[Sequence[float]] = (),
) -> bytes:
    """Return the PNG of a mesh; `triangles` has the shape (n, 3, 3), in mm, n > 0.

    Takes some 0.2 s, and some seconds where there are a million triangles.

    Args:
        triangles: of a closed surface; of one with gaps, the inside is drawn too where `marks_mm` tells.
        size: width and height in pixels.
        marks_mm: lines, each from x y z to x y z, drawn in front of everything.
    """
    fine = size[0] * _FINER, size[1] * _FINER
    view = _look(triangles.astype(np.float64), fine, _SEEN_FROM_DEG, inside=bool(marks_mm))
    colours = np.broadcast_to(COLOUR, (len(triangles), 3))
    whole = _shaded(triangles, view, colours, _hollows(view))
    if marks_mm:
        _mark(whole, view.pixels(np.asarray(marks_mm, np.float64).reshape(-1, 3)))
    return _png(whole.resize(size, Image.Resampling.BOX))


def draw_things(
    triangles: NDArray[np.float32],
    colours: _Float,
    size: tuple[int, int],
    seen_from_deg: tuple[float, float],
) -> Image.Image:
    """Return the RGBA picture of several closed bodies, each in its colour; sooner drawn than by `draw`.

    Args:
        triangles: shape (n, 3, 3), in mm, n > 0.
        colours: shape (n, 3), each from 0 to 1.
        size: width and height in pixels.
        seen_from_deg: how far above, and how far round from the right, the viewer stands.
    """
    fine = size[0] * _FINER, size[1] * _FINER
    view = _look(triangles.astype(np.float64), fine, seen_from_deg, inside=False)
    whole = _shaded(triangles, view, colours, np.ones(view.triangle.shape))
    return whole.resize(size, Image.Resampling.BOX)


def _shaded(
    triangles: NDArray[np.float32], view: _View, colours: _Float, left: _Float
) -> Image.Image:
    """Return what is seen in its light; `left` is how much of that each pixel gets."""
    rows, columns = np.nonzero(view.triangle >= 0)
    seen = view.triangle[rows, columns]
    normals = _normals(triangles, view, seen, rows, columns)
    light = _light(normals, view.axes) * left[rows, columns]
    image = np.zeros((*view.triangle.shape, 4), np.uint8)
    colour = light[:, None] * colours[seen]
    # What is brighter than the colour can be turns towards white.
    colour += np.clip(light - 1.0, 0.0, None)[:, None] * 0.7
    image[rows, columns, :3] = np.rint(np.clip(colour, 0.0, 1.0) * 255)
    image[rows, columns, 3] = 255
    return Image.fromarray(image, "RGBA")


def _png(image: Image.Image) -> bytes:
    """Return a PNG with a palette, a third of the bytes: of one hue nearly, so that few colours are smooth.

    Its rim, where the background shines through, is of one colour.
    """
    data = np.asarray(image)
    alpha = data[..., 3]
    solid = alpha == 255  # noqa: PLR2004
    rim = data[(alpha > 0) & ~solid][:, :3]
    # Colours behind the rim and beside the part take no place in the palette.
    usual = data[solid][0, :3] if solid.any() else np.zeros(3, np.uint8)
    shown = Image.fromarray(np.where(solid[..., None], data[..., :3], usual), "RGB")
    few = shown.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    steps = np.rint(alpha / 255 * _RIM_STEPS).astype(np.uint8)
    index = np.where(solid, np.asarray(few), _COLOURS + np.minimum(steps, _RIM_STEPS - 1))
    made = Image.fromarray(index.astype(np.uint8), "P")
    mean = rim.mean(axis=0) if len(rim) else np.zeros(3)
    told = (few.getpalette() or [])[: 3 * _COLOURS]
    made.putpalette(
        told + [0] * (3 * _COLOURS - len(told)) + np.rint(mean).astype(int).tolist() * _RIM_STEPS
    )
    through = bytes(round(255 * step / _RIM_STEPS) for step in range(_RIM_STEPS))
    out = io.BytesIO()
    made.save(out, "PNG", optimize=True, transparency=b"\xff" * _COLOURS + through)
    return out.getvalue()


def _mark(image: Image.Image, ends: _Float) -> None:
    """Draw lines that stand out on the part and beside it: red within white."""
    pen = ImageDraw.Draw(image)
    lines = [tuple(each) for each in ends.reshape(-1, 4).tolist()]
    for colour, wide in (
        ((255, 255, 255, 255), _AROUND_WIDE * _FINER),
        (_MARK, _MARK_WIDE * _FINER),
    ):
        for x0, y0, x1, y1 in lines:
            pen.line((x0, y0, x1, y1), fill=colour, width=wide)
            for x, y in ((x0, y0), (x1, y1)):
                pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=colour)


def bed_path(layout: Layout, shadow: Shadow) -> str:
    """Return the copies of a layout as the path data of an SVG, in mm, y downwards.

    The view box is "0 0 x_mm y_mm" of the layout's bed; fill by the even-odd rule.
    """
    parts = []
    for each in layout.placements:
        outline = placed(shadow, each).simplify(_WORTH_DRAWING_MM)
        for polygon in shapely.get_parts(outline):
            for ring in (polygon.exterior, *polygon.interiors):
                points = [f"{x:.1f} {layout.bed.y_mm - y:.1f}" for x, y in ring.coords[:-1]]
                parts.append(f"M{'L'.join(points)}Z")
    return "".join(parts)


def _look(
    corners_mm: _Float, size: tuple[int, int], seen_from_deg: tuple[float, float], *, inside: bool
) -> _View:
    above, turned = np.radians(seen_from_deg)
    towards = np.array(
        [np.cos(above) * np.cos(turned), np.cos(above) * np.sin(turned), np.sin(above)]
    )
    right = np.array([-np.sin(turned), np.cos(turned), 0.0])
    axes = np.stack([right, np.cross(towards, right), towards])
    flat = corners_mm.reshape(-1, 3) @ axes.T
    low, high = flat.min(axis=0), flat.max(axis=0)
    width, height = size
    span = np.maximum(high - low, 1e-9)
    scale = _FILL * min(width / span[0], height / span[1])
    flat -= (low + high) / 2
    flat *= scale * np.array([1.0, -1.0, -1.0])
    flat[:, :2] += np.array([width, height]) / 2
    corners = flat.reshape(-1, 3, 3)
    depth = np.full(width * height, np.inf)
    triangle = np.full(width * height, -1, np.int64)
    for start, end in _heaps(corners):
        some = corners[start:end]
        _draw_some(some, start, size, depth, triangle)
        if inside:
            _draw_some(some[:, ::-1], start, size, depth, triangle)
    shape = (height, width)
    return _View(
        triangle=triangle.reshape(shape),
        depth=depth.reshape(shape),
        corners=corners,
        axes=axes,
        middle=(low + high) / 2,
        scale=float(scale),
    )


def _heaps(corners: _Float) -> Iterator[tuple[int, int]]:
    """Go through all triangles, so many at once as the pixels around them allow."""
    flat = corners[:, :, :2]
    around = np.prod(np.ceil(flat.max(axis=1) - flat.min(axis=1)) + 1, axis=1)
    heap = np.cumsum(around + _PIXELS_AT_ONCE / _AT_ONCE) // _PIXELS_AT_ONCE
    ends = [*(np.flatnonzero(np.diff(heap)) + 1).tolist(), len(corners)]
    return zip([0, *ends[:-1]], ends, strict=True)


def _draw_some(
    corners: _Float, first: int, size: tuple[int, int], depth: _Float, triangle: _Int
) -> None:
    """Draw some triangles into the depth buffer: their rows, then the pixels of each row."""
    x, y, z = (corners[:, :, i] for i in range(3))
    double = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    # y points down, so what faces the viewer turns the other way; the back of a closed body is hidden.
    front = np.nonzero(double < -1e-9)[0]  # noqa: PLR2004
    x, y, z, double = x[front], y[front], z[front], double[front]
    # A pixel is drawn when its middle lies in the triangle.
    top = np.ceil(y.min(axis=1) - 0.5).astype(np.int64)
    rows = np.maximum(np.floor(y.max(axis=1) - 0.5).astype(np.int64) - top + 1, 0)
    of, row = _spread(rows)
    row += top[of]
    left, right = _span(x[of], y[of], row.astype(np.float64) + 0.5)
    begin = np.ceil(left - 0.5).astype(np.int64)
    cells = np.maximum(np.floor(right - 0.5).astype(np.int64) - begin + 1, 0)
    line, column = _spread(cells)
    column += begin[line]
    row, of = row[line], of[line]
    inside = (row >= 0) & (row < size[1]) & (column >= 0) & (column < size[0])
    row, column, of = row[inside], column[inside], of[inside]
    slope_x = (z[:, 1] - z[:, 0]) * (y[:, 2] - y[:, 0]) - (z[:, 2] - z[:, 0]) * (y[:, 1] - y[:, 0])
    slope_y = (x[:, 1] - x[:, 0]) * (z[:, 2] - z[:, 0]) - (x[:, 2] - x[:, 0]) * (z[:, 1] - z[:, 0])
    how_deep = (
        z[of, 0]
        + (slope_x[of] * (column + 0.5 - x[of, 0]) + slope_y[of] * (row + 0.5 - y[of, 0]))
        / double[of]
    )
    # A plane seen nearly from its edge is steep: its depth stays between those of its corners.
    how_deep = np.clip(how_deep, z.min(axis=1)[of], z.max(axis=1)[of])
    pixel = row * size[0] + column
    nearer = how_deep < depth[pixel]
    pixel, how_deep, of = pixel[nearer], how_deep[nearer], of[nearer]
    # numpy keeps the last of equal indices: write the nearest last.
    order = np.argsort(-how_deep, kind="stable")
    depth[pixel[order]] = how_deep[order]
    triangle[pixel[order]] = front[of[order]] + first


def _spread(counts: _Int) -> tuple[_Int, _Int]:
    """Return, for counts (2, 0, 3), whose each one is (0 0 2 2 2) and its number (0 1 0 1 2)."""
    of = np.repeat(np.arange(len(counts)), counts)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)


def _span(x: _Float, y: _Float, at: _Float) -> tuple[_Float, _Float]:
    """Return from where to where a horizontal line lies in each triangle."""
    left, right = np.full(len(at), np.inf), np.full(len(at), -np.inf)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        rise = y[:, j] - y[:, i]
        crosses = (np.minimum(y[:, i], y[:, j]) <= at) & (at <= np.maximum(y[:, i], y[:, j]))
        crosses &= rise != 0
        share = np.divide(at - y[:, i], rise, out=np.zeros(len(at)), where=crosses)
        where = x[:, i] + share * (x[:, j] - x[:, i])
        left = np.where(crosses, np.minimum(left, where), left)
        right = np.where(crosses, np.maximum(right, where), right)
    empty = left > right
    return np.where(empty, 0.0, left), np.where(empty, -1.0, right)


def _normals(
    triangles: NDArray[np.float32], view: _View, seen: _Int, rows: _Int, columns: _Int
) -> _Float:
    """Return a unit normal for each pixel that shows something."""
    a, b, c = (triangles[:, i].astype(np.float64) for i in range(3))
    area = np.cross(b - a, c - a)
    shown, index = np.unique(seen, return_inverse=True)
    at_corners = _smoothed(triangles, area, shown)[index]
    x, y = view.corners[seen, :, 0], view.corners[seen, :, 1]
    px, py = columns + 0.5, rows + 0.5
    whole = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    second = (px - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (py - y[:, 0])
    third = (x[:, 1] - x[:, 0]) * (py - y[:, 0]) - (px - x[:, 0]) * (y[:, 1] - y[:, 0])
    second, third = np.clip(second / whole, 0, 1), np.clip(third / whole, 0, 1)
    weights = np.stack([np.clip(1 - second - third, 0, 1), second, third], axis=1)
    return _unit((at_corners * weights[:, :, None]).sum(axis=1))


def _smoothed(triangles: NDArray[np.float32], area: _Float, shown: _Int) -> _Float:
    """Return normals at the corners of the shown triangles, shape (m, 3, 3).

    A corner's is the mean of those triangles around it that turn away but little from its own.
    """
    flat = _unit(area)
    corner = _weld(triangles)
    around = np.bincount(corner)
    begin = np.cumsum(around) - around
    owners = np.argsort(corner, kind="stable") // 3
    mine = corner.reshape(-1, 3)[shown].ravel()
    counts = np.where(around[mine] <= _MOST_AROUND, around[mine], 0)
    of, number = _spread(counts)
    other = owners[begin[mine[of]] + number]
    own = np.repeat(flat[shown], 3, axis=0)
    alike = (flat[other] * own[of]).sum(axis=1) > _SMOOTH_COS
    of, other = of[alike], other[alike]
    summed: _Float = np.stack(
        [np.bincount(of, area[other, i], len(mine)).astype(np.float64) for i in range(3)], axis=1
    )
    summed[counts == 0] = own[counts == 0]
    return _unit(summed).reshape(-1, 3, 3)


def _weld(triangles: NDArray[np.float32]) -> _Int:
    """Return the number of each corner's point, shape (3 n,); points are equal to 1 um."""
    whole = np.rint(triangles.reshape(-1, 3).astype(np.float64) * 1000).astype(np.int64)
    whole -= whole.min(axis=0)
    # A part is at most 2 m long, 21 bits of um on each axis.
    key = (whole[:, 0] << 42) | (whole[:, 1] << 21) | whole[:, 2]
    index: _Int = np.unique(key, return_inverse=True)[1].ravel()
    return index


def _unit(vectors: _Float) -> _Float:
    long: _Float = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(long, 1e-12)


def _light(normals: _Float, axes: _Float) -> _Float:
    """Return how bright each normal is: a lamp above the viewer's left shoulder, the sky, a glint."""
    right, up, towards = axes
    lamp = _unit(np.asarray(0.75 * towards + 0.62 * up - 0.45 * right, np.float64))
    back = _unit(0.2 * towards - 0.1 * up + 0.9 * right)
    sky = 0.5 + 0.5 * normals[:, 2]
    glint = np.clip(normals @ _unit(lamp + towards), 0, None) ** 28
    bright: _Float = (
        0.30
        + 0.62 * np.clip(normals @ lamp, 0, None)
        + 0.16 * np.clip(normals @ back, 0, None)
        + 0.10 * sky
        + 0.22 * glint
    )
    return bright


def _hollows(view: _View) -> _Float:
    """Return how much of the light reaches each pixel: less where what is around it lies nearer."""
    from scipy import ndimage  # noqa: PLC0415  # with the first picture: it takes long to come

    shown = view.triangle >= 0
    depth = np.where(shown, view.depth, 0.0)
    dark = np.zeros(shown.shape)
    for reach in (4.0, 12.0):
        weight = ndimage.gaussian_filter(shown.astype(np.float64), reach)
        around = ndimage.gaussian_filter(depth, reach) / np.maximum(weight, 1e-9)
        dark += np.clip((depth - around) / (4 * reach), 0.0, 1.0)
    light: _Float = 1.0 - 0.45 * np.clip(dark, 0.0, 1.0)
    return light
