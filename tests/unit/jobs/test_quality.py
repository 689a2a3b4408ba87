"""The sampling plans against the standard's cells that were published, and its rule of construction."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidFieldError
from jobs.quality import AQLS, MAJOR, WHOLE, sampling_plan

# Letter, sample and acceptance number by limit, as the standard's table 2-A has them.
CELLS = {
    0.65: "F20:0 J80:1 K125:2 L200:3 M315:5",
    1.0: "E13:0 H50:1 J80:2 K125:3 L200:5 M315:7",
    1.5: "D8:0 G32:1 H50:2 J80:3 K125:5 L200:7",
    2.5: "C5:0 F20:1 G32:2 H50:3 J80:5 K125:7 L200:10",
    4.0: "B3:0 E13:1 F20:2 G32:3 H50:5 J80:7 K125:10 L200:14",
    6.5: "A2:0 D8:1 E13:2 F20:3 G32:5 H50:7 J80:10 K125:14",
}
LARGEST = {
    "A": 8, "B": 15, "C": 25, "D": 50, "E": 90, "F": 150, "G": 280, "H": 500, "J": 1200, "K": 3200,
    "L": 10_000, "M": 35_000,
}  # fmt: skip
#: How likely a lot just at the limit is accepted: the same down each diagonal of the table.
DIAGONAL = {0: 0.88, 1: 0.91, 2: 0.955, 3: 0.963, 5: 0.985, 7: 0.986, 10: 0.987, 14: 0.985}


def test_these_are_the_limits_and_ours_is_that_of_major_faults():
    assert tuple(CELLS) == AQLS
    assert (WHOLE, MAJOR) == (50, 2.5)


@pytest.mark.parametrize("aql", CELLS)
def test_every_cell_that_is_known(aql):
    for cell in CELLS[aql].split():
        plan, _, accept = cell.partition(":")
        letter, size = plan[0], int(plan[1:])
        found = sampling_plan(LARGEST[letter], aql)
        assert (found.letter, found.size, found.accept) == (letter, size, int(accept))
        assert found.reject == found.accept + 1


def likely(plan, aql):
    p = aql / 100
    return sum(
        comb(plan.size, bad) * p**bad * (1 - p) ** (plan.size - bad)
        for bad in range(plan.accept + 1)
    )


@given(st.integers(51, 35_000), st.sampled_from(AQLS))
def test_the_risk_follows_the_diagonals(pieces, aql):
    plan = sampling_plan(pieces, aql)
    if plan.accept in DIAGONAL and plan.size < pieces:
        assert likely(plan, aql) == pytest.approx(DIAGONAL[plan.accept], abs=0.012)


@given(st.integers(1, 10**7), st.sampled_from(AQLS))
def test_a_larger_lot_is_never_looked_at_less(pieces, aql):
    here, next_one = sampling_plan(pieces, aql), sampling_plan(pieces + 1, aql)
    assert 1 <= here.size <= pieces
    assert next_one.size >= here.size
    assert next_one.accept >= here.accept


@pytest.mark.parametrize(
    ("pieces", "aql", "expected"),
    [
        (90, 0.65, ("F", 20, 0)),  # above the 0: the arrow leads down
        (280, 0.65, ("F", 20, 0)),  # the first arrow below it leads back up
        (500, 0.65, ("J", 80, 1)),  # the second leads down to the 1
        (50, 2.5, ("C", 5, 0)),
        (51, 2.5, ("F", 20, 1)),
        (10_000_000, 6.5, ("L", 200, 21)),  # below the 21 arrows lead up
        (3, 1.0, ("E", 3, 0)),  # the sample is larger than the lot: all of it
    ],
)
def test_arrows_are_followed_with_the_sample_of_their_plan(pieces, aql, expected):
    plan = sampling_plan(pieces, aql)
    assert (plan.letter, plan.size, plan.accept) == expected


@pytest.mark.parametrize(("pieces", "aql"), [(0, 2.5), (-1, 2.5), (50, 2.0)])
def test_what_has_no_plan_is_said(pieces, aql):
    with pytest.raises(InvalidFieldError):
        sampling_plan(pieces, aql)


#: Table 2-A from A to Q, with its arrows: up and down.
ARROWS = {
    0.65: "d d d d d 0 u d 1 2 3 5 7 10 14",
    1.0: "d d d d 0 u d 1 2 3 5 7 10 14 21",
    1.5: "d d d 0 u d 1 2 3 5 7 10 14 21 u",
    2.5: "d d 0 u d 1 2 3 5 7 10 14 21 u u",
    4.0: "d 0 u d 1 2 3 5 7 10 14 21 u u u",
    6.5: "0 u d 1 2 3 5 7 10 14 21 u u u u",
}
SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250)


@pytest.mark.parametrize("aql", AQLS)
def test_whoever_follows_the_arrows_comes_to_the_same_plan(aql):
    column, smallest = ARROWS[aql].split(), 1
    for row, largest in enumerate((*LARGEST.values(), 150_000, 500_000, 10**7)):
        at = row
        while column[at] in "ud":
            at += 1 if column[at] == "d" else -1
        for pieces in (smallest, (smallest + largest) // 2, largest):
            found = sampling_plan(pieces, aql)
            assert (found.size, found.accept) == (min(SIZES[at], pieces), int(column[at]))
        smallest = largest + 1
