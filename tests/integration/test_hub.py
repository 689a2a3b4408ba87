"""What a lot passes at the hub, with both book-keeping laws checked after every transaction."""

from datetime import timedelta

import pytest

from jobs.coordinator import deliveries, first_mile, hub, lots, needs, recalls, surplus
from jobs.errors import InvalidFieldError, RefusedError
from jobs.hub import Kit, Rule, Scope
from jobs.ledger import bought, views
from jobs.ledger import first_mile as mile
from jobs.ledger import hub as gates
from jobs.ledger import stations as rows
from jobs.ledger.waiting import waiting
from jobs.model import LotState, Role
from jobs.recall import Cause, RecallKind
from jobs.stations import Step, stations
from tests.doubles.lots import accepts, makes_a_lot
from tests.doubles.world import NODE

HOLD = Rule(scope=Scope.MATERIAL, value="PETG", hold_h=72)
SECOND = Rule(scope=Scope.ALL, second=True)


@pytest.fixture
def lab(world):
    world.add_lab()
    return world


def asks(world, *rules):
    for rule in rules:
        hub.set_rule(world.ledger, rule, "steward", world.now)


def waits(world):
    found = waiting(world.ledger.reading, Role.INSPECTOR, now=world.now)
    return {w.kind for w in found}


def packs(world, order_id):
    return deliveries.pack(world.ledger, order_id, "inspector", world.now)


def test_nothing_of_a_held_bag_is_accepted_before_its_time(lab):
    asks(lab, HOLD)
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    with pytest.raises(RefusedError, match="say first that it is here"):
        accepts(lab, code)
    assert waits(lab) == {"inspect"}
    first_mile.arrive(lab.ledger, code, "inspector", lab.now)
    lab.pass_time(hours=71)
    assert waits(lab) == set()
    with pytest.raises(RefusedError, match="held until 2026-11-27 12:00 UTC"):
        accepts(lab, code)
    lab.pass_time(hours=1)
    assert waits(lab) == {"inspect"}
    accepts(lab, code)
    assert packs(lab, order_id)


def test_a_held_bag_may_be_thrown_away(lab):
    asks(lab, HOLD)
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    good = views.lot(lab.ledger.reading, code).good
    lots.inspect(lab.ledger, code, 0, good, "wet", "inspector", lab.now)
    assert lab.books(order_id).scrap == good


def test_a_rule_counts_for_bags_that_are_there_already(lab):
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    accepts(lab, code)
    asks(lab, HOLD)
    with pytest.raises(RefusedError, match="held, or wait"):
        packs(lab, order_id)
    asks(lab, Rule(scope=Scope.REVISION, value=lab.revision.id, hold_h=0))
    assert packs(lab, order_id)


def test_a_rule_is_taken_back(lab):
    asks(lab, HOLD, SECOND)
    assert set(gates.rules(lab.ledger.reading)) == {HOLD, SECOND}
    asks(lab, Rule(scope=Scope.ALL), Rule(scope=Scope.MATERIAL, value="PETG"))
    assert gates.rules(lab.ledger.reading) == ()


def test_who_inspected_a_bag_does_not_release_it_alone(lab):
    asks(lab, SECOND)
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    with pytest.raises(RefusedError, match="not inspected"):
        hub.sign(lab.ledger, code, "steward", lab.now)
    accepts(lab, code)
    assert waits(lab) == {"release"}
    with pytest.raises(RefusedError, match="second person"):
        packs(lab, order_id)
    with pytest.raises(RefusedError, match="yourself"):
        hub.sign(lab.ledger, code, "inspector", lab.now)
    lab.pass_time(minutes=5)
    hub.sign(lab.ledger, code, "steward", lab.now)
    hub.sign(lab.ledger, code, "somebody", lab.now + timedelta(hours=1))
    found = gates.gate_of(lab.ledger.reading, code)
    assert (found.inspected_by, found.signed_by, found.signed_at) == (
        "inspector", "steward", lab.now,
    )  # fmt: skip
    assert waits(lab) == {"pack"}
    events = views.order_view(lab.ledger.reading, order_id).events
    told = [(e.kind, e.actor) for e in events if e.kind in ("inspected", "lot-signed")]
    assert told == [("inspected", "inspector"), ("lot-signed", "steward")]
    assert packs(lab, order_id)


def test_a_parcel_takes_along_what_is_released(lab):
    asks(lab, SECOND)
    order_id = lab.order(4)
    one, two = makes_a_lot(lab), makes_a_lot(lab)
    accepts(lab, one)
    accepts(lab, two)
    hub.sign(lab.ledger, two, "steward", lab.now)
    batch = packs(lab, order_id)
    assert [lot.lot for lot in views.batch(lab.ledger.reading, batch).lots] == [two]
    assert views.lot(lab.ledger.reading, one).state is LotState.INSPECTED


