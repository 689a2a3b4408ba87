"""When a pick-up is late, what comes today, and what may travel on it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from jobs.errors import InvalidFieldError
from jobs.first_mile import (
    Goods,
    PickupState,
    check_goods,
    check_ready,
    comes_today,
    is_late,
)

THURSDAY_18 = datetime(2026, 11, 26, 18, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize("state", [PickupState.ANNOUNCED, PickupState.ON_WAY])
def test_a_pickup_is_late_a_day_after_its_bags_were_ready(state):
    assert not is_late(state, THURSDAY_18, THURSDAY_18 + timedelta(hours=24))
    assert is_late(state, THURSDAY_18, THURSDAY_18 + timedelta(hours=24, seconds=1))


@pytest.mark.parametrize("state", [PickupState.ARRIVED, PickupState.CANCELLED])
def test_what_is_over_is_never_late(state):
    assert not is_late(state, THURSDAY_18, THURSDAY_18 + timedelta(days=30))


def test_a_day_is_the_day_of_the_hub():
    ready = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)  # half past midnight on Friday in Paris
    assert not comes_today(PickupState.ANNOUNCED, ready, date(2026, 11, 26), PARIS)
    assert comes_today(PickupState.ANNOUNCED, ready, date(2026, 11, 27), PARIS)


def test_what_is_on_its_way_comes_whenever_it_was_ready():
    assert comes_today(PickupState.ON_WAY, THURSDAY_18, date(2026, 11, 20), PARIS)
    assert not comes_today(PickupState.ARRIVED, THURSDAY_18, date(2026, 11, 30), PARIS)


def test_a_spool_travels_with_its_material_and_grams():
    found = check_goods(
        Goods(text=" filament ", quantity=2, material="PETG", grams=750), ("PETG", "PLA")
    )
    assert found == Goods(text="filament", quantity=2, material="PETG", grams=750)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("goods", {"text": "  "}),
        ("goods", {"text": "x" * 101}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": 10_001}),
        ("material", {"material": "unobtainium"}),
        ("grams", {"grams": -1.0}),
        ("grams", {"grams": 20_000.5}),
        ("grams", {"grams": float("nan")}),
    ],
)
def test_what_cannot_be_brought_is_named(field, changes):
    with pytest.raises(InvalidFieldError) as caught:
        check_goods(Goods(**({"text": "elastic", "quantity": 1} | changes)), ("PETG",))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [{"text": "x"}, {"text": "x" * 100}, {"quantity": 10_000}, {"grams": 0.0}, {"grams": 20_000.0}],
)
def test_what_can_just_be_brought_is(changes):
    goods = Goods(**({"text": "elastic", "quantity": 1} | changes))
    assert check_goods(goods, ("PETG",)) == goods


def test_bags_are_announced_for_the_next_weeks():
    check_ready(THURSDAY_18 - timedelta(days=3), THURSDAY_18)
    check_ready(THURSDAY_18 + timedelta(days=60), THURSDAY_18)
    with pytest.raises(InvalidFieldError, match="ready"):
        check_ready(THURSDAY_18 + timedelta(days=60, minutes=1), THURSDAY_18)
