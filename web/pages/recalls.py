"""Recalls: from one bag to every other with the same fault, and to everyone who has pieces."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import recalls as deeds
from jobs.coordinator.people import name_of
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger import bought, depot, labs, recalls, views
from jobs.ledger.recalls import CalledLot
from jobs.recall import Cause, Recall, RecallKind, causes
from web.auth import me
from web.context import here
from web.forms import Form
from web.hub_forms import bag_from
from web.language import gettext as _
from web.titles import own_title

pages = Blueprint("recalls", __name__)
#: So many bags of one cause are listed before it is called back.
_MOST_LISTED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What calling a cause back would hold."""

    cause: Cause
    name: str  # of the spool, printer or design
    lab: str  # where it is, "" where everywhere
    bags: int
    pieces: int
    recipients: int  # who have some of them, or soon will
    begun: Recall | None  # the open recall of this cause

    @property
    def key(self) -> str:
        """The cause as a form sends it."""
        return f"{self.cause.kind}:{self.cause.value}"


def _reach(cause: Cause) -> Reach:
    return _reach_of(cause, recalls.lots_of(here().ledger.reading, cause))


def _reach_of(cause: Cause, called: tuple[CalledLot, ...]) -> Reach:
    db = here().ledger.reading
    lab, name = _names(cause, called)
    return Reach(
        cause=cause,
        name=name,
        lab=lab,
        bags=len(called),
        pieces=sum(lot.pieces for lot in called),
        recipients=len({lot.order_id for lot in called if lot.has_left}),
        begun=recalls.open_recall(db, cause),
    )


def _names(cause: Cause, called: tuple[CalledLot, ...]) -> tuple[str, str]:
    """Return the lab that a cause is in, and what people call the cause."""
    if cause.kind is RecallKind.REVISION:
        revision = here().revision(cause.value)
        return "", f"{own_title(revision.title)} {revision.version}" if revision else cause.value[
            :12
        ]
    if cause.kind is RecallKind.MATERIAL:
        return "", cause.value.replace("/", ", ", 1)
    if cause.kind is RecallKind.BOUGHT:
        box = next(iter(bought.boxes_of(here().ledger.reading, cause.value)))
        return "", f"{own_title(box.item)}, {_('lot %(lot)s', lot=box.lot)}"
    if cause.kind is RecallKind.UNKNOWN:
        return "", cause.value
    lab = called[0].lab if called else ""
    if cause.kind is RecallKind.LOT:
        return lab, cause.value
    node, _slash, name = cause.value.partition("/")
    titles = {
        printer.facts.id: printer.facts.title
        for each in labs.fleet(here().ledger.reading)
        if each.id == node
        for printer in each.printers
    }
    return lab, titles.get(name, name) if cause.kind is RecallKind.PRINTER else name


@pages.get("/recalls")
def index() -> str | AnyResponse | tuple[str, int]:
    """All recalls, and the way from a bag's code to a new one."""
    db = here().ledger.reading
    form = Form(request.args)
    if code := bag_from(form, db):
        return redirect(url_for(".ask", code=code), 303)
    found = [(each, _reach(each.cause)) for each in recalls.recalls(db)]
    page = render_template("recalls.html", found=found, form=form)
    return page if form.good else (page, 404)


@pages.route("/l/<code>/recall", methods=["GET", "POST"])
def ask(code: str) -> str | AnyResponse | tuple[str, int]:
    """What is wrong with a bag, and what else may have the same fault."""
    db = here().ledger.reading
    lot = views.lot(db, code)
    made = lot.attempt
    offered = causes(
        lot=lot.code,
        node=made.node,
        printer=made.printer,
        spool=made.spool,
        revision=lot.revision_id,
        material=f"{made.material}/{made.maker_lot}" if made.maker_lot else "",
        bought=[box.cause for box in bought.lots_with(db, lot.code)],
    )
    return _ask(offered, lot)


@pages.route("/recalls/bought", methods=["GET", "POST"])
def ask_bought() -> str | AnyResponse | tuple[str, int]:
    """What is wrong with a lot of a bought part, and who has some of it."""
    key = request.args.get("of", "")
    box = next(iter(bought.boxes_of(here().ledger.reading, key)), None)
    if box is None:
        raise NotFoundError("lot", key)
    return _ask((Cause(kind=RecallKind.BOUGHT, value=box.cause),), None)


@pages.route("/recalls/filament", methods=["GET", "POST"])
def ask_filament() -> str | AnyResponse | tuple[str, int]:
    """What is wrong with a lot of filament in the depot, and what was printed from it."""
    key = request.args.get("of", "")
    box = depot.box_of(here().ledger.reading, key)
    if box is None:
        raise NotFoundError("lot", key)
    return _ask((Cause(kind=RecallKind.MATERIAL, value=box.cause),), None)


def _ask(
    offered: tuple[Cause, ...], lot: views.LotView | None
) -> str | AnyResponse | tuple[str, int]:
    """Offer causes, and call back the one that is chosen; `lot` is the bag that somebody asks of."""
    context = here()
    db = context.ledger.reading
    bags = [(cause, recalls.lots_of(db, cause)) for cause in offered]
    reaches = [(_reach_of(cause, called), called[:_MOST_LISTED]) for cause, called in bags]
    if request.method == "GET":
        only = {} if lot else {"cause": reaches[0][0].key}
        return render_template("recall_ask.html", lot=lot, reaches=reaches, form=Form(only))
    form = Form(request.form)
    chosen = form.choice("cause", {reach.key for reach, _bags in reaches})
    reason = form.text("reason")
    if form.good:
        cause = deeds.cause_of(chosen)
        found = deeds.begin(context.ledger, cause, reason, me().login, context.now())
        return redirect(url_for(".show", recall_id=found), 303)
    return render_template("recall_ask.html", lot=lot, reaches=reaches, form=form), 422


@pages.get("/recalls/<recall_id>")
def show(recall_id: str) -> str:
    """Who has pieces, and where every bag is."""
    return _page(recall_id, Form())


def _page(recall_id: str, form: Form) -> str:
    db = here().ledger.reading
    found = recalls.recall(db, recall_id)
    called = recalls.lots_of(db, found.cause)
    return render_template(
        "recall.html",
        recall=found,
        by=name_of(here().ledger, found.by),
        ended_by=name_of(here().ledger, found.ended_by),
        reach=_reach(found.cause),
        here=[lot for lot in called if not lot.has_left],
        boxes=bought.boxes_of(db, found.cause.value)
        if found.cause.kind is RecallKind.BOUGHT
        else (),
        notices=recalls.notices(db, recall_id),
        form=form,
    )


@pages.post("/recalls/<recall_id>/end")
def end(recall_id: str) -> AnyResponse | tuple[str, int]:
    """They are good after all, or were thrown away."""
    context = here()
    form = Form(request.form)
    verdict = form.choice("verdict", ("good", "bad"))
    reason = form.text("reason")
    if form.good:
        try:
            deeds.end(
                context.ledger,
                recall_id,
                reason,
                me().login,
                context.now(),
                good=verdict == "good",
            )
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(recall_id, form), 422
    return redirect(url_for(".show", recall_id=recall_id), 303)


@pages.post("/recalls/<recall_id>/orders/<order_id>/waive")
def waive(recall_id: str, order_id: str) -> AnyResponse:
    """The recipient needs no others instead."""
    context = here()
    deeds.waive(context.ledger, recall_id, order_id, me().login, context.now())
    return redirect(url_for(".show", recall_id=recall_id), 303)
