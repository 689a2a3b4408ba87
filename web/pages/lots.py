"""A lot: what anybody who holds the bag may read, and its inspection."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import lots
from jobs.errors import InvalidFieldError
from jobs.ledger import labs, views
from jobs.ledger.views import LotView
from jobs.quality import MAJOR, WHOLE, sampling_plan
from web.auth import me
from web.context import here
from web.forms import Form, inspection_from

pages = Blueprint("lots", __name__)


@pages.get("/l/<code>")
def show(code: str) -> str:
    """A lot without any personal data."""
    found = views.lot(here().ledger.reading, code)
    return _page(found, Form({"accepted": str(found.good), "rejected": "0"}))


@pages.post("/l/<code>")
def inspect(code: str) -> AnyResponse | tuple[str, int]:
    """Record the verdict on every piece."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    form = Form(request.form)
    accepted, rejected, reason = inspection_from(form, found.good)
    if form.good:
        try:
            lots.inspect(
                context.ledger, found.code, accepted, rejected, reason, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(found, form), 422
    return redirect(url_for(".show", code=found.code), 303)


def _page(found: LotView, form: Form) -> str:
    context = here()
    revision = context.revision(found.revision_id)
    parts = {} if revision is None else {part.id: part.title for part in revision.parts}
    title = next(
        (
            printer.facts.title
            for node in labs.fleet(context.ledger.reading)
            for printer in node.printers
            if (node.id, printer.facts.id) == (found.attempt.node, found.attempt.printer)
        ),
        found.attempt.printer,
    )
    return render_template(
        "lot.html",
        lot=found,
        sample=sampling_plan(found.good, MAJOR) if found.good > WHOLE else None,
        revision=revision,
        part=parts.get(found.attempt.part_id, found.attempt.part_id),
        printer=title,
        form=form,
    )