def test_a_bag_is_put_right_before_it_is_inspected(lab):
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    with pytest.raises(RefusedError, match="not here"):
        lots.rework(lab.ledger, code, 1, "strings-left", "inspector", lab.now)
    first_mile.arrive(lab.ledger, code, "inspector", lab.now)
    for pieces, reason in ((0, "strings-left"), (99, "strings-left"), (1, " ")):
        with pytest.raises(InvalidFieldError):
            lots.rework(lab.ledger, code, pieces, reason, "inspector", lab.now)
    before = lab.books(order_id)
    lots.rework(lab.ledger, code, 1, "strings-left", "inspector", lab.now)
    assert lab.books(order_id) == before
    assert waits(lab) == {"rework"}
    with pytest.raises(RefusedError, match="already"):
        lots.rework(lab.ledger, code, 1, "dirty", "inspector", lab.now)
    with pytest.raises(RefusedError, match="being put right"):
        accepts(lab, code)
    lots.reworked(lab.ledger, code, "inspector", lab.now)
    lots.reworked(lab.ledger, code, "inspector", lab.now)
    assert waits(lab) == {"inspect"}
    accepts(lab, code)


def test_what_is_spoilt_at_the_hub_is_made_again(lab):
    order_id = lab.order(4)
    code = makes_a_lot(lab)
    with pytest.raises(RefusedError, match="not inspected"):
        lots.scrap(lab.ledger, code, 1, 0, "it fell", "inspector", lab.now)
    accepts(lab, code)
    before = lab.books(order_id)
    has = before.accepted
    with pytest.raises(InvalidFieldError):
        lots.scrap(lab.ledger, code, has + 1, has, "it fell", "inspector", lab.now)
    lots.scrap(lab.ledger, code, 1, has, "it fell", "inspector", lab.now)
    with pytest.raises(RefusedError, match="accepted pieces, not"):
        lots.scrap(lab.ledger, code, 1, has, "it fell", "inspector", lab.now)
    books = lab.books(order_id)
    assert (books.usable, books.scrap, books.deficit) == (
        before.usable - 1, before.scrap + 1, before.deficit + 1,
    )  # fmt: skip
    packs(lab, order_id)
    with pytest.raises(RefusedError, match="in a parcel"):
        lots.scrap(lab.ledger, code, 1, has - 1, "it fell", "inspector", lab.now)


def test_what_is_called_back_and_spoilt_is_made_again_once(lab):
    order_id = lab.order(4)
    code = makes_a_lot(lab)
    accepts(lab, code)
    recalls.begin(lab.ledger, Cause(kind=RecallKind.LOT, value=code), "sharp", "inspector", lab.now)
    before = lab.books(order_id)
    lots.scrap(lab.ledger, code, 1, lab.books(order_id).accepted, "it fell", "inspector", lab.now)
    books = lab.books(order_id)
    assert (books.deficit, books.recalled) == (before.deficit, before.recalled - 1)


def test_a_parcel_takes_bought_parts_for_its_complete_kits(lab):
    kit = Kit(made={"frame": 1}, bought={"elastic": 2, "foil": 1})
    order_id = lab.order(4)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    hub.count_stock(lab.ledger, "elastic", 7, "inspector", lab.now)
    batch = deliveries.pack(lab.ledger, order_id, "inspector", lab.now, kit)
    db = lab.ledger.reading
    assert bought.in_stock(db) == {"elastic": 1}  # foil was never counted
    assert bought.kits_in(db, batch, kit) == 3
    assert bought.packed(db, order_id) == {"frame": 4}
    assert bought.taken(db, batch) == {"elastic": 6}
    # Two elastics of the fourth kit were not there; what nobody counts is not missed.
    assert bought.still_wanted(db, order_id, 4, kit) == {"elastic": 2, "foil": 0}
    hub.count_stock(lab.ledger, "elastic", 40, "inspector", lab.now)
    assert bought.in_stock(db) == {"elastic": 40}
    assert bought.kits_in(db, batch, kit) == 3
    for item, pieces in (("", 1), ("foil", -1)):
        with pytest.raises(InvalidFieldError):
            hub.count_stock(lab.ledger, item, pieces, "inspector", lab.now)


KIT = Kit(made={"frame": 1}, bought={"elastic": 2, "foil": 1})
COUNTED = {"elastic": 7, "foil": 50}


def packed_with_bought_parts(lab):
    """A parcel of two bags with four kits' pieces and three kits' elastics; return order and parcel."""
    for item, pieces in COUNTED.items():
        hub.count_stock(lab.ledger, item, pieces, "inspector", lab.now)
    order_id = lab.order(4)
    while lab.books(order_id).to_make:
        accepts(lab, makes_a_lot(lab))
    batch = deliveries.pack(lab.ledger, order_id, "inspector", lab.now, KIT)
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 1, "foil": 46}
    return order_id, batch


def is_unpacked(lab, order_id, batch):
    """Its bags lie at the hub, and every bought part is stock again."""
    assert bought.in_stock(lab.ledger.reading) == COUNTED
    view = views.order_view(lab.ledger.reading, order_id)
    assert batch not in {each.id for each in view.batches}
    assert not any(lot.batches for lot in view.lots)


