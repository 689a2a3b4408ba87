"""Where not all can be in time in a small network: copies that are worth most, and no rule is broken."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.network import Lines
from jobs.quotas import plan, soonest
from tests.bench import peers
from tests.bench.bench_hard import an_instance_of
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


@pytest.mark.parametrize(
    ("case", "printers", "orders", "seed", "lost"),
    [
        ("overloaded", 10, 30, 3, 0.01),  # lots of five that take six, and a plate each
        ("scarce", 100, 3, 3, 0.005),  # two parts of an order, and four printers for another's
        ("overloaded", 100, 3, 4, 0.006),  # what is due late first takes time of no use before
        ("feasible", 10, 30, 3, 0.0),
    ],
)
def test_little_is_lost_of_what_a_programme_proves(case, printers, orders, seed, lost):
    bounds = pytest.importorskip("tests.bench.bounds")
    pytest.importorskip("highspy")
    net, lines = an_instance_of(case, printers, orders, seed)
    found = plan(net, lines, least=10.0)
    assert audit_quotas(net, lines, found) == []
    in_time = peers.measure(net, lines, found.rows).in_time
    assert in_time == pytest.approx(found.in_time, abs=1e-4)
    assert 1.0 - in_time / bounds.most_in_time(net, lines) <= lost + 1e-6


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


@pytest.mark.parametrize("seed", [0])
def test_no_spool_is_printed_twice_and_no_lab_makes_what_it_declined(seed):
    net, lines = an_instance_of("overloaded", 12, 12, seed)
    rng = np.random.default_rng(seed)
    net = replace(net, spool_g=rng.uniform(500.0, 4000.0, (1, net.printers)))
    lines = replace(lines, barred={line: rng.random(net.printers) < 0.3 for line in (0, 2, 3)})
    found = plan(net, lines, least=10.0)
    assert audit_quotas(net, lines, found) == []
    turn = rng.permutation(net.printers)
    other = replace(
        net, name=net.name[turn], node=net.node[turn], cls=net.cls[turn], speed=net.speed[turn],
        good=net.good[turn], busy_min=net.busy_min[turn], spool_g=net.spool_g[:, turn],
        km=net.km[:, turn],
    )  # fmt: skip
    barred = {line: no[turn] for line, no in lines.barred.items()}
    again = plan(other, replace(lines, barred=barred), least=10.0)
    assert sorted(
        zip(found.rows.line, net.name[found.rows.printer], found.rows.plates, strict=True)
    ) == sorted(
        zip(again.rows.line, other.name[again.rows.printer], again.rows.plates, strict=True)
    )
