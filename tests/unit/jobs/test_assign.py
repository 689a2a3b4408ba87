"""Offers: one plate at least, then as far ahead as the look-ahead. What a lab cannot make is taken back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.assign import HeldJob, OpenJob, PrinterLoad, next_offers, to_take_back
from jobs.lifecycle import MAY_HAVE_STARTED, AttemptState
from jobs.model import ReasonCode

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_job(job, seconds=3600.0, node="a", printer="p", due=date(2026, 12, 1)):
    return OpenJob(
        job=job, node=node, printer=printer, seconds=seconds, due=due, created_at=NOW
    )  # fmt: skip


def a_load(live_s=0.0, node="a", printer="p"):
    return PrinterLoad(node=node, printer=printer, live_s=live_s)


def chosen(jobs, loads):
    return [job.job for job in next_offers(jobs, loads)]


def test_offers_reach_eight_hours_ahead():
    jobs = [a_job(f"j{i}", seconds=3 * 3600.0) for i in range(5)]
    assert chosen(jobs, [a_load()]) == ["j0", "j1"]


def test_a_plate_longer_than_the_look_ahead_is_offered_to_an_idle_printer():
    assert chosen([a_job("long", seconds=20 * 3600.0)], [a_load()]) == ["long"]
    assert chosen([a_job("long", seconds=20 * 3600.0)], [a_load(live_s=60.0)]) == []


def test_of_a_tail_each_printer_gets_one_plate_at_a_time():
    tail = [replace(a_job(f"t{n}"), left=0.05) for n in range(3)]
    assert chosen(tail, [a_load()]) == ["t0"]
    assert chosen(tail, [a_load(live_s=60.0)]) == []
    later = a_job("later", due=date(2026, 12, 9))
    assert chosen([*tail, later], [a_load()]) == ["t0"]  # nothing slips in before it
    assert chosen([*tail, a_job("sooner", due=date(2026, 11, 30))], [a_load()]) == ["sooner"]


def test_of_one_day_the_part_that_is_further_behind_goes_first():
    ahead, behind = replace(a_job("ahead"), left=0.3), replace(a_job("behind"), left=0.6)
    later = replace(a_job("later", due=date(2026, 12, 9)), left=0.9)
    assert chosen([later, ahead, behind], [a_load()]) == ["behind", "ahead", "later"]


def test_what_is_due_first_goes_first_in_any_order():
    jobs = [a_job("b", due=date(2026, 12, 9)), a_job("a", due=date(2026, 12, 1))]
    assert chosen(jobs, [a_load()]) == chosen(jobs[::-1], [a_load()]) == ["a", "b"]


def test_what_a_plan_has_set_back_is_offered_after_what_is_worth_more_though_that_is_due_later():
    back, urgent = replace(a_job("back"), set_back=True), a_job("urgent", due=date(2026, 12, 9))
    assert chosen([back, urgent], [a_load()]) == ["urgent", "back"]


def test_what_waits_for_its_day_is_made_on_it_and_only_what_is_done_by_then_goes_before():
    waits = replace(a_job("waits"), waits_s=2 * 3600.0)
    long, short = (
        a_job(n, h * 3600.0, due=date(2026, 12, 9)) for n, h in (("long", 3), ("short", 2))
    )
    assert chosen([waits, long, short], [a_load()]) == ["short"]
    assert chosen([waits, short], [a_load(live_s=60.0)]) == []
    # What comes before it by its own day asks nobody, nor does another printer.
    assert chosen([waits, a_job("sooner", 9e4, due=date(2026, 11, 30))], [a_load()]) == ["sooner"]
    other = replace(long, printer="q")
    assert chosen([waits, other], [a_load(), a_load(printer="q")]) == ["long"]


def test_nothing_is_offered_to_a_printer_that_is_not_there():
    assert chosen([a_job("j", node="gone")], [a_load()]) == []


SILENCE = timedelta(minutes=10)


def held(job="j", **changes):
    facts = {
        "node": "a", "printer": "p", "material": "PETG", "attempt": AttemptState.TAKEN, "words": "",
        "online": True, "gone_since": None, "fault": "", "paused": False, "loaded": "PETG",
    }  # fmt: skip
    return HeldJob(job=job, **(facts | changes))


def taken_back(*jobs, now=NOW):
    return [(job.job, why.code, why.text) for job, why in to_take_back(jobs, SILENCE, now)]


def test_a_job_whose_lab_can_make_it_stays():
    states = [
        None,
        AttemptState.OFFERED,
        AttemptState.TAKEN,
        AttemptState.PREPARING,
        AttemptState.READY,
    ]
    assert taken_back(*(held(attempt=state) for state in states)) == []


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"attempt": AttemptState.DECLINED, "words": "no time"}, ReasonCode.DECLINED, "no time"),
        ({"attempt": AttemptState.LAPSED, "words": "no word"}, ReasonCode.DECLINED, "no word"),
        ({"paused": True}, ReasonCode.PAUSED, ""),
        ({"out_of_service": True}, ReasonCode.SERVICE, ""),
        ({"loaded": None}, ReasonCode.NO_SPOOL, ""),
        ({"loaded": "PLA"}, ReasonCode.MATERIAL, ""),
        ({"online": False, "gone_since": NOW - SILENCE}, ReasonCode.OFFLINE, ""),
        ({"gone_since": NOW - SILENCE, "fault": "no answer"}, ReasonCode.FAULT, "no answer"),
    ],
)
def test_a_job_whose_lab_cannot_make_it_goes_to_others(changes, code, text):
    assert taken_back(held(**changes)) == [("j", code, text)]


def test_a_short_silence_takes_nothing():
    job = held(online=False, gone_since=NOW - SILENCE + timedelta(seconds=1))
    assert taken_back(job) == []
    assert taken_back(job, now=NOW + timedelta(seconds=1)) == [("j", ReasonCode.OFFLINE, "")]


@pytest.mark.parametrize("state", sorted(MAY_HAVE_STARTED))
def test_what_may_have_started_is_never_taken_back(state):
    job = held(attempt=state, online=False, gone_since=NOW - 9 * SILENCE, paused=True, loaded=None)
    assert taken_back(job) == []


def test_the_order_of_jobs_does_not_matter():
    jobs = [held(f"j{n}", paused=bool(n % 2)) for n in range(6)]
    assert taken_back(*jobs) == taken_back(*jobs[::-1])
    assert [job for job, *_ in taken_back(*jobs)] == ["j1", "j3", "j5"]


def test_no_more_is_offered_than_the_week_of_a_lab_holds():
    jobs = [a_job("j0"), a_job("j1", printer="q"), a_job("j2")]
    loads = [replace(a_load(printer=name), week_left_s=2 * 3600.0) for name in ("p", "q")]
    assert chosen(jobs, loads) == ["j0", "j1"]


def test_what_the_week_does_not_hold_goes_to_others_unless_it_was_taken():
    assert taken_back(held(attempt=None, over_ceiling=True)) == [("j", ReasonCode.CEILING, "")]
    assert taken_back(held(over_ceiling=True)) == []
