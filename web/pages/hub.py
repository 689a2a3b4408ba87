"""The hub: what comes today and what is late; what a steward asks of lots before they leave."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from jobs.coordinator import hub
from jobs.errors import NotFoundError
from jobs.first_mile import comes_today, is_late
from jobs.hub import MOST_STOCK, MOST_SUPPLIER_LOT, Scope, kit_of
from jobs.ledger import bought, first_mile, views
from jobs.ledger import hub as gates
from jobs.ledger import stations as rows
from jobs.ledger.first_mile import Pickup
from jobs.model import OrderState
from jobs.stations import Station, bottleneck, stations
from web.auth import me
from web.context import here
from web.feeds import WHOLE, Feed
from web.forms import Form
from web.hub_forms import bag_from, rule_from
from web.language import gettext as _
from web.streaming import stream
from web.titles import own_title

pages = Blueprint("hub", __name__)


def _soon(found: tuple[Pickup, ...]) -> list[Pickup]:
    """Return the pick-ups that come today, or should have come."""
    context = here()
    zone = ZoneInfo(context.settings.timezone)
    today = context.today()
    return [each for each in found if comes_today(each.state, each.ready_at, today, zone)]


def _stations() -> tuple[Station, ...]:
    db = here().ledger.reading
    return stations(rows.bags(db, _soon(first_mile.open_pickups(db))), here().now())


def _feed() -> Feed:
    context = here()

    def look() -> dict[str, object]:
        db = context.ledger.reading
        return {WHOLE: (rows.bags(db, ()), first_mile.open_pickups(db), bought.boxes(db))}

    return context.streams.feed(("hub",), look)


@pages.get("/hub")
def index() -> str | AnyResponse | tuple[str, int]:
    """Where the bags are, which step holds up most of them, what comes and what is late."""
    context = here()
    form = Form(request.args)
    if code := bag_from(form, context.ledger.reading):
        return redirect(url_for("lots.show", code=code), 303)
    version = _feed().refresh()
    found = first_mile.open_pickups(context.ledger.reading)
    late = [each for each in found if is_late(each.state, each.ready_at, context.now())]
    soon = _soon(found)
    stood = _stations()
    page = render_template(
        "hub.html",
        form=form,
        version=version,
        stations=stood,
        neck=bottleneck(stood),
        most=max((each.pieces for each in stood), default=0),
        now=context.now(),
        short=sum(1 for item in items() if item.short),
        late=late,
        today=[each for each in soon if each not in late],
        later=[each for each in found if each not in soon],
    )
    return page if form.good else (page, 404)


@pages.get("/hub/live")
def live() -> Response:
    """Tell the open page that something has moved."""
    return stream(_feed())


@pages.get("/hub/steps/<step>")
def at_step(step: str) -> str:
    """The bags that stand at one step, the oldest first."""
    found = next((each for each in _stations() if each.step == step), None)
    if found is None:
        raise NotFoundError("step", step)
    db = here().ledger.reading
    of_bag = {each.code: views.lot(db, each.code).attempt.order_id for each in found.bags}
    wards = {each: views.order(db, each).request.place for each in {*of_bag.values()}}
    return render_template(
        "hub_step.html", station=found, now=here().now(), of_bag=of_bag, wards=wards
    )


def _scopes() -> dict[str, str]:
    """Return what a rule may be for, as "<scope>:<value>", with what people call it."""
    designs = {
        f"{Scope.REVISION}:{each.id}": f"{own_title(each.title)} {each.version}"
        for each in here().orderable()
    }
    codes = {f"{Scope.MATERIAL}:{each.code}": each.title for each in materials().values()}
    return {f"{Scope.ALL}:": _("everything"), **designs, **codes}


@pages.route("/hub/rules", methods=["GET", "POST"])
def rules() -> str | AnyResponse | tuple[str, int]:
    """How long lots lie, and whether a second person signs."""
    context = here()
    scopes = _scopes()
    if request.method == "GET":
        return _rules(scopes, Form())
    form = Form(request.form)
    rule = rule_from(form, scopes)
    if not form.good:
        return _rules(scopes, form), 422
    hub.set_rule(context.ledger, rule, me().login, context.now())
    return redirect(url_for(".rules"), 303)


def _rules(scopes: dict[str, str], form: Form) -> str:
    known = gates.rules(here().ledger.reading)
    return render_template(
        "hub_rules.html",
        known=[(each, f"{each.scope}:{each.value}") for each in known],
        scopes=scopes,
        form=form,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A bought part: how many are at the hub, and how many the open orders still take."""

    title: str
    stock: int | None  # None while nobody has counted it
    needed: int
    boxes: tuple[bought.Box, ...] = ()  # each of one lot of its supplier's, the oldest first

    @property
    def has_lots(self) -> bool:
        """Whether somebody has typed a lot of its supplier's."""
        return any(box.lot for box in self.boxes)

    @property
    def short(self) -> int:
        """How many are missing for what is ordered."""
        return max(0, self.needed - (self.stock or 0))


def _with_bare(item: str, boxes: tuple[bought.Box, ...]) -> tuple[bought.Box, ...]:
    """Return an item's boxes; one without a lot is among them, for what comes without a number."""
    mine = tuple(box for box in boxes if box.item == item)
    bare = () if any(not box.lot for box in mine) else (bought.Box(item=item, lot="", pieces=0),)
    return mine + bare


def items() -> list[Item]:
    """Return all bought parts that a design takes, or that were counted; what is short comes first."""
    context = here()
    db = context.ledger.reading
    stock, boxes = bought.in_stock(db), bought.boxes(db)
    needed = dict.fromkeys(stock, 0)
    kits = {each.id: kit_of(each) for each in context.library.revisions()}
    for revision in context.orderable():
        needed |= {item: needed.get(item, 0) for item in kits[revision.id].bought}
    for order in views.orders(db):
        kit = kits.get(order.request.revision_id)
        asked = order.state is OrderState.CONFIRMED and not order.request.sandbox
        if asked and kit is not None:
            wanted = bought.still_wanted(db, order.id, order.request.kits, kit)
            for item, pieces in wanted.items():
                needed[item] = needed.get(item, 0) + pieces
    found = [
        Item(title=t, stock=stock.get(t), needed=n, boxes=_with_bare(t, boxes))
        for t, n in needed.items()
    ]
    return sorted(found, key=lambda item: (-item.short, item.title))


@pages.route("/hub/stock", methods=["GET", "POST"])
def stock() -> str | AnyResponse | tuple[str, int]:
    """Bought parts: counted in, used by parcels, and what is short."""
    context = here()
    form = Form(request.form)
    if request.method == "POST":
        pieces = form.whole("pieces", 0, MOST_STOCK)
        item = form.text("item")
        lot = form.text("supplier_lot", MOST_SUPPLIER_LOT, needed=form["another"] == "yes")
        if form.good:
            hub.count_stock(context.ledger, item, pieces, me().login, context.now(), lot)
            return redirect(url_for(".stock"), 303)
    page = render_template("hub_stock.html", items=items(), form=form)
    return (page, 422) if form.errors else page
