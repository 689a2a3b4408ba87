"""Reads `design.toml`, and writes what stands for it where a design is only a model file.

Keys are Open Know-How's where it has them; `[fabnet]` holds what it lacks. Leaves meshes to
`designs.mesh`, and keeping a revision to `designs.library`.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from designs.errors import ManifestError
from designs.materials import material
from designs.model import CheckedPart, ReviewState

#: What may be made of, where nobody has said otherwise.
DEFAULT_MATERIALS = ("PETG", "PLA")
#: Nobody has said under which licence.
UNKNOWN_LICENCE = "LicenseRef-unknown"

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_SLUG = 60
_FILE = "design.toml"


class PartRow(msgspec.Struct, kw_only=True):
    """One `[[part]]`."""

    id: str
    file: str
    object: str = ""  # which part of a 3MF with several
    title: str = ""
    per_kit: int = 1
    materials: tuple[str, ...]


class Own(msgspec.Struct, kw_only=True):
    """The `[fabnet]` table."""

    design: str
    review: ReviewState = ReviewState.DRAFT


class Manifest(msgspec.Struct, kw_only=True):
    """What fabnet reads of a manifest; other keys are kept with the revision's fingerprint."""

    title: str
    version: str
    license: str
    fabnet: Own
    part: tuple[PartRow, ...]


def read_manifest(path: Path) -> dict[str, Any]:
    """Return all that a manifest holds.

    Raises:
        ManifestError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(str(path), "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(path.name, "", f"is no TOML: {error}") from error


def check_manifest(data: dict[str, Any]) -> Manifest:
    """Return a manifest whose every key makes sense.

    Raises:
        ManifestError: names the key.
        UnknownMaterialError: a part names a material that is not in the vocabulary.
    """
    try:
        manifest = msgspec.convert(data, Manifest)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise ManifestError(_FILE, where.strip("`$."), text) from error
    if not _SLUG.fullmatch(manifest.fabnet.design):
        raise ManifestError(_FILE, "fabnet.design", "must be small letters, digits and hyphens")
    if not manifest.title.strip():
        raise ManifestError(_FILE, "title", "must not be empty")
    if not manifest.part:
        raise ManifestError(_FILE, "part", "the design has no part")
    _check_unique(row.id for row in manifest.part)
    for row in manifest.part:
        if row.per_kit < 1:
            raise ManifestError(_FILE, f"part.{row.id}.per_kit", "must be 1 or more")
        if not row.materials:
            raise ManifestError(_FILE, f"part.{row.id}.materials", "names no material")
        for code in row.materials:
            material(code)
    return manifest


def _check_unique(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for part in ids:
        if part in seen:
            raise ManifestError(_FILE, f"part.{part}", "is there twice")
        seen.add(part)


def manifest_of(
    file: str,
    parts: tuple[CheckedPart, ...],
    *,
    title: str,
    version: str,
    materials: tuple[str, ...],
    per_kit: int,
    licence: str,
) -> dict[str, Any]:
    """Return the manifest of a model file that has none: a draft, named after its file.

    The parts of a plate make a kit in the proportion in which they lie on it: of two frames and
    four clips, a kit has one and two.
    """
    stem = Path(file).stem
    share = math.gcd(*(part.copies for part in parts))
    ids = _part_ids(parts)
    return {
        "title": title or _title(stem),
        "version": version,
        "license": licence,
        "fabnet": {"design": slug(stem), "review": "draft"},
        "part": [
            {
                "id": part_id,
                "file": file,
                "object": part.name,
                "title": _title(_stem(part.name)) if len(parts) > 1 else title or _title(stem),
                "per_kit": per_kit * part.copies // share,
                "materials": list(materials),
            }
            for part_id, part in zip(ids, parts, strict=True)
        ],
    }


def _part_ids(parts: tuple[CheckedPart, ...]) -> list[str]:
    if len(parts) == 1:
        return ["part"]
    ids: list[str] = []
    for number, part in enumerate(parts, 1):
        name = slug(_stem(part.name))
        ids.append(name if name not in ids else f"{name}-{number}")
    return ids


def _stem(name: str) -> str:
    """Drop the ending of a file's name: slicers call parts by their files."""
    return re.sub(r"\.(stl|3mf|obj|step|stp)$", "", name, flags=re.IGNORECASE)


def slug(name: str) -> str:
    """Return a name in small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST_SLUG].strip("-")
    return words or "design"


def _title(stem: str) -> str:
    words = " ".join(re.split(r"[\s_\-]+", stem)).strip() or "Design"
    return words[0].upper() + words[1:]
