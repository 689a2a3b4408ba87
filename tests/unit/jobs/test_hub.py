"""Which rule counts for a lot, and until when it is held."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.errors import InvalidFieldError
from jobs.hub import Kit, Rule, Scope, check, gate

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALL = Rule(scope=Scope.ALL, hold_h=24, second=False)
PETG = Rule(scope=Scope.MATERIAL, value="PETG", hold_h=72)
VISOR = Rule(scope=Scope.REVISION, value="visor", second=True)


def asked(*rules, arrived_at=NOON, material="PETG", revision="visor", **facts):
    return gate(rules, material=material, revision=revision, arrived_at=arrived_at, **facts)


def test_without_a_rule_nothing_is_asked():
    found = asked()
    assert (found.hold, found.held_until, found.second) == (timedelta(0), None, False)
    assert not found.is_held(NOON)
    assert not found.unsigned


@pytest.mark.parametrize("rules", [(ALL, PETG, VISOR), (VISOR, PETG, ALL)])
def test_the_narrowest_rule_that_says_something_counts(rules):
    found = asked(*rules)
    assert (found.hold, found.second) == (timedelta(hours=72), True)
    assert asked(*rules, material="PLA").hold == timedelta(hours=24)
    assert not asked(*rules, revision="hook").second


def test_a_design_may_be_let_off():
    free = Rule(scope=Scope.REVISION, value="visor", hold_h=0)
    assert asked(ALL, PETG, free).hold == timedelta(0)


def test_a_hold_begins_when_the_hub_has_the_bag():
    found = asked(PETG)
    assert found.held_until == NOON + timedelta(hours=72)
    assert found.is_held(NOON + timedelta(hours=71, minutes=59))
    assert not found.is_held(NOON + timedelta(hours=72))
    assert asked(PETG, arrived_at=None).is_held(NOON + timedelta(days=99))


def test_a_signature_is_asked_for_once():
    assert asked(VISOR).unsigned
    assert not asked(VISOR, signed_by="noa", signed_at=NOON).unsigned


def test_no_rule_takes_a_signed_release_away():
    alone = Rule(scope=Scope.REVISION, value="visor", second=False)
    assert asked(signed_release=True).unsigned
    assert asked(alone, signed_release=True).unsigned
    assert not asked(alone).unsigned


@pytest.mark.parametrize(
    "rule",
    [
        Rule(scope=Scope.ALL, hold_h=-1),
        Rule(scope=Scope.ALL, hold_h=float("nan")),
        Rule(scope=Scope.ALL, value="PETG", hold_h=1),
        Rule(scope=Scope.MATERIAL, hold_h=1),
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule):
    with pytest.raises(InvalidFieldError):
        check(rule)


@pytest.mark.parametrize("hold_h", [None, 0, 1, 720])
def test_a_hold_is_of_thirty_days_at_most(hold_h):
    check(Rule(scope=Scope.ALL, hold_h=hold_h))
    check(Rule(scope=Scope.MATERIAL, value="PETG", hold_h=hold_h))
    with pytest.raises(InvalidFieldError, match="from 0 to 720 hours"):
        check(Rule(scope=Scope.ALL, hold_h=720.5))


KIT = Kit(made={"frame": 1, "clip": 2}, bought={"elastic": 1, "sheet": 1})


@pytest.mark.parametrize(
    ("made", "bought", "kits"),
    [
        ({"frame": 10, "clip": 20}, {}, 10),
        ({"frame": 10, "clip": 19}, {}, 9),
        ({"frame": 10}, {}, 0),
        ({"clip": 20}, {"elastic": 7}, 0),
        ({"frame": 10, "clip": 20}, {"elastic": 7}, 7),
        ({"frame": 10, "clip": 20}, {"elastic": 7, "sheet": 0}, 0),
        ({"frame": 10, "clip": 20}, {"a thing of another design": 0}, 10),
    ],
)
def test_a_kit_is_complete_when_nothing_of_it_is_missing(made, bought, kits):
    assert KIT.whole(made, bought) == kits


def test_a_kit_of_nothing_is_none():
    assert Kit(made={}, bought={}).whole({"frame": 1}, {}) == 0
