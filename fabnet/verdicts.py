"""What is said of model files, patterns and G-code, for scripts and for people at a command line."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from designs.archive import unpack
from designs.errors import ArchiveError, PatternRefusedError
from designs.mesh import KINDS, STEP_KINDS, check, read_canonical, refused
from designs.model import MeshReport, Verdict
from designs.pattern import check_pattern
from designs.step import installed
from firmware_profiles.loader import load_machine
from printers.errors import GcodeRefusedError
from printers.gcode_figures import GcodeFigures
from printers.own_gcode import figures_in
from printers.slicing import check_slice

GCODE = (".gcode", ".gco", ".g")
#: Patterns that say how large they are; looked at where they are named, and not in folders full of papers.
DRAWINGS = (".svg", ".dxf", ".pdf")
_NO_SIZE = "it says no size in millimetres, which a laser cutter needs: save it as SVG or DXF in mm"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcodeReport:
    """What is known of one G-code file."""

    file: str
    verdict: str  # "read", "passed" on the machine that was named, or "refused"
    reason: str  # a sentence, "" unless it is refused
    told: GcodeFigures  # what its slicer wrote into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that is to be looked at."""

    file: Path
    path: str  # as it was named; of an archive, its path and the one in it
    name: str  # that a person reads: the path in the folder or archive that she named
    refused: str = ""  # why it is not looked at, "" where it is


def model_files(path: Path, work: Path) -> list[Found]:
    """Return a file as it is, and of a folder or a ZIP archive all model files in it, sorted.

    AMF is among them, to be refused; STEP where it can be read: it lies beside its STL in many folders.

    Args:
        path: a file or a folder.
        work: an empty folder; an archive is unpacked into it.
    """
    if path.is_dir():
        return [_found(each, str(each), each.relative_to(path)) for each in _models(path)]
    if path.suffix.lower() != ".zip" or not path.is_file():
        return [_found(path, str(path), Path(path.name))]
    try:
        unpack(path, work)
    except ArchiveError as error:
        return [_found(path, str(path), Path(path.name), error.why)]
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
        return [_found(path, str(path), Path(path.name), why)]
    # An archive in an archive is there to be refused.
    inside = [each.relative_to(work) for each in _models(work, ".zip")]
    if not inside:
        return [_found(path, str(path), Path(path.name), "holds no STL, OBJ or 3MF file")]
    return [_found(work / each, f"{path}/{each}", path.name / each) for each in inside]


def _found(file: Path, path: str, name: Path, refused: str = "") -> Found:
    # A name that is no UTF-8 can be neither printed nor sent, and a line has no room for two.
    shown = str(name).replace("\n", "?")
    return Found(
        file=file,
        path=path.encode("utf-8", "replace").decode(),
        name=shown.encode("utf-8", "replace").decode(),
        refused=refused,
    )


def _models(folder: Path, *more: str) -> list[Path]:
    kinds = (*KINDS, ".amf", *more, *(STEP_KINDS if installed() else ()))
    found = (each for each in folder.rglob("*") if each.suffix.lower() in kinds)
    return sorted(
        each
        for each in found
        if each.is_file() and not (each.name.startswith("._") or "__MACOSX" in each.parts)
    )


def check_and_draw(found: Found, pictures: Path | None) -> MeshReport:
    """Return what the gate says of a file; draw it into a folder where its surface has gaps.

    Raises:
        OSError: the picture cannot be written.
    """
    file = found.file
    if found.refused:
        return refused(file.name, found.refused)
    if file.suffix.lower() in DRAWINGS:
        return _check_drawing(file)
    if pictures is None:
        return check(file)
    from designs.picture import draw  # noqa: PLC0415  # scipy, for pictures only

    with tempfile.TemporaryDirectory(prefix="fabnet-gaps-") as work:
        report = check(file, Path(work))
        if report.gaps is not None:
            mesh = read_canonical(Path(work) / report.gaps.mesh_sha256)
            png = draw(mesh, size=(960, 720), marks_mm=report.gaps.edges_mm)
            pictures.mkdir(parents=True, exist_ok=True)
            (pictures / f"{file.name}.png").write_bytes(png)
    return report


