"""Checks one untrusted model file and writes its canonical meshes. Runs in a child process only.

`designs.mesh` starts it, because parsers of model files can be made to use any amount of memory and
time. The limits are set before anything is read; only numbers and sentences come back, as one JSON
line, together with what was measured before a refusal. A canonical mesh is a binary STL whose
lowest corner is the origin, whose vertices are rounded to 1 um, and whose triangles are sorted: the
same body gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from designs import surface
from designs.bodies import MOST_TRIANGLES, Body, RefusedError
from designs.child import limit
from designs.reading import read

if TYPE_CHECKING:
    import manifold3d
    from numpy.typing import NDArray

MOST_PARTS = 20
MOST_BODIES = 1000
#: So many open edges are told one by one.
MOST_GAPS = 2000
SMALLEST_MM = 5.0
LARGEST_MM = 2000.0
#: Below this a part is accepted, but is more often a file in inches than a tiny part.
_DOUBTFUL_MM = 15.0
_INCH_MM = 25.4
#: A part that would be longer in another unit was not drawn in it: few beds are as long.
_LIKELY_MM = 600.0

_ROUND = 1000.0  # 1 um
#: What manifold3d's volume may differ by, for its reading of a mesh to be the same body.
_SAME_VOLUME = 0.001
#: Less is a seam of flat triangles, not a body; mm3.
_NO_BODY_MM3 = 0.01
_TURNED = "its surface was inside out and has been turned round"
#: How far above the bed a body may begin with nothing under it.
_HANGS_MM = 0.5
#: So far from the origin the numbers of an STL are a twentieth of a mm apart.
_FURTHEST_MM = 1e6


def main() -> None:
    """Check `argv[1]` (of the kind `argv[2]`), write its meshes into `argv[3]`, print JSON.

    A mesh's file is named by its SHA-256. Nothing that was written counts when `refused` is told.
    """
    limit()
    source, kind, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    found: dict[str, Any] = {}
    try:
        _check(source, kind, folder, found)
    except RefusedError as refused:
        found["refused"] = str(refused)
    except MemoryError:
        found["refused"] = "it needs more than 2 GiB of memory to read: simplify the model"
    found["peak_kb"] = _peak_kb()
    sys.stdout.write(json.dumps(found) + "\n")


def _peak_kb() -> int:
    """Return the most memory that this process has taken; `getrusage` counts its parent's as well."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _check(source: Path, kind: str, folder: Path, found: dict[str, Any]) -> None:
    """Fill `found` as far as the file lets itself be measured."""
    bodies = _together(read(source, kind))
    if len(bodies) > MOST_PARTS:
        raise RefusedError(
            f"its plate holds {len(bodies)} different parts: export one part alone, fabnet fills the bed"
        )
    found["triangles"] = sum(len(body.soup) * body.copies for body in bodies)
    for body in bodies:
        _check_soup(body.soup, found)
    found["extents_mm"] = np.max(
        [np.ptp(b.soup.reshape(-1, 3), axis=0) for b in bodies], 0
    ).tolist()
    parts: dict[str, dict[str, Any]] = {}
    for body in bodies:
        part = _measure(body, folder, found, alone=len(bodies) == 1)
        kept = parts.setdefault(part["mesh_sha256"], part)
        if kept is not part:
            kept["copies"] += part["copies"]
    found["parts"] = list(parts.values())
    found["watertight"] = all(part["watertight"] for part in parts.values())


