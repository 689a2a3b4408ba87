"""Reads one untrusted OBJ file into triangles. Runs in a child process only.

Corners and faces, whatever their groups; materials, curves and all other files are left alone. Leaves every
judgement on the surface to `designs.measuring`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from designs.bodies import RefusedError, refuse_many

#: A face of more is a drawing, not a model.
_MOST_CORNERS = 10_000
_FEWEST_CORNERS = 3
#: What a file has whose lines need no second look.
_PLAIN = ("v ", "f ", "vn ", "vt ", "#", "o ", "g ", "s ", "usemtl ", "mtllib ", "l ", "p ")
#: What follows a corner's number: "7/1/3".
_AND_MORE = re.compile(r"/\S*")
#: Ends a line among numbers.
_END = 1e300
#: What the triangles of a bent face may differ from it in area.
_SAME_AREA = 1e-6

#: What exporters write at the head of a file: "# File units = centimeters".
_UNIT = re.compile(r"^#.*\bunits?\s*[:=]\s*([a-z]+)", re.IGNORECASE)
_MM = frozenset({"mm", "millimeter", "millimeters", "millimetre", "millimetres", "unknown", "none"})
_HEAD_LINES = 50

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


def read_obj(source: Path) -> _Float:
    """Return the triangles of an OBJ, shape (n, 3, 3); larger faces are cut.

    Raises:
        ValueError: a line is no corner and no face; says which.
        RefusedError: there are too many triangles, or it says another unit than mm.
    """
    text = source.read_text(encoding="utf-8-sig", errors="replace").replace("\\\n", " ")
    lines = text.split("\n")
    for line in lines[:_HEAD_LINES]:
        unit = _UNIT.match(line)
        if unit is not None and unit[1].lower() not in _MM:
            raise RefusedError(f"it says that its unit is {unit[1][:20]!r}: export it in mm")
    quick = _read_plain(lines)
    return _read_any(lines) if quick is None else quick


def _read_plain(lines: list[str]) -> _Float | None:
    """Read a file of plain corners and triangles, ten times as quick; None for another one."""
    if not all(line.startswith(_PLAIN) for line in lines if line):
        return None
    corners = [line[2:] for line in lines if line.startswith("v ")]
    told = [line[2:] for line in lines if line.startswith("f ")]
    refuse_many(len(told))
    points = _table(f" {_END} ".join([*corners, ""]), len(corners))
    if points is None or not told or points.shape[1] <= 3 or (points[:, -1] != _END).any():  # noqa: PLR2004
        return None
    text = " 0 ".join([*told, ""])
    faces = _table(_AND_MORE.sub("", text) if "/" in text else text, len(told))
    if faces is None or faces.shape[1] != 4 or faces[:, 3].any():  # noqa: PLR2004
        return None
    places = faces[:, :3].astype(np.int64) - 1
    if places.min() < 0 or places.max() >= len(points) or (places + 1 != faces[:, :3]).any():
        return None
    soup: _Float = points[:, :3][places]
    return soup


def _table(text: str, rows: int) -> _Float | None:
    """Return numbers in so many rows of one length; None where they are none."""
    try:
        numbers: _Float = np.fromstring(text, sep=" ")
    except ValueError:
        return None
    return numbers.reshape(rows, -1) if rows and len(numbers) and len(numbers) % rows == 0 else None


def _read_any(lines: list[str]) -> _Float:
    points: list[tuple[float, float, float]] = []
    told: list[tuple[int, list[int]]] = []  # a line's number, and the corners of its face
    triangles = 0
    for number, line in enumerate(lines, 1):
        key, *words = line.partition("#")[0].split()[: _MOST_CORNERS + 2] or [""]
        if key == "v":
            points.append(_point(words, number))
        elif key == "f":
            corners = [_corner(word, len(points), number) for word in words]
            if len(corners) > _MOST_CORNERS:
                raise ValueError(f"line {number}: a face of {len(corners)} corners")
            if len(corners) >= _FEWEST_CORNERS:  # a point or a line encloses nothing
                told.append((number, corners))
                triangles += len(corners) - 2
                refuse_many(triangles)
    if not told:
        return np.zeros((0, 3, 3))
    places = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    by_size: dict[int, list[list[int]]] = {_FEWEST_CORNERS: [], 4: []}
    for number, corners in told:
        if max(corners) >= len(places):
            raise ValueError(f"line {number}: there is no corner {max(corners) + 1}")
        by_size.setdefault(len(corners), []).append(corners)
    quick, slow = _cut_quads(np.asarray(by_size.pop(4), dtype=np.int64).reshape(-1, 4), places)
    faces = [corners for size in by_size.values() for corners in size]
    cut = [triangle for corners in (*faces, *slow) for triangle in _cut(corners, places)]
    soup: _Float = places[np.concatenate([quick, np.asarray(cut, dtype=np.int64).reshape(-1, 3)])]
    return soup


def _cut_quads(quads: _Int, places: _Float) -> tuple[_Int, list[list[int]]]:
    """Cut all faces of four corners from their first one, as `_cut` does; return those that are left too.

    Args:
        quads: shape (n, 4).
        places: of the corners.
    """
    first = places[quads[:, 0]]
    b, c, d = (places[quads[:, i]] - first for i in (1, 2, 3))
    with np.errstate(invalid="ignore", over="ignore"):
        one, other = np.cross(b, c), np.cross(c, d)
        normal = one + other
        same = [np.einsum("ij,ij->i", each, normal) >= 0 for each in (one, other)]
    good = (same[0] & same[1]) | ~np.isfinite(normal).all(axis=1)
    halves = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1)
    return halves[good].reshape(-1, 3), quads[~good].tolist()


def _point(words: list[str], line: int) -> tuple[float, float, float]:
    if len(words) < 3:  # noqa: PLR2004
        raise ValueError(f"line {line}: a corner needs three numbers")
    if any("," in word for word in words[:3]):
        raise ValueError(f"line {line}: numbers need a point as the decimal sign")
    return float(words[0]), float(words[1]), float(words[2])


def _corner(word: str, points: int, line: int) -> int:
    """Return the place of a face's corner among the points: "7", "7/1/3", or "-1", the last so far."""
    told = int(word.partition("/")[0])
    place = told - 1 if told > 0 else points + told
    if told == 0 or place < 0:
        raise ValueError(f"line {line}: there is no corner {told}")
    return place


