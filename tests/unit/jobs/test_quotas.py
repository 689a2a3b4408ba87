"""Plans over classes of printers: no rule is broken, no bound is beaten, and order does not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.filling import Book, Weights
from jobs.hours import parse
from jobs.kits import in_kits
from jobs.network import Lines, Network, Rows, open_minutes
from jobs.prices import prices
from jobs.quotas import plan, soonest
from tests.bench import bench_hard, peers
from tests.bench.instances import an_instance, some_printers
from tests.bench.quota_audit import audit_quotas

SOME = {
    "printers": st.integers(1, 60),
    "orders": st.integers(1, 8),
    "seed": st.integers(0, 10_000),
    "days": st.sampled_from([3.0, 8.7, 14.0]),
    "stock": st.sampled_from([None, 1.0]),
    "ceiling_h": st.sampled_from([None, 30.0]),
    "least": st.sampled_from([0.0, 10.0]),
    "released": st.booleans(),
}


def some_instance(printers, orders, seed, days, stock, ceiling_h, released):
    net, lines = an_instance(
        printers, orders, seed, target_days=days, stock=stock, ceiling_h=ceiling_h, horizon_days=40
    )
    rng = np.random.default_rng(seed)
    if released:
        start = rng.uniform(0, 1, len(lines.due_min)) * (rng.random(len(lines.due_min)) < 0.5)
        lines = replace(lines, release_min=lines.due_min * start)
    barred = {0: rng.random(net.printers) < 0.2}
    busy = rng.uniform(0, 900, net.printers) * (rng.random(net.printers) < 0.3)
    return replace(net, busy_min=busy), replace(lines, barred=barred)


@given(**SOME)
@settings(max_examples=10, deadline=None)
def test_no_plan_breaks_a_rule(printers, orders, seed, days, stock, ceiling_h, least, released):
    net, lines = some_instance(printers, orders, seed, days, stock, ceiling_h, released)
    found = plan(net, lines, least=least)
    assert audit_quotas(net, lines, found) == []
    assert 0 <= found.in_time <= found.most_in_time + 1e-6


@given(**SOME)
@settings(max_examples=5, deadline=None)
def test_the_order_of_printers_does_not_matter(
    printers, orders, seed, days, stock, ceiling_h, least, released
):
    net, lines = some_instance(printers, orders, seed, days, stock, ceiling_h, released)
    turn = np.random.default_rng(seed + 1).permutation(net.printers)
    other = replace(
        net, name=net.name[turn], node=net.node[turn], cls=net.cls[turn], speed=net.speed[turn],
        good=net.good[turn], busy_min=net.busy_min[turn], spool_g=net.spool_g[:, turn],
        km=net.km[:, turn],
    )  # fmt: skip
    barred = {line: row[turn] for line, row in lines.barred.items()}
    one = plan(net, lines, least=least)
    two = plan(other, replace(lines, barred=barred), least=least)
    assert one.in_time == two.in_time
    for field in ("line", "bucket", "plates", "last"):
        assert np.array_equal(getattr(one.rows, field), getattr(two.rows, field))
    assert np.array_equal(net.name[one.rows.printer], other.name[two.rows.printer])


def after_a_drop_out(net, lines, seed, share=0.9):
    """Plan, lose some labs, and put what they had on others."""
    before = plan(net, lines)
    stay = np.random.default_rng(seed).random(net.printers) < share
    stay[0] = True
    rest, index = some_printers(net, stay)
    kept = before.rows.only(stay[before.rows.printer])
    kept = replace(kept, printer=index[kept.printer])
    return rest, kept, plan(rest, lines, kept=kept)


def plates_of(net, lines, rows):
    """Count full plates and copies of others, by line and printer."""
    found = np.zeros((2, lines.count, net.printers))
    np.add.at(found[0], (rows.line, rows.printer), rows.plates)
    np.add.at(found[1], (rows.line, rows.printer), rows.last)
    return found


@given(
    printers=st.integers(2, 60), orders=st.integers(1, 6), seed=st.integers(0, 10_000),
    days=st.sampled_from([6.0, 11.0]), stock=st.sampled_from([None, 1.0]),
)  # fmt: skip
@settings(max_examples=5, deadline=None)
def test_a_drop_out_takes_nothing_from_those_who_stay(printers, orders, seed, days, stock):
    net, lines = an_instance(printers, orders, seed, target_days=days, stock=stock, horizon_days=40)
    rest, kept, after = after_a_drop_out(net, lines, seed)
    assert audit_quotas(rest, lines, after) == []
    had, has = plates_of(rest, lines, kept), plates_of(rest, lines, after.rows)
    assert (has >= had).all()


@given(printers=st.integers(2, 60), seed=st.integers(0, 10_000))
@settings(max_examples=3, deadline=None)
def test_the_order_of_printers_does_not_matter_to_what_is_kept(printers, seed):
    net, lines = an_instance(printers, 5, seed, target_days=11.0, horizon_days=40)
    rest, kept, one = after_a_drop_out(net, lines, seed)
    turn = np.random.default_rng(seed + 1).permutation(rest.printers)
    other, _ = some_printers(rest, np.ones(rest.printers, bool))
    other = replace(
        other, name=rest.name[turn], node=rest.node[turn], cls=rest.cls[turn],
        speed=rest.speed[turn], good=rest.good[turn], busy_min=rest.busy_min[turn],
        spool_g=rest.spool_g[:, turn], km=rest.km[:, turn],
    )  # fmt: skip
    two = plan(other, lines, kept=replace(kept, printer=np.argsort(turn)[kept.printer]))
    assert one.in_time == two.in_time
    assert np.array_equal(
        plates_of(rest, lines, one.rows)[:, :, turn], plates_of(other, lines, two.rows)
    )


@pytest.mark.parametrize(("days", "seed"), [(8.7, 1), (8.7, 4), (11.7, 3)])
def test_after_a_drop_out_as_much_is_in_time_as_in_a_plan_from_scratch(days, seed):
    net, lines = an_instance(1000, 100, seed, target_days=days)
    rest, _, after = after_a_drop_out(net, lines, seed, 0.95)
    scratch = plan(rest, lines)
    assert after.in_time >= scratch.in_time - (0.002 if days < 10 else 0.01)
    measured = peers.measure(rest, lines, after.rows).in_time
    assert measured == pytest.approx(after.in_time, abs=0.001)


@pytest.mark.parametrize(
    ("case", "printers", "orders", "seed", "gap"),
    [
        ("scarce", 300, 1, 2, 0.015),  # one order of two parts that do not both fit
        ("scarce", 100, 3, 1, 0.06),  # what three printers can make, beside what all can
        ("overloaded", 100, 30, 1, 0.02),  # lots that are smaller than the least
        ("overloaded", 1000, 10, 2, 0.015),  # what few can make is due last
        ("overloaded", 100, 10, 102, 0.011),  # who prints what early decides what has room late
    ],
)
def test_little_is_lost_of_what_is_possible(case, printers, orders, seed, gap):
    net, lines = bench_hard.an_instance_of(case, printers, orders, seed)
    found = plan(net, lines, least=10.0)
    assert audit_quotas(net, lines, found) == []
    assert found.gap <= gap


@pytest.mark.parametrize(("printers", "orders", "seed"), [(1000, 30, 1), (1000, 100, 1)])
def test_all_labs_give_about_the_same_share_of_their_time(printers, orders, seed):
    net, lines = bench_hard.an_instance_of("feasible", printers, orders, seed)
    found = plan(net, lines, least=10.0)
    measured = peers.measure(net, lines, found.rows)
    assert measured.in_time == pytest.approx(1.0)
    assert measured.jain >= 0.9


def test_a_small_network_drives_half_as_far_as_by_earliest_completion():
    net, lines = bench_hard.an_instance_of("feasible", 300, 10, 302)
    found = plan(net, lines, least=10.0)
    measured = peers.measure(net, lines, found.rows)
    assert audit_quotas(net, lines, found) == []
    assert measured.in_time == pytest.approx(1.0)
    assert measured.km <= 0.55 * peers.measure(net, lines, peers.ect(net, lines)).km
    assert measured.jain >= 0.9


def test_what_was_printed_before_is_not_asked_for_again():
    net, lines = an_instance(40, 6, 1)
    done = replace(lines, pieces=np.where(lines.order == 0, 1e-9, lines.pieces))
    found = plan(net, done)
    assert not (done.order[found.rows.line] == 0).any()
    assert found.in_time == pytest.approx(1.0)
    assert found.most_in_time == pytest.approx(1.0)


@given(
    printers=st.integers(1, 40), orders=st.integers(1, 5), seed=st.integers(0, 10_000),
    days=st.sampled_from([4.0, 9.0, 13.0]),
)  # fmt: skip
@settings(max_examples=5, deadline=None)
def test_certificate_solver_and_plan_are_in_this_order(printers, orders, seed, days):
    pytest.importorskip("highspy", reason="the bounds of a solver need fabnet[bounds]")
    from tests.bench import bounds

    net, lines = an_instance(printers, orders, seed, target_days=days, horizon_days=40)
    found = plan(net, lines)
    proved = bounds.most_in_time(net, lines)
    assert found.in_time <= proved + 1e-6
    assert proved <= found.most_in_time + 1e-6
    pieces = lines.of_parts(net.most.shape[0])
    quickest = soonest(net, pieces)
    assert quickest is not None
    earliest = bounds.earliest_slot_min(net, pieces)
    assert quickest.earliest_min <= earliest + 1e-6
    assert earliest <= quickest.ready_min + 1e-6
    assert bounds.earliest_whole_min(net, pieces) <= quickest.ready_min + 1e-6
    assert not [
        rule
        for rule in audit_quotas(net, quickest.lines, quickest_as_plan(quickest, net))
        if rule.rule not in ("late", "promise")  # it has no due date
    ]


def quickest_as_plan(quickest, net):
    from jobs.quotas import Quotas

    return Quotas(
        rows=quickest.rows, ends_min=np.array([quickest.ready_min]), in_time=1.0,
        missing=np.zeros(quickest.lines.count), most_in_time=1.0, regret=np.zeros(net.most.shape),
    )  # fmt: skip


# --- by hand --------------------------------------------------------------------------------------


def by_hand(printers=2, *, hours="00:00-24:00", ceiling_min=np.inf, **facts):
    """Printers of one class each that make part 0; only those with an even number make part 1."""
    same = np.ones((2, printers))
    most = np.full((2, printers), 2)
    most[1, 1::2] = 0
    net = Network(
        name=np.array([f"p{n:02}" for n in range(printers)]), node=np.arange(printers),
        cls=np.arange(printers), speed=np.ones(printers), good=np.ones(printers),
        busy_min=np.zeros(printers), spool_g=np.full((1, printers), np.inf), most=most,
        plate_min=10 * same, piece_min=25 * same, plate_g=0 * same, piece_g=20 * same,
        calendar=np.zeros(printers, np.int64),
        open_min=open_minutes(parse(hours), 0, 20 * 96, ceiling_min)[:, None],
        km=np.zeros((1, printers)),
    )  # fmt: skip
    return replace(net, **facts)


def asking(*pieces, due_h=24.0, **facts):
    """One order, of so many pieces of part 0, part 1."""
    lines = Lines(
        order=np.zeros(len(pieces), np.int64), part=np.arange(len(pieces)),
        pieces=np.array(pieces, float), due_min=np.array([due_h * 60]), release_min=np.zeros(1),
        weight=np.ones(1), site=np.zeros(1, np.int64),
    )  # fmt: skip
    return replace(lines, **facts)


def made_by(net, lines, found):
    table = np.zeros((lines.count, net.printers), np.int64)
    np.add.at(table, (found.rows.line, found.rows.printer), found.rows.copies(net, lines))
    return table.tolist()


def test_who_alone_can_make_a_part_is_left_to_make_it():
    net, lines = by_hand(), asking(24, 24, due_h=12)
    found = plan(net, lines)
    assert found.in_time == 1.0
    assert made_by(net, lines, found) == [[0, 24], [24, 0]]


def test_a_part_that_is_printed_already_keeps_no_other_of_its_kits_from_being_made():
    net, lines = by_hand(), asking(1e-9, 4.0)
    book, left = Book(net, lines, lines.due_min), lines.pieces.copy()
    in_kits(book, left, np.array([0]), np.zeros((2, 2), np.float32), Weights(), 0.0)
    assert left.tolist() == [1e-9, 0.0]


def test_filament_is_counted_spool_by_spool():
    # Of 20 g a piece: 70 g are one plate of two and one of a single piece, 30 g another of one.
    net = by_hand(1, spool_g=np.array([[70.0], [30.0]]))
    found = plan(net, asking(10))
    assert (found.rows.plates * 2 + found.rows.last).tolist() == [2, 1, 1]
    assert found.missing.tolist() == [6.0]
    assert audit_quotas(net, asking(10), found) == []


def test_the_near_one_goes_first_and_the_other_when_time_is_short():
    net = by_hand(km=np.array([[400.0, 5.0]]))
    assert made_by(net, asking(10), plan(net, asking(10))) == [[0, 10]]
    tight = asking(30, due_h=10)
    assert all(made_by(net, tight, plan(net, tight))[0])


def test_what_weighs_nothing_needs_next_to_no_filament():
    net = by_hand(2, spool_g=np.ones((1, 2)), piece_g=np.zeros((2, 2)))
    assert plan(net, asking(10)).in_time == 1.0


def test_what_can_never_be_ready_together_has_prices_all_the_same():
    # Of part 0 there is work for centuries, and of part 1 for an hour, on other printers.
    net = by_hand(2, most=np.array([[2, 0], [0, 2]]))
    with np.errstate(all="raise"):
        found = prices(net, np.array([1e12, 1.0]), net.class_min(1440.0))
        assert np.isfinite(found.price).all()
        assert np.isfinite(found.regret(net)).all()
        assert plan(net, asking(1e9, 1.0)).in_time < 1.0


def test_nothing_begins_before_its_release():
    net, lines = by_hand(1), asking(20, due_h=24, release_min=np.array([1080.0]))
    found = plan(net, lines)
    # Six hours are left: six plates of an hour.
    assert found.in_time == pytest.approx(12 / 20)
    assert audit_quotas(net, lines, found) == []


def test_scrap_is_planned_for():
    net, lines = by_hand(1, good=np.array([0.8])), asking(8)
    assert made_by(net, lines, plan(net, lines)) == [[10]]


def test_a_ceiling_of_the_week_moves_work_to_the_next():
    net = by_hand(1, ceiling_min=120.0)
    lines = asking(12, due_h=24 * 16)
    found = plan(net, lines)
    # Two plates a week; Monday of the third week is day 15.
    assert found.in_time == 1.0
    assert plan(net, asking(12, due_h=24 * 13)).in_time == pytest.approx(8 / 12)


def test_a_plate_that_is_worth_more_pushes_one_plate_back_not_all_of_a_row():
    net = by_hand(1)
    lines = Lines(
        order=np.arange(2), part=np.zeros(2, np.int64), pieces=np.array([20.0, 2.0]),
        due_min=np.array([600.0, 120.0]), release_min=np.zeros(2), weight=np.array([1.0, 0.5]),
        site=np.zeros(2, np.int64),
    )  # fmt: skip
    ten_of_an_hour = {"line": 0, "bucket": 1, "printer": 0, "plates": 10, "last": 0}
    kept = Rows(**{name: np.array([number]) for name, number in ten_of_an_hour.items()})
    found = plan(net, lines, kept=kept)
    assert found.in_time == pytest.approx((0.9 * 1.0 + 0.5) / 1.5)
    assert made_by(net, lines, found) == [[20], [2]]
    assert audit_quotas(net, lines, found) == []


def test_what_is_worth_most_comes_first_on_a_day_for_which_not_all_has_room():
    # Of part 1, which few can make, a piece would have room as well if time could be cut: 30 min are left.
    net = by_hand(2, busy_min=np.array([0.0, 1e5]))
    lines = Lines(
        order=np.arange(2), part=np.arange(2), pieces=np.array([4.0, 4.0]), due_min=np.full(2, 150.0),
        release_min=np.zeros(2), weight=np.array([8.0, 1.0]), site=np.zeros(2, np.int64),
    )  # fmt: skip
    none = np.zeros(0, np.int64)
    kept = Rows(line=none, bucket=none, printer=none, plates=none, last=none)
    found = plan(net, lines, kept=kept)
    assert found.in_time == pytest.approx(8 / 9)


def test_the_minutes_of_a_week_are_those_of_its_windows():
    opened = open_minutes(parse("Mon 08:00-10:00, Sun 22:00-24:00"), 8 * 60 + 30, 7 * 96)
    assert opened[:7].tolist() == [0, 15, 30, 45, 60, 75, 90]
    assert opened[-1] == 90 + 120 + 30


def test_small_lots_are_gathered_where_that_costs_no_day():
    net = by_hand(4, most=np.full((2, 4), 2), busy_min=np.array([1380.0, 0, 0, 0]))
    lines = asking(13)
    assert made_by(net, lines, plan(net, lines, least=8.0))[0].count(0) == 3


@pytest.mark.parametrize(
    ("field", "rule"),
    [("plates", "late"), ("last", "bed"), ("printer", "cannot"), ("bucket", "late")],
)
def test_the_audit_finds_what_is_wrong(field, rule):
    net = by_hand(2)
    lines = replace(
        asking(20, 20, due_h=11), order=np.array([0, 1]), due_min=np.array([660.0, 2000.0]),
        release_min=np.zeros(2), weight=np.ones(2), site=np.zeros(2, np.int64),
    )  # fmt: skip
    found = plan(net, lines)
    assert audit_quotas(net, lines, found) == []
    rows = {name: getattr(found.rows, name).copy() for name in Rows.__slots__}
    wrong = {"plates": 20, "last": 2, "printer": 1, "bucket": 1}[field]
    row = int(np.argmax(rows["line"])) if field == "printer" else int(np.argmin(rows["line"]))
    rows[field][row] = wrong
    broken = replace(found, rows=Rows(**rows))
    assert rule in {one.rule for one in audit_quotas(net, lines, broken)}


def test_the_audit_misses_no_piece_and_no_gram():
    net, lines = by_hand(1, spool_g=np.array([[400.0]])), asking(20)
    found = plan(net, lines)
    assert audit_quotas(net, lines, found) == []
    less = replace(net, spool_g=np.array([[399.0]]))
    assert {one.rule for one in audit_quotas(less, lines, found)} == {"stock"}
    fewer = replace(found, rows=found.rows.only(np.array([False])))
    assert {one.rule for one in audit_quotas(net, lines, fewer)} == {"count", "promise"}


def test_the_audit_misses_no_piece_more_and_no_promise():
    net, lines = by_hand(2), asking(20)
    found = plan(net, lines)
    rules = lambda **wrong: {  # noqa: E731
        one.rule for one in audit_quotas(net, lines, replace(found, **wrong))
    }
    assert rules() == set()
    rows = found.rows
    assert rules(rows=replace(rows, plates=rows.plates + 1)) == {"more"}
    assert rules(missing=found.missing + 3.0) == {"more"}
    assert rules(missing=found.missing - 1.0) == {"count"}
    assert rules(missing=found.missing * np.nan) == {"count"}
    assert rules(rows=replace(rows, bucket=rows.bucket * 0 - 1)) == {"unknown"}
    assert rules(rows=replace(rows, printer=rows.printer + 2)) == {"unknown"}
    late = replace(rows, bucket=np.full_like(rows.bucket, len(found.ends_min)))
    assert rules(rows=late) == {"promise"}
    assert rules(most_in_time=0.9) == {"promise"}
    assert rules(in_time=np.nan) == {"promise"}


def test_the_audit_reckons_two_spools_apart_and_calendars_with_their_holes():
    net, lines = by_hand(1, spool_g=np.array([[100.0], [300.0]])), asking(20, due_h=11)
    found = plan(net, lines)
    assert audit_quotas(net, lines, found) == []
    # As much in all, but no spool holds the last plate.
    apart = replace(net, spool_g=np.array([[190.0], [210.0]]))
    assert {one.rule for one in audit_quotas(apart, lines, found)} == {"stock"}
    short = net.open_min.copy()
    short[4:] -= 75.0
    assert {one.rule for one in audit_quotas(replace(net, open_min=short), lines, found)} == {
        "late"
    }
    assert {
        one.rule for one in audit_quotas(net, replace(lines, barred={0: np.array([True])}), found)
    } == {"cannot", "count", "promise"}
    later = replace(lines, release_min=np.array([75.0]))
    assert "late" in {one.rule for one in audit_quotas(net, later, found)}
