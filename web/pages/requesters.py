"""What a hospital sees: the front page, the request form, and its own order by a secret link."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.carriers import track_link
from jobs.chances import likely
from jobs.coordinator import deliveries, needs, orders, recalls
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger import bought, history, labs, reviews, views
from jobs.ledger import needs as needed
from jobs.ledger.books import books
from jobs.ledger.given import thanks_of
from jobs.ledger.links import key_of
from jobs.ledger.parcels import parcel
from jobs.ledger.recalls import told_to
from jobs.ledger.views import LotView, OrderView
from jobs.lifecycle import LIVE
from jobs.model import BatchState, LotState, Order, OrderState
from web.auth import can
from web.context import here
from web.feeds import WHOLE, Feed
from web.forms import Form, need_from, new_request_key, receipt_from, request_from
from web.language import language
from web.plans import queues
from web.progress import Counts, counts, expected, lab_count, lateness, steps
from web.streaming import stream
from web.titles import own_title

pages = Blueprint("requesters", __name__)

_REQUESTER = "requester"
_OVER = (OrderState.REFUSED, OrderState.CANCELLED)


@pages.get("/")
def home() -> str:
    """What this is, and two buttons."""
    db = here().ledger.reading
    nodes = labs.fleet(db)
    trials = {order.id for order in views.orders(db) if order.request.sandbox}
    return render_template(
        "home.html",
        labs=len({node.lab for node in nodes}),
        printers=sum(len(node.printers) for node in nodes),
        received=sum(b.delivered for b in books(db) if b.order_id not in trials),
    )


@pages.route("/ask", methods=["GET", "POST"])
def ask() -> str | AnyResponse | tuple[str, int]:
    """The request form."""
    context = here()
    secret = context.settings.secret_key
    choices = context.orderable()
    if request.method == "GET":
        form = Form({"request_key": new_request_key(secret)})
        if len(choices) == 1:
            form.typed["revision_id"] = choices[0].id
        return render_template("ask.html", form=form, choices=choices, today=context.today())
    form = Form(request.form)
    asked = request_from(form, {r.id for r in choices}, context.today(), language(), secret)
    sent_before: str | None = None
    if form.good:
        revision = next(r for r in choices if r.id == asked.revision_id)
        now = context.now()
        try:
            placed = orders.place(context.ledger, asked, revision, now)
        except InvalidFieldError as error:
            form.refused(error)
        else:
            kept = orders.by_link(context.ledger, placed.link)
            called = can(
                "orders.confirm"
            )  # a steward writes down what somebody says on the telephone
            # The limit counts it; sent again, or by a steward, it does not.
            g.placed = kept.created_at == now and not called
            if _same(kept, form):
                page = (
                    url_for("orders.show", order_id=kept.id)
                    if called
                    else url_for(".follow", link=placed.link)
                )
                return redirect(page, 303)
            # Sent before, gone back, and changed: what is in the ledger is not what is on the form.
            sent_before = placed.link
    if sent_before or "request_key" in form.errors:
        form.typed["request_key"] = new_request_key(secret)
    page = render_template(
        "ask.html", form=form, choices=choices, today=context.today(), sent_before=sent_before
    )
    return page, 409 if sent_before else 422


def _same(order: Order, form: Form) -> bool:
    kept = order.request
    return (
        kept.revision_id == form["revision_id"]
        and str(kept.kits) == "".join(form["kits"].split()).lstrip("0")
        and kept.due.isoformat() == form["due"].strip()
        and kept.place == form["place"].strip()
    )


def _feed(order_id: str) -> Feed:
    ledger = here().ledger
    return here().streams.feed(
        ("follow", order_id), lambda: {WHOLE: history.last_event(ledger.reading, order_id)}
    )


def _page(link: str, receipt: Form, receipt_of: str) -> str:
    context = here()
    order = orders.by_link(context.ledger, link)
    version = _feed(order.id).refresh()
    view = views.order_view(context.ledger.reading, order.id)
    all_books = tuple(line.books for line in view.lines)
    told = told_to(context.ledger.reading, order.id)
    # All of them, until she says otherwise: that is what she was asked to do.
    asides = {
        recall.id: Form(
            {"set_aside": str(each.pieces if each.set_aside is None else each.set_aside)}
        )
        for recall, each in told
    }
    revision = context.revision(order.request.revision_id)
    db = context.ledger.reading
    inside, all_counts = bought.packed(db, order.id), counts_of(db, view)
    found = {b.id: parcel(db, b.id) for b in view.batches}
    last = expected(view, context.now())
    sure = likely(queues(view, labs.yields(db)), context.now()) if last else None
    return render_template(
        "follow.html",
        order=order,
        revision=revision,
        titles={p.id: own_title(p.title) for p in revision.made} if revision else {},
        link=link,
        url=context.settings.public_url + url_for(".follow", link=link),
        waits=order.release is not None
        and order.release > context.today()
        and not view.lots
        and all(each.state not in LIVE for each in view.attempts),
        steps=()
        if order.state in _OVER
        else steps(order, all_books, inside, sum(each.held for each in all_counts)),
        counts=all_counts,
        sure=sure,
        late=lateness(view, all_counts, sure, context.today()),
        need=needed.need(db, order.id),
        labs=lab_count(view),
        batches=view.batches,
        told=told,
        asides=asides,
        receipt=receipt,
        receipt_of=receipt_of,
        thanks=thanks_of(context.ledger.reading, order.id),
        most_thanks=deliveries.MOST_THANKS,
        parcels=found,
        tracks={
            key: track_link(context.settings.carriers, each.carrier, each.tracking)
            for key, each in found.items()
        },
        parcel_keys={b.id: key_of(context.ledger.reading, "parcel", b.id) for b in view.batches},
        hub_contact=context.settings.hub_contact,
        version=version,
    )


def counts_of(db: sqlite3.Connection, view: OrderView) -> list[Counts]:
    """Return where the pieces of each part of an order are."""
    packed, held = needed.packed(db, view.order.id), reviews.held_lots(db, view.order.id)
    lying = [lot for lot in view.lots if not lot.batches and not lot.recall]

    def pieces(part_id: str, of: Callable[[LotView], int]) -> int:
        return sum(of(lot) for lot in lying if lot.attempt.part_id == part_id)

    return [
        counts(
            books,
            packed.get(books.part_id, 0),
            held=pieces(books.part_id, lambda lot: lot.accepted if lot.code in held else 0),
            here=pieces(books.part_id, lambda lot: lot.pieces if _is_to_inspect(lot) else 0),
        )
        for books in (line.books for line in view.lines)
    ]


def _is_to_inspect(lot: LotView) -> bool:
    """Whether a bag is at the hub, and nobody has inspected it."""
    return lot.state is LotState.WAITING and lot.place.startswith("hub:")


@pages.get("/o/<link>")
def follow(link: str) -> str:
    """The requester's own order; whoever holds the link may see it."""
    return _page(link, Form(), "")


