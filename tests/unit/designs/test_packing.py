"""Layouts: all inside the margin, all apart, as full as a person would make them, always the same."""

import itertools
import math

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon, box

from designs.catalogue import visor_frame
from designs.model import Bed, Layout
from designs.packing import centred, footprint, hull, pack, placed

BED = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0)
GAP_MM = 2.0


def broken_rules(shadow, layout, gap_mm=GAP_MM):
    """What is wrong with a layout, checked exactly and without the nester's own code."""
    bed = layout.bed
    room = box(bed.margin_mm, bed.margin_mm, bed.x_mm - bed.margin_mm, bed.y_mm - bed.margin_mm)
    shadows = []
    for each in layout.placements:
        angle = math.radians(each.angle_deg)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        move = np.array([each.x_mm, each.y_mm])
        shadows.append(shapely.transform(shadow, lambda xy, t=turn, m=move: xy @ t + m))
    outside = [s.bounds for s in shadows if not room.buffer(0.002).covers(s)]
    close = [
        a.distance(b)
        for a, b in itertools.combinations(shadows, 2)
        if a.distance(b) < gap_mm - 0.002
    ]
    return outside + close


@pytest.fixture(scope="module")
def visor():
    return footprint(visor_frame.build())


@pytest.mark.parametrize(("size", "copies"), [((180, 180), 1), ((160, 160), 0)])
def test_visors_on_common_beds(visor, size, copies):
    layout = pack(visor, Bed(x_mm=float(size[0]), y_mm=float(size[1]), margin_mm=2.0))
    assert len(layout.placements) == copies
    assert not broken_rules(visor, layout)


def test_the_same_part_gives_the_same_layout():
    bar = box(0, 0, 120, 30)
    assert pack(bar, BED, limit=6) == pack(bar, BED, limit=6)


def test_a_limit_is_kept(visor):
    assert len(pack(visor, BED, limit=1).placements) == 1
    assert pack(visor, BED, limit=0).placements == ()


def test_boxes_lie_exactly_side_by_side():
    """Six parts of 40 mm and five gaps of 2 mm are 250 mm; nothing of it is lost to rounding."""
    flat = np.array([[0, 0, 1], [40, 0, 1], [40, 40, 1], [0, 40, 1]], dtype=np.float32)
    top = np.stack([flat[[0, 1, 2]], flat[[0, 2, 3]]])
    bed = Bed(x_mm=250.0, y_mm=208.0, margin_mm=0.0)
    layout = pack(footprint(top), bed)
    assert len(layout.placements) == 6 * 5
    assert not broken_rules(box(0, 0, 40, 40), layout)


def test_the_rest_of_a_bed_is_filled_with_boxes_the_other_way():
    bar = box(0, 0, 100, 30)
    layout = pack(bar, Bed(x_mm=132.0, y_mm=130.0, margin_mm=0.0))
    assert len(layout.placements) == 5  # four in a pile, one upright beside them
    assert {each.angle_deg for each in layout.placements} == {0.0, 90.0}
    assert not broken_rules(bar, layout)


def test_a_part_that_fits_only_on_the_diagonal_is_turned():
    bar = box(0, 0, 230, 8)
    layout = pack(bar, Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0))
    assert layout.placements
    assert not broken_rules(bar, layout)


def test_a_part_is_put_into_the_hole_of_another():
    frame = box(0, 0, 200, 200).difference(box(10, 10, 190, 190))
    alone = pack(frame, Bed(x_mm=210.0, y_mm=210.0, margin_mm=2.0))
    assert len(alone.placements) == 1
    horseshoe = box(0, 0, 100, 100).difference(box(12, 20, 88, 100))
    layout = pack(horseshoe, Bed(x_mm=130.0, y_mm=160.0, margin_mm=2.0))
    assert len(layout.placements) == 2  # 100 + 100 in a row do not fit into 156
    assert not broken_rules(horseshoe, layout)


def test_fewer_copies_are_moved_to_the_middle(visor):
    layout = pack(visor, BED, limit=2)
    one = centred(visor, layout, 1)
    x0, y0, x1, y1 = placed(visor, one.placements[0]).bounds
    assert (x0 + x1) / 2 == pytest.approx(125, abs=0.01)
    assert (y0 + y1) / 2 == pytest.approx(105, abs=0.01)
    assert not broken_rules(visor, centred(visor, layout, 2))


def test_the_hull_serves_as_well_to_find_the_middle(visor):
    layout = pack(visor, BED, limit=1)
    by_hull = centred(hull(visor_frame.build()), layout, 1).placements[0]
    by_shadow = centred(visor, layout, 1).placements[0]
    assert by_hull.x_mm == pytest.approx(by_shadow.x_mm, abs=0.05)
    assert by_hull.y_mm == pytest.approx(by_shadow.y_mm, abs=0.05)


def test_a_footprint_is_the_shadow_with_its_holes():
    tall = np.array([[[0, 0, 5], [10, 0, 5], [0, 10, 5]], [[0, 0, 0], [0, 10, 0], [10, 0, 0]]])
    shadow = footprint(tall.astype(np.float32))
    assert isinstance(shadow, Polygon)
    assert shadow.area == pytest.approx(50, abs=3)
    assert shadow.covers(Polygon([(0, 0), (10, 0), (0, 10)]))


def test_an_empty_layout_is_told_as_such():
    assert pack(box(0, 0, 300, 300), BED) == Layout(bed=BED, placements=())
