"""A vendor's bundle becomes flat keys; whatever is missing, our own profile takes its place."""

import dataclasses
import hashlib
import lzma
import re
import tomllib
from pathlib import Path

import pytest

import designs.catalogue
from designs.materials import material
from firmware_profiles.loader import all_machines, load_machine, slicer_profile_path
from firmware_profiles.profile import VendorProfiles
from printers.slicer_profiles import profile_for

PETG = material("PETG")
BUNDLE = r"""
# a comment
[vendor]
name = Acme
config_version = 1.2.3

[print:*common*]
layer_height = 0.2
default_acceleration = 900
perimeters = 2
skirts = 3
compatible_printers_condition = nozzle_diameter[0]==0.4

[print:*fast*]
inherits = *common*
perimeter_speed = 60
perimeters = 3

[print:0.30mm FAST]
inherits = *common*; *fast*
layer_height = 0.3
post_process = /bin/rm

[filament:PETG]
filament_type = PETG
temperature = 241
start_filament_gcode = "M900 K0.1"

[printer:Acme One]
renamed_from = "Acme 1"; "Acme I"
printer_model = ONE
bed_shape = 0x0,500x0,500x500,0x500
default_print_profile = 0.30mm FAST
start_gcode = M862.3 P \"[printer_model]\"\nM115 U3.11.0 ; newest\nG28\n{if 1}M907 E538 ; current{endif}
"""
VENDOR = VendorProfiles(
    bundle="Acme", printer="Acme 1", print="0.30mm FAST", filaments={"PETG": "PETG"}
)
PRESET = dataclasses.replace(load_machine("generic-250x210"), vendor=VENDOR)


def keys_of(tmp_path, text=BUNDLE, preset=PRESET, what=PETG):
    (tmp_path / "Acme.ini").write_text(text, encoding="utf-8")
    found = profile_for(preset, what, [tmp_path / "nowhere", tmp_path])
    return found.title, found.keys


def test_sections_are_flattened_and_the_last_parent_wins(tmp_path):
    title, keys = keys_of(tmp_path)
    assert title == "Acme 1.2.3, 0.30mm FAST"
    assert (keys["layer_height"], keys["perimeters"], keys["perimeter_speed"]) == ("0.3", "3", "60")
    assert keys["default_acceleration"] == "900"
    assert keys["temperature"] == "241"  # the vendor's, not ours
    assert not {"inherits", "renamed_from", "default_print_profile"} & keys.keys()
    assert not [key for key in keys if key.startswith("compatible_")]


def test_the_start_gcode_finds_the_names_of_today(tmp_path):
    _, keys = keys_of(tmp_path)
    assert keys["printer_model"] == "ONE"
    assert keys["printer_settings_id"] == "Acme One"
    assert keys["filament_settings_id"] == '"PETG"'
    assert keys["print_settings_id"] == "0.30mm FAST"


def test_what_would_run_a_program_or_leave_the_nest_is_set_by_us(tmp_path):
    _, keys = keys_of(tmp_path)
    assert (keys["post_process"], keys["skirts"], keys["binary_gcode"]) == ("", "0", "0")
    assert keys["bed_shape"] == "0x0,250x0,250x210,0x210"
    assert keys["max_print_height"] == "210"


def test_motor_currents_and_questions_are_taken_out_of_the_gcode(tmp_path):
    _, keys = keys_of(tmp_path)
    assert keys["start_gcode"] == (
        r"M862.3 P \"[printer_model]\"\n ; newest\nG28\n{if 1} ; current{endif}"
    )


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("[print:0.30mm FAST]", "[print:0.30mm FASTER]"),
        ("[printer:Acme One]", "[printer:Acme Two]\n[printer:x]"),
        ("[print:*fast*]", "[print:*slow*]"),
        ("[print:*fast*]\ninherits = *common*", "[print:*fast*]\ninherits = 0.30mm FAST"),
        ("printer_model = ONE", ""),
        ("[filament:PETG]", "[filament:PET]"),
    ],
)
def test_a_bundle_that_dropped_a_name_gives_way_to_our_own(tmp_path, was, now):
    assert was in BUNDLE
    text = BUNDLE.replace('renamed_from = "Acme 1"; "Acme I"', "") if "Two" in now else BUNDLE
    title, keys = keys_of(tmp_path, text.replace(was, now))
    assert title == "fabnet's own generic"
    assert keys["temperature"] == "240"


