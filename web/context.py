"""What every page needs: the ledger, the library, live telemetry, the clock, the settings.

Kept in `app.extensions["fabnet"]`; pages ask `here()` for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import current_app

from designs.library import Library
from designs.model import Revision
from jobs.ledger.store import Ledger
from jobs.live import Live

#: Streams that may be open at once: fewer than the server's threads, so that pages always get one.
MOST_STREAMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What the one who runs the coordinator sets for the pages."""

    secret_key: bytes  # signs sessions and form tokens; keep it over restarts
    network_name: str
    public_url: str  # how people reach the site, without a slash at the end
    session_hours: int = 12
    secure_cookies: bool = True  # False only for plain HTTP
    orders_per_hour: int = 10  # per client address; failed sign-ins have the same limit
    timezone: str = "Europe/Paris"  # in which pages show times


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """See the module's docstring."""

    ledger: Ledger
    library_of: Callable[[], Library]
    live: Live
    clock: Callable[[], datetime]
    settings: WebSettings
    stopping: threading.Event = field(default_factory=threading.Event)  # streams end when it is set
    streams: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_STREAMS)
    )

    @property
    def library(self) -> Library:
        """The library over this thread's connection."""
        return self.library_of()

    def revision(self, revision_id: str) -> Revision | None:
        """Return a revision for display; None when the library has lost it."""
        return next((r for r in self.library.revisions() if r.id == revision_id), None)

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self.clock()

    def today(self) -> date:
        """The day that it is where the network is."""
        return self.clock().astimezone(ZoneInfo(self.settings.timezone)).date()


def here() -> Context:
    """Return the context of the app that serves this request."""
    context: Context = current_app.extensions["fabnet"]
    return context
