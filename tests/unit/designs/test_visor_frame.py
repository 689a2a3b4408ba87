"""The catalogue's visor: what the generator makes is what was committed, and can be printed."""

import struct

import numpy as np
import pytest
import shapely
import trimesh

from designs.catalogue.visor_frame import VisorFrame, build, outer_face


def read_again(triangles, folder):
    """The mesh after a round trip through a file of 32-bit floats."""
    path = folder / "frame.stl"
    with path.open("wb") as file:
        file.write(bytes(80) + struct.pack("<I", len(triangles)))
        for triangle in triangles:
            file.write(bytes(12) + triangle.astype("<f4").tobytes() + bytes(2))
    return trimesh.load_mesh(path)


def test_it_is_one_closed_body_after_a_round_trip(tmp_path):
    mesh = read_again(build(), tmp_path)
    assert mesh.is_watertight
    assert mesh.is_volume
    assert mesh.body_count == 1
    assert mesh.bounds[0][2] == 0.0


def test_other_measures_give_a_closed_body_too(tmp_path):
    small = VisorFrame(head_width_mm=140.0, wall_mm=2.0, height_mm=6.0, pin_diameter_mm=5.0)
    mesh = read_again(build(small), tmp_path)
    assert mesh.is_volume
    assert mesh.body_count == 1
    assert mesh.extents[2] == pytest.approx(6.0)


def test_it_fits_a_bed_of_180_mm():
    size = np.ptp(build().reshape(-1, 3), axis=0)
    assert max(size[0], size[1]) <= 176.0


def test_the_pins_meet_the_holes_of_an_office_punch():
    vertices = build().reshape(-1, 3)
    face = outer_face(VisorFrame())
    points = shapely.points(vertices[:, :2])
    inside = shapely.Polygon([*face.coords, (0.0, -20.0)])
    knobs = (
        (face.distance(points) > 3.0) & ~shapely.contains(inside, points) & (vertices[:, 1] > 20)
    )
    along = np.sort(shapely.line_locate_point(face, points[knobs]))
    groups = np.split(along, np.nonzero(np.diff(along) > 20.0)[0] + 1)
    middles = [(group.min() + group.max()) / 2 for group in groups]
    # ISO 838 holes are 6 mm wide: each of our 5.4 mm pins may be 0.3 mm off.
    assert np.diff(middles) == pytest.approx([80.0] * 3, abs=0.3)
