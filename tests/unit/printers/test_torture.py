"""A few of the runs of `tests.bench.torture_serial`, which plays thousands."""

import pytest

from tests.bench.torture_serial import play


@pytest.mark.parametrize("first", [1, 1_000_001, 2_000_001])
def test_short_prints_on_bad_lines_are_exact_or_told(tmp_path, first):
    for seed in range(first, first + 40):
        told, why = play(seed, tmp_path)
        assert not why, f"seed {seed}: {told}"


def test_a_print_of_thousands_of_lines_is_exact(tmp_path):
    told, why = play(600_003, tmp_path, long=True)
    assert not why, told
