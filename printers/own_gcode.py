"""G-code that a maker brings for a plate: she slices it where and with what she likes.

It is checked like any other, weighed, and held against the plate: the height of its parts, how much
filament they take, and how many they are. Leaves the rules to `printers.gcode` and what slicers write to
`printers.gcode_figures`. Runs on a node, so no geometry library is imported here.
"""

from __future__ import annotations

import itertools
import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from designs.materials import material
from firmware_profiles.profile import MachinePreset
from printers.errors import (
    DoubtfulGcodeError,
    DoubtfulPiecesError,
    GcodeRefusedError,
    OwnGcodeError,
)
from printers.gcode import GcodeFacts
from printers.gcode_figures import GcodeFigures, figures_of
from printers.gcode_pieces import count, named
from printers.model import OWN_SLICE
from printers.slices import WORK_PREFIX, Figures, Slice, keep, kept, named_for, sha256_of
from printers.slices import figures_of as figures_of_slice
from printers.slicing import check_slice
from printers.thumbnails import without_pictures

#: The largest file that is taken; a visor is 1 MB.
MOST_BYTES = 512 << 20
#: Slicers write their figures at the head (behind pictures) or the end of a file, which may be large.
_HEAD_LINES = 500
_TAIL_BYTES = 100_000
#: A layer more or less; another part, a raft or another scale is further off.
_HEIGHT_MM = 0.5
#: What a plate takes, in parts of the estimate, before somebody is asked whether it is all of it. The
#: estimate is within a tenth of our profile's figures, and an owner's own infill may be another.
_GRAMS = (0.7, 1.4)
#: Filament of nearly all printers; only where a slicer does not say what its parts weigh.
_FILAMENT_MM = 1.75
#: What a slicer may say that a file weighs, in parts of that: filament of 2.85 mm is 2.7 times as heavy.
_SLICERS_GRAMS = (0.3, 4.0)
_LONGEST_S = 30 * 86400.0
_MOST_NAME = 80
#: Of so many plates a file remembers that it was checked for them.
_MOST_PLATES = 100

_NOT_TEXT = {
    b"GCDE": "it is binary G-code: switch that off in the slicer's printer settings",
    b"PK\x03\x04": "it is an archive: export the plate as plain G-code",
    b"\x1f\x8b": "it is packed (gzip): unpack it first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPlate:
    """What brought G-code has to make, and on what."""

    sha256: str  # of its 3MF
    pieces: int
    height_mm: float  # of its parts
    material: str  # code
    grams: float  # estimated, of all pieces
    seconds: float  # estimated; stands where the slicer does not say a time
    preset: MachinePreset


def take(gcode: Path, plate: OwnPlate, folder: Path, *, sure: bool) -> Slice:
    """Check G-code for a plate and keep a copy of it under its own SHA-256, with what it was checked for.

    Args:
        gcode: of any slicer, as text.
        plate: what it has to make, and on what.
        folder: of slices that were brought; made where it is missing.
        sure: its maker says that it is the whole plate, whatever it weighs.

    Raises:
        GcodeRefusedError: it must not run there, or makes something else; names the line and the reason.
        DoubtfulGcodeError, DoubtfulPiecesError: it may be something else; `sure` lets it pass.
        OwnGcodeError: it cannot be read, or not be kept.
    """
    try:
        _refuse_other_kinds(gcode)
        key = sha256_of(gcode)
        facts = check_slice(gcode, plate.preset, plate.material)
        told = figures_in(gcode)
        grams, seconds = _figures(facts, told, plate)
        _compare(facts, grams, plate, sure=sure)
        if not sure:
            _count(gcode, plate)
        named = f"{OWN_SLICE}, {told.slicer}"[:_MOST_NAME] if told.slicer else OWN_SLICE
        figures = Figures(
            sha256=key, seconds=seconds, grams=grams, layers=0, slicer=named,
            checked_for=_checked_for(folder, key, plate),
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=folder) as work:
            copy = Path(work) / "plate.gcode"
            shutil.copyfile(gcode, copy)
            return keep(folder, key, copy, figures)
    except OSError as error:
        raise OwnGcodeError(f"the G-code cannot be read or kept: {error.strerror}") from error


def _checked_for(folder: Path, key: str, plate: OwnPlate) -> tuple[str, ...]:
    """Return what this G-code was checked for, with this plate; the newest last."""
    name = named_for(plate.sha256, plate.preset, plate.material)
    before = () if kept(folder, key) is None else figures_of_slice(folder, key).checked_for
    return (*(each for each in before if each != name), name)[-_MOST_PLATES:]


def figures_in(gcode: Path) -> GcodeFigures:
    """Return what a slicer wrote into a file of any size.

    Raises:
        OSError: it cannot be read.
    """
    return figures_of(_ends(gcode))


def _ends(gcode: Path) -> Iterator[str]:
    with gcode.open(encoding="utf-8", errors="replace") as lines:
        yield from itertools.islice(without_pictures(lines), _HEAD_LINES)
    with gcode.open("rb") as raw:
        raw.seek(max(0, gcode.stat().st_size - _TAIL_BYTES))
        yield from raw.read().decode("utf-8", "replace").splitlines()


def _refuse_other_kinds(gcode: Path) -> None:
    if gcode.stat().st_size > MOST_BYTES:
        raise GcodeRefusedError(0, f"it is larger than {MOST_BYTES >> 20} MiB")
    with gcode.open("rb") as raw:
        begins = raw.read(4)
    for magic, why in _NOT_TEXT.items():
        if begins.startswith(magic):
            raise GcodeRefusedError(0, why)


def _figures(facts: GcodeFacts, told: GcodeFigures, plate: OwnPlate) -> tuple[float, float]:
    """Return grams and seconds: the slicer's where they can be, else of the moves and the estimate.

    A slicer knows its filament's width and density; the moves show whether it speaks of this file.
    """
    volume_mm3 = max(0.0, facts.extruded_mm) * math.pi * _FILAMENT_MM**2 / 4
    grams = volume_mm3 / 1000 * material(plate.material).density_g_cm3
    least, most = (grams * each for each in _SLICERS_GRAMS)
    if told.grams is not None and least <= told.grams <= most:
        grams = told.grams
    seconds = told.seconds if told.seconds is not None else plate.seconds
    return grams, max(seconds if seconds <= _LONGEST_S else plate.seconds, facts.least_s)


def _compare(facts: GcodeFacts, grams: float, plate: OwnPlate, *, sure: bool) -> None:
    if abs(facts.z_max - plate.height_mm) > _HEIGHT_MM:
        raise GcodeRefusedError(
            0,
            f"it prints {facts.z_max:.1f} mm high, and the parts of this plate are"
            f" {plate.height_mm:.1f} mm high",
        )
    least, most = (plate.grams * each for each in _GRAMS)
    if not sure and plate.grams > 0 and not least <= grams <= most:
        raise DoubtfulGcodeError(grams=grams, estimated_g=plate.grams, pieces=plate.pieces)


def _count(gcode: Path, plate: OwnPlate) -> None:
    """Ask where neither the slicer's names nor what is printed on the bed are that many pieces.

    A piece in several bodies is as many patches; a plate that was joined into one model is one name.
    """
    if plate.pieces == 1:
        return  # Twice as many things would weigh twice as much.
    with gcode.open(encoding="utf-8", errors="replace") as lines:
        if named(lines) == plate.pieces:
            return
    with gcode.open(encoding="utf-8", errors="replace") as lines:
        found = count(lines, plate.preset, plate.height_mm)
    if found.patches % plate.pieces:
        raise DoubtfulPiecesError(found=found.patches, pieces=plate.pieces)
