"""Of machines of any pace, with any share of scrap: all pieces are placed or short, and no rule is broken."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import plan_audit
from jobs.hours import parse
from jobs.pace import LEAST, MOST
from jobs.split import split
from tests.unit.jobs.test_pace import a_printer as a_paced_printer
from tests.unit.jobs.test_pace import planned
from tests.unit.jobs.test_yields import NOW, a_need, a_printer, fits, given_to, some_yields


@settings(max_examples=40, deadline=None)
@given(some_yields, st.integers(1, 400), st.integers(25, 40), st.sampled_from([0, 10_000]))
def test_every_piece_is_placed_once_whatever_the_yields(goods, pieces, day, few_plates):
    fleet = [a_printer(f"lab-{n}", good=good) for n, good in enumerate(goods)]
    due = date(2026, 11, day) if day <= 30 else date(2026, 12, day - 30)
    needs = [a_need(pieces, due)]
    plan = split(needs, fleet, fits(fleet), NOW, few_plates)
    plan_audit.check(plan, needs, fleet, fits(fleet), NOW)
    assert sum(given_to(plan).values()) == pieces


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(LEAST, MOST), min_size=1, max_size=5), st.integers(1, 200),
    st.sampled_from(["00:00-24:00", "08:00-20:00", "Mon-Fri 18:00-23:00, Sat 09:00-19:00"]),
    st.sampled_from([0, 10_000]), st.lists(st.floats(900, 20_000), max_size=3).map(tuple),
)  # fmt: skip
def test_every_plan_keeps_its_rules_at_whatever_paces(paces, pieces, hours, few_plates, queue_s):
    fleet = [
        a_paced_printer(f"lab-{n}", pace=at, attended=parse(hours), queue_s=queue_s if n else ())
        for n, at in enumerate(paces)
    ]
    plan = planned(pieces, *fleet, few_plates=few_plates)
    placed = sum(run.pieces for run in plan.runs)
    assert placed + sum(short.pieces for short in plan.shortfalls) == pieces
    if plan.bounds and placed == pieces:
        assert plan.bounds[0].earliest_at <= max(run.last_at for run in plan.runs)
