"""Each law can fail, and says which one, where, and by how much."""

from dataclasses import replace

import pytest

from jobs.errors import LawBrokenError
from jobs.law import Books, check

#: No figure of a law is 0: what is added must be told from what is taken away.
FAIR = Books(
    order_id="o1", part_id="frame", ordered=20, surplus=1, harvested=21, waiting=2, accepted=15,
    scrap=2, coming=2, jobs=3, deficit=5, at_lab=2, at_hub=4, in_transit=1, delivered=5, refused=2,
    lost=1, recalled=3, recalled_there=2, recalled_here=1, incoming=3, mislaid=1,
)  # fmt: skip


def test_books_that_add_up_pass():
    check(FAIR)
    assert (FAIR.usable, FAIR.kept, FAIR.to_make) == (9, 3, 8)


@pytest.mark.parametrize(
    "figure",
    ["ordered", "surplus", "waiting", "accepted", "coming", "jobs", "deficit", "recalled"],
)
def test_a_piece_too_many_breaks_the_law_of_need(figure):
    with pytest.raises(LawBrokenError, match="law of need"):
        check(replace(FAIR, **{figure: getattr(FAIR, figure) + 1}))


@pytest.mark.parametrize(
    "figure",
    ["harvested", "scrap", "at_lab", "incoming", "at_hub", "in_transit", "delivered", "mislaid"],
)
def test_a_piece_too_many_breaks_the_law_of_places(figure):
    with pytest.raises(LawBrokenError, match="law of places"):
        check(replace(FAIR, **{figure: getattr(FAIR, figure) + 1}))


@pytest.mark.parametrize("figure", ["refused", "lost"])
def test_what_is_lost_is_a_place_and_is_to_be_made_again(figure):
    more = getattr(FAIR, figure) + 1
    with pytest.raises(LawBrokenError, match="law of need"):
        check(replace(FAIR, **{figure: more}, in_transit=0))
    with pytest.raises(LawBrokenError, match="law of places"):
        check(replace(FAIR, **{figure: more}, deficit=FAIR.deficit + 1))
    check(replace(FAIR, **{figure: more}, in_transit=0, deficit=FAIR.deficit + 1))


def test_nothing_is_recalled_or_on_its_way_unless_it_is_said():
    plain = Books(
        order_id="o1", part_id="frame", ordered=2, surplus=0, harvested=1, waiting=1, accepted=0,
        scrap=0, coming=0, jobs=1, deficit=0, at_lab=1, at_hub=0, in_transit=0, delivered=0,
        refused=0, lost=0,
    )  # fmt: skip
    check(plain)
    assert (plain.kept, plain.recalled_here) == (0, 0)


def test_figures_below_zero_are_no_books():
    with pytest.raises(LawBrokenError, match="below zero"):
        check(replace(FAIR, jobs=-1, deficit=9))
