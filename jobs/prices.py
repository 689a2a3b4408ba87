"""What a piece of each part is worth, so that each class of printers knows what it is best at. Pure.

The dual of the linear programme "make all parts in the shortest time", smoothed by entropy: each
class divides its minutes over the parts by the logit of worth per minute, and what is short becomes
dearer, until all parts would be ready at the same time: Newton's method, since what a price takes from
other parts is known. The temperature falls as it converges. Milliseconds, since only classes and parts
matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.network import Floats, Network, Singles

_COLDEST = 400.0
_FIRST = 4.0
_COOLING = 2.5
_ROUNDS = 400
#: A step of Newton that is longer leads astray; parts that share no class have none, but for so much.
_FURTHEST, _APART = 3.0, 1e-3
#: A part that is more late than that, in logarithms, is far from its price.
_FAR = 0.5
_CLOSE, _ROUGH = 0.002, 0.05
#: Logarithm of the largest price: what cannot be ready with the rest by far gets no dearer, to stay finite.
_DEAREST = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """Worth of parts, and what follows from it."""

    price: Floats  # [Q], of one good piece; 0 where none is asked
    share: Floats  # [Q, C], how each class divides its minutes; columns sum to 1 or 0

    def worth(self, net: Network) -> Floats:
        """Return [Q, C]: what a minute of a class is worth on a part."""
        work = net.work_min()
        can = np.isfinite(work)
        return np.where(can, self.price[:, None] / np.where(can, work, 1.0), 0.0)

    def regret(self, net: Network) -> Floats:
        """Return [Q, C], 0..1: what is lost by a class on a part against what it is best at."""
        worth = self.worth(net)
        best = worth.max(axis=0, initial=0.0)
        return 1.0 - worth / np.where(best > 0, best, 1.0)

    def losses(self, net: Network) -> Singles:
        """Return [Q, P]: the regret of each printer's class."""
        return self.regret(net).astype(np.float32)[:, net.cls]


def prices(net: Network, pieces: Floats, minutes: Floats) -> Prices:
    """Find prices at which all parts would be ready at once.

    Args:
        net: the printers.
        pieces: [Q] good pieces asked of each part, >= 0.
        minutes: [C] of good work that each class has, as of `Network.class_min`.
    """
    work = net.work_min()
    can = np.isfinite(work) & (minutes > 0)
    asked = np.flatnonzero((pieces > 0) & can.any(axis=1))
    price, share = np.zeros(len(pieces)), np.zeros(work.shape)
    used = np.flatnonzero(can[asked].any(axis=0)) if len(asked) else asked
    if not len(asked):
        return Prices(price=price, share=share)
    can = can[np.ix_(asked, used)]
    cost = np.where(can, work[np.ix_(asked, used)], 1.0)
    speed = np.where(can, -np.log(cost), -np.inf)
    makes = np.where(can, minutes[used] / cost, 0.0)
    wanted = pieces[asked]
    log_price = np.log(wanted / makes.sum(axis=1))
    log_price -= log_price.mean()
    sharp = _FIRST
    for _ in range(_ROUNDS):
        logit = sharp * (log_price[:, None] + speed)
        split = np.exp(logit - logit.max(axis=0))
        split /= split.sum(axis=0)
        each = makes * split
        made = np.maximum(each.sum(axis=1), 1e-300)
        late = np.log(wanted / made)
        late -= late.sum() / len(late)
        worst = float(np.abs(late).max())
        if worst < _ROUGH and sharp < _COLDEST:
            sharp = min(sharp * _COOLING, _COLDEST)
        elif worst < _CLOSE:
            break
        log_price += _dearer(each, made, split, late) / sharp
        log_price = np.minimum(np.maximum(log_price, -_DEAREST), _DEAREST)
    price[asked] = np.exp(log_price)
    share[np.ix_(asked, used)] = split
    return Prices(price=price, share=share)


def _dearer(each: Floats, made: Floats, split: Floats, late: Floats) -> Floats:
    """Return [Q]: by how much parts get dearer, in logarithms times the sharpness.

    `each` [Q, C] is made of each part by each class, `made` [Q] by all. What is made of a part grows by its own
    price, and falls by the price of another as far as classes that make it turn to that other one. Where that
    leads too far, it is shortened; far from the prices, what is late gets dearer by how late it is.
    """
    answer = -(each / made[:, None]) @ split.T
    answer[np.diag_indices(len(made))] += 1.0 + _APART
    # No prices change what all classes give in all, so that is left out of what they are to change.
    step = np.linalg.solve(answer, late - float(made @ late) / float(made.sum())).astype(np.float64)
    step -= step.sum() / len(step)
    longest = float(np.abs(step).max())
    if longest < _FURTHEST:
        return step
    return late if float(np.abs(late).max()) > _FAR else step * (_FURTHEST / longest)
