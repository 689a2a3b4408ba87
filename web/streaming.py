"""Tells an open page what has changed on it, by server-sent events.

Leaves the open connections to `web.streams`. Where no stream is to be had, the browser asks now and
then.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from flask import Response, request
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from web import auth
from web.context import here
from web.feeds import Feed, Reader
from web.language import language
from web.streams import HAND_OVER, Subscription

#: A form of a part that all see has no token; whoever shows it puts her own in.
_NO_TOKEN = 'name="csrf_token" value=""'


def no_token() -> str:
    """Stand for the token of a form in a part that is shown to many."""
    return ""


def parts(feed: Feed, own: str = "") -> tuple[str, Iterable[Markup]]:
    """Return version and parts of a page for the one who asks, her token in their forms."""
    version, found = feed.page(Reader(language=language(), own=own))
    html = list(found.values())
    if any(_NO_TOKEN in each for each in html):
        token = f'name="csrf_token" value="{generate_csrf()}"'
        html = [each.replace(_NO_TOKEN, token) for each in html]
    # They come from our own templates.
    return version, [Markup(each) for each in html]  # noqa: S704


def stream(feed: Feed, own: str = "") -> Response:
    """Return the stream of a page for the one who asks.

    Args:
        feed: what the page shows.
        own: see `Reader`.
    """
    context = here()
    hand_over = request.environ.get(HAND_OVER)
    if hand_over is None or context.streams.full:
        return Response(status=503, headers={"Retry-After": str(5 + secrets.randbelow(10))})
    wants = Subscription(
        feed=feed,
        reader=Reader(language=language(), own=own),
        ticket=auth.ticket(),
        seen=request.headers.get("Last-Event-ID") or request.args.get("seen", ""),
    )
    if request.method != "HEAD":
        streams = context.streams
        hand_over(lambda conn, chunked: streams.add(conn, wants, chunked=chunked))
    # Not a list: its length would be told, and the stream would end there.
    response = Response(iter([f"retry: {1000 + secrets.randbelow(3000)}\n\n"]))
    response.mimetype = "text/event-stream"
    response.headers["X-Accel-Buffering"] = "no"
    return response
