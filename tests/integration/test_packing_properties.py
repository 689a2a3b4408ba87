"""Whatever is packed keeps the rules of a bed."""

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from designs.model import Bed
from designs.packing import pack
from tests.unit.designs.test_packing import BED, broken_rules


@settings(max_examples=12, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-90, 90), st.floats(-90, 90)), min_size=3, max_size=7),
    bed=st.tuples(st.integers(60, 200), st.integers(60, 200)),
    margin=st.sampled_from([0.0, 2.0, 5.0]),
)
def test_whatever_is_packed_keeps_the_rules(points, bed, margin):
    shadow = shapely.MultiPoint(points).convex_hull.buffer(3.0)
    bed = Bed(x_mm=float(bed[0]), y_mm=float(bed[1]), margin_mm=margin)
    layout = pack(shadow, bed, limit=12)
    assert not broken_rules(shadow, layout)


def test_squares_fill_the_bed():
    layout = pack(box(0, 0, 40, 40), BED)
    assert len(layout.placements) >= 5 * 4  # 246 // 42 x 206 // 42
    assert not broken_rules(box(0, 0, 40, 40), layout)
