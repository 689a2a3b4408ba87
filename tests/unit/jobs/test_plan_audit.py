"""The audit passes a sound plan, and sees each kind of fault that one could have."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.errors import UnsoundPlanError
from jobs.hours import parse
from jobs.plan_audit import audit, check
from jobs.planned import Shortfall
from tests.unit.jobs.test_split import (
    NOW,
    a_fit,
    a_need,
    a_printer,
    fits_for,
    plan_of,
)


def a_plan(**printer):
    fleet = [a_printer(**printer)]
    needs = [a_need(pieces=6)]
    fits = fits_for(fleet, a_fit())
    return plan_of(needs, fleet, fits), needs, fleet, fits


def changed(plan, row, **facts):
    runs = list(plan.runs)
    runs[row] = replace(runs[row], **facts)
    return replace(plan, runs=tuple(runs))


def rules(plan, needs, fleet, fits):
    return {one.rule for one in audit(plan, needs, fleet, fits, NOW)}


def test_a_sound_plan_is_not_refused():
    plan, *facts = a_plan()
    check(plan, *facts, NOW)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("count", {"copies": 1}),
        ("bed", {"copies": 3}),
        ("material", {"material": "PLA"}),
        ("overlap", {"done_at": NOW + timedelta(hours=1)}),
        ("overlap", {"done_at": NOW + timedelta(seconds=5800 - 60)}),  # begun before it was planned
        ("time", {"seconds": 100.0}),
        ("time", {"pace": 0.5}),
        ("grams", {"grams": 0.0}),  # what the next plan would find on the spool
        ("grams", {"grams": float("nan")}),
        ("count", {"count": 2}),  # a plate more than asked
        ("count", {"count": 0}),
        ("unknown", {"node": "lab-x"}),
        ("unknown", {"printer": "p9"}),
        ("unknown", {"order_id": "o9"}),
    ],
)
def test_a_wrong_plate_is_found(rule, change):
    plan, *facts = a_plan()
    wrong = changed(plan, 0, **change)
    assert rule in rules(wrong, *facts)
    with pytest.raises(UnsoundPlanError, match="was not applied") as caught:
        check(wrong, *facts, NOW)
    assert caught.value.findings


@pytest.mark.parametrize(
    ("rule", "printer"),
    [
        ("stock", {"grams": 100.0}),
        ("cannot", {"online": False}),
        ("cannot", {"paused": True}),
        ("cannot", {"out_of_service": True}),
        ("cannot", {"fault": "thermal runaway"}),
        ("overlap", {"queue_s": (60.0,)}),
        ("hours", {"attended": parse("14:00-15:00")}),
        ("material", {"material": "PLA"}),
        ("process", {"process": "SEW"}),
        ("stock", {"grams": 6 * 18.0 - 1}),  # a gram too much
        ("time", {"pace": 1.1}),
        ("ceiling", {"weekly_h": 20.0, "week_left_s": 2 * 5800.0}),
        ("ceiling", {"weekly_h": 20.0, "week_left_s": 3 * 5800.0 - 60}),
        ("ceiling", {"weekly_h": 1.0, "week_left_s": 0.0}),
    ],
)
def test_a_printer_that_has_changed_is_found(rule, printer):
    plan, needs, fleet, fits = a_plan()
    found = rules(plan, needs, [replace(fleet[0], **printer)], fits)
    # Who is slower begins a plate before the one before it is printed.
    assert found - {"overlap"} == {rule} - {"overlap"}
    assert rule in found


def test_a_node_that_declined_is_found():
    plan, needs, fleet, fits = a_plan()
    declined = [replace(needs[0], declined=(("lab-a", "busy"),))]
    assert rules(plan, declined, fleet, fits) == {"cannot"}


def test_a_piece_that_is_placed_and_short_is_found():
    plan, *facts = a_plan()
    short = Shortfall(order_id="o1", part_id="frame", pieces=1, reasons=())
    assert rules(replace(plan, shortfalls=(short,)), *facts) == {"count"}
    negative = replace(short, pieces=-1)
    assert rules(replace(plan, shortfalls=(negative,)), *facts) == {"count"}
    assert rules(replace(plan, explained=()), *facts) == {"count"}


def test_a_bed_that_holds_less_is_found():
    plan, needs, fleet, _ = a_plan()
    assert rules(plan, needs, fleet, fits_for(fleet, a_fit(most=1))) == {"bed"}
    assert rules(plan, needs, fleet, fits_for(fleet, a_fit(most=0))) == {"bed"}
    assert rules(plan, needs, fleet, {}) == {"unknown"}


def test_a_material_that_nobody_asked_for_is_found():
    plan, needs, fleet, fits = a_plan()
    assert rules(plan, [replace(needs[0], materials=("PLA",))], fleet, fits) == {"material"}


def test_of_two_spools_no_whole_one_is_made():
    # Thirty grams here and thirty there hold three pieces of eighteen, not the six of both together.
    fleet = [a_printer(grams=30.0), a_printer("lab-b", grams=30.0)]
    needs, fits = [a_need(pieces=3)], fits_for(fleet, a_fit(most=3))
    plan = plan_of(needs, fleet, fits)
    assert sum(run.pieces for run in plan.runs) == 2
    one = replace(
        plan.runs[0], copies=3, seconds=8600.0, grams=54.0, done_at=NOW + timedelta(seconds=8600)
    )
    both = replace(plan, runs=(one,), shortfalls=())
    assert "stock" in rules(both, needs, fleet, fits)


@pytest.mark.parametrize(
    ("late_s", "found"), [(0, set()), (60, {"hours"}), (-60, {"hours"}), (6 * 3600, {"hours"})]
)
def test_a_plate_that_is_not_whole_within_attended_hours_is_found(late_s, found):
    # 5800 s and a quarter are 7250: the window holds it to the second, at its beginning only.
    fleet = [a_printer(attended=parse("18:00-20:01"), utc_offset_min=60)]
    needs, fits = (
        [a_need(pieces=2)],
        fits_for(fleet, a_fit(seconds_first=3000.0, seconds_more=2808.0)),
    )
    plan = plan_of(needs, fleet, fits)
    moved = changed(plan, 0, done_at=plan.runs[0].done_at + timedelta(seconds=late_s))
    assert rules(moved, needs, fleet, fits) == found
    alone = [replace(fleet[0], unattended=True)]
    assert rules(moved, needs, alone, fits) == set()


def test_a_plate_of_the_night_over_the_end_of_the_week_is_sound_and_one_after_it_is_not():
    night = [a_printer(attended=parse("Sun 22:00-04:00"))]
    needs, fits = [a_need(pieces=4)], fits_for(night, a_fit())
    plan = plan_of(needs, night, fits)
    assert rules(plan, needs, night, fits) == set()
    late = changed(plan, -1, done_at=plan.runs[-1].done_at + timedelta(hours=3))
    assert rules(late, needs, night, fits) == {"hours"}


def test_a_plate_before_those_that_its_printer_has_is_found_by_its_hours():
    # Two plates fill two evenings: the third evening is the first that is free.
    fleet = [a_printer(attended=parse("18:00-20:30"), queue_s=(5800.0, 5800.0))]
    needs, fits = [a_need(pieces=2)], fits_for(fleet, a_fit())
    plan = plan_of(needs, fleet, fits)
    assert rules(plan, needs, fleet, fits) == set()
    sooner = changed(plan, 0, done_at=plan.runs[0].done_at - timedelta(days=1))
    assert rules(sooner, needs, fleet, fits) == {"overlap"}


def test_plates_of_a_run_that_reach_into_the_next_one_are_found():
    fleet, needs = [a_printer()], [a_need(pieces=6), a_need(pieces=2, order="o2")]
    fits = fits_for(fleet, a_fit())
    plan = plan_of(needs, fleet, fits, 0)
    assert [run.count for run in plan.runs] == [3, 1]
    into = changed(plan, 1, done_at=plan.runs[0].last_at)
    assert rules(into, needs, fleet, fits) == {"overlap"}


@pytest.mark.parametrize("of", [0, 1])
def test_the_ceiling_of_a_lab_counts_on_all_its_printers_whichever_of_them_names_it(of):
    fleet = [a_printer(), a_printer(printer="p2")]
    needs, fits = [a_need(pieces=8)], fits_for(fleet, a_fit())
    plan = plan_of(needs, fleet, fits)
    assert len({run.printer for run in plan.runs}) == 2
    fleet[of] = replace(fleet[of], weekly_h=6.0, week_left_s=3.5 * 5800)
    assert rules(plan, needs, fleet, fits) == {"ceiling"}


def test_a_row_that_tells_a_lab_of_what_another_makes_is_found():
    plan, needs, fleet, fits = a_plan()
    (told,) = plan.explained
    other = replace(told, made=(replace(told.made[0], node="lab-b"),))
    assert rules(replace(plan, explained=(other,)), needs, fleet, fits) == {"count"}
