"""By when an order will probably be printed, from what comes out bad and how far estimates are off. Pure.

A plan says when all is done if nothing fails. Here the same plates are printed many times over: each
printer is as much faster or slower as estimates are off, each plate may fail, and what failed is
made again behind what printers have, by whoever is done first. The draws are always the same, so the
same facts give the same answer. Leaves drop-outs to the next plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

#: Nine of ten estimates are within a quarter (`jobs.estimate`): a deviation of the logarithm.
_SPREAD = 0.15
_DRAWS = 400
#: So often the time is halved in which all is made that failed: to some minutes of a week.
_HALVINGS = 12
_SEED = 2020
#: What is known of a network before anybody has counted anything: 18 good of 20.
_GOOD, _ALL = 18.0, 20.0
#: Nobody is taken to make less: what makes nothing at all would take for ever.
LEAST_GOOD = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What one printer has still to print of an order, and what came of its plates so far."""

    node: str
    printer: str
    plates: int  # > 0
    pieces: int
    plate_s: float  # one of them prints for so long, > 0
    done_at: datetime  # of the last one, if nothing fails
    good: int = 0
    scrap: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """Half of all cases are done by `p50`, nine of ten by `p90`."""

    p50: datetime
    p90: datetime


def likely(queues: Iterable[Queue], now: datetime) -> Likely | None:
    """Return by when an order is probably printed; None where nothing is to come."""
    known = sorted(queues, key=lambda q: (q.node, q.printer, q.done_at, q.plates))
    if not known:
        return None
    mean = mean_good([(q.good, q.scrap) for q in known])
    fails = np.array([1 - good_share(q.good, q.scrap, mean) for q in known])
    wait_s = np.array([max(0.0, (q.done_at - now).total_seconds()) for q in known])
    plates = np.array([q.plates for q in known])
    chance = np.random.default_rng(_SEED)
    slower = np.exp(chance.normal(0.0, _SPREAD, (_DRAWS, len(known))))
    ends_s = wait_s * slower
    takes_s = np.array([q.plate_s for q in known]) * slower
    failed = chance.binomial(plates, fails, (_DRAWS, len(known))).sum(axis=1)
    # Of what is made again some fails too.
    again = failed + chance.negative_binomial(np.maximum(failed, 1), 1.0 - fails.mean())
    # A last plate that fails is known only when it is done, and so is what is made instead of it.
    tries = chance.geometric(1.0 - fails, (_DRAWS, len(known)))
    last_s = (ends_s + (tries - 1) * takes_s).max(axis=1)
    seconds = np.maximum(last_s, _made_again_s(ends_s, takes_s, np.where(failed > 0, again, 0)))
    p50, p90 = (float(np.quantile(seconds, part)) for part in (0.5, 0.9))
    return Likely(p50=_minute(now, p50), p90=_minute(now, p90))


def _made_again_s(
    ends_s: npt.NDArray[np.float64], takes_s: npt.NDArray[np.float64], plates: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return by when so many plates more are made, for each draw; 0.0 where there are none.

    Args:
        ends_s: when each printer has made its own; a row for each draw.
        takes_s: each plate there.
        plates: for each draw.
    """
    early = ends_s.min(axis=1)
    late = ends_s.max(axis=1) + plates * takes_s.min(axis=1)
    for _ in range(_HALVINGS):
        middle = (early + late) / 2
        made = np.floor(np.maximum(middle[:, None] - ends_s, 0.0) / takes_s).sum(axis=1)
        early = np.where(made < plates, middle, early)
        late = np.where(made < plates, late, middle)
    found: npt.NDArray[np.float64] = np.where(plates > 0, late, 0.0)
    return found


def mean_good(counted: Iterable[tuple[int, int]]) -> float:
    """Return the share of all pieces that come out good, 0..1; `counted` are (good, scrap)."""
    known = tuple(counted)
    good, scrap = sum(each for each, _ in known), sum(each for _, each in known)
    return (good + _GOOD) / (good + scrap + _ALL)


def good_share(good: int, scrap: int, mean: float) -> float:
    """Return the share of a printer's pieces that come out good, `LEAST_GOOD` to 1.

    Who has made little is taken to be as all others: `mean` as of `mean_good`.
    """
    return max(LEAST_GOOD, (good + mean * _ALL) / (good + scrap + _ALL))


def _minute(now: datetime, seconds: float) -> datetime:
    return now + timedelta(minutes=math.ceil(seconds / 60))
