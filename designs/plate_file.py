"""Copies of one part on a bed, as one 3MF file; and the shadow of a canonical mesh.

Written by ourselves, byte for byte the same for the same input: a plate is named by the hash of
its file, and a second try must find the first one's slice.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from designs.model import Layout, Placement

_HEADER = 84
_TRIANGLE = np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
_EPOCH = (2020, 1, 1, 0, 0, 0)
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>'
    "</Types>"
)
_RELATIONS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0"'
    ' Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


def triangles_of(stl: Path) -> NDArray[np.float64]:
    """Return the triangles (n, 3, 3) of one of our own canonical STL files, in mm."""
    return np.frombuffer(stl.read_bytes(), _TRIANGLE, offset=_HEADER)["v"].astype(float)


def footprint(stl: Path) -> BaseGeometry:
    """Return the shadow of a canonical mesh on the bed: the union of its projected triangles."""
    flat = triangles_of(stl)[:, :, :2]
    shadows = shapely.polygons(flat)
    shadows = shadows[shapely.area(shadows) > 1e-9]  # noqa: PLR2004 - upright faces cast none
    # Grown by a hair, so that neighbours join into one shape.
    return shapely.union_all(shapely.buffer(shadows, 0.02, quad_segs=1)).simplify(0.05)


def plate_bytes(stl: Path, layout: Layout) -> bytes:
    """Return a 3MF with one object and one item for each placement."""
    points, corners = np.unique(triangles_of(stl).reshape(-1, 3), axis=0, return_inverse=True)
    vertices = "".join(f'<vertex x="{x:.3f}" y="{y:.3f}" z="{z:.3f}"/>' for x, y, z in points)
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in corners.reshape(-1, 3))
    items = "".join(f'<item objectid="1" transform="{_matrix(p)}"/>' for p in layout.placements)
    model = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<model unit="millimeter"'
        ' xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>'
        f'<object id="1" type="model"><mesh><vertices>{vertices}</vertices>'
        f"<triangles>{faces}</triangles></mesh></object></resources><build>{items}</build></model>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _RELATIONS),
            ("3D/3dmodel.model", model),
        ):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, text)
    return buffer.getvalue()


def _matrix(placement: Placement) -> str:
    """Return 3MF's 4x3 matrix, row by row: points are rows, multiplied from the left."""
    angle = math.radians(placement.angle_deg)
    cos, sin = round(math.cos(angle), 9), round(math.sin(angle), 9)
    return f"{cos} {sin} 0 {-sin} {cos} 0 0 0 1 {placement.x_mm} {placement.y_mm} 0"
