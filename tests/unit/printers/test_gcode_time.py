"""How long a file's moves take at the least, whatever is told of it."""

import lzma
import math
import random
from pathlib import Path

import pytest

import designs.catalogue
from firmware_profiles.loader import load_machine
from printers.errors import GcodeRefusedError
from printers.gcode import check
from printers.gcode_figures import figures_of
from tests.unit.printers.test_gcode import checked

BEFORE_S = checked().least_s  # of what stands in every file there


#: What sharp turns cost, in the few of these moves.
TURNS_S = 0.05


def takes_s(*lines):
    return checked(*lines).least_s - BEFORE_S


def test_moves_take_their_way_at_their_speed():
    # From X100 Y90 Z0.3; F holds for what comes after it.
    assert takes_s("G1 X160 Y170 F600", "G1 X60 E1", "G1 Y70 F1200") == pytest.approx(
        10 + 10 + 5, abs=TURNS_S
    )
    assert takes_s("G1 Z10.3 F60") == pytest.approx(10)
    assert takes_s("G1 E30 F60", "G1 E-30") == pytest.approx(60)
    assert takes_s("G91", "G1 X-50 F600", "G1 X50", "G90", "M83") == pytest.approx(10, abs=TURNS_S)
    assert takes_s("G4 S20", "G4 P500") == pytest.approx(20.5)


def test_an_arc_takes_its_length():
    quarter = "G3 X90 Y100 I-10 J0 E1 F60"
    assert takes_s(quarter) == pytest.approx(math.pi / 2 * 10, rel=1e-3)
    assert takes_s("G2 X100 Y90 I-10 J0 E1 F60") == pytest.approx(2 * math.pi * 10, rel=1e-3)


def test_no_printer_is_quicker_than_its_firmware_lets_it():
    told = 60_000.0  # mm/min
    assert takes_s(f"G1 X0 F{told:g}", "G1 X200") > 300 / 1000
    assert takes_s(f"G1 Z100 F{told:g}") == pytest.approx(99.7 / 50)
    assert takes_s("G1 E100 F60000") == pytest.approx(0.5)


def test_the_speed_factor_is_followed_and_where_firmwares_differ_the_quickest():
    move = "G1 X0 F600"  # 10 s
    assert takes_s("M220 S50", move) == pytest.approx(20, abs=TURNS_S)
    assert takes_s("M220 S200", move) == pytest.approx(5, abs=TURNS_S)
    assert takes_s("M220 S50", "M220 S100", move) == pytest.approx(10, abs=TURNS_S)
    assert takes_s("M220 S50", "M220", move) == pytest.approx(10, abs=TURNS_S)
    assert takes_s("M220 S200", "M220 B", "M220 S50", "M220 R", move) == pytest.approx(
        5, abs=TURNS_S
    )


@pytest.mark.parametrize(
    "command",
    ["M204 S1", "M204 P800 T2", "M201 X1 Y3000", "M203 X0.1 Y200", "M203 Z0.01", "M204 S"],
)
def test_a_printer_that_is_made_to_creep_is_refused(command):
    with pytest.raises(GcodeRefusedError, match="slower than any printer"):
        checked(command)


def test_where_nobody_knows_where_the_nozzle_is_a_move_takes_nothing():
    lines = ["G21", "M83", "G90", "G1 Z5 F600", "G28", "G1 X10 Y0 F600", "G1 X20 E1"]
    assert check(
        lines, load_machine("generic-250x210"), nozzle_limit_c=250, bed_limit_c=100
    ).least_s == pytest.approx(2.0)


SLICED = sorted(Path(designs.catalogue.__path__[0]).glob("trial-frame/slices/*.gcode.xz"))


@pytest.mark.parametrize("packed", SLICED, ids=lambda path: path.name)
def test_a_slicers_own_figure_is_more_and_not_very_much_more(packed):
    """It reckons with accelerations; a file whose figure is a half of its own has no place to hide."""
    lines = lzma.decompress(packed.read_bytes()).decode().splitlines()
    preset = load_machine(packed.name.rpartition("-")[0].rpartition("-")[0])
    least_s = check(lines, preset, nozzle_limit_c=260, bed_limit_c=110).least_s
    assert least_s < figures_of(lines).seconds < 2 * least_s


