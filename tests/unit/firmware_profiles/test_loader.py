"""Every shipped profile loads and names its source; a wrong one is one clear error."""

from pathlib import Path

import pytest

from firmware_profiles.detect import detect
from firmware_profiles.errors import FirmwareProfileError
from firmware_profiles.loader import (
    all_firmwares,
    all_machines,
    load_firmware,
    load_machine,
    machine_names,
    slicer_profile_path,
)


@pytest.mark.parametrize("profile", [*all_firmwares(), *all_machines()], ids=lambda p: p.name)
def test_every_fact_has_a_source(profile):
    assert len(profile.source) > 20
    assert profile.title


@pytest.mark.parametrize("machine", all_machines(), ids=lambda m: m.name)
def test_every_machine_names_a_firmware_and_a_slicer_profile_that_ship(machine):
    assert load_firmware(machine.firmware).name == machine.firmware
    assert slicer_profile_path(machine.slicer_profile).exists()
    assert machine.nozzle_max_c <= 320


def test_every_preset_is_in_the_manual_with_its_bed():
    text = (Path(__file__).parents[3] / "docs" / "slicing.md").read_text(encoding="utf-8")
    told = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and " x " in cells[2]:
            told[cells[0].strip("`")] = (cells[1], cells[2], cells[3])
    sliced = {
        m.name: f"{m.vendor.bundle}: `{m.vendor.print}`"
        if m.vendor
        else f"our own `{m.slicer_profile}`"
        for m in all_machines()
    }
    assert told == {
        m.name: (m.title, f"{m.bed_x_mm:g} x {m.bed_y_mm:g} x {m.height_mm:g}", sliced[m.name])
        for m in all_machines()
    }


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("Marlin 2.1.2 (Nov 23 2026 01:33:51)", "marlin"),
        ("Marlin bugfix-2.1.x", "marlin"),
        ("Prusa-Firmware 3.13.3 based on Marlin", "prusa-mk3"),
        ("Marlin 1.1.9 (Github)", "marlin-1"),
        ("Marlin V1; Sprinter/grbl mashup for gen6", "marlin-1"),
        ("Prusa-Firmware-Buddy 5.1.2", "prusa-mk3"),
        ("RepRapFirmware for Duet 2 WiFi/Ethernet", "reprapfirmware"),
        ("Repetier_1.0.4", "repetier"),
        ("Smoothieware", "smoothieware"),
        ("Sprinter/grbl mashup for gen6", "sprinter"),
        ("Teacup", "sprinter"),
        ("Klipper", "klipper"),
        ("Malyan 4.0", "unknown"),
        ("", "unknown"),
    ],
)
def test_m115_finds_the_profile(name, profile):
    assert detect(name, all_firmwares()).name == profile


def test_grbl_is_refused_by_name():
    with pytest.raises(FirmwareProfileError, match="Grbl"):
        detect("Grbl 1.1h ['$' for help]", all_firmwares())


def write(tmp_path, text, folder="machines"):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "mine.toml").write_text(text)
    return tmp_path


GOOD = """
title = "Mine"
source = "measured on the machine itself"
bed_x_mm = 200.0
bed_y_mm = 200.0
height_mm = 180.0
margin_mm = 3.0
nozzle_mm = 0.4
nozzle_max_c = 250.0
bed_max_c = 100.0
firmware = "marlin"
slicer_profile = "generic"
materials = ["PLA"]
ships_without_protection = true
"""


FIRMWARE = """
title = "Mine"
source = "a dialogue with the board itself"
match = ["^Marlin"]
window_bytes = 60
window_lines = 1
max_line_bytes = 80
ok_timeout_s = 5.0
drain_s = 0.05
fatal = ["Printer halted"]
baudrates = [115200]
"""


