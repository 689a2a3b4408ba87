"""Estimates are fitted to what slicers said, and judged on parts that the fit has not seen."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from designs.model import PartFacts
from jobs.coordinator.estimates import refit_all
from jobs.estimate import GENERIC_030, estimate
from jobs.ledger import coefficients
from jobs.ledger.store import Ledger
from jobs.refit import SlicedPlate, refit

NOW = datetime(2026, 4, 2, tzinfo=UTC)
#: A machine that takes half as long again for plastic, and twice as long for layers.
SLOW = replace(GENERIC_030, s_per_mm3=0.34, s_per_layer=7.1, s_per_plate=90.0)


def a_part(number, size, volume, side, flat):
    return PartFacts(
        mesh_sha256=f"{number:064x}", extents_mm=size, volume_mm3=volume, side_mm2=side, up_mm2=flat,
        down_mm2=flat, triangles=12,
    )  # fmt: skip


PARTS = (
    a_part(1, (174.8, 167.4, 8.1), 15769.0, 10945.9, 1996.4),
    a_part(2, (191.0, 143.8, 20.0), 39352.8, 28197.6, 2322.9),
    a_part(3, (163.0, 31.5, 2.0), 3352.5, 1223.0, 2515.8),
    a_part(4, (218.4, 96.8, 15.0), 21166.1, 27511.0, 2724.6),
    a_part(5, (61.0, 104.0, 6.0), 12040.0, 3900.0, 2100.0),
)


def plates(profile, parts=PARTS, copies=(1, 2), noise=0.0):
    return [
        SlicedPlate(
            part=part,
            copies=each,
            seconds=estimate(part, each, 1.27, profile).seconds
            * (1 + noise * (-1) ** (number + each)),
        )
        for number, part in enumerate(parts)
        for each in copies
    ]


def test_a_slower_machine_is_learned_and_parts_that_were_not_seen_are_told_better():
    fit = refit(plates(SLOW, noise=0.02), GENERIC_030)
    assert fit is not None
    assert fit.before > 0.2
    assert fit.after < 0.05
    assert fit.better
    assert (fit.plates, fit.parts) == (10, 5)
    unseen = a_part(9, (40.0, 40.0, 40.0), 30000.0, 6400.0, 1600.0)
    told = estimate(unseen, 1, 1.27, fit.coefficients).seconds
    assert told == pytest.approx(estimate(unseen, 1, 1.27, SLOW).seconds, rel=0.1)
    assert min(fit.coefficients.s_per_mm3, fit.coefficients.s_per_side) > 0


def test_where_the_estimate_is_right_nothing_is_changed_for_the_worse():
    fit = refit(plates(GENERIC_030), GENERIC_030)
    assert fit is not None
    assert not fit.better
    assert fit.coefficients.s_per_mm3 == pytest.approx(GENERIC_030.s_per_mm3, rel=1e-6)


def test_few_plates_or_few_parts_say_nothing():
    assert refit(plates(SLOW, copies=(1,)), GENERIC_030) is None
    assert refit(plates(SLOW, parts=PARTS[:2], copies=range(1, 9)), GENERIC_030) is None
    assert refit([], GENERIC_030) is None


def test_what_was_fitted_is_kept_by_preset_and_told_without_being_kept(tmp_path):
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.transaction() as db:
        for preset, some in (("slow", plates(SLOW)), ("new", plates(SLOW)[:3])):
            db.executemany(
                "insert into figure values (?, ?, ?, 'PETG', ?, 10.0, 'PrusaSlicer', ?)",
                [(p.part.mesh_sha256, p.copies, preset, p.seconds, NOW.isoformat()) for p in some],
            )
    parts = {part.mesh_sha256: part for part in PARTS}
    found = refit_all(ledger, parts, NOW, keep=False)
    assert found["new"] == 3
    assert coefficients.fitted(ledger.reading) == {}
    refit_all(ledger, parts, NOW)
    kept = coefficients.fitted(ledger.reading)
    assert set(kept) == {"slow"}
    again = refit_all(ledger, parts, NOW)["slow"]
    assert not isinstance(again, int)
    assert again.before < 0.05, "it is what was kept that the next one starts from"
    assert refit_all(ledger, {}, NOW) == {}
    ledger.close()
