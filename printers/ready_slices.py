"""Slices made beforehand that come with the catalogue, for a machine without a slicer."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tempfile
import tomllib
from pathlib import Path

import msgspec

import designs.catalogue
from printers.errors import NoRoomError, NoSlicerError, SlicingError
from printers.slices import WORK_PREFIX, Figures, Slice, SliceRequest, keep, kept, sha256_of
from printers.thumbnails import illustrate


class _Ready(msgspec.Struct, kw_only=True):
    """One entry of a catalogue design's `slices.toml`."""

    file: str
    mesh_sha256: str
    copies: int
    preset: str
    material: str
    sha256: str
    seconds: float
    grams: float
    layers: int
    slicer: str


class _ReadyFile(msgspec.Struct, kw_only=True):
    slice: tuple[_Ready, ...] = ()


class ReadySlices:
    """The slices that come with the catalogue.

    Args:
        catalogue: folder of designs; ours by default.
    """

    def __init__(self, catalogue: Path | None = None) -> None:
        self._catalogue = catalogue or Path(designs.catalogue.__path__[0])

    @property
    def name(self) -> str:
        """What stands for name and version."""
        return "ready-made slices"

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """See `Slicer.slice`.

        Raises:
            NoSlicerError: there is no such slice.
        """
        for index in sorted(self._catalogue.glob("*/slices.toml")):
            for entry in _read_index(index):
                if (entry.mesh_sha256, entry.copies, entry.preset, entry.material) == (
                    request.mesh_sha256,
                    request.copies,
                    request.preset.name,
                    request.material,
                ):
                    return _unpack(index.parent / entry.file, entry, request, out)
        raise NoSlicerError(
            f"and no ready-made slice of {request.copies} copies in {request.material}"
            f" for {request.preset.title}"
        )


def _read_index(index: Path) -> tuple[_Ready, ...]:
    try:
        data = tomllib.loads(index.read_text(encoding="utf-8"))
        return msgspec.convert(data, _ReadyFile).slice
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SlicingError(f"{index} cannot be read: {error}") from error


def _unpack(packed: Path, entry: _Ready, request: SliceRequest, out: Path) -> Slice:
    facts = {"ready": entry.sha256, "plate": request.plate_sha256}
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    there = kept(out, key)
    if there is not None:
        return there
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=out) as folder:
            gcode = Path(folder) / "plate.gcode"
            with lzma.open(packed) as source, gcode.open("wb") as target:
                shutil.copyfileobj(source, target)
            if sha256_of(gcode) != entry.sha256:
                raise SlicingError(f"{packed} is not what its index says; install fabnet again")
            illustrate(gcode, request.plate)
            figures = Figures(
                sha256=sha256_of(gcode), seconds=entry.seconds, grams=entry.grams,
                layers=entry.layers, slicer=entry.slicer,
            )  # fmt: skip
            return keep(out, key, gcode, figures)
    except OSError as error:
        raise NoRoomError(f"{packed} cannot be unpacked: {error}") from error
    except (lzma.LZMAError, EOFError) as error:
        raise SlicingError(f"{packed} cannot be unpacked: {error}") from error
