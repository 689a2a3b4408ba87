"""Reads one untrusted model file, checks it and writes the canonical mesh. Runs in a child process only.

`designs.mesh` starts it, because parsers of model files can be made to use any amount of memory and
time. The limits are set before anything is read; only numbers and sentences come back, as one JSON
line. The canonical mesh is a binary STL whose lowest corner is the origin, whose vertices are
rounded to 1 um, and whose triangles are sorted: the same body gives the same bytes.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import trimesh
    from numpy.typing import NDArray

MEMORY_BYTES = 2 << 30
CPU_S = 60
FILE_BYTES = 256 << 20
OPEN_FILES = 64

MOST_TRIANGLES = 1_000_000
SMALLEST_MM = 5.0
LARGEST_MM = 2000.0
#: Below this a part is accepted, but is more often a file in inches than a tiny part.
_DOUBTFUL_MM = 15.0
_INCH_MM = 25.4

_MOST_ZIP_PARTS = 200
_MOST_UNZIPPED = 128 << 20
_MOST_ZIP_RATIO = 100
_ROUND = 1000.0  # 1 um
#: What manifold3d's volume may differ by, for its reading of a mesh to be the same body.
_SAME_VOLUME = 0.001


class _RefusedError(Exception):
    """The file cannot be printed; the message is for the maker."""


def main() -> None:
    """Measure `argv[1]` (of the kind `argv[2]`), write the mesh to `argv[3]`, print JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, kind, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    try:
        answer = _measure(source, kind, target)
    except _RefusedError as refused:
        answer = {"refused": str(refused)}
    except MemoryError:
        answer = {"refused": "it needs more than 2 GiB of memory to read: simplify the model"}
    sys.stdout.write(json.dumps(answer) + "\n")


def _measure(source: Path, kind: str, target: Path) -> dict[str, Any]:
    import numpy as np  # noqa: PLC0415  # after the limits are set

    soup = _load(source, kind)
    if not len(soup):
        raise _RefusedError("there is no triangle in it: export it again")
    if len(soup) > MOST_TRIANGLES:
        raise _RefusedError(
            f"{len(soup)} triangles are more than {MOST_TRIANGLES}: simplify the model"
        )
    if not np.isfinite(soup).all():
        raise _RefusedError(
            "some of its coordinates are no numbers (NaN or infinite): export again"
        )
    warnings = _check_size(np.ptp(soup.reshape(-1, 3), axis=0))
    vertices, faces = _weld(soup)
    if not len(faces):
        raise _RefusedError("all of its triangles have no area")
    signed = _signed_volume(vertices, faces)
    if signed < 0:
        faces = faces[:, ::-1]
        warnings.append("its surface was inside out and has been turned round")
    warnings += _check_closed(faces)
    volume = _solid_volume(vertices, faces, abs(signed), warnings)
    _write(vertices, faces, target)
    return _facts(vertices, faces, volume) | {"warnings": warnings}


def _load(source: Path, kind: str) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415
    import trimesh  # noqa: PLC0415

    if kind == "3mf":
        return _load_3mf(source)
    try:
        mesh = trimesh.load_mesh(source, file_type=kind, process=False)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _RefusedError(f"it cannot be read as {kind.upper()}: {error}") from error
    return np.asarray(mesh.triangles, dtype=np.float64).reshape(-1, 3, 3)


