"""At which step a bag stands, and which step is the bottleneck."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.hub import Gate
from jobs.stations import Bag, Step, bottleneck, stands, stations

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ago(hours):
    return NOW - timedelta(hours=hours)


def gate(hold_h=0.0, arrived=None, **facts):
    hold = timedelta(hours=hold_h)
    until = None if arrived is None or not hold_h else arrived + hold
    asked = {"second": False, "inspected_by": "", "signed_by": "", "signed_at": None} | facts
    return Gate(hold=hold, held_until=until, **asked)


def bag(code="A", pieces=10, **facts):
    return Bag(**({"code": code, "pieces": pieces, "gate": gate()} | facts))


HERE = {"arrived_at": ago(5)}
COUNTED = HERE | {"counted_at": ago(4)}
INSPECTED = COUNTED | {"inspected_at": ago(3)}


@pytest.mark.parametrize(
    ("facts", "step", "since"),
    [
        ({"ready_at": ago(-2)}, Step.ARRIVE, ago(-2)),
        (HERE | {"ready_at": ago(9)}, Step.COUNT, ago(5)),
        (COUNTED, Step.INSPECT, ago(4)),
        (COUNTED | {"rework_at": ago(1)}, Step.REWORK, ago(1)),
        (COUNTED | {"gate": gate(6, ago(5))}, Step.HOLD, ago(5)),
        (COUNTED | {"gate": gate(3, ago(5))}, Step.INSPECT, ago(2)),
        (INSPECTED, Step.PACK, ago(3)),
        (INSPECTED | {"gate": gate(second=True)}, Step.RELEASE, ago(3)),
        (
            INSPECTED | {"gate": gate(second=True, signed_by="noa", signed_at=ago(1))},
            Step.PACK,
            ago(1),
        ),
        (INSPECTED | {"gate": gate(9, ago(5))}, Step.HOLD, ago(3)),
        (INSPECTED | {"withdrawn": True}, Step.RELEASE, ago(3)),
        (INSPECTED | {"packed_at": ago(2)}, Step.HAND_OVER, ago(2)),
        (INSPECTED | {"gate": gate(second=True), "packed_at": ago(2)}, Step.RELEASE, ago(2)),
        (INSPECTED | {"withdrawn": True, "packed_at": ago(2)}, Step.RELEASE, ago(2)),
    ],
)
def test_a_bag_stands_where_something_is_to_be_done(facts, step, since):
    found = stands(bag(**facts), NOW)
    assert found is not None
    assert (found.step, found.since) == (step, since)
    assert (found.until is not None) is (step is Step.HOLD)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"gate": None},
        COUNTED | {"gate": None},
        COUNTED | {"pieces": 0},
        INSPECTED | {"spare": True},
    ],
)
def test_a_bag_that_is_elsewhere_or_empty_stands_nowhere(facts):
    assert stands(bag(**facts), NOW) is None


def test_every_step_is_there_and_its_oldest_bag_first():
    found = stations(
        [bag("B", **COUNTED), bag("A", arrived_at=ago(9), counted_at=ago(8), pieces=3)], NOW
    )
    assert [each.step for each in found] == list(Step)
    inspect = next(each for each in found if each.step is Step.INSPECT)
    assert [each.code for each in inspect.bags] == ["A", "B"]
    assert (inspect.pieces, inspect.oldest, inspect.until) == (13, ago(8), None)
    assert bottleneck(found) is Step.INSPECT


def test_a_hold_says_when_the_next_one_ends():
    holds = [bag(str(n), **COUNTED | {"gate": gate(n, ago(5))}) for n in (30, 20)]
    held = next(each for each in stations(holds, NOW) if each.step is Step.HOLD)
    assert held.until == ago(5) + timedelta(hours=20)


def test_the_bottleneck_has_most_pieces_and_of_equals_waits_longest():
    count, pack = bag("A", **HERE), bag("B", **INSPECTED)
    assert bottleneck(stations([count, pack], NOW)) is Step.COUNT
    assert bottleneck(stations([count, bag("B", pieces=11, **INSPECTED)], NOW)) is Step.PACK
    assert (
        bottleneck(stations([count, bag("B", **INSPECTED | {"inspected_at": ago(6)})], NOW))
        is Step.PACK
    )


def test_what_is_still_coming_is_no_bottleneck():
    assert bottleneck(stations([bag(pieces=999, ready_at=NOW)], NOW)) is None
    assert bottleneck(stations([], NOW)) is None
