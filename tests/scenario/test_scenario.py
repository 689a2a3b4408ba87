"""The story of a few orders, whole; and the judge of it, who must see what is wrong."""

from datetime import date

import pytest

from fabnet.broker import find_mosquitto
from tests.scenario.book import (
    Asked,
    Bag,
    Book,
    Parcel,
    Shown,
    draw,
    unaccounted,
    untraceable,
)
from tests.scenario.run import is_good, run
from tests.scenario.town import DESIGNS

TODAY = date(2026, 11, 24)


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
@pytest.mark.timeout(900)
def test_five_orders_of_three_hospitals_are_made_received_and_called_back(tmp_path):
    result, words = run(tmp_path, hospitals=3, orders=5, seed=3, workshops=1, limit_s=600)
    assert words == []
    assert is_good(result), result
    assert result["orders"] == 5
    # Called back, refused and lost pieces were made again.
    # How many printers had a share in that, and so can be called back, is a matter of their speed.
    assert result["recalls"] >= 1
    # Bags were fetched, held and signed for, and parcels brought by a volunteer.
    assert all(result[name] for name in ("fetched", "held", "signed", "driven"))
    kept = result["pieces_received"]
    assert kept >= result["pieces_ordered"] > 0


def a_story():
    """One order of which all was received, and what the pages rightly say of it."""
    asked = Asked(
        number=0, hospital=0, design="frame", kits=10, due=TODAY, verified=True, in_parts=False,
        pieces=10, id="o1",
    )  # fmt: skip
    bag = Bag(
        code="L1", ref="j-a1", order="o1", node="lab-1", printer="p1", good=11, accepted=10,
        rejected=1, parcel="b1",
    )  # fmt: skip
    book = Book(orders=[asked], bags={"L1": bag})
    book.parcels["b1"] = Parcel(order="o1", left=True, received=True)
    figures = dict.fromkeys(
        ("waiting", "refused", "lost", "in_transit", "deficit", "jobs", "coming", "at_hub",
         "recalled_there"), 0,
    )  # fmt: skip
    figures |= {"ordered": 10, "harvested": 11, "accepted": 10, "delivered": 10}
    shown = Shown(state="delivered", figures=figures, lots=frozenset({"L1"}))
    return book, {"o1": shown}, figures


def test_a_story_that_pages_tell_as_it_was_has_nothing_wrong():
    book, shown, _ = a_story()
    assert unaccounted(book, shown) == 0
    assert untraceable(book, shown, {"L1": "lab-1/p1"}) == 0
    assert book.words == []


def test_a_piece_that_a_page_forgets_is_counted():
    book, shown, figures = a_story()
    figures["delivered"] = 8
    assert unaccounted(book, shown) == 2
    book.parcels["b1"].lost = 3  # and they are made nowhere
    figures |= {"delivered": 7, "lost": 3}
    assert unaccounted(book, shown) == 3
    assert "3 pieces are nowhere" in book.words[-1]


@pytest.mark.parametrize("says", [{}, {"L1": "lab-1/p2"}])
def test_a_bag_whose_page_names_another_printer_cannot_be_traced(says):
    book, shown, _ = a_story()
    assert untraceable(book, shown, says) == 1


def test_a_bag_that_is_on_the_wrong_page_cannot_be_traced():
    book, shown, _ = a_story()
    shown["o1"].lots = frozenset({"L2"})
    assert untraceable(book, shown, {"L1": "lab-1/p1"}) == 2


def test_the_same_seed_asks_for_the_same():
    assert draw(7, 12, 50, TODAY, DESIGNS) == draw(7, 12, 50, TODAY, DESIGNS)
    assert draw(7, 12, 50, TODAY, DESIGNS) != draw(8, 12, 50, TODAY, DESIGNS)
