"""Whole kits on one bed: every part as often as the kit has it, all apart, in any order the same."""

from collections import Counter

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from designs.catalogue import strap_clip, visor_frame
from designs.kit_packing import pack_kits
from designs.model import Bed
from designs.packing import footprint
from tests.unit.designs.layouts import lies, wrong_places

BED = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0)
GAP_MM = 2.0


def broken(parts, layout):
    counted = Counter(each.part for each in layout.placements)
    wrong = {part for part, (_, copies) in parts.items() if counted[part] != copies * layout.kits}
    shadows = [lies(parts[each.part][0], each.placement) for each in layout.placements]
    return [*wrong, *wrong_places(shadows, layout.bed, GAP_MM)]


@pytest.fixture(scope="module")
def visor():
    return {
        "frame": (footprint(visor_frame.build()), 1),
        "clip": (footprint(strap_clip.build()), 2),
    }


@pytest.mark.parametrize(
    "bed",
    [
        BED,
        Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0),
        Bed(x_mm=240.0, y_mm=240.0, margin_mm=2.0, round=True),
        Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0, keep_out=((0.0, 0.0, 60.0, 10.0),)),
    ],
)
def test_a_visor_with_its_clips(visor, bed):
    layout = pack_kits(visor, bed)
    assert layout is not None
    assert not broken(visor, layout)


def test_two_kits_where_two_frames_fit(visor):
    assert pack_kits(visor, BED).kits == 2
    assert pack_kits(visor, BED, limit=1).kits == 1


def test_in_whatever_order_the_parts_are_told(visor):
    assert pack_kits(dict(reversed(visor.items())), BED) == pack_kits(visor, BED)


def test_none_where_one_part_does_not_fit(visor):
    assert pack_kits({**visor, "board": (box(0, 0, 300, 300), 1)}, BED) is None
    assert (
        pack_kits({"lid": (box(0, 0, 240, 150), 1), "box": (box(0, 0, 240, 100), 1)}, BED) is None
    )


def test_none_of_nothing():
    assert pack_kits({}, BED) is None
    assert pack_kits({"frame": (box(0, 0, 10, 10), 0)}, BED) is None
    assert pack_kits({"a": (box(0, 0, 9, 9), 1), "b": (box(0, 0, 5, 5), 1)}, BED, limit=0) is None


def test_a_kit_of_one_part_leaves_out_what_makes_no_kit():
    parts = {"plate": (box(0, 0, 60, 60), 5)}
    layout = pack_kits(parts, BED)
    assert layout.kits == 2  # twelve fit
    assert len(layout.placements) == 10
    assert not broken(parts, layout)


def test_small_parts_lie_in_the_holes_of_large_ones():
    ring = box(0, 0, 100, 100).difference(box(12, 12, 88, 88))
    parts = {"ring": (ring, 1), "core": (box(0, 0, 60, 60), 1)}
    bed = Bed(x_mm=104.0, y_mm=104.0, margin_mm=2.0)
    layout = pack_kits(parts, bed)
    assert layout is not None
    assert layout.kits == 1
    assert not broken(parts, layout)


_PART = st.tuples(
    st.lists(st.tuples(st.floats(-35, 35), st.floats(-35, 35)), min_size=3, max_size=6),
    st.integers(1, 3),
)


@settings(max_examples=6, deadline=None)
@given(
    told=st.lists(_PART, min_size=1, max_size=3),
    size=st.tuples(st.integers(80, 200), st.integers(80, 200)),
    is_round=st.booleans(),
)
def test_whatever_kits_are_laid_keep_the_rules(told, size, is_round):
    parts = {
        f"part-{n}": (shapely.MultiPoint(points).convex_hull.buffer(3.0), copies)
        for n, (points, copies) in enumerate(told)
    }
    x, y = float(size[0]), float(size[0] if is_round else size[1])
    bed = Bed(x_mm=x, y_mm=y, margin_mm=2.0, round=is_round, keep_out=((0.0, 0.0, 30.0, 12.0),))
    layout = pack_kits(parts, bed, limit=2)
    assert layout == pack_kits(dict(reversed(parts.items())), bed, limit=2)
    assert layout is None or not broken(parts, layout)
