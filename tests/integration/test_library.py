"""The library on a real database and a real folder: by hash, once, and whole or not at all."""

import hashlib
import resource
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlite_utils
import trimesh

import designs.catalogue
from designs.errors import (
    ManifestError,
    MeshRefusedError,
    MissingFileError,
    TooManyCopiesError,
    UnknownMaterialError,
    UnknownRevisionError,
)
from designs.library import Library
from designs.model import Bed, ReviewState
from tests.doubles.models import REAL_FIGURES, real

VISOR = Path(designs.catalogue.__path__[0]) / "visor-frame"
BED = Bed(x_mm=250.0, y_mm=210.0, margin_mm=2.0)


def library_of(folder):
    connection = sqlite3.connect(folder / "ledger.db", timeout=60, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    return Library(sqlite_utils.Database(connection), folder / "files")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    library = library_of(folder)
    library.migrate()
    revision = library.add_design(VISOR)
    library.max_layout(revision.parts[0].facts.mesh_sha256, BED)
    library._db.conn.close()
    return folder, revision


@pytest.fixture
def library(filled, tmp_path):
    shutil.copytree(filled[0], tmp_path / "copy")
    opened = library_of(tmp_path / "copy")
    yield opened
    opened._db.conn.close()


@pytest.fixture
def mesh(filled):
    return filled[1].parts[0].facts.mesh_sha256


def test_the_catalogues_visor_is_added_once(library, filled):
    revision = filled[1]
    assert library.add_design(VISOR) == revision
    assert library.revisions() == (revision,)
    assert library.revision(revision.id) == revision
    assert (revision.design, revision.review) == ("visor-frame", ReviewState.DRAFT)
    part = revision.parts[0]
    assert (part.id, part.per_kit, part.materials) == ("frame", 1, ("PETG", "PLA"))
    stored = library.file(part.facts.mesh_sha256)
    assert stored.read_bytes() == (VISOR / "frame.stl").read_bytes()


def test_the_manifest_makes_no_medical_claim():
    text = (VISOR / "design.toml").read_text(encoding="utf-8")
    assert "splash guard" in text
    assert "not a medical" in text


def test_another_version_is_another_revision(library, filled, tmp_path):
    changed = edited(tmp_path, 'version = "1.0.0"', 'version = "1.0.1"')
    revision = library.add_design(changed)
    assert revision.id != filled[1].id
    assert [each.version for each in library.revisions()] == ["1.0.0", "1.0.1"]


def edited(tmp_path, old, new):
    folder = tmp_path / "design"
    folder.mkdir()
    shutil.copy(VISOR / "frame.stl", folder)
    text = (VISOR / "design.toml").read_text(encoding="utf-8")
    assert old in text
    (folder / "design.toml").write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "error", "says"),
    [
        ('title = "Visor frame"', "", ManifestError, "title"),
        ("per_kit = 1", "per_kit = 0", ManifestError, "1 or more"),
        ("per_kit = 1", 'per_kit = "one"', ManifestError, "per_kit"),
        ('file = "frame.stl"', 'file = "../frame.stl"', ManifestError, "out of the folder"),
        ('file = "frame.stl"', 'file = "none.stl"', MeshRefusedError, "cannot be read"),
        ('["PETG", "PLA"]', '["PETG", "PLAA"]', UnknownMaterialError, "did you mean PLA"),
        ('["PETG", "PLA"]', "[]", ManifestError, "no material"),
        ('design = "visor-frame"', 'design = "Visor Frame"', ManifestError, "small letters"),
        ('review = "draft"', 'review = "perfect"', ManifestError, "review"),
        ("[fabnet]", "[fabnet", ManifestError, "is no TOML"),
    ],
)
def test_a_wrong_manifest_is_refused_and_nothing_is_kept(library, tmp_path, old, new, error, says):
    before = library.revisions()
    with pytest.raises(error, match=says):
        library.add_design(edited(tmp_path, old, new))
    assert library.revisions() == before


def test_a_folder_without_a_manifest(library, tmp_path):
    with pytest.raises(ManifestError, match="cannot be read"):
        library.add_design(tmp_path)


# --- a bare file


@pytest.fixture
def model(tmp_path):
    """A file with a name as makers give them."""
    path = tmp_path / "Étrier_2 (v3).STL"
    trimesh.creation.box(extents=(30, 20, 5)).export(path, file_type="stl")
    return path


