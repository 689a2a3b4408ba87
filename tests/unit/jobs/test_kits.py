"""Orders in whole kits, and small lots put together."""

import numpy as np
import pytest

from jobs.filling import Book, Weights
from jobs.kits import gather, insert, lots_of
from jobs.network import TINY
from jobs.prices import prices
from tests.bench.instances import an_instance

_LEAST = 20.0


@pytest.mark.parametrize("seed", range(1, 9))
def test_lots_put_together_are_fewer_and_make_as_much(seed):
    net, lines = an_instance(150, 20, seed, target_days=8.9)
    book = Book(net, lines, np.unique(lines.due_min))
    found = prices(net, lines.of_parts(len(net.most)), net.class_min(float(lines.due_min.max())))
    regret = found.regret(net).astype(np.float32)[:, net.cls]
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