def _load_3mf(source: Path) -> NDArray[np.float64]:
    import lxml.etree  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import trimesh  # noqa: PLC0415

    try:
        _sniff_3mf(source)
        scene = trimesh.load_scene(source, file_type="3mf", process=False)
    except (
        zipfile.BadZipFile, NotImplementedError, EOFError, lxml.etree.LxmlError,
        ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise _RefusedError(f"it cannot be read as 3MF: {error}") from error
    nodes = scene.graph.nodes_geometry
    if len(nodes) != 1:
        raise _RefusedError(
            f"it holds {len(nodes)} bodies on a plate: export one part alone, fabnet fills the bed"
        )
    mesh: trimesh.Trimesh = scene.to_mesh()
    if scene.units is not None:
        mesh.units = scene.units
        mesh.convert_units("mm")
    return np.asarray(mesh.triangles, dtype=np.float64).reshape(-1, 3, 3)


def _sniff_3mf(source: Path) -> None:
    """Refuse archives that would grow without bound, before any XML parser sees them."""
    with zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        unzipped = sum(entry.file_size for entry in entries)
        if len(entries) > _MOST_ZIP_PARTS:
            raise _RefusedError(f"its archive has {len(entries)} parts: export the part alone")
        if unzipped > min(_MOST_UNZIPPED, _MOST_ZIP_RATIO * source.stat().st_size):
            raise _RefusedError(
                f"its archive would grow to {unzipped >> 20} MiB: simplify the model"
            )
        for entry in entries:
            lower = entry.filename.lower()
            if lower.endswith(".model"):
                _sniff_model(archive.read(entry))
            elif lower.endswith("model.config"):
                _sniff_config(archive.read(entry))


def _sniff_model(text: bytes) -> None:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise _RefusedError("it defines XML entities, which no 3MF needs: export it again")
    if len(re.findall(rb"<(?:\w+:)?component\b", text)) > _MOST_ZIP_PARTS:
        raise _RefusedError("it is put together from too many components: export one part alone")


def _sniff_config(text: bytes) -> None:
    kinds = set(re.findall(rb'key="volume_type"\s+value="(\w+)"', text))
    if kinds - {b"ModelPart"}:
        raise _RefusedError(
            "it holds modifiers or supports of a slicer's project: export the part alone as STL"
        )


def _check_size(size: NDArray[np.float64]) -> list[str]:
    """Return warnings; refuse what cannot be meant in mm."""
    largest = float(size.max())
    shown = " x ".join(f"{side:.4g}" for side in size)
    if largest > LARGEST_MM:
        raise _RefusedError(
            f"it measures {shown} mm, more than {LARGEST_MM:.0f}: export it in millimetres"
        )
    if largest < SMALLEST_MM:
        metres = largest * 1000.0
        guess = (
            f"metres? That would be {metres:.0f} mm"
            if SMALLEST_MM < metres < LARGEST_MM
            else f"inches? That would be {largest * _INCH_MM:.0f} mm"
        )
        raise _RefusedError(
            f"it measures {shown} mm. Was it drawn in {guess}; export it in millimetres"
        )
    if largest < _DOUBTFUL_MM:
        return [
            f"it is only {largest:.1f} mm long; in inches it would be {largest * _INCH_MM:.0f} mm"
        ]
    return []


def _weld(soup: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return vertices in whole um from the lowest corner, and faces in canonical order."""
    import numpy as np  # noqa: PLC0415

    points = soup.reshape(-1, 3)
    rounded = np.rint((points - points.min(axis=0)) * _ROUND).astype(np.int64)
    vertices, index = np.unique(rounded, axis=0, return_inverse=True)
    faces = index.reshape(-1, 3)
    # A triangle that lost a side closes without a gap; one that is only flat holds a seam together.
    distinct = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    return vertices, faces[distinct]


def _signed_volume(vertices: NDArray[np.int64], faces: NDArray[np.int64]) -> float:
    import numpy as np  # noqa: PLC0415

    a, b, c = (vertices[faces[:, i]] / _ROUND for i in range(3))
    return float((np.cross(a, b) * c).sum() / 6.0)


def _check_closed(faces: NDArray[np.int64]) -> list[str]:
    """Refuse a surface with a gap, or whose triangles look different ways; return warnings."""
    import numpy as np  # noqa: PLC0415

    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forward = directed[:, 0] < directed[:, 1]
    edges, index = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True)
    used = np.bincount(index.ravel(), minlength=len(edges))
    balance = np.bincount(index.ravel(), weights=np.where(forward, 1, -1), minlength=len(edges))
    gaps = int((used % 2 == 1).sum())
    if gaps:
        raise _RefusedError(
            f"its surface is not closed: {gaps} edges of {len(edges)} have a gap beside them;"
            " close the holes in the program it was drawn with"
        )
    turned = int((balance != 0).sum())
    if turned:
        raise _RefusedError(
            f"some triangles face inwards ({turned} edges disagree): recalculate the normals in the"
            " program it was drawn with"
        )
    shared = int((used > 2).sum())  # noqa: PLR2004  # two triangles share a clean edge
    return [f"{shared} edges are shared by more than two triangles"] if shared else []


def _solid_volume(
    vertices: NDArray[np.int64], faces: NDArray[np.int64], volume: float, warnings: list[str]
) -> float:
    """Return the volume in mm3, bodies that overlap counted once; refuse what is no solid."""
    import manifold3d  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    mesh = manifold3d.Mesh(
        vert_properties=(vertices / _ROUND).astype(np.float32), tri_verts=faces.astype(np.uint32)
    )
    mesh.merge()
    solid = manifold3d.Manifold(mesh)
    if solid.status() != manifold3d.Error.NoError or volume <= 0:
        raise _RefusedError(
            f"it is no solid body ({solid.status().name}): repair it in the program it was drawn with"
        )
    if abs(solid.volume() - volume) > _SAME_VOLUME * volume:
        raise _RefusedError(
            f"its volume cannot be told: {volume / 1000:.2f} or {solid.volume() / 1000:.2f} cm3;"
            " repair it in the program it was drawn with"
        )
    bodies = solid.decompose()
    if len(bodies) == 1 or any(body.volume() <= 0 for body in bodies):
        return volume
    union = manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add).volume()
    if union < volume * (1 - _SAME_VOLUME):
        warnings.append(f"{len(bodies)} bodies overlap; what they share is counted once")
        return float(union)
    warnings.append(f"it has {len(bodies)} separate bodies")
    return volume


def _write(vertices: NDArray[np.int64], faces: NDArray[np.int64], target: Path) -> None:
    import numpy as np  # noqa: PLC0415

    first = faces.argmin(axis=1)
    rows = np.arange(len(faces))
    turned = np.stack([faces[rows, (first + i) % 3] for i in range(3)], axis=1)
    turned = turned[np.lexsort((turned[:, 2], turned[:, 1], turned[:, 0]))]
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.zeros(len(turned), dtype=record)
    data["corners"] = vertices[turned] / _ROUND
    header = b"fabnet canonical mesh, mm".ljust(80, b"\0")
    target.write_bytes(header + len(turned).to_bytes(4, "little") + data.tobytes())


def _facts(
    vertices: NDArray[np.int64], faces: NDArray[np.int64], volume: float
) -> dict[str, float | list[float]]:
    import numpy as np  # noqa: PLC0415

    a, b, c = (vertices[faces[:, i]] / _ROUND for i in range(3))
    normal = np.cross(b - a, c - a) / 2.0
    area = np.linalg.norm(normal, axis=1)
    side = np.sqrt(np.clip(area**2 - normal[:, 2] ** 2, 0.0, None))
    return {
        "extents_mm": [float(size) for size in vertices.max(axis=0) / _ROUND],
        "volume_mm3": round(volume, 3),
        "side_mm2": round(float(side.sum()), 3),
        "up_mm2": round(float(normal[:, 2].clip(min=0).sum()), 3),
        "down_mm2": round(float((-normal[:, 2]).clip(min=0).sum()), 3),
        "triangles": len(faces),
    }
