"""Shares of orders that are weighed together: what there is room for, and nearly what a programme can have."""

import numpy as np
import pytest

from jobs.capacity import free_min
from jobs.network import Lines
from jobs.quotas import plan
from jobs.together import few_enough, together
from tests.bench import bench_hard, bounds, peers
from tests.bench.instances import an_instance
from tests.bench.quota_audit import audit_quotas


def room_of(net, lines):
    return np.array([net.opened(end) - net.busy_min for end in np.unique(lines.due_min)])


@pytest.mark.parametrize("case", ["overloaded", "scarce", "feasible"])
@pytest.mark.parametrize(("printers", "orders"), [(30, 3), (100, 10), (300, 30), (1000, 3)])
def test_it_is_nearly_the_best_and_takes_no_more_than_there_is(printers, orders, case):
    net, lines = bench_hard.an_instance_of(case, printers, orders, 931)
    free = free_min(net, room_of(net, lines))
    shares, made = together(net, lines, free)
    assert ((shares >= 0) & (shares <= 1)).all()
    work = net.work_min()[lines.part]
    assert (made[~np.isfinite(work)] == 0).all()
    due_min = lines.due_min[lines.order]
    minutes = made * np.where(np.isfinite(work), work, 0.0)
    for end, has in zip(np.unique(lines.due_min), free, strict=True):
        assert (minutes[due_min <= end].sum(axis=0) <= has * (1 + 1e-9) + 1e-6).all()
    got = made.sum(axis=1) / lines.pieces
    assert got == pytest.approx(shares[lines.order])
    most = bounds.most_in_time(net, lines)
    share = float(shares @ lines.weight / lines.weight.sum())
    assert 0.99 * most <= share <= most * (1 + 1e-6)


def test_one_after_another_there_is_less():
    # What a class is best at is not the same before the early due date as after it.
    net, lines = bench_hard.an_instance_of("overloaded", 3000, 3, 911)
    found = plan(net, lines, least=10.0)
    ours = peers.measure(net, lines, found.rows).in_time
    assert 1 - ours / bounds.most_in_time(net, lines) <= 0.005


def test_an_order_of_nothing_and_a_part_that_nobody_makes_are_no_trouble():
    net, lines = an_instance(30, 3, 5, target_days=12.0)
    none = Lines(
        order=lines.order[:0], part=lines.part[:0], pieces=lines.pieces[:0], due_min=lines.due_min,
        release_min=lines.release_min, weight=lines.weight, site=lines.site,
    )  # fmt: skip
    shares, made = together(net, none, free_min(net, room_of(net, none)))
    assert (shares.tolist(), made.shape[0]) == ([1.0] * len(lines.weight), 0)
    shut = np.zeros((len(np.unique(lines.due_min)), len(net.calendar)))
    shares, made = together(net, lines, shut)
    assert not made.any()
    assert not shares[np.unique(lines.order)].any()


def test_no_part_is_made_beyond_its_kits():
    net, lines = an_instance(
        11, 8, 118, target_days=14.0, stock=1.0, ceiling_h=30.0, horizon_days=40
    )  # fmt: skip
    assert audit_quotas(net, lines, plan(net, lines)) == []


def test_so_many_lines_and_classes_would_take_too_long():
    assert few_enough(*an_instance(3000, 3, 1))
    assert not few_enough(*an_instance(10_000, 100, 1))
