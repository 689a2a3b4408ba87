"""Looks ahead, as JSON tells it: a plan if things were otherwise, and the filament that plans take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from designs.materials import materials
from fabnet import clock
from fabnet.errors import FabnetError
from jobs.coordinator import filament
from jobs.coordinator.whatif import Difference, Outcome
from jobs.ledger import depot, labs
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


def stock_report(ledger: Ledger, in_store: Mapping[str, float]) -> dict[str, Any]:
    """Return what plans use of the spools, and what the depot should send whom, as JSON can tell it.

    `in_store` is what it would have, in grams by material; none: what was counted there.
    """
    db = ledger.reading
    found, bound = filament.stock(ledger, clock.now()), filament.bound_g(db)
    names = {node.id: node.lab for node in labs.fleet(db)}
    stored = dict(in_store or depot.in_store(db))
    return {
        "materials": [
            {
                "material": material, "grams": round(grams, 1),
                "missing_g": round(missing, 1),
                "reserved_g": round(bound.get(material, (0.0, 0.0))[1], 1),
            }
            for material, grams, missing in found.materials
        ],
        "depot": stored,
        "on_way": [
            {
                "sending": each.id, "day": each.arrives.isoformat(), "node": each.node,
                "lab": each.lab, "material": each.material, "grams": each.grams,
                "lots": list(each.lots),
            }
            for each in depot.on_way(db)
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
            for each in (transfers(found.shortages, stored) if stored else ())
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
