"""An order that waits for a day: nothing of it starts sooner, and what does not wait uses the time before."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from jobs.claims import WaitingJob, last_ones, to_free, to_spread
from jobs.fleet import begins_at
from jobs.hours import parse
from jobs.model import ReasonCode
from jobs.plan_audit import audit
from jobs.stock import Weight, forecast
from tests.unit.jobs.test_claims import bed
from tests.unit.jobs.test_claims import job as a_job
from tests.unit.jobs.test_split import BOTH, NOW, a_fit, a_need, a_printer, fits_for, plan_of

FRIDAY = date(2026, 11, 27)
PLATE = timedelta(seconds=5800)


def starts(plan, order):
    return [p.done_at - timedelta(seconds=p.takes_s) for p in plan.plates if p.order_id == order]


@BOTH
@pytest.mark.parametrize("offset_min", [0, 60, -300])
def test_nothing_starts_before_the_day_has_begun_where_the_printer_stands(few_plates, offset_min):
    fleet = [a_printer(utc_offset_min=offset_min)]
    needs = [a_need(release=FRIDAY)]
    plan = plan_of(needs, fleet, fits_for(fleet, a_fit()), few_plates)
    begins = begins_at(FRIDAY, offset_min)
    assert starts(plan, "o1") == [begins, begins + PLATE, begins + 2 * PLATE]
    assert plan.bounds[0].earliest_at >= begins


@BOTH
def test_a_day_that_is_over_is_none(few_plates):
    fleet = [a_printer()]
    fits = fits_for(fleet, a_fit())
    plain = plan_of([a_need()], fleet, fits, few_plates)
    over = plan_of([a_need(release=NOW.date())], fleet, fits, few_plates)
    assert (over.runs, over.shortfalls, over.bounds) == (
        plain.runs, plain.shortfalls, plain.bounds,
    )  # fmt: skip


@BOTH
def test_what_is_due_later_is_made_before_what_waits(few_plates):
    fleet = [a_printer()]
    needs = [
        a_need(order="waits", due=date(2026, 11, 29), release=FRIDAY),
        a_need(pieces=80, order="later", due=date(2026, 12, 9)),
    ]
    fits = fits_for(fleet, a_fit())
    plan = plan_of(needs, [replace(fleet[0], grams=5000.0)], fits, few_plates)
    assert not plan.shortfalls
    first = min(starts(plan, "waits"))
    before = [at for at in starts(plan, "later") if at < first]
    assert min(before) == NOW
    # As many as there is time for, and not one across the day.
    assert len(before) == (begins_at(FRIDAY, 0) - NOW) // PLATE
    assert first == begins_at(FRIDAY, 0)


@BOTH
def test_plates_that_wait_leave_the_time_before_to_others(few_plates):
    fleet = [a_printer(later=((FRIDAY, 7200.0),))]
    plan = plan_of([a_need()], fleet, fits_for(fleet, a_fit()), few_plates)
    assert starts(plan, "o1") == [NOW, NOW + PLATE, NOW + 2 * PLATE]
    # What does not fit before comes after.
    wednesday = NOW.date() + timedelta(days=1)
    fleet = [a_printer(later=((wednesday, 7200.0),), queue_s=(11 * 3600.0,))]
    plan = plan_of([a_need(pieces=2)], fleet, fits_for(fleet, a_fit()), few_plates)
    assert starts(plan, "o1") == [begins_at(wednesday, 0) + timedelta(seconds=7200)]


def test_who_has_nothing_of_it_is_told_the_day_too():
    fleet = [a_printer("lab-a"), a_printer("lab-b", km=900.0)]
    plan = plan_of([a_need(pieces=2, release=FRIDAY)], fleet, fits_for(fleet, a_fit()))
    (row,) = [row for row in plan.rows if not row.pieces]
    assert [why.code for why in row.reasons] == [ReasonCode.RELEASE, ReasonCode.LATER]
    assert row.reasons[0].text == "2026-11-27"


def test_the_audit_finds_a_plate_before_its_day():
    fleet = [a_printer(utc_offset_min=60)]
    fits, needs = fits_for(fleet, a_fit()), [a_need(pieces=2)]
    plan = plan_of(needs, fleet, fits)
    assert audit(plan, needs, fleet, fits, NOW) == []
    waits = [replace(needs[0], release=FRIDAY)]
    (found,) = audit(plan, waits, fleet, fits, NOW)
    assert (found.rule, found.orders) == ("release", {"o1"})
    assert found.found == (datetime(2026, 11, 26, 23, tzinfo=NOW.tzinfo) - NOW).total_seconds()
    later = plan_of(waits, fleet, fits)
    assert audit(later, waits, fleet, fits, NOW) == []
    early = replace(later.runs[0], done_at=later.runs[0].done_at - timedelta(seconds=60))
    assert [
        each.rule for each in audit(replace(later, runs=(early,)), waits, fleet, fits, NOW)
    ] == ["release"]


@pytest.mark.parametrize(
    ("start_s", "rules"),
    [
        (0.0, set()), (12 * 3600 - 5800.0, set()), (12 * 3600 - 5799.0, {"overlap"}),
        (13 * 3600.0, {"overlap"}), (14 * 3600.0, set()),
    ],
)  # fmt: skip
def test_the_audit_finds_a_plate_over_one_that_waits(start_s, rules):
    fleet = [a_printer(later=((NOW.date() + timedelta(days=1), 7200.0),))]
    fits, needs = fits_for(fleet, a_fit()), [a_need(pieces=2)]
    plan = plan_of(needs, fleet, fits)
    moved = replace(plan.runs[0], done_at=NOW + PLATE + timedelta(seconds=start_s))
    found = audit(replace(plan, runs=(moved,)), needs, fleet, fits, NOW)
    assert {each.rule for each in found} == rules


def a_queue():
    day = NOW.date() + timedelta(days=1)
    return [
        a_job("waits", release=day, due=day),
        a_job("first", created_at=NOW, part_id="q"),
        a_job("second", created_at=NOW, part_id="r", seconds=36_000.0),
    ]


def test_what_waits_lets_the_others_of_its_printer_go_first():
    known = {job.job: job for job in last_ones(a_queue(), a_printer(), NOW)}
    assert known["first"].starts_at == NOW
    assert known["second"].starts_at == NOW + timedelta(hours=2)
    assert known["second"].done_at == known["waits"].starts_at == NOW + timedelta(hours=12)
    (alone,) = last_ones(a_queue()[:1], a_printer(attended=parse("08:00-20:00")), NOW)
    assert alone.starts_at == datetime(2026, 11, 25, 8, tzinfo=NOW.tzinfo)


def test_it_is_freed_for_nobody_who_could_not_begin_it():
    waits: WaitingJob = a_job(
        release=FRIDAY, starts_at=begins_at(FRIDAY, 0), done_at=begins_at(FRIDAY, 0) + PLATE
    )
    assert to_free([waits], bed()) is None
    assert to_spread([waits], [bed()], NOW) == ()
    begun = replace(waits, release=None)
    assert to_free([begun], bed()) == begun
    assert [job for _, job in to_spread([begun], [bed()], NOW)] == [begun]


def test_its_filament_is_used_on_its_day_and_after_what_does_not_wait():
    plates = [
        Weight(material="PETG", seconds=3600.0, grams=40.0, release=FRIDAY),
        Weight(material="PETG", seconds=3600.0, grams=70.0),
    ]
    found = forecast([(a_printer(grams=100.0), plates)], NOW)
    assert [(use.day, use.grams) for use in found.days] == [(NOW.date(), 70.0)]
    (short,) = found.shortages
    assert (short.day, short.missing_g) == (FRIDAY, 10.0)
