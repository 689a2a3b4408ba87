"""What may run on a printer, and the words in which the rest is refused."""

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_profiles.profile import MachinePreset
from printers.errors import GcodeRefusedError
from printers.gcode import check

PRESET = MachinePreset(
    name="p", title="P", source="test", bed_x_mm=250.0, bed_y_mm=210.0, height_mm=200.0,
    margin_mm=2.0, nozzle_mm=0.4, nozzle_max_c=260.0, bed_max_c=110.0, firmware="marlin",
    slicer_profile="generic", materials=("PETG",), ships_without_protection=False,
)  # fmt: skip
START = ["G21", "G28", "G90", "M83", "M140 S85", "M104 S230", "M190 S85", "M109 S230"]
PRINT = ["G1 X10 Y20 Z0.3 F6000", "G1 X100 Y90 E5 F1800"]
END = ["M104 S0", "M140 S0", "M107", "M84"]


def checked(*middle, start=START, end=END, nozzle_limit_c=250.0, bed_limit_c=100.0):
    lines = [*start, *PRINT, *middle, *end]
    return check(lines, PRESET, nozzle_limit_c=nozzle_limit_c, bed_limit_c=bed_limit_c)


def refusal(*middle, **changes):
    with pytest.raises(GcodeRefusedError) as refused:
        checked(*middle, **changes)
    return refused.value


def test_facts_of_a_file_that_may_run():
    facts = checked("G1 Z0.6", "G1 X120 Y40 E2.5 ; a comment", "G1 X0 Y0 F9000")
    assert (facts.x_min, facts.x_max, facts.y_min, facts.y_max) == (10, 120, 20, 90)
    assert (facts.z_max, facts.nozzle_max_c, facts.bed_max_c) == (0.6, 230, 85)
    assert facts.extruded_mm == pytest.approx(7.5)
    assert facts.lines == len(START) + len(PRINT) + 3 + len(END)


def test_the_line_is_named():
    error = refusal("M502")
    assert error.line == len(START) + len(PRINT) + 1
    assert "its own settings" not in str(error)
    assert "the printer's own settings" in str(error)


@pytest.mark.parametrize(
    "command",
    ["M500", "M502", "M303 E0 S250 C8", "M851 Z-1", "M112", "M997", "M28 x.g", "M30 x.g", "M0",
     "M600", "M302 P1", "M92 X200", "M206 Z-1", "M907 E999", "T1", "G20", "M42 P1 S1", "M81",
     "M9999", "G38.2 Z-5", "M1 wait", "G10 P0 X5", "G29 W I2 J2 Z-5",
     "M413 S1", "M413", "M420 L1 S1", "M420", "M420 S2", "M420 V"],
)  # fmt: skip
def test_what_is_not_on_the_list_is_refused(command):
    refusal(command)


@pytest.mark.parametrize(
    "command",
    ["M117 M104 S999 is only text", "M862.3 P \"MK3S\"", "M107", "G1 X50 Y50 E1",
     "G28 X0 Y0", "G28 XY", "G28 W", "G10 S1", "M109 T0 S200", "M140 S60 T0", "M106 S255", "M73 P10 R5",
     "M204 P800", "M204 P1250 R1250 T1250", "M205 S0 T0", "G80 X10 Y9 W80 H70",
     "M109 R170", "M84 X Y E", "M900 K0.05", "G4 P500", "G29", "M115", "T0", "G00 X5", "M486 S1", "G92 E0",
     "M413 S0", "M420 S1", "M420 S1 Z10"],
)  # fmt: skip
def test_what_slicers_write_is_let_through(command):
    checked(command)


def test_text_for_people_is_never_taken_for_heat():
    assert checked("M117 S260 hot").nozzle_max_c == 230


@pytest.mark.parametrize(
    "text",
    ["M117 now:M104 S999", "M117 layer 2 : g28", "M486 Aframe#M112", "M117 " + "a" * 91 + "M104 S999",
     " " * 90 + "M117 aaaaaM104 S999"],
)  # fmt: skip
def test_text_hides_no_command_from_a_firmware_that_ends_a_line_sooner(text):
    assert "its text could be taken for a command" in str(refusal(text))


