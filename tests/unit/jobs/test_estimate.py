"""The estimate against PrusaSlicer's own figures with our profile, and how it scales."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.model import PartFacts
from jobs.estimate import estimate


def facts(size, volume, side, up, down):
    return PartFacts(
        mesh_sha256="0" * 64, extents_mm=size, volume_mm3=volume, side_mm2=side, up_mm2=up,
        down_mm2=down, triangles=12,
    )  # fmt: skip


VISOR = facts((174.793, 167.389, 8.1), 15769.042, 10945.853, 1996.436, 1996.436)
RC3 = facts((191.016, 143.771, 20.0), 39352.797, 28197.601, 2322.901, 2322.901)
EAR_SAVER = facts((162.988, 31.542, 2.0), 3352.524, 1222.995, 2515.822, 2515.822)
GLIA = facts((218.369, 96.843, 15.0), 21166.108, 27510.983, 2724.55, 2724.55)
PETG = 1.27


@pytest.mark.parametrize(
    ("part", "copies", "seconds", "grams"),
    [  # generic-250x210, PETG, PrusaSlicer 2.5.0
        (VISOR, 1, 3494, 16.02),
        (VISOR, 2, 7033, 32.04),
        (RC3, 1, 8288, 38.56),
        (RC3, 2, 16648, 77.11),
        (EAR_SAVER, 1, 1050, 4.2),
        (GLIA, 1, 5633, 26.02),
    ],
)
def test_the_slicers_figures_lie_in_the_range(part, copies, seconds, grams):
    told = estimate(part, copies, PETG)
    assert told.seconds_low <= seconds <= told.seconds_high
    assert told.grams_low <= grams <= told.grams_high
    assert told.seconds == pytest.approx(seconds, rel=0.1)


def test_a_solid_block_weighs_its_shell_and_its_infill():
    block = facts((100.0, 100.0, 100.0), 1e6, 40_000.0, 10_000.0, 10_000.0)
    told = estimate(block, 1, 1.0)
    assert 200 < told.grams < 350  # 20 % infill and a shell of some 5 to 10 %


def test_thin_walls_are_solid():
    sheet = facts((100.0, 100.0, 0.6), 6000.0, 240.0, 10_000.0, 10_000.0)
    assert estimate(sheet, 1, 1.0).grams == pytest.approx(6.0, rel=0.02)


@given(copies=st.integers(1, 50), density=st.floats(0.8, 2.0))
def test_grams_grow_with_copies_and_density_and_the_range_holds_the_middle(copies, density):
    one, many = estimate(VISOR, 1, density), estimate(VISOR, copies, density)
    assert many.grams == pytest.approx(copies * one.grams)
    assert one.seconds <= many.seconds <= copies * one.seconds + 1e-6
    assert many.seconds_low < many.seconds < many.seconds_high
    assert many.grams_low < many.grams < many.grams_high
