"""What lies on a bed, as a page draws it: outlines in mm for an SVG, and how far the print is."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from designs.errors import MissingFileError
from designs.library import Library
from designs.model import PRINTED
from designs.packing import centred
from designs.picture import bed_path
from jobs.ledger.views import AttemptView
from jobs.lifecycle import AttemptState
from jobs.messages import PrinterTele
from jobs.model import UNKNOWN
from printers.model import PrinterFacts, PrinterState

#: A printer at work, as telemetry says it.
_AT_IT: Final = (PrinterState.PRINTING, PrinterState.PAUSED)


def outlines(library: Library, attempt: AttemptView, facts: PrinterFacts) -> str:
    """Return the pieces of a plate as the path data of an SVG, in mm, y downwards.

    The view box is "0 0 bed_x_mm bed_y_mm". Empty where nobody has nested the part on such a bed:
    a page never does; and where nothing is printed.
    """
    if facts.process != PRINTED:
        return ""
    layout = library.nested(attempt.mesh_sha256, facts.bed)
    if layout is None or len(layout.placements) < attempt.pieces:
        return ""
    try:
        shadow = library.footprint(attempt.mesh_sha256)
    except MissingFileError:
        return ""
    return bed_path(centred(shadow, layout, attempt.pieces), shadow)


def fraction_of(tele: PrinterTele | None) -> float | None:
    """Return how far a print is, 0 to 1, as its printer says; None where it does not, or does not print."""
    if tele is None or tele.state not in _AT_IT:
        return None
    return tele.fraction_done


def ends_at(attempt: AttemptView, pace: float, now: datetime) -> datetime | None:
    """Return about when a print ends, by its estimate; None where that is over, or it does not print.

    Args:
        attempt: on the bed.
        pace: of the printer: what a print takes by what its slicer said, see `jobs.ledger.paces`.
        now: aware.
    """
    if attempt.state is not AttemptState.PRINTING or attempt.started_at is None:
        return None
    if attempt.started_at == UNKNOWN or not math.isfinite(attempt.seconds):
        return None
    end = attempt.started_at + timedelta(seconds=attempt.seconds * pace)
    return end if end > now else None
