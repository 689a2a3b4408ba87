"""Parcels: how they leave, a driver's run, the delivery note, and the page where a hospital counts.

Leaves packing to the pages of orders.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.carriers import track_link
from jobs.coordinator import complaints as complaining
from jobs.coordinator import deliveries
from jobs.coordinator import runs as run_leaves
from jobs.coordinator.couriers import Carrier, Courier, HandPickUp
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger import bought, complaints, links, parcels, recalls, runs, views
from jobs.ledger.given import thanks_of
from jobs.ledger.parcels import Parcel
from jobs.model import BatchState, StopOutcome
from web import photos
from web.auth import me
from web.context import here
from web.forms import Form, clock_from, receipt_from, stops_from
from web.hub_forms import photos_from
from web.language import Speech, language
from web.language import gettext as _

pages = Blueprint("deliveries", __name__)

_REQUESTER = "requester"


@pages.get("/deliveries")
def index() -> str:
    """What is to be handed over, and what is on its way."""
    db = here().ledger.reading
    typed = {"day": here().today().isoformat()}
    ready = [
        each.batch.id
        for each in parcels.under_way(db)
        if each.batch.state is BatchState.PACKED and not parcels.barrier(db, each.batch.id)
    ]
    if len(ready) == 1:  # there is no order of stops to think of
        typed[f"stop_{ready[0]}"] = "1"
    return _all(Form(typed), "run")


def _all(form: Form, form_of: str) -> str:
    """Return the page of all parcels; `form_of` names the form that was filled: a batch, or "run"."""
    context = here()
    db = context.ledger.reading
    found = parcels.under_way(db)
    lost = parcels.lost(db)
    orders = {each.batch.order_id: views.order(db, each.batch.order_id) for each in (*found, *lost)}
    return render_template(
        "deliveries.html",
        packed=[each for each in found if each.batch.state is BatchState.PACKED],
        gone=[each for each in found if each.batch.state is BatchState.DISPATCHED],
        lost=lost,
        orders=orders,
        barriers={each.batch.id: parcels.barrier(db, each.batch.id) for each in found},
        back={each.batch.id: runs.brought_back(db, each.batch.id) for each in found},
        runs=[(run, run_url(run.id), run.is_over(context.now())) for run in runs.open_runs(db)],
        today=context.today(),
        carriers=[each.name for each in context.settings.carriers],
        links={each.batch.id: link_of(each) for each in found},
        form=form,
        form_of=form_of,
    )


def link_of(parcel: Parcel) -> str:
    """Return where a parcel can be followed at its carrier, "" where nobody has set that."""
    return track_link(here().settings.carriers, parcel.carrier, parcel.tracking)


def run_url(run_id: str) -> str:
    """Return the secret address of a driver's run."""
    key = links.key_of(here().ledger.reading, "run", run_id)
    return here().settings.public_url + url_for(".run", run_id=run_id, key=key)


def _go(batch_id: str, courier: Courier, form: Form) -> AnyResponse | tuple[str, int]:
    context = here()
    batch = views.batch(context.ledger.reading, batch_id)
    if batch.state is BatchState.PACKED:  # pressed twice: it has left with the first
        try:
            deliveries.dispatch(context.ledger, batch_id, me().login, context.now(), courier)
        except InvalidFieldError as error:
            form.wrong(error.field, _wrong(error))
            return _all(form, batch_id), 422
    return redirect(url_for(".index"), 303)


def _wrong(error: InvalidFieldError) -> str:
    match error.field:
        case "tracking":
            return _("Please write the number as it stands on the slip.")
        case "driver" | "carrier" | "name" | "reason":
            return _("Please fill this in, with 100 letters at most.")
        case "to":
            return _("The end is before the beginning.")
        case "day":
            return _("This day has passed.")
        case _:
            return error.why


