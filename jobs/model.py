"""Orders, jobs, attempts, lots, batches, deliveries: the values that everybody passes around.

Leaves what may happen to an attempt to `jobs.lifecycle`, and where the values are kept to
`jobs.ledger`. Times are aware UTC; pieces are whole.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final


class Role(enum.StrEnum):
    """What a signed-in person may do; a requester has no account but a secret link."""

    MAKER = "maker"
    INSPECTOR = "inspector"
    STEWARD = "steward"
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read: who has it may do nothing


#: The most that one order may ask for.
MOST_KITS: Final = 100_000


class OrderState(enum.StrEnum):
    """Where an order stands. Accepted (asked) orders are never deleted."""

    ASKED = "asked"  # waits for a steward to verify the requester
    CONFIRMED = "confirmed"  # being made
    REFUSED = "refused"  # not verified, with a reason
    DELIVERED = "delivered"  # everything ordered was received
    CANCELLED = "cancelled"  # its requester needs nothing of it any more, and nothing had left
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read


class Priority(enum.StrEnum):
    """What a steward says of an order among others; a requester neither says nor reads it."""

    CAN_WAIT = "can-wait"
    NORMAL = "normal"
    URGENT = "urgent"
    VITAL = "vital"  # somebody's life depends on it

    @property
    def weight(self) -> float:
        """What a kit of it in time is worth, where not all can be."""
        return _WEIGHTS[self]


_WEIGHTS: Final = {
    Priority.CAN_WAIT: 0.5,
    Priority.NORMAL: 1.0,
    Priority.URGENT: 2.0,
    Priority.VITAL: 4.0,
}


class JobState(enum.StrEnum):
    """A plate still needed, or why it is not any more."""

    OPEN = "open"
    DONE = "done"  # an attempt of it was harvested or written off
    DISSOLVED = "dissolved"  # taken back by a re-split before anything was granted


class LotState(enum.StrEnum):
    """What is known of the quality of a lot."""

    WAITING = "waiting"  # counted by the maker, not inspected
    INSPECTED = "inspected"
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read


class BatchState(enum.StrEnum):
    """Where a batch is."""

    PACKED = "packed"
    DISPATCHED = "dispatched"
    RECEIVED = "received"
    LOST = "lost"  # nothing of it has come, as its courier or the hospital says; it may turn up
    UNKNOWN = "unknown"  # a word of the ledger that cannot be read


class CourierKind(enum.StrEnum):
    """How a batch leaves the hub."""

    HAND = "hand"  # somebody fetches it
    DRIVER = "driver"  # a volunteer brings it on a run
    CARRIER = "carrier"  # a company, with a number to follow it


class StopOutcome(enum.StrEnum):
    """What a driver says of one stop."""

    DELIVERED = "delivered"  # the courier's word; received is the hospital's
    NOBODY = "nobody-there"
    REFUSED = "refused-at-the-door"


class ReasonCode(enum.StrEnum):
    """Why a node gets nothing, or why pieces of an order are not planned."""

    NOT_CONFIRMED = "not-confirmed"
    NOT_PLANNED = "not-planned"
    NO_NODE = "no-node"
    OFFLINE = "offline"
    PAUSED = "paused"
    NO_SPOOL = "no-spool"
    MATERIAL = "material"
    PROCESS = "process"
    BED = "bed"
    STOCK = "stock"
    HOURS = "hours"
    CEILING = "ceiling"
    FULL = "full"  # has work for a year
    FAULT = "fault"
    SERVICE = "service"
    LATER = "later"
    RELEASE = "release"  # its order is not to be made before a day
    KIT = "kit"
    ODD = "odd"  # what the ledger has of a printer cannot be: no plan can reckon with it
    UNSOUND = "unsound"  # every plan of it broke a rule of fabnet's own, or could not be finished
    DECLINED = "declined"
    SCRAP = "scrap"
    REJECTED = "rejected"
    REFUSED = "refused"
    LOST = "lost"
    WRITTEN_OFF = "written-off"
    REVOKED = "revoked"
    RECALLED = "recalled"
    CLAIMED = "claimed"
    RESPLIT = "resplit"  # given out anew: some would have come late, or another order is worth more
    WITHDRAWN = "withdrawn"


#: What stands for the broken rule where planning an order met what it could not reckon with.
UNFINISHED = "unfinished"
#: And where the ledger's or the library's own words on it are lost, or cannot be read.
UNREAD = "unreadable"
#: In place of a time that was written down and cannot be read; pages say "unknown". All that may end has
#: ended by then, and nothing that is reckoned from it leaves the calendar.
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason with its figures, so that a page can say it in the reader's language."""

    code: ReasonCode
    node: str = ""
    printer: str = ""
    #: Unit by code: mm for BED, g for STOCK, h for HOURS, LATER and CEILING.
    needed: float | None = None
    available: float | None = None
    #: Words of a person or a node, shown as they are; SERVICE: the day it ends; STOCK: the material;
    #: RELEASE: the day; UNSOUND: the rule, as of `jobs.plan_audit.Finding`, or `UNFINISHED`.
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a requester asks for; `request_key` makes sending the form twice harmless."""

    request_key: str  # 16 to 64 characters, made with the form
    revision_id: str
    kits: int  # 1..100,000
    due: date
    requester: str
    place: str  # hospital and ward
    contact: str  # telephone or e-mail
    note: str = ""
    language: str = "fr"
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """n kits by a date for a recipient."""

    id: str
    state: OrderState
    created_at: datetime
    request: Request
    closed_reason: str = ""
    priority: Priority = Priority.NORMAL
    release: date | None = None  # nothing of it is started before this day; None: at once


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRef:
    """Names one attempt: numbers grow by one per job and are the fencing token."""

    job: str
    number: int

    @property
    def name(self) -> str:
        """What the printer is told: `fabnet-<job>-a<number>`."""
        return f"fabnet-{self.job}-a{self.number}"

    def __str__(self) -> str:
        return f"{self.job}-a{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A plate still needed, with the printer that the plan chose for it."""

    id: str
    order_id: str
    part_id: str
    pieces: int
    material: str
    mesh_sha256: str
    plate_sha256: str
    node: str
    printer: str
    seconds: float  # estimate until a node has sliced it
    grams: float
    state: JobState
    created_at: datetime
