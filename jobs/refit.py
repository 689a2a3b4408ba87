"""Fits the estimate of one kind of machine to what slicers said of plates. Pure arithmetic.

The five coefficients of time are fitted; what a part weighs follows from its profile's lines and layers,
which a slicer does not tell. A fit is held near the one before it, the more so the fewer plates there
are, and is judged on plates that it has not seen.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from designs.model import PartFacts
from jobs.estimate import Coefficients, extruded_mm3

#: Fewer plates, or plates of fewer parts, say nothing about others.
LEAST_PLATES = 8
LEAST_PARTS = 3
#: How much the fit before weighs: as much as so many plates that lie on it exactly.
_HELD_BY = 1.0
#: How far a coefficient may go from the one before; it never turns negative.
_SMALLEST, _LARGEST = 0.1, 10.0
_ROUNDS = 20
_FITTED = ("s_per_mm3", "s_per_layer", "s_per_side", "s_per_skin_mm2", "s_per_plate")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicedPlate:
    """What a slicer said of one kind of plate."""

    part: PartFacts
    copies: int
    seconds: float  # > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """A fit, and what it is good for. Errors are medians of |estimate / sliced - 1|."""

    coefficients: Coefficients
    plates: int
    parts: int
    before: float  # of the coefficients before, on these plates
    after: float  # of fits that had not seen the part they were asked about

    @property
    def better(self) -> bool:
        """Whether it should take the place of the one before."""
        return self.after < self.before


def refit(plates: Sequence[SlicedPlate], old: Coefficients) -> Refit | None:
    """Return the fit to these plates; None where they are too few."""
    parts = sorted({plate.part.mesh_sha256 for plate in plates})
    if len(plates) < LEAST_PLATES or len(parts) < LEAST_PARTS:
        return None
    rows, told = _rows(plates, old), np.array([plate.seconds for plate in plates])
    start = np.array([getattr(old, name) for name in _FITTED])
    of = np.array([parts.index(plate.part.mesh_sha256) for plate in plates])
    errors = []
    for part in range(len(parts)):
        # All plates of a part together: two copies tell nearly what one told.
        fit = _fit(rows[of != part], told[of != part], start)
        errors += np.abs(rows[of == part] @ fit / told[of == part] - 1).tolist()
    new = _fit(rows, told, start)
    return Refit(
        coefficients=replace(old, **dict(zip(_FITTED, new.tolist(), strict=True))),
        plates=len(plates),
        parts=len(parts),
        before=float(np.median(np.abs(rows @ start / told - 1))),
        after=statistics.median(errors),
    )


def _rows(plates: Sequence[SlicedPlate], profile: Coefficients) -> NDArray[np.float64]:
    """Return what each coefficient is multiplied with, a row a plate."""
    return np.array(
        [
            [
                plate.copies * extruded_mm3(plate.part, profile),
                plate.copies * plate.part.extents_mm[2] / profile.layer_mm,
                plate.copies * plate.part.side_mm2 / profile.layer_mm,
                plate.copies * (plate.part.up_mm2 + plate.part.down_mm2),
                1.0,
            ]
            for plate in plates
        ]
    )


def _fit(
    rows: NDArray[np.float64], told: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the coefficients with the least sum of squared relative errors, held near the start."""
    # In shares of the start, so that all five are of the same size.
    shares = rows * start / told[:, None]
    # Where all of a machine is slower by the same factor, one plate shows it: that is fitted first.
    pace = float(np.median(1 / shares.sum(axis=1)))
    held = np.sqrt(_HELD_BY) * np.eye(len(start))
    left = np.concatenate([shares * pace, held])
    right = np.concatenate([np.ones(len(told)), held @ np.ones(len(start))])
    found = np.ones(len(start))
    free = np.ones(len(start), dtype=bool)
    for _ in range(_ROUNDS):
        rest = right - left[:, ~free] @ found[~free]
        found[free] = np.linalg.lstsq(left[:, free], rest, rcond=None)[0]
        over = free & ((found < _SMALLEST) | (found > _LARGEST))
        if not over.any():
            break
        found[over] = found[over].clip(_SMALLEST, _LARGEST)
        free &= ~over
    fitted: NDArray[np.float64] = found * pace * start
    return fitted
