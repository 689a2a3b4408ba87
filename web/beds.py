"""What lies on a bed, as a page draws it: outlines in mm for an SVG."""

from __future__ import annotations

from designs.errors import MissingFileError
from designs.library import Library
from designs.model import PRINTED, Bed
from designs.packing import centred
from designs.picture import bed_path
from jobs.ledger.views import AttemptView
from printers.model import PrinterFacts


def outlines(library: Library, attempt: AttemptView, facts: PrinterFacts) -> str:
    """Return the pieces of a plate as the path data of an SVG, in mm, y downwards.

    The view box is "0 0 bed_x_mm bed_y_mm". Empty where nobody has nested the part on such a bed:
    a page never does; and where nothing is printed.
    """
    if facts.process != PRINTED:
        return ""
    bed = Bed(x_mm=facts.bed_x_mm, y_mm=facts.bed_y_mm, margin_mm=facts.margin_mm)
    layout = library.nested(attempt.mesh_sha256, bed)
    if layout is None or len(layout.placements) < attempt.pieces:
        return ""
    try:
        shadow = library.footprint(attempt.mesh_sha256)
    except MissingFileError:
        return ""
    return bed_path(centred(shadow, layout, attempt.pieces), shadow)
