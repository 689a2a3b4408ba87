"""What would be of an order if workshops, printers, its day or its priority were others; nothing is changed."""

from __future__ import annotations

import threading
from datetime import date

from flask import Blueprint, render_template, request

from firmware_profiles.loader import all_machines
from jobs.coordinator.whatif import Difference, difference
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import labs, views
from jobs.model import OrderState, Priority
from web.context import Context, here
from web.forms import Form
from web.language import gettext as _
from web.plans import shares
from web.states import PRIORITIES

pages = Blueprint("what_if", __name__)

#: So many workshops are seen and so many can be ticked, those with most pieces first; so many are told of
#: at once.
_FEW_LABS, _MOST_LABS, _AT_ONCE = 6, 60, 12
_MOST_PRINTERS = 100
#: Two plans of everything take seconds: one question at a time.
_asking = threading.Lock()


@pages.get("/orders/<order_id>/what-if")
def ask(order_id: str) -> str | tuple[str, int]:
    """A form, and under it the plan as it is and as it would be."""
    context = here()
    db = context.ledger.reading
    view = views.order_view(db, order_id)
    names = {node.id: node.lab for node in labs.fleet(db)}
    form, without = Form(request.args), request.args.getlist("without")
    found, trouble = None, ""
    if request.args.keys() & {"without", "many", "due", "release", "priority"}:
        found, trouble = _answer(context, order_id, form, without)
    makers = [lab for lab in shares(view).labs if lab.until][:_MOST_LABS]
    page = render_template(
        "what_if.html",
        order=view.order,
        can_ask=view.order.state is OrderState.CONFIRMED,
        form=form,
        priorities=[
            ("", _("as it is")),
            *((str(each), words) for each, words in PRIORITIES.items()),
        ],
        without=without,
        makers=makers,
        machines=[(each.name, each.title) for each in all_machines()],
        labs=names,
        found=found,
        trouble=trouble,
        touched=_touched(found, names),
        at_once=_AT_ONCE,
        few=_FEW_LABS,
        today=context.today(),
    )
    return (page, 422) if form.errors else page


def _answer(
    context: Context, order_id: str, form: Form, without: list[str]
) -> tuple[Difference | None, str]:
    """Return the two plans; else, where nothing typed is wrong, what is the matter."""
    many = form.whole("many", 0, _MOST_PRINTERS) if form["many"].strip() else 0
    plus = []
    if many:
        plus = [f"{many}x{form.choice('preset', {each.name for each in all_machines()})}"]
    due: date | None = form.day("due", context.today()) if form["due"].strip() else None
    release = form.day("release", context.today()) if form["release"].strip() else None
    other = form.choice("priority", set(Priority)) if form["priority"] else ""
    if not form.good:
        return None, ""
    priority = Priority(other) if other else None
    if not (without or plus or due or priority or release):
        return None, _("Say first what would be otherwise.")
    if not _asking.acquire(blocking=False):
        return None, _("Somebody else is asking just now; ask again in a moment.")
    try:
        return difference(
            context.ledger, context.library.folder, order_id, without, plus, due, context.now(),
            context.settings.hub_place, priority, release,
        ), ""  # fmt: skip
    except NotFoundError as error:
        if error.kind != "lab":
            raise
        return None, _("There is no workshop %(lab)s here any more.", lab=error.key)
    except RefusedError:
        return None, _("Nothing of it is left to be printed: no plan can change it.")
    finally:
        _asking.release()


def _touched(found: Difference | None, names: dict[str, str]) -> list[tuple[str, int, int]]:
    """Return whose pieces would be others: (lab, now, then), the greatest difference first."""
    if found is None:
        return []
    before, after = dict(found.now.pieces_of), dict(found.then.pieces_of)
    rows = [(names.get(lab, lab), before.get(lab, 0), after.get(lab, 0)) for lab in found.touched]
    return sorted(rows, key=lambda row: (-abs(row[2] - row[1]), row[0]))
