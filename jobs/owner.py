"""What a lab's owner asks of her node, and what it shows her: on its own page and on the command line.

Answered by the node from its journal, also while it is cut off from the network. Pure values; an
answer to any wish is the view after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from jobs.lifecycle import AttemptState
from jobs.model import AttemptRef
from printers.model import PartRate, PrinterState, PrintResult


class Look(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="look"):
    """Show how things stand."""


class Count(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="count"):
    """This is what came off the bed, and the bed is clear."""

    attempt: AttemptRef
    good: int
    scrap: int
    reason: str = ""
    by: str = ""


class Clear(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="clear"):
    """The bed is clear: this printer may heat and move."""

    printer: str


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="begin"):
    """Print what was granted before the node was started again."""

    attempt: AttemptRef


class GiveBack(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="give-back"):
    """Let others make what no printer here was told of."""

    attempt: AttemptRef
    reason: str = ""


class Bring(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="bring"):
    """Print a plate from G-code that its maker has sliced herself."""

    attempt: AttemptRef
    slice: str  # its key in the node's folder of slices that were brought


class Pause(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="pause"):
    """Take no new work, or take it again."""

    paused: bool


class Try(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="try"):
    """The bed is clear, it may heat, and somebody is beside it: print a test part, for nobody."""

    printer: str
    slice: str  # its key in the node's folder of test parts


class Halt(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="halt"):
    """Stop the test part that this printer prints."""

    printer: str


class StopPrint(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="stop"):
    """Stop what this printer prints, of the network's or a test part."""

    printer: str
    #: By an emergency stop (M112), whatever it does: motors and heaters off, till a person resets it.
    at_once: bool = False


class SayRates(msgspec.Struct, frozen=True, kw_only=True, tag_field="wish", tag="rates"):
    """So many pieces an hour a person makes on a machine that does not print."""

    printer: str
    rate_per_h: float  # of all that is not in `parts`
    parts: tuple[PartRate, ...] = ()


Wish = Look | Count | Clear | Begin | GiveBack | Bring | Pause | Try | Halt | StopPrint | SayRates


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateView:
    """An attempt that is not over, as the node's journal has it."""

    attempt: AttemptRef
    printer: str
    part: str
    pieces: int
    material: str
    seconds: float
    grams: float
    state: AttemptState
    reason: str
    begun: bool  # a printer was or may have been told of it
    countable: bool  # a person may say what came off the bed
    returnable: bool  # it may go back to the network
    plate_sha256: str = ""
    slicer: str = (
        ""  # name, version and profile; "" before it is sliced, and where a person makes it
    )
    sliceable: bool = False  # its maker may bring G-code of her own
    to_slice: bool = False  # nobody else slices it: it waits for that
    #: Granted till then: it starts by itself when its printer is free.
    starts_until: datetime | None = None
    #: Ready, and too long for the hours that are left: it waits until then.
    fits_from: datetime | None = None
    #: Granted till then, and the node was started again since: it starts by a person's word.
    opens_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BedView:
    """A printer and what lies on its bed."""

    printer: str
    title: str
    state: PrinterState
    fault: str
    clear: bool
    by_hand: bool  # a person feeds it
    attempt: AttemptRef | None  # on the bed, uncounted
    fraction_done: float | None
    nozzle_c: float | None
    bed_c: float | None
    material: str  # "" without a spool
    grams: float
    waits_to_heat: bool = False  # it could start now, and others heat up first
    spool_fault: str = ""  # why the spool is not as Spoolman has it
    rate_per_h: float = 0.0  # pieces an hour on a machine that a person works; 0: it prints
    #: Of such a machine: parts that it was offered or has a rate for, 0 where it has none of its own.
    rates: tuple[PartRate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """The last test part of a printer since the node was started; no order has anything of it."""

    printer: str
    name: str  # as the printer shows it
    seconds: float  # the slicer's figure
    grams: float
    result: PrintResult | None = None  # None while it prints
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node, its beds, and its plates in the order in which they were taken."""

    node: str
    lab: str
    at: datetime
    linked: bool  # the coordinator is within reach
    link_since: datetime  # since when it is, or is not; since the node's start at the earliest
    unsent: int  # messages that wait for the link
    paused: bool
    beds: tuple[BedView, ...]
    plates: tuple[PlateView, ...]
    trials: tuple[TrialView, ...] = ()
    #: Its clock shows less than it must be: what needs hours begins only by a person's word.
    clock_behind: bool = False
    #: "full" or "fails" where it cannot write: what prints goes on, and nothing else.
    disk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a node answers on its socket: a view, or one sentence why not."""

    view: NodeView | None = None
    refused: str = ""
