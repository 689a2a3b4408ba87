"""The first mile: from a maker's bags to the hub, and what travels back to her. The decisions, without rows.

A pick-up is announced with the place where the bags stand, is given to one driver, and ends when the
hub has scanned what came. Leaves rows and pieces to `jobs.ledger.first_mile`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from jobs.errors import InvalidFieldError

#: A pick-up that has not arrived so long after its bags were ready is late.
LATE_AFTER: Final = timedelta(hours=24)
#: How far ahead bags may be announced.
MOST_AHEAD: Final = timedelta(days=60)
MOST_PLACE: Final = 300
MOST_NAME: Final = 80
MOST_GOODS: Final = 100  # characters of what is brought along
MOST_QUANTITY: Final = 10_000
MOST_GRAMS: Final = 20_000.0


class PickupState(enum.StrEnum):
    """Where a pick-up stands."""

    ANNOUNCED = "announced"  # the bags wait at the workshop
    ON_WAY = "on-way"  # a driver has at least one of them
    ARRIVED = "arrived"  # the hub has said of every bag what became of it
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read


#: Somebody still has to do something for it.
OPEN: Final = frozenset({PickupState.ANNOUNCED, PickupState.ON_WAY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """One line of what travels from the hub to the workshop on the same run."""

    text: str  # "elastic, 20 mm", "filament"
    quantity: int  # 1..10,000
    material: str = ""  # a code, of filament
    grams: float = 0.0  # of filament, 0 where nobody weighed it


def way(pickup: str) -> str:
    """Return the place of a lot that a pick-up has on its way."""
    return f"way:{pickup}"


def is_late(state: PickupState, ready_at: datetime, now: datetime) -> bool:
    """Whether a pick-up should have arrived by now.

    >>> from datetime import UTC
    >>> is_late(PickupState.ON_WAY, datetime(2020, 4, 2, 18, tzinfo=UTC), datetime(2020, 4, 4, tzinfo=UTC))
    True
    """
    return state in OPEN and now - ready_at > LATE_AFTER


def comes_today(state: PickupState, ready_at: datetime, today: date, zone: ZoneInfo) -> bool:
    """Whether a pick-up is to be looked out for: it is on its way, or its bags are ready by tonight."""
    return state is PickupState.ON_WAY or (
        state is PickupState.ANNOUNCED and ready_at.astimezone(zone).date() <= today
    )


def check_goods(goods: Goods, materials: Iterable[str]) -> Goods:
    """Return a line of goods without white space around its words.

    Args:
        goods: as somebody typed it.
        materials: codes of the vocabulary.

    Raises:
        InvalidFieldError: no words, too many, or a number that cannot be.
    """
    text = goods.text.strip()
    if not 1 <= len(text) <= MOST_GOODS:
        raise InvalidFieldError("goods", f"1 to {MOST_GOODS} characters")
    if not 1 <= goods.quantity <= MOST_QUANTITY:
        raise InvalidFieldError("quantity", f"from 1 to {MOST_QUANTITY}")
    if goods.material and goods.material not in set(materials):
        raise InvalidFieldError("material", "is no material of the vocabulary")
    if not 0 <= goods.grams <= MOST_GRAMS:
        raise InvalidFieldError("grams", f"from 0 to {MOST_GRAMS:.0f}")
    return Goods(text=text, quantity=goods.quantity, material=goods.material, grams=goods.grams)


def check_ready(ready_at: datetime, now: datetime) -> None:
    """Do nothing if bags may be announced for then.

    Raises:
        InvalidFieldError: it is too far away. What has passed means: they are ready now.
    """
    if ready_at - now > MOST_AHEAD:
        raise InvalidFieldError("ready", f"at most {MOST_AHEAD.days} days ahead")
