"""Estimates and prints as shares of what slicers said."""

import pytest

from jobs.reality import Printed, Told, compare, middle


def a_plate(preset="mk3", estimated_s=90.0, estimated_g=11.0):
    return Told(
        preset=preset, estimated_s=estimated_s, sliced_s=100.0, estimated_g=estimated_g, sliced_g=10.0
    )  # fmt: skip


def a_print(printed_s, preset="mk3"):
    return Printed(preset=preset, sliced_s=100.0, printed_s=printed_s)


def test_each_kind_of_machine_is_compared_with_its_own_slicer():
    mini, mk3 = compare(
        [a_plate(estimated_s=120.0), a_plate(), a_plate("mini", estimated_g=10.0)],
        [a_print(104.0), a_print(98.0)],
    )
    assert (mini.preset, mini.printed_time, mini.estimated_weight) == ("mini", (), (0.0,))
    assert mini.estimated_time == pytest.approx((-0.1,))
    assert mk3.estimated_time == pytest.approx((-0.1, 0.2))
    assert mk3.printed_time == pytest.approx((-0.02, 0.04))
    assert mk3.estimated_weight == pytest.approx((0.1, 0.1))
    assert middle(mk3.printed_time) == pytest.approx(0.01)
    assert middle(mini.printed_time) is None


@pytest.mark.parametrize("printed_s", [-3.0, 0.0, 49.0, 201.0])
def test_a_print_that_was_told_late_or_stood_still_is_counted_apart(printed_s):
    (found,) = compare([], [a_print(printed_s), a_print(110.0)])
    assert found.odd == 1
    assert found.printed_time == pytest.approx((0.1,))


def test_nothing_known_is_nothing_to_show():
    assert compare([], []) == ()
