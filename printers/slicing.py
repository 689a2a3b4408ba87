"""Turns plates into G-code: PrusaSlicer as a child process with limits, or slices made beforehand.

A slice is known by a key over everything that went in, never by its G-code: two runs of a slicer
on the same input differ. Leaves the check of the G-code to `printers.gcode`, and finding the plate
to the node. Runs on a node, so no geometry library is imported here.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

import designs.catalogue
from designs.materials import Material, material
from firmware_profiles.loader import slicer_profile_path
from firmware_profiles.profile import MachinePreset
from printers.errors import SlicingError

_MEMORY_BYTES = 2 << 30
_CPU_S = 300
_WALL_S = 900
_GCODE_BYTES = 512 << 20
_FORMAT = 1  # of the key; grows when what a plate file means changes
_TAIL_BYTES = 100_000
_INSTALL = "install it with: sudo apt-get install prusa-slicer"

_SECONDS = re.compile(r"^; estimated printing time \(normal mode\) = (.+)$", re.MULTILINE)
_GRAMS = re.compile(r"^; total filament used \[g\] = ([\d.]+)", re.MULTILINE)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}

#: Sets the limits and becomes the slicer: no code of ours runs between fork and exec.
_LIMITED = (
    "import os, resource, sys\n"
    "for name, value in (pair.split('=') for pair in sys.argv[1].split(',')):\n"
    "    resource.setrlimit(int(name), (int(value), int(value)))\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


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
    slicer: str  # name and version


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


class _Figures(msgspec.Struct, kw_only=True):
    """The JSON file beside a slice; written last, so that it marks a complete one."""

    sha256: str
    seconds: float
    grams: float
    layers: int
    slicer: str


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


def find_slicer() -> Slicer:
    """Return PrusaSlicer if this machine has it, else the slices that come with the catalogue."""
    found = shutil.which("prusa-slicer") or shutil.which("prusa-slicer", path="/usr/bin")
    return ReadySlices() if found is None else PrusaSlicer(Path(found))


class PrusaSlicer:
    """PrusaSlicer 2.5 or newer.

    Raises:
        SlicingError: the program does not say that it is PrusaSlicer.
    """

    def __init__(self, program: Path) -> None:
        self._program = program
        with tempfile.TemporaryDirectory(prefix="fabnet-slicer-") as home:
            done = _run([str(program), "--help"], Path(home))
        version = re.search(r"^(PrusaSlicer-\S+)", done.stdout, re.MULTILINE)
        if version is None:
            raise SlicingError(f"{program} does not answer as PrusaSlicer does; {_INSTALL}")
        self._name = version.group(1)

    @property
    def name(self) -> str:
        """Name and version, as the program tells them."""
        return self._name

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """See `Slicer.slice`."""
        profile = slicer_profile_path(request.preset.slicer_profile)
        overrides = _overrides(material(request.material))
        key = _key(request, profile, overrides, self._name)
        kept = _kept(out, key)
        if kept is not None:
            return kept
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="slicing-", dir=out) as folder:
                gcode = self._slice_in(Path(folder), request, profile, overrides)
                return _keep(out, key, gcode, _figures(gcode, self._name))
        except OSError as error:
            raise SlicingError(f"the slice cannot be kept here: {error.strerror}") from error

    def _slice_in(
        self, folder: Path, request: SliceRequest, profile: Path, overrides: dict[str, str]
    ) -> Path:
        # The slicer goes by a file's ending; files that came by hash have none.
        plate, gcode = folder / "plate.3mf", folder / "plate.gcode"
        shutil.copyfile(request.plate, plate)
        flags = [part for item in overrides.items() for part in (f"--{item[0]}", item[1])]
        command = [str(self._program), "--export-gcode", "--dont-arrange", "--load", str(profile)]
        done = _run([*command, *flags, "--output", str(gcode), str(plate)], folder)
        if done.returncode != 0 or not gcode.exists():
            log = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise SlicingError(
                f"{self._name} cannot slice this plate (it ended with {done.returncode}):"
                f" {' / '.join(log[-2:])}"
            )
        return gcode


class ReadySlices:
    """The slices that come with the catalogue, for a machine without a slicer."""

    def __init__(self, catalogue: Path | None = None) -> None:
        self._catalogue = catalogue or Path(designs.catalogue.__path__[0])

    @property
    def name(self) -> str:
        """What stands for name and version."""
        return "ready-made slices"

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """See `Slicer.slice`."""
        for index in sorted(self._catalogue.glob("*/slices.toml")):
            for entry in _read_index(index):
                if (entry.mesh_sha256, entry.copies, entry.preset, entry.material) == (
                    request.mesh_sha256,
                    request.copies,
                    request.preset.name,
                    request.material,
                ):
                    return _unpack(index.parent / entry.file, entry, request, out)
        raise SlicingError(
            f"there is no slicer on this machine, and no ready-made slice of {request.copies}"
            f" copies in {request.material} for {request.preset.title}; {_INSTALL}"
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
    kept = _kept(out, key)
    if kept is not None:
        return kept
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="slicing-", dir=out) as folder:
            gcode = Path(folder) / "plate.gcode"
            with lzma.open(packed) as source, gcode.open("wb") as target:
                shutil.copyfileobj(source, target)
            if _sha256(gcode) != entry.sha256:
                raise SlicingError(f"{packed} is not what its index says; install fabnet again")
            figures = _Figures(
                sha256=entry.sha256, seconds=entry.seconds, grams=entry.grams,
                layers=entry.layers, slicer=entry.slicer,
            )  # fmt: skip
            return _keep(out, key, gcode, figures)
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise SlicingError(f"{packed} cannot be unpacked: {error}") from error


def flat_profile(profile: Path) -> dict[str, str]:
    """Return the keys and values of a flat PrusaSlicer profile, without comments."""
    keys = {}
    for line in profile.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";")):
            keys[key.strip()] = value.strip()
    return keys


def _overrides(what: Material) -> dict[str, str]:
    return {
        "filament-type": what.code,
        "filament-density": str(what.density_g_cm3),
        "temperature": str(what.nozzle_print_c),
        "first-layer-temperature": str(what.nozzle_first_c),
        "bed-temperature": str(what.bed_print_c),
        "first-layer-bed-temperature": str(what.bed_first_c),
        "min-fan-speed": str(what.fan_percent[0]),
        "max-fan-speed": str(what.fan_percent[1]),
        "bridge-fan-speed": str(what.fan_percent[1]),
    }


def _key(request: SliceRequest, profile: Path, overrides: dict[str, str], slicer: str) -> str:
    flat = json.dumps(flat_profile(profile), sort_keys=True)
    facts = {
        "format": _FORMAT,
        "mesh": request.mesh_sha256,
        "plate": request.plate_sha256,
        "profile": hashlib.sha256(flat.encode()).hexdigest(),
        "overrides": overrides,
        "slicer": slicer,
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run the slicer with limits and a home of its own; it sees nothing of ours.

    Raises:
        SlicingError: it took too long or cannot be started.
    """
    limits = {
        resource.RLIMIT_AS: _MEMORY_BYTES,
        resource.RLIMIT_CPU: _CPU_S,
        resource.RLIMIT_FSIZE: _GCODE_BYTES,
        resource.RLIMIT_CORE: 0,
    }
    told = ",".join(f"{name}={value}" for name, value in limits.items())
    environment = {
        "HOME": str(home),
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        # Each thread's own heap would be counted whole, on a machine with many cores too many.
        "MALLOC_ARENA_MAX": "2",
    }
    try:
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LIMITED, told, *command],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SlicingError(f"slicing takes more than {_WALL_S // 60} min: give up") from error
    except OSError as error:
        raise SlicingError(f"{command[0]} cannot be started: {error.strerror}") from error


