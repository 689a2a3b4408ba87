"""What a design is made of, by its `design.toml`, its Open Know-How manifest, or its bare model file.

Keys are Open Know-How's where it has them; `[fabnet]` holds what it lacks. Leaves the formats to
`designs.okh`, meshes to `designs.mesh`, and keeping a revision to `designs.library`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from designs.errors import ManifestError
from designs.materials import material, materials
from designs.mesh import KINDS
from designs.model import BY_PEOPLE, PRINTED, CheckedPart, ReviewState
from designs.okh import (
    MOST_BYTES,
    Document,
    Format,
    check_path,
    in_folder,
    licence,
    paths,
    read,
    version,
)
from designs.okh_versions import to_toml
from designs.pattern import is_pattern

#: What may be made of, where nobody has said otherwise.
DEFAULT_MATERIALS = ("PETG", "PLA")
#: Nobody has said under which licence.
UNKNOWN_LICENCE = "LicenseRef-unknown"

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_SLUG = 60
#: Each part's file takes a second to be checked; of no mask or gown are there more.
_MOST_PARTS = 100
_MOST_PER_KIT = 10_000
_LONGEST_ID = 80
_FILE = "design.toml"
#: As it is called on shelves; PVCs of other names are vinyls all the same, and Forex and Sintra boards of it.
_PVC = re.compile(r"\bU?P\W?V\W?C\b|vinyl|polychlor|chlorure|\b(forex|sintra)\b", re.IGNORECASE)
_PROCESS = re.compile(r"[A-Z0-9]{2,5}")


class PartRow(msgspec.Struct, kw_only=True):
    """One `[[part]]`."""

    id: str
    file: str = ""  # a model; the pattern of a part that people make
    object: str = ""  # which part of a 3MF with several
    also: tuple[str, ...] = ()  # more patterns: the same in another format, the steps
    title: str = ""
    per_kit: int = 1
    tsdc: str = PRINTED  # Open Know-How's code of its process; BUY is bought
    materials: tuple[str, ...] = ()  # codes of a printed part; words for what people make it of

    @property
    def has_pattern(self) -> bool:
        """Whether people make it from a file."""
        return self.tsdc != PRINTED and bool(self.file)

    @property
    def files(self) -> tuple[str, ...]:
        """What it is made from, beside the manifest."""
        return (self.file, *self.also) if self.tsdc == PRINTED or self.file else ()


class Own(msgspec.Struct, kw_only=True):
    """The `[fabnet]` table."""

    design: str
    review: ReviewState = ReviewState.DRAFT
    breathing_path: bool = False  # a part of it lies where somebody breathes: a mask, a valve


class Manifest(msgspec.Struct, kw_only=True):
    """What fabnet reads of a manifest; other keys are kept with the revision's fingerprint."""

    title: str
    version: str
    license: str
    fabnet: Own
    part: tuple[PartRow, ...]


def has_manifest(folder: Path) -> bool:
    """Return whether a folder has a manifest, or several."""
    return (folder / _FILE).is_file() or bool(_called_okh(folder))


def _called_okh(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if "okh" in path.name.lower() and path.suffix.lower() in (".yml", ".yaml", ".toml")
    )


def find_manifest(folder: Path) -> Path:
    """Return the manifest of a folder: `design.toml`, `okh.toml`, or the one YAML file called okh.

    Raises:
        ManifestError: there is none, or several are as good.
    """
    for name in (_FILE, "okh.toml"):
        if (folder / name).is_file():
            return folder / name
    found = _called_okh(folder)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise ManifestError(folder.name, "", f"has {len(found)} manifests ({names}): name one")
    raise ManifestError(
        str(folder / _FILE), "", "cannot be read: there is none, nor an okh.toml or okh.yml"
    )


