"""Which order gets a spare bag."""

import pytest

from jobs.coordinator.surplus import taker


@pytest.mark.parametrize(
    ("missing", "order"),
    [
        ({"a": 3, "b": 12, "c": 10}, "b"),  # the first that needs all of it
        ({"a": 3, "b": 10}, "b"),
        ({"a": 6, "b": 8}, "b"),  # nobody does: who needs most
        ({"a": 8, "b": 8}, "a"),
        ({"a": 6}, "a"),
        ({"a": 5}, None),  # as many would be spare as before
        ({"a": 0}, None),
        ({}, None),
    ],
)
def test_a_bag_goes_where_most_of_it_is_needed(missing, order):
    assert taker(missing, 10) == order
