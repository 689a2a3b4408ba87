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


def _best(net: Network, found: Prices) -> Floats:
    """Return [C]: what a minute of a class earns at most, in units of price."""
    best: Floats = found.worth(net).max(axis=0, initial=0.0)
    return best


def earliest_min(net: Network, pieces: Floats, found: Prices) -> float:
    """Return the time, in minutes from now, before which nobody could make so many pieces.

    Args:
        net: the printers.
        pieces: [Q] good pieces of each part.
        found: any prices.
    """
    asked, best = float(found.price @ pieces), _best(net, found)

    def earned(slot: int) -> float:
        return float(best @ net.class_min(slot * SLOT_MIN))

    low, high = 0, net.open_min.shape[0] - 1
    if earned(high) < asked:
        return float(high * SLOT_MIN)
    while high - low > 1:
        middle = (low + high) // 2
        if earned(middle) < asked:
            low = middle
        else:
            high = middle
    before, after = earned(low), earned(high)
    # Within a slot, printers are open all of the time, some of it or not: by then at the earliest
    # only if all open minutes of the slot come first, so the bound stays at the slot's beginning
    # plus what the missing worth takes when everything is open.
    most = np.bincount(net.cls, net.speed * net.good * SLOT_MIN, len(net.calendar))
    full = float(best @ most)
    missing = max(0.0, asked - before)
    return low * SLOT_MIN + SLOT_MIN * min(1.0, missing / max(full, after - before, 1e-300))


def most_in_time(net: Network, lines: Lines, found: Prices) -> float:
    """Return the largest weighted share (0..1) of kits that any plan could have in time.

    Every order is a size in units of price, and all printers are one machine that earns until
    each due date what these prices say. That machine's best plan is found by taking the orders that
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
    # A due date inside a slot: the slot may be open up to it.
    until = np.where(ends % SLOT_MIN > 0, ends + SLOT_MIN, ends)
    best = _best(net, found)
    left = [float(best @ net.class_min(end)) for end in until.tolist()]
    by, sizes, weights = (
        np.searchsorted(ends, lines.due_min).tolist(),
        size.tolist(),
        lines.weight.tolist(),
    )
    value = 0.0
    turn = np.argsort(-lines.weight / np.maximum(size, 1e-300), kind="stable")
    for order in turn[(asked & ~never)[turn]].tolist():
        bucket, needs = by[order], sizes[order]
        room = max(0.0, min(left[bucket:]))
        share = 1.0 if needs <= room else room / needs
        left[bucket:] = [minutes - share * needs for minutes in left[bucket:]]
        value += share * weights[order]
    return float(value / lines.weight[asked].sum())


def fullest_min(net: Network, lines: Lines, found: Prices) -> float:
    """Return the due date, in minutes from now, until which the largest share of all time is needed.

    `lines` are not empty.
    """
    ends = np.unique(lines.due_min[lines.order])
    due, needs = lines.due_min[lines.order], np.zeros(len(ends))
    for n, end in enumerate(ends.tolist()):
        asked = np.where(due <= end, lines.pieces, 0.0)
        pieces = np.bincount(lines.part, asked, len(net.most)).astype(np.float64)
        needs[n] = earliest_min(net, pieces, found) / max(end, TINY)
    return float(ends[needs.argmax()])
