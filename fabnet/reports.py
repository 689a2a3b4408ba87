"""What scripts and people at a command line read from the ledger: a plan with its reasons, a lot's trace.

Reads only, so it works beside a running coordinator. The same views as the pages show; what has words has
them in the language of `web.language.speaking`, else in English. Leaves lines for people to `fabnet.cli.ahead`.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from designs.library import Library
from fabnet import clock
from jobs.chances import Likely
from jobs.errors import NotFoundError
from jobs.ledger import bought, labs, lot_photos, paces, recalls, views
from jobs.ledger.plan_rows import PlanRow
from jobs.ledger.store import Ledger
from jobs.ledger.views import OrderView
from jobs.model import UNKNOWN, Reason, ReasonCode
from web.plans import Shares, how_sure, lines, shares
from web.words import PLAIN_REASONS, order_state
from web.words import reason as reason_words


def open_ledger(folder: Path) -> Ledger:
    """Open the ledger of a coordinator.

    Raises:
        NotFoundError: there is none in this folder.
        LedgerError: it cannot be used.
    """
    path = folder / "ledger.db"
    if not path.exists():
        raise NotFoundError("ledger", str(path))
    return Ledger(path)


def plan_report(ledger: Ledger, library: Library, order_id: str) -> dict[str, Any]:
    """Return who makes what of an order, and why, as JSON can tell it.

    Raises:
        NotFoundError: there is no such order.
    """
    view = views.order_view(ledger.reading, order_id)
    titles, pace = _titles(ledger), paces.known(ledger.reading, clock.now())
    sure, sure_of = how_sure(view, labs.yields(ledger.reading), clock.now())
    revision = next(
        (r for r in library.revisions() if r.id == view.order.request.revision_id), None
    )
    asked = {part.id: part.materials for part in revision.made} if revision else {}
    shares_of, print_by = {each.part_id: each for each in lines(view)}, _print_by(view)
    return {
        "order": order_id,
        "state": view.order.state,
        "state_words": order_state(view.order.state, (line.books for line in view.lines)),
        "kits": view.order.request.kits,
        "due": _day(view.order.request.due),
        "priority": view.order.priority,
        "release": None if (day := view.order.release) is None else day.isoformat(),
        "pieces_set_back": views.pieces_set_back(ledger.reading, order_id),
        **_proof(shares(view)),
        **_chances(sure if shares(view).last_at else None),
        "lines": [
            {
                "part": line.part_id,
                "materials": list(asked.get(line.part_id, ())),
                "ordered": line.books.ordered,
                "without_place": line.books.deficit,
                "planned": line.books.jobs,
                "in_work": line.books.coming,
                "usable": line.books.usable,
                "done_at": _at(shares_of[line.part_id].last_at, "minutes"),
                "late": shares_of[line.part_id].late,
                "missing_g": shares_of[line.part_id].missing_g,
                "missing_by": print_by,
                **_chances(sure_of[line.part_id] if shares_of[line.part_id].last_at else None),
                "reasons": [
                    _reason(reason, titles, asked.get(line.part_id, ())) for reason in line.reasons
                ],
            }
            for line in view.lines
        ],
        "printers": [
            _row(row, titles, pace.get((row.node, row.printer), 1.0), asked.get(row.part_id, ()))
            for row in view.plan
        ],
    }


def _proof(told: Shares) -> dict[str, Any]:
    """When the last piece is expected, before when no plan could have it, and the hours between."""
    last, least = told.last_at, told.earliest_at
    gap_h = None if last is None or least is None else (last - least).total_seconds() / 3600
    return {
        "done_at": _at(last, "minutes"),
        "earliest_at": _at(least, "minutes"),
        "gap_h": None if gap_h is None else round(gap_h, 2),
    }


def _day(day: date) -> str | None:
    """A day for scripts; None where nobody knows it."""
    return None if day == UNKNOWN.date() else day.isoformat()


def _print_by(view: OrderView) -> str | None:
    """The last day on which a piece should be printed."""
    due = view.order.request.due
    return None if _day(due) is None else (due - timedelta(days=1)).isoformat()


def _chances(found: Likely | None) -> dict[str, Any]:
    """By when half of all cases, and nine of ten, are printed."""
    return {
        "p50_at": None if found is None else _at(found.p50, "minutes"),
        "p90_at": None if found is None else _at(found.p90, "minutes"),
    }


def _titles(ledger: Ledger) -> dict[tuple[str, str], str]:
    return {
        (node.id, printer.facts.id): f"{node.lab}, {printer.facts.title}"
        for node in labs.fleet(ledger.reading)
        for printer in node.printers
    }


def _at(moment: datetime | None, to: str = "seconds") -> str | None:
    """A time for scripts: ISO 8601 with the offset of the network's zone; None where nobody knows it."""
    if moment is None or moment == UNKNOWN:
        return None
    return moment.astimezone().isoformat(timespec=to)


