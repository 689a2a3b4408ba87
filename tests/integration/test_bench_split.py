"""The benchmark of plans measures plans: every key is there, nothing is lost, no way is unsound."""

import numpy as np
import pytest

from jobs.quotas import plan
from tests.bench import bench_hard, bench_split, fate, peers, simulate, yardstick
from tests.bench.instances import an_instance


def test_one_json_object_with_every_figure(capsys):
    found = bench_split.main(["--printers", "60", "--orders", "6", "--rounds", "1", "--no-product"])
    assert set(found) >= {
        "plan_s", "heap_s", "speedup_vs_heap", "makespan_gap", "certificate_gap", "ontime_lost",
        "ontime_lost_vs_bound", "resplit_s", "survivors_moved", "km_ratio", "parcels_ratio", "jain",
        "rss_mb", "audit_findings", "km_least_ratio", "parcels_least_ratio",
    }  # fmt: skip
    assert found["audit_findings"] == 0
    assert found["survivors_moved"] == 0
    assert found["ontime_lost_vs_bound"] >= 0
    assert 0 <= found["makespan_gap"] <= found["certificate_gap"] + 1e-9
    assert capsys.readouterr().out.splitlines()[-1].startswith("{")


@pytest.mark.parametrize("seed", [1, 2])
def test_halving_finds_what_the_heap_finds_plate_by_plate(seed):
    net, lines = an_instance(40, 5, seed, always=True)
    one = peers.measure(net, lines, peers.heap(net, lines))
    two = peers.measure(net, lines, peers.edd(net, lines))
    # The heap never prints a part plate: it ends a little later, and with no fewer pieces in time.
    assert one.last_min == pytest.approx(two.last_min, rel=0.05)
    assert one.in_time == pytest.approx(two.in_time, abs=0.02)


@pytest.mark.parametrize("way", [peers.heap, peers.ect, peers.edd, peers.proportional, peers.even])
def test_every_way_makes_all_pieces(way):
    net, lines = an_instance(40, 5, 3)
    rows = way(net, lines)
    made = np.bincount(rows.line, rows.copies(net, lines) * net.good[rows.printer], lines.count)
    assert (made >= lines.pieces - 5).all()


def test_random_plans_with_all_that_can_bind_break_no_rule():
    assert bench_hard.audited(20, first=26) == 0


@pytest.mark.parametrize(
    ("case", "lost"), [("feasible", 0.0), ("overloaded", 0.01), ("scarce", 0.025)]
)
def test_little_is_lost_where_splitting_is_hard(case, lost):
    pytest.importorskip("highspy", reason="the bounds of a solver need fabnet[bounds]")
    found = bench_hard.judged(case, 400, 40, 1)
    assert found["lost_vs_bound"] <= lost
    # Half is asked where all can be in time.
    assert found["parcels_vs_ect"] <= (0.5 if case == "feasible" else 0.6)
    assert found["jain"] >= 0.9
    assert found["findings"] == 0


@pytest.mark.parametrize(("seed", "behind"), [(1, 0.003), (3, 0.0005)])
def test_a_resplit_is_hardly_behind_a_plan_from_scratch_and_moves_nothing(seed, behind):
    net, lines = an_instance(3000, 100, seed)
    after, findings = bench_split.resplit(net, lines, plan(net, lines), seed, 1)
    assert (findings, after["survivors_moved"]) == (0, 0.0)
    assert after["resplit_lost_vs_scratch"] <= behind


def test_a_simulated_network_makes_what_is_asked_and_plans_again():
    world = fate.a_world(8, 1, 1.0, 6)
    hybrid, curve = simulate.run("hybrid", world, 1, 6)
    static, _ = simulate.run("static", world, 1, 6)
    assert curve == sorted(curve)
    assert hybrid["done"] >= static["done"]
    assert hybrid["plans"] > static["plans"] == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_equal_machines_are_filled_nearly_as_well_as_can_be(seed):
    # `yardstick.gap` fails where a plan claims to be shorter than the best.
    assert yardstick.gap(5, 5, 40, seed) <= 0.06
