"""Commands for designs: files are checked, added, handed on, accepted and withdrawn."""

import contextlib
import hashlib
import json
import lzma
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.doubles.commands import ROOT, coordinator_file, fabnet, one_sentence
from tests.doubles.models import FRAME


def test_a_wrong_design_is_refused_and_nothing_is_kept(tmp_path):
    config = coordinator_file(tmp_path)
    folder = tmp_path / "design"
    shutil.copytree(FRAME.parent, folder)
    (folder / "frame.stl").write_bytes(b"\xff\xd8\xff\xe0 a photograph " * 50)
    one_sentence(fabnet("design", "add", folder, "--config", config), "frame.stl")
    good = fabnet("design", "add", FRAME.parent, "--config", config, "--json")
    assert good.returncode == 0, good.stderr
    assert '"design":"visor-frame"' in good.stdout


def test_a_bare_file_is_added_as_a_draft(tmp_path):
    config = coordinator_file(tmp_path)
    shutil.copy(FRAME, tmp_path / "my_visor.stl")
    facts = ["--title", "Mine", "--material", "PLA", "--licence", "MIT", "--per-kit", "2"]
    command = ["design", "add", tmp_path / "my_visor.stl", "--config", config]
    answer = fabnet(*command, *facts, "--json")
    assert answer.returncode == 0, answer.stderr
    revision = json.loads(answer.stdout)
    assert (revision["design"], revision["title"], revision["licence"]) == (
        "my-visor", "Mine", "MIT",
    )  # fmt: skip
    assert [(p["per_kit"], p["materials"]) for p in revision["parts"]] == [(2, ["PLA"])]
    assert json.loads(fabnet(*command, *facts, "--json").stdout) == revision
    said = fabnet(*command).stdout
    assert "LicenseRef-unknown" in said
    assert "a kit is 1 x My visor" in said
    one_sentence(fabnet(*command, "--material", "PETGG"), "did you mean PETG")


def test_whole_kits_are_written_as_a_plate(tmp_path):
    config = coordinator_file(tmp_path)
    kit = FRAME.parents[1] / "visor-kit"
    revision = json.loads(fabnet("design", "add", kit, "--config", config, "--json").stdout)
    out = tmp_path / "kits.3mf"
    command = ["design", "plate", revision["id"][:8], "--out", out, "--config", config]
    said = fabnet(*command, "--preset", "generic-250x210")
    assert said.returncode == 0, said.stderr
    assert "2 x " in said.stdout
    assert "6 parts on one bed" in said.stdout
    with zipfile.ZipFile(out) as archive:
        assert archive.read("3D/3dmodel.model").count(b"<item ") == 6
    whole = out.read_bytes()
    refused = fabnet(*command, "--preset", "generic-180x180", "--kits", "3")
    assert refused.returncode == 1
    assert "of 3 kits 1 can be laid on one bed" in refused.stderr
    one_sentence(fabnet(*command, "--preset", "prusa-minni"), "prusa-mini")
    assert out.read_bytes() == whole
    assert sorted(each.name for each in tmp_path.glob("kits*")) == ["kits.3mf"]


def test_what_stands_in_a_manifest_is_not_asked_for_again(tmp_path):
    answer = fabnet("design", "add", FRAME.parent, "--title", "x")
    assert answer.returncode == 2
    assert "stand in its manifest" in answer.stderr
    assert fabnet("design", "add", tmp_path / "none.stl").returncode == 2


@pytest.fixture
def models(tmp_path):
    """A folder with one good file and one broken one, in a folder of its own."""
    (tmp_path / "models" / "old").mkdir(parents=True)
    shutil.copy(FRAME, tmp_path / "models" / "frame.STL")
    (tmp_path / "models" / "old" / "cut.stl").write_bytes(FRAME.read_bytes()[:-50])
    (tmp_path / "models" / "notes.txt").write_text("not a model")
    return tmp_path / "models"


