"""A parcel: its delivery note, and its own page for the hospital, who says there what has arrived."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import deliveries
from jobs.errors import InvalidFieldError
from jobs.ledger import links, parcels, views
from jobs.ledger.given import thanks_of
from jobs.model import BatchState
from web.context import here
from web.documents.delivery_note import draw
from web.documents.parcel_facts import note_of, rule_of
from web.forms import Form, receipt_from

pages = Blueprint("deliveries", __name__)

_REQUESTER = "requester"


@pages.get("/batches/<batch_id>/note.pdf")
def note(batch_id: str) -> AnyResponse:
    """The delivery note, for the hub."""
    return _pdf(batch_id)


@pages.get("/d/<batch_id>/<key>/note.pdf")
def parcel_note(batch_id: str, key: str) -> AnyResponse:
    """The delivery note, for whoever holds the parcel's address."""
    links.check(here().ledger.reading, "parcel", batch_id, key)
    return _pdf(batch_id)


def _pdf(batch_id: str) -> AnyResponse:
    found = draw(note_of(here(), batch_id))
    answer = Response(found, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="bon-de-livraison-{batch_id}.pdf"'
    return answer


@pages.get("/d/<batch_id>/<key>")
def parcel(batch_id: str, key: str) -> str:
    """One parcel; whoever holds its address may see it and say what has arrived, and nothing else."""
    return _page(batch_id, key, Form())


def _page(batch_id: str, key: str, form: Form) -> str:
    context = here()
    db = context.ledger.reading
    links.check(db, "parcel", batch_id, key)
    found = parcels.parcel(db, batch_id)
    order = views.order(db, found.batch.order_id)
    revision = context.revision(order.request.revision_id)
    return render_template(
        "parcel.html",
        parcel=found,
        batch=found.batch,
        order=order,
        revision=revision,
        parts={
            lot.part_id: context.part_title(order.request.revision_id, lot.part_id)
            for lot in found.batch.lots
        },
        rule=rule_of(context, found),
        hub_contact=context.settings.hub_contact,
        thanks=thanks_of(db, order.id).get(batch_id),
        most_thanks=deliveries.MOST_THANKS,
        most_reason=deliveries.MOST_REASON,
        key=key,
        form=form,
    )


@pages.post("/d/<batch_id>/<key>/received")
def receive(batch_id: str, key: str) -> AnyResponse | tuple[str, int]:
    """The hospital has counted the parcel in."""
    context = here()
    links.check(context.ledger.reading, "parcel", batch_id, key)
    batch = views.batch(context.ledger.reading, batch_id)
    form = Form(request.form)
    count = receipt_from(form, sum(lot.pieces for lot in batch.lots))
    if form.good and batch.state is not BatchState.RECEIVED:  # pressed twice: the first has counted
        try:
            deliveries.receive(context.ledger, batch_id, count, _REQUESTER, context.now())
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(batch_id, key, form), 422
    return redirect(url_for(".parcel", batch_id=batch_id, key=key), 303)
