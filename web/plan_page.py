"""What an order's page shows of its plan: who makes how much until when, how sure it is, and why not others.

Bounded: a network of a thousand labs gives a page that a telephone loads. Who looks for one
workshop finds it by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from designs.model import Revision
from jobs.fleet import print_by
from jobs.ledger import labs
from jobs.ledger.labs import NodeView
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.views import OrderView
from jobs.model import ReasonCode
from web.context import Context
from web.plan_picture import picture
from web.plans import Because, Nothing, because, how_sure, late, lines, shares
from web.words import PLAIN_REASONS
from web.words import reason as reason_words

#: So many labs are seen at once; so many more can be unfolded.
AT_ONCE, MOST_LABS = 10, 100
#: So many kinds of words a reason has, and so many printers are named for each.
MOST_KINDS, MOST_NAMED = 12, 25
MOST_NAME = 80
#: A plan takes seconds, in the largest networks a minute: what has none so long after the last that was done
#: to its order waits for one in vain.
_LONG = timedelta(minutes=5)


def plan_facts(
    view: OrderView,
    revision: Revision | None,
    fleet: Iterable[NodeView],
    context: Context,
    asked: str,
) -> dict[str, object]:
    """Return the names of the page; `asked` is a part of a lab's name: only those are listed then."""
    now, order = context.now(), view.order
    names = {node.id: node.lab for node in fleet}
    printers = {
        (node.id, printer.facts.id): (node.lab, printer.facts.title)
        for node in fleet
        for printer in node.printers
    }
    plan = shares(view, printers)
    asked = " ".join(asked.split())[:MOST_NAME]
    if asked:
        listed = shares(replace(view, plan=_of_labs(view.plan, names, asked)))
        plan = replace(plan, labs=listed.labs, nothing=listed.nothing)
    sure, sure_of = how_sure(view, labs.yields(context.ledger.reading), now)
    materials = {p.id: p.materials for p in revision.made} if revision else {}
    shift = now.astimezone(ZoneInfo(context.settings.timezone)).utcoffset() or timedelta()
    return {
        "plan": plan,
        "plan_lines": lines(view),
        "asked_lab": asked,
        "at_once": AT_ONCE,
        "shown": plan.labs[:MOST_LABS],
        "beyond": plan.labs[MOST_LABS:],
        "drawn": picture(
            {lab.node: lab.until for lab in plan.labs}, now, print_by(order.request.due), shift
        ),
        "because": {group.code: _because(group, materials) for group in plan.nothing},
        "most_kinds": MOST_KINDS,
        "most_named": MOST_NAMED,
        "print_by": order.request.due - timedelta(days=1),
        "unplanned_since": _unplanned_since(view, now),
        "sure": sure,
        "sure_of": sure_of,
        "late": late,
        "labs": names,
        "away": {node.id for node in fleet if not node.online},
        "printers": printers,
    }


def _unplanned_since(view: OrderView, now: datetime) -> datetime | None:
    """Return since when an order waits for a plan, where that is long; None where it does not."""
    waits = any(
        reason.code is ReasonCode.NOT_PLANNED
        for line in view.lines
        if line.books.deficit
        for reason in line.reasons
    )
    last = max((event.at for event in view.events), default=now)
    return last if waits and now - last > _LONG else None


def _of_labs(plan: Iterable[PlanRow], names: Mapping[str, str], asked: str) -> tuple[PlanRow, ...]:
    wanted = asked.casefold()
    return tuple(row for row in plan if wanted in names.get(row.node, row.node).casefold())


def _because(group: Nothing, materials: Mapping[str, tuple[str, ...]]) -> tuple[Because, ...]:
    """Return what is said of a group beyond its title, the commonest first."""
    plain = "" if group.code is None else str(PLAIN_REASONS[group.code])

    def words(row: PlanRow) -> str:
        told = (str(reason_words(why, materials.get(row.part_id, ()))) for why in row.reasons)
        return "; ".join(each for each in told if each != plain)

    return because(group.rows, words)