def test_files_are_checked_for_scripts(models):
    answer = fabnet("design", "check", models, "--json")
    assert (answer.returncode, answer.stderr) == (1, "")
    good, bad = map(json.loads, answer.stdout.splitlines())
    assert list(good)[:11] == [
        "file", "verdict", "reasons", "triangles", "watertight", "bodies", "volume_cm3",
        "extents_mm", "sha256", "seconds", "peak_mb",
    ]  # fmt: skip
    assert (good["file"], good["verdict"], good["reasons"]) == ("frame.STL", "passed", [])
    assert (good["triangles"], good["watertight"], good["bodies"]) == (3520, True, 1)
    assert good["sha256"] == hashlib.sha256(FRAME.read_bytes()).hexdigest()
    assert 0 < good["seconds"] < 60
    assert 20 < good["peak_mb"] < 2048
    assert (bad["file"], bad["verdict"], bad["triangles"]) == ("cut.stl", "refused", None)
    assert "cut short" in bad["reasons"][0]


def test_a_design_goes_out_and_in_again(tmp_path):
    config = coordinator_file(tmp_path)
    added = fabnet("design", "add", FRAME.parent, "--config", config, "--json")
    revision = json.loads(added.stdout)["id"]
    out = tmp_path / "out"
    command = ["design", "export", revision[:8], out, "--config", config]
    one_sentence(fabnet(*command, "--format", "okh-2"), "repo: is missing")
    assert not out.exists()
    fabnet(*command, "--format", "okh-2", "--repo", "https://example.org/x").check_returncode()
    assert "not empty" in fabnet(*command).stderr
    unknown = fabnet("design", "export", "ffff", out, "--config", config)
    assert (unknown.returncode, "no revision ffff" in unknown.stderr) == (1, True)
    again = fabnet("design", "add", out / "okh.toml", "--config", config)
    assert "Visor frame 1.0.0 (CERN-OHL-S-2.0)" in again.stdout


def test_a_design_is_accepted_and_withdrawn_by_name(tmp_path):
    config = coordinator_file(tmp_path)
    revision = json.loads(
        fabnet("design", "add", FRAME.parent, "--config", config, "--json").stdout
    )["id"]
    (tmp_path / "note.pdf").write_bytes(b"%PDF-1.4 we accept it")
    accepted = fabnet(
        "design", "accept", revision[:8], "--body", "CHU", "--use", "triage", "--by", "Ada",
        "--document", tmp_path / "note.pdf", "--until", "2099-01-31", "--config", config,
    )  # fmt: skip
    assert "accepted by CHU until 2099-01-31" in accepted.stdout
    command = ["design", "withdraw", revision[:8], "--by", "Ada", "--config", config]
    assert "is withdrawn" in fabnet(*command, "--reason", "the hook breaks").stdout
    one_sentence(fabnet(*command, "--reason", "again"), "already, by Ada")
    release = ["design", "release", "ABC", "--by", "Dr B", "--reason", "x", "--config", config]
    one_sentence(fabnet(*release), "ABC")


