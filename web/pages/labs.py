"""A lab as its owner sets it: pause, hours, weekly ceiling, stock, what a printer may do alone.

What is entered goes to the lab's node, which keeps it and says what holds. Until it has heard it, the
page says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec
from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from firmware_profiles.loader import load_machine, machine_names
from jobs.coordinator import nodes
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.fleet import km_between
from jobs.hours import WEEK_H
from jobs.ledger import depot, first_mile, history, labs, lot_photos, members, paces, upkeep, views
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.views import AttemptView
from jobs.lifecycle import MAY_HAVE_STARTED, TO_HARVEST
from jobs.messages import Alone, Config, Loaded, OutOfService, Rates
from jobs.model import Role
from jobs.pace import is_told
from printers.model import MANUAL
from web.auth import me, only_at
from web.context import here
from web.feeds import WHOLE, Feed
from web.forms import Form, hours_form, hours_from, spool_from
from web.language import gettext as _
from web.streaming import stream

pages = Blueprint("labs", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A printer with the form for what is in it."""

    printer: PrinterView
    form: Form
    told: Loaded | None  # what is on its way to the node
    rates: Rates | None  # likewise: how many in an hour
    out: OutOfService | None  # likewise: whether it is out of service
    alone: Alone | None  # likewise: whether it may print while nobody is there
    said: labs.AloneWord | None  # who said so last, on a page
    unprotected: str  # who says that its make is not to be trusted alone; "" if it may be
    part: str  # what lies on its bed or is being printed, "" where nothing is
    stop_asked: datetime | None  # when somebody asked for its stop


@pages.get("/my-lab")
def mine() -> AnyResponse:
    """The lab of the maker who is signed in."""
    if me().node in members.not_members(here().ledger.reading):
        return redirect(url_for("newcomers.welcome"), 303)
    return redirect(url_for(".show", node=me().node), 303)


def _feed(node: str) -> Feed:
    ledger = here().ledger

    def look() -> dict[str, object]:
        db = ledger.reading
        found = labs.node(db, node)
        facts = [(each.facts, _begun(db, each)) for each in found.printers]
        told = (
            found.lab, found.online, found.paused, found.attended, found.asks, found.place,
            found.paused_until, found.weekly_h,
        )  # fmt: skip
        return {WHOLE: (told, facts, labs.unheard(db, node))}

    return here().streams.feed(("lab", node), look)


@pages.get("/labs/<node>")
def show(node: str) -> str:
    """One lab; a maker sees her own."""
    only_at(node)
    return _page(node, None, {})


@pages.get("/labs/<node>/live")
def live(node: str) -> Response:
    """Tell the open page that the node has heard what was entered, or says something else."""
    only_at(node)
    labs.node(here().ledger.reading, node)
    return stream(_feed(node))


def _page(
    node: str,
    hours: Form | None,
    spools: dict[str, Form],
    week: Form | None = None,
    alone: dict[str, Form] | None = None,
) -> str:
    context = here()
    db = context.ledger.reading
    version = _feed(node).refresh()
    found = labs.node(db, node)
    sent = labs.unheard(db, node) or Config()
    hub = context.settings.hub_place
    attended = found.attended if sent.attended is None else sent.attended
    weekly_h = found.weekly_h if sent.weekly_h is None else sent.weekly_h
    said = labs.alone_words(db, node)
    return render_template(
        "lab.html",
        node=found,
        mine=me().role is Role.MAKER,
        sent=sent,
        paused=found.paused if sent.paused is None else sent.paused,
        asks=found.asks if sent.asks is None else sent.asks,
        bags=len(first_mile.bags_at(db, node)),
        hours=hours or Form(hours_form(attended)),
        week=week or Form({"weekly_h": f"{weekly_h:g}" if weekly_h else ""}),
        weekly_h=weekly_h,
        given_h=labs.given_s(db, context.now()).get(node, 0.0) / 3600,
        until=found.paused_until if sent.paused is None else sent.paused_until or "",
        monday=_next_monday(found),
        stock=[
            _stock(each, sent, spools.get(each.facts.id), said.get(each.facts.id))
            for each in found.printers
        ],
        paces=_told_paces(db, node, context.now()),
        alone_forms=alone or {},
        to_count=TO_HARVEST,
        materials=_materials(found),
        on_way=depot.on_way(db, node),
        km=km_between(found.place, hub) if found.place and hub else None,
        version=version,
    )


