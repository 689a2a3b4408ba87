"""The surface of a body: welded to whole micrometres, closed or not, in pieces, in canonical form.

Pure numpy, and quick: a million triangles take some 3 s. Used by `designs.measuring` in its child
process. Leaves what is said of a surface to that module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUND = 1000.0  # 1 um
_DECIMALS = 8
#: Beyond this a whole number of 64 bits has no room for the decimals.
_FAR_MM = 2.0**63 / 10**_DECIMALS
#: What the remainders of corners of one vertex may differ by, in um.
_LOOSE = 1e-6
_APART = (1.0, 1.4142135623730951, 1.7320508075688772)
_BITS = 21  # a coordinate below 2 ** 21 um, that is 2097 mm
_HEADER = b"fabnet canonical mesh, mm"

_Int = NDArray[np.int64]
_Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What the edges of a surface say of it."""

    all: int
    gaps: int  # have a triangle on one side only
    turned: int  # whose triangles look different ways
    shared: int  # by more than two triangles: a closed surface that touches itself
    open_ends: _Int  # vertices of the edges with a gap, shape (gaps, 2)

    @property
    def clean(self) -> bool:
        """Whether every edge lies between exactly two triangles that look the same way."""
        return not (self.gaps or self.turned or self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of a surface that hang together, each by its volume and its box."""

    volumes_mm3: _Float  # negative: the wall of a cavity
    lows_mm: _Float  # shape (n, 3)
    highs_mm: _Float
    of_vertex: _Int  # which piece each vertex belongs to

    def inside_out(self, least_mm3: float) -> NDArray[np.bool_]:
        """Return which pieces of at least this volume look inwards, and lie in no other: no cavities."""
        turned = self.volumes_mm3 < -least_mm3
        solid = self.volumes_mm3 > least_mm3
        for piece in np.flatnonzero(turned).tolist():
            around = (self.lows_mm[solid] <= self.lows_mm[piece]).all(axis=1) & (
                self.highs_mm[solid] >= self.highs_mm[piece]
            ).all(axis=1)
            turned[piece] = not around.any()
        return turned


def weld(soup: _Float) -> tuple[_Int, _Int, bool]:
    """Return vertices in whole um from the lowest corner, faces, and whether the file has them so.

    It has not where corners of one vertex lie apart there, or a triangle has lost a side: what
    `closed` says of the triangles as they came may then be another thing.

    Args:
        soup: triangles, shape (n, 3, 3), in mm, at most 2 m long.
    """
    points = soup.reshape(-1, 3)
    key = np.zeros(len(points), np.int64)
    rest = np.zeros(len(points))
    for axis in range(3):
        along = (points[:, axis] - points[:, axis].min()) * _ROUND
        whole = np.rint(along)
        # A key sorts as the coordinates do, one after the other, and takes a third of their time.
        key <<= _BITS
        key |= whole.astype(np.int64)
        # Corners of one vertex have one remainder; the factors let no two of them add up to none.
        along -= whole
        along *= _APART[axis]
        rest += along
    order = np.argsort(key)
    rest = rest[order]
    key = key[order]
    fresh = np.empty(len(key), bool)
    fresh[:1] = True
    np.not_equal(key[1:], key[:-1], out=fresh[1:])
    loose = np.abs(rest[1:] - rest[:-1]) > _LOOSE
    loose &= ~fresh[1:]
    index = np.empty(len(key), np.int64)
    index[order] = np.cumsum(fresh) - 1
    kept = key[fresh]
    mask = (1 << _BITS) - 1
    vertices = np.stack([kept >> 2 * _BITS, (kept >> _BITS) & mask, kept & mask], axis=1)
    faces = index.reshape(-1, 3)
    # A triangle that lost a side closes without a gap; one that is only flat holds a seam together.
    distinct = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    whole_faces = bool(distinct.all())
    return vertices, faces if whole_faces else faces[distinct], whole_faces and not loose.any()


def closed(soup: _Float) -> bool:
    """Return whether every edge is that of exactly two triangles, those without area among them.

    This is what trimesh calls watertight: corners are the same where they are equal to eight decimals. One so
    far away that they cannot be told is open.

    Args:
        soup: triangles as a file has them, shape (n, 3, 3).
    """
    if np.abs(soup).max(initial=0.0) >= _FAR_MM:
        return False
    points = np.round(soup.reshape(-1, 3), _DECIMALS) + 0.0  # of two zeros one
    order = np.lexsort(points.T)
    points = points[order]
    index = np.empty(len(points), np.int64)
    index[order] = np.cumsum(np.any(points != np.roll(points, 1, axis=0), axis=1))
    faces = index.reshape(-1, 3)
    begin, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    edges = np.sort(np.minimum(begin, end) * (len(points) + 1) + np.maximum(begin, end))
    pairs = len(edges) % 2 == 0 and np.array_equal(edges[::2], edges[1::2])
    return pairs and bool((edges[2::2] != edges[:-2:2]).all())


def look_at_edges(faces: _Int, vertices: int) -> Edges:
    """Return what the edges of a surface say, of faces over so many vertices."""
    begin, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    rising = begin < end
    up = np.sort(begin[rising] * vertices + end[rising])
    down = np.sort(end[~rising] * vertices + begin[~rising])
    none = np.zeros((0, 2), np.int64)
    if len(up) == len(down) and np.array_equal(up, down) and (up[1:] != up[:-1]).all():
        return Edges(all=len(up), gaps=0, turned=0, shared=0, open_ends=none)
    edges, index = np.unique(np.concatenate([up, down]), return_inverse=True)
    rises = np.bincount(index[: len(up)], minlength=len(edges))
    falls = np.bincount(index[len(up) :], minlength=len(edges))
    used = rises + falls
    gaps = edges[used % 2 == 1]
    return Edges(
        all=len(edges),
        gaps=len(gaps),
        turned=int((rises != falls).sum()),
        shared=int((used > 2).sum()),  # noqa: PLR2004  # two triangles share a clean edge
        open_ends=np.stack([gaps // vertices, gaps % vertices], axis=1),
    )


def half_normals(vertices: _Int, faces: _Int) -> _Float:
    """Return for each face a vector of its normal's direction, as long as its area in mm2."""
    a, b, c = (vertices[faces[:, i]] / _ROUND for i in range(3))
    b -= a
    c -= a
    return np.stack(
        [
            (b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1]) / 2,
            (b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2]) / 2,
            (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]) / 2,
        ],
        axis=1,
    )


