"""The steward's orders: confirm, see who makes what and why, pack, dispatch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import Revision
from jobs.coordinator import claims, deliveries, harvests, needs, orders
from jobs.doubles import Double, doubles
from jobs.errors import InvalidFieldError
from jobs.hub import kit_of
from jobs.law import Books
from jobs.ledger import bought, given, history, labs, parcels, reviews, views
from jobs.ledger import needs as needed
from jobs.ledger.books import books
from jobs.ledger.packing import Lies
from jobs.ledger.views import AttemptView, OrderView
from jobs.lifecycle import LIVE, MAY_HAVE_STARTED, STOPPABLE, UNGRANTED, AttemptState
from jobs.live import Live
from jobs.messages import PrinterTele
from jobs.model import AttemptRef, BatchState, Order, OrderState, Priority, Role
from jobs.order_facts import facts_in
from web.auth import me, safe_next
from web.context import here
from web.feeds import WHOLE, Feed
from web.forms import Form, attempt_ref, need_from
from web.language import gettext as _
from web.language import ngettext
from web.order_facts import LABELS, facts_from
from web.plan_page import plan_facts
from web.progress import steps
from web.streaming import stream
from web.titles import own_title

pages = Blueprint("orders", __name__)

_OVER = (OrderState.REFUSED, OrderState.CANCELLED)


@pages.get("/orders")
def index() -> str:
    """All orders, the newest first."""
    context = here()
    by_order: dict[str, list[Books]] = {}
    for each in books(context.ledger.reading):
        by_order.setdefault(each.order_id, []).append(each)
    found = views.orders(context.ledger.reading)
    return render_template(
        "orders.html",
        rows=[
            (o, steps(o, lines), lines) for o in found for lines in [tuple(by_order.get(o.id, ()))]
        ],
        titles={r.id: own_title(r.title) for r in context.library.revisions()},
    )


def _tele(live: Live, attempt: AttemptView) -> PrinterTele | None:
    """Return what an attempt's printer tells of it now."""
    tele = live.printer(attempt.node, attempt.printer)
    return (
        tele if tele is not None and tele.attempt in (str(attempt.ref), attempt.ref.name) else None
    )


def _feed(order_id: str) -> Feed:
    context = here()

    def look() -> dict[str, object]:
        db = context.ledger.reading
        told = []
        for attempt in views.attempts_of(db, order_id):
            tele = _tele(context.live, attempt) if attempt.state in STOPPABLE else None
            if tele is not None:
                told.append((attempt.ref, round(100 * (tele.fraction_done or 0))))
        return {WHOLE: (history.last_event(db, order_id), told)}

    return context.streams.feed(("order", order_id), look)


def _may_write_off(db: sqlite3.Connection, attempt: AttemptView) -> bool:
    if attempt.state not in MAY_HAVE_STARTED or attempt.granted_at is None:
        return False
    return attempt.state is not AttemptState.GRANTED or not harvests.grant_left_s(db, attempt.ref)


def _link(order_id: str) -> str:
    """Return the address by which the requester follows an order."""
    context = here()
    path = url_for("requesters.follow", link=orders.link_of(context.ledger, order_id))
    return context.settings.public_url + path


def _page(
    order_id: str,
    refusal: Form,
    need_form: Form | None = None,
    more: Form | None = None,
    hold_form: Form | None = None,
) -> str:
    context = here()
    views.order(context.ledger.reading, order_id)
    version = _feed(order_id).refresh()  # first: what comes in between is shown again
    view = views.order_view(context.ledger.reading, order_id)
    order = view.order
    revision = context.revision(order.request.revision_id)
    db = context.ledger.reading
    return render_template(
        "order.html",
        view=view,
        order=order,
        revision=revision,
        parts={p.id: p for p in revision.made} if revision else {},
        titles={p.id: own_title(p.title) for p in revision.made} if revision else {},
        **plan_facts(view, revision, labs.fleet(db), context, request.args.get("lab", "")),
        steps=()
        if order.state in _OVER
        else steps(order, _books(view), bought.packed(db, order_id)),
        at_work=[a for a in view.attempts if a.state in MAY_HAVE_STARTED],
        not_started=[a for a in view.attempts if a.state in UNGRANTED],
        over=[a for a in view.attempts if a.state not in LIVE],
        tele={str(a.ref): _tele(context.live, a) for a in view.attempts},
        lost={a.ref for a in view.attempts if _may_write_off(db, a)},
        link=_link(order_id) if me().role is Role.STEWARD else "",
        thanks=given.thanks_of(db, order_id),
        unreviewed=revision is not None
        and order.state is OrderState.ASKED
        and reviews.lacks_breathing_review(db, revision, context.today()),
        withdrawn=reviews.withdrawal(db, order.request.revision_id),
        refusal=refusal,
        need=needed.need(db, order_id),
        doubles=_doubles(order) if me().role is Role.STEWARD else (),
        need_form_typed=need_form or Form(),
        facts=(said := facts_in(order.request.note))[0],
        words=said[1],
        labels=LABELS,
        more=more or Form(said[0]),
        ranked=Form({"priority": order.priority}),
        set_back=views.pieces_set_back(db, order_id),
        held=hold_form or Form({"release": order.release.isoformat()} if order.release else {}),
        waits=order.release is not None and order.release > context.today(),
        today=context.today(),
        version=version,
        **_packing(db, view, revision, context.now()),
    )


