"""Writes a plate as one 3MF file: each mesh once, an item for each copy, and pictures for screens.

Same plate, same bytes.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from designs.mesh import read_canonical
from designs.model import Bed, KitLayout, Layout, Placement
from designs.plate_view import draw_plate

#: The oldest time that a ZIP can tell: a plate has no date.
_NO_DATE = (1980, 1, 1, 0, 0, 0)

_Triangles: TypeAlias = NDArray[np.float32]

_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model"'
    ' ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>'
    '<Default Extension="png" ContentType="image/png"/>'
    '<Default Extension="qoi" ContentType="image/qoi"/>'
    "</Types>\n"
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rel0" Target="/3D/3dmodel.model"'
    ' Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'
    '<Relationship Id="rel1" Target="/Metadata/thumbnail.png"'
    ' Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail"/>'
    "</Relationships>\n"
)


def write_plate(mesh_stl: Path, layout: Layout, out: Path) -> str:
    """Write the 3MF of a canonical mesh laid out on a bed; return its SHA-256 in hex."""
    items = [(0, each) for each in layout.placements]
    return _write([read_canonical(mesh_stl)], items, layout.bed, out)


def write_kits(meshes_stl: Mapping[str, Path], layout: KitLayout, out: Path) -> str:
    """Write the 3MF of whole kits on a bed; return its SHA-256 in hex.

    Args:
        meshes_stl: the canonical mesh of each part, by the id that it has in the layout.
        layout: where they lie.
        out: the file to write.
    """
    parts = sorted(meshes_stl)
    items = [(parts.index(each.part), each.placement) for each in layout.placements]
    return _write([read_canonical(meshes_stl[part]) for part in parts], items, layout.bed, out)


def _write(
    meshes: Sequence[_Triangles], items: Sequence[tuple[int, Placement]], bed: Bed, out: Path
) -> str:
    content: dict[str, str | bytes] = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "3D/3dmodel.model": "".join(_model(meshes, items)),
        **draw_plate(meshes, items, bed),
    }
    with out.open("wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in content.items():
                entry = zipfile.ZipInfo(name, _NO_DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(out.read_bytes()).hexdigest()


def _model(meshes: Sequence[_Triangles], items: Sequence[tuple[int, Placement]]) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<model unit="millimeter" xml:lang="en-US"'
        ' xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">\n'
        "<resources>"
    )
    for number, mesh in enumerate(meshes, 1):
        yield from _object(number, mesh)
    yield "</resources>\n<build>\n"
    for number, placement in items:
        yield f'<item objectid="{number + 1}" transform="{_transform(placement)}"/>\n'
    yield "</build></model>\n"


def _object(number: int, triangles: _Triangles) -> Iterator[str]:
    corners = np.rint(triangles.reshape(-1, 3).astype(np.float64) * 1000.0)
    vertices, index = np.unique(corners.astype(np.int64), axis=0, return_inverse=True)
    yield f'<object id="{number}" type="model"><mesh><vertices>\n'
    for x, y, z in vertices.tolist():
        yield f'<vertex x="{x / 1000:.3f}" y="{y / 1000:.3f}" z="{z / 1000:.3f}"/>\n'
    yield "</vertices><triangles>\n"
    for a, b, c in index.reshape(-1, 3).tolist():
        yield f'<triangle v1="{a}" v2="{b}" v3="{c}"/>\n'
    yield "</triangles></mesh></object>"


def _transform(placement: Placement) -> str:
    """The 3MF matrix, row by row for row vectors: turn about z, then move."""
    angle = math.radians(placement.angle_deg)
    sin, cos = math.sin(angle), math.cos(angle)
    rows = ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1), (placement.x_mm, placement.y_mm, 0))
    # "+ 0.0" makes a zero of a minus zero.
    return " ".join(f"{round(value, 9) + 0.0:.9g}" for row in rows for value in row)