def test_files_are_checked_for_people(models):
    answer = fabnet("design", "check", models / "frame.STL", models / "old" / "cut.stl")
    assert answer.returncode == 1
    good, bad = answer.stdout.splitlines()
    assert good.startswith("passed   frame.STL: 1")
    assert bad.startswith("REFUSED  cut.stl: ")
    assert "export it again" in bad
    assert fabnet("design", "check", models / "frame.STL").returncode == 0
    missing = fabnet("design", "check", models / "none.stl", "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["verdict"] == "refused"


def test_patterns_are_checked_where_they_are_named(tmp_path):
    foil = FRAME.parent.parent / "visor-foil"
    running = tmp_path / "running.svg"
    running.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>')
    shapeless = tmp_path / "shapeless.svg"
    shapeless.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    files = (foil / "foil.svg", foil / "foil.dxf", shapeless, running, tmp_path / "none.pdf")
    answer = fabnet("design", "check", *files, "--json")
    assert (answer.returncode, answer.stderr) == (1, "")
    svg, dxf, no_size, script, none = map(json.loads, answer.stdout.splitlines())
    for each in (svg, dxf):
        assert (each["verdict"], each["extents_mm"]) == ("passed", [297.0, 210.0, 0.0])
        assert (each["triangles"], each["reasons"]) == (None, [])
    assert dxf["sha256"] == hashlib.sha256((foil / "foil.dxf").read_bytes()).hexdigest()
    assert no_size["verdict"] == "passed-with-warning"
    assert "no size in millimetres" in no_size["reasons"][0]
    assert (script["verdict"], script["extents_mm"]) == ("refused", None)
    assert "it has <script>" in script["reasons"][0]
    assert none["verdict"] == "refused"
    told = fabnet("design", "check", foil / "foil.svg", shapeless)
    assert told.returncode == 0
    first, second = told.stdout.splitlines()
    assert first == "passed   foil.svg: 297.0 x 210.0 mm, a pattern, for people to cut or sew"
    assert second.startswith(
        "passed   shapeless.svg: a pattern, for people to cut or sew; but it says"
    )


def test_gcode_that_somebody_brings_is_read_and_held_against_a_machine(tmp_path):
    from tests.unit.printers.test_gcode_figures import CURA

    ours = tmp_path / "visor.gcode"
    packed = FRAME.parent / "slices" / "generic-220x220-PLA-1.gcode.xz"
    ours.write_bytes(lzma.decompress(packed.read_bytes()))
    theirs = tmp_path / "THEIRS.GCO"
    theirs.write_text(CURA + "G28\nM104 S400\n", encoding="utf-8")
    told = fabnet("design", "check", ours, theirs)
    assert told.returncode == 0
    first, second = told.stdout.splitlines()
    assert first.startswith("read     visor.gcode: PrusaSlicer 2.5.0, 59 min, 15.7 g, ")
    assert first.endswith("m of filament, layers of 0.3 mm")
    assert second == (
        "read     THEIRS.GCO: Cura_SteamEngine 4.6.1, 1 h 59 min, 3.43 m of filament,"
        " layers of 0.2 mm"
    )
    where = ("--preset", "creality-ender-3", "--material", "PLA")
    held = fabnet("design", "check", ours, theirs, *where, "--json")
    assert held.returncode == 1
    good, bad = map(json.loads, held.stdout.splitlines())
    assert (good["verdict"], good["reasons"], good["print_seconds"]) == ("passed", [], 3514)
    assert bad["verdict"] == "refused"
    assert "400 C" in bad["reasons"][0]
    assert (bad["grams"], bad["filament_mm"]) == (None, 3429.51)
    assert fabnet("design", "check", ours, "--preset", "anet-a8").returncode == 2
    unknown = ("--preset", "anet-a9", "--material", "PLA")
    one_sentence(fabnet("design", "check", ours, *unknown), "did you mean 'anet-a8'")


def test_an_archive_is_looked_into(models, tmp_path):
    packed = Path(shutil.make_archive(str(tmp_path / "thing"), "zip", models))
    with zipfile.ZipFile(packed, "a") as more:
        more.writestr("__MACOSX/._frame.stl", b"\0\5\x16\7")
        more.writestr("again.zip", b"PK\x03\x04")
    answer = fabnet("design", "check", packed)
    again, good, bad = answer.stdout.splitlines()
    assert good.startswith("passed   thing.zip/frame.STL: 1")
    assert bad.startswith("REFUSED  thing.zip/old/cut.stl: ")
    assert again.startswith("REFUSED  thing.zip/again.zip: an archive is a design")
    told = fabnet("design", "check", packed, "--json").stdout.splitlines()
    assert json.loads(told[1])["path"] == f"{packed}/frame.STL"
    packed.write_bytes(packed.read_bytes()[:-30])
    assert "REFUSED  thing.zip: cannot be unpacked" in fabnet("design", "check", packed).stdout


def test_a_folder_without_models_is_said(tmp_path):
    answer = fabnet("design", "check", tmp_path)
    assert answer.returncode == 1
    assert "no STL, OBJ or 3MF" in answer.stderr


def test_a_person_sees_how_far_a_folder_is(models):
    """On a terminal there is a bar, and the answers stand above it, whole."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fabnet", "design", "check", str(models)]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the terminal ends with its last writer
        while block := os.read(ours, 4096):
            seen += block
    os.close(ours)
    assert child.wait(60) == 1
    assert b"Checking" in seen
    assert "━".encode() in seen
    assert b"REFUSED  old/cut.stl" in seen
