"""The search by lists: never less than it began with, and more where time that is free counts first."""

import numpy as np
import pytest

from jobs import refill
from jobs.filling import Book
from jobs.kits import share_in_time
from jobs.prices import prices
from jobs.tight import best_of
from tests.bench.bench_hard import an_instance_of


def a_book(seed, orders=50):
    """An empty book of a small network with too much work, and what minutes of its classes are worth."""
    net, lines = an_instance_of("overloaded", 5, orders, seed)
    book = Book(net, lines, np.unique(lines.due_min))
    found = prices(net, lines.of_parts(net.most.shape[0]), net.class_min(lines.due_min.max()))
    return book, best_of(net, found)


def searched(monkeypatch, seed, free, full):
    """Search for so many changes a line; return what is in time, the book and what minutes are worth."""
    monkeypatch.setattr(refill, "_FREE", (free, 1_000_000))
    monkeypatch.setattr(refill, "_FULL", (full, 1_000_000))
    book, best = a_book(seed)
    found, left = refill.refilled(book, best, 1.0)
    return share_in_time(book.lines, left), found, best


@pytest.mark.parametrize("seed", range(2))
def test_as_many_changes_make_more_where_free_minutes_count_first(monkeypatch, seed):
    counted, _, _ = searched(monkeypatch, seed, free=30, full=10)
    never, _, _ = searched(monkeypatch, seed, free=0, full=40)
    assert counted > never


@pytest.mark.parametrize("seed", range(3))
def test_a_search_returns_no_less_than_it_was_given(monkeypatch, seed):
    good, book, best = searched(monkeypatch, seed, free=20, full=10)
    monkeypatch.setattr(refill, "_FREE", (2, 1_000_000))
    monkeypatch.setattr(refill, "_FULL", (1, 1_000_000))
    _, left = refill.refilled(book, best, 1.0)
    assert share_in_time(book.lines, left) >= good - 1e-9
