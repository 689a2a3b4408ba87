"""The gate for model files: what passes is measured, and written anew as a canonical mesh.

Nothing but that canonical mesh ever reaches a slicer or a node. Sniffs first, then lets
`designs.measuring` read the file in a child process with limits. Reads canonical meshes for
others, which needs no such care: this module's child has written them.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from designs import step
from designs.child import ChildError, ask
from designs.errors import MeshRefusedError
from designs.kinds import (
    BOM,
    HEAD,
    STL_HEADER,
    STL_TRIANGLE,
    is_text,
    kind_of,
    really,
    why_not_read,
)
from designs.model import CheckedPart, MeshReport, OpenSurface, PartFacts, Verdict

#: The endings of what can be read.
KINDS = (".stl", ".obj", ".3mf")
#: What else can be read where the extra `fabnet[step]` is installed.
STEP_KINDS = (".step", ".stp")
_STEP = ("step", "stp")
MOST_BYTES = 96 << 20
#: A ZIP is a design, not one model.
_ARCHIVE = (
    "an archive is a design with its manifest: unpack it, or bring it with `fabnet design add`"
)


class _AnswerPart(msgspec.Struct, kw_only=True):
    name: str
    copies: int
    mesh_sha256: str
    extents_mm: tuple[float, float, float]
    volume_mm3: float
    side_mm2: float
    up_mm2: float
    down_mm2: float
    triangles: int
    warnings: tuple[str, ...]


class _Answer(msgspec.Struct, kw_only=True):
    refused: str = ""
    triangles: int | None = None
    watertight: bool | None = None
    bodies: int | None = None
    volume_mm3: float | None = None
    extents_mm: tuple[float, float, float] | None = None
    peak_kb: int | None = None
    parts: tuple[_AnswerPart, ...] = ()
    gaps: OpenSurface | None = None


def check(path: Path, keep: Path | None = None) -> MeshReport:
    """Say of a model file (STL, OBJ, 3MF; STEP with an extra) whether it can be printed, and what was measured.

    Args:
        path: any file; nothing that is in it makes this raise, or take longer than two minutes.
        keep: a folder for the canonical meshes of a file that passes, each named by its SHA-256; and
            for the surface of a file that was refused for its gaps, which is only good for a picture.
    """
    sha256, answer = "", _Answer()
    try:
        kind = _sniff(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with tempfile.TemporaryDirectory(prefix="fabnet-mesh-", dir=keep) as folder:
            answer = _ask_child(path, kind, Path(folder))
            if keep is not None:
                for mesh in _meshes(answer):
                    (Path(folder) / mesh).replace(keep / mesh)
    except MeshRefusedError as refused:
        answer = _Answer(refused=refused.reason)
    except OSError as error:
        answer = _Answer(refused=f"it cannot be read or kept: {error.strerror}")
    # A name that is no UTF-8 can be neither printed nor sent.
    return _report(path.name.encode("utf-8", "replace").decode(), sha256, answer)


def refused(name: str, reason: str) -> MeshReport:
    """Return the report of a file that was not looked at, because of this."""
    return _report(name, "", _Answer(refused=reason))


def _meshes(answer: _Answer) -> set[str]:
    if answer.refused:
        return {answer.gaps.mesh_sha256} if answer.gaps else set()
    return {part.mesh_sha256 for part in answer.parts}


def measure(path: Path, out: Path, part: str = "") -> PartFacts:
    """Check a model file and write the canonical binary STL of its one part to `out`.

    The same body gives the same bytes, whatever the file's format, place or order of triangles.

    Args:
        path: STL, OBJ or 3MF.
        out: the file to write.
        part: which part of a 3MF with several different ones, by its name there.

    Raises:
        MeshRefusedError: it cannot be printed as it is, or holds several different parts and none
            of them was chosen; `out` is then left alone.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="fabnet-mesh-", dir=out.parent) as folder:
            report = check(path, Path(folder))
            if report.verdict is Verdict.REFUSED:
                raise MeshRefusedError(path.name, report.reasons[0])
            chosen = choose(report, part)
            (Path(folder) / chosen.facts.mesh_sha256).replace(out)
    except OSError as error:
        raise MeshRefusedError(path.name, f"it cannot be kept: {error.strerror}") from error
    return chosen.facts


def choose(report: MeshReport, part: str) -> CheckedPart:
    """Return the part of this name in a file that has passed; its only one without a name.

    Raises:
        MeshRefusedError: there is none of the name, or there are several and none is named.
    """
    named = [each for each in report.parts if not part or each.name == part]
    if len(named) == 1:
        return named[0]
    names = ", ".join(f"{each.name!r}" for each in report.parts)
    raise MeshRefusedError(
        report.file,
        f"there is no part {part!r} in it; it has {names}"
        if part and not named
        else f"it holds {len(named)} different parts ({names}): name one of them, or export it alone",
    )


