"""How many things G-code prints: by their names, and by the patches of the bed that are printed on."""

import dataclasses

import pytest

from printers.gcode_pieces import count
from tests.unit.printers.test_gcode import PRESET

HEAD = ["G21", "G28", "G90", "M83", "G1 Z0.2", "G1 X0 Y1 E5", "G1 X200 Y1 E20"]  # primes


def square(x, y, side=10.0, word="G1 X{:g} Y{:g} E0.5"):
    corners = [(x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [f"G1 X{x:g} Y{y:g}", *(word.format(*corner) for corner in corners)]


def plate(*places, top=3):
    """Squares, layer by layer, with a brim that joins them all on the first."""
    lines = [*HEAD, "G1 X0 Y10", "G1 X200 Y10 E9", "G1 X0 Y15 E9"]
    for layer in range(1, top * 5):
        lines.append(f"G1 Z{layer * 0.2:g}")
        for place in places:
            lines += square(*place)
    return lines


ROW = [(20, 20), (33, 20), (20, 33), (60, 60)]


@pytest.mark.parametrize("many", [1, 2, 3, 4])
def test_pieces_are_patches_and_brims_and_primes_are_none(many):
    found = count(plate(*ROW[:many]), PRESET, 3.0)
    assert (found.named, found.patches) == (None, many)


def test_of_a_thin_part_the_upper_half_is_looked_at():
    assert count(plate(*ROW[:3], top=1), PRESET, 0.8).patches == 3
    assert count(plate(*ROW[:3], top=1), PRESET, 3.0).patches == 0


def test_what_the_slicer_calls_support_is_no_piece():
    lines = [*plate(*ROW[:2]), ";TYPE:Support material", *square(100, 100), ";TYPE:Perimeter"]
    assert count(lines, PRESET, 3.0).patches == 2
    for kind in (
        ";TYPE:SUPPORT", ";TYPE:SUPPORT-INTERFACE", ";TYPE:SKIRT", ";TYPE:PRIME-TOWER", ";TYPE:Custom",
        "; FEATURE: Prime tower", "; FEATURE: Support transition", "; FEATURE: Flush",
        "; feature ooze shield", "; feature dense support", ";TYPE:RAFT",
    ):  # fmt: skip
        found = count([*plate(*ROW[:2]), kind, *square(100, 100)], PRESET, 3.0)
        assert found.patches == 2, kind
    assert count([*lines, *square(100, 100)], PRESET, 3.0).patches == 3


def test_filament_that_comes_back_in_the_air_is_no_piece():
    lines = [*plate(*ROW[:2]), "G1 X150 Y150 F9000", "G1 E2 F2100", "G1 X170 Y150 E-1"]
    assert count(lines, PRESET, 3.0).patches == 2


@pytest.mark.parametrize(
    "moves",
    [
        ["M82", "G92 E0", "G1 X50 Y50", "G1 X60 Y50 E1", "G1 X60 Y60 E2", "G1 X70 Y60 E1.5"],
        ["G91", "G1 X10 Y10", "G1 X5 E1", "G1 Y5 E1", "G90", "M83"],
        ["G1 X100 Y100", "G2 X120 Y100 I10 J0 E3", "G3 X100 Y100 I-10 J0 E3"],
        ["G1 X100 Y100", "G2 X100 Y100 I10 J0 E6"],
        ["G1 X 100 Y 100", "G01 X105 Y100 E.5 ; a wall", "G1 F1200 X110 Y100 E0.5"],
    ],
    ids=["absolute", "relative", "half circles", "a circle", "spelt otherwise"],
)
def test_a_body_is_one_patch_however_it_is_written(moves):
    assert count([*HEAD, "G1 Z2", *moves], PRESET, 3.0).patches == 1


def test_a_wide_nozzle_lays_lines_further_apart():
    lines = [*HEAD, "G1 Z2"]
    for at in range(8):
        lines += [f"G1 X50 Y{50 + at * 1.7:g}", f"G1 X90 Y{50 + at * 1.7:g} E2"]
    assert count(lines, PRESET, 3.0).patches == 8
    assert count(lines, dataclasses.replace(PRESET, nozzle_mm=1.2), 3.0).patches == 1


@pytest.mark.parametrize(
    "names",
    [
        ["; printing object visor.stl id:0 copy 0", "; printing object visor.stl id:0 copy 1"],
        [";MESH:visor.stl", ";MESH:NONMESH", ";MESH:visor.stl(1)"],
        ["M486 T2", "M486 S0", "M486 A visor", "M486 S-1", "M486 S1", "M486 S-1"],
        [
            "; object ids of layer 1 start: 81,118", "M624 AwAAAAAAAAA=", "M625", "; OBJECT_ID: 81",
            "; start printing object, unique label id: 81", "; OBJECT_ID: 118",
            "; stop printing object, unique label id: 81", "; start printing object, unique label id: 118",
        ],
        [";PRINTING: NON-OBJECT", ";PRINTING_ID: -1", ";PRINTING: a.stl", ";PRINTING_ID: 0",
         ";PRINTING: a.stl", ";PRINTING_ID: 1"],
        ["M486 S0", "; printing object a.stl id:0 copy 0", "M486 S1", "; printing object a.stl id:1 copy 0"],
    ],
    ids=["prusa", "cura", "marlin", "bambu", "ideamaker", "two ways"],
)  # fmt: skip
def test_things_that_a_slicer_names_are_counted_once(names):
    lines = [*HEAD, *names, "; stop printing object visor.stl id:0 copy 1", *names]
    assert count(lines, PRESET, 3.0).named == 2


def test_whatever_is_in_a_file_it_is_counted_within_the_bed():
    lines = [
        "G1 X1e9 Y5 E1",
        "G1 X-99999 Y99999 E1",
        "G92",
        "G2 X5",
        "M486 S",
        "; printing object ",
        "",
    ]
    assert count(["G1 Z5", *lines], PRESET, 3.0).named is None
