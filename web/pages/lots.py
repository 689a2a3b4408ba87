"""A lot: what anybody who holds the bag may read, and its inspection."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.model import Revision
from designs.regulation import Profile, profiles
from jobs.coordinator import first_mile, hub, lots
from jobs.coordinator.people import name_of
from jobs.errors import InvalidFieldError
from jobs.ledger import bought, labs, lot_photos, reviews, views
from jobs.ledger import first_mile as rows
from jobs.ledger import hub as gates
from jobs.ledger.views import LotView
from jobs.model import Role
from jobs.quality import MAJOR, WHOLE, sampling_plan
from web.auth import can, me, signed_in
from web.context import here
from web.documents.label import cut_of, said_by
from web.forms import LOSSES, Form
from web.hub_forms import fault_from, inspection_from, loss_from
from web.language import gettext as _
from web.language import language
from web.runs import DRIVER, run_for
from web.titles import own_title

pages = Blueprint("lots", __name__)

#: What a label is printed on; each has its style sheet.
_PAPERS = ("62", "a4")


@pages.get("/l/<code>")
def show(code: str) -> str:
    """A lot without any personal data."""
    found = views.lot(here().ledger.reading, code)
    return _page(found, Form(_counts(found)))


def _counts(found: LotView) -> dict[str, str]:
    """Return what an inspection begins with: all is good; while it is held, all is bad."""
    context = here()
    held = gates.gate_of(context.ledger.reading, found.code).is_held(context.now())
    pieces = str(found.pieces)
    return {"accepted": "0" if held else pieces, "rejected": pieces if held else "0"}


@pages.get("/l/<code>/label")
def label(code: str) -> str:
    """What is stuck on the bag: for a roll of 62 mm, or on A4. It names no person and no workshop."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    revision, part = _names(found)
    asked = request.args.get("paper", "")
    paper = asked if asked in _PAPERS else _PAPERS[0]
    rule = _rule(found.revision_id)
    cut = "" if paper != "62" else cut_of(
        network=context.settings.network_name, title=_what(revision, part),
        hub=context.settings.hub_address, said=() if rule is None else said_by(rule, language()),
    )  # fmt: skip
    return render_template(
        "label.html",
        lot=found,
        revision=revision,
        what=_what(revision, part),
        paper=paper,
        style=f"label-{paper}{cut}.css",
        url=context.settings.public_url + url_for(".show", code=found.code),
        hub_address=context.settings.hub_address,
        rule=rule,
    )


def _rule(revision_id: str) -> Profile | None:
    chosen = reviews.profile_choice(here().ledger.reading, revision_id)
    return None if chosen is None else profiles().get(chosen.profile)


def _names(found: LotView) -> tuple[Revision | None, str]:
    """Return the revision, None when the library has lost it, and what the part is called."""
    revision = here().revision(found.revision_id)
    parts = {} if revision is None else {part.id: own_title(part.title) for part in revision.made}
    return revision, parts.get(found.attempt.part_id, found.attempt.part_id)


@pages.post("/l/<code>")
def inspect(code: str) -> AnyResponse | tuple[str, int]:
    """Record the verdict on every piece."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    form = Form(request.form)
    accepted, rejected, reason = inspection_from(form, found.pieces)
    gate = gates.gate_of(context.ledger.reading, found.code)
    if accepted and gate.is_held(context.now()):
        form.wrong("accepted", _("It is held: nothing of it can be accepted yet."))
    if form.good:
        try:
            lots.inspect(
                context.ledger, found.code, accepted, rejected, reason, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(found, form), 422
    return redirect(url_for(".show", code=found.code), 303)


def _back(code: str) -> AnyResponse:
    return redirect(url_for(".show", code=code), 303)


@pages.post("/l/<code>/taken")
def take(code: str) -> AnyResponse:
    """The driver has scanned the label of a bag, and takes it."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    run = run_for(found.code)
    if run is not None:  # pressed twice: she has it since the first time
        first_mile.take(context.ledger, run.id, [found.code], DRIVER, context.now())
    return _back(found.code)


@pages.post("/l/<code>/arrived")
def arrive(code: str) -> AnyResponse:
    """The bag is at the hub."""
    context = here()
    first_mile.arrive(context.ledger, code, me().login, context.now())
    return _back(code)


