from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.chances import Likely
from jobs.law import Books
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.views import LineView, OrderView
from jobs.model import Order, OrderState, Reason, ReasonCode, Request
from web.progress import Cause, StepState, counts, expected, lab_count, lateness, steps
from web.words import order_state


def an_order(kits, state=OrderState.CONFIRMED):
    request = Request(
        request_key="k", revision_id="r", kits=kits, due=date(2026, 12, 1),
        requester="Ada", place="CHU", contact="01 23 45 67 89",
    )  # fmt: skip
    return Order(
        id="o", state=state, created_at=datetime(2026, 11, 24, tzinfo=UTC), request=request
    )


FIGURES = (
    "surplus", "harvested", "waiting", "accepted", "scrap", "coming", "jobs", "deficit",
    "at_lab", "at_hub", "in_transit", "delivered", "refused", "lost",
)  # fmt: skip


def some_books(ordered, part="frame", **figures):
    told = dict.fromkeys(FIGURES, 0) | figures
    return Books(order_id="o", part_id=part, ordered=ordered, **told)


def states(order, *books):
    return [step.state for step in steps(order, books)]


D, N, X = StepState.DONE, StepState.NOW, StepState.NEXT


def test_an_asked_order_waits_at_the_first_step():
    assert states(an_order(6, OrderState.ASKED), some_books(6, deficit=6)) == [N, *[X] * 6]


def test_a_confirmed_order_is_being_made():
    assert states(an_order(6), some_books(6, coming=6)) == [D, D, N, X, X, X, X]


def test_several_steps_are_at_work_at_once():
    books = some_books(6, coming=1, waiting=2, accepted=3, in_transit=3)
    found = steps(an_order(6), (books,))
    assert [s.kits for s in found] == [6, 6, 5, 3, 3, 3, 0]
    assert [s.state for s in found] == [D, D, N, N, N, N, X]


def test_what_is_in_a_parcel_has_not_left():
    books = some_books(6, coming=1, accepted=5, in_transit=2)
    found = {s.key: s.kits for s in steps(an_order(6), (books,), {"frame": 4})}
    assert (found["inspection"], found["packed"], found["way"]) == (5, 4, 2)


def test_what_is_held_is_a_step_of_its_own_only_then():
    books = some_books(6, accepted=4, coming=2)
    keys = [s.key for s in steps(an_order(6), (books,), {}, 3)]
    assert keys == [
        "asked",
        "promised",
        "making",
        "inspection",
        "held",
        "packed",
        "way",
        "received",
    ]
    held = steps(an_order(6), (books,), {}, 3)[4]
    assert (held.kits, held.state) == (3, N)
    assert "held" not in [s.key for s in steps(an_order(6), (books,))]


def test_a_part_of_it_is_promised():
    found = {s.key: s for s in steps(an_order(6), (some_books(6, jobs=4, deficit=2),))}
    assert (found["promised"].kits, found["promised"].state) == (4, N)


def test_a_delivered_order_is_done():
    assert states(an_order(6), some_books(6, accepted=6, delivered=6)) == [D] * 7


def test_a_kit_needs_all_of_its_parts():
    frames = some_books(6, accepted=6, delivered=6)
    straps = some_books(12, "strap", accepted=5, delivered=5)
    assert [s.kits for s in steps(an_order(6), (frames, straps))][-1] == 2


def test_lost_pieces_are_not_made_any_more():
    books = some_books(6, accepted=6, delivered=4, lost=2, deficit=2)
    assert [s.kits for s in steps(an_order(6), (books,))] == [6, 4, 4, 4, 4, 4, 4]


@given(
    kits=st.integers(1, 1000),
    per_kit=st.integers(1, 5),
    figures=st.tuples(*[st.integers(0, 300)] * 4),
)
def test_no_later_step_is_ahead_of_an_earlier_one(kits, per_kit, figures):
    waiting, at_hub, transit, delivered = figures
    accepted = at_hub + transit + delivered
    books = some_books(
        kits * per_kit, waiting=waiting, accepted=accepted, in_transit=transit, delivered=delivered
    )
    passed = [step.kits for step in steps(an_order(kits), (books,))]
    assert passed == sorted(passed, reverse=True)
    assert all(0 <= n <= kits for n in passed)


@pytest.mark.parametrize(
    "figure", ["to_start", "making", "inspecting", "ready", "on_way", "received"]
)
def test_counts_name_each_figure_once(figure):
    books = some_books(
        63, jobs=1, deficit=0, coming=2, waiting=4, at_hub=8, in_transit=16, delivered=32
    )
    expected = {
        "to_start": 1,
        "making": 2,
        "inspecting": 4,
        "ready": 8,
        "on_way": 16,
        "received": 32,
    }
    assert getattr(counts(books), figure) == expected[figure]


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_row(node="lab-a", pieces=2, hours=3.0, **facts):
    told = {
        "part_id": "frame", "printer": "p1", "plates": int(pieces > 0),
        "plates_left": int(pieces > 0),
        "plate_s": 3600.0, "late": 0, "grams": 33.0, "km": None,
        "reasons": (), "done_at": NOW + timedelta(hours=hours), "at": NOW,
    }  # fmt: skip
    return PlanRow(node=node, pieces=pieces, **(told | facts))