def _together(bodies: tuple[Body, ...]) -> list[Body]:
    """Take bodies of the same triangles for copies of one: some programs write each one anew."""
    if len(bodies) == 1:
        return list(bodies)
    found: dict[bytes, Body] = {}
    for body in bodies:
        lowest = body.soup.reshape(-1, 3).min(axis=0, initial=np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            moved = np.round((body.soup - lowest) * _ROUND)
        key = hashlib.sha256(moved.tobytes()).digest()
        same = found.setdefault(key, body)
        if same is not body:
            found[key] = replace(same, copies=same.copies + body.copies)
    return list(found.values())


def _check_soup(soup: NDArray[np.float64], found: dict[str, Any]) -> None:
    if not len(soup):
        raise RefusedError("there is no triangle in it: export it again")
    if len(soup) > MOST_TRIANGLES:
        raise RefusedError(
            f"{len(soup)} triangles are more than {MOST_TRIANGLES}: simplify the model"
        )
    if not np.isfinite(soup).all():
        found["watertight"] = False
        raise RefusedError("some of its coordinates are no numbers (NaN or infinite): export again")
    if np.abs(soup).max() > _FURTHEST_MM >= np.ptp(soup.reshape(-1, 3), axis=0).max():
        raise RefusedError(
            "it lies more than 1 km from the origin, which spoils its measures: move it there"
        )


def _measure(body: Body, folder: Path, found: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    """Check one body, write its mesh, return its facts; count it in `found`."""
    size = np.ptp(body.soup.reshape(-1, 3), axis=0)
    try:
        warnings = [*body.warnings, *_check_size(size)]
    except RefusedError:
        _tell_watertight(found, alone=alone, closed=surface.closed(body.soup))
        raise
    vertices, faces, as_it_came = surface.weld(body.soup)
    if not len(faces):
        found["watertight"] = False
        raise RefusedError("all of its triangles have no area: export it again")
    normals = surface.half_normals(vertices, faces)
    wedges = surface.wedges(vertices, faces, normals)
    if wedges.sum() < 0:
        faces, normals, wedges = faces[:, ::-1], -normals, -wedges
        warnings.append(_TURNED)
    edges = surface.look_at_edges(faces, len(vertices))
    closed = not (edges.gaps or edges.shared) if as_it_came else surface.closed(body.soup)
    _tell_watertight(found, alone=alone, closed=closed)
    if edges.gaps:
        found["gaps"] = _show_gaps(vertices, faces, edges, folder)
    _refuse_open(edges)
    if edges.shared:
        warnings.append(
            f"{edges.shared} edges are shared by more than two triangles, which slicers may read in"
            " two ways: look at the first print closely"
        )
        volume, bodies = _solid_volume(vertices, faces, float(wedges.sum()), warnings)
    else:
        pieces = surface.pieces(vertices, faces, wedges)
        turned = pieces.inside_out(_NO_BODY_MM3)
        if turned.any():
            of_face = turned[pieces.of_vertex[faces[:, 0]]]
            faces = np.where(of_face[:, None], faces[:, ::-1], faces)
            normals, wedges = (np.where(of_face, -each.T, each.T).T for each in (normals, wedges))
            pieces = surface.pieces(vertices, faces, wedges)
            warnings.append(_TURNED)
        volume, bodies = _clean_volume(vertices, faces, pieces, warnings)
    found["bodies"] = found.get("bodies", 0) + bodies * body.copies
    found["volume_mm3"] = found.get("volume_mm3", 0.0) + volume * body.copies
    content = surface.canonical(vertices, faces, clean=edges.clean)
    return {
        "name": body.name,
        "copies": body.copies,
        "mesh_sha256": _write(content, folder),
        "extents_mm": [float(size) for size in vertices.max(axis=0) / _ROUND],
        "watertight": closed,
        "warnings": list(dict.fromkeys(warnings)),
    } | _facts(normals, volume)


def _tell_watertight(found: dict[str, Any], *, alone: bool, closed: bool) -> None:
    """Tell it of a whole file only: of several bodies, one that is open says it of all."""
    if alone or not closed:
        found["watertight"] = closed


def _check_size(size: NDArray[np.float64]) -> list[str]:
    """Return warnings; refuse what cannot be meant in mm."""
    largest = float(size.max())
    shown = " x ".join(f"{side:.4g}" for side in size)
    if largest > LARGEST_MM:
        raise RefusedError(
            f"it measures {shown} mm, more than {LARGEST_MM:.0f}{_guess(largest)}: export it in millimetres"
        )
    if largest * 1000.0 < SMALLEST_MM:
        raise RefusedError(f"it measures {shown} mm, which is nothing: export it in millimetres")
    if largest < SMALLEST_MM:
        metres = largest * 1000.0
        guess = (
            f"metres? That would be {metres:.0f} mm"
            if metres <= _LIKELY_MM
            else f"inches? That would be {largest * _INCH_MM:.0f} mm"
        )
        raise RefusedError(
            f"it measures {shown} mm. Was it drawn in {guess}; export it in millimetres"
        )
    if largest < _DOUBTFUL_MM:
        return [
            f"it is only {largest:.1f} mm long; in inches it would be {largest * _INCH_MM:.0f} mm"
        ]
    return []


def _guess(largest_mm: float) -> str:
    """Return what a part beyond all measure may have been; "" where nothing is likely."""
    micrometres = largest_mm / 1000.0
    return (
        f" (taken for inches? In mm it would be {largest_mm / _INCH_MM:.0f} mm long)"
        if largest_mm <= _LIKELY_MM * _INCH_MM
        else f" (drawn in micrometres? In mm it would be {micrometres:.0f} mm long)"
        if micrometres <= _LIKELY_MM
        else ""
    )


def _show_gaps(
    vertices: NDArray[np.int64], faces: NDArray[np.int64], edges: surface.Edges, folder: Path
) -> dict[str, Any]:
    """Write an open surface for its picture; return its hash, and where its gaps lie."""
    ends = vertices[edges.open_ends[:MOST_GAPS]] / _ROUND
    content = surface.canonical(vertices, faces, clean=False)
    return {"mesh_sha256": _write(content, folder), "edges_mm": ends.reshape(-1, 6).tolist()}


def _refuse_open(edges: surface.Edges) -> None:
    """Refuse a surface with a gap, or whose triangles look different ways."""
    if edges.gaps:
        raise RefusedError(
            f"its surface is not closed: {edges.gaps} edges of {edges.all} have a gap beside them;"
            " close the holes in the program it was drawn with"
        )
    if edges.turned:
        raise RefusedError(
            f"some triangles face inwards ({edges.turned} edges disagree): recalculate the normals in"
            " the program it was drawn with"
        )


def _clean_volume(
    vertices: NDArray[np.int64],
    faces: NDArray[np.int64],
    found: surface.Pieces,
    warnings: list[str],
) -> tuple[float, int]:
    """Return the volume in mm3 and the number of bodies of a surface without a shared edge.

    Such a surface is a solid as it is; it is only put together anew where boxes of bodies overlap.
    """
    volume = float(found.volumes_mm3.sum())
    solid = found.volumes_mm3 > _NO_BODY_MM3
    if volume <= 0 or not solid.any():
        raise RefusedError("it is no solid body: repair it in the program it was drawn with")
    lows, highs = found.lows_mm[solid], found.highs_mm[solid]
    if len(lows) == 1:
        return volume, 1
    _refuse_many(len(lows))
    _refuse_hanging(
        [(*low, *high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
    )
    apart = (lows[:, None] >= highs[None]) | (highs[:, None] <= lows[None])
    meet = ~apart.any(axis=2)
    if meet.sum() > len(lows):  # each meets itself
        return _solid_volume(vertices, faces, volume, warnings)
    _warn_of_bodies(len(lows), warnings)
    return volume, len(lows)


def _solid_volume(
    vertices: NDArray[np.int64], faces: NDArray[np.int64], volume: float, warnings: list[str]
) -> tuple[float, int]:
    """Return the volume in mm3, what bodies share counted once, and the number of bodies.

    Refuses what is no solid, and a body that would be printed in the air.
    """
    import manifold3d  # noqa: PLC0415  # most files do without

    mesh = manifold3d.Mesh(
        vert_properties=(vertices / _ROUND).astype(np.float32), tri_verts=faces.astype(np.uint32)
    )
    mesh.merge()
    solid = manifold3d.Manifold(mesh)
    if volume <= 0:
        raise RefusedError("it is no solid body: repair it in the program it was drawn with")
    if solid.status() != manifold3d.Error.NoError:
        raise RefusedError(
            f"it is no solid body ({solid.status().name}): repair it in the program it was drawn with"
        )
    if abs(solid.volume() - volume) > _SAME_VOLUME * volume:
        raise RefusedError(
            f"its volume cannot be told: {volume / 1000:.2f} or {solid.volume() / 1000:.2f} cm3;"
            " repair it in the program it was drawn with"
        )
    pieces = solid.decompose()
    bodies = [piece for piece in pieces if piece.volume() > _NO_BODY_MM3]
    hollow = any(piece.volume() < -_NO_BODY_MM3 for piece in pieces)
    if len(bodies) <= 1:
        return volume, 1
    _refuse_many(len(bodies))
    _refuse_hanging([body.bounding_box() for body in bodies])
    # A cavity is a surface of its own: a union would fill it.
    union = volume if hollow else _union(bodies)
    if union < volume * (1 - _SAME_VOLUME):
        warnings.append(f"{len(bodies)} bodies overlap; what they share is counted once")
        return union, len(bodies)
    _warn_of_bodies(len(bodies), warnings)
    return volume, len(bodies)


def _refuse_many(bodies: int) -> None:
    if bodies > MOST_BODIES:
        raise RefusedError(
            f"it falls apart into {bodies} bodies, more than {MOST_BODIES}: join them in the program"
            " it was drawn with"
        )


def _warn_of_bodies(bodies: int, warnings: list[str]) -> None:
    warnings.append(
        f"it has {bodies} separate bodies, which are printed and counted as one piece;"
        " if they are parts laid out on a plate, export one part alone: fabnet fills the bed"
    )


def _union(bodies: list[manifold3d.Manifold]) -> float:
    import manifold3d  # noqa: PLC0415

    return float(manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add).volume())


def _refuse_hanging(boxes: list[tuple[float, ...]]) -> None:
    """Refuse a body that begins above the bed where no other lies under it: x0 y0 z0 x1 y1 z1."""
    for box in boxes:
        under = (
            other
            for other in boxes
            if other is not box
            and other[2] < box[2]
            and other[0] < box[3]
            and box[0] < other[3]
            and other[1] < box[4]
            and box[1] < other[4]
        )
        if box[2] > _HANGS_MM and next(under, None) is None:
            raise RefusedError(
                f"one of its {len(boxes)} bodies hangs {box[2]:.1f} mm above the bed with nothing"
                " under it: put it on the bed, or export the part alone"
            )


def _write(content: bytes, folder: Path) -> str:
    """Write the canonical mesh; return its SHA-256, which is its name."""
    sha256 = hashlib.sha256(content).hexdigest()
    (folder / sha256).write_bytes(content)
    return sha256


def _facts(normals: NDArray[np.float64], volume: float) -> dict[str, float]:
    upright = normals[:, 2]
    flat = normals[:, 0] ** 2 + normals[:, 1] ** 2
    return {
        "volume_mm3": round(volume, 3),
        "side_mm2": round(float(np.sqrt(flat).sum()), 3),
        "up_mm2": round(float(upright.clip(min=0).sum()), 3),
        "down_mm2": round(float((-upright).clip(min=0).sum()), 3),
        "triangles": len(normals),
    }
