"""Plans over classes of printers, by hand: each rule, and that the audit finds what breaks one."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.filling import Book, Weights
from jobs.hours import parse
from jobs.kits import in_kits
from jobs.network import Lines, Network, Rows, open_minutes
from jobs.prices import prices
from jobs.quotas import plan
from tests.bench.quota_audit import audit_quotas


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


def test_a_printer_that_waits_makes_what_is_due_later():
    # 18 of 24 plates are due first, and may start when the 6 others are made; after them there is no time.
    net = by_hand(1)
    lines = Lines(
        order=np.array([0, 1]), part=np.array([0, 0]), pieces=np.array([36.0, 12.0]),
        due_min=np.array([1440.0, 1500.0]), release_min=np.array([360.0, 0.0]),
        weight=np.ones(2), site=np.zeros(2, np.int64),
    )  # fmt: skip
    found = plan(net, lines)
    assert found.in_time == 1.0
    assert audit_quotas(net, lines, found) == []


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
