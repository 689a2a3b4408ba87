"""Where firmwares read E otherwise, none of them may do harm."""

import pytest

from tests.unit.printers.test_gcode import END, START, checked, refusal

ABSOLUTE = [*START, "M82"]
#: Of Cura's Ender-3, behind a print in absolute E.
CURA_END = ["G91 ;Relative positioning", "G1 E-2 F2700 ;Retract a bit", "G1 E-2 Z0.2 F2400", "G1 X5 Y5 F3000",
            "G1 Z10", "G90 ;Absolute positioning", "G1 X0 Y200", *END]  # fmt: skip


def test_an_end_code_that_pulls_back_behind_a_g91_is_let_through():
    pushes = [f"G1 X{20 + at % 2 * 60} E{5 + 100 * at}" for at in range(1, 20)]
    assert checked(*pushes, start=ABSOLUTE, end=CURA_END).extruded_mm == pytest.approx(1901)


def test_a_start_code_that_primes_behind_a_g91_is_let_through():
    prime = ["G91", "G1 E50 F300", "G1 E-5", "G90", "G92 E0"]
    start = [*ABSOLUTE, "G1 X5 Y5 Z1 F3000", *prime, "G1 Z2"]
    assert checked(start=start).extruded_mm == pytest.approx(50)


def test_a_travel_off_the_bed_pushes_on_no_firmware():
    # Klipper stays at M83 behind the G90, and pushes 1 mm where Marlin 2 pulls back 4.
    assert "prints at X -20.0 mm" in str(refusal("M83", "G90", "G92 E5", "G1 X-20 E1"))
    checked("M83", "G90", "M82", "G92 E5", "G1 X-20 E1")
    # Marlin 1 goes on to read it as relative behind the G91; absolute, it pulls back.
    assert "prints at X 255.0 mm" in str(refusal("G91", "M82", "G92 E5", "G1 X155 Y0 E1"))


def test_what_one_firmware_pulls_back_another_does_not_push_by_the_metre():
    assert "999 mm of filament" in str(refusal("M82", "G92 E-1000", "G91", "G1 E-1"))
    checked("M83", "G92 E-1000", "G91", "G1 E-1")


def test_filament_that_stands_elsewhere_is_followed_until_all_agree_again():
    # For Klipper E stands at -2 behind the G91, for Marlin 2 at 398: the next position shows it.
    apart = ["M82", "G92 E400", "G91", "G1 E-2", "G90"]
    assert "402 mm of filament" in str(refusal(*apart, "G1 X20 Y20 E400"))
    checked(*apart, "G92 E400", "G1 X30 E401")
    near = ["M82", "G92 E100", "G91", "G1 E-2", "G90", "G1 X20 Y20 E100"]
    checked(*near, "G1 X30 Y30 E240")


def test_nothing_is_pushed_before_it_is_homed_on_any_firmware():
    start = ["G21", "M83", "G90", "G92 E5", "G1 E1", "G28"]
    assert "before the printer is homed" in str(refusal(start=start))
