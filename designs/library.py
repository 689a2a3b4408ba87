"""Designs that may be made: files by their hash on disk, revisions and nests in the ledger's file."""

from __future__ import annotations

import hashlib
import os
import tempfile
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from sqlite_utils import Database, Migrations

from designs.errors import ManifestError, UnknownDesignError
from designs.materials import material
from designs.mesh import measure
from designs.model import Bed, Layout, Part, ReviewState, Revision
from designs.packing import centred, pack
from designs.plate_file import footprint, plate_bytes

design_migrations = Migrations("designs")


@design_migrations()
def m001_designs(db: Database) -> None:
    """Revisions, nests and plates."""
    for statement in (
        "create table revision (id text primary key, design text not null, body text not null) strict",
        "create table nest (mesh_sha256 text not null, bed text not null, layout text not null,"
        " primary key (mesh_sha256, bed)) strict",
        "create table plate (mesh_sha256 text not null, bed text not null, copies integer not null,"
        " sha256 text not null, bytes integer not null, primary key (mesh_sha256, bed, copies)) strict",
    ):
        db.execute(statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A plate file in the library."""

    sha256: str
    size_bytes: int


class Library:
    """The library over one connection; make one for each thread.

    Args:
        folder: holds the files, each under its SHA-256.
    """

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder

    def migrate(self) -> None:
        """Make or update the library's tables."""
        design_migrations.apply(self._db)

    # --- files ------------------------------------------------------------------------------------

    def add_file(self, data: bytes) -> str:
        """Keep these bytes; return their SHA-256. They are on the disk when this returns."""
        sha256 = hashlib.sha256(data).hexdigest()
        target = self._path(sha256)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as fresh:
                fresh.write(data)
                fresh.flush()
                os.fsync(fresh.fileno())
            Path(fresh.name).replace(target)
        return sha256

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def file(self, sha256: str) -> Path | None:
        """Return the path of a file, None when it is not here."""
        is_hash = len(sha256) == 64 and all(c in "0123456789abcdef" for c in sha256)  # noqa: PLR2004
        path = self._path(sha256)
        return path if is_hash and path.exists() else None

    def _need(self, sha256: str) -> Path:
        path = self.file(sha256)
        if path is None:
            raise UnknownDesignError("file", sha256)
        return path

    # --- revisions --------------------------------------------------------------------------------

    def add_design(self, folder: Path) -> Revision:
        """Read `design.toml`, pass every mesh through the gate, keep the revision.

        The same manifest and meshes give the same revision; nothing is stored on an error.

        Raises:
            ManifestError: naming file and key.
            MeshRefusedError: naming the mesh and what was measured.
        """
        data = _read_manifest(folder / "design.toml")
        parts, meshes = [], []
        with tempfile.TemporaryDirectory() as work:
            for row in data.get("part", []):
                out = Path(work) / f"{len(parts)}.stl"
                parts.append(_part(folder, row, out))
                meshes.append(out.read_bytes())
        if not parts:
            raise ManifestError("design.toml", "part", "the design has no part")
        try:
            own = data.get("fabnet", {})
            draft = Revision(
                id="",
                design=own["design"],
                title=data["title"],
                version=data["version"],
                licence=data["license"],
                review=ReviewState(own.get("review", "draft")),
                parts=tuple(parts),
            )
        except KeyError as error:
            raise ManifestError("design.toml", str(error).strip("'"), "is missing") from error
        except ValueError as error:
            raise ManifestError("design.toml", "fabnet.review", str(error)) from error
        name = hashlib.sha256(msgspec.json.encode(draft)).hexdigest()
        revision = replace(draft, id=name)
        for mesh in meshes:
            self.add_file(mesh)
        self._db.execute(
            "insert or ignore into revision (id, design, body) values (?, ?, ?)",
            (revision.id, revision.design, msgspec.json.encode(revision).decode()),
        )
        return revision

    def revision(self, revision_id: str) -> Revision:
        """Return one revision.

        Raises:
            UnknownDesignError: there is none of this id.
        """
        row = self._db.execute("select body from revision where id = ?", (revision_id,)).fetchone()
        if row is None:
            raise UnknownDesignError("revision", revision_id)
        return msgspec.json.decode(row[0], type=Revision)

    def revisions(self) -> tuple[Revision, ...]:
        """Return all revisions, by design."""
        rows = self._db.execute("select body from revision order by design, rowid")
        return tuple(msgspec.json.decode(row[0], type=Revision) for row in rows)

    # --- plates -----------------------------------------------------------------------------------

    def max_layout(self, mesh_sha256: str, bed: Bed) -> Layout:
        """Return the fullest layout of a part on a bed; made once for each pair, then kept.

        Raises:
            UnknownDesignError: there is no such mesh.
        """
        key = msgspec.json.encode(bed).decode()
        row = self._db.execute(
            "select layout from nest where mesh_sha256 = ? and bed = ?", (mesh_sha256, key)
        ).fetchone()
        if row is not None:
            return msgspec.json.decode(row[0], type=Layout)
        layout = pack(footprint(self._need(mesh_sha256)), bed)
        self._db.execute(
            "insert or ignore into nest (mesh_sha256, bed, layout) values (?, ?, ?)",
            (mesh_sha256, key, msgspec.json.encode(layout).decode()),
        )
        return layout

    def plate(self, mesh_sha256: str, layout: Layout, copies: int) -> Plate:
        """Return the plate file of this many copies, written once and then kept.

        Raises:
            UnknownDesignError: there is no such mesh.
            ValueError: the layout holds fewer copies.
        """
        key = msgspec.json.encode(layout.bed).decode()
        row = self._db.execute(
            "select sha256, bytes from plate where mesh_sha256 = ? and bed = ? and copies = ?",
            (mesh_sha256, key, copies),
        ).fetchone()
        if row is not None and self.file(row[0]) is not None:
            return Plate(sha256=row[0], size_bytes=row[1])
        stl = self._need(mesh_sha256)
        data = plate_bytes(stl, centred(footprint(stl), layout, copies))
        sha256 = self.add_file(data)
        self._db.execute(
            "insert or replace into plate (mesh_sha256, bed, copies, sha256, bytes)"
            " values (?, ?, ?, ?, ?)",
            (mesh_sha256, key, copies, sha256, len(data)),
        )
        return Plate(sha256=sha256, size_bytes=len(data))


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(str(path), "", f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(path.name, "", f"is no TOML: {error}") from error


def _part(folder: Path, row: dict[str, Any], out: Path) -> Part:
    for key, kind in (("id", str), ("file", str), ("per_kit", int), ("materials", list)):
        if not isinstance(row.get(key), kind):
            raise ManifestError("design.toml", f"part.{key}", "is missing, or of the wrong kind")
    source = (folder / row["file"]).resolve()
    if not source.is_relative_to(folder.resolve()):
        raise ManifestError("design.toml", "part.file", "leads out of the design's folder")
    for code in row["materials"]:
        material(code)
    return Part(
        id=row["id"],
        title=row.get("title", row["id"]),
        per_kit=row["per_kit"],
        materials=tuple(row["materials"]),
        facts=measure(source, out),
    )
