"""The plan of an order, put in the order in which a steward reads it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.chances import likely
from jobs.law import Books
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.views import LineView, OrderView
from jobs.model import Order, OrderState, Reason, ReasonCode, Request
from web.plan_picture import picture
from web.plans import because, how_sure, late, lines, queues, shares

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIGURES = (
    "surplus", "harvested", "waiting", "accepted", "scrap", "coming", "jobs", "deficit",
    "at_lab", "at_hub", "in_transit", "delivered", "refused", "lost",
)  # fmt: skip


def a_row(node, pieces=0, reason=None, printer="p1", part="frame", hours=3.0, **facts):
    told = {
        "part_id": part, "plates": pieces // 2, "plates_left": pieces // 2, "plate_s": 3600.0,
        "late": 0, "at": NOW, "grams": 16.0 * pieces, "km": None,
        "done_at": NOW + timedelta(hours=hours) if pieces else None,
        "reasons": () if reason is None else (Reason(code=reason, node=node, printer=printer),),
    }  # fmt: skip
    return PlanRow(node=node, printer=printer, pieces=pieces, **(told | facts))


def a_view(*rows, state=OrderState.CONFIRMED, why=(), ordered=10, **figures):
    request = Request(
        request_key="k", revision_id="r", kits=ordered, due=date(2026, 12, 1),
        requester="Ada", place="CHU", contact="01 23 45 67 89",
    )  # fmt: skip
    order = Order(id="o", state=state, created_at=NOW, request=request)
    told = dict.fromkeys(FIGURES, 0) | figures
    books = Books(order_id="o", part_id="frame", ordered=ordered, **told)
    line = LineView(part_id="frame", books=books, reasons=tuple(why))
    return OrderView(
        order=order, lines=(line,), plan=rows, attempts=(), lots=(), batches=(), events=()
    )


def test_who_makes_most_comes_first_and_each_lab_is_one_card():
    view = a_view(
        a_row("lab-a", 2, km=3.0), a_row("lab-b", 2), a_row("lab-b", 4, printer="p2"), jobs=8
    )
    first, second = shares(view).labs
    assert (first.node, first.pieces) == ("lab-b", 6)
    assert [[row.printer for row in rows] for rows in first.printers] == [["p2"], ["p1"]]
    assert (second.node, second.pieces, second.km) == ("lab-a", 2, 3.0)


def test_those_with_nothing_are_grouped_by_the_rule():
    view = a_view(
        a_row("lab-a", 0, ReasonCode.BED),
        a_row("lab-b", 0, ReasonCode.BED),
        a_row("lab-b", 0, ReasonCode.OFFLINE, printer="p2"),
        a_row("lab-c"),
        a_row("lab-d", 4, ReasonCode.STOCK),
        jobs=4,
    )
    groups = shares(view).nothing
    assert [(g.code, [(r.node, r.printer) for r in g.rows]) for g in groups] == [
        (ReasonCode.BED, [("lab-a", "p1"), ("lab-b", "p1")]),
        (None, [("lab-c", "p1")]),
        (ReasonCode.OFFLINE, [("lab-b", "p2")]),
    ]


def test_a_printer_that_makes_one_part_keeps_the_rule_for_the_other():
    view = a_view(a_row("lab-a", 4), a_row("lab-a", 0, ReasonCode.BED, part="strap"), jobs=4)
    plan = shares(view)
    assert plan.nothing == ()
    assert [row.part_id for row in plan.labs[0].printers[0]] == ["frame", "strap"]


def test_the_figures_of_the_summary():
    codes = (ReasonCode.BED, ReasonCode.STOCK, ReasonCode.BED)
    why = [Reason(code=code, node=f"lab-{n}", printer="p1") for n, code in enumerate(codes)]
    why.append(replace(why[0], needed=9.0))  # of a printer, for two parts
    view = a_view(
        a_row("lab-a", 4, hours=5, late=9), a_row("lab-b", 2, hours=7, late=1),
        a_row("lab-c", 0, hours=99), jobs=4, coming=2, deficit=4, why=why,
    )  # fmt: skip
    plan = shares(view)
    assert (plan.ordered, plan.placed, plan.short, plan.late) == (10, 6, 4, 5)
    assert plan.last_at == NOW + timedelta(hours=7)
    assert plan.why_short == ((ReasonCode.BED, 2), (ReasonCode.STOCK, 1))


@pytest.mark.parametrize(
    "view",
    [
        a_view(a_row("lab-a", 10, late=10), accepted=10),
        a_view(a_row("lab-a", 10, late=10), jobs=10, state=OrderState.DELIVERED),
    ],
)
def test_what_is_made_is_neither_expected_nor_late(view):
    plan = shares(view)
    assert (plan.late, plan.last_at, plan.placed) == (0, None, 10)


def test_no_more_pieces_are_late_than_there_are():
    assert late(a_row("lab-a", 2, late=6)) == 2


def test_the_order_of_the_rows_does_not_matter():
    rows = [a_row(f"lab-{n}", n % 3, ReasonCode.BED if n % 2 else None) for n in range(8)]
    assert shares(a_view(*rows, jobs=7)) == shares(a_view(*reversed(rows), jobs=7))


def test_printers_of_which_the_same_is_to_be_said_stand_together():
    rows = [
        a_row("lab-c", reason=ReasonCode.BED), a_row("lab-a", reason=ReasonCode.BED),
        a_row("lab-a", reason=ReasonCode.BED, part="strap"), a_row("lab-b", reason=ReasonCode.BED),
        a_row("lab-b", reason=ReasonCode.STOCK, part="strap"),
    ]  # fmt: skip
    found = because(rows, lambda row: row.reasons[0].code)
    assert [(each.words, each.parts, each.printers) for each in found] == [
        ("bed", ("frame",), (("lab-b", "p1"), ("lab-c", "p1"))),
        ("bed", ("frame", "strap"), (("lab-a", "p1"),)),
        ("stock", ("strap",), (("lab-b", "p1"),)),
    ]


def test_a_line_says_what_its_missing_pieces_weigh_where_filament_is_short():
    stock = Reason(code=ReasonCode.STOCK, needed=16.0, available=2.0)
    (short,) = lines(a_view(a_row("lab-a", 4), why=[stock], deficit=6, jobs=4))
    assert (short.placed, short.short, short.missing_g) == (4, 6, 96.0)
    assert short.last_at == NOW + timedelta(hours=3)
    (small,) = lines(
        a_view(why=[Reason(code=ReasonCode.BED, needed=191.0, available=180.0)], deficit=6)
    )
    assert small.missing_g is None
    full = [
        Reason(code=ReasonCode.CEILING, node=f"lab-{n}", needed=1.0, available=9.0)
        for n in range(2)
    ]
    (busy,) = lines(a_view(why=[stock, *full], deficit=6))
    assert busy.missing_g is None  # nobody would have time for it
    (both,) = lines(
        a_view(why=[*[replace(stock, node=f"lab-{n}") for n in range(3)], *full], deficit=6)
    )
    assert both.missing_g == 96.0
    (whole,) = lines(a_view(a_row("lab-a", 10), why=[stock], jobs=10))
    assert whole.missing_g is None


def test_bars_of_a_picture_end_when_their_labs_are_done():
    until = {"lab-a": NOW + timedelta(hours=10), "lab-b": NOW + timedelta(hours=20), "lab-c": None}
    found = picture(until, NOW, NOW + timedelta(hours=40), timedelta(hours=1))
    assert set(found.bars) == {"lab-a", "lab-b"}
    assert found.bars["lab-b"] == pytest.approx(2 * found.bars["lab-a"], abs=0.2)
    assert found.due == pytest.approx(4 * found.bars["lab-a"], abs=0.3)
    assert found.due < 100
    assert found.by_hours
    # Midnight and noon of a network an hour east of Greenwich.
    assert [at.hour for _, at in found.marks] == [23, 11, 23]
    assert found.marks[0][0] == pytest.approx(11 * found.bars["lab-a"] / 10, abs=0.3)


def test_a_picture_of_what_is_over_and_of_many_days_stays_inside():
    past = NOW - timedelta(hours=5)
    found = picture({"lab-a": past, "lab-b": NOW + timedelta(days=300)}, NOW, past, timedelta())
    assert found.due is None
    assert 0 < found.bars["lab-a"] < 5
    assert found.bars["lab-b"] < 100
    assert not found.by_hours
    assert 1 <= len(found.marks) <= 4


def test_no_part_is_surely_later_than_its_order():
    rows = [
        a_row("lab-a", 2, hours=30, plate_s=30 * 3600.0),
        a_row("lab-b", 40, part="strap", hours=20),
    ]
    view = a_view(*rows, jobs=42)
    strap = replace(view.lines[0], part_id="strap")
    view = replace(view, lines=(view.lines[0], strap))
    whole, parts = how_sure(view, {}, NOW)
    # By itself a part of one long plate would be made again for as long.
    assert likely(queues(view, {}, "frame"), NOW).p90 > whole.p90
    assert {each.p90 <= whole.p90 for each in parts.values()} == {True}
    assert {each.p50 <= whole.p50 for each in parts.values()} == {True}
    assert parts["strap"].p50 < parts["frame"].p50
    assert how_sure(a_view(), {}, NOW) == (None, {"frame": None})
