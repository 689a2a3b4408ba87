"""What somebody can do although nothing waits for her: why no work comes, and when it will. Pure.

Leaves what waits for a person to `jobs.ledger.waiting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.errors import InvalidFieldError
from jobs.hours import earliest_start, parse
from jobs.law import Books
from jobs.ledger.labs import NodeView, PrinterView, prints_on
from jobs.lifecycle import UNGRANTED, AttemptState
from jobs.model import Order, OrderState
from jobs.pace import slack
from printers.model import MANUAL

#: Nobody prints anything in less: hours that end now are over.
_SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """One reason why work stands still.

    `kind` is one of: "silent" (a printer prints on at a lab that is out of reach since `at`), "offline"
    (the lab's computer), "away" (a printer that printed when that computer went, not long ago),
    "unnamed" (that computer has named no printer), "starting" (a lab without a computer, whose node
    runs beside the coordinator), "paused" (the lab), "out" (a printer out of service), "load" (a
    printer without a spool), "hours" (nobody is there before `at`), "fits" (the plate of a printer is
    longer than the hours that are left, and waits until `at`), "placeless" (pieces of an order that no
    printer has).
    """

    kind: str
    key: str = ""  # the printer's or the order's id; "paused": the day on which that ends
    name: str = ""  # the printer's title, or the order's place
    lab: str = ""  # "silent": where it stands
    count: int = 0  # "hours": plates that wait for it; "placeless": pieces
    at: datetime | None = None  # aware


def of_silence(printers: Iterable[tuple[NodeView, PrinterView]]) -> tuple[Hint, ...]:
    """Return the printers that nobody sees from here, and that print on."""
    return tuple(
        Hint(kind="silent", key=each.facts.id, name=each.facts.title, lab=node.lab, at=node.seen_at)
        for node, each in printers
    )


def of_maker(
    node: NodeView, now: datetime, paces: Mapping[tuple[str, str], float] | None = None
) -> tuple[Hint, ...]:
    """Return why no work comes to a lab, the most general first; `paces` as of `jobs.ledger.paces`."""
    found = []
    if not node.printers and not node.hosted:
        found.append(Hint(kind="unnamed"))
    elif not node.online:
        found.append(Hint(kind="starting" if node.hosted else "offline"))
        found += [
            Hint(kind="away", key=each.facts.id, name=each.facts.title)
            for each in node.printers
            if each.attempt is not None
            and each.attempt.state is AttemptState.PRINTING
            and each.facts.link != MANUAL
            and not prints_on(node, each, now)
        ]
    if node.paused:
        found.append(Hint(kind="paused", key=node.paused_until))
    for each in node.printers:
        if each.facts.out_of_service or each.facts.works_in is None:
            kind = "out" if each.facts.out_of_service else "load"
            found.append(Hint(kind=kind, key=each.facts.id, name=each.facts.title))
    begins = None if node.paused else _next_hours(node, now)
    if begins is not None:
        waits = sum(
            1
            for each in node.printers
            if each.attempt is not None
            and each.attempt.state in UNGRANTED
            and not each.facts.unattended
        )
        found.append(Hint(kind="hours", count=waits, at=begins))
    elif not node.paused:
        found += _too_long_for_now(node, now, paces or {})
    return tuple(found)


def _too_long_for_now(
    node: NodeView, now: datetime, paces: Mapping[tuple[str, str], float]
) -> list[Hint]:
    """Return the printers whose plate is ready, and would not be done before everybody is gone."""
    found = []
    for each in node.printers:
        plate = each.attempt
        if plate is not None and plate.state is AttemptState.READY and not each.facts.unattended:
            at = _starts(node, now, plate.seconds, paces.get((node.id, each.facts.id), 1.0))
            if at is not None:
                facts = each.facts
                found.append(Hint(kind="fits", key=facts.id, name=facts.title, at=at))
    return found


def _next_hours(node: NodeView, now: datetime) -> datetime | None:
    """Return when somebody is there again; None while somebody is, or where nobody is needed."""
    if not any(not each.facts.unattended for each in node.printers):
        return None
    return _starts(node, now, _SHORTEST_S)


def _starts(node: NodeView, now: datetime, seconds: float, pace: float = 1.0) -> datetime | None:
    """Return when a plate of this length may start at a lab; None for now, or for never."""
    shift = timedelta(minutes=node.utc_offset_min)
    local = now + shift
    try:
        begins = earliest_start(parse(node.attended), local, seconds * pace, slack(pace))
    except InvalidFieldError:
        return None
    return None if begins is None or begins <= local else begins - shift


def of_steward(orders: Iterable[Order], books: Iterable[Books]) -> tuple[Hint, ...]:
    """Return the confirmed orders with pieces that have no place, the most urgent first."""
    short: dict[str, int] = {}
    for each in books:
        short[each.order_id] = short.get(each.order_id, 0) + each.deficit
    return tuple(
        Hint(kind="placeless", key=order.id, name=order.request.place, count=short[order.id])
        for order in sorted(orders, key=lambda o: (o.request.due, o.id))
        if order.state is OrderState.CONFIRMED and short.get(order.id, 0)
    )
