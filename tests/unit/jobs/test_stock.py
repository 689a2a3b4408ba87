"""Filament by day and lab: what the clock says of plates, and where a spool does not reach."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.hours import parse
from jobs.stock import Coming, RunsOut, Weight, forecast, transfers
from tests.unit.jobs.test_split import NOW, a_printer

TUESDAY, WEDNESDAY = date(2026, 11, 24), date(2026, 11, 25)


def a_plate(grams=40.0, seconds=6 * 3600.0, material="PETG"):
    return Weight(material=material, seconds=seconds, grams=grams)


def test_grams_are_counted_on_the_day_on_which_a_plate_is_done():
    found = forecast([(a_printer(grams=500.0), [a_plate(), a_plate(), a_plate()])], NOW)
    assert [(d.day, d.grams, d.left_g) for d in found.days] == [
        (TUESDAY, 40.0, 460.0), (WEDNESDAY, 80.0, 380.0),
    ]  # fmt: skip
    assert found.shortages == ()
    assert found.materials == (("PETG", 120.0, 0.0),)


def test_the_hours_of_the_lab_move_plates_to_other_days():
    printer = a_printer(attended=parse("08:00-20:00"), utc_offset_min=60)
    found = forecast([(printer, [a_plate(), a_plate()])], NOW)
    assert [d.day for d in found.days] == [WEDNESDAY, date(2026, 11, 26)]


def test_a_spool_that_does_not_reach_is_told_with_its_day():
    printer = a_printer(grams=50.0)
    found = forecast([(printer, [a_plate(), a_plate(), a_plate()])], NOW)
    (short,) = found.shortages
    assert (short.day, short.material, short.missing_g) == (WEDNESDAY, "PETG", 70.0)
    assert found.materials == (("PETG", 40.0, 70.0),)


@pytest.mark.parametrize("loaded", ["PLA", None])
def test_a_plate_of_another_material_is_missing_whole(loaded):
    printer = a_printer(material=loaded, grams=900.0)
    (short,) = forecast([(printer, [a_plate()])], NOW).shortages
    assert (short.material, short.missing_g) == ("PETG", 40.0)


def test_printers_of_a_lab_are_one_stock_in_whatever_order_they_come():
    pair = [
        (a_printer(printer="p1", grams=100.0), [a_plate()]),
        (a_printer(printer="p2", grams=60.0), [a_plate()]),
    ]
    found = forecast(pair, NOW)
    assert [(d.grams, d.left_g) for d in found.days] == [(80.0, 80.0)]
    assert forecast(pair[::-1], NOW) == found


def a_shortage(node, day, grams, printer="p1", material="PETG"):
    return RunsOut(day=day, node=node, printer=printer, material=material, missing_g=grams)


def test_a_depot_sends_first_to_who_runs_out_first_and_one_parcel_a_lab():
    found = transfers(
        [
            a_shortage("lab-b", WEDNESDAY, 300.0), a_shortage("lab-a", WEDNESDAY, 100.0, "p2"),
            a_shortage("lab-a", TUESDAY, 200.0), a_shortage("lab-c", TUESDAY, 50.0, material="PLA"),
        ],
        {"PETG": 400.0},
    )  # fmt: skip
    assert [(t.day, t.node, t.material, t.grams, t.missing_g) for t in found] == [
        (TUESDAY, "lab-a", "PETG", 300.0, 0.0),
        (TUESDAY, "lab-c", "PLA", 0.0, 50.0),
        (WEDNESDAY, "lab-b", "PETG", 100.0, 200.0),
    ]
    assert transfers([], {"PETG": 400.0}) == ()


def coming(grams, day, material="PETG", node="lab-a"):
    return Coming(node=node, material=material, day=day, grams=grams)


def test_a_plate_waits_for_what_is_on_its_way():
    printer, friday = a_printer(grams=50.0), date(2026, 11, 27)
    plates = [a_plate(), a_plate(), a_plate()]
    found = forecast([(printer, plates)], NOW, [coming(80.0, friday)])
    assert found.shortages == ()
    assert [(d.day, d.grams, d.left_g) for d in found.days] == [
        (TUESDAY, 40.0, 10.0), (friday, 80.0, 10.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("parcels", "waits"),
    [
        ([], {"j2": None, "j3": None}),
        ([coming(39.0, TUESDAY)], {"j2": None, "j3": None}),
        ([coming(40.0, TUESDAY)], {"j2": NOW + timedelta(hours=12), "j3": None}),
        ([coming(80.0, date(2026, 11, 27))], {
            "j2": datetime(2026, 11, 27, 6, tzinfo=UTC), "j3": datetime(2026, 11, 27, 12, tzinfo=UTC),
        }),
    ],
)  # fmt: skip
def test_jobs_that_no_spool_holds_are_told_with_when_they_are_printed(parcels, waits):
    plates = [replace(a_plate(), job=job) for job in ("j1", "j2", "j3")]
    assert forecast([(a_printer(grams=50.0), plates)], NOW, parcels).waits == waits


def test_a_job_that_fits_into_no_hours_is_never_printed_of_what_comes():
    printer = a_printer(grams=0.0, attended=parse("08:00-09:00"))
    found = forecast([(printer, [replace(a_plate(), job="j1")])], NOW, [coming(40.0, TUESDAY)])
    assert found.waits == {"j1": None}


def test_what_is_due_is_there_and_plates_take_the_first_to_arrive():
    printer, friday = a_printer(grams=0.0), date(2026, 11, 27)
    parcels = [coming(40.0, friday), coming(40.0, TUESDAY)]
    found = forecast([(printer, [a_plate(), a_plate()])], NOW, parcels)
    assert [(d.day, d.left_g) for d in found.days] == [(TUESDAY, 0.0), (friday, 0.0)]


def test_what_comes_and_is_too_little_makes_less_to_be_sent():
    found = forecast([(a_printer(grams=0.0), [a_plate(), a_plate()])], NOW, [coming(60.0, TUESDAY)])
    (short,) = found.shortages
    assert short.missing_g == 20.0


@pytest.mark.parametrize("other", [{"node": "lab-b"}, {"material": "PLA"}])
def test_what_comes_to_others_or_of_another_material_is_of_no_use(other):
    found = forecast([(a_printer(grams=0.0), [a_plate()])], NOW, [coming(60.0, TUESDAY, **other)])
    assert [short.missing_g for short in found.shortages] == [40.0]


def test_printers_of_a_lab_share_what_comes():
    printers = [(a_printer("lab-a", name, grams=0.0), [a_plate()]) for name in ("p1", "p2")]
    found = forecast(printers, NOW, [coming(40.0, TUESDAY)])
    assert [(short.printer, short.missing_g) for short in found.shortages] == [("p2", 40.0)]
