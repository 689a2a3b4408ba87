"""The split places every piece or says why not, the same way whatever order it is told in."""

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.fleet import Fit, FleetPrinter, Need, exclusion
from jobs.hours import parse
from jobs.model import ReasonCode
from jobs.split import FEW_PLATES, NARROW, split

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
MESHES = ("frame", "clip")
MATERIALS = ("PETG", "PLA")


def a_printer(node="lab-a", printer="p1", **changes):
    facts = {"online": True, "paused": False, "material": "PETG", "grams": 500.0}
    return FleetPrinter(node=node, printer=printer, **(facts | changes))


def a_need(pieces=6, order="o1", part="frame", **changes):
    facts = {
        "due": date(2026, 12, 1), "materials": ("PETG",), "per_kit": 1, "mesh_sha256": part,
    }  # fmt: skip
    return Need(order_id=order, part_id=part, pieces=pieces, **(facts | changes))


def a_fit(most=2, **changes):
    facts = {
        "needed_mm": 176.0, "bed_mm": 246.0, "seconds_first": 3000.0, "seconds_more": 2800.0,
        "grams_each": 18.0,
    }  # fmt: skip
    return Fit(most=most, **(facts | changes))


def fits_for(fleet, fit, meshes=("frame",)):
    return {(mesh, p.node, p.printer): fit for mesh in meshes for p in fleet}


def plan_of(needs, fleet, fits, few_plates=500):
    return split(needs, fleet, fits, NOW, few_plates)


#: Both ways to plan: plate by plate, and shares of all orders first.
BOTH = pytest.mark.parametrize("few_plates", [500, 0])


def test_six_visors_on_one_printer_are_three_full_plates():
    fleet = [a_printer()]
    plan = plan_of([a_need()], fleet, fits_for(fleet, a_fit()))
    assert [plate.copies for plate in plan.plates] == [2, 2, 2]
    assert plan.shortfalls == ()
    (row,) = plan.rows
    assert (row.pieces, row.plates, row.late, row.reasons) == (6, 3, 0, ())
    assert row.done_at == NOW + timedelta(seconds=3 * 5800)


def test_the_last_plate_is_only_as_large_as_needed():
    fleet = [a_printer()]
    plan = plan_of([a_need(pieces=5)], fleet, fits_for(fleet, a_fit()))
    assert [plate.copies for plate in plan.plates] == [2, 2, 1]


def test_work_goes_to_who_finishes_first_and_the_others_are_told():
    fleet = [a_printer("lab-a"), a_printer("lab-b"), a_printer("lab-c", queue_s=(100_000,))]
    plan = plan_of([a_need(pieces=8)], fleet, fits_for(fleet, a_fit()))
    assert {row.node: row.pieces for row in plan.rows} == {"lab-a": 4, "lab-b": 4, "lab-c": 0}
    (why,) = plan.rows[2].reasons
    assert why.code is ReasonCode.LATER
    assert why.needed == pytest.approx(105_800 / 3600)
    assert why.available == pytest.approx(11_600 / 3600)


def test_two_printers_of_one_lab_go_before_a_parcel_more():
    fleet = [a_printer("lab-a", "p1"), a_printer("lab-a", "p2"), a_printer("lab-b")]
    plan = plan_of([a_need(pieces=4)], fleet, fits_for(fleet, a_fit()))
    assert {(row.node, row.printer): row.pieces for row in plan.rows} == {
        ("lab-a", "p1"): 2, ("lab-a", "p2"): 2, ("lab-b", "p1"): 0,
    }  # fmt: skip


def test_the_nearer_lab_goes_first_while_time_allows():
    fleet = [a_printer("lab-a", km=300.0), a_printer("lab-b", km=10.0)]
    plan = plan_of([a_need(pieces=2)], fleet, fits_for(fleet, a_fit()))
    assert {row.node: row.pieces for row in plan.rows} == {"lab-a": 0, "lab-b": 2}
    assert [row.km for row in plan.rows] == [300.0, 10.0]


def test_a_far_lab_that_is_in_time_goes_before_a_near_one_that_is_not():
    fleet = [a_printer("lab-a", km=900.0), a_printer("lab-b", km=1.0, queue_s=(40_000,))]
    need = a_need(pieces=2, due=date(2026, 11, 25))
    plan = plan_of([need], fleet, fits_for(fleet, a_fit()))
    assert {row.node: row.pieces for row in plan.rows} == {"lab-a": 2, "lab-b": 0}


