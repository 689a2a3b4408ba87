"""The simulated printer against genuine ones, and its line against arithmetic; time is ours."""

import pytest

from printers.gcode_line import checksum
from printers.sim.board import Board
from printers.sim.dialect import DIALECTS
from printers.sim.heat import BURNS_C, Heater
from printers.sim.record import Record
from printers.sim.talk import Faults, Firmware
from printers.sim.wire import Pace, Wire


def wire_of(tmp_path, dialect="marlin", pace=None, **faults):
    board = Board(Record(tmp_path / "record"), lambda _line: None, heating_c_s=4000.0, hurry=1.0)
    return Wire(Firmware(board, DIALECTS[dialect], Faults(**faults)), pace or Pace())


def line(body):
    return body + b"*%d\n" % checksum(body)


def gap(last, asks):
    return [
        f"Error:Line Number is not Last Line Number+1, Last Line: {last}", f"Resend: {asks}", "ok"
    ]  # fmt: skip


SILENT = {"marlin": True, "marlin-1": False}
#: What genuine Marlin 1.1.9 (AVR) and bugfix-2.1.x say, line by line; a temperature is only "ok T".
DIALOGUE = [
    (line(b"N0 M110 N0"), ["ok"]),
    (line(b"N1 M105"), ["ok T"]),
    (line(b"N1 M105"), {"marlin": [], "marlin-1": gap(1, 2)}),
    (line(b"N0 M105"), {"marlin": [], "marlin-1": gap(1, 2)}),
    (line(b"N2 M105"), ["ok T"]),
    (line(b"N5 M105"), gap(2, 3)),
    (line(b"N3 M105"), ["ok T"]),
    (b"N4 M105\n", ["Error:No Checksum with line number, Last Line: 3", "Resend: 4", "ok"]),
    (b"M105*33\n", ["ok T"]),
    (
        line(b"N4 M117 " + b"x" * 110),
        ["Error:No Checksum with line number, Last Line: 3", "Resend: 4", "ok"],
    ),
    (line(b"N4 G1 X1"), ["ok"]),
    (b"\n\n\n", []),
    (b"m105\n", ['echo:Unknown command: "m105"', "ok"]),
    (line(b"N20 M110 N100"), ["ok"]),
    (line(b"N101 M105"), ["ok T"]),
    (b"N102 M105*1\n", ["Error:checksum mismatch, Last Line: 101", "Resend: 102", "ok"]),
]


@pytest.mark.parametrize("dialect", ["marlin", "marlin-1"])
def test_it_answers_as_the_genuine_firmware_does(tmp_path, dialect):
    wire = wire_of(tmp_path, dialect)
    for number, (sent, wanted) in enumerate(DIALOGUE):
        wire.take(sent, float(number))
        wire.advance(number + 0.5)
        said = wire.due(number + 0.5).decode().splitlines()
        told = wanted[dialect] if isinstance(wanted, dict) else wanted
        assert len(said) == len(told), sent
        assert all(one.startswith(other) for one, other in zip(said, told, strict=True)), sent


def test_marlin_2_does_lines_behind_m110_and_asks_for_them_again(tmp_path):
    """Its number counts from when it is done: N1 to N3, sent with it, are done twice."""
    wire = wire_of(tmp_path)
    wire.take(b"".join(map(line, [b"N0 M110 N0", b"N1 G92 E0", b"N2 G92 E0", b"N3 G92 E0"])), 0.0)
    wire.advance(0.1)
    wire.due(0.1)
    assert wire_says(wire, line(b"N4 G92 E0"), 1.0) == gap(0, 1)


def wire_says(wire, sent, now_s):
    wire.take(sent, now_s)
    wire.advance(now_s + 0.5)
    return wire.due(now_s + 0.5).decode().splitlines()


def test_bytes_take_their_time_both_ways(tmp_path):
    """At 115200 baud: 9 bytes there, 2 ms, 3 bytes back; not a bit sooner."""
    wire = wire_of(tmp_path, pace=Pace(baudrate=115200, timed=True, ok_s=0.002))
    sent = b"G92 E0.0\n"
    wire.take(sent, 10.0)
    comes_s = 10.0 + len(sent) * 10 / 115200 + 0.002 + len(b"ok\n") * 10 / 115200
    wire.advance(comes_s - 1e-6)
    assert wire.due(comes_s - 1e-6) == b""
    wire.advance(comes_s + 1e-6)
    assert wire.due(comes_s + 1e-6) == b"ok\n"


def test_a_late_look_changes_no_moment(tmp_path):
    """Whoever is woken late finds all as it would have been, and what is due."""
    answers = []
    for step_s in (0.0001, 0.05):
        wire = wire_of(tmp_path, pace=Pace(baudrate=115200, timed=True))
        wire.take(b"G92 E0\n" * 20, 0.0)
        now_s, said = 0.0, b""
        while now_s < 0.1:
            now_s += step_s
            wire.advance(now_s)
            said += wire.due(now_s)
        answers.append(said)
    assert answers == [b"ok\n" * 20] * 2


def test_a_full_ring_loses_bytes_and_the_lost_line_is_asked_for(tmp_path):
    """A dwell holds four lines in the queue and 127 bytes in the ring; the rest is gone."""
    wire = wire_of(tmp_path, pace=Pace(baudrate=250000, timed=True))
    body = [b"N0 M110 N0", b"N1 G4 S1", *[b"N%d G1 X%d" % (i, i) for i in range(2, 30)]]
    sent = [line(each) for each in body]
    wire.take(b"".join(sent), 0.0)
    wire.advance(0.5)
    fit = sum(map(len, sent[:5])) + 127
    assert wire.lost_bytes == sum(map(len, sent)) - fit
    assert wire_says(wire, line(b"N30 G1 X30"), 2.0)[-2].startswith("Resend: ")


def test_what_a_usb_port_has_no_room_for_waits_in_the_host(tmp_path):
    wire = wire_of(tmp_path, "klipper", pace=Pace(baudrate=250000, timed=True))
    wire.take(b"G4 S1\n" + b"G92 E0\n" * 100, 0.0)
    wire.advance(5.0)
    assert wire.lost_bytes == 0
    assert wire.due(5.0).count(b"ok\n") == 101


def test_a_heater_rises_cools_and_burns():
    heater = Heater(2.0)
    heater.set(200.0, 0.0)
    assert heater.real_c(10.0) == pytest.approx(41.0)
    assert heater.real_c(1000.0) == 200.0
    heater.set(0.0, 1000.0)
    assert 21 < heater.real_c(1100.0) < 110
    assert heater.real_c(9000.0) == pytest.approx(21.0, abs=0.1)
    heater.set(200.0, 9000.0)
    heater.lose_sensor(9100.0)
    assert not heater.runs_away(9101.0)
    assert heater.runs_away(9145.0)
    assert heater.read_c(9145.0) < 200
    assert heater.real_c(9300.0) > BURNS_C
