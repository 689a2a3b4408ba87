"""A maker who prints by hand asks for a plate now, and reads why none is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import PRINTED
from jobs.coordinator import claims, nodes
from jobs.errors import NotFoundError
from jobs.fleet import begins_at
from jobs.ledger import labs, paces, views
from jobs.ledger.books import books
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import Order, OrderState, Reason, ReasonCode
from printers.model import MANUAL
from web.auth import me, only_at
from web.context import here
from web.feeds import WHOLE, Feed
from web.idle import Hint, of_maker
from web.language import gettext as _
from web.language import moment_words
from web.streaming import stream
from web.words import reason as reason_words

pages = Blueprint("claims", __name__)


@pages.route("/beds/<node>/<printer>", methods=["GET", "POST"])
def bed(node: str, printer: str) -> str | AnyResponse:
    """One printer that a person feeds: its plate, or why there is none."""
    only_at(node)
    context = here()
    lab, found = _bed(context.ledger, node, printer)
    if request.method == "POST":
        if not found.clear and found.attempt is None:
            nodes.printer_ready(context.ledger, node, printer, me().login, context.now())
        claims.claim(context.ledger, node, printer, me().login, context.now())
        return redirect(url_for(".bed", node=node, printer=printer, asked="yes"), 303)
    attempt = found.attempt
    part = ""
    if attempt is not None:
        order = views.order(context.ledger.reading, attempt.order_id)
        part = context.part_title(order.request.revision_id, attempt.part_id)
    return render_template(
        "bed.html",
        node=lab,
        facts=found.facts,
        attempt=attempt,
        part=part,
        in_hand=attempt is not None and attempt.state is AttemptState.PRINTING,
        reasons=list(_why_none(lab, found)) if attempt is None else [],
        asked=request.args.get("asked") == "yes",
        version=_feed(node, printer).refresh(),
    )


@pages.get("/beds/<node>/<printer>/live")
def bed_live(node: str, printer: str) -> Response:
    """Tell the open page that a plate has come."""
    only_at(node)
    _bed(here().ledger, node, printer)
    return stream(_feed(node, printer))


def _bed(ledger: Ledger, node: str, printer: str) -> tuple[NodeView, PrinterView]:
    lab = labs.node(ledger.reading, node)
    found = next((each for each in lab.printers if each.facts.id == printer), None)
    if found is None or found.facts.link != MANUAL:
        raise NotFoundError("printer that is fed by hand", f"{node}/{printer}")
    return lab, found


def _feed(node: str, printer: str) -> Feed:
    ledger = here().ledger

    def look() -> dict[str, object]:
        lab, found = _bed(ledger, node, printer)
        attempt = found.attempt
        work = None if attempt is None else (attempt.ref, attempt.state)
        return {WHOLE: (lab.online, lab.paused, found.clear, found.facts.spool, work)}

    return here().streams.feed(("bed", node, printer), look)


def _why_none(lab: NodeView, found: PrinterView) -> Iterator[tuple[str, str]]:
    """Yield the reasons with the address where each can be changed, "" where nobody here can."""
    mine = url_for("labs.show", node=lab.id)
    now = here().now()
    for hint in of_maker(lab, now, paces.known(here().ledger.reading, now, lab.id)):
        if hint.kind != "load" or hint.key == found.facts.id:
            yield _words(hint), mine
    if not found.clear:
        yield (
            _("You have not said that the printer is free.")
            if found.facts.process == PRINTED
            else _("You have not said that you are ready."),
            "",
        )
    yield from ((words, "") for words in _of_orders(lab, found))


def _words(hint: Hint) -> str:
    match hint.kind:
        case "offline":
            return _("Your workshop’s computer is not connected: plates come once it is back.")
        case "starting":
            return _("Your workshop is starting. This takes a moment; the page changes by itself.")
        case "paused":
            return _("Your workshop has paused: nothing new is planned for it.")
        case "load":
            return _(
                "No spool is loaded on %(printer)s, so nothing is planned for it.",
                printer=hint.name,
            )
        case _:
            at = moment_words(hint.at or here().now())
            return _("Your hours begin %(at)s: until then no plate is started.", at=at)


def _waits(order: Order, lab: NodeView, now: datetime) -> tuple[Reason, ...]:
    """Return that a lab may not begin an order yet, where that is so."""
    if order.release is None or begins_at(order.release, lab.utc_offset_min) <= now:
        return ()
    return (Reason(code=ReasonCode.RELEASE, text=order.release.isoformat()),)


def _of_orders(lab: NodeView, found: PrinterView) -> Iterator[str]:
    context = here()
    db = context.ledger.reading
    to_make: dict[str, int] = {}
    for each in books(db):
        to_make[each.order_id] = to_make.get(each.order_id, 0) + each.to_make
    open_orders = [
        order
        for order in views.orders(db)
        if order.state is OrderState.CONFIRMED and to_make.get(order.id)
    ]
    if not open_orders:
        yield (
            _("No order needs a plate that nobody is making already.")
            if found.facts.process == PRINTED
            else _("No order needs pieces of you that nobody is making already.")
        )
    said = False
    for order in open_orders:
        waits = _waits(order, lab, context.now())
        for row in views.order_view(db, order.id).plan:
            why = row.reasons or waits
            if (row.node, row.printer) == (lab.id, found.facts.id) and why:
                part = context.part_title(order.request.revision_id, row.part_id)
                yield f"{part}: " + ", ".join(map(reason_words, why))
                said = True
    if open_orders and not said:
        yield (
            _("Every plate was given to a printer before yours was free.")
            if found.facts.process == PRINTED
            else _("All pieces were given to others before you were ready.")
        )
