"""The hub today: what comes, and what is late."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, render_template

from jobs.first_mile import comes_today, is_late
from jobs.ledger import first_mile
from web.context import here

pages = Blueprint("hub", __name__)


@pages.get("/hub")
def index() -> str:
    """What comes today, what is late, and what comes later."""
    context = here()
    now, today = context.now(), context.today()
    zone = ZoneInfo(context.settings.timezone)
    found = first_mile.open_pickups(context.ledger.reading)
    late = [each for each in found if is_late(each.state, each.ready_at, now)]
    soon = [each for each in found if comes_today(each.state, each.ready_at, today, zone)]
    return render_template(
        "hub.html",
        late=late,
        today=[each for each in soon if each not in late],
        later=[each for each in found if each not in soon],
    )
