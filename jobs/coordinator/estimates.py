"""Estimates learn from what nodes' slicers said of plates, and are held against it and the prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from designs.materials import materials
from designs.model import PartFacts
from jobs.estimate import GENERIC_030, estimate
from jobs.ledger import coefficients, figures
from jobs.ledger.store import Ledger
from jobs.reality import Compared, Told, compare
from jobs.refit import Refit, SlicedPlate, refit

#: More prints than these show nothing that these do not.
_MOST_PRINTS = 2000


def refit_all(
    ledger: Ledger, parts: Mapping[str, PartFacts], now: datetime, *, keep: bool = True
) -> dict[str, Refit | int]:
    """Fit the estimate of each machine preset anew; keep those that are better on unseen parts.

    Args:
        ledger: holds the figures.
        parts: what is known of each part, by its mesh; figures of other meshes are left out.
        now: when.
        keep: False only tells.

    Returns:
        By preset, its fit; the number of its plates where they are too few for one.
    """
    plates: dict[str, list[SlicedPlate]] = defaultdict(list)
    with ledger.transaction() as db:
        for kind, told in sorted(figures.known(db).items(), key=lambda each: str(each[0])):
            part = parts.get(kind.mesh_sha256)
            if part is not None and kind.preset:
                plate = SlicedPlate(part=part, copies=kind.copies, seconds=told.seconds)
                plates[kind.preset].append(plate)
        before = coefficients.fitted(db)
        found: dict[str, Refit | int] = {}
        for preset, known in sorted(plates.items()):
            fit = refit(known, before.get(preset, GENERIC_030))
            found[preset] = len(known) if fit is None else fit
            if keep and fit is not None and fit.better:
                coefficients.keep_fit(db, preset, fit, now)
    return found


def reality(ledger: Ledger, parts: Mapping[str, PartFacts]) -> tuple[Compared, ...]:
    """Return how the estimates that plans use now compare with slicers and prints, by machine preset.

    Args:
        ledger: holds figures and prints.
        parts: what is known of each part, by its mesh; figures of other meshes are left out.
    """
    db = ledger.reading
    fitted = coefficients.fitted(db)
    told = []
    for kind, sliced in figures.known(db).items():
        part, filament = parts.get(kind.mesh_sha256), materials().get(kind.material)
        if part is None or filament is None or not kind.preset:
            continue
        expected = estimate(
            part, kind.copies, filament.density_g_cm3, fitted.get(kind.preset, GENERIC_030)
        )
        told.append(
            Told(
                preset=kind.preset, estimated_s=expected.seconds, sliced_s=sliced.seconds,
                estimated_g=expected.grams, sliced_g=sliced.grams,
            )
        )  # fmt: skip
    return compare(told, figures.printed(db, _MOST_PRINTS))