@pytest.mark.parametrize(
    "text",
    ["M486 Aframe M104 S300", "M486 AframeM104S300", "M862.3 P G28", "M117 now:(x)M104 S300",
     'M486 A"frame" M104 S300'],
)  # fmt: skip
def test_text_hides_no_command_from_a_firmware_that_reads_several_on_a_line(text):
    assert "its text could be taken for a command" in str(refusal(text))


@pytest.mark.parametrize(
    "text",
    [
        "M117 Layer: 3 of 40",
        "M486 Aframe.stl id:0 copy 1",
        "M117 #2",
        "M117 visor M3",
        'M486 A"nut M3"',
        "M486 Adéjà",
        "M117 " + "a" * 90,
    ],
)
def test_honest_text_is_let_through(text):
    checked(text)


@pytest.mark.parametrize(
    ("move", "says"),
    [
        ("G1 X260 Y90 E5", "X 260.0 mm"),
        ("G1 X-1 Y90 E5", "X -1.0 mm"),
        ("G1 X50 Y210.5 E5", "Y 210.5 mm"),
        ("G1 Z201 E1", "higher than"),
        ("G1 Z201", "higher than"),
        ("G1 Z-0.5", "below the bed"),
        ("G1 X-90", "far off the bed"),
        ("G1 X50 F90000", "speed"),
        ("G1 X50 E500", "filament"),
        ("G1 X", "no number"),
        ("G92 X0", "nothing can be checked"),
        ("G92", "nothing can be checked"),
        ("G1 X50 M104 S300", "cannot be understood"),
        ("G1 X50 X60", "cannot be understood"),
        ("N10 G1 X50*33", "no command"),
        ("hello", "no command"),
        ("G4 S100000", "waits"),
        ("M221 S500", "flow"),
        ("M220 S1000", "speed"),
    ],
)
def test_moves_that_cannot_be_meant(move, says):
    assert says in str(refusal(move))


def test_many_pauses_are_a_long_one():
    checked(*["G4 P1000"] * 2000)
    assert "waits for 7800 s" in str(refusal(*["G4 S600"] * 13))


def test_the_start_of_an_extruding_move_counts_too():
    assert "X -5.0" in str(refusal("G1 X-5 Y50", "G1 X50 E1"))


def test_travel_may_leave_the_bed_a_little():
    assert checked("G1 X-5 Y215").x_min == 10


def test_relative_moves_add_up():
    facts = checked("G91", "G1 X10 E1", "G1 X10 E1", "G90")
    assert facts.x_max == 120
    assert "X 260.0" in str(refusal("G91", *["G1 X20 E1"] * 8, "G90"))


def test_g90_makes_e_absolute_until_m83():
    absolute = checked("G92 E0", "G90", "G1 X20 E3", "G1 X30 E3")
    assert absolute.extruded_mm == pytest.approx(8.0)
    assert checked("G90", "M83", "G1 X20 E3", "G1 X30 E3").extruded_mm == pytest.approx(11.0)
    assert checked("M82", "G92 E100", "G1 X20 E101").extruded_mm == pytest.approx(6.0)


def test_arcs_are_followed_round_their_outermost_points():
    # A half circle from (100, 90) to (40, 90), radius 30: clockwise it passes below, y = 60.
    assert checked("G2 X40 Y90 I-30 J0 E5").y_max == 90
    assert checked("G3 X40 Y90 I-30 J0 E5").y_max == pytest.approx(120)
    assert checked("G2 X100 Y90 I-30 J0 E5").y_max == pytest.approx(120)  # the whole circle
    # A shallow arc of a far centre stays inside, though its circle does not.
    assert checked("G1 X100 Y10", "G2 X120 Y10 I10 J-500 E1").y_min >= 10
    assert "Y 215" in str(refusal("G1 X40 Y185", "G2 X100 Y185 I30 J0 E5"))
    assert "centre" in str(refusal("G2 X40 Y90 R30 E5"))