@BOTH
def test_what_cannot_be_in_time_is_made_and_said_to_be_late(few_plates):
    fleet = [a_printer()]
    need = a_need(pieces=20, due=date(2026, 11, 25))
    (row,) = plan_of([need], fleet, fits_for(fleet, a_fit()), few_plates).rows
    assert row.pieces == 20
    assert row.late == 6  # seven plates of 5800 s are done before midnight


@BOTH
def test_hours_bound_the_size_of_a_plate_and_the_day_on_which_it_prints(few_plates):
    fleet = [a_printer(attended=parse("18:00-20:30"), utc_offset_min=60)]
    plan = plan_of([a_need(pieces=3)], fleet, fits_for(fleet, a_fit()), few_plates)
    assert [plate.copies for plate in plan.plates] == [2, 1]
    assert [plate.done_at for plate in plan.plates] == [
        datetime(2026, 11, 24, 17, tzinfo=UTC) + timedelta(seconds=5800),
        datetime(2026, 11, 25, 17, tzinfo=UTC) + timedelta(seconds=3000),
    ]
    short = [a_printer(attended=parse("18:00-20:00"))]
    plan = plan_of([a_need(pieces=3)], short, fits_for(short, a_fit()), few_plates)
    assert [plate.copies for plate in plan.plates] == [1, 1, 1]


def test_a_printer_that_may_run_unattended_ignores_the_hours():
    fleet = [a_printer(attended=parse("18:00-19:00"), unattended=True)]
    plan = plan_of([a_need(pieces=2)], fleet, fits_for(fleet, a_fit()))
    assert plan.plates[0].done_at == NOW + timedelta(seconds=5800)


@BOTH
def test_each_printer_that_can_make_nothing_is_told_the_one_rule(few_plates):
    fleet = [
        a_printer("a-small"),
        a_printer("b-empty", material=None),
        a_printer("c-pla", material="PLA"),
        a_printer("d-short", grams=10.0),
        a_printer("e-paused", paused=True),
        a_printer("f-off", online=False),
        a_printer("g-broken", fault="thermal runaway"),
        a_printer("h-hours", attended=parse("12:00-13:00")),
        a_printer("i-no"),
        a_printer("j-out", out_of_service=True, out_until="2026-12-09"),
    ]
    fits = fits_for(fleet, a_fit()) | {("frame", "a-small", "p1"): a_fit(most=0, bed_mm=176.0)}
    plan = plan_of([a_need(declined=(("i-no", "busy"),))], fleet, fits, few_plates)
    assert [(row.node, row.reasons[0].code) for row in plan.rows] == [
        ("a-small", ReasonCode.BED),
        ("b-empty", ReasonCode.NO_SPOOL),
        ("c-pla", ReasonCode.MATERIAL),
        ("d-short", ReasonCode.STOCK),
        ("e-paused", ReasonCode.PAUSED),
        ("f-off", ReasonCode.OFFLINE),
        ("g-broken", ReasonCode.FAULT),
        ("h-hours", ReasonCode.HOURS),
        ("i-no", ReasonCode.DECLINED),
        ("j-out", ReasonCode.SERVICE),
    ]
    assert [row.reasons[0].text for row in plan.rows[-2:]] == ["busy", "2026-12-09"]
    assert plan.shortfalls[0].pieces == 6
    assert len(plan.shortfalls[0].reasons) == 10


def test_a_bed_reason_has_both_lengths():
    why = exclusion(a_need(), a_printer(), a_fit(most=0, needed_mm=191.0, bed_mm=180.0))
    assert (why.code, why.needed, why.available) == (ReasonCode.BED, 191.0, 180.0)


@BOTH
def test_filament_bounds_what_a_printer_gets(few_plates):
    fleet = [a_printer(grams=60.0), a_printer("lab-b", grams=20.0)]
    plan = plan_of([a_need(pieces=6)], fleet, fits_for(fleet, a_fit()), few_plates)
    assert {row.node: row.pieces for row in plan.rows} == {"lab-a": 3, "lab-b": 1}
    assert plan.shortfalls[0].pieces == 2
    assert {why.code for why in plan.shortfalls[0].reasons} == {ReasonCode.STOCK}
    assert plan.rows[0].reasons[0].code is ReasonCode.STOCK  # what stopped it from getting more


