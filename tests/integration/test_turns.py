"""What is worth more goes first where not all can be in time, and nobody gains by it where all can."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jobs.hours import parse
from jobs.model import Priority
from jobs.planned import Plan
from jobs.split import split
from jobs.turns import made_of
from tests.unit.jobs.test_split import BOTH, NOW, a_fit, a_need, a_printer, fits_for

SOON, LATER = date(2026, 11, 26), date(2026, 11, 27)
STEPS = tuple(Priority)


def kits_in_time(plan: Plan, needs):
    runs = {(n.order_id, n.part_id): [] for n in needs}
    for run in plan.runs:
        runs[run.order_id, run.part_id].append(run)
    return {order: made.in_time for order, made in made_of(needs, runs).items()}


def two_orders(first=Priority.NORMAL, second=Priority.NORMAL):
    """One printer, 22 plates of two by the first day and 14 more by the next; 60 pieces of 72."""
    return [
        a_need(pieces=40, order="soon", due=SOON, priority=first),
        a_need(pieces=40, order="later", due=LATER, priority=second),
    ]


@BOTH
def test_what_is_due_sooner_does_not_push_what_is_worth_more_out_of_its_time(few_plates):
    fleet = [a_printer(grams=5000.0)]
    fits = fits_for(fleet, a_fit())
    found = {}
    for second in (Priority.NORMAL, Priority.VITAL):
        needs = two_orders(second=second)
        found[second] = kits_in_time(split(needs, fleet, fits, NOW, few_plates), needs)
    assert found[Priority.NORMAL]["later"] < 40
    assert found[Priority.VITAL]["later"] == 40


def test_where_all_can_be_in_time_the_plan_is_by_due_date_whatever_orders_are_worth():
    fleet = [a_printer(f"lab-{n}", grams=5000.0, km=7.0 * n) for n in range(4)]
    fits = fits_for(fleet, a_fit())
    plain = split(two_orders(), fleet, fits, NOW)
    assert split(two_orders(second=Priority.VITAL), fleet, fits, NOW) == plain


@BOTH
@pytest.mark.parametrize("step", STEPS)
def test_orders_that_are_all_worth_the_same_are_planned_as_if_they_were_normal(few_plates, step):
    for seed in (1,) if few_plates == 0 else (1, 4):
        needs, fleet, fits = a_network(seed)
        normal = [replace(need, priority=Priority.NORMAL) for need in needs]
        alike = [replace(need, priority=step) for need in needs]
        plan = split(normal, fleet, fits, NOW, few_plates)
        assert repr(split(alike, fleet, fits, NOW, few_plates)) == repr(plan)
        assert not any(run.set_back for run in plan.runs)


def test_filament_that_does_not_reach_goes_to_what_is_worth_more():
    fleet = [a_printer(grams=20 * 18.0)]
    needs = [
        a_need(pieces=20, order="soon"),
        a_need(pieces=20, order="later", due=date(2026, 12, 9), priority=Priority.URGENT),
    ]
    plan = split(needs, fleet, fits_for(fleet, a_fit()), NOW)
    assert [(short.order_id, short.pieces) for short in plan.shortfalls] == [("soon", 20)]


def test_what_comes_after_others_that_are_due_later_is_marked():
    fleet = [a_printer(grams=5000.0)]
    needs = two_orders(second=Priority.VITAL)
    plan = split(needs, fleet, fits_for(fleet, a_fit()), NOW)
    back = sum(run.pieces for run in plan.runs if run.set_back)
    assert {run.order_id for run in plan.runs if run.set_back} == {"soon"}
    # 37 plates of two fit before the second day; what has no time is set back, and no more.
    assert 80 - 2 * 37 <= back <= 80 - 2 * 37 + 1


def test_a_little_more_for_one_is_not_bought_with_much_of_another():
    """The one order of two kits would save one; forty of the other would be too late."""
    fleet = [a_printer(grams=5000.0, attended=parse("08:00-20:00"))]
    needs = [
        a_need(pieces=14, order="soon", due=SOON),
        a_need(pieces=4, order="long", part="clip", due=LATER, priority=Priority.URGENT),
    ]
    fits = fits_for(fleet, a_fit()) | fits_for(
        fleet, a_fit(most=1, seconds_first=30_000.0, seconds_more=30_000.0), ("clip",)
    )
    plan = split(needs, fleet, fits, NOW)
    assert kits_in_time(plan, needs)["soon"] == 14


def a_network(seed):
    """A few orders of one or two parts, due within a week, on a few printers; mostly too much work."""
    draw = random.Random(seed)
    fleet = [
        a_printer(
            f"lab-{n}",
            grams=draw.choice((150.0, 600.0, 3000.0)),
            km=draw.choice((0.0, 30.0, 400.0)),
            queue_s=(draw.choice((0.0, 20_000.0, 90_000.0)),),
            attended=parse(
                draw.choice(("Mon-Sun 00:00-24:00", "08:00-20:00", "Mon-Fri 18:00-23:00"))
            ),
            good=draw.choice((1.0, 0.9)),
        )
        for n in range(draw.randint(1, 6))
    ]
    meshes = ("frame", "clip")
    fits = {
        (mesh, printer.node, printer.printer): a_fit(
            most=draw.randint(0, 5),
            seconds_first=draw.choice((1500.0, 4000.0, 9000.0)),
            seconds_more=draw.choice((600.0, 2800.0)),
        )
        for mesh in meshes
        for printer in fleet
    }
    needs = []
    for n in range(draw.randint(2, 6)):
        due = NOW.date() + timedelta(days=draw.randint(1, 7))
        kits, step = draw.randint(1, 25), draw.choice(STEPS)
        for mesh in meshes[: draw.randint(1, 2)]:
            per_kit = draw.randint(1, 2)
            needs.append(
                a_need(
                    pieces=kits * per_kit, per_kit=per_kit, order=f"o{n}", part=mesh, due=due,
                    priority=step,
                )
            )  # fmt: skip
    return needs, fleet, fits


def raised(needs, order, step):
    return [replace(n, priority=step if n.order_id == order else Priority.NORMAL) for n in needs]


def by_step(seed, order, few_plates=None):
    """Return the kits in time of one order of a network at each step, all others normal."""
    needs, fleet, fits = a_network(seed)
    return [
        kits_in_time(split(asked, fleet, fits, NOW, few_plates, told=False), asked)[order]
        for asked in (raised(needs, order, step) for step in STEPS)
    ]


def test_who_is_raised_alone_never_has_fewer_kits_in_time():
    gained = 0
    for seed in range(12):
        for order in sorted({need.order_id for need in a_network(seed)[0]}):
            found = by_step(seed, order)[1:]  # from normal on
            assert found == sorted(found), (seed, order)
            gained += found[-1] > found[0]
    assert gained > 3
