"""Tells an open page that what it shows has changed, by server-sent events.

A stream holds a thread of the server, so there are few, and each ends after a minute; the
browser asks again. A page without one asks for itself every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Response

from web.context import here

_POLL_S = 1.0
_POLLS = 60
_RETRY_MS = 2000


def stream(version: Callable[[], str], seen: str) -> Response:
    """Return a stream that says `changed` whenever `version` gives another word than before.

    Args:
        version: called every second, on the thread that serves the stream.
        seen: the version that the page shows now.
    """
    context = here()
    if not context.streams.acquire(blocking=False):
        return Response(status=503, headers={"Retry-After": "5"})

    def lines() -> Iterator[str]:
        last = seen
        yield f"retry: {_RETRY_MS}\n\n"
        for _ in range(_POLLS):
            now = version()
            if now != last:
                last = now
                yield f"id: {now}\nevent: changed\ndata: {now}\n\n"
            else:
                # Finds out that the reader has gone.
                yield ":\n\n"
            if context.stopping.wait(_POLL_S):
                return

    response = Response(lines(), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(context.streams.release)
    return response
