"""Turns plates into G-code: PrusaSlicer as a child process with limits.

Leaves the profile to `printers.slicer_profiles`, the folder of slices to `printers.slices`, the
rules for G-code to `printers.gcode`, and finding the plate to the node. Runs on a node, so no
geometry library is imported here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from designs.materials import material
from firmware_profiles.profile import MachinePreset
from printers.errors import NoRoomError, SlicingError
from printers.gcode import GcodeFacts, check
from printers.gcode_figures import figures_of
from printers.ready_slices import ReadySlices
from printers.slicer_profiles import SlicerProfile, profile_for
from printers.slices import WORK_PREFIX, Figures, Slice, Slicer, SliceRequest, keep, kept, sha256_of
from printers.thumbnails import illustrate

_log = logging.getLogger(__name__)

_MEMORY_BYTES = 2 << 30
_CPU_S = 300
_WALL_S = 900
_HELP_S = 60
_GCODE_BYTES = 512 << 20
_FORMAT = 2  # of the key; grows when what a plate file or a profile means changes
#: Where a slicer fails and less is free, that may be why.
_LEAST_FREE_BYTES = 4 << 20
_TAIL_BYTES = 100_000
_OLDEST = (2, 5)  # PrusaSlicer; what came before knows other keys
_INSTALL = "install it with: sudo apt-get install prusa-slicer"
_DEBIAN_PROFILES = Path("/usr/share/PrusaSlicer/profiles")

#: Sets the limits and becomes the slicer: no code of ours runs between fork and exec.
_LIMITED = (
    "import os, resource, sys\n"
    "for told in sys.argv[1].split(','):\n"
    "    name, soft, hard = map(int, told.split(':'))\n"
    "    resource.setrlimit(name, (soft, hard))\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


def find_slicer() -> Slicer:
    """Return PrusaSlicer if this machine has it, else the slices that come with the catalogue.

    Raises:
        SlicingError: the program is there and cannot be used.
    """
    found = shutil.which("prusa-slicer") or shutil.which("prusa-slicer", path="/usr/bin")
    return ReadySlices() if found is None else PrusaSlicer(Path(found))


def check_slice(gcode: Path, preset: MachinePreset, material_code: str) -> GcodeFacts:
    """Check G-code against one kind of machine and a material, whoever made it.

    Raises:
        GcodeRefusedError: it must not run there.
        UnknownMaterialError: the material is not in the vocabulary.
    """
    limits = material(material_code)
    with gcode.open(encoding="ascii", errors="replace", newline="\n") as lines:
        return check(
            lines,
            preset,
            nozzle_limit_c=min(preset.nozzle_max_c, limits.nozzle_max_c),
            bed_limit_c=min(preset.bed_max_c, limits.bed_max_c),
        )


def timed(made: Slice, facts: GcodeFacts) -> Slice:
    """Return a slice with the least time of its moves where less was told of it.

    Its owner's hours and her weekly ceiling are kept by this time, whoever sliced it.
    """
    if made.seconds >= facts.least_s:
        return made
    _log.warning(
        "%s: %.0f s were told of it, and its moves take %.0f s at the least: that counts",
        made.gcode.name, made.seconds, facts.least_s,
    )  # fmt: skip
    return replace(made, seconds=facts.least_s)


class PrusaSlicer:
    """PrusaSlicer 2.5 or newer.

    Args:
        program: its executable.
        bundles: where its vendors' profiles are; found from the program by default.
        wall_s: a slice that takes longer is given up.

    Raises:
        SlicingError: the program does not say that it is PrusaSlicer, or is too old.
    """

    def __init__(self, program: Path, bundles: Path | None = None, wall_s: float = _WALL_S) -> None:
        self._program = program
        self._wall_s = wall_s
        beside = program.resolve().parent.parent / "share" / "PrusaSlicer" / "profiles"
        self._bundles = (beside, _DEBIAN_PROFILES) if bundles is None else (bundles,)
        with tempfile.TemporaryDirectory(prefix="fabnet-slicer-") as home:
            done = _run([str(program), "--help"], Path(home), min(wall_s, _HELP_S))
        version = re.search(r"^PrusaSlicer-(\d+)\.(\d+)\S*", done.stdout, re.MULTILINE)
        if version is None:
            raise SlicingError(f"{program} does not answer as PrusaSlicer does; {_INSTALL}")
        self._name = version.group()
        if (int(version.group(1)), int(version.group(2))) < _OLDEST:
            raise SlicingError(
                f"{program} is {self._name}, and fabnet needs PrusaSlicer 2.5 or newer; {_INSTALL}"
            )

    @property
    def name(self) -> str:
        """Name and version, as the program tells them."""
        return self._name

    @property
    def program(self) -> Path:
        """Its executable."""
        return self._program

    def slice(self, request: SliceRequest, out: Path) -> Slice:
        """See `Slicer.slice`."""
        profile = profile_for(request.preset, material(request.material), self._bundles)
        key = _key(request, profile, self._name)
        there = kept(out, key)
        if there is not None:
            return there
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=out) as folder:
                gcode = self._slice_in(Path(folder), request, profile)
                illustrate(gcode, request.plate)
                return keep(out, key, gcode, _figures(gcode, f"{self._name}, {profile.title}"))
        except OSError as error:
            raise NoRoomError(f"the slice cannot be kept here: {error.strerror}") from error

    def _slice_in(self, folder: Path, request: SliceRequest, profile: SlicerProfile) -> Path:
        # The slicer goes by a file's ending; files that came by hash have none.
        plate, ini, gcode = (folder / f"plate.{end}" for end in ("3mf", "ini", "gcode"))
        shutil.copyfile(request.plate, plate)
        ini.write_text(profile.text(), encoding="utf-8")
        command = [str(self._program), "--export-gcode", "--dont-arrange", "--load", str(ini)]
        done = _run([*command, "--output", str(gcode), str(plate)], folder, self._wall_s)
        # What it could not write to its end it may have deleted by now: then it is known by its words.
        full = "disk full" in done.stdout + done.stderr
        if done.returncode != 0 and (full or shutil.disk_usage(folder).free < _LEAST_FREE_BYTES):
            raise NoRoomError("the slice cannot be kept here: the disk is full")
        if done.returncode != 0 or not gcode.exists():
            log = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            raise SlicingError(
                f"{self._name} cannot slice this plate ({_ending(done.returncode)}):"
                f" {' / '.join(log[-2:])}"
            )
        return gcode


def _ending(returncode: int) -> str:
    """Return how the program ended, in words."""
    if returncode == 0:
        return "it wrote no G-code"
    # A shell or a loader in between tells the signal as 128 + its number.
    number = -returncode if returncode < 0 else returncode - 128
    if number == signal.SIGXCPU:
        return f"it took more than {_words(_CPU_S)} of computing"
    if number in set(signal.Signals):
        return f"it crashed with {signal.Signals(number).name}"
    return f"it ended with {returncode}"


def _key(request: SliceRequest, profile: SlicerProfile, slicer: str) -> str:
    facts = {
        "format": _FORMAT,
        "mesh": request.mesh_sha256,
        "plate": request.plate_sha256,
        "profile": hashlib.sha256(profile.text().encode()).hexdigest(),
        "slicer": slicer,
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _run(command: list[str], home: Path, wall_s: float) -> subprocess.CompletedProcess[str]:
    """Run the slicer with limits and a home of its own; it sees nothing of ours.

    Raises:
        SlicingError: it took too long or cannot be started.
    """
    limits = (
        (resource.RLIMIT_AS, _MEMORY_BYTES, _MEMORY_BYTES),
        # SIGXCPU at the first says what it was; the kernel kills without a word at the second.
        (resource.RLIMIT_CPU, _CPU_S, _CPU_S + 5),
        (resource.RLIMIT_FSIZE, _GCODE_BYTES, _GCODE_BYTES),
        (resource.RLIMIT_CORE, 0, 0),
    )
    told = ",".join(":".join(map(str, limit)) for limit in limits)
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
            timeout=wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SlicingError(
            f"{command[0]} did not answer within {_words(wall_s)} and was stopped"
        ) from error
    except OSError as error:
        raise SlicingError(f"{command[0]} cannot be started: {error.strerror}") from error


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _figures(gcode: Path, slicer: str) -> Figures:
    layers = 0
    with gcode.open("rb") as file:
        for line in file:
            layers += line.startswith(b";LAYER_CHANGE")
        file.seek(max(0, gcode.stat().st_size - _TAIL_BYTES))
        tail = file.read().decode("utf-8", "replace")
    told = figures_of(tail.splitlines())
    if told.seconds is None or told.grams is None:
        raise SlicingError(f"{slicer} does not say how long the print takes or what it weighs")
    return Figures(
        sha256=sha256_of(gcode),
        seconds=told.seconds,
        grams=told.grams,
        layers=layers,
        slicer=slicer,
    )
