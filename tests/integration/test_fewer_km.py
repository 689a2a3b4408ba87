"""Where all are in time lots change places to be nearer and fewer; nothing is late or unfair by it."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.fewer_km import _in_whole, fewer_km
from jobs.filling import Book, Weights
from jobs.kits import unfair
from jobs.network import Lines
from jobs.quotas import plan
from jobs.worth_km import worth_km
from tests.bench import peers
from tests.bench.bench_hard import an_instance_of
from tests.bench.quota_audit import audit_quotas
from tests.unit.jobs.test_nearer import crosswise, two_towns
from tests.unit.jobs.test_quotas import by_hand, made_by

NOBODY_LOSES = np.zeros((2, 2), np.float32)


def one_near_both():
    """Two towns: the first printer is near both; the second 300 km from one, 40 km from the other."""
    net, lines = two_towns(24, 24)  # each printer can make one of both in its 12 h
    net.km[:] = [[5.0, 300.0], [5.0, 40.0]]
    return net, lines


def test_a_near_printer_is_left_to_whom_it_saves_most():
    net, lines = one_near_both()
    worth, _ = worth_km(net, lines, np.array([720.0]), 0.94)
    assert worth[0, 0] < worth[0, 1] - 50
    assert worth[1, 1] < worth[1, 0]
    assert (worth >= net.km - 1e-6).all()  # time of who has none left is worth something


def test_shares_are_what_drives_least():
    net, lines = one_near_both()
    _, shares = worth_km(net, lines, np.array([720.0]), 0.94)
    assert shares == pytest.approx(np.eye(2), abs=0.02)


def test_time_that_nobody_lacks_is_worth_nothing():
    net, lines = two_towns(12, 12)
    assert worth_km(net, lines, np.array([720.0]), 0.94)[0] == pytest.approx(net.km, abs=0.5)


def test_time_of_who_would_have_to_give_more_than_others_is_worth_more():
    net, lines = two_towns(12, 12)
    net.km[:] = [[5.0, 30.0], [5.0, 30.0]]
    worth, _ = worth_km(net, lines, np.array([720.0]), 0.94)
    assert worth[0, 0] > 5.5
    assert worth[0, 0] == pytest.approx(worth[0, 1], abs=1.0)


def test_what_a_parcel_costs_gathers_shares_in_fewer_of_them():
    net, lines = an_instance_of("feasible", 300, 3, 912)
    km, parcels = [], []
    for parcel_km in (0.0, 3e4):
        _, shares = worth_km(net, lines, np.unique(lines.due_min), 0.92, parcel_km=parcel_km)
        assert shares.sum(axis=1) == pytest.approx(np.ones(lines.count), abs=0.05)
        pieces = shares * lines.pieces[:, None]
        km.append(float((pieces * net.km[lines.site[lines.order]]).sum()))
        lots = [np.bincount(net.node, pieces[lines.order == n].sum(axis=0)) for n in range(3)]
        parcels.append(int((np.array(lots) > 1.0).sum()))
    assert parcels[1] < 0.9 * parcels[0]
    assert km[1] < 1.1 * km[0]


def test_what_is_cut_of_a_printers_plates_goes_to_the_next_of_its_lab():
    whole = _in_whole(np.array([0.4, 2.3, 0.4, 0.4, 1.6]), np.array([0, 1, 0, 0, 1]))
    assert whole.tolist() == [0, 2, 1, 0, 2]


@pytest.mark.parametrize(("whole", "most"), [(False, 23 / 24), (True, 22 / 24)])
def test_time_for_half_a_plate_is_none(whole, most):
    net, lines = two_towns(24, 12)
    net = replace(net, busy_min=np.array([30.0, 0.0]))  # of 12 h, in which plates of two take one
    net.km[:] = [[5.0, 40.0], [40.0, 5.0]]
    _, shares = worth_km(net, lines, np.array([720.0]), 0.8, whole=whole)
    assert shares[0] == pytest.approx([most, 1 - most], abs=0.01)


def test_what_cannot_be_made_there_or_by_then_is_not():
    net, lines = one_near_both()
    lines = replace(lines, barred={0: np.array([True, False])}, due_min=np.array([720.0, 1440.0]))
    net = replace(net, busy_min=np.array([0.0, 720.0]))
    worth, _ = worth_km(net, lines, np.array([720.0, 1440.0]), 0.94)
    assert np.isinf(worth).tolist() == [[True, True], [False, False]]


def test_two_lots_change_places():
    net, lines = two_towns(24, 24)
    book, left = fewer_km(crosswise(net, lines, 12), np.zeros(2), NOBODY_LOSES, Weights(), 0.0, 200)
    assert made_by(net, lines, book) == [[24, 0], [0, 24]]
    assert left.tolist() == [0.0, 0.0]


def test_one_parcel_goes_where_two_are_as_near():
    net = by_hand(2)
    net.km[:] = 50.0
    lines = Lines(
        order=np.arange(2), part=np.zeros(2, np.int64), pieces=np.full(2, 12.0),
        due_min=np.full(2, 720.0), release_min=np.zeros(2), weight=np.ones(2),
        site=np.zeros(2, np.int64),
    )  # fmt: skip
    book = Book(net, lines, np.array([720.0]))
    for line in range(2):
        book.insert_plates(line, 0, np.array([3, 3]))
    book, _ = fewer_km(book, np.zeros(2), NOBODY_LOSES, Weights(), 0.0, 200)
    assert sorted(made_by(net, lines, book)) == [[0, 12], [12, 0]]


def test_no_lab_is_left_with_all_the_work():
    net, lines = two_towns(10, 10)
    net.km[:] = [[5.0, 400.0], [5.0, 400.0]]
    book, left = fewer_km(crosswise(net, lines, 5), np.zeros(2), NOBODY_LOSES, Weights(), 0.0, 200)
    assert left.tolist() == [0.0, 0.0]
    assert min(np.sum(made_by(net, lines, book), axis=0)) >= 6  # of twenty


@pytest.mark.parametrize("weights", [Weights(km=0.0), Weights()])
def test_a_plan_that_nobody_has_to_drive_for_stays_as_it_is(weights):
    net, lines = two_towns(24, 24)
    net.km[:] = net.km if not weights.km else 0.0
    before = crosswise(net, lines, 12)
    book, _ = fewer_km(before, np.zeros(2), NOBODY_LOSES, weights, 0.0, 50)
    assert made_by(net, lines, book) == [[0, 24], [24, 0]]


@pytest.mark.parametrize(
    ("printers", "orders", "seed"), [(10, 3, 903), (10, 10, 904), (30, 3, 901)]
)
def test_no_kit_is_late_and_no_lab_much_worse_for_it(printers, orders, seed):
    net, lines = an_instance_of("feasible", printers, orders, seed)
    rows = plan(net, lines, weights=Weights(km=0.0)).rows
    book = Book(net, lines, np.unique(lines.due_min))
    for line in range(lines.count):
        mine = rows.only(rows.line == line)
        made = book.makers(line)
        plates, last = np.zeros((2, len(made.printer)), np.int64)
        where = np.searchsorted(made.printer, mine.printer)
        np.add.at(plates, where, mine.plates)
        np.add.at(last, where, mine.last)
        book.insert_plates(line, book.bucket(line), plates, last)
    worse = max(unfair(book.lab_load()), 1.1)
    before = peers.measure(net, lines, book.rows)
    found, left = fewer_km(
        book, np.zeros(lines.count), np.zeros((8, net.printers), np.float32), Weights(), 10.0, 200
    )
    after = peers.measure(net, lines, found.rows)
    assert before.in_time == after.in_time == pytest.approx(1.0)
    assert not left.any()
    assert unfair(found.lab_load()) <= worse
    assert after.km < before.km


@pytest.mark.parametrize(
    ("printers", "orders", "seed", "km", "parcels"),
    [
        (10, 30, 903, 0.5, 0.42),  # 0.43 is the least
        (30, 10, 901, 0.5, 0.25),  # 0.47
        (30, 30, 902, 0.44, 0.3),  # 0.40, and not all in time at first
        (300, 10, 902, 0.4, 0.4),  # 0.30
        (300, 3, 912, 0.5, 0.5),  # 0.45; by prices alone 0.56 and 0.63
        (1000, 1, 901, 0.92, 1.0),  # 0.86; many labs can make none of it
        (1000, 3, 904, 0.76, 0.4),  # 0.70
        (1000, 3, 911, 0.69, 0.5),  # 0.58; at prices without parcels 0.60 and 0.82
        (1000, 30, 1302, 0.5, 0.25),  # not all in time where shares are put in first
        (3000, 1, 912, 0.93, 1.0),  # 0.74; no load has more than 0.906
        (1000, 3, 2001, 0.5, 0.5),  # 0.49
        (3000, 3, 1301, 0.5, 0.5),  # no more than both
    ],
)
def test_a_small_network_drives_about_as_little_as_can_be(printers, orders, seed, km, parcels):
    net, lines = an_instance_of("feasible", printers, orders, seed)
    found = plan(net, lines, least=10.0)
    assert audit_quotas(net, lines, found) == []
    ours = peers.measure(net, lines, found.rows)
    theirs = peers.measure(net, lines, peers.ect(net, lines))
    assert ours.in_time == pytest.approx(1.0)
    assert ours.jain >= 0.9
    assert ours.km <= km * theirs.km
    assert ours.parcels <= parcels * theirs.parcels
