"""Plans of networks that nobody would draw by hand keep every rule, and the same facts give the same plan.

Hours with holes shorter than a plate and plates longer than any window, nights of changed clocks and of the
year's end, spools of exactly a plate, ceilings of nothing, yields near 0, kits of which a part is sewn,
days that are past. Everything is judged from the plan alone, by rules written here once more.
"""

import math
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.fleet import Fit, FleetPrinter, Need
from jobs.hours import parse
from jobs.plan_audit import audit
from jobs.split import split

NOWS = (
    datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC), datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 11, 25, 13, 22, 41, 123456, tzinfo=UTC),
)  # fmt: skip
HOURS = (
    "00:00-24:00", "Mon-Fri 18:00-23:00, Sat-Sun 09:00-22:00", "22:00-06:00", "Mon 10:00-10:01",
    "08:00-08:20, 08:30-08:50, 09:00-09:20, 10:00-11:30", "Sun 22:00-24:00, Mon 00:00-04:00", "00:01-24:00",
)  # fmt: skip
DUE_IN = (-30, 0, 1, 2, 7, 30, 59, 61, 400)
MESHES = ("m0", "m1", "m2")


def some_fit(r):
    most, first = r.choice([0, 1, 2, 4, 9]), r.choice([60.0, 2400.0, 9000.0, 40_000.0, 200_000.0])
    more, grams = first * r.choice([0.0, 0.5, 0.9]), r.choice([0.0, 1.0, 18.3, 400.0])
    # A slicer may say that a plate of two is shorter than one of one.
    sliced = tuple(
        (n, first * r.uniform(0.5, 1.8), n * grams) for n in range(1, most + 1) if r.random() < 0.2
    )
    return Fit(
        most=most, needed_mm=100.0, bed_mm=120.0, seconds_first=first, seconds_more=more,
        grams_each=grams, sliced=sliced,
    )  # fmt: skip


def some_lab(r):
    ceiling_h = r.choice([0.0, 0.0, 168.0, 20.0])
    left_s = r.choice([0.0, 5800.0, ceiling_h * 3600]) if ceiling_h else math.inf
    return {
        "attended": parse(r.choice(HOURS)), "utc_offset_min": r.choice([0, 60, 120, -720, 345]),
        "km": r.choice([None, 0.0, r.uniform(0, 900)]), "weekly_h": ceiling_h, "week_left_s": left_s,
        "online": r.random() < 0.95, "paused": r.random() < 0.05,
    }  # fmt: skip


def some_facts(seed):
    """Return needs, fleet, fits and now, of up to nine printers and three orders."""
    r = random.Random(seed)
    now, kinds, fleet, fits = r.choice(NOWS), [some_fit(r) for _ in range(6)], [], {}
    labs = [some_lab(r) for _ in range(3)]
    for n in range(r.choice([0, 1, 3, 9])):
        lab, sews = r.randrange(len(labs)), r.random() < 0.2
        node, name = f"lab-{lab}", f"p{n}"
        for mesh in () if sews else MESHES:
            fits[mesh, node, name] = r.choice(kinds)
        if sews:
            fits["seam", node, name] = Fit(
                most=10, needed_mm=0.0, bed_mm=0.0, seconds_first=360.0, seconds_more=360.0,
                grams_each=0.0,
            )  # fmt: skip
        plate = fits.get(("m0", node, name), some_fit(r))
        grams = r.choice([0.0, 1e6, 1e6, plate.grams(max(1, plate.most))])
        fleet.append(
            FleetPrinter(
                node=node, printer=name, process="SEW" if sews else "3DP",
                material="SEW" if sews else r.choice(["PETG", "PETG", "PLA", None]),
                grams=0.0 if sews else grams, unattended=r.random() < 0.2,
                queue_s=tuple(r.choice([3000.0, 300_000.0]) for _ in range(r.choice([0, 0, 2]))),
                good=r.choice([1.0, 0.9, 0.001]), pace=r.choice([1.0, 0.5, 3.0, r.uniform(0.5, 3)]),
                **labs[lab],
            )
        )  # fmt: skip
    return some_needs(r, now), fleet, fits, now


