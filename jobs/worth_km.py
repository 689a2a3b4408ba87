"""What a minute of each printer is worth in kilometres, so that near printers make what gains most. Pure.

A near printer is wanted by many lines. The dual of "all in time with the fewest kilometres, and all labs
give about the same share of their time", whole plates or not, says what an hour of it would save; a line
is best made where its kilometres and the worth of its minutes together are least. Found by steps of
shares and of prices in turns, each as long as its column or row allows.
"""

from __future__ import annotations

import numpy as np

from jobs.network import TINY, Floats, Ints, Lines, Network

#: So many steps at most, and so many lines times printers looked at in all.
_STEPS, _WORK = 1000, 60_000_000
#: How much longer a step of the prices is than one of the shares.
_STRIDE = 10.0


def worth_km(net: Network, lines: Lines, ends_min: Floats, fair: float) -> tuple[Floats, Floats]:
    """Return [L, P] twice: kilometres of a good piece with those that its minutes would save elsewhere; shares.

    inf where it cannot be made in time. Shares of a line, about 1 together, are what a plan with the fewest
    kilometres would have, whole plates or not; 0 where it cannot. Due dates `ends_min` are sorted; `fair` is
    the index of Jain of the labs' load at which prices aim.
    """
    by = np.argsort(lines.due_min[lines.order], kind="stable")
    bucket = np.searchsorted(ends_min, lines.due_min[lines.order[by]])
    free = np.maximum(np.array([net.opened(end) for end in ends_min.tolist()]) - net.busy_min, 0.0)
    work = net.work_min()[lines.part[by]][:, net.cls] / (net.speed * net.good)
    can = np.isfinite(work) & (free[bucket] > TINY)
    for line, barred in lines.barred.items():
        can[by == line] &= ~barred
    pieces, offered = lines.pieces[by, None], np.maximum(free[-1], TINY)
    takes = np.where(can, work * pieces / offered, 0.0)
    km = net.km[lines.site[lines.order[by]]]
    unit = max(float((km * pieces)[can].mean()), TINY) if can.any() else 1.0
    cost = np.where(can, km * pieces / unit, np.inf)
    part = offered / np.bincount(net.node, offered)[net.node]
    price, made = _prices(cost, takes, bucket, free / offered, net.node, part, fair)
    found, shares = np.full((2, *can.shape), np.inf)
    found[by] = np.where(can, km + price * takes * unit / pieces, np.inf)
    shares[by] = made
    return found, shares


def _prices(
    cost: Floats, takes: Floats, bucket: Ints, free: Floats, node: Ints, part: Floats, fair: float
) -> tuple[Floats, Floats]:
    """Return [L, P] twice: what all time of a printer is worth to a line, and how much of the line it makes.

    Args:
        cost: [L, P], of all of a line; inf where it cannot be made.
        takes: [L, P], in shares of a printer's time until the last due date.
        bucket: [L], sorted.
        free: [E, P], in such shares.
        node: [P].
        part: [P], of its lab's time.
        fair: the index of Jain of the load that is fair.
    """
    can, first = np.isfinite(cost), np.searchsorted(bucket, np.arange(len(free)))
    cost = np.where(can, cost, 0.0)
    makers, slots = np.maximum(can.sum(axis=1), 1), len(free)
    step = 1.0 / (1.0 + takes * ((slots - bucket)[:, None] + part)) / _STRIDE
    step_min = _STRIDE / np.maximum(_until(takes, first), TINY)
    step_lab = _STRIDE / max(float(np.bincount(node, takes.sum(axis=0) * part).max()), TINY)
    made = can / makers[:, None]
    minute, worth = np.zeros(free.shape), np.zeros(len(cost))
    lab = np.zeros(int(node.max()) + 1)
    price = np.zeros(free.shape)
    for _ in range(min(_STEPS, _WORK // max(cost.size, 1))):
        gain = worth[:, None] - cost - takes * price[bucket]
        new = np.where(can, np.maximum(made + step * gain, 0.0), 0.0)
        more, made = 2.0 * new - made, new
        used = _until(takes * more, first)
        minute = np.maximum(minute + step_min * (used - free), 0.0)
        lab = _unfair(lab + step_lab * np.bincount(node, used[-1] * part), fair)
        price = minute[::-1].cumsum(axis=0)[::-1] + lab[node] * part
        worth = worth + _STRIDE / makers * (1.0 - more.sum(axis=1))
    return price[bucket], made


def _until(minutes: Floats, first: Ints) -> Floats:
    """Return [E, P]: the sums of lines [L, P], sorted by due date, until each due date."""
    found: Floats = np.add.reduceat(minutes, first, axis=0).cumsum(axis=0)
    return found


def _unfair(load: Floats, fair: float) -> Floats:
    """Return what is left of a load [labs] without the nearest that is as fair."""
    mean, tan = float(load.mean()), float(np.sqrt(1.0 / fair - 1.0))
    away = load - mean
    far = float(np.sqrt((away * away).mean()))
    if far <= mean * tan:
        return np.zeros(len(load))
    near = (mean + far * tan) / (1.0 + tan * tan)
    return load if near <= 0.0 else load - near * (1.0 + tan * away / far)
