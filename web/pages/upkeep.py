"""What was done to a printer, and whether it is out of service: short notes with their day."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import upkeep
from jobs.errors import NotFoundError
from jobs.ledger import labs
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.upkeep import notes
from jobs.messages import OutOfService
from web.auth import me, only_at
from web.context import here
from web.forms import Form

pages = Blueprint("upkeep", __name__)

_STATES = ("", "out", "until", "in")


@pages.route("/labs/<node>/printers/<printer>/upkeep", methods=["GET", "POST"])
def printer(node: str, printer: str) -> str | AnyResponse | tuple[str, int]:
    """The notes on one printer; a new one may take it out of service or put it back."""
    only_at(node)
    context = here()
    lab = labs.node(context.ledger.reading, node)
    found = next((each for each in lab.printers if each.facts.id == printer), None)
    if found is None:
        raise NotFoundError("printer", f"{node}/{printer}")
    if request.method == "GET":
        return _page(lab, found, Form())
    form = Form(request.form)
    out = _out_from(form, lab, printer)
    text = form.text("note", upkeep.MOST_NOTE, needed=out is None)
    if not form.good:
        return _page(lab, found, form), 422
    upkeep.note(context.ledger, node, printer, text, out, me().login, context.now())
    return redirect(url_for(".printer", node=node, printer=printer), 303)


def _out_from(form: Form, lab: NodeView, printer: str) -> OutOfService | None:
    state = form.choice("state", _STATES)
    if not state:
        return None
    until = ""
    if state == "until":
        today = (here().now() + timedelta(minutes=lab.utc_offset_min)).date()
        until = form.day("until", today + timedelta(days=1)).isoformat()
    return OutOfService(printer=printer, out=state != "in", until=until)


def _page(lab: NodeView, found: PrinterView, form: Form) -> str:
    context = here()
    db = context.ledger.reading
    sent = labs.unheard(db, lab.id)
    told = [] if sent is None else [o for o in sent.out_of_service if o.printer == found.facts.id]
    out = told[-1].out if told else found.facts.out_of_service
    return render_template(
        "upkeep.html",
        node=lab,
        printer=found,
        out=out,
        until=(told[-1].until if told else found.facts.out_until) if out else "",
        sent=bool(told),
        notes=notes(db, lab.id, found.facts.id),
        form=form,
        most=upkeep.MOST_NOTE,
    )
