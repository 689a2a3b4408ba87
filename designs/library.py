"""The designs that may be made: files by their hash on disk; revisions, nests and plates in tables.

The tables lie in the coordinator's SQLite file. Every statement stands alone and can be repeated, so
that it works inside a caller's transaction and outside one, and two threads that add the same thing
add it once. A file is on the disk before a table names it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlite_utils

from designs.errors import (
    ManifestError,
    MissingFileError,
    TooManyCopiesError,
    UnknownRevisionError,
)
from designs.materials import material
from designs.mesh import measure, read_canonical
from designs.model import Bed, Layout, Part, ReviewState, Revision
from designs.packing import centred, footprint, hull, pack
from designs.plate_file import write_plate

design_migrations = sqlite_utils.Migrations("designs")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@design_migrations()
def m001_designs(db: sqlite_utils.Database) -> None:
    """Revisions, nests and plates; what is not asked for by column is JSON in `body`."""
    for statement in (
        "create table revision (id text primary key, design text not null, body text not null) strict",
        "create table nest (mesh_sha256 text not null, bed text not null, layout text not null,"
        " primary key (mesh_sha256, bed)) strict",
        "create table plate (mesh_sha256 text not null, layout text not null, copies integer not null,"
        " sha256 text not null, bytes integer not null,"
        " primary key (mesh_sha256, layout, copies)) strict",
    ):
        db.execute(statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A plate file in the library."""

    sha256: str
    bytes: int


class _PartRow(msgspec.Struct, kw_only=True):
    id: str
    file: str
    title: str = ""
    per_kit: int = 1
    materials: tuple[str, ...]


class _Own(msgspec.Struct, kw_only=True):
    design: str
    review: ReviewState = ReviewState.DRAFT


class _Manifest(msgspec.Struct, kw_only=True):
    title: str
    version: str
    license: str
    fabnet: _Own
    part: tuple[_PartRow, ...]


