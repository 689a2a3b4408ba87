"""Looks ahead, in words and as JSON: a plan if things were otherwise, and the filament that plans take.

What would be is asked on a copy of the ledger, which is thrown away.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from designs.library import Library
from fabnet import clock
from fabnet.errors import FabnetError
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import ROUND
from jobs.coordinator import planning
from jobs.coordinator.whatif import Change, Difference, Outcome, compare
from jobs.ledger import labs, views
from jobs.ledger.store import Ledger
from printers.model import PrinterFacts, Spool

#: What a printer has loaded that does not exist yet.
_SPOOL_G = 1000.0
_MOST = 1000


def difference(
    ledger: Ledger,
    files: Path,
    order_id: str,
    without: Sequence[str],
    plus: Sequence[str],
    due: date | None,
    hub: tuple[float, float] | None,
) -> Difference:
    """Plan as things are and as they would be; the ledger itself is only read.

    `plus` are presets of machines, with how many before: "3xprusa-mini". Each has a full spool of
    a material of the order, is always attended, and is as far as the hub itself.

    Raises:
        NotFoundError: there is no such order or lab, or nothing of it is left to be planned.
        FirmwareProfileError: there is no such preset.
        FabnetError: there is no sense in a number.
    """
    order = views.order(ledger.reading, order_id)
    with TemporaryDirectory(prefix="fabnet-what-if-") as folder:
        path = Path(folder) / "ledger.db"
        with closing(sqlite3.connect(path)) as new:
            ledger.reading.backup(new)
        copy = Ledger(path)
        try:
            library = Library(copy.database, files)
            revision = library.revision(order.request.revision_id)
            material = next((part.materials[0] for part in revision.parts), "PETG")
            printers = tuple(_printers(plus, material))
            change = Change(without=tuple(without), plus=printers, due=due)
            return compare(copy, library, order_id, change, clock.now(), hub)
        finally:
            copy.close()


def _printers(plus: Sequence[str], material: str) -> Iterable[PrinterFacts]:
    for text in plus:
        match = re.fullmatch(r"(?:(\d+)\s*x\s*)?(\S+)", text)
        if match is None or not 1 <= int(match[1] or 1) <= _MOST:
            raise FabnetError(f"--plus {text!r} cannot be read; write 3xprusa-mini")
        preset = load_machine(match[2])
        for number in range(int(match[1] or 1)):
            yield PrinterFacts(
                id=f"{preset.name}-{number + 1}", title=preset.title, preset=preset.name,
                bed_x_mm=preset.bed_x_mm, bed_y_mm=preset.bed_y_mm, height_mm=preset.height_mm,
                margin_mm=preset.margin_mm, nozzle_mm=preset.nozzle_mm,
                round_bed=preset.bed == ROUND, keep_out_mm=preset.keep_out_mm,
                spool=Spool(id="plus", material=material, grams=_SPOOL_G, maker_lot=""),
            )  # fmt: skip


def report_of(found: Difference) -> dict[str, Any]:
    """Return the difference as JSON can tell it."""
    return {
        "now": _plain(found.now),
        "then": _plain(found.then),
        "labs_touched": list(found.touched),
    }


def _plain(outcome: Outcome) -> dict[str, Any]:
    told = asdict(outcome)
    done = outcome.done_at
    told["done_at"] = None if done is None else done.astimezone().isoformat(timespec="minutes")
    told["pieces_of"] = dict(outcome.pieces_of)
    return told | {"km": round(outcome.km, 1), "grams": round(outcome.grams, 1)}


def lines_of(found: Difference) -> Iterable[str]:
    """Yield the difference as lines for a person: as it is, and as it would be."""
    now, then = found.now, found.then
    yield f"{'':<24}{'now':>24}{'then':>24}"
    for words, one, two in (
        ("done", _time(now), _time(then)),
        ("pieces late", now.late, then.late),
        ("pieces without a place", now.without_place, then.without_place),
        ("km, all pieces", round(now.km), round(then.km)),
        ("grams", round(now.grams), round(then.grams)),
        ("labs", len(now.pieces_of), len(then.pieces_of)),
        ("other orders, late", now.others_late, then.others_late),
        ("other orders, no place", now.others_without_place, then.others_without_place),
    ):
        yield f"{words:<24}{one:>24}{two:>24}"
    touched = ", ".join(found.touched) or "none"
    yield f"Labs that would make more or fewer pieces: {touched}"
    yield "Nothing was changed."


def _time(outcome: Outcome) -> str:
    return "-" if outcome.done_at is None else clock.local(outcome.done_at)


def stock_report(ledger: Ledger) -> dict[str, Any]:
    """Return what plans use of the spools, as JSON can tell it."""
    found = planning.stock(ledger, clock.now())
    names = {node.id: node.lab for node in labs.fleet(ledger.reading)}
    return {
        "materials": [
            {"material": material, "grams": round(grams, 1), "missing_g": round(missing, 1)}
            for material, grams, missing in found.materials
        ],
        "shortages": [
            {
                "day": each.day.isoformat(), "node": each.node, "lab": names[each.node],
                "printer": each.printer, "material": each.material,
                "missing_g": round(each.missing_g, 1),
            }
            for each in found.shortages
        ],
        "days": [
            {
                "day": each.day.isoformat(), "node": each.node, "lab": names[each.node],
                "material": each.material, "grams": round(each.grams, 1),
                "left_g": round(each.left_g, 1),
            }
            for each in found.days
        ],
    }  # fmt: skip


def stock_lines(report: dict[str, Any]) -> Iterable[str]:
    """Yield the report as lines for a person."""
    if not report["materials"]:
        yield "Nothing is planned that takes filament."
    for each in report["materials"]:
        missing = f"; {each['missing_g']:.0f} g are missing" if each["missing_g"] else ""
        yield f"{each['material']}: {each['grams']:.0f} g to be printed{missing}"
    for each in report["shortages"]:
        yield (
            f"  {each['day']} {each['lab']}, {each['printer']}: {each['missing_g']:.0f} g of"
            f" {each['material']} missing"
        )
    for each in report["days"]:
        yield (
            f"{each['day']} {each['lab']}: {each['grams']:.0f} g of {each['material']},"
            f" {each['left_g']:.0f} g left"
        )
