"""From the catalogue's visor to G-code that passes the checks: PrusaSlicer for real, and without it."""

import dataclasses
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import trimesh

import firmware_profiles
from designs.materials import material as material_of
from designs.mesh import read_canonical
from firmware_profiles.loader import all_machines, load_machine
from firmware_profiles.profile import ROUND
from jobs.estimate import estimate
from printers.errors import GcodeRefusedError, NoSlicerError, SlicingError
from printers.gcode_pieces import Things, count
from printers.ready_slices import ReadySlices
from printers.slicing import PrusaSlicer
from tests.doubles.visor_slices import CATALOGUE, FRAME, PRESET, Visors, facts_of
from tests.unit.jobs.test_estimate import VISOR


@pytest.fixture(scope="module")
def flat_request_of(tmp_path_factory):
    """Requests for visors of a few layers: as wide as the others, and sliced in a quarter of the time."""
    folder = tmp_path_factory.mktemp("flat")
    mesh = trimesh.load(FRAME)
    mesh.apply_scale((1.0, 1.0, 2.4 / mesh.extents[2]))
    mesh.export(folder / "frame.stl")
    return Visors(folder, folder / "frame.stl")


@pytest.mark.parametrize(
    "changes",
    [
        {"bed": ROUND, "bed_x_mm": 260.0, "bed_y_mm": 260.0},
        {"keep_out_mm": ((0.0, 0.0, 40.0, 30.0),)},
    ],
)
def test_a_visor_on_a_round_bed_and_beside_what_stays_empty(
    slicer, flat_request_of, tmp_path, changes
):
    preset = dataclasses.replace(PRESET, name=f"mine-{len(changes)}", **changes)
    made = slicer.slice(flat_request_of(copies=1, preset=preset), tmp_path)
    facts = facts_of(made.gcode, preset)
    assert facts.extruded_mm > 1000
    # The same file is refused where something lies in its middle.
    x, y = (facts.x_min + facts.x_max) / 2, (facts.y_min + facts.y_max) / 2
    taken = dataclasses.replace(preset, keep_out_mm=((x - 90, y - 40, x + 90, y + 40),))
    with pytest.raises(GcodeRefusedError, match="stay empty"):
        facts_of(made.gcode, taken)


def test_two_visors_are_sliced_and_the_gcode_passes(slicer, request_of, tmp_path):
    made = slicer.slice(request_of(), tmp_path)
    facts = facts_of(made.gcode)
    assert facts.z_max == pytest.approx(8.1, abs=0.01)
    assert facts.x_max - facts.x_min > 230
    assert (facts.nozzle_max_c, facts.bed_max_c) == (240, 85)
    told = estimate(VISOR, 2, 1.27)
    assert told.seconds_low < made.seconds < told.seconds_high
    assert told.grams_low < made.grams < told.grams_high
    assert made.layers == 27
    assert made.slicer.startswith("PrusaSlicer-")
    # The filament that the checks have counted is what the slicer weighed.
    grams = facts.extruded_mm * 3.14159 * 1.75**2 / 4 / 1000 * 1.27
    assert grams == pytest.approx(made.grams, rel=0.02)
    with pytest.raises(GcodeRefusedError, match="240 C"):
        facts_of(made.gcode, nozzle_limit_c=230)
    with pytest.raises(GcodeRefusedError, match="the bed has 0 to 200"):
        facts_of(made.gcode, preset=dataclasses.replace(PRESET, bed_x_mm=200.0))


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--brim-width=5", "--skirts=2", "--load", "labelled.ini"),
        (
            "--skirts=2",
            "--skirt-height=100",
            "--support-material",
            "--support-material-threshold=80",
        ),
        (
            "--perimeters=1",
            "--fill-density=0",
            "--top-solid-layers=0",
            "--use-relative-e-distances",
        ),
    ],
    ids=["plain", "brim", "skirt and supports", "a shell"],
)
def test_whatever_else_is_printed_four_clips_are_four_pieces(slicer, tmp_path, more):
    clip, out = CATALOGUE / "visor-kit" / "clip.stl", tmp_path / "out.gcode"
    own = Path(firmware_profiles.__path__[0]) / "slicer" / "generic.ini"
    command = [
        "prusa-slicer",
        "--export-gcode",
        "--load",
        own,
        "--bed-shape=0x0,250x0,250x210,0x210",
    ]
    # As an option it is a switch before PrusaSlicer 2.6, and has a value since.
    (tmp_path / "labelled.ini").write_text("gcode_label_objects = 1\n")
    subprocess.run(
        [*command, "--duplicate=4", *more, "--output", out, clip], check=True, capture_output=True,
        timeout=120, cwd=tmp_path,
    )  # fmt: skip
    height_mm = float(read_canonical(clip)[..., 2].max())
    with out.open(encoding="utf-8", errors="replace") as lines:
        found = count(lines, PRESET, height_mm)
    # Without infill each of a clip's two holes has a wall that stands alone.
    assert found == Things(
        named=4 if "labelled.ini" in more else None,
        patches=12 if "--fill-density=0" in more else 4,
    )


