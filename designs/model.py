"""Designs, revisions, parts, and how copies lie on a plate. Lengths in mm, origin front left."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

import msgspec


class ReviewState(enum.StrEnum):
    """How far a revision has been looked at."""

    DRAFT = "draft"
    TRIED = "tried"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFacts:
    """What the mesh gate measured on one part, after it moved the part to z = 0."""

    mesh_sha256: str  # of the canonical binary STL
    extents_mm: tuple[float, float, float]
    volume_mm3: float
    side_mm2: float  # sum of A * sqrt(1 - nz^2)
    up_mm2: float  # sum of A * |nz| over faces that look up
    down_mm2: float
    triangles: int
    warnings: tuple[str, ...] = ()


class Verdict(enum.StrEnum):
    """What the gate says of a model file."""

    PASSED = "passed"
    WARNED = "passed-with-warning"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """One distinct part that the gate found in a file."""

    name: str  # as the file calls it
    copies: int  # how many of it lie on the file's plate
    facts: PartFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSurface:
    """Where a surface that is not closed has its gaps."""

    mesh_sha256: str  # of the surface as a canonical STL, to be drawn and nothing else
    edges_mm: tuple[
        tuple[float, float, float, float, float, float], ...
    ]  # from, to; the first 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshReport:
    """All that the gate says of one model file; None is what could not be measured."""

    file: str
    verdict: Verdict
    reasons: tuple[str, ...]  # warnings, or why it was refused and what to do
    sha256: str = ""  # of the file; empty where it cannot be read
    triangles: int | None = None  # in the file, copies counted
    watertight: bool | None = None  # every edge is shared by exactly two triangles
    bodies: int | None = None  # solid and separate, copies counted
    volume_mm3: float | None = None  # copies counted
    extents_mm: tuple[float, float, float] | None = None  # of the largest part
    peak_mb: float | None = None  # memory of the child process that read it
    parts: tuple[CheckedPart, ...] = ()  # none when it was refused
    gaps: OpenSurface | None = None  # of a file that was refused for them


#: The process of parts that printers make.
PRINTED = "3DP"
#: Processes by which people make parts from a pattern, at a rate.
BY_PEOPLE = ("LAS", "SEW", "ASM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One printable body of a design."""

    id: str  # unique within its revision: "frame"
    title: str
    per_kit: int  # copies in one kit, >= 1
    materials: tuple[str, ...]  # allowed codes, best first
    facts: PartFacts

    @property
    def process(self) -> str:
        """How it is made."""
        return PRINTED

    @property
    def source_sha256(self) -> str:
        """What it is made from: its mesh."""
        return self.facts.mesh_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPart:
    """A part of a kit that no printer makes: bought, cut, sewn, put together.

    One with a pattern is ordered, planned and counted as printed parts are. Others are shown only.
    """

    id: str
    title: str
    per_kit: int
    process: str  # Open Know-How's tsdc code: BUY, LAS, SEW, ASM
    pattern_sha256: str = ""  # of the file that says how, "" where there is none
    pattern_kind: str = ""  # its ending: "svg", "dxf", "pdf", "png" or "txt"
    pattern_mm: tuple[float, float] | None = None  # width, height; None where it does not say
    also: tuple[tuple[str, str], ...] = ()  # the same in other formats, steps: ending, SHA-256
    made_of: tuple[str, ...] = ()  # what people take for it, in their words

    @property
    def materials(self) -> tuple[str, ...]:
        """What a machine must work in; its pattern says what it is made of."""
        return (self.process,)

    @property
    def source_sha256(self) -> str:
        """What it is made from: its pattern."""
        return self.pattern_sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An immutable state of a design; its id is the SHA-256 over its manifest and meshes."""

    id: str
    design: str  # slug: "visor-frame"
    title: str
    version: str
    licence: str  # SPDX
    review: ReviewState
    parts: tuple[Part, ...]  # printed
    others: tuple[OtherPart, ...] = ()
    breathing_path: bool = False  # a part of it lies where somebody breathes

    @property
    def made(self) -> tuple[Part | OtherPart, ...]:
        """All parts that the network makes: printed, or by people from a pattern."""
        return (*self.parts, *(part for part in self.others if part.pattern_sha256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One copy on a bed: turn about the mesh's own origin, then move."""

    angle_deg: float
    x_mm: float
    y_mm: float


#: x0, y0, x1, y1 of a rectangle on a bed.
Zone: TypeAlias = tuple[float, float, float, float]


class Bed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bed, inside whose margin everything must lie; a struct, for nests are kept under its JSON.

    What is as on most beds is left out there: a nest of a plain bed is found by its three numbers.
    """

    x_mm: float
    y_mm: float
    margin_mm: float
    #: The largest circle in a square of `x_mm` = `y_mm`, whose corner is the origin.
    round: bool = False
    keep_out: tuple[Zone, ...] = ()  # from which parts stay as far away as from the edge

    @property
    def is_plain(self) -> bool:
        """Whether it is a rectangle with nothing on it."""
        return not self.round and not self.keep_out


@dataclass(frozen=True, slots=True, kw_only=True)
class KitPlacement:
    """One copy of one part of a kit on a bed."""

    part: str
    placement: Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class KitLayout:
    """Whole kits on one bed."""

    bed: Bed
    kits: int
    placements: tuple[KitPlacement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Copies of one part on one bed."""

    bed: Bed
    placements: tuple[Placement, ...]
