"""Which plates leave a printer whose spool does not hold them: what, where to, and how many."""

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.claims import WaitingJob
from jobs.fleet import print_by
from jobs.lifecycle import AttemptState
from jobs.planned import Run
from jobs.spools import to_give_back, unheld

DUE = date(2026, 12, 1)
BY = print_by(DUE)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_job(job, **changes):
    facts = {
        "job": job, "order_id": "o1", "part_id": "frame", "node": "lab-a", "printer": "p1",
        "material": "PETG", "seconds": 3600.0, "grams": 33.0, "due": DUE, "created_at": NOW,
        "pieces": 2,
    }  # fmt: skip
    return WaitingJob(**(facts | changes))


def a_run(pieces, done_at=NOW, **changes):
    facts = {
        "order_id": "o1", "part_id": "frame", "node": "lab-b", "printer": "p1", "material": "PETG",
        "copies": 1, "seconds": 3600.0, "grams": 16.0, "done_at": done_at, "count": pieces,
    }  # fmt: skip
    return Run(**(facts | changes))


def ids(jobs):
    return [job.job for job in jobs]


def test_what_the_spool_holds_stays():
    assert unheld([a_job("j1"), a_job("j2")], {"j2": None}, NOW) == (a_job("j2"),)


@pytest.mark.parametrize(("after", "found"), [(0, []), (1, ["j1"])])
def test_what_comes_in_time_is_as_good_as_what_is_there(after, found):
    at = BY + timedelta(seconds=after)
    assert ids(unheld([a_job("j1")], {"j1": at}, NOW)) == found


@pytest.mark.parametrize("state", list(AttemptState))
def test_what_anybody_was_offered_stays(state):
    assert unheld([a_job("j1", attempt=state)], {"j1": None}, NOW) == ()


@pytest.mark.parametrize(
    ("pieces", "found"), [(0, []), (1, []), (2, ["j1"]), (3, ["j1"]), (4, ["j1", "j2"])]
)
def test_as_many_go_as_have_room_in_time(pieces, found):
    runs = [a_run(pieces)] if pieces else []
    assert ids(to_give_back([a_job("j2"), a_job("j1")], runs, NOW)) == found


def test_what_would_be_late_elsewhere_too_is_no_room():
    runs = [a_run(3, BY)]  # the first is in time, and no other
    assert to_give_back([a_job("j1")], runs, NOW) == ()
    assert ids(to_give_back([a_job("j1", pieces=1)], runs, NOW)) == ["j1"]


@pytest.mark.parametrize("other", [{"order_id": "o2"}, {"part_id": "strap"}])
def test_room_of_another_part_is_none(other):
    assert to_give_back([a_job("j1")], [a_run(9, **other)], NOW) == ()


def test_first_goes_what_nothing_comes_for_then_what_would_be_last():
    jobs = [
        a_job("j1", done_at=BY + timedelta(hours=1)), a_job("j2", done_at=BY + timedelta(hours=9)),
        a_job("j3"),
    ]  # fmt: skip
    assert ids(to_give_back(jobs, [a_run(6)], NOW)) == ["j3", "j2", "j1"]
    assert ids(to_give_back(jobs[::-1], [a_run(2)], NOW)) == ["j3"]


def test_what_is_too_big_for_the_room_lets_a_smaller_one_go():
    jobs = [a_job("j1", pieces=4), a_job("j2")]
    assert ids(to_give_back(jobs, [a_run(3)], NOW)) == ["j2"]


def test_what_is_overdue_goes_to_who_makes_it_late_if_nothing_comes_for_it():
    now = BY + timedelta(hours=1)
    coming = {"j1": None, "j2": now + timedelta(days=1)}
    (job,) = unheld([a_job("j1"), a_job("j2")], coming, now)
    assert job.job == "j1"
    assert to_give_back([job], [a_run(2, now + timedelta(days=2))], now) == (job,)
    assert to_give_back([job], [], now) == ()
