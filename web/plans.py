"""Who makes what of an order, and why the others make nothing: the rows of a plan, put in order. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from jobs.chances import Likely, Queue, likely
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.views import OrderView
from jobs.model import OrderState, ReasonCode


@dataclass(frozen=True, slots=True, kw_only=True)
class LabShare:
    """A lab that makes something: its printers that do, each with a row for every part."""

    node: str
    km: float | None
    pieces: int
    late: int  # of them, those still to come that are expected after the day
    until: datetime | None  # its last piece is expected; None where all of it is counted
    printers: tuple[tuple[PlanRow, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Printers that make nothing, for one reason; None where the next plan will say it."""

    code: ReasonCode | None
    rows: tuple[PlanRow, ...]

    @property
    def printers(self) -> int:
        """How many printers they are; one has a row for every part."""
        return len({(row.node, row.printer) for row in self.rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """Printers of which the same is to be said."""

    words: str
    parts: tuple[str, ...]  # which they do not make
    printers: tuple[tuple[str, str], ...]  # (node, printer), in order


@dataclass(frozen=True, slots=True, kw_only=True)
class LineShare:
    """One part of an order; figures in pieces."""

    part_id: str
    ordered: int
    placed: int  # have a place
    short: int  # have none
    late: int
    last_at: datetime | None  # when the last one is expected; None where nothing is to come
    #: What those without a place weigh, where they lack filament rather than time; else None.
    missing_g: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """An order's plan as a page tells it; figures in pieces."""

    ordered: int
    placed: int  # have a place: made, being made, or planned
    short: int  # have none
    why_short: tuple[tuple[ReasonCode, int], ...]  # with the number of printers, most first
    #: Rules that every plan of it broke, by a fault of fabnet, see `web.states.RULES`.
    broken_rules: tuple[str, ...]
    late: int  # of those that are still to come
    last_at: datetime | None  # when the last one is expected; None where nothing is to come
    #: No plan could have had the last one before; None where pieces have no place, or it is not known.
    earliest_at: datetime | None
    labs: tuple[LabShare, ...]  # who makes most comes first
    nothing: tuple[Nothing, ...]  # the commonest reason comes first
    #: Printers of which no reason is kept: in a large network those that others are sooner than.
    unlisted: int


def shares(view: OrderView, printers: Collection[tuple[str, str]] = ()) -> Shares:
    """Return the plan of an order in the order in which a steward reads it.

    `printers` are all of the network, by node and printer.
    """
    books = [line.books for line in view.lines]
    to_come = view.order.state is OrderState.CONFIRMED and any(b.coming + b.jobs for b in books)
    short = sum(b.deficit for b in books)
    reasons = {r for line in view.lines if line.books.deficit for r in line.reasons}
    why = Counter(code for code, _, _ in {(r.code, r.node, r.printer) for r in reasons})
    making = [row for row in view.plan if row.plates]
    ends = [row.done_at for row in making if row.plates_left and row.done_at is not None]
    labs, nothing = _labs(view.plan), _nothing(view.plan)
    return Shares(
        ordered=sum(b.ordered for b in books),
        placed=sum(max(0, b.ordered - b.deficit) for b in books),
        short=short,
        why_short=tuple(sorted(why.items(), key=lambda item: (-item[1], item[0]))),
        broken_rules=tuple(sorted({r.text for r in reasons if r.code is ReasonCode.UNSOUND})),
        late=sum(late(row) for row in making) if to_come else 0,
        last_at=max(ends, default=None) if to_come else None,
        earliest_at=view.earliest_at if to_come and ends and not short else None,
        labs=labs,
        nothing=nothing,
        unlisted=len(set(printers) - {(row.node, row.printer) for row in view.plan})
        if view.plan and view.order.state is OrderState.CONFIRMED
        else 0,
    )


def lines(view: OrderView) -> tuple[LineShare, ...]:
    """Return how each part of an order stands."""
    to_come = view.order.state is OrderState.CONFIRMED
    found = []
    for line in view.lines:
        books = line.books
        rows = [r for r in view.plan if r.part_id == line.part_id and r.plates_left]
        each_g = [r.needed for r in line.reasons if r.code is ReasonCode.STOCK and r.needed]
        # Where more printers have no time left, filament would give these pieces no place.
        no_time = sum(r.code in (ReasonCode.CEILING, ReasonCode.FULL) for r in line.reasons)
        found.append(
            LineShare(
                part_id=line.part_id,
                ordered=books.ordered,
                placed=max(0, books.ordered - books.deficit),
                short=books.deficit,
                late=sum(late(row) for row in rows) if to_come else 0,
                last_at=max((row.done_at for row in rows if row.done_at), default=None)
                if to_come
                else None,
                missing_g=books.deficit * max(each_g)
                if books.deficit and len(each_g) > no_time
                else None,
            )
        )
    return tuple(found)


def because(rows: Iterable[PlanRow], words: Callable[[PlanRow], str]) -> tuple[Because, ...]:
    """Put printers together of which the same is to be said; what most have in common comes first.

    Args:
        rows: of printers that make nothing of a part.
        words: say why.
    """
    by_printer: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for row in rows:
        by_printer.setdefault((words(row), (row.node, row.printer)), []).append(row.part_id)
    same: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for (why, printer), parts in by_printer.items():
        same.setdefault((why, tuple(sorted(parts))), []).append(printer)
    found = (
        Because(words=why, parts=parts, printers=tuple(sorted(printers)))
        for (why, parts), printers in same.items()
    )
    return tuple(sorted(found, key=lambda b: (-len(b.printers), b.words, b.parts)))


def queues(
    view: OrderView, yields: Mapping[tuple[str, str], tuple[int, int]], part: str = ""
) -> tuple[Queue, ...]:
    """Return what printers have still to print of an order, or of a part; `yields` as of `labs.yields`."""
    found = []
    for row in view.plan:
        if part and row.part_id != part:
            continue
        good, scrap = yields.get((row.node, row.printer), (0, 0))
        if row.plates_left and row.done_at is not None:
            found.append(
                Queue(
                    node=row.node, printer=row.printer, plates=row.plates_left, pieces=row.pieces,
                    plate_s=max(1.0, row.plate_s), done_at=row.done_at, good=good, scrap=scrap,
                )
            )  # fmt: skip
    return tuple(found)


def how_sure(
    view: OrderView, yields: Mapping[tuple[str, str], tuple[int, int]], now: datetime
) -> tuple[Likely | None, dict[str, Likely | None]]:
    """Return by when an order is probably printed, and each of its parts.

    An order is done with the last of its parts: none of them is later than the whole.
    """
    whole = likely(queues(view, yields), now)
    parts: dict[str, Likely | None] = {}
    for line in view.lines:
        its = likely(queues(view, yields, line.part_id), now)
        if its is not None and whole is not None:
            its = Likely(p50=min(its.p50, whole.p50), p90=min(its.p90, whole.p90))
        parts[line.part_id] = its
    return whole, parts


def late(row: PlanRow) -> int:
    """Return how many of a row's pieces are expected after the day."""
    return min(row.late, row.pieces) if row.plates_left else 0


def _by_printer(rows: Iterable[PlanRow]) -> list[tuple[PlanRow, ...]]:
    ordered = sorted(rows, key=lambda r: (r.node, r.printer, r.part_id))
    return [tuple(group) for _, group in groupby(ordered, key=lambda r: (r.node, r.printer))]


def _pieces(rows: Iterable[PlanRow]) -> int:
    return sum(row.pieces for row in rows)


def _plates(rows: Iterable[PlanRow]) -> int:
    return sum(row.plates for row in rows)


def _labs(plan: tuple[PlanRow, ...]) -> tuple[LabShare, ...]:
    found = []
    making = [rows for rows in _by_printer(plan) if _plates(rows)]
    for node, printers in groupby(making, key=lambda rows: rows[0].node):
        each = tuple(tuple(sorted(rows, key=lambda r: (-r.pieces, r.part_id))) for rows in printers)
        share = LabShare(
            node=node,
            km=each[0][0].km,
            pieces=sum(map(_pieces, each)),
            late=sum(late(row) for rows in each for row in rows),
            until=max(
                (row.done_at for rows in each for row in rows if row.plates_left and row.done_at),
                default=None,
            ),
            printers=tuple(sorted(each, key=lambda rows: (-_pieces(rows), rows[0].printer))),
        )
        found.append(share)
    return tuple(sorted(found, key=lambda share: (-share.pieces, share.node)))


def _nothing(plan: tuple[PlanRow, ...]) -> tuple[Nothing, ...]:
    groups: dict[ReasonCode | None, list[PlanRow]] = {}
    for rows in _by_printer(plan):
        if _plates(rows):
            continue
        for row in rows:
            groups.setdefault(row.reasons[0].code if row.reasons else None, []).append(row)
    return tuple(
        Nothing(code=code, rows=tuple(rows))
        for code, rows in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0] or ""))
    )
