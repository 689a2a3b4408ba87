"""From the catalogue's visor to G-code that passes the checks: PrusaSlicer for real, and without it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

import designs.catalogue
from designs.mesh import read_canonical
from designs.model import Bed
from designs.packing import centred, footprint, pack
from designs.plate_file import write_plate
from firmware_profiles.loader import all_machines, load_machine, slicer_profile_path
from jobs.estimate import estimate
from printers.errors import GcodeRefusedError, SlicingError
from printers.gcode import check
from printers.slicing import (
    PrusaSlicer,
    ReadySlices,
    SliceRequest,
    find_slicer,
    flat_profile,
    parse_duration,
)
from tests.unit.jobs.test_estimate import VISOR

CATALOGUE = Path(designs.catalogue.__path__[0])
FRAME = CATALOGUE / "visor-frame" / "frame.stl"
PRESET = load_machine("generic-250x210")


@pytest.fixture(scope="module")
def slicer():
    found = find_slicer()
    if not isinstance(found, PrusaSlicer):
        pytest.skip("prusa-slicer is not installed")
    return found


@pytest.fixture(scope="module")
def mesh_sha256():
    import hashlib

    return hashlib.sha256(FRAME.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def request_of(tmp_path_factory, mesh_sha256):
    """Make a request for a number of visors; the plate file has no ending, as files by hash have none."""
    folder = tmp_path_factory.mktemp("plates")

    def make(copies=2, preset=PRESET, material="PETG"):
        shadow = footprint(read_canonical(FRAME))
        bed = Bed(x_mm=preset.bed_x_mm, y_mm=preset.bed_y_mm, margin_mm=preset.margin_mm)
        layout = centred(shadow, pack(shadow, bed, limit=copies), copies)
        plate = folder / f"{preset.name}-{copies}"
        return SliceRequest(
            plate=plate, plate_sha256=write_plate(FRAME, layout, plate), mesh_sha256=mesh_sha256,
            copies=copies, preset=preset, material=material,
        )  # fmt: skip

    return make


def facts_of(gcode, preset=PRESET, nozzle_limit_c=260, bed_limit_c=100):
    with gcode.open(encoding="ascii", errors="replace") as lines:
        return check(lines, preset, nozzle_limit_c=nozzle_limit_c, bed_limit_c=bed_limit_c)


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


@pytest.mark.parametrize("preset", all_machines(), ids=lambda preset: preset.name)
@pytest.mark.parametrize("material", ["PETG", "PLA"])
def test_every_preset_slices_a_visor_in_every_material(
    slicer, request_of, tmp_path, preset, material
):
    made = slicer.slice(request_of(1, preset, material), tmp_path)
    facts = facts_of(made.gcode, preset)
    assert facts.nozzle_max_c == {"PETG": 240, "PLA": 215}[material]


def test_a_slice_is_made_once(slicer, request_of, tmp_path):
    first = slicer.slice(request_of(1), tmp_path)
    written = first.gcode.stat().st_mtime_ns
    assert slicer.slice(request_of(1), tmp_path) == first
    assert first.gcode.stat().st_mtime_ns == written
    other = slicer.slice(request_of(1, material="PLA"), tmp_path)
    assert other.key != first.key
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{key}.{end}" for key in (first.key, other.key) for end in ("gcode", "json")}


def test_a_slice_that_was_damaged_is_made_again(slicer, request_of, tmp_path):
    first = slicer.slice(request_of(1), tmp_path)
    first.gcode.write_text("G28\n", encoding="ascii")
    again = slicer.slice(request_of(1), tmp_path)
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


def test_a_slicer_that_dies_is_told_as_such(slicer, request_of, tmp_path):
    program = tmp_path / "prusa-slicer"
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --help ]; then echo "PrusaSlicer-9.9 based on Slic3r"; exit; fi\n'
        "echo one; echo two; echo three; kill -SEGV $$\n",
        encoding="ascii",
    )
    program.chmod(0o755)
    dying = PrusaSlicer(program)
    assert dying.name == "PrusaSlicer-9.9"
    with pytest.raises(SlicingError, match=r"ended with -11.*two / three"):
        dying.slice(request_of(1), tmp_path)


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
    with pytest.raises(SlicingError, match="sudo apt-get install prusa-slicer"):
        ReadySlices().slice(request_of(1, material="PLA"), tmp_path)


def test_the_ready_made_slices_are_small():
    sizes = [path.stat().st_size for path in CATALOGUE.glob("*/slices/*.xz")]
    assert len(sizes) == 2
    assert max(sizes) < 400_000


@pytest.mark.parametrize("preset", all_machines(), ids=lambda preset: preset.name)
def test_a_profile_is_for_the_bed_of_its_preset(preset):
    keys = flat_profile(slicer_profile_path(preset.slicer_profile))
    corners = [corner.split("x") for corner in keys["bed_shape"].split(",")]
    assert max(float(x) for x, _ in corners) == preset.bed_x_mm
    assert max(float(y) for _, y in corners) == preset.bed_y_mm
    assert float(keys["max_print_height"]) == preset.height_mm
    assert float(keys["nozzle_diameter"]) == preset.nozzle_mm
    for key in ("start_gcode", "end_gcode"):
        assert all(len(line) <= 90 for line in keys[key].split("\\n"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("1d 3h 2m 1s", 97321), ("2h 4m 10s", 7450), ("14m 56s", 896), ("9s", 9)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


def test_a_node_needs_no_geometry_library():
    code = (
        "import json, sys; import designs.materials, designs.model, printers.slicing, printers.gcode;"
        "designs.materials.material('PETG'); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    heavy = {"numpy", "scipy", "shapely", "trimesh", "manifold3d", "lxml", "PIL", "networkx"}
    assert not heavy & set(json.loads(done.stdout))
