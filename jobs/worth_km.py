"""What a minute of each printer is worth in kilometres, so that near printers make what gains most. Pure.

A near printer is wanted by many lines. The dual of "all in time with the fewest kilometres, and all labs
give about the same share of their time", whole plates or not, says what an hour of it would save; a line
is best made where its kilometres and the worth of its minutes together are least. Found by steps of
shares and of prices in turns, each as long as its column or row allows. A parcel costs as much whatever
is in it: what a lab gives an order is dearer a piece the less it gives, as of the steps before.
"""

from __future__ import annotations

import numpy as np

from jobs.kits import jain
from jobs.network import TINY, Floats, Ints, Lines, Network

#: So many steps; up to so many while not all is made or load is unfair; and so many lines times printers looked
#: at in all.
_STEPS, _MOST, _WORK = 1000, 4000, 60_000_000
#: What is nearer than that to all, and to fair, is enough.
_CLOSE = 0.003
#: After so many steps it is seen what parcels hold, but for the last ones; none costs more a piece than one of
#: such a share of what each would hold if all did the same.
_LOOK, _PARCELS_UNTIL, _SMALLEST = 100, 0.8, 0.3
#: How many times what it makes at first all time of a lab may be worth; twice as much after each so many steps.
_LAB, _DEARER = 10.0, 500
#: The share of time that is left free where there are as many lines as printers: whole plates take more where
#: each makes several.
_SPARE = 0.03
#: No price is counted in less than such a share of the highest.
_FLOOR = 1e-6


