"""Beds that are round or have zones that stay empty: nothing lies there, and plain beds stay as they were."""

import math

import msgspec
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from designs.catalogue import visor_frame
from designs.model import Bed, Layout
from designs.packing import centred, footprint, hull, pack
from tests.unit.designs.layouts import lies, wrong_places

GAP_MM = 2.0
ROUND = Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0, round=True)


def broken(shadow, layout):
    return wrong_places([lies(shadow, p) for p in layout.placements], layout.bed, GAP_MM)


def test_a_plain_bed_is_kept_under_the_key_that_it_always_had():
    plain = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0, keep_out=tuple(iter(())))
    key = b'{"x_mm":250.0,"y_mm":210.0,"margin_mm":2.0}'
    assert msgspec.json.encode(plain) == key
    layout = b'{"bed":' + key + b',"placements":[]}'
    assert msgspec.json.encode(Layout(bed=plain, placements=())) == layout
    assert msgspec.json.decode(layout, type=Layout).bed == plain


def test_other_beds_have_keys_of_their_own():
    with_zone = Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0, keep_out=((0.0, 0.0, 20.0, 20.0),))
    plain = Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0)
    assert len({msgspec.json.encode(bed) for bed in (plain, ROUND, with_zone)}) == 3
    for bed in (ROUND, with_zone):
        layout = Layout(bed=bed, placements=())
        assert msgspec.json.decode(msgspec.json.encode(layout), type=Layout) == layout


def test_a_disc_as_wide_as_the_circle_lies_in_its_middle():
    disc = Point(7, 3).buffer(97.99)
    layout = pack(disc, ROUND)
    assert len(layout.placements) == 1
    assert not broken(disc, layout)
    assert pack(Point(7, 3).buffer(98.1), ROUND).placements == ()


def test_a_square_that_the_corners_would_hold_is_refused_by_the_circle():
    square = box(0, 0, 150, 150)
    assert pack(square, ROUND).placements == ()
    assert pack(square, Bed(x_mm=200.0, y_mm=200.0, margin_mm=2.0)).placements


def test_small_boxes_fill_a_circle():
    layout = pack(box(0, 0, 18, 8), ROUND)
    assert not broken(box(0, 0, 18, 8), layout)
    # 18 x 8 with half the gaps around are 200 mm2; the circle with them 30,800.
    assert len(layout.placements) > 0.8 * math.pi * 99**2 / 200


def test_a_zone_in_the_middle_leaves_the_room_around_it():
    bed = Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0, keep_out=((70.0, 70.0, 110.0, 110.0),))
    square = box(0, 0, 40, 40)
    layout = pack(square, bed)
    assert len(layout.placements) >= 8
    assert not broken(square, layout)


def test_a_zone_over_the_whole_bed_leaves_nothing():
    bed = Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0, keep_out=((0.0, 0.0, 180.0, 180.0),))
    assert pack(box(0, 0, 5, 5), bed).placements == ()


def test_a_part_may_surround_a_zone():
    frame = box(0, 0, 150, 150).difference(box(10, 10, 140, 140))
    bed = Bed(x_mm=160.0, y_mm=160.0, margin_mm=2.0, keep_out=((70.0, 70.0, 90.0, 90.0),))
    layout = pack(frame, bed)
    assert len(layout.placements) == 1
    assert not broken(frame, layout)


def test_a_part_comes_up_to_a_zone_and_the_edge():
    """60 mm of a bed of 100, a zone of 36 and twice the margin: to the thousandth."""
    bed = Bed(x_mm=100.0, y_mm=64.0, margin_mm=2.0, keep_out=((64.0, 0.0, 100.0, 64.0),))
    layout = pack(box(0, 0, 60, 60), bed)
    assert len(layout.placements) == 1
    assert pack(box(0, 0, 60.1, 60), bed).placements == ()


@pytest.mark.parametrize(
    "bed",
    [
        Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0, keep_out=((0.0, 180.0, 40.0, 210.0),)),
        Bed(x_mm=260.0, y_mm=260.0, margin_mm=2.0, round=True),
    ],
)
def test_fewer_copies_stay_free_when_they_are_moved_and_the_hull_says_the_same(bed):
    mesh = visor_frame.build()
    shadow = footprint(mesh)
    layout = pack(shadow, bed)
    assert layout.placements
    for copies in range(1, len(layout.placements) + 1):
        moved = centred(shadow, layout, copies)
        assert not broken(shadow, moved)
        for one, other in zip(
            moved.placements, centred(hull(mesh), layout, copies).placements, strict=True
        ):
            assert (one.x_mm, one.y_mm) == pytest.approx((other.x_mm, other.y_mm), abs=0.06)


def test_one_copy_on_a_round_bed_is_moved_to_its_middle():
    layout = centred(box(0, 0, 30, 20), pack(box(0, 0, 30, 20), ROUND), 1)
    assert lies(box(0, 0, 30, 20), layout.placements[0]).centroid.distance(Point(100, 100)) < 0.01


_SIDE = st.integers(60, 160)
_ZONE = st.tuples(*[st.floats(0.0, 1.0)] * 4)


@settings(max_examples=15, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60)), min_size=3, max_size=7),
    size=st.tuples(_SIDE, _SIDE),
    zones=st.lists(_ZONE, max_size=3),
    margin=st.sampled_from([0.0, 2.0, 5.0]),
    is_round=st.booleans(),
)
def test_whatever_is_packed_keeps_off(points, size, zones, margin, is_round):
    shadow = shapely.MultiPoint(points).convex_hull.buffer(3.0)
    x, y = float(size[0]), float(size[0] if is_round else size[1])
    keep_out = tuple(
        (min(a, c) * x, min(b, d) * y, max(a, c) * x, max(b, d) * y) for a, b, c, d in zones
    )
    bed = Bed(x_mm=x, y_mm=y, margin_mm=margin, round=is_round, keep_out=keep_out)
    layout = pack(shadow, bed, limit=8)
    assert layout == pack(shadow, bed, limit=8)
    assert not broken(shadow, layout)
    if layout.placements:
        assert not broken(shadow, centred(shadow, layout, 1))
