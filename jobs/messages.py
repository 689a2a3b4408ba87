"""What coordinator and nodes say to each other: frozen, told apart by their type word.

`fabnet.wire` puts them into envelopes and topics; msgspec encodes and validates them. A field
that is added needs a default, so that older bytes can still be read.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import msgspec

from jobs.errors import JobError
from jobs.lifecycle import AttemptState
from jobs.model import AttemptRef
from printers.model import PartRate, PrinterFacts, PrinterState


class MessageError(JobError):
    """Bytes that are no message of a known type; they are kept as a dead letter."""


class ReportState(enum.StrEnum):
    """What a node may say of an attempt after its answer."""

    PREPARING = "preparing"
    DECLINED = "declined"  # taken first, then found impossible here
    PRINTING = "printing"
    PRINTED = "printed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAttempt:
    """One attempt proposed to a node, with all it needs to decide and to fetch the plate."""

    attempt: AttemptRef
    printer: str
    part: str
    pieces: int
    material: str
    mesh_sha256: str
    plate_sha256: str
    seconds: float
    grams: float
    order: str = ""
    #: The day its pieces are to be there, "2026-12-09"; "" of a coordinator that does not say it.
    due: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Attempts proposed to a node; it answers each for itself."""

    attempts: tuple[OfferedAttempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The permission to start, good for `ttl_s` from when the node sent the ready of this nonce."""

    attempt: AttemptRef
    nonce: str
    ttl_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """The attempt is taken back. A node that has not started it answers `returned` if granted."""

    attempt: AttemptRef
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Stop the print; what lies on the bed will be counted by a person."""

    attempt: AttemptRef
    reason: str = ""
    at_once: bool = False  # motors and heaters off, by an emergency stop; older nodes cancel


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvested:
    """A person has counted the parts: the attempt is over on the node too, which keeps the count."""

    attempt: AttemptRef
    good: int = 0
    scrap: int = 0
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterReady:
    """A person says that this printer's bed is clear and may heat and move."""

    printer: str
    used: str | None = None  # of that name its last use was when she said so; None: whatever it was


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """A person's answer to an offer that the node keeps for her."""

    attempt: AttemptRef
    taken: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The spool that is in a printer now, as a person has weighed it; no material: none is."""

    printer: str
    spool: str = ""
    material: str = ""
    grams: float = 0.0
    maker_lot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """Whether a printer may print while nobody is there; yes only with all three statements."""

    printer: str
    allowed: bool
    protection_tested: bool = False  # its thermal protection
    smoke_alarm: bool = False
    surroundings_clear: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is allowed, and said to be safe."""
        said = self.protection_tested and self.smoke_alarm and self.surroundings_clear
        return self.allowed and said


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfService:
    """Whether a printer is out of service; what is printing on it goes on."""

    printer: str
    out: bool
    until: str = ""  # the day on which that ends by itself, "" for without an end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How fast a person is at a machine that does not print; replaces what she said of it before."""

    printer: str
    rate_per_h: float  # pieces an hour of all that is not in `parts`
    parts: tuple[PartRate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the owner has entered on a page; None leaves as it is. Answered by `Capabilities`."""

    paused: bool | None = None
    attended: str | None = None
    asks: bool | None = None
    loaded: tuple[Loaded, ...] = ()
    paused_until: str | None = None  # the day on which it takes work again, "" for without an end
    weekly_h: float | None = None  # of printing in a calendar week, at most; 0 for no ceiling
    alone: tuple[Alone, ...] = ()
    out_of_service: tuple[OutOfService, ...] = ()
    rates: tuple[Rates, ...] = ()
    #: `Capabilities.pause_word` as it was known where an end of a pause was said: it ends no pause that was
    #: said at the node since. None of a coordinator that knows no such names.
    pause_word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The coordinator's answer to `Sync`: the link carries both ways.

    `unknown` are live attempts of the node that this ledger has never heard of or has closed.
    """

    unknown: tuple[AttemptRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restate:
    """The ledger was put back from a copy: begin a new stream, and say all that the journal holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The printers of a node and what is loaded in them; replaces what was said before."""

    lab: str
    printers: tuple[PrinterFacts, ...]
    paused: bool = False
    place: tuple[float, float] | None = None  # latitude, longitude, rounded by the node; degrees
    attended: str = "00:00-24:00"  # hours of the week, see jobs.hours
    utc_offset_min: int = 0  # of the lab's clock
    asks: bool = False  # a person answers each offer
    paused_until: str = ""  # the day, by the lab's clock, on which a pause ends by itself
    weekly_h: float = 0.0  # of printing in a calendar week, at most; 0 for no ceiling
    pause_word: str = ""  # names the last word on a pause that was said at the node itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateLogin:
    """Make a new password and tell the coordinator what the broker is to keep of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterChange:
    """A printer changed its state, or a person cleared its bed."""

    printer: str
    state: PrinterState
    clear: bool
    fault: str = ""
    used: str = ""  # names the last beginning or end of a print on its bed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Taken, or declined with a reason."""

    attempt: AttemptRef
    taken: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Plate fetched, sliced and checked, printer reserved: asks for a grant."""

    attempt: AttemptRef
    nonce: str
    gcode_key: str  # of the slice; of one that its maker brought, the SHA-256 of the G-code
    seconds: float
    grams: float
    slicer: str  # name, version and profile; begins with `OWN_SLICE` where its maker brought it


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of an attempt."""

    attempt: AttemptRef
    state: ReportState
    reason: str = ""
    spool: str = ""
    took_s: float | None = None  # of what was printed without a pause, by one clock of the node


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a person has counted at the node: booked as if she had counted on the network's page."""

    attempt: AttemptRef
    good: int
    scrap: int
    reason: str = ""
    by: str = ""  # who counted, in the node's words
    at: str = ""  # when, by the node's clock: for people only


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAttempt:
    """An attempt that a node's journal holds as live."""

    attempt: AttemptRef
    state: AttemptState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Sent after every connect: what the node's journal holds, and how far it has read."""

    attempts: tuple[HeldAttempt, ...]
    in_stream: str
    in_cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAttempt:
    """All that a journal holds of one attempt, so that a ledger that forgot it can book it."""

    offered: OfferedAttempt
    state: AttemptState
    begun: bool  # a printer was or may have been told to start
    reason: str = ""
    spool: str = ""
    good: int | None = None  # what a person counted; None where nobody has
    scrap: int | None = None
    counted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """Attempts of the journal, for `Restate`; `last` with the last of them."""

    attempts: tuple[KeptAttempt, ...]
    last: bool
    asked: str = ""  # the stream in which that `Restate` came


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterTele:
    """One printer in a telemetry message."""

    printer: str
    state: PrinterState
    attempt: str = ""
    fraction_done: float | None = None
    nozzle_c: float | None = None
    bed_c: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Progress and temperatures of all printers; lossy, never kept in the ledger."""

    printers: tuple[PrinterTele, ...]


Down = (
    Offer
    | Grant
    | Withdraw
    | Cancel
    | Harvested
    | PrinterReady
    | Decide
    | Config
    | Synced
    | Restate
    | RotateLogin
)
Up = Capabilities | PrinterChange | Answer | Ready | Report | Counted | Sync | Restated

DOWN_TYPES: MappingProxyType[str, type[Down]] = MappingProxyType(
    {
        "offer": Offer, "grant": Grant, "withdraw": Withdraw, "cancel": Cancel,
        "harvested": Harvested, "printer_ready": PrinterReady, "decide": Decide, "config": Config,
        "sync": Synced, "restate": Restate, "rotate": RotateLogin,
    }
)  # fmt: skip
UP_TYPES: MappingProxyType[str, type[Up]] = MappingProxyType(
    {
        "capabilities": Capabilities, "printer": PrinterChange, "answer": Answer, "ready": Ready,
        "report": Report, "counted": Counted, "sync": Sync, "restated": Restated,
    }
)  # fmt: skip
_WORDS: dict[type, str] = {kind: word for word, kind in (*DOWN_TYPES.items(), *UP_TYPES.items())}
_DOWN = {word: msgspec.json.Decoder(kind) for word, kind in DOWN_TYPES.items()}
_UP = {word: msgspec.json.Decoder(kind) for word, kind in UP_TYPES.items()}

_Read = TypeVar("_Read", Down, Up)


def encode(message: Down | Up) -> tuple[str, bytes]:
    """Return the message's type word and its JSON body."""
    return _WORDS[type(message)], msgspec.json.encode(message)


def decode_down(word: str, body: bytes) -> Down:
    """Read a message for a node.

    Raises:
        MessageError: unknown type word, or a body that does not fit it.
    """
    return _decode(_DOWN, word, body)


def decode_up(word: str, body: bytes) -> Up:
    """Read a message from a node.

    Raises:
        MessageError: unknown type word, or a body that does not fit it.
    """
    return _decode(_UP, word, body)


def _decode(known: Mapping[str, msgspec.json.Decoder[_Read]], word: str, body: bytes) -> _Read:
    if word not in known:
        raise MessageError(f"unknown message type {word!r}")
    try:
        return known[word].decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MessageError(f"{word}: {error}") from error
