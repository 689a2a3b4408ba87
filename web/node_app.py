"""The page of one node, for its owner: on her telephone, in her own network, also without Internet.

Served by the node's own process. Shows what `jobs.owner` says and puts wishes on the node's desk; it
knows no ledger. One owner, one password, no JavaScript.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol

from flask import (
    Flask,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from jobs.errors import InvalidFieldError, JobError, NotFoundError
from jobs.lifecycle import AttemptState
from jobs.owner import Begin, Clear, Count, GiveBack, Look, NodeView, Pause, PlateView, Wish
from web import language, words
from web.forms import REFUSALS, SCRAP_REASONS, Form, attempt_ref, harvest_from, refusal_from
from web.language import gettext as _
from web.serving import Server, make_server

__all__ = ["NodeSettings", "create_node_app", "secret_key", "serve_node"]

PUBLIC: Final = "public"
OWNER: Final = "owner"
#: Every endpoint has a line; one without is refused.
NODE_PERMISSIONS: Mapping[str, Literal["public", "owner"]] = MappingProxyType(
    {
        "static": PUBLIC,
        "healthz": PUBLIC,
        "sign_in": PUBLIC,
        "sign_out": OWNER,
        "home": OWNER,
        "count": OWNER,
        "clear": OWNER,
        "start": OWNER,
        "give_back": OWNER,
        "pause": OWNER,
    }
)
_THREADS = 4
_MOST_BYTES = 64 * 1024
_SESSION = timedelta(hours=12)
_MOST_FAILURES = 10
_FAILURE_LIFE = timedelta(minutes=10)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Desk(Protocol):
    """Where wishes are answered."""

    def ask(self, wish: Wish) -> NodeView:
        """Return how things stand after the wish.

        Raises:
            JobError: it is refused, with a sentence why.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """What the node's configuration says of its page."""

    secret_key: bytes
    lab: str
    password: str = ""  # "": nobody is asked; for a page that only this machine can reach
    host: str = "127.0.0.1"  # address that it listens on


@dataclass(slots=True, kw_only=True)
class _Context:
    desk: Desk
    clock: Callable[[], datetime]
    settings: NodeSettings
    lock: threading.Lock
    failures: list[datetime]


def secret_key(path: Path) -> bytes:
    """Return the key that signs sessions and form tokens; made, for the owner's eyes, where missing."""
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        fresh.replace(path)
    return path.read_bytes()


