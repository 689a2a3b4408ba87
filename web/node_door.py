"""The door of a node's page: one owner, one password, and by which name it may be asked for."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, Protocol

from flask import abort, current_app, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.model import AttemptRef
from jobs.owner import NodeView, Wish
from web.forms import Form
from web.language import gettext as _

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
        "counted": OWNER,
        "clear": OWNER,
        "stop": OWNER,
        "camera": OWNER,
        "start": OWNER,
        "give_back": OWNER,
        "rate": OWNER,
        "plate_file": OWNER,
        "bring": OWNER,
        "pause": OWNER,
    }
)
_MOST_FAILURES = 10
_FAILURE_LIFE = timedelta(minutes=10)


class Desk(Protocol):
    """Where wishes are answered."""

    def ask(self, wish: Wish) -> NodeView:
        """Return how things stand after the wish.

        Raises:
            JobError: it is refused, with a sentence why.
        """


class Cameras(Protocol):
    """What the printers' cameras see, where their owner lets this page show it."""

    @property
    def printers(self) -> frozenset[str]:
        """Ids of those that are shown."""

    def picture(self, printer: str) -> bytes:
        """Return a JPEG.

        Raises:
            JobError: there is none now, with a sentence why.
        """


class Slices(Protocol):
    """Plates that their maker slices herself."""

    def plate_file(self, ref: AttemptRef) -> Path:
        """Return a plate as 3MF.

        Raises:
            JobError: there is none now, with a sentence why.
        """

    def bring(self, ref: AttemptRef, gcode: Path, *, sure: bool) -> NodeView:
        """Let a plate be printed from G-code; `sure`: it is all of it, whatever it weighs.

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
    cameras: Cameras | None = None
    slices: Slices | None = None
    coordinator: str = ""  # http(s)://host:port, which has the bag's label and its photos


@dataclass(slots=True, kw_only=True)
class NodeContext:
    """What the pages of one node share."""

    desk: Desk
    clock: Callable[[], datetime]
    settings: NodeSettings
    lock: threading.Lock
    failures: list[datetime]


def here() -> NodeContext:
    """Return what the pages share."""
    found: NodeContext = current_app.extensions["fabnet-node"]
    return found


def _stamp() -> str:
    """Return what ties a session to the password: it ends when that changes."""
    return hashlib.sha256(here().settings.password.encode()).hexdigest()[:16]


def is_owner() -> bool:
    """Whether the owner is signed in, or nobody is asked."""
    return not here().settings.password or session.get("owner") == _stamp()


def guard() -> AnyResponse | None:
    """Before each request: refuse, or ask for the password."""
    if not _is_our_name(request.host, here().settings.host):
        abort(403)
    if request.endpoint is None:
        return None
    rule = NODE_PERMISSIONS.get(request.endpoint)
    if rule == PUBLIC or (rule == OWNER and is_owner()):
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
    context, form = here(), Form(request.form)
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
