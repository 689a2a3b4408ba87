"""Facts on printers and spools, as everybody may know them.

The other folders see a printer only through these values, never through a driver.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from designs.model import PRINTED, Bed, Zone
from firmware_profiles.profile import ROUND, MachinePreset


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A physical reel on a node."""

    id: str
    material: str  # code from designs.materials: "PETG"
    grams: float  # left on the reel, >= 0
    maker_lot: str = ""  # the filament maker's lot number, "" where unknown


#: Pieces an hour that a person can state.
LEAST_RATE_PER_H, MOST_RATE_PER_H = 0.1, 1000.0
#: `PrinterFacts.link` of a printer that a person feeds by hand, from an SD card.
MANUAL = "manual"
#: How a slice's slicer begins where a maker brought the G-code; its key is then that file's SHA-256.
OWN_SLICE = "own slice"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRate:
    """How many of one part whoever works a machine makes in an hour."""

    part: str  # its id in its design: "mask"
    source_sha256: str  # of its pattern
    per_h: float  # pieces an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterFacts:
    """What a node says of one printer; nothing in it identifies a person."""

    id: str  # unique within its node: "mk3-left"
    title: str
    preset: str  # name of a machine preset; "" and no bed where a person works it at a rate
    bed_x_mm: float
    bed_y_mm: float
    height_mm: float
    margin_mm: float
    nozzle_mm: float
    spool: Spool | None  # what is loaded now
    link: str = "serial"  # how it is driven: "serial", "octoprint" or "manual"
    unattended: bool = False  # its owner lets it print while nobody is there
    out_of_service: bool = False  # its owner has taken it out: nothing new is printed on it
    out_until: str = ""  # the day on which that ends by itself, "" for without an end
    process: str = PRINTED  # how it makes things: "3DP", or one of `designs.model.BY_PEOPLE`
    rate_per_h: float = 0.0  # pieces an hour, as the person who works it says; 0: it prints
    rates: tuple[PartRate, ...] = ()  # of parts for which she says another one
    round_bed: bool = False  # the largest circle in its square bed
    keep_out_mm: tuple[Zone, ...] = ()  # rectangles on the bed that stay empty

    @property
    def bed(self) -> Bed:
        """Where parts may lie on it."""
        return Bed(
            x_mm=self.bed_x_mm, y_mm=self.bed_y_mm, margin_mm=self.margin_mm,
            round=self.round_bed, keep_out=tuple(sorted(self.keep_out_mm)),
        )  # fmt: skip

    @property
    def works_in(self) -> str | None:
        """What a plate for it must name as its material: the spool's, None without a spool.

        A machine that has no spool works in its process: "SEW".
        """
        if self.process != PRINTED:
            return self.process
        return None if self.spool is None else self.spool.material

    def rate_of(self, *sources: str) -> float:
        """Return the pieces an hour of a part: the rate of the first source that has one of its own.

        `sources` are SHA-256 of its pattern, and of what it was made from in older revisions.
        """
        own = {each.source_sha256: each.per_h for each in self.rates}
        return next((own[source] for source in sources if source in own), self.rate_per_h)


def bed_of_preset(preset: MachinePreset) -> Bed:
    """Return where parts may lie on one kind of machine."""
    return Bed(
        x_mm=preset.bed_x_mm, y_mm=preset.bed_y_mm, margin_mm=preset.margin_mm,
        round=preset.bed == ROUND, keep_out=tuple(sorted(preset.keep_out_mm)),
    )  # fmt: skip


class PrinterState(enum.StrEnum):
    """What a printer is doing, whatever it is connected through."""

    OFFLINE = "offline"
    IDLE = "idle"
    PRINTING = "printing"
    PAUSED = "paused"
    FAULT = "fault"


class PrintResult(enum.StrEnum):
    """How a print ended, as the driver saw it."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"  # the printer said so: halted, thermal fault, resend for ever
    INTERRUPTED = "interrupted"  # the line was lost or the printer was reset: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintOutcome:
    """The end of one print."""

    name: str  # the attempt's name that was given to `Driver.start`
    result: PrintResult
    reason: str  # "" when done; else a sentence for the maker


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterStatus:
    """One reading of a printer."""

    state: PrinterState
    name: str | None = None  # the attempt being printed
    fraction_done: float | None = None  # 0..1
    nozzle_c: float | None = None
    nozzle_target_c: float | None = None
    bed_c: float | None = None
    bed_target_c: float | None = None
    fault: str | None = None  # a sentence for the maker while FAULT or OFFLINE
    last: PrintOutcome | None = None  # how the print before ended; stays until the next start
    #: Names what was last printed there, ours or not; "" where the link does not tell, or something is printed.
    printed: str = ""
