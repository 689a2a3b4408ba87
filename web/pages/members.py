"""Who belongs to the network: let a lab in, compare its fingerprint, shut a node out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from firmware_profiles.loader import all_machines
from jobs.coordinator import enrolment, restoring
from jobs.coordinator.enrolment import INVITE_HOURS
from jobs.errors import InvalidFieldError
from jobs.joining import JoinCode, Standing, may_join
from jobs.ledger import members
from web.auth import me
from web.context import here
from web.forms import Form
from web.language import gettext as _

pages = Blueprint("members", __name__)


@pages.get("/members")
def index() -> str:
    """All nodes: those that wait first; and the form that lets a lab in."""
    return _page(Form(), Form())


def _page(inviting: Form, revoking: Form, code: str = "", lab: str = "", link: str = "") -> str:
    context = here()
    db = context.ledger.reading
    found = members.members(db)
    return render_template(
        "members.html",
        pending=[each for each in found if each.standing is Standing.PENDING],
        confirmed=[each for each in found if each.standing is Standing.CONFIRMED],
        revoked=[each for each in found if each.standing is Standing.REVOKED],
        invites=members.open_invites(db, context.now()),
        inviting=inviting,
        revoking=revoking,
        code=code,
        link=link,
        hosted={each.id: each.facts for each in members.hosted(db)},
        lab=lab,
        hours=INVITE_HOURS,
        machine_titles={preset.name: preset.title for preset in all_machines()},
    )


@pages.post("/members/invite")
def invite() -> str | tuple[str, int]:
    """Show the link and the code that let a lab in: once, since nobody keeps them."""
    context = here()
    form = Form(request.form)
    settings = context.settings
    lab = form.text("lab", 80)
    if not may_join(settings.public_url, settings.pin):
        form.wrong("lab", _("Nobody can join yet: this site has to be served over https."))
    token = ""
    if form.good:
        try:
            token = enrolment.invite(context.ledger, lab, me().login, context.now())
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _page(form, Form()), 422
    code = JoinCode(url=settings.public_url, token=token, pin=settings.pin)
    return _page(Form(), Form(), str(code), lab, f"{settings.public_url}/join/{token}")


@pages.post("/members/invitations/<invite_id>/withdraw")
def uninvite(invite_id: str) -> AnyResponse:
    """End an invitation that nobody has used: its link went to the wrong people."""
    context = here()
    enrolment.uninvite(context.ledger, invite_id, me().login, context.now())
    return redirect(url_for(".index") + "#invite", 303)


@pages.post("/members/<node>/confirm")
def confirm(node: str) -> AnyResponse:
    """The fingerprints on both screens are the same."""
    context = here()
    seen = Form(request.form)["fingerprint"]
    enrolment.confirm(context.ledger, node, seen, me().login, context.now())
    return redirect(url_for(".index"), 303)


@pages.post("/members/<node>/revoke")
def revoke(node: str) -> AnyResponse | tuple[str, int]:
    """Shut a node out for good."""
    context = here()
    form = Form(request.form)
    form.typed["node"] = node
    reason = form.text("reason")
    if not form.good:
        return _page(Form(), form), 422
    enrolment.revoke(context.ledger, node, reason, me().login, context.now())
    return redirect(url_for(".index"), 303)


@pages.post("/members/<node>/rotate")
def rotate(node: str) -> AnyResponse:
    """Ask a node to make a new password."""
    context = here()
    enrolment.ask_to_rotate(context.ledger, node, me().login, context.now())
    return redirect(url_for(".index"), 303)


@pages.post("/members/<node>/go-on-without")
def go_on_without(node: str) -> AnyResponse:
    """After the ledger was put back: wait no longer for what this node has done meanwhile."""
    context = here()
    restoring.go_on_without(context.ledger, node, me().login, context.now())
    return redirect(url_for("people.waiting"), 303)
