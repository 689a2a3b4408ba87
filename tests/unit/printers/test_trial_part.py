"""The part of a test print: ready-made for every printer of ours, and checked like any plate."""

from dataclasses import replace

import pytest

from firmware_profiles.loader import all_machines, load_machine
from printers.errors import GcodeRefusedError, SlicingError
from printers.ready_slices import ReadySlices
from printers.slicing import check_slice
from printers.trial_part import WIDTH_MM, make_trial_part

ALL = [(machine, code) for machine in all_machines() for code in machine.materials]


@pytest.mark.parametrize(("machine", "code"), ALL, ids=lambda each: getattr(each, "name", each))
def test_every_printer_can_try_without_a_slicer(machine, code, tmp_path):
    made = make_trial_part(ReadySlices(), machine, code, tmp_path)
    facts = check_slice(made.gcode, machine, code)
    assert facts.nozzle_max_c > 0
    # The prime line lies at the front edge; behind it is the part, and nothing else.
    assert facts.x_min == 10.0
    assert made.grams < 1
    assert made.seconds < 600


def test_it_lies_in_the_middle_and_is_as_wide_as_is_said(tmp_path):
    made = make_trial_part(ReadySlices(), load_machine("generic-180x180"), "PLA", tmp_path)
    y = [
        float(word[1:])
        for line in made.gcode.read_text().splitlines()
        if line.startswith("G1 ") and " E" in line
        for word in line.split()
        if word.startswith("Y") and float(word[1:]) > 10
    ]
    # The line of filament is some 0.45 mm wide, half of it on either side.
    assert max(y) - min(y) == pytest.approx(WIDTH_MM - 0.45, abs=0.1)
    assert (max(y) + min(y)) / 2 == pytest.approx(90, abs=0.1)


def test_what_a_printer_cannot_do_is_refused(tmp_path):
    machine = load_machine("generic-180x180")
    with pytest.raises(GcodeRefusedError, match="heats the nozzle"):
        make_trial_part(ReadySlices(), replace(machine, nozzle_max_c=190.0), "PLA", tmp_path)
    with pytest.raises(GcodeRefusedError, match="the bed has"):
        make_trial_part(ReadySlices(), replace(machine, bed_x_mm=90.0), "PLA", tmp_path)
    with pytest.raises(SlicingError, match=r"nozzle of 0\.6 mm"):
        make_trial_part(ReadySlices(), replace(machine, name="own", nozzle_mm=0.6), "PLA", tmp_path)
