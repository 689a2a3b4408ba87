"""Signing in and out, and what waits for the one who has signed in."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.ledger import views
from jobs.ledger.views import Waiting
from web.auth import begin_session, check_password, end_session, me, safe_next
from web.context import here
from web.forms import Form
from web.language import gettext as _
from web.streaming import stream

pages = Blueprint("people", __name__)


@pages.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> str | AnyResponse | tuple[str, int]:
    """Sign in with login and password."""
    target = request.values.get("next", "")
    form = Form(request.form)
    if request.method == "GET":
        return render_template("sign_in.html", form=form, next=target)
    found = check_password(form["login"].strip(), form["password"])
    if found is None:
        form.typed.pop("password", None)
        form.wrong("login", _("Login and password do not match."))
        return render_template("sign_in.html", form=form, next=target), 422
    begin_session(found)
    return redirect(safe_next(target), 303)


@pages.post("/sign-out")
def sign_out() -> AnyResponse:
    """Sign out."""
    end_session()
    return redirect(url_for("requesters.home"), 303)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing that waits, with the names that people know it by."""

    waits: Waiting
    place: str  # the order's, "" where there is none
    printer: str  # its title, "" where there is none
    lab: str


def _tasks(waits: tuple[Waiting, ...]) -> list[Task]:
    db = here().ledger.reading
    printers = {
        f"{node.id}/{printer.facts.id}": (printer.facts.title, node.lab)
        for node in views.fleet(db)
        for printer in node.printers
    }
    places: Mapping[str, str] = {o.id: o.request.place for o in views.orders(db)}
    beds = _beds()
    tasks = []
    for each in waits:
        bed = each.key if each.kind == "clear" else beds.get(each.key, "")
        title, lab = printers.get(bed, (each.text if each.kind == "harvest" else "", ""))
        tasks.append(Task(waits=each, place=places.get(each.order_id, ""), printer=title, lab=lab))
    return tasks


def _beds() -> dict[str, str]:
    """Return the printer of every attempt that lies on one."""
    return {
        str(printer.attempt.ref): f"{node.id}/{printer.facts.id}"
        for node in views.fleet(here().ledger.reading)
        for printer in node.printers
        if printer.attempt is not None
    }


def _waits() -> tuple[Waiting, ...]:
    person = me()
    return views.waiting(here().ledger.reading, person.role, person.node)


def _word(waits: tuple[Waiting, ...]) -> str:
    return f"{zlib.crc32(repr(waits).encode()):08x}"


@pages.get("/waiting")
def waiting() -> str:
    """What waits for me."""
    waits = _waits()
    return render_template("waiting.html", tasks=_tasks(waits), version=_word(waits))


@pages.get("/waiting/live")
def waiting_live() -> Response:
    """Tell the open page that its list has changed."""
    person, ledger = me(), here().ledger
    return stream(
        lambda: _word(views.waiting(ledger.reading, person.role, person.node)),
        request.args.get("seen", ""),
    )
