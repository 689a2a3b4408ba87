"""Printers of a lab heat up one after the other: who is heating, and whether one more may."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabnet.node.heating import LONGEST_S, Heat, heats_up, may_heat


@pytest.mark.parametrize(
    ("heat", "heats"),
    [
        (Heat(since_s=0.0), True),  # told, and nothing is known yet
        (Heat(since_s=0.0, bed_c=20.0, bed_target_c=0.0), True),  # its first target is to come
        (Heat(since_s=0.0, bed_c=20.0, bed_target_c=0.0, nozzle_c=20.0, nozzle_target_c=0.0), True),
        (Heat(since_s=0.0, bed_c=20.0, bed_target_c=60.0), True),
        (Heat(since_s=0.0, bed_c=56.9, bed_target_c=60.0), True),
        (Heat(since_s=0.0, bed_c=57.0, bed_target_c=60.0), False),
        # The bed is hot, the nozzle not yet: it takes little.
        (
            Heat(since_s=0.0, bed_c=60.0, bed_target_c=60.0, nozzle_c=20.0, nozzle_target_c=210.0),
            False,
        ),
        # A bed that stays cold: the nozzle is what heats.
        (Heat(since_s=0.0, bed_c=20.0, nozzle_c=20.0, nozzle_target_c=210.0), True),
        (Heat(since_s=0.0, nozzle_c=209.0, nozzle_target_c=210.0), False),
        (Heat(since_s=0.0, bed_target_c=60.0), True),  # it does not tell how hot it is
    ],
)
def test_a_printer_heats_until_its_bed_is_hot(heat, heats):
    assert heats_up(heat, 10.0) is heats
    later = replace(heat, since_s=5000.0)
    assert heats_up(later, 5000.0 + LONGEST_S - 1) is heats
    # Broken or not: it holds up no other for ever.
    assert not heats_up(later, 5000.0 + LONGEST_S)


def test_without_a_limit_all_may():
    assert may_heat([Heat(since_s=0.0)] * 9, 0, 1.0)


@given(
    at_once=st.integers(1, 5),
    hot=st.lists(st.booleans(), max_size=8),
)
def test_one_more_may_as_long_as_fewer_heat_than_is_laid_down(at_once, hot):
    heats = [Heat(since_s=0.0, bed_c=60.0 if each else 20.0, bed_target_c=60.0) for each in hot]
    assert may_heat(heats, at_once, 1.0) is (hot.count(False) < at_once)