def _check_drawing(file: Path) -> MeshReport:
    """Return what the gate says of a pattern: the extents of its largest page, without a height."""
    try:
        drawing = check_pattern(file)
    except PatternRefusedError as error:
        report = refused(file.name, f"it {error.reason}")
        return replace(report, sha256=_sha256(file)) if file.is_file() else report
    if drawing.width_mm is None or drawing.height_mm is None:
        return MeshReport(
            file=file.name, verdict=Verdict.WARNED, reasons=(_NO_SIZE,), sha256=_sha256(file)
        )
    return MeshReport(
        file=file.name,
        verdict=Verdict.PASSED,
        reasons=(),
        sha256=_sha256(file),
        extents_mm=(drawing.width_mm, drawing.height_mm, 0.0),
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verdict_json(report: MeshReport, path: str, seconds: float) -> str:
    """Return one line of JSON; what could not be measured is null.

    Args:
        report: on the file.
        path: as it was named: two folders may hold files of one name.
        seconds: that it took.
    """
    volume, extents = report.volume_mm3, report.extents_mm
    return json.dumps(
        {
            "file": report.file,
            "verdict": report.verdict,
            "reasons": report.reasons,
            "triangles": report.triangles,
            "watertight": report.watertight,
            "bodies": report.bodies,
            "volume_cm3": None if volume is None else round(volume / 1000, 3),
            "extents_mm": None if extents is None else [round(side, 2) for side in extents],
            "sha256": report.sha256 or None,
            "seconds": round(seconds, 2),
            "peak_mb": report.peak_mb,
            "parts": [
                {
                    "name": part.name,
                    "copies": part.copies,
                    "extents_mm": part.facts.extents_mm,
                    "volume_cm3": round(part.facts.volume_mm3 / 1000, 3),
                    "mesh_sha256": part.facts.mesh_sha256,
                }
                for part in report.parts
            ],
            "path": path,
        }
    )


def verdict_line(report: MeshReport, name: str) -> str:
    """Return one line for a maker: the verdict, what was measured, what to do."""
    why = "; ".join(report.reasons)
    if report.verdict == "refused":
        return f"REFUSED  {name}: {why}"
    told = f"; but {why}" if why else ""
    x, y, z = report.extents_mm or (0.0, 0.0, 0.0)
    if report.triangles is None:  # nothing but a pattern passes without any
        size = f"{x:.1f} x {y:.1f} mm, " if report.extents_mm else ""
        return f"passed   {name}: {size}a pattern, for people to cut or sew{told}"
    facts = f"{x:.1f} x {y:.1f} x {z:.1f} mm, {(report.volume_mm3 or 0) / 1000:.2f} cm3"
    return f"passed   {name}: {facts}, {report.triangles} triangles{told}"


def read_gcode(file: Path, preset: str, material: str) -> GcodeReport:
    """Return what a G-code file's slicer wrote into it, and whether it may run on a kind of machine.

    Args:
        file: may be of any size.
        preset: name of the machine; "" where nobody asks whether it may run.
        material: code of the material on it; needed with a preset.

    Raises:
        OSError: it cannot be read.
        FirmwareProfileError: there is no such machine.
        UnknownMaterialError: there is no such material.
    """
    told = figures_in(file)
    reason = ""
    if preset:
        try:
            check_slice(file, load_machine(preset), material)
        except GcodeRefusedError as refused:
            reason = str(refused)
    verdict = "refused" if reason else "passed" if preset else "read"
    return GcodeReport(file=file.name, verdict=verdict, reason=reason, told=told)


def gcode_json(report: GcodeReport) -> str:
    """Return one line of JSON; what its slicer does not say is null."""
    told = report.told
    return json.dumps(
        {
            "file": report.file,
            "verdict": report.verdict,
            "reasons": [report.reason] if report.reason else [],
            "slicer": told.slicer or None,
            "flavor": told.flavor or None,
            "print_seconds": told.seconds,
            "grams": told.grams,
            "filament_mm": told.filament_mm,
            "filament_mm3": told.filament_mm3,
            "layer_mm": told.layer_mm,
        }
    )


def gcode_line(report: GcodeReport) -> str:
    """Return one line for a maker."""
    if report.verdict == "refused":
        return f"REFUSED  {report.file}: {report.reason}"
    told = report.told
    facts = [told.slicer or "slicer not named"]
    if told.seconds is not None:
        hours, minutes = divmod(max(1, round(told.seconds / 60)), 60)
        facts.append(f"{hours} h {minutes:02} min" if hours else f"{minutes} min")
    if told.grams is not None:
        facts.append(f"{told.grams:.1f} g")
    if told.filament_mm is not None:
        facts.append(f"{told.filament_mm / 1000:.2f} m of filament")
    if told.filament_mm3 is not None:
        facts.append(f"{told.filament_mm3 / 1000:.1f} cm3 of filament")
    if told.layer_mm is not None:
        facts.append(f"layers of {told.layer_mm:g} mm")
    if told.seconds is None:
        facts.append("it does not say how long it takes")
    return f"{report.verdict:<8} {report.file}: {', '.join(facts)}"
