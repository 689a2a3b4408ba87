"""Bounds of whole plates and copies: at no prices below the best of all plans there are."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from jobs.network import Lines
from jobs.quotas import plan
from tests.bench import peers
from tests.bench.bench_hard import an_instance_of
from tests.unit.jobs.test_quotas import by_hand

pytest.importorskip("highspy", reason="the bounds of a solver need fabnet[bounds]")
from tests.bench import whole


def tiny(seed):
    """Two printers that differ in all; two orders of one part and one of two, by two due dates."""
    rng = np.random.default_rng(seed)
    net = by_hand(
        2, good=rng.uniform(0.6, 1.0, 2), speed=rng.uniform(0.7, 1.3, 2),
        most=np.array([[2, 3], [2, 1]]), busy_min=rng.uniform(0, 30, 2),
        plate_min=rng.uniform(5, 30, (2, 2)), piece_min=rng.uniform(20, 40, (2, 2)),
    )  # fmt: skip
    lines = Lines(
        order=np.array([0, 1, 2, 2]), part=np.array([0, 0, 0, 1]),
        pieces=np.array([2.0, 1.0, 1.0, 1.0]), due_min=np.array([120.0, 120.0, 60.0]),
        release_min=np.zeros(3), weight=rng.choice([1.0, 2.0, 4.0], 3), site=np.zeros(3, np.int64),
    )  # fmt: skip
    return net, lines


def best_of_all(net, lines):
    """Try every number of copies of each line on each printer."""
    part, count = lines.part[:, None], lines.count
    fixed, each = net.plate_min[part, net.cls], net.piece_min[part, net.cls]
    most = net.most[part, net.cls]
    beyond = np.ceil(lines.pieces[:, None] / net.good).astype(int)
    copies = np.array(list(product(*(range(n + 1) for n in beyond.ravel()))))
    copies = copies.reshape(-1, count, net.printers)
    minutes = (-(-copies // most) * fixed + copies * each) / net.speed
    fits = np.ones(len(copies), bool)
    for end in np.unique(lines.due_min):
        used = minutes[:, lines.due_min[lines.order] <= end].sum(axis=1) + net.busy_min
        fits &= (used <= net.opened(float(end))).all(axis=1) | (used <= net.busy_min).all(axis=1)
    made = np.minimum(copies @ net.good / lines.pieces, 1.0)
    share = np.stack([made[:, lines.order == o].min(axis=1) for o in range(len(lines.weight))], 1)
    return float((share[fits] @ lines.weight).max() / lines.weight.sum())


@pytest.mark.parametrize("seed", range(12))
def test_no_prices_prove_less_than_the_best_plan_has(seed):
    net, lines = tiny(seed)
    best, facts = best_of_all(net, lines), whole.Facts(net, lines)
    rng = np.random.default_rng(seed)
    orders, printers = whole.Orders(facts, 300), whole.Printers(facts, 1.0)
    for scale in (0.0005, 0.003, 0.02):
        assert orders.bound(scale * rng.random(facts.room.shape))[0] >= best - 1e-9
        assert printers.bound(scale * 50 * rng.random(lines.count))[0] >= best - 1e-9
    assert peers.measure(net, lines, plan(net, lines).rows).in_time <= best + 1e-6
    proved, _ = whole.most_in_whole(net, lines)
    assert best - 1e-9 <= proved <= whole.bounds.most_in_time(net, lines)


def test_the_pieces_of_a_printer_are_those_of_whole_plates():
    # Two an hour, and then 40 minutes: one more, which the programme takes for 1.33.
    net = by_hand(1, good=np.array([0.9]))
    net = replace(net, busy_min=np.array([20.0]))
    lines = Lines(
        order=np.zeros(1, np.int64), part=np.zeros(1, np.int64), pieces=np.array([4.0]),
        due_min=np.array([120.0]), release_min=np.zeros(1), weight=np.ones(1),
        site=np.zeros(1, np.int64),
    )  # fmt: skip
    proved, why = whole.most_in_whole(net, lines)
    assert proved == pytest.approx(3 * 0.9 / 4, abs=1e-6)
    assert why == "printers"
    assert whole.bounds.most_in_time(net, lines) == pytest.approx(0.75)
    assert peers.measure(net, lines, plan(net, lines).rows).in_time == pytest.approx(proved)


def test_an_order_pays_for_a_whole_copy():
    # Each order of one piece takes two copies where six of ten are good, or has six tenths of it.
    net = by_hand(
        1, good=np.array([0.6]), plate_min=np.zeros((2, 1)), piece_min=np.full((2, 1), 60.0),
    )  # fmt: skip
    lines = Lines(
        order=np.arange(4), part=np.zeros(4, np.int64), pieces=np.ones(4),
        due_min=np.full(4, 360.0), release_min=np.zeros(4), weight=np.ones(4),
        site=np.zeros(4, np.int64),
    )  # fmt: skip
    proved, why = whole.most_in_whole(net, lines)
    assert why == "orders"
    assert proved == pytest.approx((4 * 0.6 + 2 * 0.4) / 4, abs=1e-3)
    assert whole.bounds.most_in_time(net, lines) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("printers", "orders", "seed", "lost"), [(10, 1, 301, 0.0005), (10, 3, 302, 0.004)]
)
def test_a_plan_is_near_what_whole_plates_allow(printers, orders, seed, lost):
    net, lines = an_instance_of("overloaded", printers, orders, seed)
    in_time = peers.measure(net, lines, plan(net, lines, least=10.0).rows).in_time
    proved, _ = whole.most_in_whole(net, lines)
    assert (1.0 - lost) * proved <= in_time <= proved + 1e-9
    assert proved < whole.bounds.most_in_time(net, lines)
