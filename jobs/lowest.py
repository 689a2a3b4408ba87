"""Who of many comes first by a score, without putting all of them in order. Pure.

Few of ten thousand printers get any of a line: the lowest scores are looked at before all others, and
only who has room is put in order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jobs.network import Ints, Singles

#: The steps of a score. Scores of 0..6.5 are told apart by a ten-thousandth.
_FINE = 1e4
_MOST = 65_535
#: Of more scores the lowest of one in so many come first, as a sample has it, then those of one in a few.
_ONE_IN, _MANY = 16, 1024
_THEN_ONE_IN = 4


def in_sets(score: Singles) -> Iterator[Ints]:
    """Yield where scores are, as they stand: of many a few of the lowest, then more, then all others."""
    if len(score) <= _MANY:
        yield np.arange(len(score))
        return
    sample = np.sort(score[::_ONE_IN])
    few = score <= sample[len(score) // _ONE_IN**2]
    yield few.nonzero()[0]
    # Scores of one step stay together, so that no cut changes who comes first.
    step = max(0.0, np.floor(sample[len(sample) // _THEN_ONE_IN] * _FINE))
    more = few | (score * _FINE < step + 1.0)
    yield (more ^ few).nonzero()[0]
    yield (~more).nonzero()[0]


def lowest_first(score: Singles) -> Ints:
    """Return the order in which scores are lowest first, those of one step as they stand."""
    step = (score * _FINE).clip(0, _MOST).astype(np.uint16)
    return step.argsort(kind="stable")
