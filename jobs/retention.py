"""How long what is known of people is kept, kind by kind. Pure; docs/personal-data.md says the same in words.

What is erased never comes back, and a clock may be years ahead: a small computer begins with any date.
So the moment that ages are counted from follows the clock, but no faster than a week a day.

Leaves forgetting to `jobs.coordinator.retention`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec


class Kept(enum.StrEnum):
    """A kind of what is known of people."""

    CONTACT = "contact"  # a requester's name, telephone, e-mail, and what she wrote with her order
    THANKS = "thanks"  # a requester's word to those who made a delivery
    LETTER = "letter"  # letters that were sent, with their address
    INVITE = "invite"  # invitations that nobody used
    COMPLAINT = (
        "complaint"  # a requester's words and photos of what was wrong, why pieces were refused
    )
    DRIVER = "driver"  # names of drivers and of who fetched a parcel, and their words at a stop
    PHOTO = "photo"  # photos of a lot's pieces, by its maker or the hub
    SPOT = "spot"  # where bags wait for a driver; she deletes it when she has them


#: Days, where the configuration says nothing else.
DAYS: Mapping[Kept, int] = MappingProxyType(
    {
        Kept.CONTACT: 90,
        Kept.THANKS: 365,
        Kept.LETTER: 30,
        Kept.INVITE: 30,
        Kept.COMPLAINT: 365,
        Kept.DRIVER: 30,
        Kept.PHOTO: 365,
        Kept.SPOT: 30,
    }
)


#: So many times as fast as time passes the moment of a `Reached` follows the clock.
_CATCH_UP = 7.0


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """The moment that ages are counted from, and when that was found."""

    at: datetime  # aware
    at_s: float  # of a clock that only grows, in the run of the machine named `boot`
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Before when each kind is forgotten."""

    contact: datetime  # the order's last delivery, or its end
    thanks: datetime  # when the delivery was received
    letter: datetime  # when it was written
    invite: datetime  # when it ran out
    complaint: datetime  # when it was written, or the delivery received
    driver: datetime  # the end of the run, or of the pick-up; when it should have been, where it has none
    photo: datetime  # when it was taken
    spot: datetime  # when the bags were ready


def limits(now: datetime, contact_days: int = DAYS[Kept.CONTACT]) -> Limits:
    """Return before when each kind is forgotten now."""
    days = {**DAYS, Kept.CONTACT: contact_days}
    return Limits(**{str(kind): now - timedelta(days=days[kind]) for kind in Kept})


def begun(
    last: datetime | None, built: datetime, now: datetime, now_s: float, boot: str
) -> Reached:
    """Return from which moment a ledger begins to count, of which nobody has counted before.

    Args:
        last: the last thing in its history, not later than now; None where there is none.
        built: when the program was put here.
        now: what the clock shows.
        now_s: seconds of a clock that only grows; see `Reached`.
        boot: names the run of the machine.
    """
    return Reached(at=max(built, now if last is None else last), at_s=now_s, boot=boot)


def reached(before: Reached, now: datetime, now_s: float, boot: str) -> Reached:
    """Return the next moment that ages are counted from: what the clock shows, or as far as it may go.

    Of the time that the machine was off nothing counts but what has passed since it began.
    """
    passed_s = max(0.0, now_s - before.at_s if boot == before.boot else now_s)
    most = timedelta(seconds=_CATCH_UP * passed_s)
    step = max(-most, min(now - before.at, most))
    return Reached(at=before.at + step, at_s=now_s, boot=boot)