def create_node_app(desk: Desk, clock: Callable[[], datetime], settings: NodeSettings) -> Flask:
    """Return the application.

    Args:
        desk: answers wishes, on any thread.
        clock: aware UTC.
        settings: from the node's configuration.
    """
    app = Flask("web")
    app.config.update(
        SECRET_KEY=settings.secret_key,
        # Cookies know no ports: this one must not be the coordinator's on the same machine.
        SESSION_COOKIE_NAME="fabnet-node",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SESSION,
        MAX_CONTENT_LENGTH=_MOST_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.extensions["fabnet-node"] = _Context(
        desk=desk, clock=clock, settings=settings, lock=threading.Lock(), failures=[]
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    language.register(app, "UTC")
    words.register(app)
    app.before_request(_guard)
    CSRFProtect(app)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(JobError, _on_refused)
    app.add_template_filter(_clock, "clock")
    app.context_processor(_frame)
    app.after_request(_finish)
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    for path, view, methods in (
        ("/", home, ["GET"]),
        ("/sign-in", sign_in, ["GET", "POST"]),
        ("/sign-out", sign_out, ["POST"]),
        ("/count/<ref>", count, ["GET", "POST"]),
        ("/beds/<printer>/clear", clear, ["POST"]),
        ("/plates/<ref>/start", start, ["POST"]),
        ("/plates/<ref>/give-back", give_back, ["POST"]),
        ("/pause", pause, ["POST"]),
    ):
        app.add_url_rule(path, view.__name__, view, methods=methods)
    return app


def _here() -> _Context:
    found: _Context = current_app.extensions["fabnet-node"]
    return found


def _look() -> NodeView:
    return _here().desk.ask(Look())


# --- who may ask --------------------------------------------------------------------------------


def _stamp() -> str:
    """Return what ties a session to the password: it ends when that changes."""
    return hashlib.sha256(_here().settings.password.encode()).hexdigest()[:16]


def _is_owner() -> bool:
    return not _here().settings.password or session.get("owner") == _stamp()


def _guard() -> AnyResponse | None:
    if not _is_our_name(request.host, _here().settings.host):
        abort(403)
    if request.endpoint is None:
        return None
    rule = NODE_PERMISSIONS.get(request.endpoint)
    if rule == PUBLIC or (rule == OWNER and _is_owner()):
        return None
    if rule is None:
        abort(403)
    return redirect(url_for("sign_in"), 303)


def _is_our_name(host: str, listens: str) -> bool:
    """Whether a page that only this machine reaches was asked for by a name of this machine.

    Else any site could give its own name this machine's address, and read the page.
    """
    if not _is_loopback(listens):
        return True
    return _is_loopback(
        host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host[1:-1]
    )


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def sign_in() -> str | AnyResponse | tuple[str, int]:
    """Sign in with the page's password."""
    context, form = _here(), Form(request.form)
    if request.method == "GET":
        return render_template("node_sign_in.html", form=form)
    now = context.clock()
    with context.lock:
        context.failures[:] = [at for at in context.failures if now - at < _FAILURE_LIFE]
        if len(context.failures) >= _MOST_FAILURES:
            abort(429)
        typed = form["password"].encode()
        good = hmac.compare_digest(typed, context.settings.password.encode())
        if not good:
            context.failures.append(now)
    if not good:
        form.typed.clear()
        form.wrong("password", _("This is not the password."))
        return render_template("node_sign_in.html", form=form), 422
    session.clear()
    session.permanent = True
    session["owner"] = _stamp()
    return redirect(url_for("home"), 303)


def sign_out() -> AnyResponse:
    """Sign out."""
    session.clear()
    return redirect(url_for("sign_in"), 303)


# --- pages --------------------------------------------------------------------------------------


def home() -> str:
    """Link, what waits for the owner, beds, plates."""
    return _home(_look())


def _home(view: NodeView, asked: str = "", form: Form | None = None) -> str:
    """The page; with the form of the plate `asked` as it was typed."""
    trying = {each.printer for each in view.trials if each.result is None}
    return render_template(
        "node_home.html",
        view=view,
        counts=[plate for plate in view.plates if plate.countable],
        opens=[plate for plate in view.plates if plate.opens_until is not None],
        unclear=[
            bed
            for bed in view.beds
            if not (bed.clear or bed.attempt is not None or bed.printer in trying)
        ],
        by_ref={plate.attempt: plate for plate in view.plates},
        titles={bed.printer: bed.title for bed in view.beds},
        refusals=REFUSALS,
        asked=asked,
        form=form or Form(),
    )


def _plate(view: NodeView, ref: str) -> PlateView:
    found = next((p for p in view.plates if p.attempt == attempt_ref(ref)), None)
    if found is None:
        raise NotFoundError("plate", ref)
    return found


def count(ref: str) -> str | AnyResponse | tuple[str, int]:
    """Count good and scrap; that clears the bed."""
    view = _look()
    plate = _plate(view, ref)
    if request.method == "GET":
        whole = plate.state in (AttemptState.PRINTED, AttemptState.PRINTING)
        typed = {"good": str(plate.pieces if whole else 0), "scrap": "0"}
        return _count_page(view, plate, Form(typed))
    form = Form(request.form)
    good, scrap, reason = harvest_from(form, plate.pieces)
    if form.good:
        try:
            _here().desk.ask(Count(attempt=plate.attempt, good=good, scrap=scrap, reason=reason))
        except InvalidFieldError as error:
            form.refused(error)
    if not form.good:
        return _count_page(view, plate, form), 422
    return redirect(url_for("home"), 303)


def _count_page(view: NodeView, plate: PlateView, form: Form) -> str:
    bed = next((bed for bed in view.beds if bed.printer == plate.printer), None)
    return render_template(
        "node_count.html",
        plate=plate,
        printer=plate.printer if bed is None else bed.title,
        by_hand=bed is not None and bed.by_hand,
        form=form,
        reasons=SCRAP_REASONS,
        most=plate.pieces * 10,
    )


def clear(printer: str) -> AnyResponse:
    """The bed is clear."""
    _here().desk.ask(Clear(printer=printer))
    return redirect(url_for("home"), 303)


def start(ref: str) -> AnyResponse:
    """Print what was granted before the node was started again."""
    _here().desk.ask(Begin(attempt=attempt_ref(ref)))
    return redirect(url_for("home"), 303)


def give_back(ref: str) -> AnyResponse | tuple[str, int]:
    """Let others make a plate."""
    form = Form(request.form)
    reason = refusal_from(form)
    if not form.good:
        return _home(_look(), ref, form), 422
    _here().desk.ask(GiveBack(attempt=attempt_ref(ref), reason=reason))
    return redirect(url_for("home"), 303)


def pause() -> AnyResponse:
    """Take no new work, or take it again."""
    _here().desk.ask(Pause(paused=request.form.get("paused") == "yes"))
    return redirect(url_for("home"), 303)


# --- what every page has ------------------------------------------------------------------------


def _clock(at: datetime) -> str:
    """Return a time as the clock beside the printers shows it, with the day where it is another."""
    local, now = at.astimezone(), _here().clock().astimezone()
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%d.%m. %H:%M}"


def _frame() -> dict[str, object]:
    settings = _here().settings
    return {
        "language": language.language(),
        "lab_name": settings.lab,
        "signed_in_owner": bool(settings.password) and _is_owner(),
    }


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    chosen = request.args.get("lang")
    if chosen in language.LANGUAGES:
        response.set_cookie("lang", chosen, max_age=31536000, samesite="Lax", httponly=True)
    return response


def _on_refused(error: JobError) -> tuple[str, int]:
    missing = isinstance(error, NotFoundError)
    title = _("There is nothing here") if missing else _("That is not possible now")
    return render_template(
        "node_error.html", title=title, detail=str(error)
    ), 404 if missing else 409


def _on_http(error: HTTPException) -> tuple[str, int] | Response:
    status = error.code or 500
    if status < 400 and error.response is not None:  # noqa: PLR2004 - HTTP
        return Response(error.get_body(), status, error.get_headers())
    titles = {
        403: _("This is not yours to do"),
        404: _("There is nothing here"),
        429: _("Too many attempts from here"),
    }
    title = titles.get(status, _("The form could not be read"))
    return render_template("node_error.html", title=title, detail=""), status


def serve_node(app: Flask, host: str, port: int) -> Server:
    """Return a server that listens on host (an address) and port; port 0 takes a free one.

    Raises:
        OSError: the address is taken or not ours.
    """
    return make_server(app, host, port, threads=_THREADS)