@BOTH
def test_whole_kits_come_first_when_filament_is_short(few_plates):
    fleet = [a_printer(grams=110.0)]
    needs = [a_need(pieces=10, part="clip", per_kit=2), a_need(pieces=5, part="frame")]
    plan = plan_of(
        needs, fleet, fits_for(fleet, a_fit(most=1, grams_each=10.0), MESHES), few_plates
    )
    assert {row.part_id: row.pieces for row in plan.rows} == {"frame": 3, "clip": 6}
    assert {short.part_id: short.pieces for short in plan.shortfalls} == {"frame": 2, "clip": 4}


@BOTH
def test_parts_that_exist_already_count_when_kits_are_made_whole(few_plates):
    fleet = [a_printer(grams=50.0)]
    # Ten kits lack eight clips and two frames: three frames' worth of clips are enough for now.
    needs = [a_need(pieces=8, part="clip", per_kit=2), a_need(pieces=2, part="frame")]
    plan = plan_of(
        needs, fleet, fits_for(fleet, a_fit(most=1, grams_each=10.0), MESHES), few_plates
    )
    assert {row.part_id: row.pieces for row in plan.rows} == {"clip": 4, "frame": 0}


def sewn(pieces, part="strap", **changes):
    facts = {"materials": ("SEW",), "process": "SEW"}
    return a_need(pieces=pieces, part=part, **(facts | changes))


def a_machine(node="lab-s", **changes):
    return a_printer(node, material="SEW", grams=0.0, process="SEW", **changes)


def by_hand(fleet, per_h=10.0, meshes=("strap",)):
    each = 3600 / per_h
    fit = a_fit(most=10, seconds_first=each, seconds_more=each, grams_each=0.0)
    return fits_for([p for p in fleet if p.process == "SEW"], fit, meshes)


@BOTH
def test_nothing_is_printed_for_kits_that_nobody_can_sew(few_plates):
    fleet = [a_printer(), a_printer("lab-b")]
    needs = [a_need(pieces=20), sewn(20)]
    plan = plan_of(needs, fleet, fits_for(fleet, a_fit()), few_plates)
    assert plan.runs == ()
    frame, strap = plan.shortfalls
    assert (frame.pieces, [why.code for why in frame.reasons]) == (20, [ReasonCode.KIT])
    assert strap.pieces == 20


@BOTH
def test_as_many_are_printed_as_people_can_sew_in_the_hours_that_they_give(few_plates):
    fleet = [a_printer(), a_machine(weekly_h=4.0, week_left_s=3600 * 1.5)]
    fits = fits_for(fleet[:1], a_fit()) | by_hand(fleet)
    needs = [a_need(pieces=20), sewn(30, per_kit=2)]  # fifteen straps are sewn: seven kits
    plan = plan_of(needs, fleet, fits, few_plates)
    made = {p: sum(r.pieces for r in plan.runs if r.part_id == p) for p in ("frame", "strap")}
    assert made == {"frame": 12, "strap": 14}  # five frames are there already
    other = [a_need(pieces=9, order="o2")]
    alone = plan_of([*needs, *other], fleet, fits, few_plates)
    assert sum(r.pieces for r in alone.runs if r.order_id == "o2") == 9


@BOTH
def test_sewing_and_printing_of_a_lab_that_gives_few_hours_come_out_even(few_plates):
    week = {"weekly_h": 20.0, "week_left_s": 8 * 3600.0}
    fleet = [a_printer("lab-a", **week), a_machine("lab-a", printer="s", **week)]
    fits = fits_for(fleet[:1], a_fit()) | by_hand(fleet)
    plan = plan_of([a_need(pieces=40), sewn(40)], fleet, fits, few_plates)
    made = {p: sum(r.pieces for r in plan.runs if r.part_id == p) for p in ("frame", "strap")}
    assert made["frame"] == made["strap"] > 4
    assert sum(run.seconds * run.count for run in plan.runs) <= 8 * 3600


def test_more_work_than_for_a_year_has_no_place():
    fleet = [a_machine(attended=parse("Mon 10:00-12:00"))]
    needs = [sewn(1_000_000), sewn(5, order="o2", due=date(2026, 12, 9))]
    plan = plan_of(needs, fleet, by_hand(fleet, per_h=1.0), 0)
    assert max(run.last_at for run in plan.runs) < NOW + timedelta(days=375)
    assert {short.order_id: short.pieces for short in plan.shortfalls}["o2"] == 5
    assert {why.code for short in plan.shortfalls for why in short.reasons} == {ReasonCode.FULL}


