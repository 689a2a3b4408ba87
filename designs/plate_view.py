"""Draws a plate for the screens of printers: its copies on the bed, as somebody sees it who stands before it.

The same plate gives the same bytes. Leaves how bodies are drawn to `designs.picture`, and how the
pictures are read again to `designs.thumbnails`.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from designs.model import Bed, Placement
from designs.picture import COLOUR, draw_things
from designs.thumbnails import PICTURES

#: From the front, and steeply enough that one copy hides little of the next.
_SEEN_FROM_DEG = 52.0, -90.0
_BED_COLOUR = (0.42, 0.45, 0.52)
_BED_MM = 3.0  # thick
_CORNERS = 96  # of a round one
#: A picture that is lower shows no bed: little would be left of the parts.
_LEAST_BED_PIXELS = 64
#: Of all copies together; more are drawn coarser.
_MOST_TRIANGLES = 100_000
_FINEST_MM = 0.125
#: So many steps of brightness of each colour are enough, and make a small file.
_STEP = 8
_LONGEST_RUN = 62  # of equal pixels in QOI

_Float = NDArray[np.float64]
_Triangles = NDArray[np.float32]

#: The corners of a box's twelve triangles, each 0 or 1 along x, y and z, seen from outside against the clock.
_BOX = np.array(
    [
        [(0, 0, 0), (0, 1, 0), (1, 1, 0)], [(0, 0, 0), (1, 1, 0), (1, 0, 0)],
        [(0, 0, 1), (1, 0, 1), (1, 1, 1)], [(0, 0, 1), (1, 1, 1), (0, 1, 1)],
        [(0, 0, 0), (1, 0, 0), (1, 0, 1)], [(0, 0, 0), (1, 0, 1), (0, 0, 1)],
        [(0, 1, 0), (0, 1, 1), (1, 1, 1)], [(0, 1, 0), (1, 1, 1), (1, 1, 0)],
        [(0, 0, 0), (0, 0, 1), (0, 1, 1)], [(0, 0, 0), (0, 1, 1), (0, 1, 0)],
        [(1, 0, 0), (1, 1, 0), (1, 1, 1)], [(1, 0, 0), (1, 1, 1), (1, 0, 1)],
    ],
    np.float32,
)  # fmt: skip


def draw_plate(
    meshes: Sequence[_Triangles], items: Sequence[tuple[int, Placement]], bed: Bed
) -> Mapping[str, bytes]:
    """Return the pictures of parts laid out on a bed, by their names in a plate file.

    Takes some 0.2 s; up to 5 s where surfaces of 100 mm lie behind one another by the thousand.

    Args:
        meshes: the triangles of each part, shape (n, 3, 3), in mm, its lowest corner at 0.
        items: which of them lies where; at least one.
        bed: where they lie.
    """
    shapes = [coarse(each, _MOST_TRIANGLES // len(items)) for each in meshes]
    parts = np.concatenate(
        [_moved(shapes[n], each.angle_deg, each.x_mm, each.y_mm) for n, each in items]
    )
    table = _table(bed)
    images = {}
    for size in dict.fromkeys(PICTURES.values()):
        shown = [(parts, COLOUR)]
        if size[1] >= _LEAST_BED_PIXELS:
            shown.append((table, _BED_COLOUR))
        colours = np.concatenate([np.tile(colour, (len(each), 1)) for each, colour in shown])
        things = np.concatenate([each for each, _ in shown])
        images[size] = _fewer_colours(draw_things(things, colours, size, _SEEN_FROM_DEG))
    return {
        name: _png(images[size]) if name.endswith(".png") else _qoi(images[size])
        for name, size in PICTURES.items()
    }


def _table(bed: Bed) -> _Triangles:
    """Return the bed as a body that ends where parts begin: a box, or a disc."""
    size = np.array([bed.x_mm, bed.y_mm, _BED_MM], np.float32)
    low = np.array([0, 0, _BED_MM], np.float32)
    if not bed.round:
        box: _Triangles = _BOX * size - low
        return box
    turns = np.linspace(0.0, math.tau, _CORNERS, endpoint=False)
    rim = np.stack([0.5 + 0.5 * np.cos(turns), 0.5 + 0.5 * np.sin(turns), turns * 0], axis=-1)
    above = np.array([0.0, 0.0, 1.0])
    here, there, middle = rim, np.roll(rim, -1, axis=0), np.full_like(rim, (0.5, 0.5, 0.0))
    faces = (
        (middle + above, here + above, there + above), (middle, there, here),
        (here, there, there + above), (here, there + above, here + above),
    )  # fmt: skip
    disc: _Triangles = np.concatenate([np.stack(face, axis=1) for face in faces]) * size - low
    return disc.astype(np.float32)


def coarse(triangles: _Triangles, most: int) -> _Triangles:
    """Return at most so many triangles (a box has twelve) that look alike from afar.

    Corners are moved onto a grid, and what shrinks to a line on it goes; wider ones until few are left.
    """
    cell_mm, left = _FINEST_MM, triangles
    while len(left) > max(most, len(_BOX)):
        left = (np.rint(left / cell_mm) * cell_mm).astype(np.float32)
        a, b, c = (left[:, i] for i in range(3))
        left = left[np.abs(np.cross(b - a, c - a)).max(axis=1) > 0]
        cell_mm *= 2
    if len(left):
        return left
    corners = triangles.reshape(-1, 3)
    low, high = corners.min(axis=0), corners.max(axis=0)
    box: _Triangles = low + _BOX * (high - low)
    return box


def _moved(triangles: _Triangles, angle_deg: float, x_mm: float, y_mm: float) -> _Triangles:
    angle = math.radians(angle_deg)
    sin, cos = math.sin(angle), math.cos(angle)
    x, y, z = (triangles[..., i].astype(np.float64) for i in range(3))
    turned = np.stack([x * cos - y * sin + x_mm, x * sin + y * cos + y_mm, z], axis=-1)
    return turned.astype(np.float32)


def _fewer_colours(image: Image.Image) -> Image.Image:
    data = np.asarray(image).copy()
    data[..., :3] = np.minimum(data[..., :3] // _STEP * _STEP + _STEP // 2, 255)
    data[data[..., 3] == 0] = 0
    return Image.fromarray(data, "RGBA")


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _qoi(image: Image.Image) -> bytes:
    """Return an RGBA picture as QOI (https://qoiformat.org); Pillow writes none before release 12."""
    out = bytearray(b"qoif" + struct.pack(">2L2B", *image.size, 4, 0))
    raw = image.tobytes()
    seen, before, run = [b""] * 64, b"\x00\x00\x00\xff", 0
    for at in range(0, len(raw), 4):
        pixel = raw[at : at + 4]
        if pixel == before and run < _LONGEST_RUN:
            run += 1
            continue
        if run:
            out.append(0xC0 + run - 1)
        run = int(pixel == before)
        if run:
            continue
        red, green, blue, alpha = pixel
        place = (red * 3 + green * 5 + blue * 7 + alpha * 11) % 64
        if seen[place] == pixel:
            out.append(place)
        else:
            out += b"\xfe" + pixel[:3] if alpha == before[3] else b"\xff" + pixel
        seen[place] = before = pixel
    if run:
        out.append(0xC0 + run - 1)
    return bytes(out) + bytes(7) + b"\x01"
