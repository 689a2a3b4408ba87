"""Frozen facts on a firmware's dialect and on a make and model of machine.

Leaves reading of TOML to `firmware_profiles.loader` and matching of M115 answers to
`firmware_profiles.detect`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Values of `MachinePreset.bed` and `MachinePreset.origin`.
RECTANGULAR, ROUND = "rectangular", "round"
CORNER, CENTRE = "corner", "centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareProfile:
    """How one family of firmware talks on its serial line."""

    name: str  # file stem: "marlin", "prusa-mk3"
    title: str  # for people: "Marlin 2.x"
    source: str  # where the facts come from
    match: tuple[str, ...]  # regular expressions on the M115 FIRMWARE_NAME value
    window_bytes: int  # unacknowledged bytes that the receive buffer surely holds
    window_lines: int  # unacknowledged lines
    max_line_bytes: int  # longest line with number and checksum that the firmware reads whole
    ok_timeout_s: float  # silence after which an ok is taken for lost
    drain_s: float  # silence that ends the answers to a Resend
    fatal: tuple[str, ...]  # beginnings or parts of lines after which nothing may be sent
    baudrates: tuple[int, ...]  # in the order to try
    #: So many of the oldest lines in flight are surely out of the receive buffer: they are being done,
    #: or wait in the queue that the main loop fills.
    reads_ahead: int = 0
    #: It compares line numbers and asks for a line that it did not get. Where it does not, a lost
    #: line cannot be told from a lost ok.
    asks_again: bool = True
    #: When it asks for a line it writes that first, and then throws away what has come meanwhile: with many
    #: lines in flight one of them is cut. Two are then the most, until many were not lost.
    flushes_late: bool = False
    #: M108 ends its waiting for heat as soon as the line is read, also without an emergency parser.
    breaks_heating: bool = False
    #: It knows M118, which says words back; where it does not, M114 proves the end of a print.
    echoes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorProfiles:
    """Names in a bundle of profiles that PrusaSlicer installs, as its own menus show them."""

    bundle: str  # file stem: "PrusaResearch"
    printer: str
    print: str
    filaments: Mapping[str, str]  # by material code


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePreset:
    """What one make and model of printer can do.

    Origin is the front left corner of the bed, of a round one that of the square around it.
    """

    name: str  # file stem: "generic-250x210"
    title: str
    source: str
    bed_x_mm: float
    bed_y_mm: float
    height_mm: float
    margin_mm: float  # kept free at each edge of the bed
    nozzle_mm: float
    nozzle_max_c: float  # the hardware's limit; G-code that asks for more is refused
    bed_max_c: float
    firmware: str  # name of a FirmwareProfile
    slicer_profile: str  # name of an ini in firmware_profiles/slicer
    materials: tuple[str, ...]  # codes that the machine can print as sold
    ships_without_protection: bool  # sold with thermal protection off in some versions
    vendor: VendorProfiles | None = None  # goes before slicer_profile where it is installed
    prime_front_mm: float = 0.0  # the nozzle may prime so far in front of the bed, and only prime
    match: tuple[str, ...] = ()  # regular expressions on the whole M115 MACHINE_TYPE value
    usb: tuple[str, ...] = ()  # ids "vendor:product" of boards that only this machine has
    bed: str = RECTANGULAR  # or ROUND: the largest circle in `bed_x_mm` x `bed_y_mm`
    origin: str = CORNER  # where X0 Y0 is; no other is known
    #: x0, y0, x1, y1 of rectangles on the bed, where nothing is ever printed: a clip, a sensor.
    keep_out_mm: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether its bed is a rectangle with nothing on it."""
        return self.bed == RECTANGULAR and not self.keep_out_mm
