"""What is on each bed: nodes, printers, and the word that a bed is clear."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from designs.library import Library
from jobs.coordinator import nodes
from jobs.fleet import km_between
from jobs.ledger import labs
from jobs.ledger.labs import NodeView, PrinterView
from jobs.ledger.store import Ledger
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.live import Live
from jobs.messages import PrinterTele
from jobs.model import Role
from printers.model import MANUAL, PrinterState
from web.auth import me, only_at, safe_next
from web.beds import outlines
from web.context import here
from web.streaming import stream

pages = Blueprint("fleet", __name__)

#: More of them make a page slow to build and to read.
_A_PAGE = 100
_PRINTING = (PrinterState.PRINTING, PrinterState.PAUSED)
_ON_BED = TO_HARVEST | {AttemptState.PRINTING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """A printer as its card shows it."""

    printer: PrinterView
    tele: PrinterTele | None
    state: PrinterState
    by_hand: bool
    fraction: float | None  # printed of the plate on the bed; 1.0 when it waits to be counted
    outlines: str  # of that plate, see `web.beds`
    ends_at: datetime | None  # about when it is printed

    @property
    def lies(self) -> bool:
        """Whether parts wait to be counted."""
        attempt = self.printer.attempt
        return attempt is not None and attempt.state in TO_HARVEST


def _version_of(ledger: Ledger, live: Live, page: int) -> Callable[[], str]:
    def version() -> str:
        ids, pages = _page_of(ledger.reading, page)
        told = [repr((ids, pages))]
        for node in labs.fleet(ledger.reading, ids):
            told.append(repr((node.lab, node.online, node.paused, node.attended, node.place)))
            for each in node.printers:
                on_bed = None if each.attempt is None else (each.attempt.ref, each.attempt.state)
                tele = live.printer(node.id, each.facts.id)
                figures = () if tele is None else (
                    tele.state,
                    round(100 * (tele.fraction_done or 0)),
                    round(tele.nozzle_c or 0),
                    round(tele.bed_c or 0),
                )  # fmt: skip
                told.append(
                    f"{each.facts} {each.state} {each.clear} {each.fault} {on_bed} {figures}"
                )
        return f"{zlib.crc32(repr(told).encode()):08x}"

    return version


def _page_of(db: sqlite3.Connection, page: int) -> tuple[tuple[str, ...], int]:
    """Return the nodes of a page, from 1, and how many pages there are."""
    ids = labs.node_ids(db)
    return ids[(page - 1) * _A_PAGE : page * _A_PAGE], max(1, -(-len(ids) // _A_PAGE))


@pages.get("/fleet")
@pages.get("/fleet/page/<int:page>")
def index(page: int = 1) -> str:
    """Nodes with their printers, a hundred a page."""
    context, person = here(), me()
    version = _version_of(context.ledger, context.live, page)()
    ids, last = _page_of(context.ledger.reading, page)
    if not 1 <= page <= last:
        abort(404)
    found = labs.fleet(context.ledger.reading, ids)
    library, now, hub = context.library, context.now(), context.settings.hub_place
    return render_template(
        "fleet.html",
        nodes=found,
        beds={
            node.id: [_bed(node, each, context.live, library, now) for each in node.printers]
            for node in found
        },
        km={node.id: km_between(node.place, hub) for node in found if node.place and hub},
        mine={
            node.id
            for node in found
            if person.role is Role.STEWARD or (person.role is Role.MAKER and person.node == node.id)
        },
        version=version,
        page=page,
        last=last,
    )


def _bed(node: NodeView, each: PrinterView, live: Live, library: Library, now: datetime) -> Bed:
    tele = live.printer(node.id, each.facts.id) if node.online else None
    state = tele.state if tele else each.state
    attempt = each.attempt
    fraction, ends_at, drawing = None, None, ""
    if attempt is not None and attempt.state in _ON_BED:
        drawing = outlines(library, attempt, each.facts)
        if attempt.state is AttemptState.PRINTED:
            fraction = 1.0
        elif tele is not None and state in _PRINTING:
            fraction = tele.fraction_done
        if attempt.state is AttemptState.PRINTING and attempt.started_at is not None:
            end = attempt.started_at + timedelta(seconds=attempt.seconds)
            ends_at = end if end > now else None
    return Bed(
        printer=each,
        tele=tele,
        state=state if node.online else PrinterState.OFFLINE,
        by_hand=each.facts.link == MANUAL,
        fraction=fraction,
        outlines=drawing,
        ends_at=ends_at,
    )


@pages.get("/fleet/live")
@pages.get("/fleet/live/<int:page>")
def live(page: int = 1) -> Response:
    """Tell the open page that a printer has changed."""
    context = here()
    return stream(_version_of(context.ledger, context.live, page), request.args.get("seen", ""))


@pages.post("/fleet/<node>/<printer>/ready")
def ready(node: str, printer: str) -> AnyResponse:
    """A person has seen that the bed is clear."""
    only_at(node)
    context = here()
    nodes.printer_ready(context.ledger, node, printer, me().login, context.now())
    target = request.form.get("next")
    return redirect(safe_next(target) if target else url_for(".index"), 303)
