"""What one printer makes of one need, and how small lots of it are put together. Pure.

Who gets what is planned in `jobs.quotas`, and read from there in `jobs.shares`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

#: A lab makes at least so many pieces of a part, where that costs nobody's due date.
LEAST_LOT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Plates of one need that one printer makes one after another."""

    order_id: str
    part_id: str
    node: str
    printer: str
    plates: tuple[tuple[int, int], ...]  # (copies, how many plates), one after another
    in_time: bool  # there is time for all that is asked: a plate that comes late here need not
    full: int  # copies on a full plate

    @property
    def pieces(self) -> int:
        """All its pieces."""
        return sum(copies * times for copies, times in self.plates)

    def with_more(self, pieces: int) -> Share:
        """Return it with so many pieces more, on full plates and at most one that is not."""
        plates, last = divmod(self.pieces + pieces, self.full)
        runs = ((self.full, plates), (last, 1))
        return replace(self, plates=tuple(run for run in runs if all(run)))


def gathered(
    shares: Sequence[Share],
    grams: Callable[[Share, int], float],
    spools_g: Mapping[tuple[str, str], float],
) -> list[Share]:
    """Put small lots of a part together, the smallest with the next, where a spool holds them.

    The early day that was planned for leaves rests which the real one need not. With each other, since
    a lab that got the rests of all others would print for days when everybody else is done. Where it
    should make anything late, the clock leaves that out, and it is placed plate by plate.

    Args:
        shares: of which all is in time.
        grams: tells the filament of so many pieces of a share.
        spools_g: what each printer has loaded, by node and printer.
    """
    found, spare_g = list(shares), dict(spools_g)
    of_line: dict[tuple[str, str], dict[str, list[int]]] = {}
    for n, share in enumerate(found):
        of_line.setdefault((share.order_id, share.part_id), {}).setdefault(share.node, []).append(n)
        spare_g[share.node, share.printer] -= grams(share, share.pieces)

    def took(mine: list[int], pieces: int) -> bool:
        # Of a lab the printer that makes most of it.
        for n in sorted(mine, key=lambda n: (-found[n].pieces, n)):
            at, more_g = (found[n].node, found[n].printer), grams(found[n], pieces)
            if more_g <= spare_g[at]:
                spare_g[at] -= more_g
                found[n] = found[n].with_more(pieces)
                return True
        return False

    gone: set[int] = set()
    for labs in of_line.values():
        lots = [(sum(found[n].pieces for n in mine), lab) for lab, mine in labs.items()]
        heapify(lots)
        while len(lots) > 1 and lots[0][0] < LEAST_LOT:
            pieces, lab = heappop(lots)
            without_room = []
            while lots:
                size, other = heappop(lots)
                if took(labs[other], pieces):
                    gone.update(labs[lab])
                    heappush(lots, (size + pieces, other))
                    break
                without_room.append((size, other))
            for each in without_room:
                heappush(lots, each)
    return [share for n, share in enumerate(found) if n not in gone]
