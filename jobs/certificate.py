"""What no plan can do, proved without a solver. Pure.

Any prices prove something, good ones prove more. A minute of a class is worth at most what it earns
on its best part; where all minutes until then together earn less than what is asked is worth, it
cannot be made by then. Both bounds relax filament, whole plates and the order of work, never the
hours, so no plan of `jobs.quotas` is better than they say.
"""

from __future__ import annotations

import numpy as np

from jobs.network import SLOT_MIN, TINY, Floats, Lines, Network
from jobs.prices import Prices


def earned(net: Network, found: Prices, at_min: float) -> float:
    """Return what all printers together can earn until then, in units of price."""
    best: Floats = found.worth(net).max(axis=0, initial=0.0)
    return float(np.sum(best * net.class_min(at_min)))


def earliest_min(net: Network, pieces: Floats, found: Prices) -> float:
    """Return the time, in minutes from now, before which nobody could make so many pieces.

    Args:
        net: the printers.
        pieces: [Q] good pieces of each part.
        found: any prices.
    """
    asked = float(found.price @ pieces)
    low, high = 0, net.open_min.shape[0] - 1
    if earned(net, found, high * SLOT_MIN) < asked:
        return float(high * SLOT_MIN)
    while high - low > 1:
        middle = (low + high) // 2
        if earned(net, found, middle * SLOT_MIN) < asked:
            low = middle
        else:
            high = middle
    before, after = (earned(net, found, slot * SLOT_MIN) for slot in (low, high))
    # Within a slot, printers are open all of the time, some of it or not: by then at the earliest
    # only if all open minutes of the slot come first, so the bound stays at the slot's beginning
    # plus what the missing worth takes when everything is open.
    most = np.bincount(net.cls, net.speed * net.good * SLOT_MIN, len(net.calendar))
    full = float(np.sum(found.worth(net).max(axis=0, initial=0.0) * most))
    missing = max(0.0, asked - before)
    return low * SLOT_MIN + SLOT_MIN * min(1.0, missing / max(full, after - before, 1e-300))


def most_in_time(net: Network, lines: Lines, found: Prices) -> float:
    """Return the largest weighted share (0..1) of kits that any plan could have in time.

    Every order is a size in units of price, and all printers are one machine that earns until
    each due date what `earned` says. That machine's best plan is found by taking the orders that
    are worth most for their size, each as far as every later due date allows.
    """
    pieces = np.where(lines.pieces > TINY, lines.pieces, 0.0)
    size = np.bincount(lines.order, pieces * found.price[lines.part], minlength=len(lines.weight))
    makeable = (net.most[lines.part] > 0).any(axis=1)
    never = np.bincount(lines.order, ~makeable, minlength=len(lines.weight)) > 0
    asked = np.bincount(lines.order, minlength=len(lines.weight)) > 0
    if not asked.any():
        return 1.0
    ends = np.unique(lines.due_min)
    left = np.array([earned(net, found, float(end)) for end in ends])
    # A due date inside a slot: the slot may be open up to it.
    inside = (ends % SLOT_MIN) > 0
    for n in np.flatnonzero(inside):
        left[n] = earned(net, found, float(ends[n]) + SLOT_MIN)
    value = 0.0
    for order in np.argsort(-lines.weight / np.maximum(size, 1e-300), kind="stable"):
        if never[order] or not asked[order]:
            continue
        bucket = int(np.searchsorted(ends, lines.due_min[order]))
        room = max(0.0, float(left[bucket:].min()))
        share = 1.0 if size[order] <= room else room / float(size[order])
        left[bucket:] -= share * size[order]
        value += share * float(lines.weight[order])
    return float(value / lines.weight[asked].sum())
