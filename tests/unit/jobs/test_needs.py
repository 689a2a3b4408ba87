from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.needs import is_open, kits_for, must_ask

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AGE = timedelta(days=14)


def asks(after, *, due=date(2027, 3, 1), asked=None, answered=None):
    at = [None if days is None else NOON + timedelta(days=days) for days in (asked, answered)]
    return must_ask(
        created_at=NOON, due=due, asked_at=at[0], answered_at=at[1],
        now=NOON + timedelta(days=after), age=AGE,
    )  # fmt: skip


def test_a_fresh_order_for_a_later_day_is_not_asked_about():
    assert not asks(13)


def test_an_old_order_is_asked_about_once():
    assert asks(14)
    assert not asks(20, asked=14)


def test_an_answer_is_good_for_as_long_as_an_order():
    assert not asks(27, asked=14, answered=14)
    assert asks(28, asked=14, answered=14)


@pytest.mark.parametrize(("after", "expected"), [(3, False), (4, True)])
def test_once_its_day_has_passed_it_is_asked_about(after, expected):
    assert asks(after, due=date(2026, 11, 27)) is expected


def test_an_answer_after_the_day_is_a_new_word():
    assert not asks(6, due=date(2026, 11, 27), asked=4, answered=5)


def test_an_answer_of_the_same_moment_closes_the_question():
    assert is_open(NOON, None)
    assert not is_open(NOON, NOON)
    assert is_open(NOON + timedelta(days=1), NOON)
    assert not is_open(None, None)


@pytest.mark.parametrize(("pieces", "kits"), [(0, 0), (1, 1), (2, 1), (3, 2), (20, 10)])
def test_a_kit_that_is_begun_counts_whole(pieces, kits):
    assert kits_for(pieces, ordered=20, kits=10) == kits
