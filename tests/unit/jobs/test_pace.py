"""How many times its slicer's figure a printer takes: learnt from finished plates, and planned with."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import plan_audit
from jobs.claims import FreeBed, WaitingJob, last_ones, to_free, to_spread, would_be_late
from jobs.fleet import Fit, FleetPrinter, Need
from jobs.hours import SLACK, parse
from jobs.model import ReasonCode
from jobs.pace import LEAST, MOST, NEWEST, Finished, is_told, pace, slack
from jobs.split import split

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
FIT = Fit(
    most=2, needed_mm=176.0, bed_mm=246.0, seconds_first=3000.0, seconds_more=2800.0,
    grams_each=18.0,
)  # fmt: skip


def finished(*ratios, sliced_s=7200.0):
    """Return plates, the first the newest, each a day older than the one before."""
    return [
        Finished(at=NOW - timedelta(days=n), sliced_s=sliced_s, took_s=sliced_s * ratio)
        for n, ratio in enumerate(ratios)
    ]


def test_a_printer_without_history_is_as_its_slicer_says():
    assert pace([], NOW) == 1.0


def test_the_more_plates_say_so_the_more_it_is_believed():
    found = [pace(finished(*[1.5] * count), NOW) for count in (1, 2, 5, 12)]
    assert found == sorted(found)
    assert found[0] < 1.25
    assert found[-1] > 1.4


def test_one_odd_print_of_five_says_nothing():
    assert pace(finished(1.2, 1.2, 2.9, 1.2, 1.2), NOW) == pace(finished(*[1.2] * 5), NOW)


def test_the_newest_plates_count():
    was_slow, is_quick = [2.0] * 40, [1.0] * NEWEST
    assert pace(finished(*is_quick, *was_slow), NOW) == 1.0
    assert pace(finished(*was_slow), NOW) > 1.5
    assert pace(finished(*was_slow), NOW + timedelta(days=120)) == 1.0


@pytest.mark.parametrize(
    "plate",
    [
        Finished(at=NOW, sliced_s=600.0, took_s=1200.0),  # heating up is half of it
        Finished(at=NOW, sliced_s=7200.0, took_s=72.0),  # a simulated printer
        Finished(at=NOW, sliced_s=7200.0, took_s=80_000.0),  # somebody turned its speed down
        Finished(at=NOW, sliced_s=7200.0, took_s=0.0),
        Finished(at=NOW, sliced_s=0.0, took_s=7200.0),
    ],
)
def test_what_says_nothing_of_the_next_plate_is_left_out(plate):
    assert pace([plate] * 12, NOW) == 1.0


some_plates = st.lists(
    st.builds(
        Finished,
        at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001
            lambda at: at.replace(tzinfo=UTC)
        ),
        sliced_s=st.floats(0, 1e6), took_s=st.floats(0, 1e7),
    ),
    max_size=30,
)  # fmt: skip


@given(some_plates)
def test_whatever_is_told_it_stays_within_its_bounds_and_within_the_plates(plates):
    found = pace(plates, NOW)
    assert LEAST <= found <= MOST
    ratios = [p.took_s / p.sliced_s for p in plates if p.sliced_s > 0] + [1.0]
    assert min(ratios) - 0.01 <= found <= max(ratios) + 0.01
    assert pace(reversed(plates), NOW) == pytest.approx(found) or len({p.at for p in plates}) < len(
        plates
    )


@given(st.lists(st.floats(0.5, 3.0), min_size=1, max_size=NEWEST), st.floats(0.01, 1.0))
def test_slower_plates_never_make_a_printer_quicker(ratios, more):
    assert pace(finished(*(r + more for r in ratios)), NOW) >= pace(finished(*ratios), NOW)


@given(st.floats(LEAST, MOST))
def test_hours_are_never_shorter_than_before_anything_was_learnt(at):
    assert at * slack(at) >= SLACK - 1e-9
    assert slack(at) >= 1.05


def test_what_is_near_to_one_is_not_told():
    assert [is_told(each) for each in (0.8, 0.96, 1.0, 1.04, 1.2)] == [
        True, False, False, False, True,
    ]  # fmt: skip


# --- in plans -------------------------------------------------------------------------------------


def a_printer(node, **changes):
    facts = {"online": True, "paused": False, "material": "PETG", "grams": 1e6, "printer": "p1"}
    return FleetPrinter(node=node, **(facts | changes))


def a_need(pieces, due=date(2026, 12, 1)):
    return Need(
        order_id="o1", part_id="frame", pieces=pieces, per_kit=1, due=due, materials=("PETG",),
        mesh_sha256="frame",
    )  # fmt: skip


def planned(pieces, *fleet, few_plates=None):
    fits = {("frame", p.node, p.printer): FIT for p in fleet}
    plan = split([a_need(pieces)], fleet, fits, NOW, few_plates)
    plan_audit.check(plan, [a_need(pieces)], fleet, fits, NOW)
    return plan


def test_dates_are_those_that_the_printer_keeps():
    plan = planned(6, a_printer("lab-a", pace=1.5, queue_s=(3600.0,)))
    assert plan.runs[-1].last_at == NOW + timedelta(seconds=1.5 * (3600 + 3 * 5800))
    assert {run.seconds for run in plan.runs} == {5800.0}  # the job keeps its slicer's figure


def test_a_slow_printer_gets_less_and_one_that_is_quick_more():
    for few_plates in (0, 10_000):
        plan = planned(
            300, a_printer("lab-a", pace=2.0), a_printer("lab-b"), a_printer("lab-c", pace=0.7),
            few_plates=few_plates,
        )  # fmt: skip
        made = {}
        for run in plan.runs:
            made[run.node] = made.get(run.node, 0) + run.pieces
        assert made["lab-a"] < made["lab-b"] < made["lab-c"]


def test_a_plate_that_hours_would_hold_at_the_slicers_figure_only_is_not_planned():
    lab = a_printer("lab-a", attended=parse("08:00-10:00"))
    assert planned(2, lab).runs[0].pieces == 1  # 50 min of 120, the full plate of 97 is too long
    assert planned(2, replace(lab, pace=2.0)).runs[0].pieces == 1
    plan = planned(2, replace(lab, pace=2.5))
    assert not plan.runs
    (why,) = plan.shortfalls[0].reasons
    assert why.code is ReasonCode.HOURS
    assert why.needed == pytest.approx(3000 * 2.5 * 1.05 / 3600)


# --- what waits for a printer ---------------------------------------------------------------------


def waits(seconds, due=date(2026, 11, 25), **changes):
    facts = {"order_id": "o1", "part_id": "frame", "node": "lab-a", "printer": "p1", "material": "PETG",
             "grams": 30.0, "created_at": NOW, "pieces": 2}  # fmt: skip
    return WaitingJob(job="j", seconds=seconds, due=due, **(facts | changes))


def a_bed(**changes):
    facts = {"node": "lab-b", "printer": "p1", "material": "PETG", "grams": 500.0,
             "attended": parse("08:00-12:00"), "unattended": False, "week_left_s": 1e9}  # fmt: skip
    return FreeBed(**(facts | changes))


def test_a_slow_printer_would_be_late_where_its_slicer_says_it_is_not():
    queue = [waits(10 * 3600.0)]  # printed at 18:00, needed at midnight
    assert not would_be_late(last_ones(queue, a_printer("lab-a"), NOW))
    assert would_be_late(last_ones(queue, a_printer("lab-a", pace=1.7), NOW))


def test_a_plate_is_freed_only_for_who_has_the_hours_for_it_at_her_pace():
    job = waits(3 * 3600.0)
    assert to_free([job], a_bed(pace=1.1)) == job
    assert to_free([job], a_bed(pace=1.3)) is None


def test_a_plate_moves_to_an_idle_printer_only_if_it_is_sooner_at_that_printers_pace():
    (job,) = last_ones([waits(3 * 3600.0, starts_at=None)], a_printer("lab-a", queue_s=()), NOW)
    job = replace(job, starts_at=NOW + timedelta(hours=5), done_at=NOW + timedelta(hours=8))
    bed = a_bed(unattended=True)
    assert to_spread([job], [bed], NOW)
    assert not to_spread([job], [replace(bed, pace=2.0)], NOW)