def wedges(vertices: _Int, faces: _Int, normals: _Float) -> _Float:
    """Return the signed volume under each face, in mm3: their sum is that of a closed surface."""
    under: _Float = np.einsum("ij,ij->i", vertices[faces[:, 0]] / _ROUND, normals) / 3
    return under


def pieces(vertices: _Int, faces: _Int, volumes_mm3: _Float) -> Pieces:
    """Return the pieces of a surface; two that touch in a point only are one.

    A vertex of no face is a piece without a volume.

    Args:
        vertices: in um, shape (n, 3).
        faces: shape (m, 3).
        volumes_mm3: of each face, from `wedges`.
    """
    label = _labels(faces, len(vertices))
    _, number = np.unique(label, return_inverse=True)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    lying = vertices[order]
    summed = np.bincount(number[faces[:, 0]], weights=volumes_mm3, minlength=len(starts))
    return Pieces(
        volumes_mm3=summed.astype(np.float64),
        lows_mm=np.minimum.reduceat(lying, starts) / _ROUND,
        highs_mm=np.maximum.reduceat(lying, starts) / _ROUND,
        of_vertex=number,
    )


def _labels(faces: _Int, vertices: int) -> _Int:
    """Return for each vertex the lowest vertex that it hangs together with.

    Every root with a lower neighbour hooks itself to one, until no edge lies between two roots: the
    roots are at least halved each time.
    """
    parent = np.arange(vertices)
    # Two sides of each triangle join its three corners.
    one, other = np.concatenate([faces[:, :2], faces[:, 1:]]).T
    while True:
        one, other = parent[one], parent[other]
        apart = one != other
        if not apart.any():
            return parent
        one, other = one[apart], other[apart]
        parent[np.maximum(one, other)] = np.minimum(one, other)
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            parent = above


def canonical(vertices: _Int, faces: _Int, *, clean: bool) -> bytes:
    """Return a binary STL whose triangles begin with their lowest vertex and are sorted.

    Args:
        vertices: in um, sorted.
        faces: shape (n, 3).
        clean: whether `look_at_edges` found nothing; sorts quicker.
    """
    first = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    a, b, c = (faces[rows, (first + i) % 3] for i in range(3))
    # On a clean surface no two triangles begin with the same edge.
    order = np.argsort(a * len(vertices) + b) if clean else np.lexsort((c, b, a))
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.zeros(len(faces), dtype=record)
    places = (vertices / _ROUND).astype(np.float32)
    for i, corner in enumerate((a, b, c)):
        data["corners"][:, i] = places[corner[order]]
    return _HEADER.ljust(80, b"\0") + len(data).to_bytes(4, "little") + data.tobytes()