def test_without_a_bundle_or_a_filament_our_own_is_used(tmp_path):
    assert profile_for(PRESET, PETG, [tmp_path]).title == "fabnet's own generic"
    assert keys_of(tmp_path, what=material("PLA"))[0] == "fabnet's own generic"
    (tmp_path / "Acme.ini").write_bytes(b"\xff\xfe[print:")
    assert profile_for(PRESET, PETG, [tmp_path]).title == "fabnet's own generic"


def test_the_same_keys_give_the_same_text(tmp_path):
    _, keys = keys_of(tmp_path)
    text = profile_for(PRESET, PETG, [tmp_path]).text()
    assert text.splitlines() == sorted(f"{key} = {keys[key]}" for key in keys)


@pytest.mark.parametrize("preset", all_machines(), ids=lambda preset: preset.name)
def test_our_own_profile_is_for_the_bed_of_its_preset(preset):
    keys = profile_for(preset, PETG, []).keys
    corners = [corner.split("x") for corner in keys["bed_shape"].split(",")]
    assert max(float(x) for x, _ in corners) == preset.bed_x_mm
    assert max(float(y) for _, y in corners) == preset.bed_y_mm
    assert float(keys["max_print_height"]) == preset.height_mm
    assert float(keys["nozzle_diameter"]) == preset.nozzle_mm
    for key in ("start_gcode", "end_gcode"):
        assert all(len(line) <= 90 for line in keys[key].split("\\n"))


@pytest.mark.parametrize("preset", all_machines(), ids=lambda preset: preset.name)
def test_every_preset_prints_pla_and_petg_and_names_a_filament_for_each(preset):
    assert set(preset.materials) == {"PETG", "PLA"}
    if preset.vendor is not None:
        assert set(preset.vendor.filaments) == set(preset.materials)


@pytest.mark.parametrize("name", ["anet-a8", "jgaurora-a5", "tronxy-x5s", "wanhao-duplicator-i3"])
def test_a_machine_that_no_bundle_knows_has_a_profile_of_its_own_over_the_generic_one(name):
    generic = profile_for(load_machine("generic-220x220"), PETG, []).keys
    own = profile_for(load_machine(name), PETG, [])
    assert own.title == f"fabnet's own {name}"
    # A key that the generic one does not have is a slip of the pen: PrusaSlicer would not say so.
    assert own.keys.keys() == generic.keys()
    assert own.keys["layer_height"] == generic["layer_height"]
    assert own.keys["start_gcode"] == generic["start_gcode"]
    assert int(own.keys["default_acceleration"]) <= int(own.keys["machine_max_acceleration_x"])
    assert float(own.keys["retract_speed"]) <= float(own.keys["machine_max_feedrate_e"])
    assert "\n# source: " in slicer_profile_path(name).read_text(encoding="utf-8")


READY = [
    (index.parent / entry["file"], entry)
    for index in sorted(Path(designs.catalogue.__path__[0]).glob("*/slices.toml"))
    for entry in tomllib.loads(index.read_text(encoding="utf-8"))["slice"]
]


@pytest.mark.parametrize(
    ("packed", "entry"), READY, ids=[f"{p.parts[-3]}-{p.stem}" for p, _ in READY]
)
def test_the_slices_that_ship_were_made_with_the_profile_that_ships(packed, entry):
    """Two runs of a slicer differ; the profile that it writes into its G-code does not."""
    gcode = lzma.decompress(packed.read_bytes())
    assert hashlib.sha256(gcode).hexdigest() == entry["sha256"]
    told = dict(re.findall(r"^; (\w+) = (.*)$", gcode.decode(), re.MULTILINE))
    keys = profile_for(load_machine(entry["preset"]), material(entry["material"]), []).keys
    newer = {"binary_gcode", "arc_fitting"}  # than the PrusaSlicer 2.5.0 that made them
    assert {k: told.get(k) for k in keys.keys() - newer} == {
        k: keys[k].strip('"') if k == "filament_settings_id" else keys[k]
        for k in keys.keys() - newer
    }, "run scripts/build-catalogue"