@pytest.mark.parametrize("preset", all_machines(), ids=lambda preset: preset.name)
@pytest.mark.parametrize("material", ["PETG", "PLA"])
def test_every_preset_slices_a_visor_in_every_material(
    slicer, flat_request_of, tmp_path, preset, material
):
    limits = material_of(material)
    made = slicer.slice(flat_request_of(1, preset, material), tmp_path)
    facts = facts_of(
        made.gcode,
        preset,
        nozzle_limit_c=min(preset.nozzle_max_c, limits.nozzle_max_c),
        bed_limit_c=min(preset.bed_max_c, limits.bed_max_c),
    )
    assert limits.nozzle_c[0] <= facts.nozzle_max_c <= limits.nozzle_c[1]
    assert 2.3 <= facts.z_max <= 2.7
    # The part lies within the margin, and the profile's own lines on the bed.
    assert facts.x_max - facts.x_min > 150
    title = made.slicer.partition(", ")[2]
    own = f"fabnet's own {preset.slicer_profile}"
    assert title.startswith(preset.vendor.bundle) if preset.vendor else title == own


def test_a_preset_whose_bundle_is_gone_is_sliced_with_our_own_profile(
    slicer, flat_request_of, tmp_path
):
    request = flat_request_of(1, load_machine("anycubic-i3-mega-s"))
    bare = PrusaSlicer(slicer.program, bundles=tmp_path)
    made = bare.slice(request, tmp_path / "out")
    assert made.slicer == f"{slicer.name}, fabnet's own generic"
    facts_of(made.gcode, request.preset)
    # Another profile is another slice, though the slicer's version is the same.
    assert slicer.slice(request, tmp_path / "out").key != made.key


def test_the_mk3s_is_asked_who_it_is_and_is_left_its_motor_currents(
    slicer, flat_request_of, tmp_path
):
    preset = load_machine("prusa-mk3s")
    if not slicer.slice(flat_request_of(1, preset), tmp_path).slicer.endswith("@MK3"):
        pytest.skip("PrusaSlicer's bundle PrusaResearch is not installed")
    text = slicer.slice(flat_request_of(1, preset), tmp_path).gcode.read_text()
    code = [line.partition(";")[0].strip() for line in text.splitlines()]
    assert 'M862.3 P "MK3S"' in code
    assert "G1 Y-3 F1000" in code  # the prime line in front of the bed
    assert "M900 K0.08" in code  # the filament's own G-code, of this printer
    assert not [line for line in code if line.startswith(("M907", "M115"))]


def test_a_slice_is_made_once(slicer, flat_request_of, tmp_path):
    first = slicer.slice(flat_request_of(1), tmp_path)
    written = first.gcode.stat().st_ino
    assert slicer.slice(flat_request_of(1), tmp_path) == first
    assert first.gcode.stat().st_ino == written
    other = slicer.slice(flat_request_of(1, material="PLA"), tmp_path)
    assert other.key != first.key
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{key}.{end}" for key in (first.key, other.key) for end in ("gcode", "json")}


def test_a_slice_that_was_damaged_is_made_again(slicer, flat_request_of, tmp_path):
    first = slicer.slice(flat_request_of(1), tmp_path)
    first.gcode.write_text("G28\n", encoding="ascii")
    again = slicer.slice(flat_request_of(1), tmp_path)
    assert again.key == first.key
    facts_of(again.gcode)


def test_what_cannot_be_sliced_is_told_in_the_slicers_own_words(slicer, request_of, tmp_path):
    broken = tmp_path / "plate"
    broken.write_bytes(b"no 3MF at all")
    request = dataclasses.replace(request_of(1), plate=broken, plate_sha256="0" * 64)
    with pytest.raises(SlicingError, match="cannot slice this plate") as error:
        slicer.slice(request, tmp_path / "out")
    assert "Loading of a model file failed" in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []
    missing = dataclasses.replace(request_of(1), plate=tmp_path / "gone", plate_sha256="0" * 64)
    with pytest.raises(SlicingError, match="No such file"):
        slicer.slice(missing, tmp_path / "out")


def a_program(folder, script, version="9.9.1"):
    """A program that answers as PrusaSlicer does, and slices as the script says."""
    program = folder / "prusa-slicer"
    program.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = --help ]; then echo "PrusaSlicer-{version}+X based on Slic3r"; exit; fi\n'
        f"{script}\n",
        encoding="ascii",
    )
    program.chmod(0o755)
    return program


