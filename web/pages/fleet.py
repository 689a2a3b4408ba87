"""What is on each bed: nodes, printers, and the word that a bed is clear."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs.coordinator import nodes
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.lifecycle import TO_HARVEST
from jobs.live import Live
from jobs.model import Role
from web.auth import me, only_at, safe_next
from web.context import here
from web.streaming import stream

pages = Blueprint("fleet", __name__)


def _version_of(ledger: Ledger, live: Live) -> Callable[[], str]:
    def version() -> str:
        told = []
        for node in views.fleet(ledger.reading):
            told.append(f"{node.id} {node.online} {node.paused}")
            for each in node.printers:
                on_bed = None if each.attempt is None else (each.attempt.ref, each.attempt.state)
                tele = live.printer(node.id, each.facts.id)
                figures = () if tele is None else (
                    tele.state,
                    round(100 * (tele.fraction_done or 0)),
                    round(tele.nozzle_c or 0),
                    round(tele.bed_c or 0),
                )  # fmt: skip
                told.append(f"{each.facts} {each.state} {each.clear} {on_bed} {figures}")
        return f"{zlib.crc32(repr(told).encode()):08x}"

    return version


@pages.get("/fleet")
def index() -> str:
    """All nodes with their printers."""
    context, person = here(), me()
    version = _version_of(context.ledger, context.live)()
    found = views.fleet(context.ledger.reading)
    return render_template(
        "fleet.html",
        nodes=found,
        tele={
            (node.id, each.facts.id): context.live.printer(node.id, each.facts.id)
            for node in found
            for each in node.printers
        },
        to_harvest=TO_HARVEST,
        may_clear={
            node.id
            for node in found
            if person.role is Role.STEWARD or (person.role is Role.MAKER and person.node == node.id)
        },
        version=version,
    )


@pages.get("/fleet/live")
def live() -> Response:
    """Tell the open page that a printer has changed."""
    context = here()
    return stream(_version_of(context.ledger, context.live), request.args.get("seen", ""))


@pages.post("/fleet/<node>/<printer>/ready")
def ready(node: str, printer: str) -> AnyResponse:
    """A person has seen that the bed is clear."""
    only_at(node)
    context = here()
    nodes.printer_ready(context.ledger, node, printer, me().login, context.now())
    target = request.form.get("next")
    return redirect(safe_next(target) if target else url_for(".index"), 303)