@pages.get("/o/<link>/live")
def follow_live(link: str) -> Response:
    """Tell the open page that its order has moved."""
    return stream(_feed(orders.by_link(here().ledger, link).id))


@pages.post("/o/<link>/received/<batch_id>")
def receive(link: str, batch_id: str) -> AnyResponse | tuple[str, int]:
    """The requester has counted a delivery in."""
    context = here()
    order = orders.by_link(context.ledger, link)
    batch = views.batch(context.ledger.reading, batch_id)
    if batch.order_id != order.id:
        raise NotFoundError("batch", batch_id)
    form = Form(request.form)
    count = receipt_from(form, sum(lot.pieces for lot in batch.lots))
    # Pressed twice: it was received by the first.
    if form.good and batch.state is not BatchState.RECEIVED:
        try:
            deliveries.receive(context.ledger, batch_id, count, _REQUESTER, context.now())
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(link, form, batch_id), 422
    return redirect(url_for(".follow", link=link), 303)


@pages.route("/o/<link>/need", methods=["GET", "POST"])
def need(link: str) -> AnyResponse | tuple[str, int]:
    """The requester still needs all of it, fewer, or none any more."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".follow", link=link), 303)
    context = here()
    order = orders.by_link(context.ledger, link)
    form = Form(request.form)
    kits = need_from(form, order.request.kits)
    if not form.good:
        return _page(link, form, "need"), 422
    needs.answer(context.ledger, order.id, kits, _REQUESTER, context.now())
    return redirect(url_for(".follow", link=link), 303)


@pages.post("/o/<link>/recalled/<recall_id>")
def recalled(link: str, recall_id: str) -> AnyResponse | tuple[str, int]:
    """The requester has read of a recall, and says how many pieces were put aside."""
    context = here()
    order = orders.by_link(context.ledger, link)
    told = {r.id: notice.pieces for r, notice in told_to(context.ledger.reading, order.id)}
    if recall_id not in told:
        raise NotFoundError("recall", recall_id)
    form = Form(request.form)
    aside = form.whole("set_aside", 0, told[recall_id])
    if not form.good:
        return _page(link, form, recall_id), 422
    recalls.acknowledge(context.ledger, recall_id, order.id, aside, _REQUESTER, context.now())
    return redirect(url_for(".follow", link=link), 303)
