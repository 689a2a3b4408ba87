"""Counting what came off a bed, on a telephone beside the printer."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import harvests
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import TO_HARVEST, AttemptState
from web.auth import me, only_at
from web.context import here
from web.forms import SCRAP_REASONS, Form, attempt_ref, harvest_from

pages = Blueprint("harvests", __name__)

_COUNTABLE = TO_HARVEST | {AttemptState.WRITTEN_OFF}


@pages.route("/harvest/<ref>", methods=["GET", "POST"])
def count(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Count good and scrap; afterwards the same page shows the lot's code."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if request.method == "GET":
        whole = found.state is AttemptState.PRINTED
        typed = {"good": str(found.pieces if whole else 0), "scrap": "0"}
        return _page(found, Form(typed))
    form = Form(request.form)
    good, scrap, reason = harvest_from(form, found.pieces)
    if form.good:
        try:
            harvests.harvest(
                context.ledger, found.ref, good, scrap, reason, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
        except RefusedError:
            # Counted while this page was open: the page shows what was counted.
            if views.attempt(context.ledger.reading, found.ref).state is not AttemptState.HARVESTED:
                raise
    if not form.good:
        return _page(found, form), 422
    return redirect(url_for(".count", ref=ref), 303)


def _page(found: AttemptView, form: Form) -> str:
    context = here()
    title = next(
        (
            printer.facts.title
            for node in views.fleet(context.ledger.reading)
            for printer in node.printers
            if (node.id, printer.facts.id) == (found.node, found.printer)
        ),
        found.printer,
    )
    order = views.order(context.ledger.reading, found.order_id)
    revision = context.revision(order.request.revision_id)
    parts = {} if revision is None else {part.id: part.title for part in revision.parts}
    return render_template(
        "harvest.html",
        attempt=found,
        part=parts.get(found.part_id, found.part_id),
        printer=title,
        countable=found.state in _COUNTABLE,
        form=form,
        reasons=SCRAP_REASONS,
        most=found.pieces * 10,
    )
