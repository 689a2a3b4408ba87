"""How many pieces of a lot are looked at, and how many bad ones it may have: ISO 2859-1.

Single sampling, normal inspection, general level II. Critical faults (a sharp edge, dirt, the wrong
revision) are never sampled: every piece is looked at for those. Leaves verdicts to the inspector.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from jobs.errors import InvalidFieldError

#: Lots up to this size are looked at whole.
WHOLE: Final = 50
#: Acceptable quality limits in percent that have a column here.
AQLS: Final = (0.65, 1.0, 1.5, 2.5, 4.0, 6.5)
MAJOR: Final = 2.5  # a fault that makes a piece useless: it does not fit, it breaks

# Table 1, level II: the largest lot of each code letter; beyond them all it is Q.
_LARGEST = (8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10_000, 35_000, 150_000, 500_000)
_LETTERS = "ABCDEFGHJKLMNPQ"
# Table 2-A: sample sizes by letter.
_SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250)
# Down each column from its 0: rows to go for the sample size, and the acceptance number. The two rows
# below the 0 are arrows: back up to the 0, and down to the 1. Above the 0 arrows lead down to it, and
# beyond 21 they lead back up.
_DOWN = ((0, 0), (0, 0), (3, 1), (3, 1), (4, 2), (5, 3), (6, 5), (7, 7), (8, 10), (9, 14), (10, 21))
# In which row the 0 stands; one step down the table for one step of the limit.
_FIRST = {0.65: 5, 1.0: 4, 1.5: 3, 2.5: 2, 4.0: 1, 6.5: 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """What to draw at random from a lot, and when to accept it."""

    letter: str  # of the plan that is used, after the arrows
    size: int  # pieces to look at; the whole lot where it is no larger
    accept: int  # the lot is accepted with up to so many bad pieces among them

    @property
    def reject(self) -> int:
        """With so many bad pieces or more it is refused."""
        return self.accept + 1


def sampling_plan(pieces: int, aql: float) -> SamplingPlan:
    """Return the plan for a lot.

    Args:
        pieces: in the lot, at least 1.
        aql: acceptable quality limit in percent, one of `AQLS`.

    Raises:
        InvalidFieldError: an empty lot, or a limit without a column.
    """
    if pieces < 1:
        raise InvalidFieldError("pieces", "a lot has at least one piece")
    if aql not in _FIRST:
        raise InvalidFieldError("aql", f"one of {', '.join(map(str, AQLS))}")
    first, row = _FIRST[aql], bisect_left(_LARGEST, pieces)
    down, accept = _DOWN[min(max(row - first, 0), len(_DOWN) - 1)]
    row = first + down
    return SamplingPlan(letter=_LETTERS[row], size=min(_SIZES[row], pieces), accept=accept)
