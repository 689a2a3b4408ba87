"""Pictures of plates: the copies lie where the layout puts them, and no part is too large to be drawn."""

import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from designs.model import Bed, Layout, Placement
from designs.plate_view import coarse, draw_plate
from designs.thumbnails import PICTURES, why_no_png, why_no_qoi

ICON, SCREEN = "Metadata/thumbnail_16x16.png", "Metadata/thumbnail.png"
BED = Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0)


def soup(mesh):
    triangles = np.asarray(mesh.triangles, dtype=np.float32)
    return triangles - triangles.min(axis=(0, 1))


CUBE = soup(trimesh.creation.box(extents=(30, 30, 10)))


def layout(*places, angle_deg=0.0):
    placements = tuple(Placement(angle_deg=angle_deg, x_mm=x, y_mm=y) for x, y in places)
    return Layout(bed=BED, placements=placements)


def drawn_of(triangles, laid):
    return draw_plate([triangles], [(0, each) for each in laid.placements], laid.bed)


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def seen(picture):
    """Return where parts are, and where the bed is: parts are orange, the bed is rather blue."""
    solid = picture[..., 3] > 200
    red, blue = picture[..., 0], picture[..., 2]
    return solid & (red > blue + 30), solid & (blue >= red)


def middle(mask):
    rows, columns = np.nonzero(mask)
    return columns.mean(), rows.mean()


def test_they_are_plain_pictures_of_the_right_sizes_and_the_same_each_time():
    drawn = drawn_of(CUBE, layout((20, 20), (120, 90)))
    assert tuple(drawn) == tuple(PICTURES)
    for name, size in PICTURES.items():
        why_no = why_no_png if name.endswith(".png") else why_no_qoi
        assert why_no(drawn[name], size) == ""
        assert len(drawn[name]) < 10_000
    assert drawn_of(CUBE.copy(), layout((20, 20), (120, 90))) == drawn


def test_a_qoi_shows_what_its_png_shows():
    drawn = drawn_of(soup(trimesh.creation.icosphere(radius=30)), layout((20, 20), (120, 90)))
    for size in set(PICTURES.values()):
        one, other = (pixels(drawn[name]) for name, each in PICTURES.items() if each == size)
        assert np.array_equal(one, other)
        assert len(np.unique(one.reshape(-1, 4), axis=0)) > 10


@pytest.mark.parametrize(("x", "y"), [(5, 5), (165, 5), (5, 165), (165, 165)])
def test_a_copy_is_seen_where_it_lies_from_the_front(x, y):
    parts, bed = seen(pixels(drawn_of(CUBE, layout((x, y)))[SCREEN]))
    assert 100 < parts.sum() < bed.sum() / 10
    across, down = middle(parts)
    assert (across > 110) == (x > 100)
    assert (down < 62) == (y > 100), "what lies behind is further up"


def test_more_copies_are_more_to_be_seen_and_turned_ones_are_turned():
    one, _ = seen(pixels(drawn_of(CUBE, layout((20, 20)))[SCREEN]))
    two, _ = seen(pixels(drawn_of(CUBE, layout((20, 20), (120, 120)))[SCREEN]))
    assert two.sum() == pytest.approx(2 * one.sum(), rel=0.05)
    bar = soup(trimesh.creation.box(extents=(100, 10, 10)))
    lying, _ = seen(pixels(drawn_of(bar, layout((50, 100)))[SCREEN]))
    standing, _ = seen(pixels(drawn_of(bar, layout((100, 50), angle_deg=90.0))[SCREEN]))
    assert lying.any(axis=0).sum() > 4 * standing.any(axis=0).sum()


def test_the_icon_shows_the_parts_and_no_bed():
    parts, bed = seen(pixels(drawn_of(CUBE, layout((85, 85)))[ICON]))
    assert parts.sum() > 60
    assert not bed.any()


def test_a_part_of_many_triangles_is_drawn_from_fewer_and_looks_alike():
    ball = soup(trimesh.creation.icosphere(subdivisions=5, radius=40))
    few = coarse(ball, 3000)
    assert 12 < len(few) <= 3000 < len(ball)
    # Within a grid's step, and as large as it was.
    assert few.min() >= -4
    assert np.ptp(few.reshape(-1, 3), axis=0) == pytest.approx((80, 80, 80), abs=4)
    whole, _ = seen(pixels(drawn_of(ball, layout((60, 60)))[SCREEN]))
    less, _ = seen(pixels(drawn_of(few, layout((60, 60)))[SCREEN]))
    assert (whole ^ less).sum() < 0.15 * whole.sum()
    assert coarse(ball, len(ball)) is ball


def test_a_round_bed_is_drawn_round():
    place = [(0, Placement(angle_deg=0.0, x_mm=85.0, y_mm=85.0))]
    wide = {}
    for is_round in (False, True):
        bed = Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0, round=is_round)
        _, shown = seen(pixels(draw_plate([CUBE], place, bed)[SCREEN]))
        rows = np.flatnonzero(shown.any(axis=1))
        # As seen from the front: how wide its nearest edge is, beside its widest row.
        wide[is_round] = shown[rows[-4]].sum() / shown.sum(axis=1).max()
    assert wide[True] < 0.6
    assert wide[False] > 0.9


def test_of_a_part_that_grows_no_coarser_its_box_is_left():
    noise = (np.random.default_rng(1).random((400, 3, 3)) * 100).astype(np.float32)
    box = coarse(noise, 1)
    assert len(box) == 12
    corners = box.reshape(-1, 3)
    assert corners.min(axis=0) == pytest.approx(noise.min(axis=(0, 1)))
    assert corners.max(axis=0) == pytest.approx(noise.max(axis=(0, 1)))
    whole = trimesh.Trimesh(*trimesh.triangles.to_kwargs(box).values(), process=True)
    assert whole.is_watertight
    assert whole.volume > 0
