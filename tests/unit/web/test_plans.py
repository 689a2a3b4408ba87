"""The plan of an order, put in the order in which a steward reads it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from jobs.law import Books
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.views import LineView, OrderView
from jobs.model import Order, OrderState, Reason, ReasonCode, Request
from web.plans import late, shares

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIGURES = (
    "surplus", "harvested", "waiting", "accepted", "scrap", "coming", "jobs", "deficit",
    "at_lab", "at_hub", "in_transit", "delivered", "refused", "lost",
)  # fmt: skip


def a_row(node, pieces=0, reason=None, printer="p1", part="frame", hours=3.0, **facts):
    told = {
        "part_id": part, "plates": pieces // 2, "plates_left": pieces // 2,
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
    why = [Reason(code=code) for code in (ReasonCode.BED, ReasonCode.STOCK, ReasonCode.BED)]
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