def test_no_node_at_all_is_a_reason():
    plan = plan_of([a_need()], [], {})
    assert plan.shortfalls[0].reasons[0].code is ReasonCode.NO_NODE


def test_what_was_sliced_is_believed_before_the_estimate():
    fit = a_fit(sliced=((2, 11_600.0, 50.0),))
    assert fit.seconds(2) == 11_600.0
    assert fit.grams(2) == 50.0
    assert fit.seconds(1) == pytest.approx(6000.0)  # twice the estimate, as the other was
    assert fit.grams(1) == 25.0


@BOTH
def test_printers_of_one_lab_share_its_weekly_hours(few_plates):
    week = {"weekly_h": 20.0, "week_left_s": 2.5 * 5800}
    fleet = [a_printer(printer="p1", **week), a_printer(printer="p2", **week)]
    plan = plan_of([a_need(pieces=20)], fleet, fits_for(fleet, a_fit()), few_plates)
    assert 0 < sum(plate.seconds for plate in plan.plates) <= 2.5 * 5800
    assert {why.code for why in plan.shortfalls[0].reasons} == {ReasonCode.CEILING}
    more = [*fleet, a_printer("lab-b")]
    plan = plan_of([a_need(pieces=20)], more, fits_for(more, a_fit()), few_plates)
    assert plan.shortfalls == ()


def test_equal_plates_of_one_window_are_one_run_by_shares():
    fleet = [a_printer(attended=parse("12:00-18:00"))]
    plan = plan_of([a_need(pieces=12)], fleet, fits_for(fleet, a_fit()), 0)
    assert [(run.count, run.copies) for run in plan.runs] == [(3, 2), (3, 2)]
    assert plan.runs[0].last_at == NOW + timedelta(seconds=3 * 5800)
    assert plan.runs[1].done_at == NOW + timedelta(days=1, seconds=5800)
    assert [plate.count for plate in plan.plates] == [1] * 6
    assert plan.runs[0].late(NOW + timedelta(seconds=2 * 5800)) == 2


def test_who_would_only_be_later_can_be_left_out():
    fleet = [a_printer("lab-a"), a_printer("lab-b", km=900.0), a_printer("lab-c", material="PLA")]
    (told,) = plan_of([a_need(pieces=2)], fleet, fits_for(fleet, a_fit())).explained
    assert [row.node for row in told.rows()] == ["lab-a", "lab-b", "lab-c"]
    assert [row.node for row in told.rows(other_than=ReasonCode.LATER)] == ["lab-a", "lab-c"]


@pytest.mark.parametrize(
    ("printers", "due", "weighed"),
    [
        (20, date(2026, 12, 24), True),
        (40, date(2026, 12, 24), False),
        (40, date(2026, 11, 25), True),  # no time to spare
        (NARROW + 1, date(2026, 11, 24), False),
    ],
)
def test_in_a_small_network_more_plates_are_weighed_one_by_one(printers, due, weighed):
    fleet = [a_printer(f"lab-{n:03}", grams=9e9, km=10.0 * n) for n in range(printers)]
    fits = fits_for(fleet, a_fit())
    needs = [a_need(pieces=1200, due=due)]  # 600 plates
    plan = split(needs, fleet, fits, NOW)
    assert plan == split(needs, fleet, fits, NOW, 600 if weighed else 500)
    assert plan != split(needs, fleet, fits, NOW, 500 if weighed else 600)


@pytest.mark.parametrize("attended", ["00:00-24:00", "08:00-20:00"])
def test_shares_and_plate_by_plate_meet_where_one_takes_over(attended):
    fleet = [
        a_printer(f"lab-{n:02}", grams=9e9, km=10.0 * n, attended=parse(attended))
        for n in range(40)
    ]
    found = {}
    for plates in (FEW_PLATES, FEW_PLATES + 1):
        needs = [a_need(pieces=2 * plates, due=date(2026, 12, 4))]
        plan = plan_of(needs, fleet, fits_for(fleet, a_fit()), FEW_PLATES)
        (told,) = plan.explained
        assert plan.shortfalls == ()
        assert sum(row.late for row in told.made) == 0
        km = sum(row.km * row.pieces for row in told.made) / needs[0].pieces
        found[plates] = (told.last_h, len(told.made), km)
    (last, labs, km), (more_last, more_labs, more_km) = found.values()
    assert more_labs <= labs  # no parcel more
    assert more_km <= km * 1.05
    assert 0.9 * last <= more_last <= 1.25 * last  # `shares.AHEAD`
