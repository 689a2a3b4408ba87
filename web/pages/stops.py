"""Stopping a print: its own maker or a steward asks, the node says when it has stopped."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import nodes
from jobs.ledger import history, labs, views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import STOPPABLE, TO_HARVEST
from jobs.model import AttemptRef
from printers.model import MANUAL
from web.auth import me, only_at
from web.context import here
from web.feeds import WHOLE, Feed
from web.forms import STOP_REASONS, Form, attempt_ref, stop_from
from web.streaming import stream

pages = Blueprint("stops", __name__)


@pages.route("/attempts/<ref>/stop", methods=["GET", "POST"])
def ask(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Ask for the stop of a print; the same page then says what became of it.

    With a reason, but for an emergency stop: who has no time to choose one gives none.
    """
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if request.method == "GET":
        return _page(found, Form())
    form = Form(request.form)
    at_once = form["how"] == "at-once"
    reason = stop_from(form, asked=not at_once)
    if not form.good:
        return _page(found, form), 422
    # Ended meanwhile: the page says how.
    if found.state in STOPPABLE:
        nodes.request_cancel(
            context.ledger, found.ref, reason, me().login, context.now(), at_once=at_once
        )
    return redirect(url_for(".ask", ref=ref), 303)


@pages.get("/attempts/<ref>/stop/live")
def live(ref: str) -> Response:
    """Tell the open page that the print has stopped."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    return stream(_feed(found.ref))


def _feed(ref: AttemptRef) -> Feed:
    ledger = here().ledger

    def look() -> dict[str, object]:
        db = ledger.reading
        found = views.attempt(db, ref)
        asked = history.stop_asked(db, found.order_id, ref)
        return {WHOLE: (found.state, labs.node(db, found.node).online, asked)}

    return here().streams.feed(("stop", ref), look)


def _page(found: AttemptView, form: Form) -> str:
    context = here()
    db = context.ledger.reading
    version = _feed(found.ref).refresh()
    order = views.order(db, found.order_id)
    node = labs.node(db, found.node)
    tele = context.live.printer(found.node, found.printer)
    mine = tele is not None and tele.attempt in (str(found.ref), found.ref.name)
    facts = next((p.facts for p in node.printers if p.facts.id == found.printer), None)
    return render_template(
        "stop.html",
        attempt=found,
        part=context.part_title(order.request.revision_id, found.part_id),
        printer=found.printer if facts is None else facts.title,
        by_hand=facts is not None and facts.link == MANUAL,
        online=node.online,
        fraction=tele.fraction_done if tele is not None and mine else None,
        nozzle_c=tele.nozzle_c if tele is not None and node.online else None,
        stoppable=found.state in STOPPABLE,
        countable=found.state in TO_HARVEST,
        asked=history.stop_asked(db, found.order_id, found.ref),
        form=form,
        reasons=STOP_REASONS,
        version=version,
    )
