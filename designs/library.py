"""The designs that may be made: files by their hash; revisions, nests and plates in tables.

The tables lie in the coordinator's SQLite file. Every statement stands alone and can be repeated, so
that it works inside a caller's transaction and outside one, and two threads that add the same thing
add it once. A file (`designs.files`) is on the disk before a table names it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import shapely
import sqlite_utils
import tomlkit

from designs.errors import (
    MeshRefusedError,
    TooManyCopiesError,
    UnknownRevisionError,
    UnreadableRevisionError,
)
from designs.files import Files
from designs.manifest import (
    DEFAULT_MATERIALS,
    UNKNOWN_LICENCE,
    Manifest,
    PartRow,
    check_manifest,
    find_manifest,
    manifest_of,
    own_keys,
    read_manifest,
)
from designs.mesh import check, measure, read_canonical
from designs.model import PRINTED, Bed, Layout, Part, PartFacts, Revision, Verdict
from designs.okh import Document, read
from designs.packing import centred, footprint, hull, pack
from designs.pattern import Drawing
from designs.picture import PICTURE_FORMAT, draw
from designs.plate_file import write_plate
from designs.raster import Shadow
from designs.sources import inside, look_at, other_part
from designs.tables import design_migrations


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a revision was added from."""

    manifest: Document
    files: dict[str, str]  # SHA-256 in the library by path beside the manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A plate file in the library."""

    sha256: str
    bytes: int