def some_needs(r, now):
    found = []
    for order in range(r.choice([1, 2, 3])):
        due = now.date() + timedelta(days=r.choice(DUE_IN))
        kits = r.choice([1, 2, 9, 40])
        declined = tuple((f"lab-{n}", "no") for n in range(3) if r.random() < 0.1)
        for mesh in (*MESHES[: r.choice([1, 2])], *(["seam"] if r.random() < 0.3 else [])):
            per_kit = r.choice([1, 2])
            found.append(
                Need(
                    order_id=f"o{order}", part_id=mesh, per_kit=per_kit, due=due, declined=declined,
                    pieces=max(1, int(kits * per_kit * r.choice([1.0, 1.0, 0.4]))), mesh_sha256=mesh,
                    materials=("SEW",) if mesh == "seam" else r.choice([("PETG",), ("PETG", "PLA")]),
                    process="SEW" if mesh == "seam" else "3DP",
                )
            )  # fmt: skip
    return found


def lying_about(needs, plan):
    """Return the parts of which a kit's pieces or more are made although the kit lacks another part."""
    short = {(one.order_id, one.part_id): one.pieces for one in plan.shortfalls}
    found = []
    for order in {need.order_id for need in needs}:
        lines = [need for need in needs if need.order_id == order]
        lacks = max(-(-short.get((order, n.part_id), 0) // n.per_kit) for n in lines)
        for need in lines:
            made = need.pieces - short.get((order, need.part_id), 0)
            if made - max(0, need.pieces - lacks * need.per_kit) >= need.per_kit and len(lines) > 1:
                found.append((order, need.part_id, made, lacks))
    return found


@pytest.mark.parametrize("few_plates", [500, 0])
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_no_rule_is_broken(first, few_plates):
    seen = Counter()
    for seed in range(first, first + 20):
        needs, fleet, fits, now = some_facts(seed)
        plan = split(needs, fleet, fits, now, few_plates)
        assert audit(plan, needs, fleet, fits, now) == [], seed
        assert lying_about(needs, plan) == [], seed
        short = {one.order_id for one in plan.shortfalls}
        for bound in plan.bounds:
            if bound.order_id not in short:
                last = max(run.last_at for run in plan.runs if run.order_id == bound.order_id)
                assert bound.earliest_at <= last, seed
        seen.update(made=bool(plan.runs), short=bool(short), bound=len(plan.bounds))
    assert min(seen.values()) > 3, seen  # it is about something


@pytest.mark.parametrize("few_plates", [500, 0])
def test_neither_the_order_of_facts_nor_telling_why_changes_a_plan(few_plates):
    for seed in range(300, 310):
        needs, fleet, fits, now = some_facts(seed)
        plan, r = split(needs, fleet, fits, now, few_plates), random.Random(seed)
        other = [r.sample(each, len(each)) for each in (needs, fleet, list(fits.items()))]
        assert split(other[0], other[1], dict(other[2]), now, few_plates) == plan, seed
        untold = split(needs, fleet, fits, now, few_plates, told=False)
        assert (untold.runs, untold.shortfalls) == (plan.runs, plan.shortfalls), seed


def test_more_printers_never_move_what_nobody_can_beat_later():
    moved = 0
    for seed in range(400, 416):
        needs, fleet, fits, now = some_facts(seed)
        few = {b.order_id: b.earliest_at for b in split(needs, fleet[::2], fits, now).bounds}
        more = {b.order_id: b.earliest_at for b in split(needs, fleet, fits, now).bounds}
        # Prices are not the best ones to the last minute.
        assert all(more[order] <= at + timedelta(minutes=1) for order, at in few.items()), seed
        moved += sum(more[order] < at for order, at in few.items())
    assert moved


def test_a_part_of_an_order_is_ready_no_later_than_all_of_it():
    compared = 0
    for seed in range(500, 520):
        needs, fleet, fits, now = some_facts(seed)
        fleet = [replace(printer, km=0.0, good=1.0) for printer in fleet]  # nothing but time counts
        need = replace(needs[0], pieces=40)
        whole = split([need], fleet, fits, now)
        some = split([replace(need, pieces=17)], fleet, fits, now)
        if not whole.shortfalls:
            assert not some.shortfalls, seed
            last = max(run.last_at for run in some.runs)
            # A lab more is worth an hour.
            assert last <= max(run.last_at for run in whole.runs) + timedelta(hours=1), seed
            compared += 1
    assert compared
