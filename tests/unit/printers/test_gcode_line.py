"""One line to a printer, or from it: what is sent, and what its answer tells."""

import pytest

from printers.errors import GcodeLineError
from printers.gcode_line import checksum, clean, parse_identity, parse_temperatures


@pytest.mark.parametrize(
    ("line", "nozzle", "bed"),
    [
        (b" ==T:20.00 /0.00 ==B:21.00 /0.00 @:0 B@:0", (20.0, 0.0), (21.0, 0.0)),
        (b"ok T:23.4 /0.0 @0 B:24.0 /55.0 @127", (23.4, 0.0), (24.0, 55.0)),
        (b"T:200.1 /200.0 B:60.1 /60.0 B@:0 @:255", (200.1, 200.0), (60.1, 60.0)),
        (b"T:20.0 /0.0 T0:200.0 /205.0 T1:21.0 /0.0 B:60 /60", (200.0, 205.0), (60.0, 60.0)),
        (b"T:20.0 /0.0 T1:21.0 /0.0", (20.0, 0.0), (None, None)),
    ],
)
def test_temperatures_of_vendors(line, nozzle, bed):
    told = parse_temperatures(line)
    assert (told.nozzle_c, told.nozzle_target_c) == nozzle
    assert (told.bed_c, told.bed_target_c) == bed


@pytest.mark.parametrize(
    "line",
    [
        b"T:205.1 /205.0 B@:31pS_XYZ:5",
        b"T:2051 /205.0 B:60 /60",
        b"T:205.1 /205.0 T:60.0 /60.0",
        b"T:205.1/205.0B:60.0x",
        b"Count A:20 B:30 C:40",
        b"TT::27.7627.76 //0.000.00 BB::2020",
    ],
)
def test_a_spoilt_report_is_no_report(line):
    """OctoPrint #4456, #4890, #2918, #2998; Marlin #10735."""
    assert parse_temperatures(line) is None


def test_identities_of_firmwares():
    assert parse_identity("NAME. Malyan VER: 4.0 MODEL: M200 HW: HH02") == {
        "FIRMWARE_NAME": "Malyan 4.0",
        "MACHINE_TYPE": "M200",
    }
    smoothie = parse_identity(
        "FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//smoothieware.org,"
        " X-SOURCE_CODE_URL:https://x, FIRMWARE_VERSION:edge-1, X-FIRMWARE_BUILD_DATE:Nov 1"
    )
    assert smoothie["FIRMWARE_NAME"] == "Smoothieware"
    assert smoothie["FIRMWARE_VERSION"] == "edge-1"
    duet = parse_identity("FIRMWARE_NAME: RepRapFirmware for Duet 2 WiFi FIRMWARE_VERSION: 3.4.5")
    assert duet["FIRMWARE_NAME"] == "RepRapFirmware for Duet 2 WiFi"


def test_lines_carry_the_checksum_of_the_reprap_protocol():
    assert checksum(b"N0 M110 N0") == 125
    assert checksum(b"N1 M105") == 38


@pytest.mark.parametrize(
    ("line", "nozzle", "bed"),
    [
        (b" T:205.1 /205.0 B:60.0 /60.0 @:64 B@:12", (205.1, 205.0), (60.0, 60.0)),
        (b"ok T:21.3 /0.0 B:22 /0.0 T0:21.4 /0.0 @:0 B@:0 P:0.0 A:28.7", (21.4, 0.0), (22.0, 0.0)),
        (b"T:27.56 /60.00 B:20.00 /0.00 @:127 B@:0 W:?", (27.56, 60.0), (20.0, 0.0)),
        (b"ok B:60.0 /60.0 T0:215.0 /215.0", (215.0, 215.0), (60.0, 60.0)),
        (b"T:20.0 /0.0 B:-15.0 /0.0", (20.0, 0.0), (-15.0, 0.0)),
    ],
)
def test_temperature_reports_of_several_firmwares(line, nozzle, bed):
    told = parse_temperatures(line)
    assert (told.nozzle_c, told.nozzle_target_c) == nozzle
    assert (told.bed_c, told.bed_target_c) == bed


@pytest.mark.parametrize(
    "line",
    [
        b"T:205.1 /205.0 B:60.0 B@:31pS_XYZ:5",
        b"TT::27.7627.76 //0.000.00 BB::2020",
        b"X:0.00 Y:0.00 Z:0.00 E:0.00 Count A:0 B:0 Z:0",
        b"ok",
        b"",
    ],
)
def test_garbage_is_no_temperature(line):
    assert parse_temperatures(line) is None


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"G1 X1 ; there", b"G1 X1"),
        (b"  G1 X1  \r\n", b"G1 X1"),
        (b"M117 (hi) ho", b"M117 ho"),
        (b"; only words", None),
        (b"", None),
        (b"M110 N5", None),
        (b"M112", None),
        ("M117 été".encode(), b"M117 ?t?"),
        (b"M486 A" + b"frame " * 20, b"M486 A" + b"frame " * 12 + b"fra"),
    ],
)
def test_only_commands_are_sent(line, command):
    assert clean(line, 1, 95) == command


@pytest.mark.parametrize("line", [b"G1 X" + b"1" * 100, "G1 X1 é".encode()])
def test_a_line_that_the_firmware_could_not_read_is_refused_by_number(line):
    with pytest.raises(GcodeLineError, match="line 7"):
        clean(line, 7, 95)


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        (b"M117 now M110 N3", b"M117 now m110 n3"),
        (b"M117 Layer 3 of 40", b"M117 Layer 3 of 40"),
        (b"M117 Good: M 104 S300", b"M117 Good: m 104 S300"),
        (b"M117 3*4 (of 9 \\o", b"M117 3 4  of 9  o"),
        (b"M486 T6", b"M486 T6"),
        (b'M486 A"nut M110 N3"', b'M486 A"nut m110 n3"'),
        (b"M486 S1 A part T2", b"M486 S1 A part t2"),
        (b"M104 T0 S200", b"M104 T0 S200"),
    ],
)
def test_no_firmware_finds_a_command_in_a_text(line, sent):
    assert clean(line, 1, 96) == sent
