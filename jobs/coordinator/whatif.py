"""What would be if a lab left, printers came or a day moved: two plans of all orders, side by side.

Both are made from everything that is in no lab's hands yet. Works on a copy of the ledger that the
caller makes and throws away: plates that are planned and not offered become pieces to be planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from designs.library import Library
from jobs.coordinator import planning
from jobs.coordinator.fitting import Snapshot
from jobs.coordinator.moves import dissolve
from jobs.errors import NotFoundError
from jobs.fleet import FleetPrinter
from jobs.ledger.rows import live_attempt
from jobs.ledger.store import Ledger
from jobs.model import JobState, OrderState, Reason, ReasonCode
from jobs.planned import Plan
from printers.model import PrinterFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is asked: labs that are gone, printers more (each a lab of its own), another day."""

    without: tuple[str, ...] = ()
    plus: tuple[PrinterFacts, ...] = ()
    due: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a plan means for one order, and for all others together."""

    placed: int  # pieces
    without_place: int
    late: int  # pieces printed after the day
    done_at: datetime | None  # the last piece; None where none is placed
    km: float  # of all pieces together, from lab to hub
    grams: float
    pieces_of: tuple[tuple[str, int], ...]  # by lab
    others_late: int
    others_without_place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The plan as things are, and as they would be."""

    now: Outcome
    then: Outcome

    @property
    def touched(self) -> tuple[str, ...]:
        """The labs that would make more or fewer pieces of the order."""
        before, after = dict(self.now.pieces_of), dict(self.then.pieces_of)
        return tuple(
            lab for lab in sorted({*before, *after}) if before.get(lab, 0) != after.get(lab, 0)
        )


def compare(
    copy: Ledger,
    library: Library,
    order_id: str,
    change: Change,
    now: datetime,
    hub: tuple[float, float] | None = None,
) -> Difference:
    """Plan with and without a change. `copy` and the tables of `library` are written to.

    Raises:
        NotFoundError: there is no such lab, or nothing of the order is left to be planned.
    """
    _take_all_back(copy)
    facts = planning.snapshot(copy, library, now, hub)
    if order_id not in {need.order_id for need in facts.needs}:
        raise NotFoundError("order with pieces that are in no lab's hands yet", order_id)
    other = _changed(facts, order_id, change)
    return Difference(
        now=_outcome(planning.make(facts, library, now), facts, order_id),
        then=_outcome(planning.make(other, library, now), other, order_id),
    )


def _take_all_back(copy: Ledger) -> None:
    why = Reason(code=ReasonCode.NOT_PLANNED)
    with copy.transaction() as db:
        rows = db.execute(
            "select j.id, j.order_id, j.part_id, j.pieces from job j join orders o"
            " on o.id = j.order_id where j.state = ? and o.state = ?"
            f" and not exists ({live_attempt('j.id')})",
            (JobState.OPEN, OrderState.CONFIRMED),
        ).fetchall()
        for row in rows:
            dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)


def _changed(facts: Snapshot, order_id: str, change: Change) -> Snapshot:
    for node in change.without:
        if node not in {printer.node for printer in facts.fleet}:
            raise NotFoundError("node", node)
    fleet = [printer for printer in facts.fleet if printer.node not in change.without]
    printers = dict(facts.printers)
    for number, about in enumerate(change.plus, 1):
        node = f"plus-{number}"
        spool = about.spool
        printers[node, about.id] = about
        fleet.append(
            FleetPrinter(
                node=node, printer=about.id, online=True, paused=False,
                material=about.works_in,
                process=about.process,
                grams=0.0 if spool is None else spool.grams,
            )
        )  # fmt: skip
    needs = tuple(
        replace(need, due=change.due or need.due) if need.order_id == order_id else need
        for need in facts.needs
    )
    return replace(facts, needs=needs, fleet=tuple(fleet), printers=printers)


def _outcome(plan: Plan, facts: Snapshot, order_id: str) -> Outcome:
    mine = [run for run in plan.runs if run.order_id == order_id]
    by_lab: dict[str, int] = {}
    for run in mine:
        by_lab[run.node] = by_lab.get(run.node, 0) + run.pieces
    km = {printer.node: printer.km or 0.0 for printer in facts.fleet}
    short, other_short = _short(plan, [order_id])
    rows = [row for each in plan.explained for row in each.made if row.late]
    return Outcome(
        placed=sum(by_lab.values()),
        without_place=short,
        late=sum(row.late for row in rows if row.order_id == order_id),
        done_at=max((run.last_at for run in mine), default=None),
        km=sum(km[lab] * pieces for lab, pieces in by_lab.items()),
        grams=sum(run.grams * run.count for run in mine),
        pieces_of=tuple(sorted(by_lab.items())),
        others_late=sum(row.late for row in rows if row.order_id != order_id),
        others_without_place=other_short,
    )


def _short(plan: Plan, mine: Sequence[str]) -> tuple[int, int]:
    """Return how many pieces of these orders have no place, and of all others."""
    ours = sum(one.pieces for one in plan.shortfalls if one.order_id in mine)
    return ours, sum(one.pieces for one in plan.shortfalls) - ours
