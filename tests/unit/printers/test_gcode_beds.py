"""Round beds and what has to stay empty: nothing is printed beside or over them, whatever moves say."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from designs.materials import material
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import ROUND
from printers.errors import GcodeRefusedError
from printers.gcode import check
from printers.gcode_places import arc_way, ground_of
from printers.prime_line import prime_line
from printers.slicer_profiles import profile_for
from tests.unit.printers.test_gcode import END, PRESET, START

ZONE = (100.0, 80.0, 140.0, 120.0)
ZONED = dataclasses.replace(PRESET, keep_out_mm=(ZONE,))
DELTA = dataclasses.replace(PRESET, bed_x_mm=200.0, bed_y_mm=200.0, bed=ROUND)
BOTH = dataclasses.replace(DELTA, keep_out_mm=((90.0, 0.0, 110.0, 20.0),))
#: Covers the middle of the bed, so that moves go the quick way.
AROUND = {
    ZONED.bed_x_mm: [
        "G1 X10 Y10 Z0.3 F6000",
        "G1 X240 Y10 E5",
        "G1 X240 Y200 E5",
        "G1 X10 Y200 E5",
    ],
    DELTA.bed_x_mm: [
        "G1 X40 Y100 Z0.3 F6000",
        "G1 X100 Y40 E5",
        "G1 X160 Y100 E5",
        "G1 X100 Y160 E5",
    ],
}


def checked(preset, *middle):
    lines = [*START, *AROUND[preset.bed_x_mm], *middle, *END]
    return check(lines, preset, nozzle_limit_c=250.0, bed_limit_c=100.0)


def refusal(preset, *middle):
    with pytest.raises(GcodeRefusedError) as refused:
        checked(preset, *middle)
    return refused.value


def test_around_a_zone_is_free_and_a_travel_goes_over_it():
    checked(
        ZONED, "G0 X120 Y10", "G0 X120 Y200", "G1 X20 Y200 E3", "G1 X99 Y79 E3", "G1 X99 Y121 E3"
    )


@pytest.mark.parametrize(
    "moves",
    [
        ["G0 X50 Y100", "G1 X200 Y100 E5"],  # across, with both ends outside
        ["G0 X50 Y100", "G1 X120 Y100 E5"],  # into it
        ["G0 X120 Y100", "G1 X50 Y100 E5"],  # out of it
        ["G0 X120 Y100", "G1 E1"],  # a drop in it
        ["G0 X50 Y100", "G91", "G1 X150 E5"],
        ["M82", "G92 E0", "G0 X50 Y100", "G1 X200 E5"],
        ["G0 X95 Y100", "G2 X145 Y100 I25 J-40 E5"],  # with its ends beside it
        ["G0 X95 Y100", "G3 X95 Y100 I5 J0 E5"],
    ],
)
def test_nothing_is_printed_over_a_zone(moves):
    assert "stay empty" in str(refusal(ZONED, *moves))


def test_an_arc_around_a_zone_is_free():
    checked(ZONED, "G0 X80 Y100", "G2 X80 Y100 I40 J0 E9")


@pytest.mark.parametrize(
    "moves",
    [
        ["G0 X20 Y20", "G1 X100 Y20 E5"],
        ["G0 X100 Y100", "G1 X172 Y172 E5"],
        ["G0 X0 Y0", "G1 E1"],
        ["G0 X175 Y160", "G3 X160 Y175 I-10 J5 E3"],  # bulges out between its ends
    ],
)
def test_nothing_is_printed_beside_a_round_bed(moves):
    assert "beside the round bed" in str(refusal(DELTA, *moves))


def test_up_to_the_edge_of_the_circle_is_free():
    edge = 100 + 100 / math.sqrt(2)
    checked(DELTA, f"G1 X{edge:.3f} Y{edge:.3f} E5", "G1 X200 Y100 E5", "G0 X0 Y0")


_AT = st.floats(0.0, 250.0).map(lambda at: round(at, 3))


@settings(max_examples=300, deadline=None)
@given(x0=_AT, y0=_AT, x1=_AT, y1=_AT)
def test_a_straight_move_is_judged_as_shapely_judges_it(x0, y0, x1, y1):
    line = LineString([(x0, y0), (x1, y1)]) if (x0, y0) != (x1, y1) else Point(x0, y0)
    inner = box(*ZONE).buffer(-0.02)
    told = ground_of(ZONED).why_not([(x0, y0), (x1, y1)])
    if line.intersects(inner):
        assert told
    elif line.distance(box(*ZONE)) > 0:
        assert not told


def test_an_arc_is_followed_to_a_hundredth():
    way = arc_way(10.0, 0.0, (90.0, 0.0), math.tau, 1)
    line = LineString(way)
    assert line.hausdorff_distance(Point(100, 0).buffer(90, quad_segs=2000).exterior) < 0.01
    assert way[0] == pytest.approx(way[-1])
    assert way[1][1] < 0  # anticlockwise from the left goes down


def test_a_plain_bed_asks_nothing_more():
    assert ground_of(PRESET) is None


@pytest.mark.parametrize(
    "preset",
    [
        DELTA,
        BOTH,
        dataclasses.replace(PRESET, keep_out_mm=((0.0, 0.0, 40.0, 40.0),)),
        dataclasses.replace(
            PRESET, keep_out_mm=((0.0, 0.0, 250.0, 20.0), (0.0, 190.0, 250.0, 210.0))
        ),
        dataclasses.replace(DELTA, bed_x_mm=60.0, bed_y_mm=60.0),
    ],
)
def test_our_own_profile_primes_where_it_may(preset):
    keys = profile_for(preset, material("PETG"), []).keys
    start = keys["start_gcode"].replace(r"\n", "\n")
    assert prime_line(preset).replace(r"\n", "\n") in start
    for key in ("first_layer_bed_temperature", "first_layer_temperature"):
        start = start.replace(f"[{key}]", keys[key])
    middle = preset.bed_x_mm / 2
    part = [f"G1 X{middle} Y{middle} Z0.3", f"G1 X{middle + 5} E1"]
    facts = check(
        [*start.splitlines(), *part, *END], preset, nozzle_limit_c=260.0, bed_limit_c=100.0
    )
    assert facts.extruded_mm == pytest.approx(10.0, abs=0.1)
    shape = [tuple(map(float, each.split("x"))) for each in keys["bed_shape"].split(",")]
    if preset.bed == ROUND:
        assert {round(math.dist(at, (middle, middle)), 1) for at in shape} == {middle}


def test_a_plain_bed_is_primed_as_ever():
    plain = load_machine("generic-250x210")
    start = profile_for(plain, material("PETG"), []).keys["start_gcode"]
    assert r"G1 X10 Y1 F6000\nG1 X110 E9 F1000 ; prime line" in start
