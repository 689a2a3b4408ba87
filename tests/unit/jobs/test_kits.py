"""Orders in whole kits, and small lots put together."""

import numpy as np
import pytest

from jobs.capacity import by_value
from jobs.filling import Book, Weights
from jobs.kits import gather, in_kits, insert, lots_of, once_more, share_in_time
from jobs.network import TINY
from jobs.prices import prices
from tests.bench.instances import an_instance

_LEAST = 20.0


@pytest.mark.parametrize("seed", range(1, 9))
def test_lots_put_together_are_fewer_and_make_as_much(seed):
    net, lines = an_instance(150, 20, seed, target_days=8.9)
    book = Book(net, lines, np.unique(lines.due_min))
    found = prices(net, lines.of_parts(len(net.most)), net.class_min(float(lines.due_min.max())))
    regret = found.losses(net)
    for line in np.argsort(lines.due_min[lines.order], kind="stable").tolist():
        insert(book, line, float(lines.pieces[line]), regret, Weights(), _LEAST)
    of_line, _, before = lots_of(book)
    made = np.bincount(of_line, before, lines.count)

    gather(book, _LEAST, regret, Weights())

    of_line, _, after = lots_of(book)
    assert (
        np.bincount(of_line, after, lines.count) >= made - 1.0
    ).all()  # what is asked, in whole pieces
    assert (after < _LEAST).sum() <= (before < _LEAST).sum()
    assert len(after) <= len(before)
    assert (book.room_min >= -TINY).all()


@pytest.mark.parametrize("seed", [1, 2, 4, 5, 6])
def test_what_is_worth_more_is_put_in_once_more_where_what_was_due_sooner_left_no_room(seed):
    net, lines = an_instance(150, 20, seed, target_days=13.0)
    book = Book(net, lines, np.unique(lines.due_min))
    found = prices(net, lines.of_parts(len(net.most)), net.class_min(float(lines.due_min.max())))
    regret = found.losses(net)
    left = lines.pieces.copy()
    for line in np.argsort(lines.due_min[lines.order], kind="stable").tolist():
        left[line] = insert(book, line, float(left[line]), regret, Weights(), 0.0)
    before, turn = share_in_time(lines, left), by_value(lines, found)

    once_more(book, left, lines.pieces, turn, regret, Weights(), 0.0)

    assert share_in_time(lines, left) > before
    rows = book.rows
    made = np.bincount(rows.line, rows.copies(net, lines) * net.good[rows.printer], lines.count)
    assert (made >= lines.pieces - left - TINY).all()
    assert (book.room_min >= -TINY).all()


def test_what_is_put_in_once_more_of_no_use_is_as_it_was():
    net, lines = an_instance(150, 20, 1, target_days=13.0)
    book = Book(net, lines, np.unique(lines.due_min))
    found = prices(net, lines.of_parts(len(net.most)), net.class_min(float(lines.due_min.max())))
    regret = found.losses(net)
    left, turn = lines.pieces.copy(), by_value(lines, found)
    in_kits(book, left, turn, regret, Weights(), 0.0)
    room, had, rows = book.room_min.copy(), left.copy(), book.rows

    least_first = turn[::-1]
    once_more(book, left, lines.pieces, least_first, regret, Weights(), 0.0)

    assert (left == had).all()
    assert (book.room_min == room).all()
    assert (book.rows.plates == rows.plates).all()