@pages.post("/batches/<batch_id>/hand")
def hand(batch_id: str) -> AnyResponse | tuple[str, int]:
    """Somebody has fetched a parcel."""
    form = Form(request.form)
    return _go(batch_id, HandPickUp(name=form["name"]), form)


@pages.post("/batches/<batch_id>/carrier")
def carrier(batch_id: str) -> AnyResponse | tuple[str, int]:
    """A carrier has fetched a parcel."""
    form = Form(request.form)
    name, number = form["carrier"], form["tracking"]
    link = track_link(here().settings.carriers, name, number)
    return _go(batch_id, Carrier(name=name, tracking=number, link=link), form)


@pages.post("/batches/<batch_id>/back")
def come_back(batch_id: str) -> AnyResponse | tuple[str, int]:
    """The hub has a parcel again that had left."""
    context, form = here(), Form(request.form)
    reason = form.text("reason", deliveries.MOST_REASON)
    if not form.good:
        return _all(form, batch_id), 422
    deliveries.come_back(context.ledger, batch_id, reason, me().login, context.now())
    return redirect(url_for(".index"), 303)


@pages.post("/batches/<batch_id>/lost")
def lose(batch_id: str) -> AnyResponse | tuple[str, int]:
    """A parcel was lost on its way: its pieces are made again."""
    context, form = here(), Form(request.form)
    reason = form.text("lost_reason", deliveries.MOST_REASON)
    if not form.good:
        return _all(form, batch_id), 422
    deliveries.lose(context.ledger, batch_id, reason, me().login, context.now())
    return redirect(url_for(".index"), 303)


@pages.post("/deliveries/runs")
def new_run() -> AnyResponse | tuple[str, int]:
    """A volunteer takes parcels along."""
    context, form = here(), Form(request.form)
    packed = [
        each.batch.id
        for each in parcels.under_way(context.ledger.reading)
        if each.batch.state is BatchState.PACKED
    ]
    batches = stops_from(form, packed)
    driver, day = form.text("driver", 100), form.day("day", context.today())
    start, end = clock_from(form, "from"), clock_from(form, "to")
    if form.good:
        try:
            made = run_leaves.leave(
                context.ledger, driver=driver, day=day, start=start, end=end,
                zone=ZoneInfo(context.settings.timezone), batches=batches, by=me().login,
                now=context.now(),
            )  # fmt: skip
        except InvalidFieldError as error:
            form.wrong(error.field, _wrong(error))
    if not form.good:
        return _all(form, "run"), 422
    return redirect(url_for(".index") + f"#run-{made}", 303)


# --- the driver's page


@pages.get("/r/<run_id>/<key>")
def run(run_id: str, key: str) -> str:
    """A driver's run: whoever holds its address reads where to go, until it is over."""
    return _run_page(run_id, key, Form(), 0)


def _run_page(run_id: str, key: str, form: Form, form_of: int) -> str:
    context = here()
    links.check(context.ledger.reading, "run", run_id, key)
    found = runs.run(context.ledger.reading, run_id)
    return render_template(
        "run.html",
        run=found,
        called={stop.batch_id for stop in found.stops if _is_called(stop.batch_id)},
        over=found.is_over(context.now()),
        hub_contact=context.settings.hub_contact,
        hub_address=context.settings.hub_address,
        key=key,
        form=form,
        form_of=form_of,
    )


def _is_called(batch_id: str) -> bool:
    """Return whether a parcel on its way holds a bag that is called back."""
    db = here().ledger.reading
    try:
        return bool(recalls.in_batch(db, views.batch(db, batch_id)))
    except NotFoundError:  # it came back, and was unpacked
        return False


