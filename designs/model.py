"""Designs, revisions, parts, and how copies lie on a plate. Lengths in mm, origin front left."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One printable body of a design."""

    id: str  # unique within its revision: "frame"
    title: str
    per_kit: int  # copies in one kit, >= 1
    materials: tuple[str, ...]  # allowed codes, best first
    facts: PartFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An immutable state of a design; its id is the SHA-256 over its manifest and meshes."""

    id: str
    design: str  # slug: "visor-frame"
    title: str
    version: str
    licence: str  # SPDX
    review: ReviewState
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One copy on a bed: turn about the mesh's own origin, then move."""

    angle_deg: float
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """A rectangular bed, inside whose margin everything must lie."""

    x_mm: float
    y_mm: float
    margin_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Copies of one part on one bed."""

    bed: Bed
    placements: tuple[Placement, ...]
