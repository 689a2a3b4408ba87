"""Designs passed on: a folder, a ZIP or a manifest in, whatever is in them, and out again."""

import shutil
import stat
import tomllib
import zipfile

import pytest
import sqlite_utils

from designs import bundle
from designs.archive import MOST_FILES, unpack
from designs.errors import ArchiveError, ManifestError
from designs.library import Library
from designs.okh import Format
from tests.doubles.world import CATALOGUE
from tests.unit.designs.test_okh import TOML, YAML

CLIP = CATALOGUE / "visor-kit" / "clip.stl"


@pytest.fixture
def library(tmp_path):
    opened = Library(sqlite_utils.Database(memory=True), tmp_path / "files")
    opened.migrate()
    yield opened
    opened._db.conn.close()


@pytest.fixture
def visor(tmp_path):
    """A folder as from a public repository."""
    folder = tmp_path / "visor"
    (folder / "stl").mkdir(parents=True)
    shutil.copy(CLIP, folder / "stl" / "band.stl")
    (folder / "okh.toml").write_bytes(TOML)
    return folder


def zipped(path, folder):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(folder.rglob("*")):
            archive.write(each, f"visor-main/{each.relative_to(folder)}")
    return path


def test_a_folder_its_zip_and_its_manifest_are_the_same_revision(library, visor, tmp_path):
    revision = bundle.add(library, visor)
    assert bundle.add(library, visor / "okh.toml") == revision
    assert bundle.add(library, zipped(tmp_path / "v.zip", visor)) == revision
    assert [(part.id, part.per_kit) for part in revision.parts] == [("head-band", 2)]
    assert [(o.title, o.per_kit, o.process) for o in revision.others] == [("Clear sheet", 1, "BUY")]
    assert library.revision(revision.id) == revision


def test_what_comes_out_is_what_went_in(library, visor, tmp_path):
    revision = bundle.add(library, visor)
    written = bundle.export(library, revision, tmp_path / "out")
    assert written == tmp_path / "out" / "okh.toml"
    assert tomllib.loads(written.read_text()) == tomllib.loads(TOML.decode()) | {
        "fabnet": {"revision": revision.id}
    }
    assert (tmp_path / "out/stl/band.stl").read_bytes() == CLIP.read_bytes()
    with pytest.raises(FileExistsError):
        bundle.export(library, revision, tmp_path / "out")


def test_it_comes_out_in_the_other_format_and_in_again(library, visor, tmp_path):
    first = bundle.add(library, visor)
    bundle.export(library, first, tmp_path / "one", Format.YAML)
    second = bundle.add(library, tmp_path / "one")
    written = bundle.export(library, second, tmp_path / "two", Format.TOML)
    data = tomllib.loads(written.read_text())
    assert {key: data[key] for key in tomllib.loads(TOML.decode())} == tomllib.loads(TOML.decode())
    third = bundle.add(library, tmp_path / "two")
    assert [part.facts for part in third.parts] == [part.facts for part in first.parts]


def test_version_1_is_added_too(library, visor):
    (visor / "okh.toml").rename(visor / "okh-visor.yml")
    (visor / "okh-visor.yml").write_bytes(YAML)
    (visor / "stl" / "band.stl").rename(visor / "stl" / "frame.stl")
    revision = bundle.add(library, visor)
    assert (revision.title, revision.version, revision.licence) == (
        "Visor",
        "1.10",
        "CERN-OHL-S-2.0",
    )


def test_our_own_designs_go_out_as_open_know_how(library, tmp_path):
    revision = bundle.add(library, CATALOGUE / "visor-kit")
    assert [part.process for part in revision.others] == ["BUY", "BUY"]
    with pytest.raises(ManifestError, match="repo: is missing"):
        bundle.export(library, revision, tmp_path / "none", Format.TOML)
    bundle.export(library, revision, tmp_path / "out", Format.TOML, "https://example.org/visor")
    again = bundle.add(library, tmp_path / "out")
    assert [(p.id, p.per_kit, p.materials, p.facts) for p in again.parts] == [
        (p.id, p.per_kit, p.materials, p.facts) for p in revision.parts
    ]
    assert again.others == revision.others


def test_a_pattern_goes_out_and_in_with_its_design(library, tmp_path):
    revision = bundle.add(library, CATALOGUE / "door-hook-pouch")
    bundle.export(library, revision, tmp_path / "out", Format.TOML, "https://example.org/pouch")
    again = bundle.add(library, tmp_path / "out")
    assert again.made[1] == revision.made[1]
    pattern = (CATALOGUE / "door-hook-pouch" / "pouch.svg").read_bytes()
    assert (tmp_path / "out" / "pouch.svg").read_bytes() == pattern


