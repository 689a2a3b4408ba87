"""Which plate is freed for a maker with free hands."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.claims import FreeBed, WaitingJob, to_free
from jobs.hours import parse

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def job(name="a", **changes):
    facts = {
        "job": name, "order_id": "o", "part_id": "p", "node": "lab-a", "printer": "p1",
        "material": "PETG", "seconds": 7200.0, "grams": 40.0, "due": date(2026, 12, 1),
        "created_at": AT,
    }  # fmt: skip
    return WaitingJob(**(facts | changes))


def bed(**changes):
    facts = {
        "node": "lab-b", "printer": "p1", "material": "PETG", "grams": 500.0,
        "attended": parse("08:00-20:00"), "unattended": False, "week_left_s": float("inf"),
    }  # fmt: skip
    return FreeBed(**(facts | changes))


def test_the_last_plate_of_the_first_order_is_freed():
    jobs = [
        job("late", due=date(2026, 12, 9), created_at=AT + timedelta(hours=9)),
        job("first"),
        job("last", created_at=AT + timedelta(hours=1)),
    ]
    assert to_free(jobs, bed()).job == "last"
    assert to_free([], bed()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "lab-a"}, {"material": "PLA"}, {"grams": 39.0}, {"week_left_s": 7199.0},
        {"attended": parse("08:00-09:00")}, {"not_for_it": {("o", "p")}},
    ],
)  # fmt: skip
def test_what_the_printer_cannot_take_stays_where_it_is(changes):
    assert to_free([job()], bed(**changes)) is None


def test_who_is_always_there_needs_no_window():
    assert to_free([job()], bed(attended=parse("08:00-09:00"), unattended=True)).job == "a"


@given(st.permutations([job(str(n), created_at=AT + timedelta(minutes=n % 3)) for n in range(7)]))
def test_the_order_in_which_jobs_are_read_does_not_matter(jobs):
    assert to_free(jobs, bed()).job == "5"