def _packing(
    db: sqlite3.Connection, view: OrderView, revision: Revision | None, now: datetime
) -> dict[str, object]:
    """Return what is to be packed, and what goes and has gone along in parcels, by the names of the page."""
    to_pack = deliveries.to_pack(db, view.order.id, now)
    kit = kit_of(revision) if revision else None
    return {
        "to_pack": to_pack,
        "to_add": bought.along(db, kit, _pieces(to_pack)) if kit else {},
        "boxes": _boxes(db),
        "along": {b.id: bought.boxes_in(db, b.id) for b in view.batches},
        "batch_kits": {b.id: bought.kits_in(db, b.id, kit) for b in view.batches} if kit else {},
        "barred": {
            b.id for b in view.batches if b.state is BatchState.PACKED and parcels.barrier(db, b.id)
        },
    }


def _pieces(bags: Iterable[Lies]) -> dict[str, int]:
    """Return the pieces of bags by part."""
    found: dict[str, int] = {}
    for bag in bags:
        found[bag.part_id] = found.get(bag.part_id, 0) + bag.pieces
    return found


def _boxes(db: sqlite3.Connection) -> dict[str, list[tuple[str, str]]]:
    """Return out of which boxes bought parts may be taken, the oldest first, by item, as a form offers them.

    None where nobody has typed a lot of it.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    here_now = [box for box in bought.boxes(db) if box.pieces and not box.called]
    with_lots = {box.item for box in here_now if box.lot}
    for box in here_now:
        if box.item in with_lots:
            name = _("lot %(lot)s", lot=box.lot) if box.lot else _("without a lot number")
            found.setdefault(box.item, []).append(
                (
                    box.lot,
                    ngettext(
                        "%(name)s: %(num)s piece", "%(name)s: %(num)s pieces", box.pieces, name=name
                    ),
                )
            )
    return found


def _doubles(order: Order) -> tuple[Double, ...]:
    """Return what may have been asked twice; who asks sees nothing of it."""
    if order.state not in (OrderState.ASKED, OrderState.CONFIRMED):
        return ()
    context = here()
    designs = {r.id: r.design for r in context.library.revisions()}
    return doubles(order, views.orders(context.ledger.reading), designs)


def _books(view: OrderView) -> tuple[Books, ...]:
    return tuple(line.books for line in view.lines)


@pages.get("/orders/<order_id>")
def show(order_id: str) -> str:
    """One order with everything about it."""
    return _page(order_id, Form())


@pages.get("/orders/<order_id>/live")
def live(order_id: str) -> Response:
    """Tell the open page that its order has moved."""
    context = here()
    views.order(context.ledger.reading, order_id)
    return stream(_feed(order_id))


def _back(order_id: str) -> AnyResponse:
    target = request.form.get("next")
    return redirect(safe_next(target) if target else url_for(".show", order_id=order_id), 303)


def _prioritised(order_id: str) -> bool:
    """Keep the priority that was chosen, if one was; return whether it is new."""
    context = here()
    chosen = Form(request.form)["priority"]
    if not chosen:
        return False
    if chosen not in set(Priority):
        abort(422)
    return orders.set_priority(
        context.ledger, order_id, Priority(chosen), me().login, context.now()
    )


@pages.post("/orders/<order_id>/priority")
def prioritise(order_id: str) -> AnyResponse:
    """The steward says what it is worth among others; what nobody was offered is planned anew if that helps."""
    context = here()
    if _prioritised(order_id):
        claims.resplit(context.ledger, context.now(), order_id)
    return _back(order_id)


@pages.route("/orders/<order_id>/not-before", methods=["GET", "POST"])
def hold(order_id: str) -> AnyResponse | tuple[str, int]:
    """The steward says before which day nothing of it is begun; what nobody was offered is planned anew."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".show", order_id=order_id), 303)
    context = here()
    form = Form(request.form)
    day = form.day("release", context.today()) if form["release"].strip() else None
    why = form.text("hold_reason", needed=False)
    if form.good:
        try:
            if orders.set_release(
                context.ledger, order_id, day, me().login, context.now(), reason=why
            ):
                claims.plan_anew(context.ledger, context.now(), order_id)
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(order_id, Form(), hold_form=form), 422
    return _back(order_id)


