"""A design as people pass it on: a folder, a ZIP archive, a manifest or a model file, in and out.

Leaves what is kept of it to `designs.library`.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from functools import partial
from pathlib import Path

from designs import okh
from designs.archive import unpack
from designs.errors import ManifestError, MissingFileError
from designs.library import Library
from designs.manifest import DEFAULT_MATERIALS, UNKNOWN_LICENCE, has_manifest
from designs.mesh import KINDS
from designs.model import Revision
from designs.okh import Document, Format
from designs.okh_versions import to_toml, to_yaml

_MANIFESTS = (".toml", ".yml", ".yaml")


def is_model(path: Path) -> bool:
    """Return whether a path is neither a folder, an archive nor a manifest, but a file to print."""
    return not path.is_dir() and path.suffix.lower() not in (*_MANIFESTS, ".zip")


def add(
    library: Library,
    path: Path,
    *,
    title: str = "",
    materials: tuple[str, ...] = (),
    per_kit: int = 1,
    licence: str = "",
) -> Revision:
    """Put a design into the library; the options are for a bare model file, which says none of it.

    Raises:
        DesignError: it is not taken, and nothing of it is kept as a revision.
        OSError: it cannot be read, or not kept.
    """
    if path.is_dir():
        return library.add_design(path)
    if path.suffix.lower() in _MANIFESTS:
        return library.add_design(path.parent, path)
    model = partial(
        library.add_model,
        title=title,
        materials=materials or DEFAULT_MATERIALS,
        per_kit=per_kit,
        licence=licence or UNKNOWN_LICENCE,
    )
    if path.suffix.lower() != ".zip":
        return model(path)
    with tempfile.TemporaryDirectory(prefix="fabnet-design-") as work:
        folder = unpack(path, Path(work))
        alone = None if has_manifest(folder) else _lone_model(folder, path.name)
        return library.add_design(folder) if alone is None else model(alone)


def models_in(folder: Path) -> list[Path]:
    """Return the model files of a folder and its folders, sorted; not what a Mac keeps beside them."""
    return sorted(
        each
        for each in folder.rglob("*")
        if each.suffix.lower() in KINDS and each.is_file() and not each.name.startswith("._")
    )


def _lone_model(folder: Path, archive: str) -> Path | None:
    """Return the one model of an unpacked archive without a manifest, None where it has none.

    Raises:
        ManifestError: it has several, and nothing says which parts a kit has.
    """
    found = models_in(folder)
    if len(found) > 1:
        why = f"holds {len(found)} models and no manifest: bring each of them alone, or with a design.toml"
        raise ManifestError(archive, "", why)
    return found[0] if found else None


def export(
    library: Library, revision: Revision, folder: Path, into: Format | None = None, repo: str = ""
) -> Path:
    """Write a revision's manifest and model files into a new folder; return the manifest's path.

    In the format in which it came, its text is as it came, comments too. Its `fabnet` table says the
    revision's fingerprint.

    Args:
        library: holds the revision.
        revision: which one.
        folder: must not be there yet, or be empty.
        into: another format than the one in which it came.
        repo: the address of its home on the Web, which Open Know-How asks for, where it has none.

    Raises:
        ManifestError: the other format needs what the manifest does not say.
        MissingFileError: a model file is gone.
        OSError: the folder cannot be written, or is not empty.
    """
    source = library.source(revision.id)
    if source is None:
        raise ManifestError(
            revision.title, "", "was added before manifests were kept: add it again"
        )
    document = _in_format(source.manifest, into or source.manifest.format, repo)
    text = okh.with_fabnet(document, {"revision": revision.id})
    files = {path: library.file(sha256) for path, sha256 in source.files.items()}
    for path, sha256 in source.files.items():
        if files[path] is None:
            raise MissingFileError(sha256)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(17, "the folder is not empty", str(folder))
    for path, kept in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if kept is not None:
            shutil.copyfile(kept, target)
    manifest = folder / document.name
    manifest.write_text(text, encoding="utf-8")
    return manifest


def zipped(library: Library, revision: Revision) -> Path:
    """Return a ZIP archive of what `export` writes, in the library: the same design gives the same bytes.

    Raises:
        ManifestError: it was added before manifests were kept.
        MissingFileError: a file is gone.
    """
    with tempfile.TemporaryDirectory(prefix="fabnet-export-") as work:
        folder, archive = Path(work) / "design", Path(work) / "design.zip"
        export(library, revision, folder)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for path in sorted(each for each in folder.rglob("*") if each.is_file()):
                # The same design is the same bytes, so that it is kept once.
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                made.writestr(entry, path.read_bytes())
        sha256 = library.add_file(archive)
    kept = library.file(sha256)
    if kept is None:
        raise MissingFileError(sha256)
    return kept


def _in_format(document: Document, into: Format, repo: str) -> Document:
    if document.format is into:
        return document
    if into is Format.OWN:
        raise ManifestError(document.name, "", "an Open Know-How manifest stays one")
    if document.format is Format.OWN and repo and "repo" not in document.data:
        document = Document(
            name=document.name,
            format=document.format,
            data=document.data | {"repo": repo},
            text=document.text,
        )
    return to_toml(document) if into is Format.TOML else to_yaml(document)
