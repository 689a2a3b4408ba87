"""Where printers are full two lots change places to be nearer; no kit is lost by it, and none by chance."""

import numpy as np
import pytest

from jobs.filling import Book
from jobs.kits import share_in_time
from jobs.nearer import nearer
from jobs.network import Lines
from tests.unit.jobs.test_quotas import by_hand, made_by

BEST = np.ones(2)  # what a minute of each class is worth


def two_towns(*pieces):
    """An order from each of two towns, each of which has one of two printers; both work for 12 h."""
    net = by_hand(2, km=np.array([[5.0, 400.0], [400.0, 5.0]]))
    lines = Lines(
        order=np.arange(2), part=np.zeros(2, np.int64), pieces=np.array(pieces, float),
        due_min=np.full(2, 720.0), release_min=np.zeros(2), weight=np.ones(2), site=np.arange(2),
    )  # fmt: skip
    return net, lines


def crosswise(net, lines, plates):
    """Each printer makes so many plates for the town of the other."""
    book = Book(net, lines, np.array([720.0]))
    for line in range(2):
        count = np.zeros(2, np.int64)
        count[1 - line] = plates
        book.insert_plates(line, 0, count)
    return book


@pytest.mark.parametrize("pieces", [24.0, 40.0])  # all that is asked, or more than can be
def test_two_lots_on_full_printers_change_places(pieces):
    net, lines = two_towns(pieces, pieces)
    book, left = nearer(crosswise(net, lines, 12), BEST, 200)
    assert made_by(net, lines, book) == [[24, 0], [0, 24]]
    assert left.tolist() == [pieces - 24, pieces - 24]


def test_no_kit_is_lost_and_no_lab_is_left_with_all_the_work():
    # The near one could make all of both orders: then it would do everything.
    net, lines = two_towns(10, 10)
    net.km[:] = [[5.0, 400.0], [5.0, 400.0]]
    before = crosswise(net, lines, 5)
    book, left = nearer(before, BEST, 200)
    assert share_in_time(lines, left) == 1.0
    assert min(np.sum(made_by(net, lines, book), axis=0)) >= 6  # of twenty


def test_what_nobody_can_make_keeps_nothing_from_being_made_nearer():
    net, _ = two_towns(24, 24)
    third = Lines(
        order=np.arange(3), part=np.array([0, 0, 1]), pieces=np.array([24.0, 24.0, 5.0]),
        due_min=np.full(3, 720.0), release_min=np.zeros(3), weight=np.ones(3),
        site=np.array([0, 1, 0]), barred={2: np.ones(2, np.bool_)},
    )  # fmt: skip
    book, left = nearer(crosswise(net, third, 12), BEST, 200)
    assert made_by(net, third, book)[:2] == [[24, 0], [0, 24]]
    assert left.tolist() == [0.0, 0.0, 5.0]


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_plan_that_nobody_has_to_drive_for_stays_as_it_is(rounds):
    net, lines = two_towns(24, 24)
    net.km[:] = 0.0
    before = crosswise(net, lines, 12)
    book, _ = nearer(before, BEST, rounds)
    assert made_by(net, lines, book) == made_by(net, lines, before)
