"""The hub: what comes today and what is late; what a steward asks of lots before they leave."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from jobs.coordinator import hub
from jobs.first_mile import comes_today, is_late
from jobs.hub import Scope
from jobs.ledger import first_mile
from jobs.ledger import hub as gates
from web.auth import me
from web.context import here
from web.forms import Form, rule_from
from web.language import gettext as _
from web.titles import own_title

pages = Blueprint("hub", __name__)


@pages.get("/hub")
def index() -> str:
    """What comes today, what is late, and what comes later."""
    context = here()
    now, today = context.now(), context.today()
    zone = ZoneInfo(context.settings.timezone)
    found = first_mile.open_pickups(context.ledger.reading)
    late = [each for each in found if is_late(each.state, each.ready_at, now)]
    soon = [each for each in found if comes_today(each.state, each.ready_at, today, zone)]
    return render_template(
        "hub.html",
        late=late,
        today=[each for each in soon if each not in late],
        later=[each for each in found if each not in soon],
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
