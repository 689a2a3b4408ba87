"""What a slice is, and the folder in which slices are kept.

A slice is known by a key over everything that went in, never by its G-code: two runs of a slicer
on the same input differ. Leaves making slices to `printers.slicing` and `printers.ready_slices`.
Runs on a node, so no geometry library is imported here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from firmware_profiles.profile import MachinePreset
from printers.gcode_rules import EDITION

#: So much disk may the slices take that nobody is to print any more; a visor is 1 MB of G-code.
MOST_BYTES = 1 << 30
#: Names of folders in which a slice is being made.
WORK_PREFIX = "slicing-"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRequest:
    """A plate to be sliced for one kind of machine."""

    plate: Path  # 3MF, whatever its name
    plate_sha256: str
    mesh_sha256: str
    copies: int
    preset: MachinePreset
    material: str  # code


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """G-code and what the slicer says of it."""

    gcode: Path
    sha256: str  # of the G-code file
    key: str  # over everything that went in
    seconds: float
    grams: float
    layers: int
    slicer: str  # name, version and profile


class Slicer(Protocol):
    """Something that makes G-code from plates."""

    @property
    def name(self) -> str:
        """Name and version: "PrusaSlicer-2.5.0"."""

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """Slice into the folder `out`; a slice that is there already is used again.

        Raises:
            SlicingError: it cannot be sliced here.
            UnknownMaterialError: the material is not in the vocabulary.
            FirmwareProfileError: the preset's slicer profile is missing.
        """


class Figures(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The JSON file beside a slice; written last, so that it marks a complete one."""

    sha256: str
    seconds: float
    grams: float
    layers: int
    slicer: str
    checked_for: tuple[
        str, ...
    ] = ()  # of what a maker brought: plates and machines, as `named_for`


def kept(folder: Path, key: str) -> Slice | None:
    """Return a slice of this key that is whole, None when there is none."""
    gcode = folder / f"{key}.gcode"
    try:
        told = figures_of(folder, key)
        if sha256_of(gcode) != told.sha256:
            return None
        os.utime(gcode)  # `prune` takes those that were not asked for longest
    except (OSError, msgspec.DecodeError):
        return None
    return _slice(gcode, key, told)


def figures_of(folder: Path, key: str) -> Figures:
    """Return what is kept beside a slice.

    Raises:
        OSError, msgspec.DecodeError: there is none, or it cannot be read.
    """
    return msgspec.json.decode((folder / f"{key}.json").read_bytes(), type=Figures)


def named_for(plate_sha256: str, preset: MachinePreset, material: str) -> str:
    """Return what names a plate on a machine in a material, by the rules of this release."""
    facts = msgspec.json.encode((EDITION, plate_sha256, preset, material))
    return hashlib.sha256(facts).hexdigest()


def was_checked_for(folder: Path, key: str, name: str) -> bool:
    """Whether a maker's G-code was checked for this, as `named_for`."""
    try:
        return name in figures_of(folder, key).checked_for
    except (OSError, msgspec.DecodeError):
        return False


def keep(folder: Path, key: str, gcode: Path, figures: Figures) -> Slice:
    """Move G-code (in a folder on the same disk) to its place, with its figures."""
    target = folder / f"{key}.gcode"
    told = gcode.with_suffix(".json")
    told.write_bytes(msgspec.json.encode(figures))
    for path in (gcode, told):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    gcode.replace(target)
    told.replace(folder / f"{key}.json")
    return _slice(target, key, figures)


def discard(made: Slice) -> None:
    """Delete a slice that must not be used."""
    made.gcode.with_suffix(".json").unlink(missing_ok=True)
    made.gcode.unlink(missing_ok=True)


def prune(folder: Path, needed: Collection[str], most_bytes: int = MOST_BYTES) -> None:
    """Delete the slices that were not used for longest until the others take `most_bytes`.

    What a slicer left behind that was killed at work goes too.

    Args:
        folder: nothing may be written to it meanwhile.
        needed: keys of slices that are still to be printed: never deleted, and not counted.
        most_bytes: what the other slices may take together.
    """
    for left in folder.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    ages = []
    for gcode in folder.glob("*.gcode"):
        if gcode.stem not in needed:
            facts = gcode.stat()
            ages.append((facts.st_mtime_ns, facts.st_size, gcode))
    over = sum(size for _, size, _ in ages) - most_bytes
    for _, size, gcode in sorted(ages):
        if over <= 0:
            return
        # The figures first: G-code without them is no slice.
        gcode.with_suffix(".json").unlink(missing_ok=True)
        gcode.unlink(missing_ok=True)
        over -= size


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _slice(gcode: Path, key: str, figures: Figures) -> Slice:
    return Slice(
        gcode=gcode, sha256=figures.sha256, key=key, seconds=figures.seconds, grams=figures.grams,
        layers=figures.layers, slicer=figures.slicer,
    )  # fmt: skip
