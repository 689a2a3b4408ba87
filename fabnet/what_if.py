"""Looks ahead, in words and as JSON: a plan if things were otherwise, and the filament that plans take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from designs.materials import materials
from fabnet import clock
from fabnet.errors import FabnetError
from jobs.coordinator import planning
from jobs.coordinator.whatif import Difference, Outcome
from jobs.ledger import labs
from jobs.ledger.store import Ledger
from jobs.stock import transfers


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


def lines_of(found: Difference, names: Mapping[str, str]) -> Iterable[str]:
    """Yield the difference as lines for a person: as it is, and as it would be; `names` are of labs."""
    now, then = found.now, found.then
    yield f"{'':<24}{'now':>24}{'then':>24}"
    for words, one, two in (
        ("done", _time(now), _time(then)),
        ("pieces in labs' hands", now.held, then.held),
        ("pieces planned", now.placed, then.placed),
        ("pieces late", now.late, then.late),
        ("pieces without a place", now.without_place, then.without_place),
        ("km, all pieces", round(now.km), round(then.km)),
        ("grams", round(now.grams), round(then.grams)),
        ("labs", len(now.pieces_of), len(then.pieces_of)),
        ("other orders, late", now.others_late, then.others_late),
        ("other orders, no place", now.others_without_place, then.others_without_place),
    ):
        yield f"{words:<24}{one:>24}{two:>24}"
    before, after = dict(now.pieces_of), dict(then.pieces_of)
    yield f"Labs that would make more or fewer pieces: {len(found.touched) or 'none'}"
    for lab in found.touched:
        yield f"  {names.get(lab, lab)}: {after.get(lab, 0)} instead of {before.get(lab, 0)}"
    yield "Nothing was changed."


def _time(outcome: Outcome) -> str:
    return "-" if outcome.done_at is None else clock.local(outcome.done_at)


def depot_of(words: Iterable[str]) -> dict[str, float]:
    """Read what a depot has, in grams: "PETG=12000", one for each material.

    Raises:
        FabnetError: one cannot be read.
    """
    found: dict[str, float] = {}
    for text in words:
        match = re.fullmatch(r"\s*([A-Za-z][\w+-]*)\s*=\s*(\d{1,7}(?:[.,]\d+)?)\s*g?\s*", text)
        code = match[1].upper() if match else ""
        if match is None or code not in materials():
            known = ", ".join(sorted(materials()))
            raise FabnetError(
                f"--depot {text!r} cannot be read; write PETG=12000, in grams, with one of {known}"
            )
        found[code] = found.get(code, 0.0) + float(match[2].replace(",", "."))
    return found


def stock_report(ledger: Ledger, depot: Mapping[str, float]) -> dict[str, Any]:
    """Return what plans use of the spools, and what a depot should send whom, as JSON can tell it."""
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
        "transfers": [
            {
                "day": each.day.isoformat(), "node": each.node, "lab": names[each.node],
                "material": each.material, "grams": round(each.grams, 1),
                "missing_g": round(each.missing_g, 1),
            }
            for each in (transfers(found.shortages, depot) if depot else ())
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
    if report["transfers"]:
        yield "From the depot:"
    for each in report["transfers"]:
        rest = f"; {each['missing_g']:.0f} g more are nowhere" if each["missing_g"] else ""
        yield (
            f"  by {each['day']} to {each['lab']}: {each['grams']:.0f} g of {each['material']}{rest}"
        )
    for each in report["days"]:
        yield (
            f"{each['day']} {each['lab']}: {each['grams']:.0f} g of {each['material']},"
            f" {each['left_g']:.0f} g left"
        )
