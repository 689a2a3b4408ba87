"""Who of many comes first: sets of the lowest scores, in order, are all scores in order."""

import numpy as np
import pytest

from jobs.lowest import in_sets, lowest_first


@pytest.mark.parametrize("count", [0, 5, 1024, 1025, 9000])
@pytest.mark.parametrize("shift", [0.0, -0.5])
def test_sets_hold_every_score_once_and_the_lower_before_the_higher(
    count: int, shift: float
) -> None:
    draw = np.random.default_rng(count)
    # Many are alike, as those of one lab are, and some lie below nothing: those are all alike.
    score = (np.round(draw.random(count) * 2, 3) + shift).astype(np.float32)
    sets = [who[lowest_first(score[who])] for who in in_sets(score)]
    all_of_them = np.concatenate(sets)
    assert np.array_equal(np.sort(all_of_them), np.arange(count))
    steps = np.floor(score[all_of_them] * np.float32(1e4)).clip(0)
    assert (np.diff(steps) >= 0).all()


def test_few_of_many_are_looked_at_first() -> None:
    score = np.random.default_rng(1).random(9000).astype(np.float32)
    few, more, others = in_sets(score)
    assert 0 < len(few) < 9000 // 8
    assert len(few) < len(more) < len(others)


def test_scores_of_one_step_stay_as_they_stand() -> None:
    score = np.array([0.30001, 0.30009, 0.1, 0.30002, 0.2], np.float32)
    assert lowest_first(score).tolist() == [2, 4, 0, 1, 3]
