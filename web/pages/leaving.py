"""Leaving the network and being forgotten: what goes, what stays, and two steps before it is done."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import leaving
from jobs.errors import RefusedError
from jobs.ledger import labs
from jobs.lifecycle import TO_HARVEST
from web.auth import check_password, end_session, me
from web.context import here
from web.forms import Form
from web.language import gettext as _
from web.sentences import said_here

pages = Blueprint("leaving", __name__)


@pages.route("/leave", methods=["GET", "POST"])
def leave() -> str | AnyResponse | tuple[str, int]:
    """Say what goes and what stays; ask once more, with the password; then forget."""
    form = Form(request.form)
    if request.method == "GET" or form["step"] not in ("ask", "erase"):
        return _page("read", Form())
    if form["step"] == "ask":
        return _page("ask", Form())
    person, context = me(), here()
    if form["sure"] != "yes":
        form.wrong("sure", _("Please say that you are sure."))
    if check_password(person.login, form["password"]) is None:
        form.wrong("password", _("This is not your password."))
    form.typed.pop("password", None)
    if not form.good:
        return _page("ask", form), 422
    try:
        name = leaving.leave(context.ledger, person.login, context.now())
    except RefusedError as error:
        # A plate was started while this page was open: it stands on the page, with what to do.
        form.wrong("sure", said_here(str(error)))
        return _page("ask", form), 409
    end_session()
    return render_template("left.html", name=name)


def _page(step: str, form: Form) -> str:
    person, context = me(), here()
    db = context.ledger.reading
    last = leaving.is_last(db, person.login)
    plates = leaving.to_finish(db, person.node) if last else ()
    titles = {key: facts.title for key, facts in labs.printers(db).items()}
    return render_template(
        "leave.html",
        step="read" if plates else step,
        last=last,
        plates=plates,
        to_count=TO_HARVEST,
        titles=titles,
        node=person.node,
        form=form,
    )