def _cut(corners: list[int], places: _Float) -> list[tuple[int, int, int]]:
    """Cut a face into triangles: from one of its corners where none turns over so, or as it is bent.

    Raises:
        ValueError: only a drawing program can cut such a face.
    """
    if len(corners) == 3:  # noqa: PLR2004
        return [(corners[0], corners[1], corners[2])]
    outline = places[corners]
    around = np.roll(outline, -1, axis=0)
    normal = np.cross(outline - outline[0], around - outline[0]).sum(axis=0)
    finite = np.isfinite(normal).all()
    for start in range(len(corners)):
        turned = np.roll(outline, -start, axis=0)
        one, other = turned[1:-1] - turned[0], turned[2:] - turned[0]
        if not finite or (np.cross(one, other) @ normal >= 0).all():
            order = corners[start:] + corners[:start]
            return [(order[0], order[i], order[i + 1]) for i in range(1, len(order) - 1)]
    return _cut_bent(corners, outline, normal)


def _cut_bent(corners: list[int], outline: _Float, normal: _Float) -> list[tuple[int, int, int]]:
    """Cut a face that no fan fits, seen from where it is largest."""
    import manifold3d  # noqa: PLC0415  # most files do without

    away = int(np.abs(normal).argmax())
    seen = [(away + 1) % 3, (away + 2) % 3]
    if normal[away] < 0:
        seen.reverse()  # from behind: its corners go round to the left again
    flat = outline[:, seen]
    flat = flat - flat.min(axis=0)
    found = np.asarray(manifold3d.triangulate([flat]), dtype=np.int64).reshape(-1, 3)
    a, b, c = (flat[found[:, i]] for i in range(3))
    one, other = b - a, c - a
    areas = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    whole = abs(float(normal[away])) / 2
    # All corners have to be there, or the neighbours' edges would meet nothing.
    same = abs(areas.sum() - whole) <= _SAME_AREA * whole and (areas > -_SAME_AREA * whole).all()
    if len(found) != len(corners) - 2 or not same:
        raise ValueError(f"a face of {len(corners)} corners is too bent: triangulate the model")
    return [(corners[i], corners[j], corners[k]) for i, j, k in found.tolist()]