@pages.post("/orders/<order_id>/confirm")
def confirm(order_id: str) -> AnyResponse:
    """The requester is who she says: make it."""
    context = here()
    _prioritised(order_id)
    revision = context.revision(views.order(context.ledger.reading, order_id).request.revision_id)
    orders.confirm(context.ledger, order_id, me().login, context.now(), revision=revision)
    if views.order(context.ledger.reading, order_id).priority is not Priority.NORMAL:
        claims.resplit(context.ledger, context.now(), order_id)
    return _back(order_id)


@pages.post("/orders/<order_id>/refuse")
def refuse(order_id: str) -> AnyResponse | tuple[str, int]:
    """The network will not make it; the requester reads why."""
    context = here()
    form = Form(request.form)
    reason = form.text("reason")
    if not form.good:
        return _page(order_id, form), 422
    orders.refuse(context.ledger, order_id, reason, me().login, context.now())
    return _back(order_id)


@pages.post("/orders/<order_id>/trial")
def trial(order_id: str) -> AnyResponse:
    """It is made to try the network out, and counted nowhere; or it is a real one after all."""
    context = here()
    wanted = Form(request.form)["trial"] == "yes"
    orders.mark_trial(context.ledger, order_id, me().login, context.now(), trial=wanted)
    return _back(order_id)


@pages.route("/orders/<order_id>/facts", methods=["GET", "POST"])
def complete(order_id: str) -> AnyResponse | tuple[str, int]:
    """The steward writes down what else the hospital said."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".show", order_id=order_id), 303)
    context = here()
    form = Form(request.form)
    facts = facts_from(form)
    if form.good:
        try:
            orders.complete(context.ledger, order_id, facts, me().login, context.now())
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(order_id, Form(), more=form), 422
    return _back(order_id)


@pages.route("/orders/<order_id>/need", methods=["GET", "POST"])
def need(order_id: str) -> AnyResponse | tuple[str, int]:
    """The steward writes down what the requester still needs."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".show", order_id=order_id), 303)
    context = here()
    order = views.order(context.ledger.reading, order_id)
    form = Form(request.form)
    kits = need_from(form, order.request.kits)
    reason = form.text("reason", needed=False)
    if not form.good:
        return _page(order_id, Form(), form), 422
    needs.answer(context.ledger, order_id, kits, me().login, context.now(), reason)
    return _back(order_id)


@pages.post("/orders/<order_id>/pack")
def pack(order_id: str) -> AnyResponse:
    """Put the accepted lots into one batch."""
    context = here()
    order = views.order(context.ledger.reading, order_id)
    revision = context.revision(order.request.revision_id)
    kit = kit_of(revision) if revision else None
    form = Form(request.form)
    boxes = {
        item: form[f"box_{number}"]
        for number, item in enumerate(kit.bought if kit else (), 1)
        if f"box_{number}" in request.form
    }
    deliveries.pack(context.ledger, order_id, me().login, context.now(), kit, boxes)
    return _back(order_id)


@pages.post("/batches/<batch_id>/dispatch")
def dispatch(batch_id: str) -> AnyResponse:
    """A batch has left the hub."""
    context = here()
    batch = views.batch(context.ledger.reading, batch_id)
    if batch.state is BatchState.PACKED:  # pressed twice: it has left with the first
        deliveries.dispatch(context.ledger, batch_id, me().login, context.now())
    return _back(batch.order_id)


@pages.post("/batches/<batch_id>/thanks")
def hide_thanks(batch_id: str) -> AnyResponse:
    """Keep a requester's word from the labs, or show it to them again."""
    context = here()
    batch = views.batch(context.ledger.reading, batch_id)
    hidden = Form(request.form)["hidden"] == "yes"
    deliveries.hide_thanks(context.ledger, batch_id, me().login, context.now(), hidden=hidden)
    return _back(batch.order_id)


def _of_order(ref: AttemptRef) -> str:
    return views.attempt(here().ledger.reading, ref).order_id


@pages.post("/attempts/<ref>/write-off")
def write_off(ref: str) -> AnyResponse:
    """Give an attempt up that will not come back."""
    context = here()
    found = attempt_ref(ref)
    reason = Form(request.form).text("reason")
    harvests.write_off(context.ledger, found, reason, me().login, context.now())
    return _back(_of_order(found))
