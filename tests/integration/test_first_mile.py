"""From a maker's bags to the hub, with both book-keeping laws checked after every transaction."""

from datetime import timedelta

import pytest

from jobs.coordinator import deliveries, first_mile, lots, recalls
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.first_mile import Goods, PickupState
from jobs.ledger import first_mile as rows
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.model import Role
from jobs.recall import Cause, RecallKind
from tests.doubles.lots import accepts, makes_a_lot
from tests.doubles.world import NODE

SPOT = "12 rue des Lilas, code A1B2"


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


def announces(world, *codes, hours=6):
    ready = world.now + timedelta(hours=hours)
    return first_mile.announce(world.ledger, NODE, codes, ready, SPOT, "maker", world.now)


def drives(world, *codes):
    """The bags are announced, given to Sam, and taken; return the pick-up's id."""
    found = announces(world, *codes)
    first_mile.give(world.ledger, found, "Sam", world.now)
    first_mile.take(world.ledger, found, codes, "Sam", world.now)
    return found


def two_bags(world, kits=4):
    order_id = world.order(kits)
    return order_id, makes_a_lot(world), makes_a_lot(world)


def counts(world, code, pieces, reason="the bag was torn"):
    first_mile.count_in(world.ledger, code, pieces, reason, "inspector", world.now)


def good_of(world, code):
    return views.lot(world.ledger.reading, code).good


def state(world, found):
    return rows.pickup(world.ledger.reading, found).state


def test_bags_are_in_transit_until_the_hub_scans_them(lab):
    order_id, one, two = two_bags(lab)
    both = good_of(lab, one) + good_of(lab, two)
    found = announces(lab, one, two)
    assert (lab.books(order_id).at_lab, lab.books(order_id).incoming) == (both, 0)
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    assert first_mile.take(lab.ledger, found, [one, two], "Sam", lab.now) == 2
    assert first_mile.take(lab.ledger, found, [one], "Sam", lab.now) == 0
    books = lab.books(order_id)
    assert (books.at_lab, books.incoming, books.waiting) == (0, both, both)
    assert views.lot(lab.ledger.reading, one).place == f"way:{found}"
    assert "inspect" not in {w.kind for w in waiting(lab.ledger.reading, Role.INSPECTOR)}
    for code in (one, two):
        assert state(lab, found) is PickupState.ON_WAY
        first_mile.arrive(lab.ledger, code, "inspector", lab.now)
        first_mile.arrive(lab.ledger, code, "inspector", lab.now)
    books = lab.books(order_id)
    assert (books.incoming, books.at_hub, state(lab, found)) == (0, both, PickupState.ARRIVED)
    trail = rows.handovers(lab.ledger.reading, one)
    assert [(each.holder, each.pickup) for each in trail] == [("Sam", found), ("inspector", found)]


def test_nobody_but_the_driver_has_the_place_and_it_is_deleted(lab):
    _, one, two = two_bags(lab)
    found = announces(lab, one)
    assert rows.spot_of(lab.ledger.reading, found) == SPOT
    first = first_mile.give(lab.ledger, found, "Sam", lab.now)
    assert first_mile.by_link(lab.ledger, first).id == found
    second = first_mile.give(lab.ledger, found, "Lou", lab.now)
    assert first_mile.link_of(lab.ledger, found) == second
    with pytest.raises(NotFoundError):
        first_mile.by_link(lab.ledger, first)
    first_mile.take(lab.ledger, found, [one], "Lou", lab.now)
    assert rows.spot_of(lab.ledger.reading, found) == ""
    other = announces(lab, two)
    first_mile.cancel(lab.ledger, other, "maker", lab.now)
    assert rows.spot_of(lab.ledger.reading, other) == ""
    dump = "\n".join(lab.ledger.reading.iterdump())
    assert SPOT not in dump
    assert first not in dump
    assert second not in dump


def test_a_bag_that_was_left_behind_can_be_announced_again(lab):
    _, one, two = two_bags(lab)
    found = announces(lab, one, two)
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    first_mile.take(lab.ledger, found, [one], "Sam", lab.now)
    with pytest.raises(RefusedError, match="announced already"):
        announces(lab, two)
    first_mile.arrive(lab.ledger, one, "inspector", lab.now)
    assert state(lab, found) is PickupState.ARRIVED
    assert [bag.code for bag in rows.bags_at(lab.ledger.reading, NODE)] == [two]
    announces(lab, two)


def test_a_driver_who_names_only_what_is_at_the_hub_already_has_begun_nothing(lab):
    """Her page is older than what its maker has brought herself: the other bag still waits for her."""
    _, one, two = two_bags(lab)
    found = announces(lab, one, two)
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    first_mile.arrive(lab.ledger, one, "inspector", lab.now)
    assert first_mile.take(lab.ledger, found, [one], "Sam", lab.now) == 0
    assert state(lab, found) is PickupState.ANNOUNCED
    assert rows.spot_of(lab.ledger.reading, found) == SPOT
    first_mile.cancel(lab.ledger, found, "maker", lab.now)
    assert [bag.code for bag in rows.bags_at(lab.ledger.reading, NODE)] == [two]


def test_bags_that_their_maker_brings_herself_need_no_driver(lab):
    _, one, two = two_bags(lab)
    found = announces(lab, one, two)
    first_mile.arrive(lab.ledger, one, "inspector", lab.now)
    assert state(lab, found) is PickupState.ANNOUNCED
    first_mile.arrive(lab.ledger, two, "inspector", lab.now)
    assert state(lab, found) is PickupState.ARRIVED