def test_a_bare_file_is_a_draft_of_one_part(library, model):
    revision = library.add_model(model)
    assert (revision.design, revision.title) == ("etrier-2-v3", "Étrier 2 (v3)")
    assert (revision.review, revision.licence) == (ReviewState.DRAFT, "LicenseRef-unknown")
    (part,) = revision.parts
    assert (part.id, part.title, part.per_kit) == ("part", revision.title, 1)
    assert part.materials == ("PETG", "PLA")
    assert part.facts.extents_mm == (30.0, 20.0, 5.0)
    assert library.file(part.facts.mesh_sha256) is not None
    assert revision in library.revisions()


def test_the_same_file_again_is_the_same_revision_and_a_changed_one_another(library, model):
    revision, before = library.add_model(model), len(library.revisions())
    assert library.add_model(model) == revision
    moved = trimesh.creation.box(extents=(30, 20, 5))
    moved.apply_translation((7, 8, 9))
    moved.export(model, file_type="stl")
    assert library.add_model(model) == revision
    assert len(library.revisions()) == before
    trimesh.creation.box(extents=(30, 21, 5)).export(model, file_type="stl")
    changed = library.add_model(model)
    assert changed.design == revision.design
    assert (changed.id, changed.version) != (revision.id, revision.version)


def test_what_is_said_about_a_bare_file_counts(library, model):
    revision = library.add_model(
        model, title="Stirrup", materials=("PLA",), per_kit=4, licence="CC-BY-4.0"
    )
    assert (revision.title, revision.licence) == ("Stirrup", "CC-BY-4.0")
    assert (revision.parts[0].per_kit, revision.parts[0].materials) == (4, ("PLA",))
    assert library.add_model(model).id != revision.id


def test_a_bare_file_that_cannot_be_made_leaves_nothing(library, model):
    before = library.revisions()
    with pytest.raises(UnknownMaterialError, match="did you mean PETG"):
        library.add_model(model, materials=("PETGG",))
    with pytest.raises(ManifestError, match="no material"):
        library.add_model(model, materials=())
    with pytest.raises(ManifestError, match="1 or more"):
        library.add_model(model, per_kit=0)
    model.write_bytes(model.read_bytes()[:-50])
    with pytest.raises(MeshRefusedError, match="cut short"):
        library.add_model(model)
    assert library.revisions() == before
    assert not [p for p in library._folder.iterdir() if p.name.startswith("design-")]


def two_parts(tmp_path):
    """A plate with two bars and four blocks, as a 3MF."""
    scene = trimesh.Scene()
    for number in range(6):
        size, name = ((40, 10, 5), "bar.stl") if number < 2 else ((10, 10, 5), "Small block")
        move = trimesh.transformations.translation_matrix((60 * number, 0, 0))
        if name not in scene.geometry:
            scene.add_geometry(trimesh.creation.box(extents=size), geom_name=name, transform=move)
        else:
            scene.graph.update(frame_to=f"{name} {number}", geometry=name, matrix=move)
    scene.export(tmp_path / "set.3mf")
    return tmp_path / "set.3mf"


def test_a_plate_of_different_parts_is_a_kit_in_their_proportion(library, tmp_path):
    revision = library.add_model(two_parts(tmp_path), per_kit=3)
    found = {(p.id, p.title, p.per_kit, p.facts.extents_mm) for p in revision.parts}
    assert found == {
        ("bar", "Bar", 3, (40.0, 10.0, 5.0)),
        ("small-block", "Small block", 6, (10.0, 10.0, 5.0)),
    }


def test_a_manifest_chooses_a_part_of_a_plate(library, tmp_path):
    folder = edited(tmp_path, 'file = "frame.stl"', 'file = "set.3mf"\nobject = "bar.stl"')
    two_parts(folder)
    assert library.add_design(folder).parts[0].facts.extents_mm == (40.0, 10.0, 5.0)
    text = (folder / "design.toml").read_text(encoding="utf-8")
    (folder / "design.toml").write_text(text.replace("bar.stl", "lid.stl"), encoding="utf-8")
    with pytest.raises(MeshRefusedError, match=r"'bar\.stl', 'Small block'"):
        library.add_design(folder)


@pytest.mark.parametrize("name", sorted(REAL_FIGURES))
def test_every_real_file_becomes_a_design(library, name):
    revision = library.add_model(real(name))
    kit = [(part.title, part.per_kit) for part in revision.parts]
    if name.endswith(".3mf"):
        assert kit == [("Reinforcement final", 1), ("COVID19 SHIELD RC2", 1)]
    else:
        assert kit == [(revision.title, 1)]


