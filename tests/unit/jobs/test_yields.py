"""What comes out bad is planned for, and no lab gets a small lot where that costs nobody."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.chances import good_share, mean_good
from jobs.fleet import Fit, FleetPrinter, Need
from jobs.lots import LEAST_LOT
from jobs.split import split
from tests.bench import product

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIT = Fit(
    most=2, needed_mm=176.0, bed_mm=246.0, seconds_first=3000.0, seconds_more=2800.0,
    grams_each=18.0,
)  # fmt: skip


def a_printer(node, **changes):
    facts = {"online": True, "paused": False, "material": "PETG", "grams": 1e6, "printer": "p1"}
    return FleetPrinter(node=node, **(facts | changes))


def a_need(pieces, due=date(2026, 12, 1), order="o1"):
    return Need(
        order_id=order, part_id="frame", pieces=pieces, per_kit=1, due=due, materials=("PETG",),
        mesh_sha256="frame",
    )  # fmt: skip


def fits(fleet):
    return {("frame", p.node, p.printer): FIT for p in fleet}


def given_to(plan):
    found = {}
    for run in plan.runs:
        found[run.node] = found.get(run.node, 0) + run.pieces
    return found


some_yields = st.lists(st.floats(0.3, 1.0), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.3, 0.6), st.integers(40, 400), st.booleans(), st.sampled_from([0, 10_000])
)  # fmt: skip
def test_of_two_like_printers_the_one_with_more_scrap_gets_no_more(good, pieces, first, few_plates):
    fleet = [a_printer("lab-a", good=good if first else 1.0), a_printer("lab-b", good=1.0)]
    if not first:
        fleet[1] = replace(fleet[1], good=good)
    poor, better = ("lab-a", "lab-b") if first else ("lab-b", "lab-a")
    found = given_to(split([a_need(pieces)], fleet, fits(fleet), NOW, few_plates))
    assert found.get(poor, 0) <= found.get(better, 0) + FIT.most


def test_with_shares_each_lab_has_the_time_to_make_its_scrap_again():
    fleet = [a_printer("lab-a", good=0.5), a_printer("lab-b"), a_printer("lab-c")]
    need = a_need(400)
    alike = [replace(p, good=1.0) for p in fleet]
    before = given_to(split([need], alike, fits(fleet), NOW, 0))
    after = given_to(split([need], fleet, fits(fleet), NOW, 0))
    assert sum(before.values()) == sum(after.values()) == 400
    assert after["lab-a"] < 0.7 * before["lab-a"]


def test_what_nobody_could_beat_does_not_count_scrap():
    fleet = [a_printer("lab-a", good=0.5)]
    (bound,) = split([a_need(20)], fleet, fits(fleet), NOW).bounds
    (same,) = split([a_need(20)], [a_printer("lab-a")], fits(fleet), NOW).bounds
    assert bound == same


def test_small_lots_are_put_together_and_not_all_on_one_lab():
    fleet = [a_printer(f"lab-{n:03}", km=50.0) for n in range(100)]
    need = a_need(500, date(2027, 2, 1))
    lots = given_to(split([need], fleet, fits(fleet), NOW, 0))
    assert sum(lots.values()) == 500
    assert min(lots.values()) >= LEAST_LOT
    assert max(lots.values()) < 3 * LEAST_LOT


def test_small_lots_that_are_put_together_fill_plates():
    fleet = [a_printer(f"lab-{n:02}") for n in range(40)]
    fits_all = {("frame", p.node, p.printer): replace(FIT, most=4) for p in fleet}
    plan = split([a_need(120, date(2027, 2, 1))], fleet, fits_all, NOW, 0)
    lots = given_to(plan)
    assert len(lots) < len(fleet)  # three pieces each, at first
    for node, pieces in lots.items():
        plates = sum(run.count for run in plan.runs if run.node == node)
        assert plates == -(-pieces // 4)


def test_who_has_made_little_is_taken_to_be_as_all_others():
    mean = mean_good([(0, 0), (90, 10)])
    assert 0.89 < mean < 0.91
    assert good_share(0, 0, mean) == mean
    assert good_share(0, 1, mean) > 0.8
    assert 0 < good_share(0, 500, mean) < 0.05
    assert mean_good([]) == 0.9


def test_a_plan_that_knows_no_scrap_keeps_half_of_what_it_promises_where_half_is_scrap():
    fleet = [a_printer("lab-1", good=0.5)]
    due = product.NOW.date() + timedelta(days=4)
    until_s = (a_need(1, due).print_by - product.NOW).total_seconds()
    needs = [a_need(2 * int(until_s / FIT.seconds(2)), due)]
    plan = split(needs, fleet, fits(fleet), product.NOW, 10**9)
    facts = SimpleNamespace(needs=needs, fleet=fleet)
    assert product.worth(plan, facts)["ontime"] == 1.0
    assert product.with_scrap(plan, facts) == pytest.approx(0.5, abs=0.02)
    sure = SimpleNamespace(needs=needs, fleet=[replace(fleet[0], good=1.0)])
    assert product.with_scrap(plan, sure) == 1.0


def test_who_makes_nothing_but_scrap_ends_no_plan():
    # One printer alone: the network's mean is its own.
    counted = (0, 10_000)
    good = round(good_share(*counted, mean_good([counted])), 3)
    fleet = [a_printer("lab-a", good=good)]
    assert split([a_need(1)], fleet, fits(fleet), NOW).runs
    assert split([a_need(1)], fleet, fits(fleet), NOW, 0).runs
