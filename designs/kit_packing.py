"""Lays whole kits, several different parts in given quantities, on one bed. Pure.

Large parts come first, and small ones into what is left between them. Within a fixed number of
steps, so that the same kit on the same bed gives the same layout on any machine, in whatever order
its parts are told.

Leaves a single part on a bed to `designs.packing`, and the raster to `designs.raster`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, repeat

from designs.model import Bed, KitLayout, KitPlacement
from designs.packing import pack, widest_mm2
from designs.raster import Shadow, Table, turns_of
from designs.room import Room

#: Correlations after which no more kits are tried; some 1 ms each at 250 mm.
_STEPS = 4000
#: What lies exactly the gap apart is let through.
_TOUCHES_MM = 1e-6


def pack_kits(
    parts: Mapping[str, tuple[Shadow, int]],
    bed: Bed,
    gap_mm: float = 2.0,
    limit: int | None = None,
) -> KitLayout | None:
    """Return as many whole kits as fit on one bed, at most `limit`, all parts `gap_mm` apart.

    None where not even one fits.

    Args:
        parts: shadow and copies a kit of each part, by its id; at least one copy.
        bed: where they lie.
        gap_mm: between any two of them.
        limit: kits that are enough.
    """
    if not parts or min(copies for _, copies in parts.values()) < 1:
        return None
    if len(parts) == 1:
        ((part, (shadow, copies)),) = parts.items()
        pieces = pack(shadow, bed, gap_mm, None if limit is None else limit * copies).placements
        found = [KitPlacement(part=part, placement=each) for each in pieces]
        return _whole(bed, found, copies)
    return _Kits(parts, bed, gap_mm, limit).most()


def _whole(bed: Bed, found: list[KitPlacement], pieces: int) -> KitLayout | None:
    """Return the whole kits at the beginning of what was laid."""
    kits = len(found) // pieces
    if not kits:
        return None
    return KitLayout(bed=bed, kits=kits, placements=tuple(found[: kits * pieces]))


class _Kits:
    """One kit of different parts and one bed."""

    def __init__(
        self,
        parts: Mapping[str, tuple[Shadow, int]],
        bed: Bed,
        gap_mm: float,
        limit: int | None,
    ) -> None:
        self._bed, self._gap_mm = bed, gap_mm
        room = Room(bed)
        self._parts = parts
        self._order = sorted(parts, key=lambda part: (-parts[part][0].area, part))
        self._pieces = sum(copies for _, copies in parts.values())
        around = sum(
            shadow.buffer(gap_mm / 2, quad_segs=4).area * copies
            for shadow, copies in parts.values()
        )
        most = int(widest_mm2(room, gap_mm) / around)
        self._most = most if limit is None else min(most, limit)
        turns = [
            (part, turn) for part in self._order for turn in turns_of(parts[part][0], room, gap_mm)
        ]
        self._part_of = [part for part, _ in turns]
        self._turns = [turn for _, turn in turns]

    def most(self) -> KitLayout | None:
        """Return the layout with the most kits that is found."""
        if self._most < 1 or set(self._part_of) != set(self._order):
            return None
        table = Table(self._turns, self._bed, self._gap_mm - _TOUCHES_MM)
        best: KitLayout | None = None
        # One kit after the other tells how many there are about; then more, their large parts first.
        for square, by_area in ((True, False), (True, True), (False, False), (False, True)):
            kit = self._wanted(1, square=square)
            found = self._lay(table, chain.from_iterable(repeat(kit, self._most)), by_area=by_area)
            if found is not None and (best is None or found.kits > best.kits):
                best = found
            if table.steps >= _STEPS:
                return best
        while best is None or best.kits < self._most:
            more = self._sorted(table, 1 if best is None else best.kits + 1)
            if more is None:
                return best
            best = more
        return best

    def _sorted(self, table: Table, kits: int) -> KitLayout | None:
        """Lay so many kits, all of the largest part first, its first copy turned in every way."""
        for square, by_area in ((True, False), (True, True), (False, False), (False, True)):
            wanted = self._wanted(kits, square=square)
            for first in wanted[0]:
                if table.steps >= _STEPS:
                    return None
                found = self._lay(table, [[first], *wanted[1:]], by_area=by_area)
                if found is not None and found.kits == kits:
                    return found
        return None

    def _wanted(self, kits: int, *, square: bool) -> list[list[int]]:
        """The turns that each piece of so many kits may have, the largest part first."""
        found = []
        for part in self._order:
            every = [n for n, of_part in enumerate(self._part_of) if of_part == part]
            upright = [n for n in every if self._turns[n].angle_deg % 90 == 0]
            turns = upright if square and upright else every
            found += [turns] * (self._parts[part][1] * kits)
        return found

    def _lay(self, table: Table, wanted: Iterable[list[int]], *, by_area: bool) -> KitLayout | None:
        found = [
            KitPlacement(part=self._part_of[number], placement=placement)
            for number, placement in table.lay(wanted, by_area=by_area)
        ]
        return _whole(self._bed, found, self._pieces)
