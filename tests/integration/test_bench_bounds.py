"""What a solver proves of kilometres and parcels: as counted by hand, and no plan in time has less."""

import numpy as np
import pytest

from jobs.network import Lines
from jobs.quotas import plan
from tests.bench import bench_hard, peers
from tests.unit.jobs.test_nearer import two_towns
from tests.unit.jobs.test_quotas import by_hand

pytest.importorskip("highspy", reason="the bounds of a solver need fabnet[bounds]")
from tests.bench import bounds, sweep


def test_the_least_kilometres_of_two_towns():
    net, lines = two_towns(24, 24)  # each printer can make one of both in its 12 h
    assert bounds.least_km(net, lines) == pytest.approx(5.0)
    net.km[:] = [[5.0, 400.0], [5.0, 400.0]]
    assert bounds.least_km(net, lines) == pytest.approx(202.5)


@pytest.mark.parametrize(("jain", "far"), [(0.0, 0.0), (0.9, 1 / 3), (1.0, 1 / 2)])
def test_a_fair_load_takes_more_kilometres(jain, far):
    net, lines = two_towns(6, 6)
    net.km[:] = [[5.0, 400.0], [5.0, 400.0]]
    # (1 + 1/2)^2 is 0.9 times 2 (1 + 1/4): the far printer has half as much to do.
    assert bounds.least_km(net, lines, jain=jain) == pytest.approx(5 + 395 * far, rel=0.02)


@pytest.mark.parametrize(("pieces", "parcels"), [((6, 6), 2), ((20, 20), 2), ((30, 6), 3)])
def test_an_order_needs_as_many_parcels_as_labs(pieces, parcels):
    net, lines = two_towns(*pieces)
    assert bounds.least_parcels(net, lines) == parcels


def test_a_fair_load_takes_a_parcel_of_most_labs():
    net, lines = three_labs(able=3)
    assert bounds.least_parcels(net, lines) == 1
    assert bounds.least_parcels(net, lines, jain=0.6) == 2  # two of three have 0.67
    assert bounds.least_parcels(net, lines, jain=bounds.FAIR) == 3
    # Where one of three can make nothing no load is as fair.
    assert bounds.least_parcels(*three_labs(able=2), jain=bounds.FAIR) is None


def three_labs(able):
    """Three labs of a printer; one order that each of them could make alone; so many can make it."""
    lines = Lines(
        order=np.zeros(1, np.int64), part=np.zeros(1, np.int64), pieces=np.full(1, 6.0),
        due_min=np.full(1, 720.0), release_min=np.zeros(1), weight=np.ones(1),
        site=np.zeros(1, np.int64), barred={0: np.arange(3) >= able},
    )  # fmt: skip
    return by_hand(3), lines


def test_what_cannot_all_be_in_time_has_no_least():
    net, lines = two_towns(30, 30)
    assert bounds.least(net, lines) == (None, None)


@pytest.mark.parametrize(
    ("printers", "orders", "seed"), [(10, 10, 901), (30, 3, 901), (100, 3, 903)]
)
def test_no_plan_in_time_drives_less_or_sends_fewer_parcels(printers, orders, seed):
    net, lines = bench_hard.an_instance_of("feasible", printers, orders, seed)
    found = plan(net, lines, least=10.0)
    assert found.in_time == pytest.approx(1.0)
    km, parcels = bounds.least(net, lines)
    measured = peers.measure(net, lines, found.rows)
    assert measured.jain >= bounds.FAIR
    # All that is made is driven, also what is more than asked.
    made = float(found.rows.copies(net, lines) @ net.good[found.rows.printer])
    assert bounds.least_km(net, lines) - 1e-6 <= km <= measured.km * made / lines.pieces.sum()
    assert parcels <= measured.parcels


def test_what_cannot_all_be_in_time_is_judged_as_too_much():
    row = bench_hard.judged("feasible", 100, 3, 902, told=False)
    assert row["bound"] < 1
    assert row["case"] == "overloaded"
    assert row["km_least_vs_ect"] is None
    assert not {"km_vs_ect", "parcels_vs_ect", "jain"} & set(sweep.short({**row, "km_vs_ect": 0.9}))
    fits = bench_hard.judged("feasible", 30, 10, 901, told=False)
    assert fits["case"] == "feasible"
    assert 0 < fits["km_least_vs_ect"] <= fits["km_vs_ect"]
    assert 0 < fits["parcels_least_vs_ect"] <= fits["parcels_vs_ect"]
    assert "km_vs_ect" in sweep.short({**fits, "km_vs_ect": 0.6})
