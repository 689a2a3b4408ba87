"""What is on each bed: nodes, printers, and the word that a bed is clear."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobs import okw
from jobs.coordinator import filament, nodes
from jobs.fleet import km_between
from jobs.ledger import labs, paces
from jobs.ledger.labs import NodeView, PrinterView
from jobs.lifecycle import TO_HARVEST, AttemptState
from jobs.messages import PrinterTele
from jobs.model import Role
from jobs.stock import RunsOut
from printers.model import MANUAL, PrinterState
from web.auth import me, only_at, safe_next
from web.beds import ends_at, fraction_of, outlines
from web.context import Context, here
from web.feeds import ALL, WHOLE, Feed
from web.streaming import no_token, parts, stream

pages = Blueprint("fleet", __name__)

#: More of them make a page slow to build and to read.
_A_PAGE = 100
#: Another process may have written to the ledger.
_KEEP_S = 1.0
#: Up to so many shortages are told: the first to come.
_SHORTAGES = 50
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
    part: str  # what the plate is made of, "" without one
    ends_at: datetime | None  # about when it is printed
    silent: bool  # it prints on at a lab that fell silent, and may be hot

    @property
    def lies(self) -> bool:
        """Whether parts wait to be counted."""
        attempt = self.printer.attempt
        return attempt is not None and attempt.state in TO_HARVEST


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lab:
    """All that a lab's part of the page depends on, besides the clock."""

    node: NodeView
    tele: tuple[PrinterTele | None, ...]  # of each printer, as far as it is shown
    silent: tuple[bool, ...]  # of each printer, see `jobs.ledger.labs.prints_on`


class _Read(NamedTuple):
    """What was read from the ledger."""

    changes: int
    at_s: float
    whole: tuple[tuple[str, ...], int]  # the page's nodes, and how many pages there are
    nodes: tuple[NodeView, ...]


def _feed(page: int) -> Feed:
    context = here()
    kept: _Read | None = None

    def look() -> dict[str, object]:
        nonlocal kept
        # Telemetry comes all the time, and is not in the ledger.
        changes, now_s = context.ledger.changes, time.monotonic()
        if kept is None or kept.changes != changes or now_s - kept.at_s > _KEEP_S:
            db = context.ledger.reading
            ids, last = _page_of(db, page)
            kept = _Read(changes, now_s, (ids, last), labs.fleet(db, ids))
        found: dict[str, object] = {WHOLE: kept.whole}
        for node in kept.nodes:
            told = (context.live.printer(node.id, p.facts.id) for p in node.printers)
            shown = tuple(_as_shown(tele) if node.online else None for tele in told)
            seen_at = None if node.online else node.seen_at
            found[node.id] = _Lab(
                node=replace(node, seen_at=seen_at),
                tele=shown,
                silent=tuple(labs.prints_on(node, p, context.now()) for p in node.printers),
            )
        return found

    def show(_node: str, lab: _Lab, own: bool) -> str:  # noqa: FBT001
        node, now, hub = lab.node, context.now(), context.settings.hub_place
        pace = paces.known(context.ledger.reading, now, node.id)
        return render_template(
            "fleet_lab.html",
            node=node,
            beds=[
                _bed(node, each, tele, context, pace.get((node.id, each.facts.id), 1.0))
                for each, tele in zip(node.printers, lab.tele, strict=True)
            ],
            km=km_between(node.place, hub) if node.place and hub else None,
            mine=own,
            csrf_token=no_token,
        )

    return context.streams.feed(("fleet", page), look, show)


def _as_shown(tele: PrinterTele | None) -> PrinterTele | None:
    """Return telemetry without what nobody sees: a tenth of a degree is no change of the page."""
    if tele is None:
        return None
    return replace(
        tele,
        fraction_done=round(tele.fraction_done or 0, 2),
        nozzle_c=None if tele.nozzle_c is None else round(tele.nozzle_c),
        bed_c=None if tele.bed_c is None else round(tele.bed_c),
    )


def _own() -> str:
    """Return in which part of the page the one who asks may act."""
    person = me()
    if person.role is Role.STEWARD:
        return ALL
    return person.node if person.role is Role.MAKER else ""


def _page_of(db: sqlite3.Connection, page: int) -> tuple[tuple[str, ...], int]:
    """Return the nodes of a page, from 1, and how many pages there are."""
    ids = labs.node_ids(db)
    return ids[(page - 1) * _A_PAGE : page * _A_PAGE], max(1, -(-len(ids) // _A_PAGE))


@pages.get("/fleet")
@pages.get("/fleet/page/<int:page>")
def index(page: int = 1) -> str:
    """Nodes with their printers, a hundred a page."""
    _, last = _page_of(here().ledger.reading, page)
    if not 1 <= page <= last:
        abort(404)
    version, sections = parts(_feed(page), _own())
    return render_template(
        "fleet.html", sections=sections, version=version, page=page, last=last, short=_short(page),
        listed=len(labs.listed(here().ledger.reading)),
    )  # fmt: skip


@pages.get("/fleet/open-list.json")
def listed() -> Response:
    """The workshops whose makers let anybody know of them, as Open Know-Where facilities."""
    context = here()
    found = okw.facilities(labs.listed(context.ledger.reading), context.now())
    answer = Response(json.dumps(found, ensure_ascii=False, indent=2), mimetype="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="open-list.json"'
    return answer


def _short(page: int) -> list[tuple[NodeView, PrinterView, RunsOut]]:
    """Return where filament runs out before what is planned is printed, on the first page only.

    A maker reads it of her own workshop, the coordination team of all.
    """
    own, context = _own(), here()
    if page > 1 or not own:
        return []
    found = [
        each
        for each in filament.shortages(context.ledger, context.now())
        if own in (ALL, each.node)
    ][:_SHORTAGES]
    nodes_of = {n.id: n for n in labs.fleet(context.ledger.reading, {e.node for e in found})}
    return [
        (nodes_of[each.node], printer, each)
        for each in found
        for printer in nodes_of[each.node].printers
        if printer.facts.id == each.printer
    ]


def _bed(
    node: NodeView,
    each: PrinterView,
    tele: PrinterTele | None,
    context: Context,
    pace: float,
) -> Bed:
    now = context.now()
    state = tele.state if tele else each.state
    attempt = each.attempt
    fraction, end, drawing = None, None, ""
    if attempt is not None and attempt.state in _ON_BED:
        drawing = outlines(context.library, attempt, each.facts)
        fraction = 1.0 if attempt.state is AttemptState.PRINTED else fraction_of(tele)
        end = ends_at(attempt, pace, now)
    return Bed(
        printer=each,
        tele=tele,
        state=state if node.online else PrinterState.OFFLINE,
        by_hand=each.facts.link == MANUAL,
        fraction=fraction,
        outlines=drawing,
        part=context.part_of(attempt) if attempt is not None else "",
        ends_at=end,
        silent=labs.prints_on(node, each, now),
    )


@pages.get("/fleet/live")
@pages.get("/fleet/live/<int:page>")
def live(page: int = 1) -> Response:
    """Tell the open page which labs have changed, and how they look now."""
    _, last = _page_of(here().ledger.reading, page)
    if not 1 <= page <= last:
        abort(404)
    return stream(_feed(page), _own())


@pages.post("/fleet/<node>/<printer>/ready")
def ready(node: str, printer: str) -> AnyResponse:
    """A person has seen that the bed is clear."""
    only_at(node)
    context = here()
    nodes.printer_ready(context.ledger, node, printer, me().login, context.now())
    target = request.form.get("next")
    return redirect(safe_next(target) if target else url_for(".index"), 303)
