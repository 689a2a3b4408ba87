"""A plan that breaks a rule is thrown away: the other way is taken, or the faulty orders are left out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs import sound_plan as made
from jobs.model import ReasonCode
from jobs.plan_audit import audit
from jobs.planned import Plan
from jobs.sound_plan import MOST_ALONE, sound_plan
from jobs.split import split
from tests.doubles.faulty_split import FaultySplit
from tests.unit.jobs.test_split import NOW, a_fit, a_need, a_printer, fits_for

FLEET = [a_printer("lab-a", grams=1e6), a_printer("lab-b", grams=1e6)]
ORDERS = [f"o{number}" for number in range(7)]
NEEDS = [a_need(pieces=4, order=order) for order in ORDERS]
FITS = fits_for(FLEET, a_fit())


def planned(needs=NEEDS):
    return sound_plan(needs, FLEET, FITS, NOW)


def by_order(plan):
    found = dict.fromkeys(ORDERS, 0)
    for run in plan.runs:
        found[run.order_id] += run.pieces
    return found


def test_a_plan_without_faults_is_the_one_that_split_makes(monkeypatch):
    faulty = FaultySplit().put_in(monkeypatch)
    sound = planned()
    assert sound.plan == split(NEEDS, FLEET, FITS, NOW)
    assert (sound.thrown, sound.left_out, faulty.made) == ((), (), 1)


@pytest.mark.parametrize("few_plates", [500, 0])
def test_where_one_way_to_plan_is_broken_the_other_one_is_taken(monkeypatch, few_plates):
    monkeypatch.setattr("jobs.split.FEW_PLATES", few_plates)
    monkeypatch.setattr("jobs.split.STILL_FEW", 0)
    by_shares = few_plates == 0
    faulty = FaultySplit(*ORDERS, by_shares=by_shares).put_in(monkeypatch)
    sound = planned()
    assert sound.plan.shares_first is not by_shares
    assert by_order(sound.plan) == dict.fromkeys(ORDERS, 4)
    assert sound.left_out == ()
    assert sound.thrown[0].startswith("time at lab-a/p1: 0, bound ")
    assert faulty.made == 2


@pytest.mark.parametrize("faulty", [["o0"], ["o6"], ["o1", "o2"], ["o0", "o3", "o6"], ORDERS])
def test_only_the_faulty_orders_are_left_out_and_every_piece_is_accounted_for(monkeypatch, faulty):
    FaultySplit(*faulty).put_in(monkeypatch)
    sound = planned()
    assert sound.left_out == tuple(faulty)
    assert by_order(sound.plan) == {order: 0 if order in faulty else 4 for order in ORDERS}
    assert audit(sound.plan, NEEDS, FLEET, FITS, NOW) == []
    short = {
        s.order_id: (s.pieces, [(w.code, w.text) for w in s.reasons]) for s in sound.plan.shortfalls
    }
    assert short == {order: (4, [(ReasonCode.UNSOUND, "time")]) for order in faulty}


def test_who_only_shares_a_printer_with_a_faulty_order_is_planned(monkeypatch):
    """Plates that begin too early are found where two orders meet: both are named."""

    def early(*facts, **options):
        plan = split(*facts, **options)
        hour = timedelta(hours=1)
        runs = (
            replace(r, done_at=r.done_at - hour) if r.order_id == "o3" else r for r in plan.runs
        )
        return replace(plan, runs=tuple(runs))

    monkeypatch.setattr(made, "split", early)
    found = audit(early(NEEDS, FLEET, FITS, NOW), NEEDS, FLEET, FITS, NOW)
    assert {order for one in found for order in one.orders} > {"o3"}
    assert planned().left_out == ("o3",)


def test_of_many_orders_one_that_is_faulty_is_found_with_few_plans(monkeypatch):
    needs = [a_need(pieces=2, order=f"o{number:03}") for number in range(200)]
    faulty = FaultySplit("o123").put_in(monkeypatch)
    assert planned(needs).left_out == ("o123",)
    assert faulty.made == 2 + 1 + 2  # all, all others, and with it: by both ways where it fails


def test_where_plates_are_very_many_they_are_weighed_one_by_one_once_only(monkeypatch):
    monkeypatch.setattr(made, "MOST_WEIGHED", 0)
    monkeypatch.setattr("jobs.split.FEW_PLATES", 0)
    monkeypatch.setattr("jobs.split.STILL_FEW", 0)
    faulty = FaultySplit("o3").put_in(monkeypatch)
    assert planned().left_out == ("o3",)
    assert faulty.made == 2 + 1 + 1


def test_where_findings_name_nobody_the_faulty_order_is_still_found(monkeypatch):
    needs = [a_need(pieces=2, order=f"o{number:03}") for number in range(200)]
    faulty = FaultySplit("o123").put_in(monkeypatch)
    real = audit

    def nameless(*facts):
        return [replace(one, orders=frozenset()) for one in real(*facts)]

    monkeypatch.setattr("jobs.plan_audit.audit", nameless)
    assert planned(needs).left_out == ("o123",)
    assert faulty.made < 40


def test_where_everything_is_faulty_the_search_ends(monkeypatch):
    needs = [a_need(pieces=2, order=f"o{number:03}") for number in range(200)]
    faulty = FaultySplit(*(need.order_id for need in needs)).put_in(monkeypatch)
    sound = planned(needs)
    assert (len(sound.left_out), sound.plan.runs) == (200, ())
    assert faulty.made <= 2 * MOST_ALONE + 8
    assert len(sound.thrown) <= 20


def test_a_plan_of_nothing_is_sound():
    assert planned([]).plan == Plan(runs=(), shortfalls=(), explained=())
