"""What a maker's printers print now: the part of *What waits for me* that moves by itself.

Leaves what waits for her to `web.pages.people`, and the printers of others to `web.pages.fleet`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import render_template

from jobs.ledger import labs, paces
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from printers.model import MANUAL, PrinterState
from web.beds import ends_at, fraction_of
from web.context import Context, here

#: The name of the part, see `web.feeds`.
PART: Final = "at-work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """One print that goes on."""

    printer: str  # its title
    attempt: AttemptView
    paused: bool
    fraction: float | None  # 0 to 1, in hundredths; None where the printer does not say
    ends_at: datetime | None  # about; None where it takes longer than was reckoned


def prints_of(context: Context, node_id: str) -> tuple[Print, ...]:
    """Return what prints at a lab, what is done first before the rest.

    What people feed is in their hands, and a lab out of reach tells nothing: both are left out, since
    the page names them above.
    """
    db, now = context.ledger.reading, context.now()
    node = next(iter(labs.fleet(db, (node_id,))), None)
    if node is None or not node.online:
        return ()
    pace = paces.known(db, now, node.id)
    found = []
    for each in node.printers:
        attempt = each.attempt
        if (
            attempt is None
            or attempt.state is not AttemptState.PRINTING
            or each.facts.link == MANUAL
        ):
            continue
        tele = context.live.printer(node.id, each.facts.id)
        fraction = fraction_of(tele)
        found.append(
            Print(
                printer=each.facts.title,
                attempt=attempt,
                paused=(tele.state if tele else each.state) is PrinterState.PAUSED,
                fraction=None if fraction is None else round(fraction, 2),
                ends_at=ends_at(attempt, pace.get((node.id, each.facts.id), 1.0), now),
            )
        )
    return tuple(sorted(found, key=_by_end))


def _by_end(each: Print) -> tuple[bool, float, str]:
    """What should be over already stands first."""
    end = each.ends_at
    return end is not None, end.timestamp() if end else 0.0, each.printer


def show(_part: str, prints: tuple[Print, ...], _own: bool) -> str:  # noqa: FBT001
    """Return the part as HTML."""
    context = here()
    return render_template(
        "at_work.html", prints=[(each, context.part_of(each.attempt)) for each in prints]
    )
