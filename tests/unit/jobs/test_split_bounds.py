"""Before its bound no plan is done, and it lies as near as beds, hours and filament allow."""

from datetime import UTC, datetime, timedelta

from jobs.hours import parse
from tests.unit.jobs.test_split import MESHES, NOW, a_fit, a_need, a_printer, fits_for, plan_of


def test_a_bound_counts_plates_and_those_of_several_parts_together():
    fleet = [a_printer(), a_printer("lab-b")]
    (bound,) = plan_of([a_need(pieces=6)], fleet, fits_for(fleet, a_fit())).bounds
    # Three plates of two on two printers: one of them makes two, or a full one and a single piece.
    assert NOW + timedelta(seconds=8600) <= bound.earliest_at <= NOW + timedelta(seconds=11_600)
    needs = [a_need(pieces=8), a_need(pieces=8, part="clip")]
    one = [a_printer()]
    plan = plan_of(needs, one, fits_for(one, a_fit(), MESHES))
    last = max(plate.done_at for plate in plan.plates)
    assert last == NOW + timedelta(seconds=8 * 5800)
    assert last - timedelta(minutes=6) <= plan.bounds[0].earliest_at <= last


def test_a_bound_knows_the_hours():
    fleet = [a_printer(attended=parse("18:00-20:30"))]
    (bound,) = plan_of([a_need(pieces=3)], fleet, fits_for(fleet, a_fit())).bounds
    assert bound.earliest_at > datetime(2026, 11, 24, 20, tzinfo=UTC)


def test_a_bound_counts_who_is_just_quick_enough_for_its_hours():
    # Windows put paces of 1.3 and 1.5 into one class; at 1.4 the plate would be too long for any.
    fleet = [
        a_printer(attended=parse("08:00-10:00"), pace=1.31), a_printer("lab-b", queue_s=(1e6,)),
    ]  # fmt: skip
    plan = plan_of([a_need(pieces=1)], fleet, fits_for(fleet, a_fit(most=1, seconds_first=5200.0)))
    (run,) = plan.runs
    assert run.node == "lab-a"
    assert run.done_at - timedelta(minutes=2) <= plan.bounds[0].earliest_at <= run.done_at


def test_a_bound_knows_that_what_weighs_nothing_needs_no_filament():
    fleet = [a_printer(grams=0.0), a_printer("lab-b", queue_s=(1e6,))]
    plan = plan_of([a_need(pieces=2)], fleet, fits_for(fleet, a_fit(grams_each=0.0)))
    (run,) = plan.runs
    assert run.node == "lab-a"
    assert run.done_at - timedelta(minutes=2) <= plan.bounds[0].earliest_at <= run.done_at
