"""An offer that its maker answers herself: she takes the plate, or says in a word why not."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import nodes
from jobs.ledger import labs, views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from web.auth import me, only_at
from web.context import here
from web.forms import REFUSALS, Form, attempt_ref, refusal_from

pages = Blueprint("offers", __name__)


@pages.route("/offers/<ref>", methods=["GET", "POST"])
def answer(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Take or decline; the node says what becomes of it."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if request.method == "GET":
        return _page(found, Form())
    form = Form(request.form)
    taken = form.choice("taken", ("yes", "no")) == "yes"
    reason = "" if taken else refusal_from(form)
    if not form.good:
        return _page(found, form), 422
    if _is_open(found):
        nodes.decide(context.ledger, found.ref, reason, me().login, context.now(), taken=taken)
        return redirect(url_for("people.waiting"), 303)
    # Sent twice, or taken back meanwhile: the page shows what became of it.
    return redirect(url_for(".answer", ref=ref), 303)


def _is_open(found: AttemptView) -> bool:
    return found.state is AttemptState.OFFERED and not labs.is_answered(
        here().ledger.reading, found.ref
    )


def _page(found: AttemptView, form: Form) -> str:
    context = here()
    db = context.ledger.reading
    order = views.order(db, found.order_id)
    facts = labs.printers(db).get((found.node, found.printer))
    return render_template(
        "offer.html",
        attempt=found,
        order=order,
        part=context.part_title(order.request.revision_id, found.part_id),
        printer=facts.title if facts else found.printer,
        open=_is_open(found),
        form=form,
        refusals=REFUSALS,
    )
