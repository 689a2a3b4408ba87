"""Figures that slicers gave for plates: they take the place of estimates in the next plan.

The newest one counts for each kind of plate, whichever node it came from. The functions run
inside the caller's transaction.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.ledger.cells import FACTS
from jobs.lifecycle import AttemptState
from jobs.model import AttemptRef
from jobs.reality import Printed
from printers.model import MANUAL, OWN_SLICE

#: No plate is printed in less time, or of less: plans divide by both.
_LEAST_S, _LEAST_G = 1.0, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateKind:
    """What a slicer's figures depend on, as far as a plan can tell beforehand."""

    mesh_sha256: str
    copies: int
    preset: str  # name of the printer's machine preset
    material: str  # code


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateFigures:
    """What a slicer said of one plate."""

    seconds: float  # > 0, of printing
    grams: float  # > 0, of filament
    slicer: str  # name, version and profile


def keep(
    db: sqlite3.Connection,
    ref: AttemptRef,
    *,
    seconds: float,
    grams: float,
    slicer: str,
    now: datetime,
) -> None:
    """Keep the figures of an attempt's plate.

    Those that no slicer can have given are left out, and those of G-code that its maker has brought:
    nobody else prints it.
    """
    if not _can_be(seconds, grams) or slicer.startswith(OWN_SLICE):
        return
    db.execute(
        "insert or replace into figure"
        " (mesh_sha256, copies, preset, material, seconds, grams, slicer, at)"
        f" select j.mesh_sha256, j.pieces, coalesce(json_extract({FACTS}, '$.preset'), ''), j.material,"
        " ?, ?, ?, ? from attempt a join job j on j.id = a.job_id"
        " join printer p on p.node = a.node and p.id = a.printer"
        " where a.job_id = ? and a.number = ?",
        (seconds, grams, slicer, now.isoformat(), ref.job, ref.number),
    )


def known(db: sqlite3.Connection) -> Mapping[PlateKind, PlateFigures]:
    """Return the newest figures of every kind of plate that a node has sliced.

    Without those that cannot be, as a broken disk leaves them: an estimate takes their place until a node
    slices such a plate again, and all other figures of the design count on.
    """
    rows = db.execute(
        "select mesh_sha256, copies, preset, material, seconds, grams, slicer from figure"
    )
    return {
        PlateKind(mesh_sha256=mesh, copies=copies, preset=preset, material=material): PlateFigures(
            seconds=seconds, grams=grams, slicer=slicer
        )
        for mesh, copies, preset, material, seconds, grams, slicer in rows
        if _can_be(seconds, grams)
    }


def _can_be(seconds: float, grams: float) -> bool:
    return _LEAST_S <= seconds < math.inf and _LEAST_G <= grams < math.inf


def printed(db: sqlite3.Connection, most: int) -> tuple[Printed, ...]:
    """Return the newest prints that came to their end, at most so many.

    How long they took is the node's word where it has measured it, else the time between its reports.
    Those of printers that a person feeds are left out: they begin when the file is handed out and end
    when somebody counts.
    """
    rows = db.execute(
        f"select json_extract({FACTS}, '$.preset'), a.seconds,"
        " coalesce(a.took_s, 86400.0 * (julianday(a.ended_at) - julianday(a.started_at)))"
        " from attempt a join printer p on p.node = a.node and p.id = a.printer"
        " where a.state in (?, ?) and a.slicer <> '' and a.seconds > 0 and a.started_at is not null"
        f" and json_extract({FACTS}, '$.preset') <> ''"
        f" and coalesce(json_extract({FACTS}, '$.link'), '') <> ? order by a.ended_at desc limit ?",
        (AttemptState.PRINTED, AttemptState.HARVESTED, MANUAL, most),
    )
    return tuple(
        Printed(preset=preset, sliced_s=sliced, printed_s=took)
        for preset, sliced, took in rows
        if took is not None  # a time of it cannot be read
    )
