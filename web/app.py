"""Puts the pages together into one application.

Leaves what is on a page to `web.pages`, serving it to `web.serving`, and processes and signals to
`fabnet.service`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

from flask import Flask, Response, g, request, session, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined

from designs.library import Library
from jobs.ledger.store import Ledger
from jobs.live import Live
from web import api, auth, codes, errors, joining, language, licences, words
from web.context import Context, HostedNodes, SliceDesk, WebSettings, here
from web.forms import Form
from web.pages import (
    claims,
    complaints,
    deliveries,
    depot,
    designs,
    estimates,
    fleet,
    given,
    harvests,
    hub,
    labs,
    leaving,
    lists,
    lot_photos,
    lots,
    members,
    newcomers,
    offers,
    orders,
    people,
    personal,
    pickups,
    rates,
    recalls,
    requesters,
    stops,
    telling,
    upkeep,
    what_if,
)
from web.serving import Server, make_server
from web.streams import Streams

__all__ = ["PAGES", "Server", "WebSettings", "create_app", "make_server"]

#: What is on the site, module by module.
PAGES = (
    requesters,
    people,
    orders,
    deliveries,
    depot,
    complaints,
    offers,
    stops,
    harvests,
    claims,
    lots,
    lot_photos,
    pickups,
    hub,
    rates,
    recalls,
    lists,
    personal,
    fleet,
    labs,
    upkeep,
    given,
    leaving,
    members,
    newcomers,
    designs,
    estimates,
    what_if,
    telling,
    api,
    joining,
)
_MOST_BYTES = 1024 * 1024
_YEAR_S = 365 * 86400
#: Addresses that are secrets: browsers keep nothing of what is there.
_SECRET = ("/o/", "/d/", "/r/", "/run/")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # A secret link must not travel to other sites.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(
    ledger: Ledger,
    library_of: Callable[[], Library],
    live: Live,
    clock: Callable[[], datetime],
    settings: WebSettings,
    slices: SliceDesk | None = None,
    hosted: HostedNodes | None = None,
) -> Flask:
    """Return the application over one ledger.

    Args:
        ledger: read and written on whatever thread serves a request.
        library_of: gives the library over the calling thread's connection.
        live: what printers are doing now.
        clock: aware UTC.
        settings: what the one who runs the coordinator sets.
        slices: slices plates for nodes that cannot.
        hosted: the nodes that run here.
    """
    app = Flask(__name__)
    app.config.update(_flask_settings(settings))
    streams = Streams(
        lambda code: app.test_request_context(query_string={"lang": code}),
        auth.still,
        ledger.written,
    )
    ledger.listen(streams.wake)
    live.listen(streams.wake)
    app.extensions["fabnet"] = Context(
        ledger=ledger,
        library_of=library_of,
        live=live,
        clock=clock,
        settings=settings,
        slices=slices,
        hosted=hosted,
        streams=streams,
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.tests["not_for_sale"] = licences.not_for_sale
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    language.register(app, settings.timezone)
    words.register(app)
    codes.register(app)
    auth.register(app)  # before all other hooks: nothing else runs for who may not ask
    protect = CSRFProtect(app)
    protect.exempt(joining.pages)  # nodes have no session that another site could use
    protect.exempt(telling.stop)  # mail programs have none either, and the link is the secret
    limiter = Limiter(get_remote_address, app=app)
    errors.register(app, lambda: _retry_after_s(limiter), ledger.path.parent)
    _register_pages(app, limiter, settings)
    _register_frame(app)
    return app


def _flask_settings(settings: WebSettings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SESSION_COOKIE_NAME": "fabnet",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.session_hours),
        "MAX_CONTENT_LENGTH": _MOST_BYTES,
        "MAX_FORM_MEMORY_SIZE": _MOST_BYTES,
        "SEND_FILE_MAX_AGE_DEFAULT": _YEAR_S,  # addresses of static files carry their hash
        # The token lives as long as its session.
        "WTF_CSRF_TIME_LIMIT": None,
        # It would ask for a Referer, which pages with a secret address do not send.
        "WTF_CSRF_SSL_STRICT": False,
        "RATELIMIT_STORAGE_URI": "memory://",
        "RATELIMIT_STRATEGY": "moving-window",
    }


def _register_pages(app: Flask, limiter: Limiter, settings: WebSettings) -> None:
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok\n", mimetype="text/plain"))
    for module in PAGES:
        app.register_blueprint(module.pages)
    # Only orders that were placed count, and addresses that are written to, and only sign-ins
    # that failed: who mistypes a form or shares an address with a whole hospital is not locked out.
    tries = settings.tries_per_hour
    for endpoint, most, counts in (
        ("requesters.ask", settings.orders_per_hour, _placed),
        ("people.sign_in", tries, _failed),
        ("telling.choice", tries, _placed),
        ("joining.enrol", tries, _refused),
        ("joining.new_login", tries, _refused),
        ("newcomers.join", tries, _no_code),
    ):
        methods = None if counts is _no_code else ["POST"]
        limit: Any = limiter.limit(f"{most} per hour", methods=methods, deduct_when=counts)
        app.view_functions[endpoint] = limit(app.view_functions[endpoint])


def _placed(_response: Response) -> bool:
    return bool(g.get("placed", False))


def _failed(response: Response) -> bool:
    return response.status_code != 303  # noqa: PLR2004 - HTTP: see other


def _refused(response: Response) -> bool:
    return response.status_code >= 400  # noqa: PLR2004 - HTTP: errors


def _no_code(response: Response) -> bool:
    return response.status_code == 409  # noqa: PLR2004 - HTTP: what RefusedError becomes


def _retry_after_s(limiter: Limiter) -> int:
    hit = limiter.current_limit
    if hit is None:
        return 1
    return max(1, min(3600, round(hit.reset_at - here().clock().timestamp())))


def _static_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(resources.files("web").joinpath("static").iterdir(), key=lambda f: f.name):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _register_frame(app: Flask) -> None:
    """What every page has: headers, the language cookie, names for the base template."""
    static_hash = _static_hash()

    @app.context_processor
    def _frame() -> dict[str, object]:
        return {
            "language": language.language(),
            "no_form": Form(),
            "network_name": here().settings.network_name,
            "static": lambda name: url_for("static", filename=name, v=static_hash),
        }

    @app.after_request
    def _finish(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if here().settings.secure_cookies:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")
        if request.endpoint not in ("static", "api.file", "designs.picture", "designs.mesh"):
            open_page = not session.get("login") and not request.path.startswith(_SECRET)
            # Going back to an open form shows again what was typed into it.
            response.headers["Cache-Control"] = "no-cache, private" if open_page else "no-store"
        chosen = request.args.get("lang")
        if chosen in language.LANGUAGES:
            response.set_cookie(
                "lang", chosen, max_age=_YEAR_S, samesite="Lax", httponly=True,
                secure=here().settings.secure_cookies,
            )  # fmt: skip
        return response