class Library:
    """The library over one connection; make one for each thread.

    Args:
        db: the coordinator's database; `migrate` makes its tables.
        folder: holds the files, each under its SHA-256; made where it is missing.
    """

    def __init__(self, db: sqlite_utils.Database, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._files = Files(folder)

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self._folder

    def migrate(self) -> None:
        """Make or update the library's tables."""
        design_migrations.apply(self._db)

    # -- files ---------------------------------------------------------------------------------

    def add_file(self, path: Path) -> str:
        """Copy a file into the library; return its SHA-256. It is on the disk when this returns."""
        return self._files.add(path)

    def file(self, sha256: str) -> Path | None:
        """Return where the file of this hash lies; None when it is not here, or this is no hash."""
        return self._files.find(sha256)

    def mesh(self, mesh_sha256: str) -> Path:
        """Return where the canonical mesh of a part lies.

        Raises:
            MissingFileError: there is no such mesh.
        """
        return self._files.need(mesh_sha256)

    # -- revisions -----------------------------------------------------------------------------

    def add_design(self, folder: Path, manifest: Path | None = None) -> Revision:
        """Read a design's manifest, pass every printed part through the mesh gate, keep the revision.

        The pattern of a part that people make is looked at for what may not be in it.

        The same manifest and the same bodies give the same revision, and are kept once.

        Args:
            folder: holds the model files that the manifest names.
            manifest: `design.toml`, or an Open Know-How manifest; the folder's own without it.

        Raises:
            ManifestError: names the file and the key.
            MeshRefusedError: names the part's file and what was measured.
            PatternRefusedError: names the pattern's file and what it must not have.
            UnknownMaterialError: a part names one that is not in the vocabulary.
        """
        document = read_manifest(manifest or find_manifest(folder))
        checked = check_manifest(own_keys(document))
        printed = [row for row in checked.part if row.tsdc == PRINTED]
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="design-") as work:
            mesh = Path(work) / "mesh.stl"
            facts = [self._measure(folder, row, mesh) for row in printed]
        drawn = {row.id: look_at(folder, row) for row in checked.part if row.has_pattern}
        made = [file for row in checked.part for file in row.files]
        files = {file: self.add_file(folder / file) for file in made}
        return self._keep(document, checked, facts, files, drawn)

    def _measure(self, folder: Path, row: PartRow, mesh: Path) -> PartFacts:
        source = inside(folder, row.id, row.file)
        facts = measure(source, mesh, row.object)
        self.add_file(mesh)
        return facts

    def add_model(
        self,
        path: Path,
        *,
        title: str = "",
        materials: tuple[str, ...] = DEFAULT_MATERIALS,
        per_kit: int = 1,
        licence: str = UNKNOWN_LICENCE,
    ) -> Revision:
        """Pass a bare model file (STL, OBJ or 3MF) through the mesh gate and keep it as a draft.

        The same body under the same name gives the same revision. A 3MF with several copies of a
        part gives a design of that one part; one with different parts gives a kit of them, in the
        proportion in which they lie on its plate.

        Args:
            path: the file; its name gives the design's short name.
            title: as pages show it; made of the file's name where it is empty.
            materials: codes of what it may be made of, best first.
            per_kit: how many of it make one kit.
            licence: SPDX.

        Raises:
            MeshRefusedError: it cannot be printed as it is.
            ManifestError: `materials` is empty, or `per_kit` less than 1.
            UnknownMaterialError: a material is not in the vocabulary.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="design-") as work:
            report = check(path, Path(work))
            if report.verdict is Verdict.REFUSED:
                raise MeshRefusedError(path.name, report.reasons[0])
            facts = [part.facts for part in report.parts]
            bodies = "".join(each.mesh_sha256 for each in facts)
            data = manifest_of(
                path.name,
                report.parts,
                title=title,
                version=hashlib.sha256(bodies.encode()).hexdigest()[:8],
                materials=materials,
                per_kit=per_kit,
                licence=licence,
            )
            manifest = check_manifest(data)
            for each in facts:
                self.add_file(Path(work) / each.mesh_sha256)
        document = read("design.toml", tomlkit.dumps(data).encode())
        return self._keep(document, manifest, facts, {path.name: self.add_file(path)}, {})

    def _keep(
        self,
        document: Document,
        manifest: Manifest,
        facts: list[PartFacts],
        files: dict[str, str],
        drawn: dict[str, Drawing],
    ) -> Revision:
        meshes = [each.mesh_sha256 for each in facts]
        made_from: dict[str, object] = {"manifest": document.data, "meshes": meshes}
        drawings = [row for row in manifest.part if row.has_pattern]
        patterns = {row.id: [files[file] for file in row.files] for row in drawings}
        if patterns:
            # One alone as a text: the fingerprints of revisions that are there stay as they are.
            made_from["patterns"] = {
                part: hashes if len(hashes) > 1 else hashes[0] for part, hashes in patterns.items()
            }
        text = json.dumps(
            made_from,
            sort_keys=True,
            separators=(",", ":"),
            default=str,
        )
        printed = [row for row in manifest.part if row.tsdc == PRINTED]
        revision = Revision(
            id=hashlib.sha256(text.encode()).hexdigest(),
            design=manifest.fabnet.design,
            title=manifest.title,
            version=manifest.version,
            licence=manifest.license,
            review=manifest.fabnet.review,
            breathing_path=manifest.fabnet.breathing_path,
            parts=tuple(
                Part(
                    id=row.id,
                    title=row.title or row.id,
                    per_kit=row.per_kit,
                    materials=row.materials,
                    facts=each,
                )
                for row, each in zip(printed, facts, strict=True)
            ),
            others=tuple(
                other_part(row, patterns.get(row.id, []), drawn.get(row.id, Drawing()))
                for row in manifest.part
                if row.tsdc != PRINTED
            ),
        )
        self._db.execute(
            "insert or ignore into manifest (revision, name, text, files) values (?, ?, ?, ?)",
            (revision.id, document.name, document.text, json.dumps(files)),
        )
        self._db.execute(
            "insert or ignore into revision (id, design, body) values (?, ?, ?)",
            (revision.id, revision.design, msgspec.json.encode(revision).decode()),
        )
        return self.revision(revision.id)

    def revision(self, revision_id: str) -> Revision:
        """Return one revision.

        Raises:
            UnknownRevisionError: there is none of this id.
            UnreadableRevisionError: what was kept of it cannot be read; as an unknown one for who shows it.
        """
        row = self._db.execute("select body from revision where id = ?", (revision_id,)).fetchone()
        if row is None:
            raise UnknownRevisionError(revision_id)
        found = _revision(row[0])
        if found is None:
            raise UnreadableRevisionError(revision_id)
        return found

    def source(self, revision_id: str) -> Source | None:
        """Return what a revision was added from; None where it was added before this was kept.

        Raises:
            UnreadableRevisionError: what was kept of it cannot be read.
        """
        row = self._db.execute(
            "select name, text, files from manifest where revision = ?", (revision_id,)
        ).fetchone()
        if row is None:
            return None
        try:
            return Source(manifest=read(row[0], row[1].encode()), files=json.loads(row[2]))
        except (ValueError, RecursionError) as error:
            raise UnreadableRevisionError(revision_id) from error

    def revisions(self) -> tuple[Revision, ...]:
        """Return all revisions that can be read, by design, in the order in which they were added."""
        rows = self._db.execute("select body from revision order by design, rowid").fetchall()
        return tuple(found for row in rows if (found := _revision(row[0])) is not None)

    # -- nests and pictures ----------------------------------------------------------------------

    def max_layout(self, mesh_sha256: str, bed: Bed) -> Layout:
        """Return the fullest layout of a part on a bed; nested once for each pair, then kept.

        Raises:
            MissingFileError: there is no such mesh.
        """
        kept = self.nested(mesh_sha256, bed)
        if kept is not None:
            return kept
        layout = pack(self.footprint(mesh_sha256), bed)
        self._db.execute(
            "insert or replace into nest (mesh_sha256, bed, layout) values (?, ?, ?)",
            (mesh_sha256, _key(bed), msgspec.json.encode(layout).decode()),
        )
        return self.nested(mesh_sha256, bed) or layout

    def nested(self, mesh_sha256: str, bed: Bed) -> Layout | None:
        """Return the layout that `max_layout` has kept; None where it has not, or it cannot be read."""
        row = self._db.execute(
            "select layout from nest where mesh_sha256 = ? and bed = ?", (mesh_sha256, _key(bed))
        ).fetchone()
        try:
            return None if row is None else msgspec.json.decode(row[0], type=Layout)
        except msgspec.DecodeError:
            return None

    def footprint(self, mesh_sha256: str) -> Shadow:
        """Return a part's shadow on the bed; made once, then kept.

        Raises:
            MissingFileError: there is no such mesh.
        """
        query = "select wkb from footprint where mesh_sha256 = ?"
        row = self._db.execute(query, (mesh_sha256,)).fetchone()
        kept: Shadow | None = None if row is None else shapely.from_wkb(row[0], on_invalid="ignore")
        if kept is not None:
            return kept
        shadow = footprint(read_canonical(self._files.need(mesh_sha256)))
        self._db.execute(
            "insert or replace into footprint (mesh_sha256, wkb) values (?, ?)",
            (mesh_sha256, shapely.to_wkb(shadow)),
        )
        return shadow

    def picture(self, mesh_sha256: str) -> Path:
        """Return where the PNG picture of a part lies; drawn once, then kept beside the mesh.

        Raises:
            MissingFileError: there is no such mesh.
        """
        mesh = self._files.need(mesh_sha256)
        path = mesh.with_name(f"{mesh_sha256}-{PICTURE_FORMAT}.png")
        if not path.is_file():
            self._files.put([draw(read_canonical(mesh))], lambda: path)
        return path

    # -- plates --------------------------------------------------------------------------------

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
        plate = self._write_plate(self._files.need(mesh_sha256), layout, copies)
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


def _key(bed: Bed) -> str:
    return msgspec.json.encode(bed).decode()


def _revision(body: str) -> Revision | None:
    """Read what was kept of a revision; None where it cannot be read."""
    try:
        return msgspec.json.decode(body, type=Revision)
    except (ValueError, TypeError, RecursionError):
        return None
