"""Before when nobody could have printed an order, whoever planned it. Pure.

Counts what every printer could make of a part from its spool if no window cut its plates and no
other order were in its way; what it is bound to already stays. For several parts the prices
of `jobs.certificate` say more: a printer makes one thing at a time.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from jobs.certificate import earliest_min
from jobs.fleet import begins_at
from jobs.network import SLOT_MIN, TINY, Floats, Network
from jobs.planned import Bound
from jobs.prices import prices
from jobs.shares import Arrays

#: The minute in which a plan is made is not whole.
_MINUTE = 1.0


def bounds(given: Arrays) -> tuple[Bound, ...]:
    """Return for each order when its last piece could be printed at the earliest.

    An order that nobody can finish within the horizon has none.
    """
    if not given.printers:
        return ()
    found = []
    for order in range(len(given.lines.weight)):
        mine = np.flatnonzero(given.lines.order == order)
        minutes = _earliest(given, mine.tolist())
        if minutes < given.ideal.horizon_min:
            at = given.now + timedelta(minutes=max(0.0, minutes - _MINUTE))
            release = given.needs[mine[0]].release
            if release is not None:
                at = max(at, begins_at(release, max(p.utc_offset_min for p in given.printers)))
            found.append(Bound(order_id=given.needs[mine[0]].order_id, earliest_at=at))
    return tuple(found)


def _earliest(given: Arrays, mine: list[int]) -> float:
    net, lines = given.ideal, given.lines
    found = max(_by_count(net, given, line) for line in mine)
    if len(mine) > 1 and found < net.horizon_min:
        pieces = np.bincount(lines.part[mine], lines.pieces[mine], net.most.shape[0]).astype(
            np.float64
        )
        for at in (found + SLOT_MIN, found * len(mine) + SLOT_MIN):
            worth = prices(net, pieces, net.class_min(min(at, net.horizon_min)))
            found = max(found, earliest_min(net, pieces, worth))
    return float(found)


def _by_count(net: Network, given: Arrays, line: int) -> float:
    """Return before how many minutes from now so many pieces of one part cannot exist."""
    part, pieces = int(given.lines.part[line]), float(given.lines.pieces[line])
    can = net.most[part][net.cls] > 0
    if (barred := given.lines.barred.get(line)) is not None:
        can &= ~barred
    who = np.flatnonzero(can)
    cls = net.cls[who]
    most, speed = net.most[part, cls], net.speed[who]
    fixed, each = net.plate_min[part, cls] / speed, net.piece_min[part, cls] / speed
    full, by = fixed + each * most, net.calendar[cls]
    grams = net.piece_g[part, cls]
    # What weighs nothing, as where a slicer has told none, is printed from an empty spool too.
    filament = np.floor(net.spool_g[0, who] / np.maximum(grams, TINY) + TINY)
    filament[grams <= 0] = np.inf

    def made(opened: Floats) -> float:
        free = np.maximum(opened - net.busy_min[who], 0.0)
        plates = np.floor(free / np.maximum(full, TINY) + TINY)
        rest = (free - plates * full - fixed) / np.maximum(each, TINY)
        copies = np.clip(np.floor(rest + TINY), 0, np.maximum(most - 1, 0))
        return float(np.minimum(plates * most + copies, filament).sum())

    low, high = 0, net.open_min.shape[0] - 1
    if made(net.open_min[high][by]) < pieces:
        return net.horizon_min
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if made(net.open_min[middle][by]) < pieces else (low, middle)
    before, after = net.open_min[low][by], net.open_min[high][by]
    for minute in range(SLOT_MIN):
        if made(np.minimum(before + minute + 1, after)) >= pieces:
            return float(low * SLOT_MIN + minute)
    return float(high * SLOT_MIN)