# --- what is drawn


def test_a_picture_is_drawn_once_and_kept_beside_the_mesh(library, mesh):
    path = library.picture(mesh)
    assert path.parent == library.file(mesh).parent
    assert path.read_bytes().startswith(b"\x89PNG")
    path.write_bytes(b"kept")
    assert library.picture(mesh).read_bytes() == b"kept"
    path.unlink()
    assert library.picture(mesh).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MissingFileError):
        library.picture("0" * 64)


def test_a_picture_for_which_there_is_no_room_leaves_nothing_and_is_drawn_later(library, mesh):
    picture = library.picture(mesh)
    picture.unlink()
    there = sorted(picture.parents[1].rglob("*"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            library.picture(mesh)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(picture.parents[1].rglob("*")) == there
    assert library.picture(mesh).stat().st_size > 1000


def test_a_footprint_is_kept_exactly(library, mesh):
    made = library.footprint(mesh)
    library.file(mesh).unlink()
    assert library.footprint(mesh).equals_exact(made, 0.0)


def test_what_was_not_nested_yet_is_told(library, mesh):
    other = Bed(x_mm=180.0, y_mm=180.0, margin_mm=2.0)
    assert library.nested(mesh, other) is None
    layout = library.max_layout(mesh, other)
    assert library.nested(mesh, other) == layout
    assert library.nested("0" * 64, other) is None


def test_what_is_not_there_is_told(library):
    with pytest.raises(UnknownRevisionError):
        library.revision("0" * 64)
    assert library.file("0" * 64) is None
    assert library.file("../../ledger.db") is None
    with pytest.raises(MissingFileError):
        library.max_layout("0" * 64, BED)


def test_a_file_lies_under_its_hash(library, tmp_path):
    (tmp_path / "note").write_bytes(b"hello")
    sha256 = library.add_file(tmp_path / "note")
    assert sha256 == hashlib.sha256(b"hello").hexdigest()
    assert library.add_file(tmp_path / "note") == sha256
    assert library.file(sha256).read_bytes() == b"hello"
    assert library.file(sha256).parent.name == sha256[:2]
    leftovers = [p for p in library._folder.iterdir() if p.name.startswith("new-")]
    assert leftovers == []


def test_two_visors_lie_on_250_by_210_and_the_nest_is_kept(library, mesh):
    layout = library.max_layout(mesh, BED)
    assert len(layout.placements) == 2
    library._db.execute("update nest set layout = replace(layout, '90.0', '91.0')")
    assert library.max_layout(mesh, BED).placements[0].angle_deg == 91.0


def test_a_plate_is_written_once_and_again_when_its_file_is_gone(library, mesh):
    layout = library.max_layout(mesh, BED)
    one, two = (library.plate(mesh, layout, copies) for copies in (1, 2))
    assert one.sha256 != two.sha256
    path = library.file(two.sha256)
    assert path.stat().st_size == two.bytes
    assert hashlib.sha256(path.read_bytes()).hexdigest() == two.sha256
    path.unlink()
    assert library.plate(mesh, layout, 2) == two
    assert path.exists()


@pytest.mark.parametrize("copies", [0, 3])
def test_no_more_copies_than_fit(library, mesh, copies):
    with pytest.raises(TooManyCopiesError, match="2 fit"):
        library.plate(mesh, library.max_layout(mesh, BED), copies)


def test_a_callers_transaction_stays_the_callers(library, mesh):
    db = library._db.conn
    db.execute("begin immediate")
    library.plate(mesh, library.max_layout(mesh, BED), 1)
    assert db.in_transaction
    db.execute("rollback")
    assert db.execute("select count(*) from plate").fetchone()[0] == 0


def test_two_threads_add_and_plan_the_same_at_once(library, filled, mesh):
    folder = library._folder.parent
    found, lost = [], []

    def work():
        mine = library_of(folder)
        try:
            revision = mine.add_design(VISOR)
            plate = mine.plate(mesh, mine.max_layout(mesh, BED), 2)
            found.append((revision, plate))
        except sqlite3.Error as error:
            lost.append(error)
        finally:
            mine._db.conn.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost
    assert len(found) == 3
    assert all(each == found[0] for each in found)
    assert found[0][0] == filled[1]
