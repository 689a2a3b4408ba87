"""The fullest plates of a design on the kinds of beds in the network, for its page.

Nests a few that nobody has nested yet; leaves where the others are nested to the planner, and the nest itself
to `designs.packing`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from msgspec.structs import astuple

from designs.errors import MissingFileError
from designs.library import Library
from designs.materials import material
from designs.model import PRINTED, Bed, Layout, Part, Revision
from designs.packing import centred
from designs.picture import bed_path
from jobs.estimate import Estimate, estimate
from jobs.ledger import labs
from web.context import here

#: A page nests at most so many plates that nobody has nested yet, some 2 s each, and only small ones;
#: the others follow when it is opened again, or when the planner needs them.
_NESTS = 2
_NEST_TRIANGLES = 200_000
_NEST_BED_MM = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateView:
    """The fullest plate of one part on one kind of bed."""

    part: Part
    tall: bool  # taller than the printer
    copies: int | None  # None: not nested yet
    path: str  # of an SVG
    estimate: Estimate | None  # of the full plate


@dataclass(frozen=True, slots=True, kw_only=True)
class BedView:
    """One kind of bed in the network, without saying whose."""

    bed: Bed
    height_mm: float
    printers: int
    plates: tuple[PlateView, ...]


def estimate_of(part: Part, copies: int) -> Estimate:
    """Return what so many copies take, in the part's first material."""
    return estimate(part.facts, copies, material(part.materials[0]).density_g_cm3)


def full_plates(revision: Revision) -> tuple[BedView, ...]:
    """Return the kinds of beds in the network, the most frequent first, with full plates on them."""
    context = here()
    kinds = Counter(
        (each.facts.bed, each.facts.height_mm)
        for node in labs.fleet(context.ledger.reading)
        for each in node.printers
        if each.facts.process == PRINTED
    )
    nester = _Nester(context.library)
    found = []
    for (bed, height_mm), printers in sorted(
        kinds.items(), key=lambda kind: (-kind[1], astuple(kind[0][0]), kind[0][1])
    ):
        plates = tuple(nester.plate(part, bed, height_mm) for part in revision.parts)
        found.append(BedView(bed=bed, height_mm=height_mm, printers=printers, plates=plates))
    return tuple(found)


class _Nester:
    """Gives the plates of one page: those that are kept, and a few new ones."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._left = _NESTS

    def plate(self, part: Part, bed: Bed, height_mm: float) -> PlateView:
        """Return the fullest plate of a part."""
        tall = part.facts.extents_mm[2] > height_mm
        layout = None if tall else self._layout(part, bed)
        copies = None if layout is None else len(layout.placements)
        path = ""
        if layout is not None and copies:
            shadow = self._library.footprint(part.facts.mesh_sha256)
            path = bed_path(centred(shadow, layout, copies), shadow)
        return PlateView(
            part=part,
            tall=tall,
            copies=copies,
            path=path,
            estimate=estimate_of(part, copies) if copies else None,
        )

    def _layout(self, part: Part, bed: Bed) -> Layout | None:
        mesh = part.facts.mesh_sha256
        kept = self._library.nested(mesh, bed)
        small = part.facts.triangles <= _NEST_TRIANGLES and max(bed.x_mm, bed.y_mm) <= _NEST_BED_MM
        if kept is not None or not small or self._left == 0:
            return kept
        self._left -= 1
        try:
            return self._library.max_layout(mesh, bed)
        except MissingFileError:
            return None