@pages.post("/l/<code>/counted")
def count(code: str) -> AnyResponse | tuple[str, int]:
    """How many pieces of the bag have come."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    form = Form(request.form)
    pieces, reason = loss_from(form, found.good)
    if form.good:
        try:
            first_mile.count_in(
                context.ledger, found.code, pieces, reason, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        form.typed |= _counts(found)
        return _page(found, form, counting=True), 422
    return _back(found.code)


@pages.post("/l/<code>/sign")
def sign(code: str) -> AnyResponse:
    """A second person releases an inspected lot."""
    context = here()
    hub.sign(context.ledger, code, me().login, context.now())
    return _back(code)


@pages.post("/l/<code>/rework")
def rework(code: str) -> AnyResponse | tuple[str, int]:
    """Put a bag aside: pieces of it are put right first."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    form = Form(request.form)
    pieces = form.whole("rework", 1, found.pieces)
    why = fault_from(form, "rework_reason")
    if not form.good:
        form.typed |= _counts(found)
        return _page(found, form), 422
    lots.rework(context.ledger, found.code, pieces, why, me().login, context.now())
    return _back(found.code)


@pages.post("/l/<code>/reworked")
def reworked(code: str) -> AnyResponse:
    """They are put right: the bag can be inspected."""
    context = here()
    lots.reworked(context.ledger, code, me().login, context.now())
    return _back(code)


@pages.post("/l/<code>/scrap")
def scrap(code: str) -> AnyResponse | tuple[str, int]:
    """Accepted pieces were spoilt at the hub."""
    context = here()
    found = views.lot(context.ledger.reading, code)
    form = Form(request.form)
    if form["of"] != str(found.accepted):
        form.wrong(
            "spoilt",
            _(
                "Pieces of it were thrown away since this page was opened: %(left)s are left. If that was"
                " you, there is nothing more to do.",
                left=found.accepted,
            ),
        )
        return _page(found, form), 409
    pieces = form.whole("spoilt", 1, found.accepted)
    why = fault_from(form, "spoilt_reason")
    if not form.good:
        return _page(found, form), 422
    lots.scrap(context.ledger, found.code, pieces, found.accepted, why, me().login, context.now())
    return _back(found.code)


def _what(revision: Revision | None, part: str) -> str:
    """Return what is in a bag: the design, and which part of it where it has several."""
    if revision is None:
        return part
    title = own_title(revision.title)
    return title if len(revision.made) == 1 or part == title else f"{title} · {part}"


def _sees_photos(found: LotView) -> bool:
    """The hub, and the people of the workshop that made the lot: they may show a home."""
    who = signed_in()
    return who is not None and (who.role is not Role.MAKER or who.node == found.attempt.node)


def _page(found: LotView, form: Form, *, counting: bool = False) -> str:
    context = here()
    db = context.ledger.reading
    at_hub = can("lots.count")
    revision, part = _names(found)
    title = next(
        (
            printer.facts.title
            for node in labs.fleet(db)
            for printer in node.printers
            if (node.id, printer.facts.id) == (found.attempt.node, found.attempt.printer)
        ),
        found.attempt.printer,
    )
    order_id = found.attempt.order_id
    held = found.code in reviews.held_lots(db, order_id)
    return render_template(
        "lot.html",
        held=reviews.withdrawal(db, found.revision_id) if held else None,
        released=reviews.released(db, found.code),
        lot=found,
        sample=sampling_plan(found.pieces, MAJOR) if found.pieces > WHOLE else None,
        revision=revision,
        what=_what(revision, part),
        printer=title,
        form=form,
        counting=counting,
        gate=(gate := gates.gate_of(db, found.code)),
        is_held=gate.is_held(context.now()),
        rework=gates.in_rework(db, found.code),
        inspector=name_of(context.ledger, found.inspected_by),
        signer=name_of(context.ledger, gate.signed_by),
        mine=at_hub and me().login == found.inspected_by,
        losses=LOSSES,
        hub_contact=context.settings.hub_contact,
        run=run_for(found.code),
        photos=lot_photos.of_lot(db, found.code) if _sees_photos(found) else None,
        pickup=rows.of_lot(db, found.code) if at_hub else None,
        trail=rows.handovers(db, found.code) if at_hub else (),
        bought=bought.lots_with(db, found.code),
    )
