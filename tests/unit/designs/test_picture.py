"""Pictures: of the right size, of the right thing, the same each time, and soon enough."""

import io
import re

import numpy as np
import pytest
import shapely
import trimesh
from PIL import Image
from shapely.geometry import Polygon, box

from designs.catalogue import visor_frame
from designs.model import Bed, Layout, Placement
from designs.packing import footprint, pack
from designs.picture import SIZE, bed_path, draw

#: Large enough for what is asked of most pictures, and soon drawn.
SMALL = 120, 90


def soup(mesh):
    return np.asarray(mesh.triangles, dtype=np.float32)


def pixels(png):
    """RGBA as (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)


@pytest.fixture(scope="module")
def ball():
    return pixels(draw(soup(trimesh.creation.icosphere(subdivisions=4, radius=30))))


def test_a_ball_is_a_disc_on_nothing(ball):
    assert ball.shape == (SIZE[1], SIZE[0], 4)
    shown = ball[:, :, 3] > 128
    rows, columns = np.nonzero(shown)
    high, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert high == pytest.approx(0.94 * SIZE[1], abs=2)
    assert wide == pytest.approx(high, abs=2)
    assert shown.sum() == pytest.approx(np.pi / 4 * high * wide, rel=0.01)
    assert ball[0, 0, 3] == 0


def test_light_comes_from_above_and_a_round_surface_is_smooth(ball):
    across = ball[:, SIZE[0] // 2, 0]
    lit, dark = across[30], across[-12]
    assert lit > dark + 60
    steps = np.abs(np.diff(ball[20:-20, SIZE[0] // 2, 0]))
    assert steps.max() < 12, "no facet and no band stands out"


def test_the_edges_of_a_cube_are_sharp():
    cube = pixels(draw(soup(trimesh.creation.box(extents=(20, 20, 20))), SMALL))
    colours = {tuple(c // 12) for c in cube[cube[:, :, 3] > 250][:, :3]}
    assert len(colours) < 60
    across = cube[:, SMALL[0] // 2]
    middle = across[across[:, 3] > 250][:, 0]
    assert np.abs(np.diff(middle)).max() > 40


def test_what_is_in_front_hides_what_is_behind():
    """The hole of a ring shows the background; a lid on it hides the hole."""
    ring = trimesh.creation.annulus(r_min=15, r_max=25, height=4)
    lid = trimesh.creation.cylinder(radius=20, height=2)
    lid.apply_translation((0, 0, 8))
    holed = pixels(draw(soup(ring), SMALL))
    closed = pixels(draw(soup(trimesh.util.concatenate([ring, lid])), SMALL))
    assert holed[SMALL[1] // 2, SMALL[0] // 2, 3] == 0
    assert closed[SMALL[1] // 2, SMALL[0] // 2, 3] > 250


def test_it_stands_out_on_white_and_on_black(ball):
    shown = ball[ball[:, :, 3] > 250][:, :3]
    mean = shown.mean(axis=0)
    assert np.abs(255 - mean).max() > 120
    assert mean.max() > 120


def test_the_same_mesh_gives_the_same_bytes():
    triangles = visor_frame.build()
    assert draw(triangles, SMALL) == draw(triangles, SMALL)
    assert len(draw(triangles)) < 20_000


def test_a_sliver_and_a_fan_are_drawn_too():
    angles = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    rim = np.stack([30 * np.cos(angles), 30 * np.sin(angles), np.full(3000, 0.01)], axis=1)
    fan = np.stack([np.broadcast_to([0.0, 0.0, 0.01], rim.shape), rim, np.roll(rim, -1, 0)], axis=1)
    shown = pixels(draw(fan.astype(np.float32), SMALL))[:, :, 3] > 128
    assert shown.sum() > 0.2 * SMALL[0] * SMALL[1]


def rings_of(path, bed):
    rings = []
    for ring in re.findall(r"M([^Z]*)Z", path):
        points = [tuple(map(float, pair.split())) for pair in ring.split("L")]
        rings.append(Polygon([(x, bed.y_mm - y) for x, y in points]))
    return rings


def test_a_plate_is_drawn_where_its_copies_lie():
    bed = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0)
    shadow = footprint(visor_frame.build())
    layout = pack(shadow, bed, limit=2)
    rings = rings_of(bed_path(layout, shadow), bed)
    assert len(rings) >= 2
    outer = sorted(rings, key=lambda ring: -ring.area)[:2]
    assert all(box(1, 1, 249, 209).covers(ring) for ring in rings)
    assert outer[0].exterior.distance(outer[1].exterior) > 1.5
    assert shapely.union_all(rings).area > shadow.area


def test_a_hole_is_a_ring_of_its_own_and_an_empty_plate_is_empty():
    bed = Bed(x_mm=100.0, y_mm=50.0, margin_mm=0.0)
    frame = box(0, 0, 20, 20).difference(box(5, 5, 15, 15))
    layout = Layout(bed=bed, placements=(Placement(angle_deg=0.0, x_mm=10.0, y_mm=0.0),))
    path = bed_path(layout, frame)
    assert sorted(ring.area for ring in rings_of(path, bed)) == [100.0, 400.0]
    assert "10.0 50.0" in path, "y points down"
    assert bed_path(Layout(bed=bed, placements=()), frame) == ""


def test_gaps_are_marked_in_front_of_everything():
    ring = trimesh.creation.annulus(r_min=15, r_max=25, height=4)
    behind = [(*ring.bounds[0], *ring.bounds[1])]
    plain, marked = (pixels(draw(soup(ring), SMALL, marks_mm=m)).astype(int) for m in ((), behind))
    red = (marked[:, :, 0] > 150) & (marked[:, :, 1] < 60) & (marked[:, :, 3] > 200)
    assert red.sum() > 100
    assert not ((plain[:, :, 0] > 150) & (plain[:, :, 1] < 60) & (plain[:, :, 3] > 200)).any()


def test_the_inside_of_an_open_surface_is_drawn():
    """Seen from above, a box without its lid shows its floor and the inner sides of its walls."""
    box_mesh = trimesh.creation.box((30, 30, 20))
    open_box = soup(box_mesh)[box_mesh.face_normals[:, 2] < 0.5]
    marked = pixels(draw(open_box, SMALL, marks_mm=[(0, 0, 20, 1, 0, 20)]))
    assert marked[SMALL[1] // 2, SMALL[0] // 2, 3] > 250
