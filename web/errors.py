"""From an error to a page: what went wrong in one sentence, and what the reader can do now.

Leaves errors beside a form's fields to the pages that show the form.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from jobs.errors import (
    IllegalTransitionError,
    InvalidFieldError,
    JobError,
    NotFoundError,
    RefusedError,
)
from jobs.ledger.disk import DiskTrouble, trouble_of
from web.language import gettext as _

_log = logging.getLogger(__name__)

_CONFLICT = 409
_SERVER_ERROR = 500
_UNAVAILABLE = 503
_AGAIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What an error page says."""

    status: int
    title: str
    advice: str
    detail: str = ""  # a sentence of the ledger, as it says it: in English
    retry_after_s: int | None = None


def answer(trouble: Trouble) -> Response:
    """Return the page, or JSON below `/api/`."""
    if request.path.startswith("/api/"):
        response = jsonify(error=trouble.detail or f"{trouble.title}. {trouble.advice}")
    else:
        response = make_response(render_template("error.html", trouble=trouble))
    response.status_code = trouble.status
    if trouble.retry_after_s is not None:
        response.headers["Retry-After"] = str(trouble.retry_after_s)
    return response


def not_found() -> Trouble:
    """There is nothing at this address."""
    return Trouble(
        status=404,
        title=_("There is nothing here"),
        advice=_("Please check the address, every letter counts, or ask for the link again."),
    )


def forbidden() -> Trouble:
    """Signed in, but not for this."""
    return Trouble(
        status=403,
        title=_("This is not yours to do"),
        advice=_(
            "Your account may not do this. If you think that it should, ask the coordination team."
        ),
    )


def _refused(detail: str) -> Trouble:
    return Trouble(
        status=_CONFLICT,
        title=_("That is not possible now"),
        advice=_(
            "Nothing was changed. Perhaps somebody was quicker: go back and see how things stand."
        ),
        detail=detail,
    )


def _too_many(seconds: int) -> Trouble:
    minutes = max(1, -(-seconds // 60))
    return Trouble(
        status=429,
        title=_("Too many attempts from here"),
        advice=_(
            "Please try again in %(minutes)s min. If it is urgent, telephone the coordination.",
            minutes=minutes,
        ),
        retry_after_s=max(1, seconds),
    )


def _by_status(status: int) -> Trouble:
    """Return the words for one HTTP status."""
    words = {
        400: (
            _("The form could not be read"),
            _("Go back, load the page again and send the form once more."),
        ),
        405: (
            _("This address does something else"),
            _("Go back and use the buttons of the page."),
        ),
        413: (
            _("That is too much at once"),
            _("Please shorten your text, or choose a smaller file, and send it again."),
        ),
        416: (_("The file is not that long"), _("Ask for the file from its beginning.")),
    }
    if status == 404:  # noqa: PLR2004 - HTTP
        return not_found()
    if status == 403:  # noqa: PLR2004 - HTTP
        return forbidden()
    title, advice = words.get(status, words[400])
    return Trouble(status=status, title=title, advice=advice)


def _broken() -> Trouble:
    # The page's frame must not ask the ledger who is signed in: it may be what broke.
    g.setdefault("person", None)
    return Trouble(
        status=_SERVER_ERROR,
        title=_("Something broke on our side"),
        advice=_("Nothing was kept. Please try again; if it goes on, tell the coordination team."),
    )


def _unwritten(trouble: DiskTrouble) -> Trouble:
    g.setdefault("person", None)
    full = trouble is DiskTrouble.FULL
    return Trouble(
        status=_UNAVAILABLE,
        title=_("The server's disk is full") if full else _("The server's disk cannot be written"),
        advice=_(
            "Nothing was kept of what you sent, and nothing is lost of what was accepted before. Tell the"
            " coordination team, then send it again."
        ),
        retry_after_s=_AGAIN_S,
    )


def register(app: Flask, retry_after_s: Callable[[], int], folder: Path) -> None:
    """Give every error its page.

    Args:
        app: the application.
        retry_after_s: how long the limit that was just hit holds.
        folder: in which the ledger lies.
    """

    @app.errorhandler(NotFoundError)
    def _on_not_found(_error: NotFoundError) -> Response:
        return answer(not_found())

    @app.errorhandler(RefusedError)
    @app.errorhandler(IllegalTransitionError)
    @app.errorhandler(InvalidFieldError)
    def _on_refused(error: JobError) -> Response:
        return answer(_refused(str(error)))

    @app.errorhandler(JobError)
    def _on_job_error(error: JobError) -> Response:
        _log.error("%s %s: %s", request.method, request.path, error, exc_info=error)
        return answer(_broken())

    @app.errorhandler(RateLimitExceeded)
    def _on_limit(_error: RateLimitExceeded) -> Response:
        return answer(_too_many(retry_after_s()))

    @app.errorhandler(CSRFError)
    def _on_csrf(_error: CSRFError) -> Response:
        trouble = Trouble(
            status=400,
            title=_("The page was open for too long"),
            advice=_(
                "Go back, load the page again and send the form once more. Forms here need cookies."
            ),
        )
        return answer(trouble)

    @app.errorhandler(HTTPException)
    def _on_http(error: HTTPException) -> Response:
        status = error.code or _SERVER_ERROR
        if status < 400 and error.response is not None:  # noqa: PLR2004 - HTTP
            return Response(error.get_body(), status, error.get_headers())
        if status >= _SERVER_ERROR:
            # Flask has logged the exception behind it.
            behind = getattr(error, "original_exception", None)
            trouble = DiskTrouble.NONE if behind is None else trouble_of(behind, folder)
            return answer(_unwritten(trouble) if trouble else _broken())
        return answer(_by_status(status))
