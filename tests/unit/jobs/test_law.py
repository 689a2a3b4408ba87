"""Each law can fail, and says which one, where, and by how much."""

from dataclasses import replace

import pytest

from jobs.errors import LawBrokenError
from jobs.law import Books, check

FAIR = Books(
    order_id="o1", part_id="frame", ordered=12, surplus=1, harvested=8, waiting=2, accepted=5,
    scrap=1, coming=2, jobs=3, deficit=3, at_lab=2, at_hub=1, in_transit=1, delivered=1, refused=1,
    lost=1,
)  # fmt: skip


def test_books_that_add_up_pass():
    check(FAIR)


@pytest.mark.parametrize(
    "figure", ["ordered", "surplus", "waiting", "accepted", "coming", "jobs", "deficit"]
)
def test_a_piece_too_many_breaks_the_law_of_need(figure):
    with pytest.raises(LawBrokenError, match="law of need"):
        check(replace(FAIR, **{figure: getattr(FAIR, figure) + 1}))


@pytest.mark.parametrize(
    "figure", ["harvested", "scrap", "at_lab", "at_hub", "in_transit", "delivered"]
)
def test_a_piece_too_many_breaks_the_law_of_places(figure):
    with pytest.raises(LawBrokenError, match="law of places"):
        check(replace(FAIR, **{figure: getattr(FAIR, figure) + 1}))


def test_figures_below_zero_are_no_books():
    with pytest.raises(LawBrokenError, match="below zero"):
        check(replace(FAIR, jobs=-1, deficit=7))