def test_a_bare_model_goes_out_with_the_manifest_that_was_made_for_it(library, tmp_path):
    revision = bundle.add(library, CLIP, title="Clip", licence="CC-BY-4.0", per_kit=2)
    bundle.export(library, revision, tmp_path / "out")
    assert (tmp_path / "out" / "clip.stl").read_bytes() == CLIP.read_bytes()
    again = bundle.add(library, tmp_path / "out")
    assert [(p.per_kit, p.facts) for p in again.parts] == [(2, revision.parts[0].facts)]


def test_a_folder_with_two_manifests_or_none(library, visor):
    (visor / "okh.toml").rename(visor / "okh-a.toml")
    shutil.copy(visor / "okh-a.toml", visor / "okh-b.toml")
    with pytest.raises(ManifestError, match="2 manifests"):
        bundle.add(library, visor)
    (visor / "okh-b.toml").unlink()
    assert bundle.add(library, visor).title == "Visière"
    (visor / "okh-a.toml").unlink()
    with pytest.raises(ManifestError, match="there is none"):
        bundle.add(library, visor)


# --- archives


def archive(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            made.writestr(name, data)
    return path


def link():
    entry = zipfile.ZipInfo("frame.stl")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([("../evil.toml", "x")], "leads out"),
        ([("a/../../evil.toml", "x")], "leads out"),
        ([("/etc/evil.toml", "x")], "leads out"),
        ([("C:/evil.toml", "x")], "leads out"),
        ([("a\\..\\evil.toml", "x")], "leads out"),
        ([(link(), "/etc/passwd")], "is a link"),
        ([("zeros.stl", bytes(20_000_000))], "would grow to 19 MiB"),
        ([(f"{n}.stl", "x") for n in range(MOST_FILES + 1)], "holds 501 files"),
        ([("Design.toml", "x"), ("design.toml", "y")], "is there twice"),
        ([("a", "x"), ("a/b", "y")], "File exists|Not a directory"),
        ([], "holds no file"),
    ],
)
def test_an_archive_that_is_a_trap_leaves_nothing(tmp_path, entries, says):
    out = tmp_path / "out"
    out.mkdir()
    path = archive(tmp_path / "trap.zip", entries)
    with pytest.raises((ArchiveError, OSError), match=says):
        unpack(path, out)
    assert list(out.iterdir()) == []
    assert {each.name for each in tmp_path.iterdir()} == {"out", "trap.zip"}


def test_an_archive_of_windows_with_slashes_the_other_way_round_is_a_folder(tmp_path, visor):
    path = archive(
        tmp_path / "a.zip",
        [(f"visor\\{each.name}", each.read_bytes()) for each in visor.iterdir() if each.is_file()]
        + [("visor\\pictures\\", b""), (".DS_Store", b"x"), ("__MACOSX/visor/._okh.toml", b"\0")],
    )
    out = tmp_path / "out"
    out.mkdir()
    assert unpack(path, out) == out / "visor"
    assert (out / "visor" / "okh.toml").read_bytes() == (visor / "okh.toml").read_bytes()


def test_an_archive_with_one_model_and_no_manifest_is_that_model(library, visor, tmp_path):
    data = CLIP.read_bytes()
    more = [("thing/README.txt", "x"), ("__MACOSX/thing/._clip.stl", b"\0\5\x16\7")]
    one = archive(tmp_path / "thing.zip", [("thing/files/clip.stl", data), *more])
    assert bundle.add(library, one, title="Clip") == bundle.add(library, CLIP, title="Clip")
    two = archive(tmp_path / "two.zip", [("a.stl", data), ("b.stl", data), *more])
    with pytest.raises(ManifestError, match=r"two\.zip: holds 2 models and no manifest"):
        bundle.add(library, two)


def test_an_archive_that_is_broken_is_refused(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    whole = archive(tmp_path / "a.zip", [("design.toml", "x" * 5000), ("b.stl", "y" * 5000)])
    data = bytearray(whole.read_bytes())
    data[60] ^= 0xFF  # in the first file
    for broken in (bytes(data), whole.read_bytes()[:-30], b"no zip at all"):
        whole.write_bytes(broken)
        with pytest.raises(ArchiveError, match="cannot be unpacked"):
            unpack(whole, out)
        assert list(out.iterdir()) == []
