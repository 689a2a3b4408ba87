"""Which plate is freed for a maker with free hands, and for printers that lie idle."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.claims import FROZEN, FreeBed, WaitingJob, last_ones, to_free, to_spread, would_be_late
from jobs.fleet import KM_S, PARCEL_S, FleetPrinter
from jobs.hours import parse
from jobs.lifecycle import MAY_HAVE_STARTED, UNGRANTED, AttemptState

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def job(name="a", **changes):
    facts = {
        "job": name, "order_id": "o", "part_id": "p", "node": "lab-a", "printer": "p1",
        "material": "PETG", "seconds": 7200.0, "grams": 40.0, "due": date(2026, 12, 1),
        "created_at": AT, "pieces": 2,
    }  # fmt: skip
    return WaitingJob(**(facts | changes))


def bed(**changes):
    facts = {
        "node": "lab-b", "printer": "p1", "material": "PETG", "grams": 500.0,
        "attended": parse("08:00-20:00"), "unattended": False, "week_left_s": float("inf"),
    }  # fmt: skip
    return FreeBed(**(facts | changes))


def test_the_last_plate_of_the_first_order_is_freed():
    jobs = [
        job("late", due=date(2026, 12, 9), created_at=AT + timedelta(hours=9)),
        job("first"),
        job("last", created_at=AT + timedelta(hours=1)),
    ]
    assert to_free(jobs, bed()).job == "last"
    assert to_free([], bed()) is None


def test_what_a_plan_has_set_back_is_freed_last():
    jobs = [job("back", set_back=True), job("urgent", order_id="u", due=date(2026, 12, 9))]
    assert to_free(jobs, bed()).job == "urgent"
    jobs = [waits("back", set_back=True), waits("urgent", order_id="u", due=date(2026, 12, 9))]
    assert freed(jobs, bed(), bed(node="lab-c"))[0] == ("lab-b", "urgent")


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "lab-a"}, {"material": "PLA"}, {"grams": 39.0}, {"week_left_s": 7199.0},
        {"attended": parse("08:00-09:00")}, {"not_for_it": {("o", "p")}},
    ],
)  # fmt: skip
def test_what_the_printer_cannot_take_stays_where_it_is(changes):
    assert to_free([job()], bed(**changes)) is None


def test_who_is_always_there_needs_no_window():
    assert to_free([job()], bed(attended=parse("08:00-09:00"), unattended=True)).job == "a"


@given(st.permutations([job(str(n), created_at=AT + timedelta(minutes=n % 3)) for n in range(7)]))
def test_the_order_in_which_jobs_are_read_does_not_matter(jobs):
    assert to_free(jobs, bed()).job == "5"


def waits(name="a", starts_h=20.0, **changes):
    starts_at = AT + timedelta(hours=starts_h)
    return job(name, starts_at=starts_at, done_at=starts_at + timedelta(hours=2), **changes)


def freed(jobs, *beds, now=AT):
    return [(b.node, j.job) for b, j in to_spread(jobs, beds or [bed()], now)]


def test_an_idle_printer_gets_what_nobody_was_offered_then_what_would_be_done_last():
    offered = waits("offered", 40.0, attempt=AttemptState.TAKEN, due=date(2026, 11, 25))
    jobs = [
        offered,
        waits("soon"),
        waits("last", 30.0),
        waits("later", 50.0, due=date(2026, 12, 9)),
    ]
    beds = [bed(node=f"lab-{n}") for n in range(2, 7)]
    assert freed(jobs, *beds) == [
        ("lab-2", "last"), ("lab-3", "soon"), ("lab-4", "later"), ("lab-5", "offered"),
    ]  # fmt: skip


@pytest.mark.parametrize("state", sorted(MAY_HAVE_STARTED))
def test_what_was_granted_is_never_moved(state):
    assert freed([waits(attempt=state)]) == []


@pytest.mark.parametrize(
    ("of_job", "of_bed"),
    [
        ({"starts_h": 3.9}, {}),  # frozen
        ({"starts_h": 4.0, "seconds": 7.0 * 3600}, {}),  # not worth the way and a parcel
        ({}, {"attended": parse("14:00-20:00")}),  # nobody is there yet
        ({}, {"attended": parse("08:00-14:00")}),  # not for long enough
        ({}, {"km": 2000.0}),
        ({}, {"material": "PLA"}),
    ],
)
def test_what_is_not_worth_it_stays(of_job, of_bed):
    assert freed([waits()]) == [("lab-b", "a")]
    assert freed([waits(**of_job)], bed(**of_bed)) == []


@pytest.mark.parametrize(
    ("job_km", "bed_km", "way_km"), [(0.0, 0.0, 0.0), (10.0, 30.0, 20.0), (30.0, 10.0, 0.0)]
)
def test_a_move_is_worth_it_where_it_is_sooner_by_its_way_a_parcel_and_a_third_more(
    job_km, bed_km, way_km
):
    costs_s = 1.3 * 36_000.0 + PARCEL_S + KM_S * way_km
    far = job(
        seconds=36_000.0, km=job_km, starts_at=AT + FROZEN, done_at=AT + timedelta(seconds=costs_s)
    )
    near = bed(km=bed_km, unattended=True)
    assert freed([far], near) == []
    assert freed([replace(far, done_at=far.done_at + timedelta(seconds=1))], near) != []


def test_the_hours_of_an_idle_printer_are_those_on_its_wall():
    shut = bed(attended=parse("14:00-20:00"))
    assert freed([waits()], replace(shut, utc_offset_min=120)) == [("lab-b", "a")]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.integers(1, 9), st.sampled_from([None, *AttemptState]),
            st.integers(1, 4),
        ),
        max_size=12,
    ),
    st.integers(0, 6),
)  # fmt: skip
def test_each_bed_gets_at_most_one_and_each_job_goes_once(rows, beds):
    jobs = [
        waits(str(n), float(start), seconds=3600.0 * h, attempt=state, node=f"lab-{lab}")
        for n, (start, h, state, lab) in enumerate(rows)
    ]
    pairs = to_spread(jobs, [bed(node=f"bed-{n}") for n in range(beds)], AT)
    assert len({b.node for b, _ in pairs}) == len({j.job for _, j in pairs}) == len(pairs)
    for b, j in pairs:
        assert j.attempt is None or j.attempt in UNGRANTED
        assert j.starts_at >= AT + FROZEN
        assert AT + timedelta(seconds=j.seconds) < j.done_at
        assert j.node != b.node


def test_of_alike_jobs_in_a_queue_the_last_is_known_with_its_clock():
    printer = FleetPrinter(
        node="lab-a", printer="p1", online=True, paused=False, material="PETG", grams=500.0,
        attended=parse("08:00-20:00"),
    )  # fmt: skip
    queue = [job("now", attempt=AttemptState.PRINTING), *(job(f"w{n}") for n in range(5))]
    running, last = last_ones(queue, printer, AT)
    assert (running.job, running.starts_at) == ("now", AT)
    # Two more until 18:00 (with slack the third does not end by 20:00), three from 8:00.
    assert (last.job, last.done_at) == ("w4", AT.replace(hour=14) + timedelta(days=1))
    assert last.starts_at == last.done_at - timedelta(hours=2)


def test_of_two_parts_of_one_order_the_last_plates_are_both_known():
    printer = FleetPrinter(
        node="lab-a", printer="p1", online=True, paused=False, material="PETG", grams=500.0,
        attended=parse("00:00-24:00"),
    )  # fmt: skip
    queue = [job("p1"), job("q1", part_id="q"), job("p2"), job("q2", part_id="q"), job("p3")]
    found = last_ones(queue, printer, AT)
    assert [(each.job, each.done_at - AT) for each in found] == [
        ("q2", timedelta(hours=8)),
        ("p3", timedelta(hours=10)),
    ]


def test_late_is_what_nobody_was_offered_and_what_is_printed_on_its_day_or_after():
    due = date(2026, 12, 1)
    in_time = job(done_at=datetime(2026, 12, 1, tzinfo=UTC), due=due)
    late = replace(in_time, done_at=in_time.done_at + timedelta(seconds=1))
    assert not would_be_late([])
    assert not would_be_late([in_time, job(due=due), replace(late, attempt=AttemptState.OFFERED)])
    assert would_be_late([in_time, late])
