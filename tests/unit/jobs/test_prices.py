"""Prices at which all parts would be ready at once."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.prices import prices
from tests.bench import bench_hard
from tests.bench.instances import an_instance


def spread(net, lines):
    """How far apart parts would be ready by the shares of the prices, in logarithms."""
    pieces, minutes = lines.of_parts(len(net.most)), net.class_min(float(lines.due_min.max()))
    found = prices(net, pieces, minutes)
    asked, work = pieces > 0, net.work_min()
    made = (np.where(np.isfinite(work), minutes / work, 0.0) * found.share).sum(axis=1)
    late = np.log(pieces[asked] / made[asked])
    return float(np.abs(late - late.mean()).max())


@pytest.mark.parametrize(
    ("printers", "orders", "seed"), [(100, 3, 912), (100, 10, 912), (1000, 10, 911)]
)
def test_all_parts_would_be_ready_at_once(printers, orders, seed):
    net, lines = bench_hard.an_instance_of("feasible", printers, orders, seed)
    assert spread(net, lines) < 0.002


def test_prices_of_parts_that_no_class_shares_stay_finite():
    net, lines = an_instance(30, 3, 2, target_days=6.0)
    apart = net.most.copy()
    some = np.arange(apart.shape[1]) % 2 == 0
    apart[::2, some], apart[1::2, ~some] = 0, 0
    found = prices(replace(net, most=apart), lines.of_parts(len(apart)), net.class_min(5000.0))
    assert np.isfinite(found.price).all()
    assert np.isfinite(found.share).all()
