"""What hospitals complain of: read by an inspector, who passes it on with advice."""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import complaints as deeds
from jobs.errors import InvalidFieldError
from jobs.ledger import complaints
from jobs.model import Role
from web.auth import me
from web.context import here
from web.forms import Form
from web.language import gettext as _

pages = Blueprint("complaints", __name__)


@pages.get("/complaints")
def index() -> str:
    """All complaints, those that nobody has read first."""
    return _page(Form(), "")


def _page(form: Form, form_of: str) -> str:
    return render_template(
        "complaints.html",
        complaints=complaints.complaints(here().ledger.reading),
        most_advice=deeds.MOST_ADVICE,
        form=form,
        form_of=form_of,
    )


@pages.post("/complaints/<complaint_id>")
def read(complaint_id: str) -> AnyResponse | tuple[str, int]:
    """An inspector has read it."""
    context, form = here(), Form(request.form)
    pass_on = form.choice("pass_on", ("yes", "no")) == "yes"
    advice = form.text("advice", deeds.MOST_ADVICE, needed=pass_on)
    if form.good:
        try:
            deeds.read(
                context.ledger, complaint_id, advice, me().login, context.now(), pass_on=pass_on
            )
        except InvalidFieldError:
            form.wrong("advice", _("Please fill this in."))
    if not form.good:
        return _page(form, complaint_id), 422
    return redirect(url_for(".index"), 303)


@pages.get("/complaints/<complaint_id>/<int:number>.jpg")
def photo(complaint_id: str, number: int) -> AnyResponse:
    """One photo: for the hub, and for makers to whom the complaint was passed on."""
    db, person = here().ledger.reading, me()
    if person.role is Role.MAKER and complaint_id not in {
        each.id for each in complaints.told_to(db, person.node)
    }:
        abort(403)
    return Response(complaints.photo(db, complaint_id, number), mimetype="image/jpeg")
