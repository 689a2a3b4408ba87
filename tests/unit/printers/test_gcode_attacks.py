"""Commands that are harmless to most firmwares, and to one of them are heat, a crash or a stop."""

import pytest

from printers.gcode_rules import MOST_SIGNS
from tests.unit.printers.test_gcode import checked, refusal

PADDED = "M104" + " " * 90 + "S0"


@pytest.mark.parametrize(
    "command",
    [
        "M106 P0 S255",  # Teacup: heater 0, full power
        "M107 P0",
        "M204 X999 Y0 Z0",  # Repetier: how the nozzle's heat is regulated
        "M104 S200 F5",  # Marlin: the target follows the moves from here on, also behind M104 S0
        "M109 S200 B240 F5",
        "M115 P4",  # RepRapFirmware: the board is another one
        "M400 U1",  # Bambu: waits for a click
        "M201 F1 S1",  # Marlin: so many moves a second
        "G29 P6 C-3",  # Marlin: the map of the bed is 3 mm lower
        "G29 P3 C-3",
        "G29 S3",
        "G28 O",  # Marlin: only where it is needed, so that nobody knows where it stands
        "G80 L100",  # Prusa: the left of the bed is lower
        "G4 R5",
        "M486 P0",
        "M486 C",
        "M486 S1 C",
    ],
)
def test_a_word_that_one_firmware_takes_for_something_else_is_refused(command):
    refusal(command)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("G4 P-5", "below 0"),
        ("G4 S-1", "below 0"),
        ("M190 R0", "colder than a room"),
        ("M109 R20", "colder than a room"),
        ("M205 X0", "slower"),
        ("M205 J0", "slower"),
        ("M205 B10000000", "more than any printer"),
        ("M205 S1000", "more than any printer"),
        ("M900 K99999", "more than any printer"),
        ("M204 P60", "slower"),
        ("M201 X60", "slower"),
        ("M203 X20", "slower"),
        ("G92 E10000000000", "seven digits"),
        ("M115 U3.13.2", "click"),
    ],
)
def test_numbers_that_no_slicer_means_are_refused(command, says):
    assert says in str(refusal(command))


def test_what_the_makers_of_our_presets_write_is_let_through():
    checked(
        "M201 X500 Y500 Z15 E800", "M203 X100 Y100 Z2 E20", "M204 S500 T500", "M205 S0 T0",
        "M205 X5.00 Y5.00 Z0.10 E1.50", "M900 K200", "M204 P200", "M84 S600", "M486 T6", "M486 S-1",
        "M486 Aframe Copy 1", "M73 Q5 S10", "M400", "M109 R170",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "M117 G28",  # Sprinter and Marlin 1.0 look for a G first
        "M117 GX90Z0E50",
        "M117 Good luck, Zoe",
        "M117 visor G1 E5",
        "M486 APRUSA FR",  # Prusa: all settings are lost
        "M117 M110 N3",  # Marlin: the next line is the fourth, and the host begins again there
        'M486 A"M110 N3"',
        "M117 \x18",  # Smoothieware: halt
        "M117 a\0M104 S300",
        'M486 A"x;" G28 M104 S300',  # RepRapFirmware: the remark begins within quotation marks
        "M486 Ax\\;:M104 S300",  # OctoPrint: it is none
    ],
)
def test_text_that_a_firmware_acts_on_is_refused(text):
    assert "its text could be taken for a command" in str(refusal(text))


@pytest.mark.parametrize("text", ["M117 Good luck", "M117 PRUSA is ready", 'M486 A"nut M3"'])
def test_text_that_no_firmware_acts_on_is_not(text):
    checked(text)


@pytest.mark.parametrize("off", [PADDED, " " * 90 + "M104 S0", "M104 S\uff10", "M104 S\u0660"])
def test_a_heater_is_off_only_where_every_firmware_reads_the_whole_line(off):
    refusal(end=[off, "M140 S0"])


def test_moves_are_read_whole_too():
    assert len(PADDED) > MOST_SIGNS
    assert "longer" in str(refusal("G1 X50" + " " * 90 + "E1"))
    assert "longer" in str(refusal("G1 X" + "0" * 90 + "50"))
    checked("G1 X123.456 Y123.456 Z12.345 E1.12345 F12000 ; " + "a long remark " * 20)


@pytest.mark.parametrize("look", ["G28", "G28 Z", "G28 Z0", "G29", "G80"])
def test_nothing_looks_for_the_bed_where_parts_stand_on_it(look):
    tall = ["G1 Z5", "G1 X60 Y60 E2"]
    assert "parts stand on it" in str(refusal(*tall, look))
    checked(look, "G1 X10 Y20 Z0.3", *tall)
    checked(*tall, "G28 X0 Y0", "G28 X")


def test_motors_are_off_at_once_where_no_time_is_told():
    assert "homed" in str(refusal("M84 S", "G1 X50 E1"))
    checked("M84 S600", "G1 X50 E1")


def test_firmwares_that_have_a_language_get_no_word_of_it():
    for line in (
        "while true", "if {heat.heaters[0].current > 0}", "{move.axes[0].homed}", "echo 1", "var a = 1",
        "SET_HEATER_TEMPERATURE HEATER=extruder TARGET=300", "_MACRO", "M808 L5", "M810 G28|M104 S300",
        "M98 P\"x.g\"", "M32 \"x.g\"", "G53 G1 X5", "G10 L2 P1 X5", "G54", "G18", "G5 X1 Y1 I1 J1 P1 Q1",
        "M425", "M43", "M280 P0 S10", "M141 S60", "M191 S60", "N5 M104 S0*3", "(G28)", "@pause", "%", "$H",
    ):  # fmt: skip
        refusal(line)


def test_an_arc_round_a_centre_that_a_firmware_cannot_reckon_with_is_refused():
    assert "so wide a circle" in str(refusal("G2 X120 Y90 I10 J-5000000 E1"))
    checked("G2 X120 Y90 I10 J-9000 E1")
