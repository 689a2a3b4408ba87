"""Which share of each order is to be in time, where not all can be: all orders weighed together. Pure.

A fluid, as in `jobs.capacity`, where orders get time one after another and each minute goes to who loses least
by it at prices for all days. That is quick, and near to the best with many orders. With a few large ones what
a class is best at is not the same before an early due date as after it. Here minutes of each class have prices
by due date: the linear programme "most kits in time", by steps of shares and of prices in turns, each as long
as its column or row allows (Pock and Chambolle 2011, the second half averaged).
"""

from __future__ import annotations

import numpy as np

from jobs.network import TINY, Bools, Floats, Ints, Lines, Network

#: So many steps, where they look at so many lines times classes at most.
_STEPS, _WORK = 1000, 20_000_000
#: How much longer a step of the prices is than one of the shares.
_STRIDE = 10.0


def few_enough(net: Network, lines: Lines) -> bool:
    """Return whether there are so few lines and classes that it takes a fraction of a second."""
    return lines.count * len(net.calendar) * _STEPS <= _WORK


def together(net: Network, lines: Lines, free: Floats) -> tuple[Floats, Floats]:
    """Return how much of each order has room before its due date, and where, as of `shares_in_time`.

    Shares are [O], 0..1; the good pieces of each line that a class would make are [L, C]. Knows no release
    times: what waits may have less room.

    Args:
        net: the printers.
        lines: the orders.
        free: [E, C], minutes of good work that each class has until each due date.
    """
    ends, due_min = np.unique(lines.due_min), lines.due_min[lines.order]
    due: Bools = due_min[None, :] <= ends[:, None]  # [E, L]
    work = net.work_min()[lines.part]
    can = np.isfinite(work) & (free[np.searchsorted(ends, due_min)] > TINY)
    offered = np.maximum(free[-1], TINY)
    pieces = lines.pieces[:, None]
    takes = np.where(can, np.where(can, work, 0.0) * pieces / offered, 0.0)
    weight = lines.weight * (len(lines.weight) / max(float(lines.weight.sum()), TINY))
    made = _most_worth(takes, can, free / offered, due.astype(np.float64), lines.order, weight)
    # An average is a little beyond what there is at times.
    used = due @ (takes * made)
    made *= np.minimum(free / offered / np.maximum(used, TINY), 1.0).min(axis=0)
    shares, sums = np.ones(len(weight)), made.sum(axis=1)
    np.minimum.at(shares, lines.order, sums)
    made *= (shares[lines.order] / np.maximum(sums, TINY))[:, None]  # no more than makes kits
    return shares, made * pieces


def _most_worth(
    takes: Floats, can: Bools, free: Floats, due: Floats, order: Ints, weight: Floats
) -> Floats:
    """Return [L, C]: which share of each line a class makes, where that is worth most in all.

    Args:
        takes: [L, C], what all of a line takes of a class's time until the last due date.
        can: [L, C].
        free: [E, C], in such shares.
        due: [E, L], 1 where a line is due by then.
        order: [L].
        weight: [O], what all of an order is worth; about 1.
    """
    orders, makers = len(weight), np.maximum(can.sum(axis=1), 1)
    step = 1.0 / (1.0 + takes * due.sum(axis=0)[:, None]) / _STRIDE
    step_share = 1.0 / np.maximum(np.bincount(order, minlength=orders), 1) / _STRIDE
    step_min = _STRIDE / np.maximum(due @ takes, TINY)
    step_line = _STRIDE / (makers + 1.0)
    made, share = can * (0.5 / makers)[:, None], np.full(orders, 0.5)
    minute, worth = np.zeros(free.shape), np.zeros(len(takes))
    total, by = np.zeros(takes.shape), due.T
    for n in range(_STEPS):
        price = takes * (by @ minute)
        new = np.maximum(made + step * (worth[:, None] - price), 0.0) * can
        other = (share + step_share * (weight - np.bincount(order, worth, orders))).clip(0.0, 1.0)
        more, shares = 2.0 * new - made, 2.0 * other - share
        made, share = new, other
        minute = np.maximum(minute + step_min * (due @ (takes * more) - free), 0.0)
        worth = np.maximum(worth + step_line * (shares[order] - more.sum(axis=1)), 0.0)
        if 2 * n >= _STEPS:
            total += made
    found: Floats = total / (_STEPS // 2)
    return found
