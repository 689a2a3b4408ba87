"""The split places every piece or says why not, the same way whatever order it is told in."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from jobs.model import ReasonCode
from jobs.split import Fit, FleetPrinter, Need, exclusion, split

MESHES = ("frame", "clip")
MATERIALS = ("PETG", "PLA")


def a_printer(node="lab-a", printer="p1", **changes):
    facts = {
        "online": True, "paused": False, "material": "PETG", "grams": 500.0, "busy_s": 0.0,
    }  # fmt: skip
    return FleetPrinter(node=node, printer=printer, **(facts | changes))


def a_need(pieces=6, order="o1", part="frame", due=date(2026, 12, 1), materials=("PETG",)):
    return Need(
        order_id=order, part_id=part, pieces=pieces, due=due, materials=materials, mesh_sha256=part
    )


def a_fit(most=2, **changes):
    facts = {
        "needed_mm": 176.0, "bed_mm": 246.0, "seconds_first": 3000.0, "seconds_more": 2800.0,
        "grams_each": 18.0,
    }  # fmt: skip
    return Fit(most=most, **(facts | changes))


def fits_for(fleet, fit, meshes=("frame",)):
    return {(mesh, p.node, p.printer): fit for mesh in meshes for p in fleet}


def test_six_visors_on_one_printer_are_three_full_plates():
    fleet = [a_printer()]
    plan = split([a_need()], fleet, fits_for(fleet, a_fit()))
    assert [plate.copies for plate in plan.plates] == [2, 2, 2]
    assert plan.shortfalls == ()
    assert plan.rows[0].pieces == 6
    assert plan.rows[0].plates == 3


def test_the_last_plate_is_only_as_large_as_needed():
    fleet = [a_printer()]
    plan = split([a_need(pieces=5)], fleet, fits_for(fleet, a_fit()))
    assert [plate.copies for plate in plan.plates] == [2, 2, 1]


def test_work_goes_to_who_finishes_first():
    fleet = [a_printer("lab-a"), a_printer("lab-b"), a_printer("lab-c", busy_s=100_000)]
    plan = split([a_need(pieces=8)], fleet, fits_for(fleet, a_fit()))
    given_to = {row.node: row.pieces for row in plan.rows}
    assert given_to == {"lab-a": 4, "lab-b": 4, "lab-c": 0}


def test_each_printer_that_can_make_nothing_is_told_why():
    fleet = [
        a_printer("a-small"),
        a_printer("b-empty", material=None),
        a_printer("c-pla", material="PLA"),
        a_printer("d-short", grams=10.0),
        a_printer("e-paused", paused=True),
        a_printer("f-off", online=False),
    ]
    fits = fits_for(fleet, a_fit()) | {("frame", "a-small", "p1"): a_fit(most=0, bed_mm=176.0)}
    plan = split([a_need()], fleet, fits)
    assert [(row.node, row.reasons[0].code) for row in plan.rows] == [
        ("a-small", ReasonCode.BED),
        ("b-empty", ReasonCode.NO_SPOOL),
        ("c-pla", ReasonCode.MATERIAL),
        ("d-short", ReasonCode.STOCK),
        ("e-paused", ReasonCode.PAUSED),
        ("f-off", ReasonCode.OFFLINE),
    ]
    (short,) = plan.shortfalls
    assert short.pieces == 6
    assert len(short.reasons) == 6
    assert (short.reasons[3].needed, short.reasons[3].available) == (18.0, 10.0)


def test_filament_limits_the_pieces_and_is_the_reason_for_the_rest():
    fleet = [a_printer(grams=60.0)]
    plan = split([a_need()], fleet, fits_for(fleet, a_fit()))
    assert sum(plate.copies for plate in plan.plates) == 3
    (short,) = plan.shortfalls
    assert short.pieces == 3
    assert short.reasons[0].code is ReasonCode.STOCK


def test_no_fleet_is_a_reason_too():
    (short,) = split([a_need()], [], {}).shortfalls
    assert [reason.code for reason in short.reasons] == [ReasonCode.NO_NODE]


def test_the_earlier_due_order_is_served_first():
    fleet = [a_printer(grams=40.0)]
    late, soon = a_need(2, "a", due=date(2026, 12, 9)), a_need(2, "b", due=date(2026, 12, 1))
    plan = split([late, soon], fleet, fits_for(fleet, a_fit()))
    assert {plate.order_id for plate in plan.plates} == {"b"}
    assert plan.shortfalls[0].order_id == "a"


needs = st.lists(
    st.builds(
        a_need,
        pieces=st.integers(1, 40),
        order=st.sampled_from(["o1", "o2", "o3"]),
        part=st.sampled_from(MESHES),
        due=st.sampled_from([date(2026, 12, 1), date(2026, 12, 5)]),
        materials=st.sampled_from([("PETG",), ("PETG", "PLA")]),
    ),
    max_size=4,
    unique_by=lambda need: (need.order_id, need.part_id),
)
fleets = st.lists(
    st.builds(
        a_printer,
        node=st.sampled_from(["a", "b", "c"]),
        printer=st.sampled_from(["1", "2"]),
        online=st.booleans(),
        paused=st.booleans(),
        material=st.sampled_from([None, *MATERIALS]),
        grams=st.floats(0, 1000),
        busy_s=st.floats(0, 100_000),
    ),
    max_size=6,
    unique_by=lambda printer: (printer.node, printer.printer),
)


@st.composite
def cases(draw):
    fleet = draw(fleets)
    fits = {
        (mesh, p.node, p.printer): a_fit(most=draw(st.integers(0, 5)))
        for mesh in MESHES
        for p in fleet
    }
    return draw(needs), fleet, fits


@given(cases(), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_its_inputs(case, random):
    wanted, fleet, fits = case
    first = split(wanted, fleet, fits)
    wanted, fleet = list(wanted), list(fleet)
    random.shuffle(wanted)
    random.shuffle(fleet)
    assert split(wanted, fleet, fits) == first


@given(cases())
def test_every_piece_is_on_one_plate_or_in_a_shortfall_with_a_reason(case):
    wanted, fleet, fits = case
    plan = split(wanted, fleet, fits)
    for need in wanted:
        key = (need.order_id, need.part_id)
        placed = sum(p.copies for p in plan.plates if (p.order_id, p.part_id) == key)
        short = sum(s.pieces for s in plan.shortfalls if (s.order_id, s.part_id) == key)
        assert placed + short == need.pieces
    assert all(s.pieces > 0 and s.reasons for s in plan.shortfalls)
    assert len(plan.rows) == len(wanted) * len(fleet)


@given(cases())
def test_nobody_gets_what_it_cannot_make(case):
    wanted, fleet, fits = case
    plan = split(wanted, fleet, fits)
    by_need = {(need.order_id, need.part_id): need for need in wanted}
    for printer in fleet:
        mine = [p for p in plan.plates if (p.node, p.printer) == (printer.node, printer.printer)]
        assert sum(plate.grams for plate in mine) <= printer.grams + 1e-6
        for plate in mine:
            need = by_need[plate.order_id, plate.part_id]
            fit = fits[need.mesh_sha256, printer.node, printer.printer]
            assert 1 <= plate.copies <= fit.most
            assert exclusion(need, printer, fit) is None
