"""Counting what came off a bed, on a telephone beside the printer."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import harvests
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import labs, views
from jobs.ledger.views import AttemptView
from jobs.lifecycle import TO_HARVEST, AttemptState
from printers.model import MANUAL, PrinterFacts
from web.auth import me, only_at
from web.beds import outlines
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
        whole = found.state in (AttemptState.PRINTED, AttemptState.PRINTING)
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


@pages.get("/attempts/<ref>/gcode")
def gcode(ref: str) -> Response | tuple[str, int]:
    """The file for an SD card, under a name that a person finds on it."""
    context = here()
    found = views.attempt(context.ledger.reading, attempt_ref(ref))
    only_at(found.node)
    if not _by_hand(found, _facts(found)):
        raise RefusedError(f"{found.ref} is {found.state}; no file of it is printed by hand now.")
    path = context.gcode_of(found)
    if path is None:
        return _page(found, Form()), 404
    return send_file(
        path, mimetype="text/x.gcode", as_attachment=True, download_name=card_name(found),
        max_age=0,
    )  # fmt: skip


def card_name(attempt: AttemptView) -> str:
    """Return the name of an attempt's file on an SD card."""
    return f"FABNET-{attempt.ref}.gcode"


def _facts(found: AttemptView) -> PrinterFacts | None:
    return labs.printers(here().ledger.reading).get((found.node, found.printer))


def _by_hand(found: AttemptView, facts: PrinterFacts | None) -> bool:
    """Whether a person prints this plate now, from an SD card."""
    manual = facts is not None and facts.link == MANUAL
    return manual and found.state is AttemptState.PRINTING


def _page(found: AttemptView, form: Form) -> str:
    context = here()
    facts = _facts(found)
    by_hand = _by_hand(found, facts)
    order = views.order(context.ledger.reading, found.order_id)
    return render_template(
        "harvest.html",
        attempt=found,
        part=context.part_title(order.request.revision_id, found.part_id),
        printer=facts.title if facts else found.printer,
        facts=facts,
        outlines=outlines(context.library, found, facts) if facts else "",
        by_hand=by_hand,
        sliced=by_hand and context.gcode_of(found) is not None,
        card_name=card_name(found),
        countable=found.state in _COUNTABLE or by_hand,
        form=form,
        reasons=SCRAP_REASONS,
        most=found.pieces * 10,
    )