def a_view(*rows, order=None, **figures):
    books = some_books(6, **figures)
    line = LineView(part_id="frame", books=books, reasons=())
    return OrderView(
        order=order or an_order(6), lines=(line,), plan=rows, attempts=(), lots=(), batches=(),
        events=(),
    )  # fmt: skip


def test_labs_are_those_that_have_something_to_make():
    assert (
        lab_count(a_view(a_row("lab-a"), a_row("lab-a", printer="p2"), a_row("lab-b", pieces=0)))
        == 1
    )


@pytest.mark.parametrize(
    ("view", "hours"),
    [
        (a_view(a_row(hours=3), a_row("lab-b", hours=5), jobs=4, coming=2), 5),
        (a_view(a_row(hours=3), a_row("lab-c", pieces=0, hours=9), jobs=6), 3),
        (a_view(a_row(hours=3), jobs=4, deficit=2), None),
        (a_view(a_row(hours=3), accepted=6), None),
        (a_view(a_row(hours=-1), jobs=6), None),
        (a_view(a_row(done_at=None), jobs=6), None),
        (a_view(a_row(), jobs=6, order=an_order(6, OrderState.DELIVERED)), None),
    ],
)  # fmt: skip
def test_the_last_piece_is_expected_when_all_have_a_place(view, hours):
    assert expected(view, NOW) == (None if hours is None else NOW + timedelta(hours=hours))


def test_what_has_no_place_is_not_being_made():
    nothing, something = some_books(6, deficit=6), some_books(6, deficit=4, jobs=2)
    assert [s.state for s in steps(an_order(6), (nothing,))][:2] == ["done", "next"]
    assert [s.state for s in steps(an_order(6), (something,))][:2] == ["done", "now"]
    assert order_state(OrderState.CONFIRMED, (nothing,)) == "confirmed, no place yet"
    assert order_state(OrderState.CONFIRMED, (nothing, something)) == "being made"
    assert order_state(OrderState.REFUSED, (nothing,)) == "turned down"


def a_line(books, *codes):
    reasons = tuple(Reason(code=code) for code in codes)
    return LineView(part_id=books.part_id, books=books, reasons=reasons)


def a_late_view(books, *codes):
    return OrderView(
        order=an_order(6), lines=(a_line(books, *codes),), plan=(), attempts=(), lots=(), batches=(),
        events=(),
    )  # fmt: skip


def test_an_order_in_time_is_not_late():
    books = some_books(6, coming=6)
    assert lateness(a_late_view(books), [counts(books)], None, date(2026, 12, 1)) is None


def test_a_late_order_says_where_each_piece_is_that_is_missing():
    books = some_books(
        8, deficit=1, coming=1, waiting=1, accepted=5, at_hub=3, delivered=1, refused=1
    )
    found = lateness(
        a_late_view(books, ReasonCode.STOCK), [counts(books, packed=2)], None, date(2026, 12, 2)
    )
    assert found is not None
    assert (found.passed, found.short, found.reasons) == (True, 1, (ReasonCode.STOCK,))
    assert dict(found.causes) == {
        Cause.AGAIN: 1, Cause.MAKING: 1, Cause.INSPECTING: 1, Cause.HUB: 3,
    }  # fmt: skip


def test_an_order_that_will_probably_be_late_says_so_before():
    books = some_books(6, coming=6)
    day = datetime(2026, 12, 2, 12, tzinfo=UTC)
    sure = Likely(p50=day - timedelta(days=1), p90=day)
    found = lateness(a_late_view(books), [counts(books)], sure, date(2026, 11, 25))
    assert found is not None
    assert not found.passed


def test_a_received_order_is_not_late_any_more():
    books = some_books(6, accepted=6, delivered=6)
    assert lateness(a_late_view(books), [counts(books)], None, date(2027, 1, 1)) is None


def test_each_piece_at_the_hub_is_in_one_place():
    found = counts(some_books(9, accepted=9, at_hub=9), packed=4, held=2)
    assert (found.ready, found.packed, found.held) == (3, 4, 2)


def test_what_nobody_has_inspected_is_not_ready():
    found = counts(some_books(9, accepted=4, waiting=5, at_hub=9), packed=1, here=5)
    assert (found.inspecting, found.ready, found.packed) == (5, 3, 1)