def _reason(
    reason: Reason, titles: dict[tuple[str, str], str], asked: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "code": reason.code,
        "material": reason.text if reason.code is ReasonCode.STOCK else "",
        "printer": titles.get((reason.node, reason.printer), ""),
        "needed": reason.needed,
        "available": reason.available,
        "rule": str(PLAIN_REASONS[reason.code]),
        "words": reason_words(reason, asked),
    }


def _row(
    row: PlanRow, titles: dict[tuple[str, str], str], pace: float, asked: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "part": row.part_id,
        "node": row.node,
        "printer": row.printer,
        "title": titles.get((row.node, row.printer), f"{row.node}/{row.printer}"),
        "pieces": row.pieces,
        "plates": row.plates,
        "plates_left": row.plates_left,
        "late": row.late,
        "grams": round(row.grams, 1) if math.isfinite(row.grams) else None,
        "km": None if row.km is None or not math.isfinite(row.km) else round(row.km, 1),
        "pace": pace,
        "done_at": _at(row.done_at, "minutes"),
        "reasons": [_reason(reason, titles, asked) for reason in row.reasons],
    }


def local(told: str) -> str:
    """Return a time of a report for a person, in the zone of the network, with its name."""
    return clock.local(datetime.fromisoformat(told))


def lot_trace(ledger: Ledger, library: Library, code: str) -> dict[str, Any]:
    """Return where a lot comes from and where it went.

    Raises:
        NotFoundError: there is no lot of this code.
    """
    lot = views.lot(ledger.reading, code)
    made = lot.attempt
    revision = next((r for r in library.revisions() if r.id == lot.revision_id), None)
    order = views.order(ledger.reading, made.order_id)
    batches = [views.batch(ledger.reading, batch) for batch in lot.batches]
    spool = made.spool
    return {
        "lot": lot.code,
        "state": lot.state,
        "called_back": recalls.recall(ledger.reading, lot.recall).reason if lot.recall else None,
        "place": lot.place,
        "good": lot.good,
        "accepted": lot.accepted,
        "rejected": lot.rejected,
        "reject_reason": lot.reject_reason,
        "photos": len(lot_photos.of_lot(ledger.reading, lot.code)),
        "harvested_at": _at(lot.created_at),
        "design": None if revision is None else revision.design,
        "version": None if revision is None else revision.version,
        "revision": lot.revision_id,
        "part": made.part_id,
        "mesh_sha256": made.mesh_sha256,
        "plate_sha256": made.plate_sha256,
        "gcode_key": made.gcode_key,
        "slicer": made.slicer,
        "attempt": str(made.ref),
        "node": made.node,
        "lab": made.lab,
        "printer": made.printer,
        "material": made.material,
        "spool": spool,
        "maker_lot": made.maker_lot,
        "started_at": _at(made.started_at),
        "order": made.order_id,
        "recipient": order.request.place,
        "batches": [
            {
                "batch": batch.id,
                "state": batch.state,
                "dispatched_at": _at(batch.dispatched_at),
                "received_at": _at(batch.received_at),
                "lots": [each.lot for each in batch.lots],
                "bought": [
                    {"item": box.item, "supplier_lot": box.lot, "pieces": box.pieces}
                    for box in bought.boxes_in(ledger.reading, batch.id)
                ],
            }
            for batch in batches
        ],
    }