def _told_paces(db: sqlite3.Connection, node: str, now: datetime) -> dict[str, float]:
    """Return how many times the slicer's figure printers take, of those where it is another."""
    found = paces.known(db, now, node)
    return {printer: pace for (_, printer), pace in found.items() if is_told(pace)}


def _materials(node: NodeView) -> list[tuple[str, str]]:
    """Return what may be loaded: materials that some design may be made of, and what is loaded."""
    asked = {
        code for r in here().library.revisions() for part in r.parts for code in part.materials
    }
    asked |= {p.facts.spool.material for p in node.printers if p.facts.spool is not None}
    return [(m.code, m.title) for m in materials().values() if m.code in asked or not asked]


def _next_monday(node: NodeView) -> date:
    """Return the Monday after today, by the clock on the lab's wall."""
    today = (here().now() + timedelta(minutes=node.utc_offset_min)).date()
    return today + timedelta(days=7 - today.weekday())


def _unprotected(preset: str) -> str:
    """Return who says that a make of printer is not to be left alone, "" where nobody does."""
    if preset not in machine_names():
        return ""
    found = load_machine(preset)
    if not found.ships_without_protection:
        return ""
    said = [clause for clause in found.source.split("; ") if "protection" in clause]
    return said[0].rpartition(": ")[2] if said else found.title


def _begun(
    db: sqlite3.Connection, printer: PrinterView
) -> tuple[AttemptView, datetime | None] | None:
    """Return the plate that a printer has begun or that lies on its bed, and when its stop was asked for."""
    plate = printer.attempt
    if plate is None or plate.state not in MAY_HAVE_STARTED:
        return None
    return plate, history.stop_asked(db, plate.order_id, plate.ref)


def _stock(
    printer: PrinterView, sent: Config, form: Form | None, said: labs.AloneWord | None
) -> Stock:
    told = next((each for each in sent.loaded if each.printer == printer.facts.id), None)
    holds = printer.facts.spool if told is None else told
    if form is None and holds is not None and holds.material:
        form = Form(
            {
                "material": holds.material,
                "grams": f"{holds.grams:.0f}",
                "maker_lot": holds.maker_lot,
            }
        )
    form = form or Form()
    context = here()
    begun = _begun(context.ledger.reading, printer)
    part = ""
    if begun is not None:
        order = views.order(context.ledger.reading, begun[0].order_id)
        part = context.part_title(order.request.revision_id, begun[0].part_id)
    return Stock(
        printer=printer,
        form=form,
        told=told,
        rates=next((each for each in sent.rates if each.printer == printer.facts.id), None),
        out=next((each for each in sent.out_of_service if each.printer == printer.facts.id), None),
        alone=next((each for each in sent.alone if each.printer == printer.facts.id), None),
        said=said,
        unprotected=_unprotected(printer.facts.preset),
        part=part,
        stop_asked=None if begun is None else begun[1],
    )