def _figures(gcode: Path, slicer: str) -> _Figures:
    layers = 0
    with gcode.open("rb") as file:
        for line in file:
            layers += line.startswith(b";LAYER_CHANGE")
        file.seek(max(0, gcode.stat().st_size - _TAIL_BYTES))
        tail = file.read().decode("utf-8", "replace")
    seconds, grams = _SECONDS.search(tail), _GRAMS.search(tail)
    if seconds is None or grams is None:
        raise SlicingError(f"{slicer} does not say how long the print takes or what it weighs")
    return _Figures(
        sha256=_sha256(gcode),
        seconds=parse_duration(seconds.group(1)),
        grams=float(grams.group(1)),
        layers=layers,
        slicer=slicer,
    )


def parse_duration(text: str) -> float:
    """Return the seconds of "1d 3h 2m 1s", as PrusaSlicer writes it."""
    return float(sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)\s*([dhms])", text)))


def _kept(out: Path, key: str) -> Slice | None:
    gcode, figures = out / f"{key}.gcode", out / f"{key}.json"
    try:
        told = msgspec.json.decode(figures.read_bytes(), type=_Figures)
        if _sha256(gcode) != told.sha256:
            return None
    except (OSError, msgspec.DecodeError):
        return None
    return _slice(gcode, key, told)


def _keep(out: Path, key: str, gcode: Path, figures: _Figures) -> Slice:
    target = out / f"{key}.gcode"
    told = gcode.with_suffix(".json")
    told.write_bytes(msgspec.json.encode(figures))
    for path in (gcode, told):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    gcode.replace(target)
    told.replace(out / f"{key}.json")
    return _slice(target, key, figures)


def _slice(gcode: Path, key: str, figures: _Figures) -> Slice:
    return Slice(
        gcode=gcode, sha256=figures.sha256, key=key, seconds=figures.seconds, grams=figures.grams,
        layers=figures.layers, slicer=figures.slicer,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
