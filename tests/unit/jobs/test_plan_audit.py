"""The audit passes every plan of the planner, and sees each kind of fault that one could have."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import UnsoundPlanError
from jobs.hours import parse
from jobs.plan_audit import audit, check
from jobs.planned import Shortfall
from tests.unit.jobs.test_split import (
    FLEETS,
    MESHES,
    NEEDS,
    NOW,
    SOME_FITS,
    a_fit,
    a_need,
    a_printer,
    fits_for,
    plan_of,
)


@pytest.mark.parametrize("few_plates", [0, 500])
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_plan_passes(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    assert audit(plan_of(needs, fleet, fits, few_plates), needs, fleet, fits, NOW) == []


@pytest.mark.parametrize("few_plates", [0, 500])
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=15, deadline=None)
def test_no_plan_is_over_a_weekly_ceiling(few_plates, needs, fleet, data):
    left_s = {p.node: data.draw(st.floats(0, 60_000)) for p in fleet}
    fleet = [replace(p, weekly_h=20.0, week_left_s=left_s[p.node]) for p in fleet]
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    plan = plan_of(needs, fleet, fits, few_plates)
    assert audit(plan, needs, fleet, fits, NOW) == []
    for node, left in left_s.items():
        spent_s = sum(run.seconds * run.count for run in plan.runs if run.node == node)
        assert spent_s <= left + 0.01


@pytest.mark.parametrize("few_plates", [0, 500])
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=15, deadline=None)
def test_where_not_all_fits_the_parts_of_an_order_are_whole_kits(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    plan = plan_of(needs, fleet, fits, few_plates)
    for key in {(need.due, need.order_id) for need in needs}:
        lines = [need for need in needs if (need.due, need.order_id) == key]
        if len(lines) < 2:
            continue
        left = {
            told.part_id: told.left for told in plan.explained if told.order_id == lines[0].order_id
        }
        placed = [(need, need.pieces - left[need.part_id]) for need in lines]
        most = max(-(-need.pieces // need.per_kit) for need in lines)
        assert any(
            all(got == max(0, n.pieces - (most - kits) * n.per_kit) for n, got in placed)
            for kits in range(most + 1)
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
        ("time", {"seconds": 100.0}),
        ("unknown", {"node": "lab-x"}),
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
        ("ceiling", {"weekly_h": 20.0, "week_left_s": 2 * 5800.0}),
    ],
)
def test_a_printer_that_has_changed_is_found(rule, printer):
    plan, needs, fleet, fits = a_plan()
    assert rules(plan, needs, [replace(fleet[0], **printer)], fits) == {rule}


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