@pages.get("/labs/<node>/export.json")
def export(node: str) -> Response:
    """All that the ledger holds of a lab, for its owner to keep."""
    only_at(node)
    db = here().ledger.reading
    found = labs.node(db, node)
    whole = {
        "lab": replace(found, printers=()),
        "printers": [each.facts for each in found.printers],
        "upkeep": upkeep.notes(db, node),
        "printing_alone": labs.alone_words(db, node),
        "plates": views.attempts_at(db, node),
    }
    answer = Response(
        stream_with_context(_with_photos(msgspec.json.encode(whole), node)),
        mimetype="application/json",
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="{node}.json"'
    return answer


def _with_photos(whole: bytes, node: str) -> Iterator[bytes]:
    """Add the photos of a lab's lots to a JSON object, with one of them in memory at a time."""
    db = here().ledger.reading
    yield whole[:-1] + b',"photos":['
    comma = b""
    for each in lot_photos.of_node(db, node):
        try:
            jpeg = lot_photos.picture(db, each.lot, each.number)
        except NotFoundError:  # taken away meanwhile
            continue
        told = {"lot": each.lot, "at": each.at, "by": each.by, "jpeg": jpeg}
        yield comma + msgspec.json.encode(told)
        comma = b","
    yield b"]}"


def _configure(node: str, change: Config) -> AnyResponse:
    context = here()
    nodes.configure(context.ledger, node, change, me().login, context.now())
    return redirect(url_for(".show", node=node), 303)


def _yes_or_no(name: str) -> bool:
    return Form(request.form)[name] == "yes"


@pages.post("/labs/<node>/pause")
def pause(node: str) -> AnyResponse | tuple[str, int]:
    """Take no new work, for this week, until a day or until a word; or go on. Nobody asks why."""
    only_at(node)
    found = labs.node(here().ledger.reading, node)
    form = Form(request.form)
    if form["paused"] != "yes":
        return _configure(node, Config(paused=False))
    until = ""
    if form["week"] == "yes":
        until = _next_monday(found).isoformat()
    elif form["until"].strip():
        today = (here().now() + timedelta(minutes=found.utc_offset_min)).date()
        until = form.day("until", today + timedelta(days=1)).isoformat()
    if not form.good:
        return _page(node, None, {}, week=form), 422
    return _configure(node, Config(paused=True, paused_until=until or None))


@pages.post("/labs/<node>/ceiling")
def ceiling(node: str) -> AnyResponse | tuple[str, int]:
    """How many hours the lab prints in a week, at most."""
    only_at(node)
    form = Form(request.form)
    weekly_h = form.whole("weekly_h", 1, int(WEEK_H)) if form["weekly_h"].strip() else 0
    if not form.good:
        return _page(node, None, {}, week=form), 422
    return _configure(node, Config(weekly_h=float(weekly_h)))


@pages.post("/labs/<node>/printers/<printer>/alone")
def alone(node: str, printer: str) -> AnyResponse | tuple[str, int]:
    """Whether a printer may print while nobody is there: yes only with all three statements."""
    only_at(node)
    form = Form(request.form)
    node_of = labs.node(here().ledger.reading, node)
    if any(each.facts.id == printer and each.facts.link == MANUAL for each in node_of.printers):
        # What is fed from a card is never left alone; no page offers it.
        raise NotFoundError("printer that may be left alone", f"{node}/{printer}")
    told = Alone(
        printer=printer,
        allowed=form["allowed"] == "yes",
        protection_tested=form["protection"] == "yes",
        smoke_alarm=form["alarm"] == "yes",
        surroundings_clear=form["clear"] == "yes",
    )
    try:
        return _configure(node, Config(alone=(told,)))
    except InvalidFieldError:
        form.wrong("alone", _("It may print alone only if all three are so."))
        return _page(node, None, {}, alone={printer: form}), 422


@pages.post("/labs/<node>/asks")
def asks(node: str) -> AnyResponse:
    """Be asked before each plate, or let the node answer."""
    only_at(node)
    return _configure(node, Config(asks=_yes_or_no("asks")))


@pages.post("/labs/<node>/listed")
def listed(node: str) -> AnyResponse:
    """Be in the open lists of workshops, or in none."""
    only_at(node)
    context = here()
    nodes.let_know(context.ledger, node, me().login, context.now(), listed=_yes_or_no("listed"))
    return redirect(url_for(".show", node=node) + "#open-list", 303)


@pages.post("/labs/<node>/hours")
def hours(node: str) -> AnyResponse | tuple[str, int]:
    """When somebody is with the printers."""
    only_at(node)
    form = Form(request.form)
    attended = hours_from(form)
    if not form.good:
        return _page(node, form, {}), 422
    return _configure(node, Config(attended=attended))


@pages.post("/labs/<node>/printers/<printer>/spool")
def spool(node: str, printer: str) -> AnyResponse | tuple[str, int]:
    """What is in a printer now, as a person has weighed it."""
    only_at(node)
    context = here()
    found = labs.node(context.ledger.reading, node)
    facts = next((p.facts for p in found.printers if p.facts.id == printer), None)
    if facts is None:
        raise NotFoundError("printer", f"{node}/{printer}")
    form = Form(request.form)
    loaded = spool_from(form, printer, facts.spool, context.now())
    if not form.good:
        return _page(node, None, {printer: form}), 422
    return _configure(node, Config(loaded=(loaded,)))