class Library:
    """The library over one connection; make one for each thread.

    Args:
        db: the coordinator's database; `migrate` makes its tables.
        folder: holds the files, each under its SHA-256; made where it is missing.
    """

    def __init__(self, db: sqlite_utils.Database, folder: Path) -> None:
        self._db = db
        self._folder = folder

    def migrate(self) -> None:
        """Make or update the library's tables."""
        design_migrations.apply(self._db)

    # -- files ---------------------------------------------------------------------------------

    def add_file(self, path: Path) -> str:
        """Copy a file into the library; return its SHA-256. It is on the disk when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as fresh:
            try:
                with path.open("rb") as source:
                    while block := source.read(1 << 20):
                        digest.update(block)
                        fresh.write(block)
                fresh.flush()
                os.fsync(fresh.fileno())
                target = self._path(digest.hexdigest())
                target.parent.mkdir(exist_ok=True)
                Path(fresh.name).replace(target)
            except OSError:
                Path(fresh.name).unlink(missing_ok=True)
                raise
        _sync_folder(target.parent)
        return digest.hexdigest()

    def file(self, sha256: str) -> Path | None:
        """Return where the file of this hash lies; None when it is not here, or this is no hash."""
        path = self._path(sha256)
        return path if _SHA256.fullmatch(sha256) and path.is_file() else None

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _need(self, sha256: str) -> Path:
        path = self.file(sha256)
        if path is None:
            raise MissingFileError(sha256)
        return path

    # -- revisions -----------------------------------------------------------------------------

    def add_design(self, folder: Path) -> Revision:
        """Read `design.toml`, pass every part through the mesh gate, keep the revision.

        The same manifest and the same bodies give the same revision, and are kept once.

        Raises:
            ManifestError: names the file and the key.
            MeshRefusedError: names the part's file and what was measured.
            UnknownMaterialError: a part names one that is not in the vocabulary.
        """
        data = _read_manifest(folder / "design.toml")
        manifest = _check_manifest(data)
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="design-") as work:
            parts = [self._add_part(folder, row, Path(work) / "mesh.stl") for row in manifest.part]
        facts = {"manifest": data, "meshes": [part.facts.mesh_sha256 for part in parts]}
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), default=str)
        revision = Revision(
            id=hashlib.sha256(text.encode()).hexdigest(),
            design=manifest.fabnet.design,
            title=manifest.title,
            version=manifest.version,
            licence=manifest.license,
            review=manifest.fabnet.review,
            parts=tuple(parts),
        )
        self._db.execute(
            "insert or ignore into revision (id, design, body) values (?, ?, ?)",
            (revision.id, revision.design, msgspec.json.encode(revision).decode()),
        )
        return self.revision(revision.id)

    def _add_part(self, folder: Path, row: _PartRow, mesh: Path) -> Part:
        source = (folder / row.file).resolve()
        if not source.is_relative_to(folder.resolve()):
            raise ManifestError("design.toml", f"part.{row.id}.file", "leads out of the folder")
        facts = measure(source, mesh)
        self.add_file(mesh)
        return Part(
            id=row.id,
            title=row.title or row.id,
            per_kit=row.per_kit,
            materials=row.materials,
            facts=facts,
        )

    def revision(self, revision_id: str) -> Revision:
        """Return one revision.

        Raises:
            UnknownRevisionError: there is none of this id.
        """
        row = self._db.execute("select body from revision where id = ?", (revision_id,)).fetchone()
        if row is None:
            raise UnknownRevisionError(revision_id)
        return msgspec.json.decode(row[0], type=Revision)

    def revisions(self) -> tuple[Revision, ...]:
        """Return all revisions, by design, in the order in which they were added."""
        rows = self._db.execute("select body from revision order by design, rowid").fetchall()
        return tuple(msgspec.json.decode(row[0], type=Revision) for row in rows)

    # -- plates --------------------------------------------------------------------------------

    def max_layout(self, mesh_sha256: str, bed: Bed) -> Layout:
        """Return the fullest layout of a part on a bed; nested once for each pair, then kept.

        Raises:
            MissingFileError: there is no such mesh.
        """
        key = msgspec.json.encode(bed).decode()
        where = (mesh_sha256, key)
        query = "select layout from nest where mesh_sha256 = ? and bed = ?"
        row = self._db.execute(query, where).fetchone()
        if row is None:
            layout = pack(footprint(read_canonical(self._need(mesh_sha256))), bed)
            self._db.execute(
                "insert or ignore into nest (mesh_sha256, bed, layout) values (?, ?, ?)",
                (*where, msgspec.json.encode(layout).decode()),
            )
            row = self._db.execute(query, where).fetchone()
        return msgspec.json.decode(row[0], type=Layout)

    def plate(self, mesh_sha256: str, layout: Layout, copies: int) -> Plate:
        """Return the file with the first copies of a layout, mid-bed; written once, then kept.

        Raises:
            MissingFileError: there is no such mesh.
            TooManyCopiesError: the layout has fewer, or no copy is asked for.
        """
        if not 1 <= copies <= len(layout.placements):
            raise TooManyCopiesError(copies, len(layout.placements))
        key = hashlib.sha256(msgspec.json.encode(layout)).hexdigest()
        where = (mesh_sha256, key, copies)
        row = self._db.execute(
            "select sha256, bytes from plate where mesh_sha256 = ? and layout = ? and copies = ?",
            where,
        ).fetchone()
        if row is not None and self.file(row[0]) is not None:
            return Plate(sha256=row[0], bytes=row[1])
        plate = self._write_plate(self._need(mesh_sha256), layout, copies)
        self._db.execute(
            "insert or replace into plate (mesh_sha256, layout, copies, sha256, bytes)"
            " values (?, ?, ?, ?, ?)",
            (*where, plate.sha256, plate.bytes),
        )
        return plate

    def _write_plate(self, mesh: Path, layout: Layout, copies: int) -> Plate:
        chosen = centred(hull(read_canonical(mesh)), layout, copies)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="plate-") as work:
            out = Path(work) / "plate.3mf"
            write_plate(mesh, chosen, out)
            return Plate(sha256=self.add_file(out), bytes=out.stat().st_size)


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(str(path), "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(path.name, "", f"is no TOML: {error}") from error


def _check_manifest(data: dict[str, Any]) -> _Manifest:
    try:
        manifest = msgspec.convert(data, _Manifest)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at ")
        raise ManifestError("design.toml", where.strip("`$."), text) from error
    if not _SLUG.fullmatch(manifest.fabnet.design):
        raise ManifestError(
            "design.toml", "fabnet.design", "must be small letters, digits and hyphens"
        )
    if not manifest.part:
        raise ManifestError("design.toml", "part", "the design has no part")
    _check_unique(row.id for row in manifest.part)
    for row in manifest.part:
        if row.per_kit < 1:
            raise ManifestError("design.toml", f"part.{row.id}.per_kit", "must be 1 or more")
        if not row.materials:
            raise ManifestError("design.toml", f"part.{row.id}.materials", "names no material")
        for code in row.materials:
            material(code)
    return manifest


def _check_unique(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for part in ids:
        if part in seen:
            raise ManifestError("design.toml", f"part.{part}", "is there twice")
        seen.add(part)