def test_pieces_that_are_lost_on_the_way_are_made_again(lab):
    order_id, one, _ = two_bags(lab)
    drives(lab, one)
    before, good = lab.books(order_id), good_of(lab, one)
    with pytest.raises(InvalidFieldError, match="reason"):
        counts(lab, one, good - 1, " ")
    with pytest.raises(InvalidFieldError, match="pieces"):
        counts(lab, one, good + 1)
    counts(lab, one, good - 1)
    books = lab.books(order_id)
    assert (books.mislaid, books.deficit) == (1, before.deficit + 1)
    assert (books.at_hub, books.incoming) == (good - 1, 0)
    with pytest.raises(InvalidFieldError, match=f"must make {good - 1}"):
        lots.inspect(lab.ledger, one, good, 0, "", "inspector", lab.now)
    lots.inspect(lab.ledger, one, good - 1, 0, "", "inspector", lab.now)
    assert lab.books(order_id).usable == good - 1
    with pytest.raises(RefusedError, match="not counted again"):
        counts(lab, one, good)


def test_a_bag_that_is_lost_and_found_counts_once(lab):
    order_id, one, _ = two_bags(lab)
    found = drives(lab, one)
    before, good = lab.books(order_id), good_of(lab, one)
    counts(lab, one, 0, "the bicycle was stolen")
    books = lab.books(order_id)
    assert (books.mislaid, books.incoming, books.deficit) == (good, 0, before.deficit + good)
    assert state(lab, found) is PickupState.ARRIVED
    assert "inspect" not in {
        w.kind for w in waiting(lab.ledger.reading, Role.INSPECTOR) if w.key == one
    }
    with pytest.raises(RefusedError, match="lost on the way"):
        lots.inspect(lab.ledger, one, 0, 0, "", "inspector", lab.now)
    counts(lab, one, good, "")
    books = lab.books(order_id)
    assert (books.mislaid, books.at_hub, books.deficit) == (0, good, before.deficit)
    accepts(lab, one)


@pytest.mark.parametrize("first", ["lost", "called back"])
def test_a_bag_that_is_called_back_and_loses_pieces_adds_up(lab, first):
    order_id, one, _ = two_bags(lab)
    before, good = lab.books(order_id), good_of(lab, one)
    drives(lab, one)
    cause = Cause(kind=RecallKind.LOT, value=one)
    if first == "lost":
        counts(lab, one, good - 1)
    recall = recalls.begin(lab.ledger, cause, "sharp", "inspector", lab.now)
    if first == "called back":
        counts(lab, one, good - 1)
    assert lab.books(order_id).deficit == before.deficit + good
    counts(lab, one, good, "")
    counts(lab, one, good - 1)
    recalls.end(lab.ledger, recall, "looked at", "steward", lab.now, good=first == "lost")
    books = lab.books(order_id)
    if first == "lost":
        assert (books.waiting, books.mislaid) == (before.waiting - 1, 1)
        accepts_rest = views.lot(lab.ledger.reading, one).pieces
        lots.inspect(lab.ledger, one, accepts_rest, 0, "", "inspector", lab.now)
    else:
        assert (books.scrap, books.mislaid) == (good - 1, 1)


def test_a_bag_inspected_straight_from_a_run_has_arrived(lab):
    order_id, one, _ = two_bags(lab)
    found = drives(lab, one)
    accepts(lab, one)
    assert state(lab, found) is PickupState.ARRIVED
    lot = views.lot(lab.ledger.reading, one)
    assert lot.arrived_at == lot.counted_at == lot.inspected_at == lab.now
    assert deliveries.pack(lab.ledger, order_id, "inspector", lab.now)


def test_what_travels_back_is_handed_over_with_the_bags(lab):
    _, one, _ = two_bags(lab)
    found = announces(lab, one)
    for goods in (
        Goods(text="elastic, 20 mm", quantity=40),
        Goods(text="filament", quantity=1, material="PETG", grams=1000),
    ):
        first_mile.add_goods(lab.ledger, found, goods, "steward", lab.now)
    assert [g.material for g in rows.pickup(lab.ledger.reading, found).goods] == ["", "PETG"]
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    first_mile.take(lab.ledger, found, [one], "Sam", lab.now)
    handed = lab.ledger.reading.execute("select distinct handed_at from goods").fetchall()
    assert [row[0] for row in handed] == [lab.now.isoformat()]
    with pytest.raises(RefusedError, match="has begun"):
        first_mile.add_goods(lab.ledger, found, Goods(text="foil", quantity=1), "steward", lab.now)
    with pytest.raises(RefusedError, match="has begun"):
        first_mile.cancel(lab.ledger, found, "maker", lab.now)


def test_only_bags_that_are_there_are_announced_and_taken(lab):
    _, one, two = two_bags(lab)
    with pytest.raises(InvalidFieldError, match="bags"):
        announces(lab)
    found = announces(lab, one)
    with pytest.raises(RefusedError, match="announced already"):
        announces(lab, one)
    with pytest.raises(RefusedError, match="nobody has it"):
        first_mile.take(lab.ledger, found, [one], "Sam", lab.now)
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    with pytest.raises(RefusedError, match="not of this run"):
        first_mile.take(lab.ledger, found, [two], "Sam", lab.now)
    with pytest.raises(RefusedError, match="Nobody has taken"):
        counts(lab, two, 0)