def test_a_round_bed_and_what_stays_empty_are_read(tmp_path):
    more = 'bed = "round"\nkeep_out_mm = [[0, 90.5, 20, 110], [150, 0, 200, 10]]\norigin = "corner"'
    found = load_machine("mine", write(tmp_path, GOOD + more))
    assert not found.is_plain
    assert found.keep_out_mm == ((0.0, 90.5, 20.0, 110.0), (150.0, 0.0, 200.0, 10.0))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + 'origin = "centre"', ["origin", "middle of its bed cannot be used yet"]),
        (GOOD + 'origin = "left"', ["origin", "corner"]),
        (GOOD + 'bed = "oval"', ["bed", "rectangular", "round"]),
        (
            GOOD.replace("bed_y_mm = 200", "bed_y_mm = 210") + 'bed = "round"',
            ["bed_y_mm", "bed_x_mm"],
        ),
        (GOOD + 'bed = "round"\nprime_front_mm = 4.0', ["prime_front_mm", "round"]),
        (GOOD + "keep_out_mm = [[0, 0, 201, 10]]", ["keep_out_mm", "[0, 0, 201, 10]"]),
        (GOOD + "keep_out_mm = [[10, 0, 10, 10]]", ["keep_out_mm", "on the bed"]),
        (GOOD + "keep_out_mm = [[0, 0, nan, 10]]", ["keep_out_mm", "on the bed"]),
        (GOOD + "keep_out_mm = [[-1, 0, 10, 10]]", ["keep_out_mm", "on the bed"]),
        (GOOD + "keep_out_mm = [[0, 0, 10]]", ["keep_out_mm", "4 values"]),
        (GOOD + "keep_out_mm = [" + "[0, 0, 1, 1]," * 17 + "]", ["keep_out_mm", "16"]),
    ],
)
def test_a_bed_that_cannot_be_is_refused_with_its_key(tmp_path, text, words):
    with pytest.raises(FirmwareProfileError) as refused:
        load_machine("mine", write(tmp_path, text))
    assert all(word in str(refused.value) for word in words)


def test_an_owners_own_firmware_goes_before_ours(tmp_path):
    folder = write(tmp_path, FIRMWARE, "firmware")
    known = all_firmwares(folder)
    assert [each.name for each in known] == ["mine", *[each.name for each in all_firmwares()]]
    assert detect("Marlin 2.1.2", known).name == "mine"
    assert detect("Klipper", known).name == "klipper"


def test_an_owners_file_with_the_name_of_ours_takes_its_place(tmp_path):
    (tmp_path / "firmware").mkdir()
    (tmp_path / "firmware" / "unknown.toml").write_text(FIRMWARE)
    found = next(each for each in all_firmwares(tmp_path) if each.name == "unknown")
    assert found.title == "Mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FIRMWARE.replace("window_lines = 1", "window_lines = 0"), ["window_lines", "above 0"]),
        (FIRMWARE.replace("ok_timeout_s = 5.0", "ok_timeout_s = -1.0"), ["ok_timeout_s"]),
        (FIRMWARE.replace("max_line_bytes = 80", "max_line_bytes = 20"), ["max_line_bytes", "60"]),
        (FIRMWARE.replace('["Printer halted"]', "[]"), ["fatal", "stopped"]),
        (FIRMWARE.replace('["Printer halted"]', '[""]'), ["fatal", "stopped"]),
        (FIRMWARE + "reads_ahead = -1", ["reads_ahead", "0 or more"]),
        (FIRMWARE.replace("^Marlin", "("), ["match", "no pattern"]),
        (FIRMWARE + "echo = true", ["echo", "did you mean 'echoes'"]),
    ],
)
def test_a_wrong_firmware_names_file_and_key(tmp_path, text, words):
    folder = write(tmp_path, text, "firmware")
    with pytest.raises(FirmwareProfileError) as caught:
        all_firmwares(folder)
    assert all(word in str(caught.value) for word in ["mine", *words])


def test_an_owners_own_preset_is_read(tmp_path):
    folder = write(tmp_path, GOOD)
    assert load_machine("mine", folder).bed_x_mm == 200.0
    assert set(machine_names(folder)) == {"mine", *machine_names()}
    assert machine_names(tmp_path / "none") == machine_names()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "bed_z_mm = 1", ["bed_z_mm", "did you mean"]),
        (GOOD.replace('title = "Mine"', ""), ["title"]),
        (GOOD.replace("200.0", '"wide"'), ["bed_x_mm"]),
        (GOOD.replace("bed_x_mm = 200.0", "bed_x_mm = 0.0"), ["bed_x_mm", "above 0"]),
        (GOOD + "prime_front_mm = -1.0", ["prime_front_mm", "0 or more"]),
        (GOOD + '[vendor]\nbundles = "X"', ["vendor.bundles", "did you mean 'bundle'"]),
        (GOOD + '[vendor]\nbundle = "X"', ["vendor", "printer"]),
        ("title = ", ["no TOML"]),
    ],
)
def test_a_wrong_preset_names_file_and_key(tmp_path, text, words):
    with pytest.raises(FirmwareProfileError) as caught:
        load_machine("mine", write(tmp_path, text))
    for word in ["mine", *words]:
        assert word in str(caught.value)


def test_a_preset_that_is_not_there_has_a_near_one():
    with pytest.raises(FirmwareProfileError, match="generic-250x210"):
        load_machine("generic-250x200")
