"""What a lot passes at the hub, with both book-keeping laws checked after every transaction."""

from datetime import timedelta

import pytest

from jobs.coordinator import deliveries, first_mile, hub, lots
from jobs.errors import RefusedError
from jobs.hub import Rule, Scope
from jobs.ledger import hub as gates
from jobs.ledger import views
from jobs.ledger.waiting import waiting
from jobs.model import LotState, Role
from tests.integration.test_recalls import accepts, makes_a_lot

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
