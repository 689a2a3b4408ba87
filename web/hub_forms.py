"""What is typed at the hub and for a run, as values: bags, counts, goods, rules, photos. See `web.forms`."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import request

from jobs.errors import NotFoundError
from jobs.first_mile import MOST_GOODS, MOST_GRAMS, MOST_QUANTITY, Goods
from jobs.hub import FAULTS, MOST_HOLD_H, Rule, Scope
from jobs.ledger import views
from jobs.lot_code import code_in, is_misread
from web import photos
from web.forms import LOSSES, Form, minutes_from
from web.language import gettext as _


def bags_from(form: Form, codes: Collection[str]) -> tuple[str, ...]:
    """Read which bags are ticked; use them only if the form is good."""
    chosen = tuple(code for code in codes if form[f"bag_{code}"] == "yes")
    if not chosen:
        form.wrong("bags", _("Please tick at least one bag."))
    return chosen


def moment_from(form: Form, day: str, clock: str, zone: ZoneInfo) -> datetime | None:
    """Read a day and a time by the clock on the wall; None, with an error, where it is none."""
    minutes = minutes_from(form, clock)
    try:
        at = date.fromisoformat(form[day].strip())
    except ValueError:
        form.wrong(day, _("Please choose a day."))
        return None
    return datetime(at.year, at.month, at.day, minutes // 60, minutes % 60, tzinfo=zone)


def goods_from(form: Form, codes: Collection[str]) -> Goods:
    """Read one line of what travels to a workshop; use it only if the form is good."""
    grams = form.whole("grams", 0, int(MOST_GRAMS)) if form["grams"].strip() else 0
    return Goods(
        text=form.text("goods", MOST_GOODS),
        quantity=form.whole("quantity", 1, MOST_QUANTITY),
        material=form.choice("material", ("", *codes)),
        grams=float(grams),
    )


def inspection_from(form: Form, good: int) -> tuple[int, int, str]:
    """Read accepted, rejected and reason of one lot; use them only if the form is good."""
    accepted = form.whole("accepted", 0, good)
    rejected = form.whole("rejected", 0, good)
    if form.good and accepted + rejected != good:
        form.wrong("accepted", _("Accepted and rejected together must make %(good)s.", good=good))
    return accepted, rejected, fault_from(form, "reason", needed=rejected > 0)


def fault_from(form: Form, name: str, *, needed: bool = True) -> str:
    """Read what is wrong with pieces: one of the faults that the page offers, or a person's words."""
    fault = form["fault"]
    if needed and fault in FAULTS:
        return fault
    words = form.text(name, needed=False)
    if needed and not words and name not in form.errors:
        form.wrong(name, _("Choose what is wrong above, or write it here."))
    return words


def loss_from(form: Form, good: int) -> tuple[int, str]:
    """Read how many pieces of a bag have come, and what happened to the others."""
    pieces = form.whole("pieces", 0, good)
    reason = form["loss"] if form["loss"] in LOSSES else form.text("loss_other", needed=False)
    if form.good and pieces < good and not reason:
        form.wrong("loss", _("Say what happened to the pieces that did not come."))
    return pieces, reason if pieces < good else ""


def rule_from(form: Form, scopes: Collection[str]) -> Rule:
    """Read what the hub asks of lots; use it only if the form is good.

    `scopes` are what a rule may be for, as "<scope>:<value>".
    """
    scope, _colon, value = form.choice("for", scopes).partition(":")
    second = form.choice("second", ("", "yes", "no"))
    hold = form["hold_h"].strip()
    return Rule(
        scope=Scope(scope) if form.good else Scope.ALL,
        value=value,
        hold_h=float(form.whole("hold_h", 0, MOST_HOLD_H)) if hold else None,
        second={"yes": True, "no": False}.get(second),
    )


def photos_from(form: Form, most: int, *, needed: bool = False) -> list[bytes]:
    """Read the photos that came with a form, without anything that telephones write behind them.

    Those that can be read are returned; the form has the error of the first that cannot.
    """
    sent = [each for each in request.files.getlist("photos") if each.filename]
    if len(sent) > most:
        form.wrong("photos", _("At most %(most)s photos.", most=most))
        return []
    if needed and not sent:
        form.wrong("photos", _("Please take or choose a photo first."))
    found = []
    for each in sent:
        try:
            found.append(photos.clean(each.stream.read(photos.MOST_BYTES + 1)))
        except photos.UnreadablePhotoError as error:
            form.wrong(
                "photos",
                _("A photo is too large.")
                if error.why == "too-large"
                else _("A file is no photo that can be read: JPEG, PNG or WebP, please."),
            )
    return found


def bag_from(form: Form, db: sqlite3.Connection) -> str:
    """Return the code of a bag that is known; "" where none was typed, or it is wrong."""
    code = code_in(form["lot"])
    if not code:
        return ""
    try:
        return views.lot(db, code).code
    except NotFoundError:
        known = _("There is no bag with this code. Is it of another network?")
        misread = _("A letter is not as on the label: compare them, 0 and O, 1 and I, 8 and B too.")
        form.wrong("lot", misread if is_misread(code) else known)
        return ""
