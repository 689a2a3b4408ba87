"""How long what is known of people is kept, kind by kind. Pure; docs/personal-data.md says the same in words.

Leaves forgetting to `jobs.coordinator.retention`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType


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
