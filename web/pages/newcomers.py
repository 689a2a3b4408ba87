"""A maker who was invited: with a computer of her own, or with a phone only.

An invitation opens here. With a computer she gets the one line to paste; with a phone a short form,
of printers that she feeds or of what she does by hand, of which a hosted node comes. Leaves making
the invitation, and letting the node in, to `web.pages.members`.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from designs.materials import materials
from designs.model import BY_PEOPLE
from firmware_profiles.loader import all_machines
from firmware_profiles.profile import MachinePreset
from jobs.coordinator import enrolment
from jobs.coordinator.nodes import MOST_SPOOL_G
from jobs.errors import InvalidFieldError, RefusedError
from jobs.joining import (
    LEAST_PASSWORD,
    NO_CERTIFICATE,
    PUBLIC_CERTIFICATE,
    HandPrinter,
    Hosted,
    JoinCode,
    Newcomer,
    Standing,
    UsedCodeError,
    rounded,
)
from jobs.ledger import members
from web.auth import (
    LOGIN,
    begin_session,
    check_password,
    hash_password,
    me,
    signed_in,
)
from web.context import here
from web.errors import Trouble, answer
from web.feeds import WHOLE, Feed
from web.forms import Form, hours_from
from web.language import gettext as _
from web.language import lazy_gettext
from web.own_code import wheel
from web.rates import rate_from
from web.streaming import stream

pages = Blueprint("newcomers", __name__)

#: Printers that the form has room for; more are added by the coordination team.
_MOST_PRINTERS = 3
_PLACE = re.compile(r"(-?[0-9]{1,3}(?:\.[0-9]{1,8})?)[,; ]+(-?[0-9]{1,3}(?:\.[0-9]{1,8})?)")
_WITH_COMPUTER, _BY_HAND, _HANDS = "computer", "phone", "hands"
#: What a machine is called in its maker's language.
_MACHINES = {
    "SEW": lazy_gettext("Sewing machine"),
    "LAS": lazy_gettext("Laser cutter"),
    "ASM": lazy_gettext("Assembling by hand"),
}
_FIRST = {"mode": "same", "from": "08:00", "to": "20:00"}


@pages.route("/join/<token>", methods=["GET", "POST"])
def join(token: str) -> str | AnyResponse | tuple[str, int]:
    """What an invitation leads to. Looking at it does not use it up."""
    context = here()
    form = Form(request.form) if request.method == "POST" else None
    try:
        lab = enrolment.invitation(context.ledger, token, context.now())
        if form is None:
            return _geolocated(_page(token, Form({"lab": lab} | _FIRST)))
        asked = _newcomer(form)
        if asked is not None:
            node = enrolment.join_by_hand(context.ledger, token, asked, context.now())
            return _come_in(asked.login, form["password"], node)
    except UsedCodeError as error:
        return _come_back(form, error.node)
    except InvalidFieldError as error:
        form = form or Form()
        form.wrong(error.field, _("Somebody has this login already: please choose another one."))
    except RefusedError:
        return _closed()
    if form["password"] and "password" not in form.errors:
        form.wrong("password", _("Type it once more, please: a page does not keep a password."))
    return _page(token, form, _HANDS if form["way"] == _HANDS else _BY_HAND), 422


def _come_in(login: str, password: str, node: str) -> AnyResponse:
    found = check_password(login, password)
    if found is None or found.node != node:
        return _closed()
    begin_session(found)
    return redirect(url_for(".welcome"), 303)


def _come_back(form: Form | None, node: str) -> AnyResponse:
    """The invitation was used: whoever used it gets the same answer again."""
    if form is not None:
        return _come_in(_login_of(form), form["password"], node)
    found = signed_in()
    if found is not None and found.node == node:
        return redirect(url_for(".welcome"), 303)
    return _closed()


def _closed() -> Response:
    return answer(
        Trouble(
            status=409,
            title=_("This invitation cannot be used"),
            advice=_(
                "It is good once, for a short time, and may be withdrawn. If you have joined with it,"
                " sign in. If not, ask the coordination team for a new one."
            ),
        )
    )


def _geolocated(page: str) -> Response:
    """Let this page alone ask where the phone is; every other page has it shut off."""
    response = make_response(page)
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(self), microphone=()"
    return response


def _page(token: str, form: Form, way: str = "") -> str:
    settings = here().settings
    way = way or request.args.get("with", "")
    code = JoinCode(url=settings.public_url, token=token, pin=settings.pin)
    return render_template(
        "newcomer.html",
        form=form,
        token=token,
        way=way,
        install=_install() if way == _WITH_COMPUTER else "",
        command=f'fabnet node join "{code}"',
        makes=_makes(),
        slots=range(1, _MOST_PRINTERS + 1),
        materials=_materials(),
        least_password=LEAST_PASSWORD,
    )


def _makes() -> list[tuple[str, list[MachinePreset]]]:
    """Return the printers by who makes them; makers with one of them stand together, plain sizes last."""
    by_make: dict[str, list[MachinePreset]] = {}
    for preset in all_machines():
        make = preset.title.removeprefix("Original ").split()[0]
        by_make.setdefault("" if preset.name.startswith("generic-") else make, []).append(preset)
    sizes = by_make.pop("", [])
    many = [(make, found) for make, found in sorted(by_make.items()) if len(found) > 1]
    single = [found[0] for _make, found in sorted(by_make.items()) if len(found) == 1]
    names = ", ".join(make for make, found in sorted(by_make.items()) if len(found) == 1)
    found = [*many, (names, single), (_("Another one, by the size of its bed"), sizes)]
    return [(words, presets) for words, presets in found if presets]


def _install() -> str:
    settings, code = here().settings, wheel()
    # A certificate of the network's own is known to no pip.
    known = settings.pin in (PUBLIC_CERTIFICATE, NO_CERTIFICATE)
    host = "" if known else urlsplit(settings.public_url).netloc
    return code.install_line(settings.public_url + url_for(".own_code", name=code.name), host)


@pages.get("/code/<name>")
def own_code(name: str) -> AnyResponse:
    """The program of this network: for who joins with a computer, and for whoever wants its source."""
    code = wheel()
    if name != code.name:
        abort(404)
    answer = Response(code.data, mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{code.name}"'
    answer.set_etag(code.sha256)
    return answer.make_conditional(request)


def _materials() -> list[tuple[str, str]]:
    """Return what may be loaded: materials that some design may be made of."""
    asked = {
        code for r in here().library.revisions() for part in r.parts for code in part.materials
    }
    return [(m.code, m.title) for m in materials().values() if m.code in asked or not asked]


def _login_of(form: Form) -> str:
    return form["login"].strip().lower()


def _newcomer(form: Form) -> Newcomer | None:
    """Read the form; None when something is wrong with it."""
    lab, login, town = form.text("lab", 80), _login_of(form), form.text("town", 80)
    if not LOGIN.fullmatch(login):
        form.wrong("login", _("2 to 32 of a to z, 0 to 9, dots and hyphens, please."))
    if len(form["password"]) < LEAST_PASSWORD:
        least = _("At least %(least)s characters, please.", least=LEAST_PASSWORD)
        form.wrong("password", least)
    hands = form["way"] == _HANDS
    printers = _hands(form) if hands else _printers(form)
    place, attended = _place(form), hours_from(form)
    if form["stays"] != "yes" and (not hands or form["process"] == "LAS"):
        form.wrong(
            "stays",
            _("Without this nobody may cut for the network.")
            if hands
            else _("Without this nobody may print for the network."),
        )
    if not form.good:
        return None
    return Newcomer(
        lab=lab,
        login=login,
        password_hash=hash_password(form["password"]),
        hosted=Hosted(town=town, place=place, attended=attended, printers=printers),
    )


def _place(form: Form) -> tuple[float, float] | None:
    text = form["place"].strip()
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    place = (float(found[1]), float(found[2])) if found else (999.0, 999.0)
    if abs(place[0]) > 90 or abs(place[1]) > 180:  # noqa: PLR2004 - degrees on the Earth
        form.wrong("place", _("Please write two numbers like 48.40, -4.50, or leave it empty."))
        return None
    return rounded(place)


def _hands(form: Form) -> tuple[HandPrinter, ...]:
    """Read what a person does without a printer, and how many pieces an hour."""
    process = form["process"]
    if process not in BY_PEOPLE:
        form.wrong("process", _("Please say what you do."))
    rate = rate_from(form, "rate")
    title = str(_MACHINES.get(process, ""))
    hers = HandPrinter(
        preset="", material="", grams=0.0, process=process, rate_per_h=rate, title=title
    )
    return (hers,)


def _printers(form: Form) -> tuple[HandPrinter, ...]:
    """Read the printers; a slot in which nothing was chosen is none."""
    known = {preset.name: preset for preset in all_machines()}
    chosen = [slot for slot in range(1, _MOST_PRINTERS + 1) if form[f"preset_{slot}"]]
    if not chosen:
        form.wrong("preset_1", _("Please choose your printer, or one of the same size."))
    return tuple(_printer(form, slot, known) for slot in chosen)


def _printer(form: Form, slot: int, known: dict[str, MachinePreset]) -> HandPrinter:
    preset = form.choice(f"preset_{slot}", known)
    material = form.choice(f"material_{slot}", ("", *materials()))
    if preset in known and material and material not in known[preset].materials:
        form.wrong(f"material_{slot}", _("This printer does not print that as it is sold."))
    grams = 0
    if material:
        grams = form.whole(f"grams_{slot}", 1, int(MOST_SPOOL_G))
    return HandPrinter(preset=preset, material=material, grams=float(grams))


@pages.get("/welcome")
def welcome() -> str:
    """How a maker who has joined stands, and what comes next."""
    node = members.member(here().ledger.reading, me().node)
    return render_template(
        "welcome.html",
        node=node,
        pending=node.standing is Standing.PENDING,
        version=_feed(node.id).refresh(),
    )


@pages.get("/welcome/live")
def welcome_live() -> Response:
    """Tell the open page that the node has got its key, or was let in."""
    return stream(_feed(me().node))


def _feed(node: str) -> Feed:
    ledger = here().ledger

    def look() -> dict[str, object]:
        found = members.member(ledger.reading, node)
        return {WHOLE: (found.standing, bool(found.public_key))}

    return here().streams.feed(("welcome", node), look)