def test_a_slicer_that_dies_is_told_as_such(request_of, tmp_path):
    dying = PrusaSlicer(a_program(tmp_path, "echo one; echo two; echo three; kill -SEGV $$"))
    assert dying.name == "PrusaSlicer-9.9.1+X"
    with pytest.raises(SlicingError, match=r"crashed with SIGSEGV.*two / three"):
        dying.slice(request_of(1), tmp_path)


def test_a_slicer_that_crashes_for_real_is_told_as_such(slicer, request_of, tmp_path):
    """NaN as a vertex is a segmentation fault in PrusaSlicer 2.5 and 2.9."""
    plate = tmp_path / "nan"
    with zipfile.ZipFile(request_of(1).plate) as good, zipfile.ZipFile(plate, "w") as bad:
        for name in good.namelist():
            text = good.read(name)
            if name.endswith(".model"):
                text = re.sub(rb'<vertex x="[^"]+"', b'<vertex x="nan"', text, count=3)
            bad.writestr(name, text)
    request = dataclasses.replace(request_of(1), plate=plate, plate_sha256="0" * 64)
    with pytest.raises(SlicingError, match="cannot slice this plate"):
        slicer.slice(request, tmp_path / "out")


def test_a_slicer_that_hangs_is_stopped(request_of, tmp_path):
    hanging = PrusaSlicer(a_program(tmp_path, "exec sleep 60"))
    hanging._wall_s = 1
    with pytest.raises(SlicingError, match="did not answer within 1 s and was stopped"):
        hanging.slice(request_of(1), tmp_path)


def test_a_slicer_that_computes_without_an_end_is_stopped(request_of, tmp_path, monkeypatch):
    monkeypatch.setattr("printers.slicing._CPU_S", 1)
    endless = PrusaSlicer(a_program(tmp_path, "while :; do :; done"))
    with pytest.raises(SlicingError, match="took more than 1 s of computing"):
        endless.slice(request_of(1), tmp_path)


def test_a_slice_that_takes_too_long_leaves_nothing_behind(slicer, request_of, tmp_path):
    impatient = PrusaSlicer(slicer.program)
    impatient._wall_s = 0.2
    with pytest.raises(SlicingError, match="was stopped"):
        impatient.slice(request_of(1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_slicer_that_says_nothing_of_time_and_weight_is_not_believed(request_of, tmp_path):
    silent = a_program(tmp_path, 'for last; do :; done; echo G28 > "${last%3mf}gcode"')
    with pytest.raises(SlicingError, match="does not say how long"):
        PrusaSlicer(silent).slice(request_of(1), tmp_path)


def test_a_slicer_that_writes_nothing_is_told_as_such(request_of, tmp_path):
    with pytest.raises(SlicingError, match="wrote no G-code"):
        PrusaSlicer(a_program(tmp_path, "exit 0")).slice(request_of(1), tmp_path)


@pytest.mark.parametrize("version", ["2.4.2", "1.3.0"])
def test_a_slicer_that_is_too_old_is_named_with_its_version(tmp_path, version):
    with pytest.raises(SlicingError, match=rf"PrusaSlicer-{version}.*2\.5 or newer; install"):
        PrusaSlicer(a_program(tmp_path, "", version))


def test_a_program_that_is_no_slicer_is_not_taken_for_one(tmp_path):
    with pytest.raises(SlicingError, match="apt-get install prusa-slicer"):
        PrusaSlicer(Path("/bin/true"))
    with pytest.raises(SlicingError):
        PrusaSlicer(tmp_path / "missing")


@pytest.mark.parametrize("copies", [1, 2])
def test_a_machine_without_a_slicer_uses_the_ready_made_slices(request_of, tmp_path, copies):
    made = ReadySlices().slice(request_of(copies), tmp_path)
    facts = facts_of(made.gcode)
    assert facts.z_max == pytest.approx(8.1, abs=0.01)
    told = estimate(VISOR, copies, 1.27)
    assert told.seconds_low < made.seconds < told.seconds_high
    assert told.grams_low < made.grams < told.grams_high
    assert ReadySlices().slice(request_of(copies), tmp_path) == made


def test_without_a_ready_slice_the_maker_is_told_what_to_install(request_of, tmp_path):
    with pytest.raises(NoSlicerError, match="sudo apt-get install prusa-slicer"):
        ReadySlices().slice(request_of(1, material="PLA"), tmp_path)


def test_the_ready_made_slices_are_small():
    sizes = [path.stat().st_size for path in CATALOGUE.glob("*/slices/*.xz")]
    assert len(sizes) == 7
    assert max(sizes) < 400_000


def test_a_node_needs_no_geometry_library():
    code = (
        "import json, sys; import designs.materials, designs.model, printers.slicing, printers.gcode;"
        "designs.materials.material('PETG'); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    heavy = {"numpy", "scipy", "shapely", "trimesh", "manifold3d", "lxml", "PIL", "networkx"}
    assert not heavy & set(json.loads(done.stdout))