@pytest.mark.parametrize(
    "command", ["M104 S251", "M109 S251", "M109 R251", "M140 S101", "M190 R101", "M104 S200 B280",
                "M104 S-1", "M104 S", "M140", "M140 R90"],
)  # fmt: skip
def test_heat_beyond_the_limit_is_refused(command):
    refusal(command)


def test_heat_up_to_the_limit_is_not():
    facts = checked("M104 S250", "M190 R100")
    assert (facts.nozzle_max_c, facts.bed_max_c) == (250, 100)


@pytest.mark.parametrize(
    "off",
    [
        "m104 S0",
        "M104 s0",
        "M104 I1 S0",
        "M104 R0",
        "M104 B0",
        "M104.1 S0",
        "M140 P1 S0",
        "\x1fM104 S0",
    ],
)
def test_what_a_firmware_may_pass_over_switches_no_heater_off(off):
    """On some firmware each of these leaves the heater as it is, or heats."""
    refusal(end=[off, "M104 S0", "M140 S0"])


@pytest.mark.parametrize(
    "heat", ["M104 S2E2", "M140 S9E1", "M104 S0X1F4", "G10 S250", "M106 S255 H1"]
)
def test_numbers_and_words_that_some_firmware_reads_as_more_heat_are_refused(heat):
    refusal(heat)


@pytest.mark.parametrize(
    "move",
    ["G1 X2Y5E1", "G1 x50", "G1 H2 Z0", "G28 Z5", "G28.3 Z0", "G28 X-10", "G90.1", "G92.1", "g28",
     "G1 X50 S1", "G2 X40 Y90 I-30 P2"],
)  # fmt: skip
def test_moves_that_some_firmware_takes_for_others_are_refused(move):
    refusal(move)


def test_a_carriage_return_within_a_line_is_refused():
    """OctoPrint ends the line there, who feeds a serial port does not."""
    for hidden in ("; off\rM104 S0", "G1 X50\rG91", "G1 X50 E1 ; a\rM104 S200"):
        error = refusal(hidden)
        assert "carriage return" in str(error)
        assert error.line == len(START) + len(PRINT) + 1
    assert checked("G1 X50 E1\r\n", "M107\r\n", "; a comment\r\n", "\r\n").lines > 0


def test_after_the_bed_was_measured_nobody_knows_how_high_the_nozzle_is():
    for level in ("G29", "G80"):
        assert "below the bed" in str(refusal("G1 Z50", level, "G91", "G1 Z-40"))


def test_an_arc_that_is_no_arc_may_be_a_whole_circle():
    assert checked("G2 X100.00001 Y90 I-30 J0 E5").y_max == pytest.approx(120)


def test_another_tool_is_not_heated():
    assert "another tool" in str(refusal("M104 T1 S200"))


def test_the_heaters_are_off_at_the_end():
    assert "nozzle stays at 230" in str(refusal(end=["M140 S0"]))
    assert "bed stays at 85" in str(refusal(end=["M104 S0"]))
    assert "nozzle stays at 200" in str(refusal(end=[*END, "M104 S200"]))


def test_a_file_without_a_print_is_refused():
    for lines in ([], [*START, *END], [*START, "G1 X10 Y10 Z1", "G1 E-5", *END]):
        with pytest.raises(GcodeRefusedError, match="nothing is printed"):
            check(lines, PRESET, nozzle_limit_c=250, bed_limit_c=100)


def test_nothing_is_printed_before_homing_or_after_the_motors_were_off():
    assert "homed" in str(refusal(start=["G90", "M83", "G1 X5 Y5"]))
    assert "homed" in str(refusal("M84", "G1 X50 E1"))
    assert "homed" in str(refusal(start=["G91", "G1 Z-5"]))
    checked(start=["G91", "G1 Z5", "G90", *START])


PRIME = ["G1 Z0.2 F720", "G1 X0 Y-3 F1000", "G92 E0", "G1 X60 E9 F1000", "G1 X100 E12.5 F1000"]


