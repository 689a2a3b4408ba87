"""What a person is told, where and when; and the link that ends it without signing in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import telling
from jobs.errors import InvalidFieldError, NotFoundError
from jobs.ledger import notices
from jobs.ledger.notices import NoticeState
from jobs.model import Role
from jobs.notice_kinds import CHOICES, Kind
from jobs.telling import Listener
from web.auth import me
from web.context import here
from web.forms import Form, telling_form, telling_from
from web.language import gettext as _
from web.language import language, lazy_gettext
from web.letters import is_sent_to, read_stop_token
from web.sentences import said_here

pages = Blueprint("telling", __name__)

_LATELY = timedelta(days=7)

#: What each kind is, for who chooses.
KINDS = {
    Kind.ALARM: lazy_gettext(
        "Something went wrong: a printer may still be hot. At any hour, at once"
    ),
    Kind.OFFERS: lazy_gettext("Plates wait for my answer. Every four hours at most"),
    Kind.BEDS: lazy_gettext("A bed is to be cleared and counted. Every two hours at most"),
    Kind.ADVICE: lazy_gettext("A hospital has complained of our pieces, with advice"),
    Kind.HUB: lazy_gettext(
        "Bags to fetch, lots to inspect, parcels to pack. Every four hours at most"
    ),
    Kind.TEAM: lazy_gettext("Requests to confirm, workshops to let in. Every hour at most"),
    Kind.DIGEST: lazy_gettext("Once a day, all that waits. Nothing where nothing waits"),
}
#: What a letter that was sent is called.
LETTERS = {
    Kind.ALARM: lazy_gettext("alarm"),
    Kind.OFFERS: lazy_gettext("plates to answer"),
    Kind.BEDS: lazy_gettext("beds to clear"),
    Kind.ADVICE: lazy_gettext("advice on pieces"),
    Kind.HUB: lazy_gettext("work at the hub"),
    Kind.TEAM: lazy_gettext("requests to answer"),
    Kind.DIGEST: lazy_gettext("the day’s summary"),
    Kind.HELLO: lazy_gettext("first letter to an address"),
    Kind.ORDER_ASKED: lazy_gettext("to a requester: the request is here"),
    Kind.ORDER_CONFIRMED: lazy_gettext("to a requester: confirmed"),
    Kind.ORDER_REFUSED: lazy_gettext("to a requester: refused"),
    Kind.ORDER_SENT: lazy_gettext("to a requester: a parcel is on its way"),
    Kind.ORDER_HANDED: lazy_gettext("to a requester: a parcel was handed over"),
    Kind.ORDER_RECALLED: lazy_gettext("to a requester: pieces are called back"),
    Kind.ORDER_NEED: lazy_gettext("to a requester: is it still needed?"),
    Kind.ORDER_CANCELLED: lazy_gettext("to a requester: cancelled"),
}
STATES = {
    NoticeState.WAITING: lazy_gettext("waits"),
    NoticeState.SENT: lazy_gettext("sent"),
    NoticeState.REFUSED: lazy_gettext("refused for good"),
    NoticeState.LATE: lazy_gettext("too late to be of use"),
    NoticeState.DROPPED: lazy_gettext("not sent: the choice has changed"),
}


@pages.route("/told", methods=["GET", "POST"])
def choice() -> str | AnyResponse | tuple[str, int]:
    """Choose what I am told."""
    context, person = here(), me()
    before = telling.choice_of(context.ledger, person.login)
    if notices.listener(context.ledger.reading, person.login) is None:
        before = replace(before, language=language())
    if request.method == "GET":
        return _page(before, Form(telling_form(before)))
    form = Form(request.form)
    wanted = telling_from(form, before)
    if form.good:
        try:
            telling.choose(context.ledger, wanted, context.now())
        except InvalidFieldError as error:
            form.wrong(error.field, _wrong(error))
        else:
            # New addresses are written to, so the limit counts them.
            ways = {before.address, before.webhook, ""}
            g.placed = not {wanted.address, wanted.webhook} <= ways
            return redirect(url_for(".choice", saved="yes"), 303)
    return _page(before, form), 422


def _wrong(error: InvalidFieldError) -> str:
    if error.field == "address":
        return _("Please write an address like awa@example.org.")
    if error.field == "webhook":
        return _("Please write an address like https://ntfy.example/topic.")
    return said_here(error.why)


def _page(before: Listener, form: Form) -> str:
    context = here()
    db = context.ledger.reading
    steward = before.role is Role.STEWARD
    return render_template(
        "telling.html",
        form=form,
        choices=CHOICES[before.role],
        chosen=before,
        kind_words=KINDS,
        letter_words=LETTERS,
        notice_states=STATES,
        letters=notices.last_to(db, before.login),
        unsent=notices.unsent(db, context.now() - _LATELY) if steward else (),
        saved=request.args.get("saved") == "yes",
        tells=context.settings.tells,
    )


@pages.route("/told/stop/<token>", methods=["GET", "POST"])
def stop(token: str) -> str:
    """End all letters to a reader: by a button here, or by her mail program's (RFC 8058).

    A GET changes nothing, since programs that look for bad links open all of them.
    """
    context = here()
    found = read_stop_token(context.settings.secret_key, token)
    if found is None:
        raise NotFoundError("letter", "of this link")
    if request.method == "POST" and found.order_id:
        telling.stop_order(context.ledger, found.order_id, context.now())
    elif request.method == "POST":
        known = notices.listener(context.ledger.reading, found.login)
        # An address that is not hers any more gets nothing: so it is, as its reader wishes.
        if known and any(is_sent_to(found.to, at) for at in (known.address, known.webhook)):
            telling.stop(context.ledger, found.login, context.now())
    done = request.method == "POST"
    return render_template("told_stop.html", done=done, of_order=bool(found.order_id))
