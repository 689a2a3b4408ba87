"""Reads one untrusted model file into bodies of triangles. Runs in a child process only.

An STL and an OBJ are one body each. Leaves plates (3MF) to `designs.threemf`, STEP to `designs.step`,
and every judgement on the surface to `designs.measuring`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from designs.bodies import MOST_TRIANGLES, Body, RefusedError

_STL_HEADER = 84
_STL_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_BOM = b"\xef\xbb\xbf"
#: A name may say anything, "vertex" too.
_NAME = re.compile(rb"^[ \t]*(?:end)?solid\b[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_CORNER = rb"\s+vertex" + 3 * rb"\s+([^\s]{1,40})"
_FACET = re.compile(
    rb"\bfacet(?:\s+normal(?:\s+[^\s]{1,40}){3})?\s+outer\s+loop"
    + 3 * _CORNER
    + rb"\s+endloop\s+endfacet\b",
    re.IGNORECASE,
)
_VERTEX = re.compile(rb"\bvertex\b", re.IGNORECASE)
#: Of an OBJ; a face of more is a drawing, not a model.
_MOST_CORNERS = 10_000


def read(source: Path, kind: str) -> tuple[Body, ...]:
    """Return the distinct bodies of a file of the kind "stl", "obj", "3mf" or "step", in the file's order.

    Raises:
        RefusedError: it cannot be read as that, or holds what is not a part.
    """
    if kind == "3mf":
        from designs.threemf import read_3mf  # noqa: PLC0415  # lxml, for plates only

        return read_3mf(source)
    if kind in ("step", "stp"):
        from designs.step import read_step  # noqa: PLC0415  # an extra

        return read_step(source)
    try:
        soup = _read_obj(source) if kind == "obj" else _read_stl(source)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise RefusedError(f"it cannot be read as {kind.upper()}: {error}") from error
    return (Body(name=source.stem, copies=1, soup=soup),)


def _read_stl(source: Path) -> NDArray[np.float64]:
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(_STL_HEADER)
        told = int.from_bytes(head[80:], "little")
        if size == _STL_HEADER + told * _STL_RECORD.itemsize:
            _refuse_many(told)
            corners = np.fromfile(file, dtype=_STL_RECORD, count=told)["corners"]
            return corners.astype(np.float64)
    return _read_stl_text(source.read_bytes().removeprefix(_BOM))


def _read_stl_text(content: bytes) -> NDArray[np.float64]:
    """Read every facet of a text STL, of however many solids; one that is not whole is refused."""
    text = _NAME.sub(b"", content.replace(b"\r", b"\n"))
    corners = sum(1 for _ in _VERTEX.finditer(text))
    _refuse_many(corners // 3)
    facets = _FACET.findall(text)
    if corners != 3 * len(facets):
        raise RefusedError(
            f"{len(facets)} of its triangles are whole, and there are {corners} corners:"
            " it was cut short or is broken; fetch or export it again"
        )
    if not facets:
        return np.zeros((0, 3, 3))
    if b"," in b"".join(facets[0]):
        raise RefusedError(
            "its numbers are written with commas: export it with a point as the decimal sign"
        )
    words = np.asarray(facets, dtype=np.bytes_)
    try:
        return words.astype(np.float64).reshape(-1, 3, 3)
    except ValueError:
        wrong = next(word for word in words.ravel().tolist() if not _is_number(word))
        shown = wrong.decode("ascii", "replace")
        raise RefusedError(f"{shown!r} stands where a number should: export it again") from None


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _refuse_many(triangles: int) -> None:
    if triangles > MOST_TRIANGLES:
        raise RefusedError(
            f"{triangles} triangles are more than {MOST_TRIANGLES}: simplify the model"
        )


def _read_obj(source: Path) -> NDArray[np.float64]:
    """Read corners and faces, whatever their groups; materials and all other files are left alone."""
    points: list[tuple[float, float, float]] = []
    faces: list[tuple[int, int, int]] = []
    with source.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            key, *words = line.split()[: _MOST_CORNERS + 2] or [""]
            if key == "v":
                if len(words) < 3:  # noqa: PLR2004
                    raise ValueError(f"line {number}: a corner needs three numbers")
                if "," in words[0]:
                    raise ValueError(f"line {number}: numbers need a point as the decimal sign")
                points.append((float(words[0]), float(words[1]), float(words[2])))
            elif key == "f":
                corners = [_corner(word, len(points), number) for word in words]
                if not 3 <= len(corners) <= _MOST_CORNERS:  # noqa: PLR2004
                    raise ValueError(f"line {number}: a face of {len(corners)} corners")
                faces += _fan(corners, points)
                _refuse_many(len(faces))
    if not faces:
        return np.zeros((0, 3, 3))
    return np.asarray(points, dtype=np.float64)[np.asarray(faces, dtype=np.int64)]


def _corner(word: str, points: int, line: int) -> int:
    """Return the place of a face's corner among the points: "7", "7/1/3", or "-1", the last."""
    told = int(word.partition("/")[0])
    place = told - 1 if told > 0 else points + told
    if told == 0 or not 0 <= place < points:
        raise ValueError(f"line {line}: there is no corner {told}")
    return place


def _fan(
    corners: list[int], points: list[tuple[float, float, float]]
) -> list[tuple[int, int, int]]:
    """Cut a face into triangles from one of its corners from which no triangle turns over.

    Raises:
        ValueError: there is none: only a drawing program can cut such a face.
    """
    if len(corners) == 3:  # noqa: PLR2004
        return [(corners[0], corners[1], corners[2])]
    outline = np.asarray([points[each] for each in corners])
    around = np.roll(outline, -1, axis=0)
    normal = np.cross(outline - outline[0], around - outline[0]).sum(axis=0)
    for start in range(len(corners)):
        turned = np.roll(outline, -start, axis=0)
        one, other = turned[1:-1] - turned[0], turned[2:] - turned[0]
        if (np.cross(one, other) @ normal >= 0).all():
            order = corners[start:] + corners[:start]
            return [(order[0], order[i], order[i + 1]) for i in range(1, len(order) - 1)]
    raise ValueError(f"a face of {len(corners)} corners is too bent: triangulate the model")
