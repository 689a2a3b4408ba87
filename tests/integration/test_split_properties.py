"""Of any orders and printers: all pieces are placed or short and no rule is broken, in any order of facts."""

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.fleet import copies_for
from jobs.hours import parse
from jobs.plan_audit import audit
from tests.unit.jobs.test_split import (
    BOTH,
    MATERIALS,
    MESHES,
    NOW,
    a_fit,
    a_need,
    a_printer,
    plan_of,
)

PRINTERS = st.builds(
    a_printer,
    node=st.sampled_from(["lab-a", "lab-b", "lab-c", "lab-d"]),
    printer=st.sampled_from(["p1", "p2"]),
    online=st.booleans(),
    paused=st.booleans(),
    material=st.sampled_from([*MATERIALS, None]),
    grams=st.floats(0, 400),
    queue_s=st.lists(st.floats(0, 50_000), max_size=3).map(tuple),
    attended=st.sampled_from(["00:00-24:00", "18:00-20:00", "Mon-Fri 08:00-17:00"]).map(parse),
    km=st.one_of(st.none(), st.floats(0, 500)),
)
FLEETS = st.lists(PRINTERS, max_size=8, unique_by=lambda p: (p.node, p.printer))
NEEDS = st.lists(
    st.builds(
        a_need,
        pieces=st.integers(1, 30),
        order=st.sampled_from(["o1", "o2", "o3"]),
        part=st.sampled_from(MESHES),
        per_kit=st.integers(1, 3),
        due=st.dates(date(2026, 11, 25), date(2026, 12, 9)),
        materials=st.sampled_from([("PETG",), ("PLA", "PETG")]),
    ),
    max_size=5,
    unique_by=lambda n: (n.order_id, n.part_id),
)
SOME_FITS = st.builds(
    a_fit, most=st.integers(0, 5), seconds_first=st.floats(60, 9000), grams_each=st.floats(1, 60)
)


@BOTH
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_piece_is_placed_or_short_and_no_rule_is_broken(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    plan = plan_of(needs, fleet, fits, few_plates)
    printers = {(p.node, p.printer): p for p in fleet}
    for need in needs:
        ours = [p for p in plan.plates if (p.order_id, p.part_id) == (need.order_id, need.part_id)]
        short = sum(
            s.pieces
            for s in plan.shortfalls
            if (s.order_id, s.part_id) == (need.order_id, need.part_id)
        )
        assert sum(p.copies for p in ours) + short == need.pieces
        for plate in ours:
            key = (plate.node, plate.printer)
            printer, fit = printers[key], fits[need.mesh_sha256, *key]
            assert plate.copies <= copies_for(need, printer, fit, need.pieces)
            assert plate.material in need.materials
    for key, printer in printers.items():
        mine = [p for p in plan.plates if (p.node, p.printer) == key]
        assert sum(p.grams for p in mine) <= printer.grams + 1e-6
        assert [p.done_at for p in mine] == sorted(p.done_at for p in mine)


@BOTH
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_facts_does_not_matter(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    again = plan_of(
        data.draw(st.permutations(needs)), data.draw(st.permutations(fleet)), dict(fits), few_plates
    )
    assert again == plan_of(needs, fleet, fits, few_plates)


@BOTH
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=20, deadline=None)
def test_no_plan_is_done_before_its_bound(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    plan = plan_of(needs, fleet, fits, few_plates)
    short = {one.order_id for one in plan.shortfalls}
    for bound in plan.bounds:
        if bound.order_id not in short:
            last = max(p.done_at for p in plan.plates if p.order_id == bound.order_id)
            assert bound.earliest_at <= last


@BOTH
@given(needs=NEEDS, fleet=FLEETS, data=st.data())
@settings(max_examples=30, deadline=None)
def test_every_plan_passes(few_plates, needs, fleet, data):
    fits = {(mesh, p.node, p.printer): data.draw(SOME_FITS) for mesh in MESHES for p in fleet}
    assert audit(plan_of(needs, fleet, fits, few_plates), needs, fleet, fits, NOW) == []


@BOTH
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


@BOTH
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
