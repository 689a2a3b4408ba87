"""What notices are about, who may choose to be told of it, and how often it is told. Pure.

Leaves who is told what now to `jobs.telling`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from jobs.model import Role


class Kind(enum.StrEnum):
    """What a notice is about."""

    OFFERS = "offers"  # plates that a maker answers herself
    BEDS = "beds"  # parts to count, beds to clear, plates to print from a card
    ADVICE = (
        "advice"  # a hospital's complaint of pieces, with an inspector's advice to who made them
    )
    HUB = "hub"  # bags to be fetched, lots to inspect, parcels to pack and to hand over
    TEAM = "team"  # requests to confirm, labs to let in
    ALARM = "alarm"  # something went wrong at a printer, which may still be hot
    DIGEST = "digest"  # once a day, all that waits
    HELLO = "hello"  # an address was entered: it works, and this is how to be told less
    # To requesters, on their order:
    ORDER_ASKED = "order-asked"
    ORDER_CONFIRMED = "order-confirmed"
    ORDER_REFUSED = "order-refused"
    ORDER_SENT = "order-sent"  # a parcel is on its way
    ORDER_HANDED = "order-handed"  # a courier says that it was handed over
    ORDER_RECALLED = "order-recalled"  # pieces that they have are called back
    ORDER_NEED = "order-need"  # do they still need it?
    ORDER_CANCELLED = "order-cancelled"  # nothing of it will come


class Channel(enum.StrEnum):
    """How a notice travels."""

    MAIL = "mail"
    WEBHOOK = "webhook"


#: Kinds that go to requesters, who have no account.
TO_REQUESTERS = (
    Kind.ORDER_ASKED, Kind.ORDER_CONFIRMED, Kind.ORDER_REFUSED, Kind.ORDER_SENT,
    Kind.ORDER_HANDED, Kind.ORDER_RECALLED, Kind.ORDER_NEED, Kind.ORDER_CANCELLED,
)  # fmt: skip
#: What people of a role can choose to be told, in the order of the page.
CHOICES: Mapping[Role, tuple[Kind, ...]] = MappingProxyType(
    {
        Role.MAKER: (Kind.ALARM, Kind.OFFERS, Kind.BEDS, Kind.ADVICE, Kind.DIGEST),
        Role.INSPECTOR: (Kind.HUB, Kind.DIGEST),
        Role.STEWARD: (Kind.ALARM, Kind.TEAM, Kind.HUB, Kind.DIGEST),
    }
)
#: Which kind of notice tells of a thing that waits, by `jobs.ledger.waiting.Waiting.kind`.
TOLD_BY: Mapping[str, Kind] = MappingProxyType(
    {
        "offer": Kind.OFFERS,
        "clear": Kind.BEDS, "harvest": Kind.BEDS, "print": Kind.BEDS,
        "inspect": Kind.HUB, "rework": Kind.HUB, "release": Kind.HUB, "pack": Kind.HUB,
        "dispatch": Kind.HUB, "complaint": Kind.HUB, "pickup": Kind.HUB,
        "advice": Kind.ADVICE,
        "admit": Kind.TEAM, "unheard": Kind.TEAM, "confirm": Kind.TEAM,
        "need": Kind.TEAM, "left-out": Kind.TEAM, "odd": Kind.TEAM,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a kind is told."""

    #: A thing waits so long before it is told, so that what comes next goes into the same letter.
    patience: timedelta
    gap: timedelta  # between two letters of this kind to one person
    good_for: timedelta  # a letter that could not be sent by then is of no use any more


PACES: Mapping[Kind, Pace] = MappingProxyType(
    {
        # An offer is held for two hours; a second letter within them would tell nothing new to do.
        Kind.OFFERS: Pace(
            patience=timedelta(minutes=2), gap=timedelta(hours=4), good_for=timedelta(hours=2)
        ),
        # Who stands beside the printer has cleared it before she would be told.
        Kind.BEDS: Pace(
            patience=timedelta(minutes=10), gap=timedelta(hours=2), good_for=timedelta(hours=12)
        ),
        Kind.ADVICE: Pace(
            patience=timedelta(0), gap=timedelta(hours=4), good_for=timedelta(days=2)
        ),
        Kind.HUB: Pace(
            patience=timedelta(minutes=30), gap=timedelta(hours=4), good_for=timedelta(hours=12)
        ),
        Kind.TEAM: Pace(
            patience=timedelta(minutes=2), gap=timedelta(hours=1), good_for=timedelta(hours=12)
        ),
        Kind.ALARM: Pace(
            patience=timedelta(0), gap=timedelta(minutes=30), good_for=timedelta(hours=12)
        ),
        Kind.DIGEST: Pace(
            patience=timedelta(0), gap=timedelta(hours=12), good_for=timedelta(hours=12)
        ),
        **{
            kind: Pace(patience=timedelta(0), gap=timedelta(0), good_for=timedelta(days=2))
            for kind in (Kind.HELLO, *TO_REQUESTERS)
        },
        # Nothing leaves before it is answered.
        Kind.ORDER_NEED: Pace(patience=timedelta(0), gap=timedelta(0), good_for=timedelta(days=14)),
        # However late it can be sent, it must be read.
        Kind.ORDER_RECALLED: Pace(
            patience=timedelta(0), gap=timedelta(0), good_for=timedelta(days=30)
        ),
    }
)