def primed(*middle, prime=PRIME, front_mm=3.0):
    preset = dataclasses.replace(PRESET, prime_front_mm=front_mm)
    lines = [*START, *prime, *PRINT, *middle, *END]
    return check(lines, preset, nozzle_limit_c=250.0, bed_limit_c=100.0)


def test_a_prime_line_in_front_of_the_bed_is_let_through_where_there_is_room_for_it():
    facts = primed()
    assert (facts.x_min, facts.y_min) == (10, 20)  # what lies on the bed
    assert facts.extruded_mm == pytest.approx(26.5)
    with pytest.raises(GcodeRefusedError, match=r"Y -3\.0 mm"):
        primed(front_mm=0.0)
    with pytest.raises(GcodeRefusedError, match=r"Y -3\.0 mm"):
        primed(front_mm=2.0)


@pytest.mark.parametrize(
    "prime",
    [
        ["G1 Z0.2", "G1 X-5 Y-3", "G1 X60 E9"],  # beside the bed
        ["G1 Z5", "G1 X0 Y-3", "G1 X60 E9"],  # no line of a first layer
        ["G1 Z0.2", "G1 X0 Y-3", "G1 X60 E9", "G1 X60 Y211 E9"],  # behind the bed
    ],
)
def test_only_a_line_on_the_strip_in_front_is_a_prime_line(prime):
    with pytest.raises(GcodeRefusedError):
        primed(prime=prime)


def test_once_something_lies_on_the_bed_nothing_may_hang_off_its_front():
    with pytest.raises(GcodeRefusedError, match=r"Y -1\.0 mm"):
        primed("G1 X50 Y5 E1", "G1 X60 Y-1 E1")


def test_priming_alone_is_no_print():
    preset = dataclasses.replace(PRESET, prime_front_mm=3.0)
    with pytest.raises(GcodeRefusedError, match="nothing is printed"):
        check([*START, *PRIME, *END], preset, nozzle_limit_c=250.0, bed_limit_c=100.0)


NUMBERS = st.sampled_from(
    ["0", "5", "-3", "100.25", ".5", "-.75", "10.", "249.9", "260", "1.2.3", ".", "0.3", "12"]
)
MOVES = st.builds(
    lambda head, words, tail: (
        head + "".join(f" {letter}{number}" for letter, number in words) + tail
    ),
    st.sampled_from(["G1", "G0", "G01", "G2"]),
    st.lists(st.tuples(st.sampled_from("XYZEFXYE"), NUMBERS), max_size=5),
    st.sampled_from(["", "", " ; a comment", ";G1 X900", "\n", " \n", "\r\n", " X", "*33"]),
)
OTHERS = st.sampled_from(
    ["G90", "G91", "M82", "M83", "G92 E0", "G92 E12", "G28", "G28 X", "M84", "M106 S255", "G1 F1800",
     "G1 X50 Y50", "G1 X60.5 Y50.25 E.0312", "G1 E-.8 F2100", "G1 Z.6", "G1 F900 X20 Y30 E1", ""]
)  # fmt: skip


def answer(lines):
    try:
        return check(lines, PRESET, nozzle_limit_c=250.0, bed_limit_c=100.0)
    except GcodeRefusedError as refused:
        return refused.line, refused.why


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(OTHERS | MOVES, max_size=40), st.booleans())
@example(["M84", "G1 X50 Y50 E1"], True)
@example(["G1 X50 Y50 E151"], True)
@example(["G1 F1 X50 Y50 F1"], True)
@example(["G1 X50 Y50 E1", " G1 X260", "G1 X50 Y50 E1"], True)
@example(["G1 X50 Y50 E1", "G1 X260", "G1 X50 Y50 E1"], True)
@example(["G1 X50 Y50 E1", "M84", "G28 X", "G1 X50 Y50 E1"], True)
def test_a_plain_move_is_judged_as_any_other(lines, begun):
    """With a space before it, it is read the long way: the answers and refusals are the same."""
    start = [*START, *PRINT] if begun else START[:3]
    told = answer([*start, *lines, *END])
    assert answer([" " + line for line in [*start, *lines, *END]]) == told
