"""What is known of a requester or a driver: shown to a steward whom she asks, exported for her, and erased.

Nobody but a steward looks anybody up, and what is looked for stands in no address.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import retention
from jobs.errors import NotFoundError, RefusedError
from web.auth import me
from web.context import here
from web.forms import Form

pages = Blueprint("personal", __name__)


@pages.route("/personal", methods=["GET", "POST"])
def look() -> str | AnyResponse | tuple[str, int]:
    """Look for a person; show, export or erase what is known of her."""
    if request.method == "GET":
        return _page(Form())
    context = here()
    form = Form(request.form)
    who = form.text("who")
    if not form.good:
        return _page(form), 422
    try:
        found = retention.known(context.ledger, who, context.now())
    except NotFoundError:
        return _page(form, nothing=True), 404
    if form["deed"] == "export":
        return Response(
            retention.export(found),
            mimetype="application/json",
            headers={"Content-Disposition": 'attachment; filename="fabnet-personal-data.json"'},
        )
    if form["deed"] != "erase":
        return _page(form, found)
    erased, kept = 0, []
    for order in found.orders:
        try:
            retention.erase(context.ledger, order.id, me().login, context.now())
            erased += 1
        except RefusedError as error:
            kept.append((order, str(error)))
    drives = retention.erase_driver(context.ledger, found)
    at_work = [each for each in found.drives if not each.over]
    return _page(Form(), erased=erased, kept=kept, drives=drives, at_work=at_work)


def _page(form: Form, found: retention.Known | None = None, **more: object) -> str:
    facts: dict[str, object] = {
        "nothing": False, "erased": None, "kept": [], "drives": 0, "at_work": [],
    }  # fmt: skip
    context = here()
    now = context.now()
    facts |= {"now": now, "as_of": retention.held_back(context.ledger.reading, now)}
    return render_template("personal.html", form=form, found=found, **(facts | more))
