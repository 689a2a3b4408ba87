"""How far an order is, in kits: the figures of the progress strip. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from jobs.chances import Likely
from jobs.law import Books
from jobs.ledger.views import OrderView
from jobs.model import Order, OrderState, ReasonCode


class StepState(enum.StrEnum):
    """Where a step of the strip stands."""

    DONE = "done"
    NOW = "now"
    NEXT = "next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the strip."""

    key: str  # "asked", "promised", "making", "inspection", "held", "packed", "way", "received"
    state: StepState
    kits: int  # that have passed this step; of "held" the pieces that are


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where the pieces of one part are, in a requester's words."""

    part_id: str
    ordered: int
    promised: int  # have a place in the plan, or exist
    to_start: int
    making: int
    inspecting: int
    held: int  # called back, or of a withdrawn design
    ready: int  # inspected, to be packed
    packed: int
    on_way: int
    received: int


def counts(books: Books, packed: int = 0, held: int = 0, here: int = 0) -> Counts:
    """Return where the pieces of one part are.

    Args:
        books: of the part.
        packed: pieces in parcels that have not left.
        held: accepted pieces of a withdrawn design at the hub; none that are called back.
        here: pieces at the hub that nobody has inspected; none that are called back.
    """
    return Counts(
        part_id=books.part_id,
        ordered=books.ordered,
        promised=max(0, books.ordered - books.deficit),
        to_start=books.to_make,
        making=books.coming,
        inspecting=books.waiting,
        held=books.recalled_here + held,
        ready=max(0, books.at_hub - books.recalled_here - packed - held - here),
        packed=packed,
        on_way=books.in_transit,
        received=books.kept,
    )


class Cause(enum.StrEnum):
    """Why an order is late, but for what the plan says of pieces without a place."""

    AGAIN = "again"  # refused, lost or called back pieces are made again
    MAKING = "making"  # still printing, or to be printed
    INSPECTING = "inspecting"
    HELD = "held"
    HUB = "hub"  # inspected, and not sent yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """That an order is late, or will be, and why."""

    passed: bool  # the day is over
    short: int  # pieces without a place
    reasons: tuple[ReasonCode, ...]  # why they have none, the commonest first
    causes: tuple[tuple[Cause, int], ...]  # with pieces


def lateness(
    view: OrderView, all_counts: Sequence[Counts], sure: Likely | None, today: date
) -> Lateness | None:
    """Return why an order is late; None where it is not, or is not being made."""
    due = view.order.request.due
    books = [line.books for line in view.lines]
    if view.order.state is not OrderState.CONFIRMED or all(b.kept >= b.ordered for b in books):
        return None
    short = sum(b.deficit for b in books)
    passed = due < today
    if not passed and not short and (sure is None or sure.p90.date() <= due):
        return None
    codes = Counter(r.code for line in view.lines if line.books.deficit for r in line.reasons)
    figures = {
        Cause.AGAIN: sum(b.refused + b.lost + b.recalled for b in books),
        Cause.MAKING: sum(b.coming + b.jobs for b in books),
        Cause.INSPECTING: sum(c.inspecting for c in all_counts),
        Cause.HELD: sum(c.held for c in all_counts),
        Cause.HUB: sum(c.ready + c.packed for c in all_counts),
    }
    return Lateness(
        passed=passed,
        short=short,
        reasons=tuple(code for code, _ in sorted(codes.items(), key=lambda c: (-c[1], c[0])))[:3],
        causes=tuple((cause, pieces) for cause, pieces in figures.items() if pieces),
    )


def _kits(order: Order, pieces: list[tuple[int, int]]) -> int:
    """Return how many whole kits the pieces (had, ordered) of all parts make."""
    kits = order.request.kits
    return min(
        (min(had, ordered) * kits // ordered for had, ordered in pieces if ordered), default=0
    )


def steps(
    order: Order, books: tuple[Books, ...], packed: Mapping[str, int] | None = None, held: int = 0
) -> tuple[Step, ...]:
    """Return the strip of an order: what has passed each step, and which steps are at work.

    Args:
        order: the order.
        books: of its parts.
        packed: pieces in parcels that were neither refused nor lost, by part.
        held: pieces that may not leave; only then there is such a step.
    """
    boxed = packed or {}
    kits = order.request.kits
    passed = {
        "asked": 0 if order.state is OrderState.ASKED else kits,
        "promised": 0
        if order.state is OrderState.ASKED
        else _kits(order, [(max(0, b.ordered - b.deficit), b.ordered) for b in books]),
        "making": _kits(order, [(b.usable + b.waiting, b.ordered) for b in books]),
        "inspection": _kits(order, [(b.usable, b.ordered) for b in books]),
        "packed": _kits(
            order,
            [
                (min(max(boxed.get(b.part_id, 0), b.in_transit + b.kept), b.usable), b.ordered)
                for b in books
            ],
        ),
        "way": _kits(order, [(min(b.in_transit + b.kept, b.usable), b.ordered) for b in books]),
        "received": _kits(order, [(b.kept, b.ordered) for b in books]),
    }
    found = []
    before_done = True
    placed = any(b.ordered > b.deficit for b in books)
    for key, done in passed.items():
        if key in ("promised", "making") and not placed:
            state = StepState.NEXT
        elif done >= kits:
            state = StepState.DONE
        elif done > 0 or before_done:
            state = StepState.NOW
        else:
            state = StepState.NEXT
        before_done = state is StepState.DONE
        found.append(Step(key=key, state=state, kits=done))
        if key == "inspection" and held:
            found.append(Step(key="held", state=StepState.NOW, kits=held))
    return tuple(found)


def lab_count(view: OrderView) -> int:
    """Return how many labs have worked, work or will work on an order."""
    planned = {row.node for row in view.plan if row.plates}
    return len(planned | {a.node for a in view.attempts if a.started_at or a.granted_at})


def expected(view: OrderView, now: datetime) -> datetime | None:
    """Return when the last piece should be printed, as far as is known; None where it is not.

    A day that has passed, or pieces without a place, make it unknown.
    """
    books = [line.books for line in view.lines]
    if view.order.state is not OrderState.CONFIRMED or any(b.deficit for b in books):
        return None
    if not any(b.coming + b.jobs for b in books):
        return None
    ends = [row.done_at for row in view.plan if row.plates_left and row.done_at is not None]
    last = max(ends, default=None)
    return last if last is not None and last > now else None
