"""Photos of a lot: for the hub and the people of the workshop that made it, and for nobody else.

A photo shows a table in somebody's home: who holds the bag, and the hospital, read of the lot what its
page says in words.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import lot_photos as deeds
from jobs.errors import InvalidFieldError
from jobs.ledger import lot_photos, views
from jobs.ledger.lot_photos import LotPhoto
from jobs.ledger.views import LotView
from jobs.model import Role
from web import photos
from web.auth import me, only_at
from web.context import here
from web.forms import Form
from web.hub_forms import photos_from

pages = Blueprint("lot_photos", __name__)


@pages.url_value_preprocessor
def _allow_photos(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Let photos be as large as telephones make them, before anything reads the form."""
    if endpoint == "lot_photos.add":
        request.max_content_length = deeds.MOST_AT_ONCE * photos.MOST_BYTES + (1 << 20)


def _mine(code: str) -> LotView:
    """Return a lot whose photos the one who is signed in may see: a maker her own lab's."""
    found = views.lot(here().ledger.reading, code)
    only_at(found.attempt.node)
    return found


def may_remove(each: LotPhoto) -> bool:
    """Whether the one who asks may take a photo away: who took it, and a steward."""
    return each.by == me().login or me().role is Role.STEWARD


@pages.get("/l/<code>/photos")
def show(code: str) -> str:
    """The photos of a lot, and the form for more."""
    return _page(_mine(code), Form())


def _page(found: LotView, form: Form, kept: int = 0) -> str:
    taken = lot_photos.of_lot(here().ledger.reading, found.code)
    return render_template(
        "lot_photos.html",
        lot=found,
        photos=taken,
        removable={each.number for each in taken if may_remove(each)} if not found.recall else (),
        room=min(deeds.MOST_AT_ONCE, deeds.MOST_PHOTOS - len(taken)),
        most=deeds.MOST_PHOTOS,
        form=form,
        kept=kept,
    )


@pages.post("/l/<code>/photos")
def add(code: str) -> AnyResponse | tuple[str, int]:
    """Keep photos; those that can be read are kept where others cannot."""
    context, found = here(), _mine(code)
    form = Form(request.form)
    taken = photos_from(form, deeds.MOST_AT_ONCE, needed=True)
    kept = 0
    try:
        kept = deeds.add(context.ledger, found.code, taken, me().login, context.now())
    except InvalidFieldError as error:
        form.refused(error)
    if not form.good:
        return _page(found, form, kept), 422
    return redirect(url_for(".show", code=found.code), 303)


@pages.get("/l/<code>/photos/<int:number>.jpg")
def picture(code: str, number: int) -> AnyResponse:
    """One photo."""
    found = _mine(code)
    jpeg = lot_photos.picture(here().ledger.reading, found.code, number)
    return Response(jpeg, mimetype="image/jpeg")


@pages.post("/l/<code>/photos/<int:number>/remove")
def remove(code: str, number: int) -> AnyResponse:
    """Take one away."""
    context, found = here(), _mine(code)
    if not may_remove(lot_photos.photo(context.ledger.reading, found.code, number)):
        abort(403)
    deeds.remove(context.ledger, found.code, number, me().login, context.now())
    return redirect(url_for(".show", code=found.code), 303)