def test_a_print_without_an_end_is_refused():
    with pytest.raises(GcodeRefusedError, match="takes 69 days"):
        checked("G1 X0 F0.001")


@pytest.mark.parametrize(
    ("limits", "times"),
    [
        (["M204 S300", "M205 X5 Y5"], 1.0),
        (["M201 X9000 Y9000", "M204 P1250"], 1.0),
        (["M204 P100"], 3**0.5),
        (["M201 X200 Y500", "M204 P800"], 1.5**0.5),
        (["M205 X1"], 5**0.25),
        (["M204 P100", "M205 Y1"], 3**0.5 * 5**0.25),
        (["M204 P100", "M204 P800"], 1.0),
    ],
)
def test_a_file_that_makes_the_printer_start_slowly_takes_longer(limits, times):
    move = ["G1 X10 Y90 F600", "G1 X100 F600"]
    assert takes_s(*limits, *move) == pytest.approx(times * takes_s(*move), abs=TURNS_S)


def planned_s(ways, mm_s, *, mm_s2, turn_mm_s):
    """What a planner takes that looks ahead over all moves: an independent reckoning."""
    count = len(ways)
    length = [math.hypot(*way) for way in ways]
    at = [turn_mm_s, *[mm_s] * (count - 1), turn_mm_s]
    for i in range(1, count):
        cosine = sum(a * b for a, b in zip(ways[i - 1], ways[i], strict=True))
        cosine /= length[i - 1] * length[i]
        if cosine < 0.1:
            at[i] = min(mm_s, turn_mm_s)
    for i in range(count - 1, -1, -1):
        at[i] = min(at[i], math.sqrt(at[i + 1] ** 2 + 2 * mm_s2 * length[i]))
    total = 0.0
    for i in range(count):
        at[i + 1] = min(at[i + 1], math.sqrt(at[i] ** 2 + 2 * mm_s2 * length[i]))
        top = min(mm_s, math.sqrt((at[i] ** 2 + at[i + 1] ** 2) / 2 + mm_s2 * length[i]))
        ramps = (2 * top**2 - at[i] ** 2 - at[i + 1] ** 2) / (2 * mm_s2)
        total += (2 * top - at[i] - at[i + 1]) / mm_s2 + (length[i] - ramps) / top
    return total


def written(ways, feedrate):
    x, y = 100.0, 90.0
    lines = [f"G1 F{feedrate}"]
    for way_x, way_y in ways:
        x, y = x + way_x, y + way_y
        lines.append(f"G1 X{x:.3f} Y{y:.3f}")
    return lines


@pytest.mark.parametrize("seed", range(20))
def test_no_quick_printer_is_quicker_and_zigzags_take_nearly_what_it_takes(seed):
    chance = random.Random(seed)
    step_mm = chance.choice((0.05, 0.2, 1.0, 5.0, 30.0))
    ways, sign = [], 1
    for _ in range(400):
        way = (round(sign * step_mm * chance.uniform(0.5, 1), 3), round(chance.uniform(0, 0.02), 3))
        ways.append(way)
        sign = -sign if chance.random() < 0.8 else sign
        if abs(sum(each[0] for each in ways)) > 60:
            sign = -1 if sum(each[0] for each in ways) > 0 else 1
    feedrate = chance.choice((1800, 9000, 36000))
    least_s = takes_s(*written(ways, feedrate))
    quickest_s = planned_s(ways, feedrate / 60, mm_s2=10_000, turn_mm_s=20)
    assert least_s <= quickest_s * 1.001
    assert least_s > 0.5 * quickest_s
    length_mm = sum(math.hypot(*way) for way in ways)
    assert least_s >= length_mm / (feedrate / 60) * 0.99


def test_zigzags_of_a_tenth_of_a_millimetre_hide_no_hours():
    """What was told of them, by their way and their speed, was a hundredth."""
    ways = [(0.1, 0.0), (-0.1, 0.0)] * 5000
    assert takes_s(*written(ways, 60_000)) > 20 * 1000 / 1000
    stairs = [(0.1, 0.0), (0.0, 0.1), (-0.1, 0.0), (0.0, -0.1)] * 2500
    assert takes_s(*written(stairs, 60_000)) > 20