def test_a_recall_out_of_a_packed_parcel_gives_everything_back(lab):
    order_id, batch = packed_with_bought_parts(lab)
    first, second = (lot.lot for lot in views.batch(lab.ledger.reading, batch).lots)
    cause = Cause(kind=RecallKind.LOT, value=first)
    recalls.begin(lab.ledger, cause, "brittle", "inspector", lab.now)
    is_unpacked(lab, order_id, batch)
    again = deliveries.pack(lab.ledger, order_id, "inspector", lab.now, KIT)
    assert [lot.lot for lot in views.batch(lab.ledger.reading, again).lots] == [second]
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 3, "foil": 48}
    assert bought.kits_in(lab.ledger.reading, again, KIT) == 2


def test_what_came_back_keeps_its_bought_parts_until_it_is_unpacked(lab):
    order_id, batch = packed_with_bought_parts(lab)
    deliveries.dispatch(lab.ledger, batch, "inspector", lab.now)
    first = views.batch(lab.ledger.reading, batch).lots[0].lot
    deliveries.come_back(lab.ledger, batch, "nobody there", "inspector", lab.now)
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 1, "foil": 46}
    deliveries.dispatch(lab.ledger, batch, "inspector", lab.now)
    cause = Cause(kind=RecallKind.LOT, value=first)
    recalls.begin(lab.ledger, cause, "brittle", "inspector", lab.now)
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 1, "foil": 46}
    deliveries.come_back(lab.ledger, batch, "they have read of it", "inspector", lab.now)
    is_unpacked(lab, order_id, batch)


def test_a_cancelled_order_gives_back_what_was_packed_and_its_bags_go_on(lab):
    order_id, batch = packed_with_bought_parts(lab)
    needs.answer(lab.ledger, order_id, 0, "requester", lab.now)
    is_unpacked(lab, order_id, batch)
    assert lab.books(order_id).surplus == 4
    after = lab.order(4)
    with lab.ledger.transaction() as db:
        assert surplus.pass_on(db, lab.now) == 2
    assert (lab.books(after).at_hub, lab.books(after).to_make) == (4, 0)
    assert deliveries.pack(lab.ledger, after, "inspector", lab.now, KIT)
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 1, "foil": 46}


def test_a_bag_of_which_pieces_were_lost_on_the_way_goes_on_with_the_others(lab):
    order_id = lab.order(4)
    code = makes_a_lot(lab)
    first_mile.arrive(lab.ledger, code, "inspector", lab.now)
    good = views.lot(lab.ledger.reading, code).good
    first_mile.count_in(lab.ledger, code, good - 1, "it fell", "inspector", lab.now)
    needs.answer(lab.ledger, order_id, 0, "requester", lab.now)
    after = lab.order(4)
    with lab.ledger.transaction() as db:
        assert surplus.pass_on(db, lab.now) == 1
    assert lab.books(after).waiting == good - 1


def test_a_parcel_without_what_is_bought_holds_no_kit(lab):
    kit = Kit(made={"frame": 1}, bought={"elastic": 1})
    order_id = lab.order(1)
    accepts(lab, makes_a_lot(lab))
    hub.count_stock(lab.ledger, "elastic", 0, "inspector", lab.now)
    batch = deliveries.pack(lab.ledger, order_id, "inspector", lab.now, kit)
    assert bought.kits_in(lab.ledger.reading, batch, kit) == 0
    assert bought.in_stock(lab.ledger.reading) == {"elastic": 0}


def steps(world):
    found = stations(
        rows.bags(world.ledger.reading, mile.open_pickups(world.ledger.reading)), world.now
    )
    return {each.step for each in found if each.bags}


def test_a_bag_passes_every_station(lab):
    asks(lab, HOLD, SECOND)
    order_id = lab.order(1)
    code = makes_a_lot(lab)
    assert steps(lab) == set()
    found = first_mile.announce(lab.ledger, NODE, [code], lab.now, "here", "maker", lab.now)
    first_mile.give(lab.ledger, found, "Sam", lab.now)
    assert steps(lab) == {Step.ARRIVE}
    first_mile.take(lab.ledger, found, [code], "Sam", lab.now)
    assert steps(lab) == {Step.ARRIVE}
    first_mile.arrive(lab.ledger, code, "inspector", lab.now)
    assert steps(lab) == {Step.COUNT}
    good = views.lot(lab.ledger.reading, code).good
    first_mile.count_in(lab.ledger, code, good, "", "inspector", lab.now)
    assert steps(lab) == {Step.HOLD}
    lab.pass_time(hours=72)
    assert steps(lab) == {Step.INSPECT}
    lots.rework(lab.ledger, code, 1, "dirty", "inspector", lab.now)
    assert steps(lab) == {Step.REWORK}
    lots.reworked(lab.ledger, code, "inspector", lab.now)
    accepts(lab, code)
    assert steps(lab) == {Step.RELEASE}
    hub.sign(lab.ledger, code, "steward", lab.now)
    assert steps(lab) == {Step.PACK}
    batch = packs(lab, order_id)
    assert steps(lab) == {Step.HAND_OVER}
    deliveries.dispatch(lab.ledger, batch, "inspector", lab.now)
    assert steps(lab) == set()