def read_canonical(path: Path) -> NDArray[np.float32]:
    """Return the triangles of a mesh that `measure` wrote: shape (n, 3, 3), in mm, lowest corner 0."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    data = np.frombuffer(path.read_bytes(), dtype=record, offset=STL_HEADER)
    corners: NDArray[np.float32] = data["corners"]
    return corners


def _sniff(path: Path) -> str:
    """Return the kind of file, for the loader; refuse what no loader should see."""
    kind = path.suffix.lower().removeprefix(".")
    if f".{kind}" not in (*KINDS, *STEP_KINDS):
        raise MeshRefusedError(path.name, _ARCHIVE if kind == "zip" else why_not_read(kind))
    if path.exists() and not path.is_file():
        raise MeshRefusedError(path.name, "it is a folder or a device, and no file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise MeshRefusedError(path.name, f"it cannot be read: {error.strerror}") from error
    if size == 0:
        raise MeshRefusedError(path.name, "it is empty: export it again")
    if size > MOST_BYTES:
        raise MeshRefusedError(
            path.name, f"{size >> 20} MiB are more than {MOST_BYTES >> 20}: simplify the model"
        )
    _sniff_head(path.name, kind, size, head)
    return kind


def _sniff_head(name: str, kind: str, size: int, head: bytes) -> None:
    wanted = "step" if kind in _STEP else kind
    found = kind_of(size, head)
    if found not in ("", wanted):
        raise MeshRefusedError(
            name,
            f"it is no {kind.upper()} file: by what is in it, it is {found.upper()}; let its name end"
            f" in .{found}",
        )
    if kind == "stl":
        _sniff_stl(name, size, head)
        return
    begins = {"3mf": b"PK\x03\x04", "step": b"ISO-10303-21", "obj": b""}[wanted]
    binary_obj = kind == "obj" and (b"\0" in head or (not found and really(head)))
    if binary_obj or not head.removeprefix(BOM).lstrip().startswith(begins):
        raise MeshRefusedError(
            name, f"it is no {kind.upper()} file{really(head)}: fetch or export it again"
        )
    if wanted == "step" and not step.installed():
        raise MeshRefusedError(name, step.INSTALL)


def _sniff_stl(name: str, size: int, head: bytes) -> None:
    told = int.from_bytes(head[80:STL_HEADER], "little")
    needed = STL_HEADER + STL_TRIANGLE * told
    if size >= STL_HEADER and size == needed:
        if told == 0:
            raise MeshRefusedError(name, "there is no triangle in it: export it again")
        return
    begins = head.removeprefix(BOM).lstrip()[:5].lower()
    if b"\0" not in head and (begins == b"solid" or kind_of(size, head) == "stl"):
        return
    words = really(head)
    if not words and is_text(head):
        words = " but text of another kind"
    if words or size < STL_HEADER:
        raise MeshRefusedError(name, f"it is no STL file{words}: fetch or export it again")
    if told and size > needed:
        return  # `designs.reading` looks at what comes behind them
    holds = (size - STL_HEADER) // STL_TRIANGLE
    raise MeshRefusedError(
        name,
        f"it says {told} triangles and has room for {holds}: it was cut short or is broken;"
        " fetch or export it again",
    )


def _report(name: str, sha256: str, answer: _Answer) -> MeshReport:
    warned = (w for part in answer.parts for w in part.warnings)
    reasons = (answer.refused,) if answer.refused else tuple(dict.fromkeys(warned))
    if not answer.refused:
        reasons += _plate_warnings(answer.parts)
    return MeshReport(
        file=name,
        verdict=Verdict.REFUSED
        if answer.refused
        else Verdict.WARNED
        if reasons
        else Verdict.PASSED,
        reasons=reasons,
        sha256=sha256,
        triangles=answer.triangles,
        watertight=answer.watertight,
        bodies=answer.bodies,
        volume_mm3=answer.volume_mm3,
        extents_mm=answer.extents_mm,
        peak_mb=None if answer.peak_kb is None else round(answer.peak_kb / 1024, 1),
        parts=()
        if answer.refused
        else tuple(
            CheckedPart(name=part.name, copies=part.copies, facts=_part_facts(part))
            for part in answer.parts
        ),
        gaps=answer.gaps if answer.refused else None,
    )


def _part_facts(part: _AnswerPart) -> PartFacts:
    return PartFacts(
        mesh_sha256=part.mesh_sha256,
        extents_mm=part.extents_mm,
        volume_mm3=part.volume_mm3,
        side_mm2=part.side_mm2,
        up_mm2=part.up_mm2,
        down_mm2=part.down_mm2,
        triangles=part.triangles,
        warnings=part.warnings,
    )


def _plate_warnings(parts: tuple[_AnswerPart, ...]) -> tuple[str, ...]:
    """Say what is made of a plate with several copies or parts; its arrangement is not kept."""
    counted = " and ".join(f"{part.copies} of {part.name!r}" for part in parts)
    if len(parts) > 1:
        return (
            f"it is a plate with {counted}: a kit of different parts, each laid on plates of its own",
        )
    if parts[0].copies > 1:
        return (f"it is a plate with {counted}: one is taken, fabnet fills the bed itself",)
    return ()


def _ask_child(path: Path, kind: str, folder: Path) -> _Answer:
    arguments = (str(path.resolve()), kind, str(folder.resolve()))
    try:
        told = ask("designs.measuring", arguments, folder)
    except ChildError as error:
        raise MeshRefusedError(path.name, str(error)) from error
    try:
        return msgspec.json.decode(told, type=_Answer)
    except msgspec.DecodeError as error:
        raise MeshRefusedError(path.name, "reading it gave nonsense: export it again") from error