def worth_km(
    net: Network,
    lines: Lines,
    ends_min: Floats,
    fair: float,
    *,
    parcel_km: float = 0.0,
    whole: bool = False,
) -> tuple[Floats, Floats]:
    """Return [L, P] twice: kilometres of a good piece with those that its minutes would save elsewhere; shares.

    inf where it cannot be made in time. Shares of a line, about 1 together, are what a plan with the fewest
    kilometres would have, whole plates or not; 0 where it cannot.

    Args:
        net: the printers.
        lines: what is asked.
        ends_min: due dates, sorted.
        fair: the index of Jain of the labs' load at which prices aim.
        parcel_km: as many kilometres of a piece one parcel is worth.
        whole: whether time is counted in whole plates: what a printer that makes one line alone has left
            over is of no use then.
    """
    by = np.argsort(lines.due_min[lines.order], kind="stable")
    bucket = np.searchsorted(ends_min, lines.due_min[lines.order[by]])
    free = np.maximum(np.array([net.opened(end) for end in ends_min.tolist()]) - net.busy_min, 0.0)
    work = net.work_min()[lines.part[by]][:, net.cls] / (net.speed * net.good)
    can = np.isfinite(work) & (free[bucket] > TINY)
    for line, barred in lines.barred.items():
        can[by == line] &= ~barred
    if whole:
        free *= 1.0 - _SPARE * min(1.0, lines.count / max(net.printers, 1))
        work = np.where(can, work, 1.0)
        most = np.maximum(net.most[lines.part[by]][:, net.cls], 1)
        plates = free[bucket] / (work * net.good * most)
        work *= np.where(plates >= 1.0, plates / np.floor(np.maximum(plates, 1.0) + TINY), 1.0)
    pieces, offered = lines.pieces[by, None], np.maximum(free[-1], TINY)
    takes = np.where(can, work * pieces / offered, 0.0)
    km = net.km[lines.site[lines.order[by]]]
    unit = max(float((km * pieces)[can].mean()), TINY) if can.any() else 1.0
    cost = np.where(can, km * pieces / unit, np.inf)
    parcel = lines.order[by, None] * (int(net.node.max()) + 1) + net.node
    dual = _Dual(cost, takes, bucket, free / offered, net.node, offered, fair)
    _walk(dual, _WORK // max(cost.size, 1), parcel, parcel_km / unit)
    found, shares = np.full((2, *can.shape), np.inf)
    found[by] = np.where(can, km + dual.dearer() * unit / pieces, np.inf)
    shares[by] = dual.made
    return found, shares


def _walk(dual: _Dual, most: int, parcel: Ints, parcel_cost: float) -> None:
    """Do so many steps at most; fewer where all is made by a fair load before."""
    usual = min(_STEPS, most)
    for step in range(1, min(_MOST, most) + 1):
        dual.step()
        if step % _LOOK:
            continue
        if parcel_cost and step <= _PARCELS_UNTIL * usual:
            dual.gather(parcel, parcel_cost)
        if step >= usual:
            is_fair = dual.fair()
            if is_fair and dual.all_made():
                return
            if not is_fair and step % _DEARER == 0:
                dual.press()


class _Dual:
    """Shares and prices, on their way to each other.

    A price is counted in what it may come to, and a share in what it may be: lines of thousands of pieces
    stand beside lines of ten.
    """

    def __init__(
        self,
        cost: Floats,
        takes: Floats,
        bucket: Ints,
        free: Floats,
        node: Ints,
        offered: Floats,
        fair: float,
    ) -> None:
        """Begin with what each printer could make.

        Args:
            cost: [L, P], of all of a line; inf where it cannot be made.
            takes: [L, P], in shares of a printer's time until the last due date.
            bucket: [L], sorted.
            free: [E, P], in such shares.
            node: [P].
            offered: [P], minutes of such time.
            fair: the index of Jain of the load that is fair.
        """
        self._can, self._first = np.isfinite(cost), np.searchsorted(bucket, np.arange(len(free)))
        self._cost = np.where(self._can, cost, 0.0)
        self._parcels = np.zeros(cost.shape)
        self._takes, self._bucket, self._free, self._node = takes, bucket, free, node
        self._part, self._fair = offered / np.bincount(node, offered)[node], fair
        most = np.where(self._can, np.minimum(1.0, free[bucket] / np.maximum(takes, TINY)), 0.0)
        all_of_it = np.maximum(most.sum(axis=1, keepdims=True), TINY)
        self.made: Floats = most / all_of_it
        self._begun = self.made
        self._scale, self._pressed = most / np.sqrt(all_of_it), _LAB
        self._set_steps()
        self._minute, self._worth = np.zeros(free.shape), np.zeros(len(cost))
        self._lab = np.zeros(int(node.max()) + 1)
        self._price = np.zeros(free.shape)

    def press(self) -> None:
        """Have prices of labs take longer steps, where load gets fair too slowly."""
        self._pressed *= 2.0
        self._set_steps()

    def _set_steps(self) -> None:
        """Say how long steps are, by what shares and prices may be."""
        node, takes, part, scale = self._node, self._takes, self._part, self._scale
        cost = self._begun * self._cost
        line, by_all = np.maximum(cost.sum(axis=1), TINY), cost.sum(axis=0)
        taken = (self._begun * takes).sum(axis=0)
        minute = by_all / np.maximum(taken, TINY)
        lab = (
            self._pressed
            * np.bincount(node, by_all)
            / np.maximum(np.bincount(node, taken * part), TINY)
        )
        # Where nothing is driven prices still need a measure, or steps of others are too long for them.
        line, minute, lab = (np.maximum(each, _FLOOR * each.max()) for each in (line, minute, lab))
        slots = (len(self._free) - self._bucket)[:, None]
        self._step = scale / (line[:, None] + takes * (slots * minute + lab[node] * part))
        self._step_min = minute / np.maximum(self._until(scale * takes), TINY)
        self._line = line
        self._step_line = line / np.maximum(scale.sum(axis=1), TINY)
        of_lab = np.bincount(node, (scale * takes).sum(axis=0) * part)
        some = of_lab > TINY
        self._step_lab = float((lab[some] / of_lab[some]).min()) if some.any() else 0.0

    def step(self) -> None:
        """Do one step of the shares and one of the prices."""
        gain = self._worth[:, None] - self._cost - self.dearer()
        new = np.where(self._can, np.maximum(self.made + self._step * gain, 0.0), 0.0)
        more, self.made = 2.0 * new - self.made, new
        used = self._until(self._takes * more)
        self._minute = np.maximum(self._minute + self._step_min * (used - self._free), 0.0)
        load = np.bincount(self._node, used[-1] * self._part)
        self._lab = _unfair(self._lab + self._step_lab * load, self._fair)
        self._price = self._minute[::-1].cumsum(axis=0)[::-1] + self._lab[self._node] * self._part
        self._worth = self._worth + self._step_line * (1.0 - more.sum(axis=1))

    def dearer(self) -> Floats:
        """Return [L, P]: what minutes and parcels of all of a line are worth."""
        found: Floats = self._takes * self._price[self._bucket] + self._parcels
        return found

    def gather(self, parcel: Ints, cost: float) -> None:
        """Have parcels [L, P] of little cost more a piece than others."""
        least = _SMALLEST * np.bincount(parcel.ravel(), self._begun.ravel())
        size = np.bincount(parcel.ravel(), self.made.ravel()) + np.maximum(least, TINY)
        self._parcels = np.where(self._can, cost / size[parcel], 0.0)

    def all_made(self) -> bool:
        """Return whether shares are all that is asked, but for little."""
        short = np.abs(1.0 - self.made.sum(axis=1)) @ self._line
        return bool(short < _CLOSE * self._line.sum())

    def fair(self) -> bool:
        """Return whether the load of shares is as fair as is asked, but for little."""
        load = np.bincount(self._node, (self.made * self._takes).sum(axis=0) * self._part)
        return jain(load.astype(np.float64)) > self._fair - _CLOSE

    def _until(self, minutes: Floats) -> Floats:
        """Return [E, P]: the sums of lines [L, P], sorted by due date, until each due date."""
        found: Floats = np.add.reduceat(minutes, self._first, axis=0).cumsum(axis=0)
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