@pages.post("/r/<run_id>/<key>/<int:number>")
def stop(run_id: str, key: str, number: int) -> AnyResponse | tuple[str, int]:
    """The driver says what became of a stop."""
    context = here()
    links.check(context.ledger.reading, "run", run_id, key)
    form = Form(request.form)
    outcome = form.choice("outcome", tuple(StopOutcome))
    reason = form.text("reason", run_leaves.MOST_REASON, needed=outcome == StopOutcome.REFUSED)
    if not form.good:
        return _run_page(run_id, key, form, number), 422
    run_leaves.say(context.ledger, run_id, number, StopOutcome(outcome), reason, context.now())
    return redirect(url_for(".run", run_id=run_id, key=key), 303)


# --- paper


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
    # With the first note: fonts and PDF take half a second to come.
    from web.documents.delivery_note import draw  # noqa: PLC0415
    from web.documents.parcel_facts import note_of  # noqa: PLC0415

    found = draw(note_of(here(), batch_id))
    answer = Response(found, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="bon-de-livraison-{batch_id}.pdf"'
    return answer


@pages.get("/batches/<batch_id>/address.pdf")
def address(batch_id: str) -> AnyResponse:
    """The address for the parcel itself, on A6."""
    from web.documents.address_label import draw  # noqa: PLC0415  # as above
    from web.documents.parcel_facts import address_of  # noqa: PLC0415

    found = draw(address_of(here(), batch_id), Speech(language()))
    answer = Response(found, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="adresse-{batch_id}.pdf"'
    return answer


@pages.get("/d/<batch_id>/<key>")
def parcel(batch_id: str, key: str) -> str:
    """One parcel; whoever holds its address may see it and say what has arrived, and nothing else."""
    return _page(batch_id, key, Form())


def _page(batch_id: str, key: str, form: Form, complaint: Form | None = None) -> str:
    from web.documents.parcel_facts import rule_of, sums_of  # noqa: PLC0415  # as above

    context = here()
    db = context.ledger.reading
    links.check(db, "parcel", batch_id, key)
    found = parcels.parcel(db, batch_id)
    order = views.order(db, found.batch.order_id)
    revision = context.revision(order.request.revision_id)
    return render_template(
        "parcel.html",
        parcel=found,
        track=link_of(found),
        batch=found.batch,
        called=recalls.in_batch(db, found.batch),
        bought=bought.boxes_in(db, batch_id),
        more=sum(each.more for each in sums_of(context, found, {})),
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
        complaint=complaint or Form(),
        complaints=complaints.of_batch(db, batch_id),
        lot_choices=[(lot.lot, f"{lot.lot} ({lot.pieces})") for lot in found.batch.lots],
        most_text=complaining.MOST_TEXT,
        most_photos=complaining.MOST_PHOTOS,
    )


@pages.url_value_preprocessor
def _allow_photos(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Let photos be as large as telephones make them, before anything reads the form."""
    if endpoint == "deliveries.complain":
        request.max_content_length = complaining.MOST_PHOTOS * photos.MOST_BYTES + (1 << 20)


@pages.post("/d/<batch_id>/<key>/complaint")
def complain(batch_id: str, key: str) -> AnyResponse | tuple[str, int]:
    """The hospital says what is wrong, with photos."""
    context = here()
    links.check(context.ledger.reading, "parcel", batch_id, key)
    batch = views.batch(context.ledger.reading, batch_id)
    form = Form(request.form)
    text = form.text("text", complaining.MOST_TEXT)
    lot = form.choice("lot", {"", *(each.lot for each in batch.lots)})
    sent = {each.lot: each.pieces for each in batch.lots}
    pieces = form.whole("pieces", 0, sent.get(lot, sum(sent.values()))) if form["pieces"] else 0
    pictures = photos_from(form, complaining.MOST_PHOTOS)
    if not form.good:
        return _page(batch_id, key, Form(), form), 422
    complaining.complain(
        context.ledger, batch_id, text=text, lot_code=lot, pieces=pieces, photos=pictures,
        now=context.now(),
    )  # fmt: skip
    return redirect(url_for(".parcel", batch_id=batch_id, key=key) + "#wrong", 303)


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
