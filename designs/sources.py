"""The files that a manifest names, beside it. Leaves meshes to `designs.mesh`."""

from __future__ import annotations

from pathlib import Path

from designs.errors import ManifestError, PatternRefusedError
from designs.manifest import PartRow
from designs.model import OtherPart
from designs.pattern import Drawing, check_pattern


def inside(folder: Path, part: str, file: str) -> Path:
    """Return where a part's file lies.

    Raises:
        ManifestError: it leads out of the folder.
    """
    if not file.isprintable():
        raise ManifestError("design.toml", f"part.{part}.file", "has signs that cannot be printed")
    source = (folder / file).resolve()
    if not source.is_relative_to(folder.resolve()):
        raise ManifestError("design.toml", f"part.{part}.file", "leads out of the folder")
    return source


def look_at(folder: Path, row: PartRow) -> Drawing:
    """Return what is known of a part's pattern; a laser cutter needs to know how large it is.

    Raises:
        ManifestError: it leads out of the folder.
        PatternRefusedError: it has what it must not have, or no size.
    """
    source = inside(folder, row.id, row.file)
    drawing = check_pattern(source)
    for more in row.also:
        check_pattern(inside(folder, row.id, more))
    if row.tsdc == "LAS" and drawing.width_mm is None:
        why = "says no size in millimetres, which a laser cutter needs: save it as SVG or DXF in mm"
        raise PatternRefusedError(source.name, why)
    return drawing


def other_part(row: PartRow, hashes: list[str], drawing: Drawing) -> OtherPart:
    """Return a part that no printer makes; there is no hash where nobody here makes it."""
    width, height = drawing.width_mm, drawing.height_mm
    return OtherPart(
        id=row.id,
        title=row.title or row.id,
        per_kit=row.per_kit,
        process=row.tsdc,
        pattern_sha256=hashes[0] if hashes else "",
        pattern_kind=_ending(row.file),
        pattern_mm=None if width is None or height is None else (width, height),
        also=tuple(zip(map(_ending, row.also), hashes[1:], strict=True)) if hashes else (),
        made_of=row.materials,
    )


def _ending(file: str) -> str:
    return Path(file).suffix.lower().lstrip(".")
