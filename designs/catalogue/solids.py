"""From outlines to bodies: what all parts of the catalogue need. Lengths in mm."""

from __future__ import annotations

import manifold3d
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

#: Features smaller than this are merged away before export: an STL keeps 32-bit floats, and vertices
#: that fall together when it is read again would open the mesh.
_SIMPLIFY_MM = 0.01


def extrude(outline: Polygon | MultiPolygon, height_mm: float) -> manifold3d.Manifold:
    """Return the body that stands on the bed with this outline."""
    rings = []
    for polygon in shapely.get_parts(outline):
        rings += [np.asarray(ring.coords)[:-1] for ring in (polygon.exterior, *polygon.interiors)]
    section = manifold3d.CrossSection(rings, manifold3d.FillRule.EvenOdd)
    return section.extrude(height_mm)


def rounded(outline: Polygon, outer_mm: float, inner_mm: float) -> Polygon:
    """Return an outline with its outer and inner corners rounded: nothing scratches or cracks."""
    inner = outline.buffer(inner_mm, quad_segs=6).buffer(-inner_mm, quad_segs=6)
    return inner.buffer(-outer_mm, quad_segs=6).buffer(outer_mm, quad_segs=6).simplify(0.01)


def triangles(solid: manifold3d.Manifold) -> NDArray[np.float32]:
    """Return a body's triangles, shape (n, 3, 3), closed also after a round trip through an STL."""
    mesh = solid.simplify(_SIMPLIFY_MM).to_mesh()
    vertices = np.asarray(mesh.vert_properties, dtype=np.float32)[:, :3]
    found: NDArray[np.float32] = vertices[np.asarray(mesh.tri_verts)]
    return found
