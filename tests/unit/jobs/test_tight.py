"""Where not all can be in time in a small network: copies that are worth most, and no rule is broken."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.network import Lines
from jobs.quotas import plan
from jobs.soonest import soonest
from tests.bench import peers
from tests.bench.instances import an_instance
from tests.bench.quota_audit import audit_quotas
from tests.unit.jobs.test_quotas import by_hand, made_by


def orders_of(*pieces, due_h, weight):
    """Orders of part 0 alone."""
    count = len(pieces)
    return Lines(
        order=np.arange(count), part=np.zeros(count, np.int64), pieces=np.array(pieces, float),
        due_min=np.full(count, due_h * 60.0), release_min=np.zeros(count),
        weight=np.array(weight, float), site=np.zeros(count, np.int64),
    )  # fmt: skip


def test_the_last_copy_is_left_out_where_others_make_more_of_its_minutes():
    # Nine of ten are good: of the sixth copy of each five only a half is asked for.
    net = by_hand(
        1, good=np.array([0.9]), most=np.full((2, 1), 12), plate_min=np.zeros((2, 1)),
        piece_min=np.full((2, 1), 60.0),
    )  # fmt: skip
    lines = orders_of(5, 5, 5, due_h=15, weight=[1, 1, 1])
    found = plan(net, lines)
    assert audit_quotas(net, lines, found) == []
    in_time = replace(found, rows=found.rows.only(found.rows.bucket == 0))
    assert made_by(net, lines, in_time) == [[5], [5], [5]]
    assert found.in_time == pytest.approx(0.9)


def test_a_lot_goes_to_who_makes_little_beyond_it():
    # Of the first one's plate of six five are asked for; the other's comes out as it is asked for.
    net = by_hand(
        2, good=np.array([0.99, 0.84]), cls=np.zeros(2, np.int64), most=np.full((2, 1), 6),
        plate_min=np.zeros((2, 1)), piece_min=np.full((2, 1), 60.0), calendar=np.zeros(1, np.int64),
        plate_g=np.zeros((2, 1)), piece_g=np.zeros((2, 1)),
    )  # fmt: skip
    lines = orders_of(4.95, 5.04, due_h=6, weight=[1, 1])
    found = plan(net, lines)
    assert found.in_time == pytest.approx(1.0, abs=1e-6)
    assert made_by(net, lines, found) == [[5, 0], [0, 6]]


@pytest.mark.parametrize(("printers", "orders", "seed"), [(10, 10, 2), (30, 30, 5), (100, 10, 4)])
def test_what_is_ready_first_is_near_what_nobody_can_beat(printers, orders, seed):
    net, lines = an_instance(printers, orders, seed, target_days=5.7, always=True)
    pieces = lines.of_parts(net.most.shape[0])
    found = soonest(net, pieces)
    assert found is not None
    assert found.gap <= 0.011
    measured = peers.measure(
        net, replace(found.lines, due_min=np.array([found.ready_min])), found.rows
    )
    assert measured.in_time == pytest.approx(1.0)
    assert measured.last_min <= found.ready_min
