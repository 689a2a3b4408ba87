"""The depot: filament that lies there, what should go to which workshop by when, and what is on its way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from jobs.coordinator import depot as deeds
from jobs.coordinator import filament
from jobs.coordinator.depot import MOST_SENT_G, MOST_STORED_G
from jobs.errors import InvalidFieldError
from jobs.hub import MOST_SUPPLIER_LOT
from jobs.ledger import depot, labs, members
from jobs.ledger.depot import Box, Sending
from jobs.ledger.rows import new_id
from jobs.model import Role
from jobs.stock import Transfer, transfers
from web.auth import me, only_at
from web.context import here
from web.forms import Form

pages = Blueprint("depot", __name__)

_ID = re.compile(r"[0-9a-z]{10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What there is of one material, and what is asked of it; grams."""

    code: str
    boxes: tuple[Box, ...]
    stored_g: float
    on_way_g: float
    reserved_g: float  # by plates in labs' hands
    planned_g: float  # of all plates that are planned, those too
    missing_g: float


def _materials(on_way: Iterable[Sending]) -> tuple[list[Material], list[Transfer]]:
    """Return all materials that lie in the depot, are on their way or are to be printed; and what to send."""
    context = here()
    db = context.ledger.reading
    found, stored = filament.stock(context.ledger, context.now()), depot.in_store(db)
    boxes, bound = depot.boxes(db), filament.bound_g(db)
    missing = {code: grams for code, _, grams in found.materials}
    coming: dict[str, int] = {}
    for each in on_way:
        coming[each.material] = coming.get(each.material, 0) + each.grams
    codes = {box.material for box in boxes} | coming.keys() | bound.keys()
    told = [
        Material(
            code=code,
            boxes=tuple(box for box in boxes if box.material == code and box.grams),
            stored_g=sum(box.grams for box in boxes if box.material == code),
            on_way_g=coming.get(code, 0),
            reserved_g=bound.get(code, (0.0, 0.0))[1],
            planned_g=bound.get(code, (0.0, 0.0))[0],
            missing_g=missing.get(code, 0.0),
        )
        for code in sorted(codes)
    ]
    return told, list(transfers(found.shortages, stored))


def _proposal(each: Transfer, today: date) -> Form:
    return Form(
        {
            "sending": new_id(),
            "node": each.node,
            "material": each.material,
            "grams": str(math.ceil(each.grams)),
            "arrives": max(each.day, today).isoformat(),
        }
    )


def _page(count: Form, send: Form) -> str:
    context = here()
    db, today = context.ledger.reading, context.today()
    on_way = depot.on_way(db)
    found, wanted = _materials(on_way)
    names = {node.id: node.lab for node in labs.fleet(db)}
    gone = members.not_members(db)
    return render_template(
        "depot.html",
        materials=found,
        all_materials=[(m.code, m.title) for m in materials().values()],
        labs=[(node, lab) for node, lab in names.items() if node not in gone],
        names=names,
        wanted=[(each, _proposal(each, today)) for each in wanted],
        on_way=on_way,
        today=today,
        count=count,
        send=send if send.typed else Form({"sending": new_id(), "arrives": today.isoformat()}),
        most_lot=MOST_SUPPLIER_LOT,
    )


@pages.get("/depot")
def index() -> str:
    """What lies there, what should be sent, and what is on its way."""
    return _page(Form(), Form())


@pages.route("/depot/count", methods=["GET", "POST"])
def count() -> AnyResponse | tuple[str, int]:
    """So much of a material lies there now."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".index"), 303)
    context = here()
    form = Form(request.form)
    material = form.choice("counted", materials().keys())
    grams = form.whole("counted_g", 0, MOST_STORED_G)
    lot = form.text("maker_lot", MOST_SUPPLIER_LOT, needed=False)
    if not form.good:
        return _page(form, Form()), 422
    deeds.count(context.ledger, material, grams, me().login, context.now(), lot)
    return redirect(url_for(".index"), 303)


@pages.route("/depot/send", methods=["GET", "POST"])
def send() -> AnyResponse | tuple[str, int]:
    """Filament has left for a workshop."""
    if request.method == "GET":  # a page with an error on it is loaded again
        return redirect(url_for(".index"), 303)
    context = here()
    form = Form(request.form)
    if not _ID.fullmatch(form["sending"]):
        abort(422)
    node = form.choice("node", {each.id for each in labs.fleet(context.ledger.reading)})
    material = form.choice("material", materials().keys())
    grams = form.whole("grams", 1, MOST_SENT_G)
    arrives = form.day("arrives", context.today())
    if form.good:
        try:
            deeds.send(
                context.ledger, form["sending"], node, material, grams, arrives, me().login,
                context.now(),
            )  # fmt: skip
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(Form(), form), 422
    return redirect(url_for(".index"), 303)


@pages.post("/depot/sendings/<sending_id>")
def end(sending_id: str) -> AnyResponse:
    """It came, as its workshop or the coordination team says; or it is taken back."""
    context = here()
    found, _ = depot.sending(context.ledger.reading, sending_id)
    only_at(found.node)
    came, maker = Form(request.form)["came"] == "yes", me().role is Role.MAKER
    if maker and not came:
        abort(403)
    deeds.end(context.ledger, sending_id, me().login, context.now(), came=came)
    back = url_for("labs.show", node=found.node) if maker else url_for(".index")
    return redirect(back, 303)
