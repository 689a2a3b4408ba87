"""The first mile: a maker's bags, the run that fetches them, and what it brings her.

Only the page of a run, behind the link of its driver, says where the bags stand.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from jobs.coordinator import first_mile
from jobs.errors import InvalidFieldError
from jobs.first_mile import MOST_GOODS, MOST_NAME, MOST_PLACE, OPEN, PickupState, is_late
from jobs.ledger import first_mile as rows
from jobs.ledger import labs
from jobs.ledger.first_mile import Bag, Pickup
from jobs.model import Role
from web.auth import me, only_at
from web.context import here
from web.forms import Form
from web.hub_forms import bags_from, goods_from, moment_from
from web.runs import DRIVER, remember

pages = Blueprint("pickups", __name__)


def titles(bags: tuple[Bag, ...]) -> dict[str, str]:
    """Return what is in each bag, by the lot's code."""
    context = here()
    return {bag.code: context.part_title(bag.revision_id, bag.part_id) for bag in bags}


def _zone() -> ZoneInfo:
    return ZoneInfo(here().settings.timezone)


@pages.route("/labs/<node>/pickups", methods=["GET", "POST"])
def of_lab(node: str) -> str | AnyResponse | tuple[str, int]:
    """The bags that lie at a lab, its open pick-ups, and the form that announces a new one."""
    only_at(node)
    context = here()
    db = context.ledger.reading
    if request.method == "GET":
        at = context.now().astimezone(_zone())
        typed = {f"bag_{bag.code}": "yes" for bag in rows.bags_at(db, node)}
        return _of_lab(node, Form(typed | {"day": f"{at:%Y-%m-%d}", "clock": f"{at:%H:%M}"}))
    form = Form(request.form)
    codes = bags_from(form, [bag.code for bag in rows.bags_at(db, node)])
    ready_at = moment_from(form, "day", "clock", _zone())
    spot = form.text("spot", MOST_PLACE)
    if form.good and ready_at is not None:
        try:
            found = first_mile.announce(
                context.ledger, node, codes, ready_at, spot, me().login, context.now()
            )
        except InvalidFieldError as error:
            form.refused(error)
        else:
            return redirect(url_for(".show", pickup_id=found), 303)
    return _of_lab(node, form), 422


def _of_lab(node: str, form: Form) -> str:
    db = here().ledger.reading
    bags = rows.bags_at(db, node)
    return render_template(
        "pickups.html",
        node=labs.node(db, node),
        bags=bags,
        titles=titles(bags),
        found=rows.open_pickups(db, node),
        form=form,
        most_place=MOST_PLACE,
    )


def _mine(pickup_id: str) -> Pickup:
    """Return a pick-up that the one who is signed in may see: a maker her own lab's."""
    found = rows.pickup(here().ledger.reading, pickup_id)
    only_at(found.node)
    return found


@pages.get("/pickups/<pickup_id>")
def show(pickup_id: str) -> str:
    """One pick-up: its bags, its driver, what it brings; at the hub, what of it has arrived."""
    return _page(_mine(pickup_id), Form())


def _page(found: Pickup, form: Form) -> str:
    context = here()
    link = first_mile.link_of(context.ledger, found.id) if found.state in OPEN else ""
    return render_template(
        "pickup.html",
        pickup=found,
        titles=titles(found.bags),
        late=is_late(found.state, found.ready_at, context.now()),
        run=context.settings.public_url + url_for(".run", link=link) if link else "",
        materials=[(m.code, m.title) for m in materials().values()],
        at_hub=me().role is not Role.MAKER,
        form=form,
        most_name=MOST_NAME,
        most_goods=MOST_GOODS,
    )


@pages.post("/pickups/<pickup_id>/driver")
def give(pickup_id: str) -> AnyResponse | tuple[str, int]:
    """Somebody does the run."""
    context = here()
    found = _mine(pickup_id)
    form = Form(request.form)
    driver = form.text("driver", MOST_NAME)
    if not form.good:
        return _page(found, form), 422
    first_mile.give(context.ledger, pickup_id, driver, context.now())
    return redirect(url_for(".show", pickup_id=pickup_id), 303)


@pages.post("/pickups/<pickup_id>/goods")
def goods(pickup_id: str) -> AnyResponse | tuple[str, int]:
    """Something is to travel to the workshop on the same run."""
    context = here()
    found = _mine(pickup_id)
    form = Form(request.form)
    line = goods_from(form, materials())
    if form.good:
        try:
            first_mile.add_goods(context.ledger, pickup_id, line, me().login, context.now())
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(found, form), 422
    return redirect(url_for(".show", pickup_id=pickup_id), 303)


@pages.post("/pickups/<pickup_id>/cancel")
def cancel(pickup_id: str) -> AnyResponse:
    """Nobody needs to come."""
    context = here()
    found = _mine(pickup_id)
    if found.state is not PickupState.CANCELLED:  # pressed twice
        first_mile.cancel(context.ledger, pickup_id, me().login, context.now())
    return redirect(
        url_for(".of_lab", node=found.node) if _is_maker() else url_for("hub.index"), 303
    )


def _is_maker() -> bool:
    return me().role is Role.MAKER


@pages.post("/pickups/<pickup_id>/arrived")
def arrived(pickup_id: str) -> AnyResponse | tuple[str, int]:
    """These of its bags are at the hub."""
    context = here()
    found = _mine(pickup_id)
    form = Form(request.form)
    codes = bags_from(form, [bag.code for bag in found.bags])
    if not form.good:
        return _page(found, form), 422
    for code in codes:
        first_mile.arrive(context.ledger, code, me().login, context.now())
    return redirect(url_for(".show", pickup_id=pickup_id), 303)


@pages.get("/run/<link>")
def run(link: str) -> str:
    """What the driver needs: where, what, and the buttons of the hand-over."""
    found = first_mile.by_link(here().ledger, link)
    # A bag whose label she scans on this telephone is hers to take.
    remember(link)
    return _run(link, found, Form({f"bag_{bag.code}": "yes" for bag in found.bags}))


def _run(link: str, found: Pickup, form: Form) -> str:
    context = here()
    return render_template(
        "pickup_run.html",
        link=link,
        pickup=found,
        titles=titles(found.bags),
        spot=rows.spot_of(context.ledger.reading, found.id),
        hub_address=context.settings.hub_address,
        hub_contact=context.settings.hub_contact,
        scan=context.settings.public_url + url_for(".show", pickup_id=found.id),
        form=form,
    )


@pages.post("/run/<link>/taken")
def take(link: str) -> AnyResponse | tuple[str, int]:
    """The driver has these bags."""
    context = here()
    found = first_mile.by_link(context.ledger, link)
    form = Form(request.form)
    codes = bags_from(form, [bag.code for bag in found.bags])
    if not form.good:
        return _run(link, found, form), 422
    first_mile.take(context.ledger, found.id, codes, DRIVER, context.now())
    return redirect(url_for(".run", link=link), 303)
