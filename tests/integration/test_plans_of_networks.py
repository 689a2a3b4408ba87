"""Plans of many networks, and of large ones: no spool twice, little lost against a programme, no small lots."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.lots import LEAST_LOT
from jobs.quotas import plan
from jobs.shares import arrays, shares
from jobs.split import split
from tests.bench import peers
from tests.bench.bench_hard import an_instance_of
from tests.bench.quota_audit import audit_quotas
from tests.unit.jobs.test_yields import NOW, a_need, a_printer, fits, some_yields


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


@settings(max_examples=30, deadline=None)
@given(some_yields, st.lists(st.integers(30, 300), min_size=1, max_size=3))
def test_shares_give_no_lab_a_small_lot_where_all_is_in_time(goods, pieces):
    fleet = [
        a_printer(f"lab-{n}", good=good, km=50.0 * n, queue_s=(3600.0 * 7 * n,))
        for n, good in enumerate(goods)
    ]
    needs = [a_need(each, date(2027, 2, 1), f"o{n}") for n, each in enumerate(pieces)]
    lots = {}
    for share in shares(arrays(needs, fleet, fits(fleet), NOW)):
        assert share.in_time
        key = (share.order_id, share.node)
        lots[key] = lots.get(key, 0) + sum(copies * times for copies, times in share.plates)
    assert min(lots.values()) >= LEAST_LOT
    found = {}
    for run in split(needs, fleet, fits(fleet), NOW, 0).runs:
        found[run.order_id, run.node] = found.get((run.order_id, run.node), 0) + run.pieces
    assert min(found.values()) >= LEAST_LOT


def test_a_network_that_is_not_in_time_drives_less_than_by_earliest_completion():
    net, lines = an_instance_of("feasible", 10, 30, 301)
    found = plan(net, lines, least=10.0)
    assert audit_quotas(net, lines, found) == []
    measured = peers.measure(net, lines, found.rows)
    assert 0.99 < measured.in_time < 1.0
    assert measured.in_time == pytest.approx(found.in_time, abs=1e-4)
    assert measured.km <= 0.8 * peers.measure(net, lines, peers.ect(net, lines)).km
    assert measured.jain >= 0.9
