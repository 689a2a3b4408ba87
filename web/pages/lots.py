"""A lot: what anybody who holds the bag may read, and its inspection."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import Revision
from designs.regulation import Profile, profiles
from jobs.coordinator import lots
from jobs.errors import InvalidFieldError
from jobs.ledger import labs, reviews, views
from jobs.ledger.views import LotView
from jobs.quality import MAJOR, WHOLE, sampling_plan
from web.auth import me
from web.context import here
from web.forms import Form, inspection_from
from web.titles import own_title

pages = Blueprint("lots", __name__)

#: What a label is printed on; each has its style sheet.
_PAPERS = ("62", "a4")


@pages.get("/l/<code>")
def show(code: str) -> str:
    """A lot without any personal data."""
    found = views.lot(here().ledger.reading, code)
    return _page(found, Form({"accepted": str(found.good), "rejected": "0"}))


@pages.get("/l/<code>/label")
def label(code: str) -> str:
    """What is stuck on the bag: for a roll of 62 mm, or on A4. It names no person and no workshop."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    revision, part = _names(found)
    paper = request.args.get("paper", "")
    return render_template(
        "label.html",
        lot=found,
        revision=revision,
        part=part,
        paper=paper if paper in _PAPERS else _PAPERS[0],
        url=context.settings.public_url + url_for(".show", code=found.code),
        hub_address=context.settings.hub_address,
        rule=_rule(found.revision_id),
    )


def _rule(revision_id: str) -> Profile | None:
    chosen = reviews.profile_choice(here().ledger.reading, revision_id)
    return None if chosen is None else profiles().get(chosen.profile)


def _names(found: LotView) -> tuple[Revision | None, str]:
    """Return the revision, None when the library has lost it, and what the part is called."""
    revision = here().revision(found.revision_id)
    parts = {} if revision is None else {part.id: own_title(part.title) for part in revision.made}
    return revision, parts.get(found.attempt.part_id, found.attempt.part_id)


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
    revision, part = _names(found)
    title = next(
        (
            printer.facts.title
            for node in labs.fleet(context.ledger.reading)
            for printer in node.printers
            if (node.id, printer.facts.id) == (found.attempt.node, found.attempt.printer)
        ),
        found.attempt.printer,
    )
    order_id = found.attempt.order_id
    held = found.code in reviews.held_lots(context.ledger.reading, order_id)
    return render_template(
        "lot.html",
        held=reviews.withdrawal(context.ledger.reading, found.revision_id) if held else None,
        released=reviews.released(context.ledger.reading, found.code),
        lot=found,
        sample=sampling_plan(found.good, MAJOR) if found.good > WHOLE else None,
        revision=revision,
        part=part,
        printer=title,
        form=form,
    )