def read_manifest(path: Path) -> Document:
    """Return a manifest as it came.

    Raises:
        ManifestError: it cannot be read, or lacks what its format needs.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ManifestError(str(path), "", f"cannot be read: {error.strerror}") from error
    return read(path.name, content)


def own_keys(document: Document) -> dict[str, Any]:
    """Return what `check_manifest` takes, of a manifest in any format.

    Raises:
        ManifestError: a part that is to be printed names no model file, or no file that is here.
    """
    if document.format is Format.OWN:
        return document.data
    if document.format is Format.YAML and "okh-2" in document.data:
        return own_keys(to_toml(document))
    data = document.data
    fabnet = data.get("fabnet")
    fabnet = fabnet if isinstance(fabnet, dict) else {}
    title = str(data.get("name") or data.get("title"))
    return {
        "title": title,
        "version": version(document) or "unversioned",
        "license": licence(document),
        "fabnet": {
            "design": fabnet.get("design") or slug(title),
            "review": fabnet.get("review", ReviewState.DRAFT),
            "breathing_path": fabnet.get("breathing_path", False),
        },
        "part": fabnet.get("parts") or _okh_parts(document),
    }


def _okh_parts(document: Document) -> list[dict[str, Any]]:
    data = document.data
    told = data.get("part")
    rows = told if isinstance(told, list) else [told] if isinstance(told, dict) else []
    if rows:
        return [_okh_part(document, row) for row in rows if isinstance(row, dict)]
    keys = (
        ("export", "source")
        if document.format is Format.TOML
        else ("manufacturing-files", "design-files")
    )
    for key in keys:
        if files := [in_folder(path) for path in paths(data.get(key)) if _is_model(path)]:
            return [
                {"id": slug(_stem(Path(file).name)), "file": file, "title": _title(Path(file).stem)}
                | {"materials": _materials(data)}
                for file in files
            ]
    raise ManifestError(
        document.name,
        keys[0],
        "names no STL, OBJ or 3MF file in this folder: there is nothing to print",
    )


def _okh_part(document: Document, row: dict[str, Any]) -> dict[str, Any]:
    name = str(row.get("name") or "")
    own = row.get("fabnet")
    own = own if isinstance(own, dict) else {}
    files = [*paths(row.get("export")), *paths(row.get("source"))]
    for path in files:
        check_path(document.name, f"part.{name}", path)
    files = [in_folder(path) for path in files]
    codes = [str(code) for code in _listed(row.get("tsdc"))]
    model = next((path for path in files if _is_model(path)), "")
    process = codes[0] if codes and PRINTED not in codes else PRINTED
    if process == PRINTED and not model:
        raise ManifestError(
            document.name,
            f"part.{name}",
            "names no STL, OBJ or 3MF file in this folder; a part that is bought has tsdc = 'BUY'",
        )
    made = {"id": slug(name), "title": name, "tsdc": process, **own}
    if process in BY_PEOPLE:
        pattern = next((path for path in files if is_pattern(path)), "")
        made.setdefault("file", pattern)
        if row.get("material"):
            made.setdefault("materials", [str(each) for each in _listed(row["material"])])
    if process == PRINTED:
        made["file"] = model
        made.setdefault(
            "materials", _materials(row) if row.get("material") else _materials(document.data)
        )
    return made


def _is_model(path: str) -> bool:
    return path.lower().endswith(KINDS) and "://" not in path


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _materials(data: dict[str, Any]) -> list[str]:
    """Return the materials that are in the vocabulary; what is usual where none is."""
    words = re.findall(r"[A-Z0-9-]+", str(data.get("material", "")).upper())
    return [word for word in dict.fromkeys(words) if word in materials()] or list(DEFAULT_MATERIALS)


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
    if len(manifest.part) > _MOST_PARTS:
        raise ManifestError(_FILE, "part", f"are more than {_MOST_PARTS} parts")
    _check_unique(row.id for row in manifest.part)
    for row in manifest.part:
        _check_part(row)
    if not any(row.tsdc == PRINTED or row.has_pattern for row in manifest.part):
        why = "the design has no part that is printed, or made from a pattern"
        raise ManifestError(_FILE, "part", why)
    return manifest


def _check_part(row: PartRow) -> None:
    where = f"part.{row.id}"
    if not row.id.strip() or not row.id.isprintable() or len(row.id) > _LONGEST_ID:
        why = f"must be a word of at most {_LONGEST_ID} letters"
        raise ManifestError(_FILE, "part.id", why)
    if row.per_kit < 1:
        raise ManifestError(_FILE, f"{where}.per_kit", "must be 1 or more")
    if row.per_kit > _MOST_PER_KIT:
        raise ManifestError(_FILE, f"{where}.per_kit", f"must be {_MOST_PER_KIT} or less")
    if not _PROCESS.fullmatch(row.tsdc):
        raise ManifestError(_FILE, f"{where}.tsdc", "must be a code as 3DP, LAS, SEW, ASM or BUY")
    if row.tsdc != PRINTED:
        _check_made_by_people(row, where)
        return
    if not row.file:
        raise ManifestError(_FILE, f"{where}.file", "is missing: the part is to be printed")
    if not row.materials:
        raise ManifestError(_FILE, f"{where}.materials", "names no material")
    for code in row.materials:
        material(code)


def _check_made_by_people(row: PartRow, where: str) -> None:
    if row.tsdc == "LAS" and any(_PVC.search(told) for told in row.materials):
        why = "PVC is never laser-cut: it gives off chlorine and ruins the machine; take PET or PP"
        raise ManifestError(_FILE, f"{where}.materials", why)
    if row.file and row.tsdc not in BY_PEOPLE:
        why = f"is of no use: a part with tsdc = {row.tsdc!r} is not made here"
        raise ManifestError(_FILE, f"{where}.file", why)
    if row.file and not is_pattern(row.file):
        why = "must be SVG, DXF, PDF, PNG or TXT"
        raise ManifestError(_FILE, f"{where}.file", why)
    if row.also and not (row.file and all(map(is_pattern, row.also))):
        raise ManifestError(_FILE, f"{where}.also", "takes more patterns, beside that of `file`")


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
