"""What every page needs: the ledger, the library, live telemetry, the clock, the settings.

Kept in `app.extensions["fabnet"]`; pages ask `here()` for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from flask import current_app

from designs.errors import UnknownRevisionError
from designs.library import Library
from designs.model import BY_PEOPLE, Revision
from jobs.carriers import KnownCarrier
from jobs.ledger import reviews, views
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.live import Live
from jobs.model import AttemptRef
from printers.slices import Slice, SliceRequest
from web.streams import Streams
from web.titles import own_title


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What the one who runs the coordinator sets for the pages."""

    secret_key: bytes  # signs sessions and form tokens; keep it over restarts
    network_name: str
    public_url: str  # how people reach the site, without a slash at the end
    session_hours: int = 12
    secure_cookies: bool = True  # False only for plain HTTP
    orders_per_hour: int = 100  # per client address: a whole hospital may have one
    tries_per_hour: int = (
        10  # per client address: failed sign-ins, guessed codes, new mail addresses
    )
    timezone: str = "Europe/Paris"  # in which pages show times
    hub_place: tuple[float, float] | None = None  # latitude, longitude; None leaves distances out
    hub_address: str = ""  # where bags go, as labels show it
    hub_contact: str = ""  # whom a hospital calls, as delivery notes show it
    carriers: tuple[KnownCarrier, ...] = ()  # whose numbers become links
    broker_url: str = ""  # for nodes that join
    authority: str = ""  # PEM of the network's own certificate authority, "" where it has none
    tells: bool = False  # there is a mail server, so that people are told things
    pin: str = "none"  # for invitations, see `jobs.joining.JoinCode`


class SliceDesk(Protocol):
    """Where slices are asked for; nothing here takes long."""

    def ask(self, request: SliceRequest) -> Slice | None:
        """Return a slice, None while it is being made.

        Raises:
            SlicingError: it cannot be made.
        """

    def gcode_of(self, name: str) -> Path | None:
        """Return the G-code with this key or this SHA-256, None when there is none."""


class HostedNodes(Protocol):
    """The nodes that run beside the coordinator, for makers without software."""

    def hosts(self, node: str) -> bool:
        """Whether this node is one of them, and runs."""

    def bring(self, node: str, ref: AttemptRef, plate: Path, gcode: Path, *, sure: bool) -> str:
        """Let a plate be printed from G-code that its maker brings; return the G-code's key.

        Raises:
            NotFoundError: there is no such node, or no such plate on it.
            RefusedError: the G-code is refused, or it is too late.
        """

    def gcode_of(self, node: str, key: str) -> Path | None:
        """Return G-code that a node's maker has brought, None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """See the module's docstring."""

    ledger: Ledger
    library_of: Callable[[], Library]
    live: Live
    clock: Callable[[], datetime]
    settings: WebSettings
    streams: Streams  # of open pages
    slices: SliceDesk | None = None  # None where nothing is sliced
    hosted: HostedNodes | None = None

    @property
    def library(self) -> Library:
        """The library over this thread's connection."""
        return self.library_of()

    def orderable(self) -> tuple[Revision, ...]:
        """Return the revisions that may be asked for.

        Those are all that nobody has withdrawn; of those in somebody's breath, which is accepted so.
        """
        db = self.ledger.reading
        return tuple(
            each
            for each in self.library.revisions()
            if reviews.withdrawal(db, each.id) is None
            and not reviews.lacks_breathing_review(db, each, self.today())
        )

    def revision(self, revision_id: str) -> Revision | None:
        """Return a revision for display; None when the library has lost it."""
        try:
            return self.library.revision(revision_id)
        except UnknownRevisionError:
            return None

    def part_title(self, revision_id: str, part_id: str) -> str:
        """Return what a part is called; its id when the library has lost it."""
        revision = self.revision(revision_id)
        parts = () if revision is None else revision.made
        return next((own_title(part.title) for part in parts if part.id == part_id), part_id)

    def part_of(self, attempt: AttemptView) -> str:
        """Return what the part on a plate is called."""
        order = views.order(self.ledger.reading, attempt.order_id)
        return self.part_title(order.request.revision_id, attempt.part_id)

    def gcode_of(self, attempt: AttemptView) -> Path | None:
        """Return the file that a person works from; None while it is not sliced."""
        if attempt.material in BY_PEOPLE:
            return self.library.file(attempt.plate_sha256)
        brought = None
        if self.hosted is not None:
            brought = self.hosted.gcode_of(attempt.node, attempt.gcode_key)
        if brought is not None or self.slices is None or not attempt.gcode_key:
            return brought
        return self.slices.gcode_of(attempt.gcode_key)

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
