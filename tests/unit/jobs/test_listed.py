"""The sheet of copies: what is changed step by step is what it would be if it were reckoned at once."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.copies import PLAIN
from jobs.filling import Book
from jobs.listed import Sheet
from tests.bench.bench_hard import an_instance_of


def a_sheet(seed):
    """An empty sheet of a network with little filament, and the book that it was made of."""
    net, lines = an_instance_of("overloaded", 9, 12, seed)
    rng = np.random.default_rng(seed)
    net = replace(net, spool_g=rng.uniform(300.0, 3000.0, (1, net.printers)))
    book = Book(net, lines, np.unique(lines.due_min))
    return Sheet(book, np.ones(len(net.calendar))), book


def some_changes(sheet, rng, count):
    """Put in and take out lines as they come."""
    for line in rng.integers(0, len(sheet.pieces), count).tolist():
        if rng.random() < 0.3:
            sheet.take_out(line)
        goal = sheet.pieces[line] * rng.choice([0.4, 1.0])
        shake = (1.0 + 0.3 * rng.random(50)).tolist()
        sheet.put_in(line, goal, shake.__getitem__, 0.0, int(rng.integers(3)))


def rooms_of(sheet):
    """What each printer has left by each due date."""
    return [sheet.rooms_min(printer).copy() for printer in range(len(sheet.left_min()))]


def told(sheet):
    """All that a sheet says, in numbers that can be compared."""
    able = [[maker.printer for maker in sheet.with_room(n)] for n in range(len(sheet.pieces))]
    return sheet.state(), list(sheet.good), rooms_of(sheet), able


@pytest.mark.parametrize("seed", range(4))
def test_what_is_undone_leaves_nothing_behind(seed):
    sheet, _ = a_sheet(seed)
    rng = np.random.default_rng(seed)
    some_changes(sheet, rng, 20)
    sheet.mark()
    before = told(sheet)
    some_changes(sheet, rng, 20)
    assert told(sheet) != before
    sheet.undo()
    assert told(sheet) == before


@pytest.mark.parametrize("seed", range(4))
def test_many_changes_come_to_what_their_sum_does(seed):
    sheet, _ = a_sheet(seed)
    some_changes(sheet, np.random.default_rng(seed), 60)
    other, _ = a_sheet(seed)
    other.restore(sheet.state())
    assert other.state() == sheet.state()
    assert other.good == pytest.approx(sheet.good)
    assert np.array(rooms_of(other)) == pytest.approx(np.array(rooms_of(sheet)), abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_nobody_gets_more_than_there_is_time_and_filament_for(seed):
    sheet, book = a_sheet(seed)
    some_changes(sheet, np.random.default_rng(seed), 60)
    found = sheet.book(book)
    assert found.room_min.min() >= -1e-4
    net, lines, rows = book.net, book.lines, found.rows
    grams = np.bincount(rows.printer, rows.grams(net, lines), net.printers)
    assert (grams <= net.spool_g[0] + 1e-3).all()
    made = np.zeros((lines.count, net.printers), np.int64)
    np.add.at(made, (rows.line, rows.printer), rows.copies(net, lines))
    had = np.zeros_like(made)
    for line, copies in enumerate(sheet.state()):
        had[line, list(copies)] = list(copies.values())
    assert (made == had).all()
    assert had.any()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_by_each_due_date_is_what_a_book_has_left(seed):
    sheet, book = a_sheet(seed)
    some_changes(sheet, np.random.default_rng(seed), 60)
    left = sheet.book(book).room_min[:-1]
    assert np.array(rooms_of(sheet))[:, ::-1] == pytest.approx(left.T, abs=0.01)
    assert sheet.left_min() == pytest.approx(left[-1].tolist(), abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_whether_anybody_has_room_is_told_as_by_looking_at_each(seed):
    net, lines = an_instance_of("overloaded", 9, 40, seed)
    book = Book(net, lines, np.unique(lines.due_min))
    sheet = Sheet(book, np.ones(len(net.calendar)))
    rng, seen = np.random.default_rng(seed), set()
    for line, pieces in enumerate(sheet.pieces):
        sheet.put_in(line, pieces, lambda _: 1.0, 0.0, PLAIN)
    for _ in range(40):
        sheet.mark()
        some_changes(sheet, rng, 3)
        for line in range(len(sheet.pieces)):
            assert sheet.has_room(line) == bool(sheet.with_room(line))
            seen.add(sheet.has_room(line))
        if rng.random() < 0.3:
            sheet.undo()
            for line in range(len(sheet.pieces)):
                assert sheet.has_room(line) == bool(sheet.with_room(line))
    assert seen == {False, True}
