"""What of a board's words goes out of the workshop, and what does not."""

import pytest

from printers.transcript import Tape, scrub


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("UUID:00112233-4455-6677-8899-aabbccddeeff", "UUID:<uuid>"),
        ("UUID:cede2a2f-41a2-4748-9b12-c55c62f367ff",) * 2,
        (
            "SERIAL_NUMBER:CZPX1234X004XK12345 EXTRUDER_COUNT:1",
            "SERIAL_NUMBER:<serial> EXTRUDER_COUNT:1",
        ),
        ("echo:Serial No: 4711-AB", "echo:Serial No: <serial>"),
        ("SN=12-34", "SN=<serial>"),
        (
            "MACHINE_NAME:Anna Weber's Ender EXTRUDER_COUNT:1",
            "MACHINE_NAME:<name> EXTRUDER_COUNT:1",
        ),
        ("echo:SSID: Weberei 2.4", "echo:SSID: <name>"),
        ("IP 192.168.1.77, MAC aa:bb:cc:dd:ee:0f", "IP <address>, MAC <mac>"),
        ("http://ender.local/ anna@example.org", "http://<host>/ <mail>"),
        ("unique id 0123456789abcdef0123", "unique id <serial>"),
        ("ok T:21.30 /0.00 B:20.00 /0.00 @:0 B@:0",) * 2,
        ("FIRMWARE_NAME:Marlin 2.1.2.1 (Nov 23 2026 01:33:51) MACHINE_TYPE:Ender-3",) * 2,
        ("X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0",) * 2,
        ("Cap:SERIAL_XON_XOFF:0",) * 2,
    ],
)
def test_what_names_somebody_or_one_machine_is_taken_out(said, kept):
    assert scrub(said.encode()).decode() == kept


def test_a_line_that_comes_in_pieces_is_one_line_and_odd_bytes_are_seen():
    tape = Tape()
    tape.take(">", b"N1 M105*38\n")
    for piece in (b"SERIAL_", b"NUMBER:4711\r", b"\n\xfe\0start\nrest"):
        tape.take("<", piece)
    assert tape.text() == "> N1 M105*38\n< SERIAL_NUMBER:<serial>\n< \\xfe<NUL>start\n"
