"""By when an order will probably be printed, from what comes out bad and how far estimates are off. Pure.

A plan says when all is done if nothing fails. Here the same plates are printed many times over: each
printer is as much faster or slower as estimates are off, each plate may fail, and what failed is
made again by all printers together. The draws are always the same, so the same facts give the same
answer. Leaves drop-outs to the next plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

#: Nine of ten estimates are within a quarter (`jobs.estimate`): a deviation of the logarithm.
_SPREAD = 0.15
_DRAWS = 400
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
    failed = chance.binomial(plates, fails, (_DRAWS, len(known))).sum(axis=1)
    plate_s = float(wait_s.max() / plates.max())
    # What failed is made again, and some of that fails too; the last plate waits for nobody.
    again = np.ceil(failed / (1.0 - float(fails.mean())) / len(known)) * plate_s
    seconds = (wait_s * slower).max(axis=1) + np.where(failed > 0, again, 0.0)
    p50, p90 = (float(np.quantile(seconds, part)) for part in (0.5, 0.9))
    return Likely(p50=_minute(now, p50), p90=_minute(now, p90))


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
