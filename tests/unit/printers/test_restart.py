"""A printer that starts anew without a word: it is told at once, and nothing goes on in the air."""

import pytest

from firmware_profiles.loader import load_firmware
from printers.gcode_answer import Kind, read_answer
from printers.gcode_line import parse_temperatures
from printers.restart import Asked, Restart
from printers.sim.dialect import DIALECTS
from printers.sim.talk import Faults
from printers.sim.wire import Pace
from tests.doubles.virtual_line import VirtualPrint

PRINTERS = sorted(name for name, dialect in DIALECTS.items() if not dialect.foreign)
SOON_S = 5.0
HEAD = ["G28", "G90", "M82", "M140 S60", "M104 S200"]


def moves(count):
    return [f"G1 X{i % 180} Y{i % 170} E{i / 10:.1f}" for i in range(1, count)]


@pytest.mark.parametrize("dialect", PRINTERS)
@pytest.mark.parametrize("at", [10, 100, 700])
def test_a_printer_that_starts_anew_without_a_word_ends_the_print(tmp_path, dialect, at):
    """700 lines are more than the dialogue keeps."""
    if at == 10 and not DIALECTS[dialect].numbers:
        pytest.skip("nobody has heard of a target yet")
    text = [*HEAD, *moves(1500)]
    pace = Pace(baudrate=115200, timed=True, ok_s=0.001, line_s=0.03)
    one = VirtualPrint(
        tmp_path, dialect, text, pace=pace, heating_c_s=10, faults=Faults(mute_reset_at=at)
    )
    while one.firmware.tally.received < at:
        one.tick()
    before, began_s = len(one.executed), one.now_s
    while not one.result and one.now_s < began_s + SOON_S:
        one.tick()
    # RepRapFirmware compares no numbers: a lost line is as sure a sign.
    assert one.result == "reset" or (dialect, one.result) == ("reprapfirmware", "lost")
    if DIALECTS[dialect].numbers:
        assert len(one.executed) == before
    assert one.executed == text[: len(one.executed)] or not DIALECTS[dialect].numbers


@pytest.mark.parametrize("dialect", [name for name in PRINTERS if name != "klipper"])
def test_one_that_starts_anew_while_it_is_heated_is_told(tmp_path, dialect):
    """Where most do: then the current is highest."""
    one = VirtualPrint(
        tmp_path, dialect, ["M140 S60", "M109 S215", *moves(50)], heating_c_s=5,
        faults=Faults(mute_reset_at=20),
    )  # fmt: skip
    while one.firmware.tally.received < 20:
        one.tick()
    began_s = one.now_s
    assert one.run(began_s + SOON_S) == "reset"
    assert not any(line.startswith("G1") for line in one.executed)


@pytest.mark.parametrize(
    "line",
    [
        "okstart", "ok T:21.0 /2start", "ostart", " T:200.1 /200.0 B:start", "echo:busy: procstart",
        "PowerUp", "echo: External Reset", " Brown out Reset", "Info:Watchdog Reset", "Marlin 1.1.9",
        "echo:Marlin bugfix-2.1.x", " Free Memory: 3652  PlannerBufferBytes: 1232",
        "echo: Free Memory: 0  PlannerBufferBytes: 1472",
    ],
)  # fmt: skip
def test_a_greeting_that_is_cut_short_is_one(line):
    assert read_answer(line.encode()).kind is Kind.START


@pytest.mark.parametrize(
    "line",
    [
        "echo:Print start", "start heating", "restart", "echo:restart", "ok restart", "//action:start",
        "Error:cannot start", "FIRMWARE_NAME:Marlin 2.1.2", "echo:Reset", "Marlin", "fabnet-a start",
    ],
)  # fmt: skip
def test_other_words_are_none(line):
    assert read_answer(line.encode()).kind is not Kind.START


def report(nozzle, bed):
    return parse_temperatures(f"T:150.0 /{nozzle} B:50.0 /{bed}".encode())


def heated():
    restart = Restart()
    restart.send(1, b"M104 S200")
    restart.send(2, b"M140 S60")
    assert not restart.cools(report(200, 60), 3)
    return restart


def test_targets_that_fell_are_a_sign_and_twice_a_sure_one():
    restart = heated()
    assert restart.cools(report(0, 0), 3)
    assert not restart.is_sure
    assert restart.cools(report(0, 0), 3)
    assert restart.is_sure


def test_a_spoilt_report_is_none():
    restart = heated()
    assert restart.cools(report(0, 0), 3)
    assert not restart.cools(report(200, 60), 3)
    assert restart.cools(report(0, 0), 3)
    assert not restart.is_sure


@pytest.mark.parametrize(
    "commands", [["M104 S0", "M140 S0"], ["M104 T0 S0", "M140 R0"], ["T1"], ["TURN_OFF_HEATERS"]]
)
def test_what_the_file_switches_off_is_no_sign(commands):
    restart = heated()
    for number, command in enumerate(commands, 3):
        restart.send(number, command.encode())
    assert not restart.cools(report(0, 0), 9)


def test_one_heater_that_somebody_switched_off_is_no_sign():
    assert not heated().cools(report(0, 60), 3)


def test_a_target_that_is_not_acknowledged_yet_says_nothing():
    restart = heated()
    restart.send(3, b"M104 S210")
    restart.send(4, b"M140 S70")
    assert not restart.cools(report(0, 0), 3)


def test_the_first_line_may_be_asked_for_at_the_beginning_only():
    lines = load_firmware("marlin").window_lines
    assert not Restart().first_asked(1, lines, lines)
    assert Restart().first_asked(1, lines + 9, lines)
    assert not Restart().first_asked(9, 500, lines)
    proven = Restart()
    proven.surely = 1
    assert proven.first_asked(1, 1, lines)


def test_a_sign_of_the_first_line_counts_twice_where_the_firmware_says_that_it_has_had_none():
    asked = Restart()
    asked.surely = 1
    asked.complains("Error:Line Number is not Last Line Number+1, Last Line: 0")
    assert asked.first_asked(1, 500, 8)
    assert asked.is_sure
    other = Restart()
    other.surely = 1
    other.complains("Error:Line Number is not Last Line Number+1, Last Line: 499")
    assert other.first_asked(1, 500, 8)
    assert other.is_likely
    assert not other.is_sure


@pytest.mark.parametrize(("command", "first"), [(b"M104 S200", 1), (b"M104 T1 S200", 2)])
def test_what_is_not_acknowledged_or_of_another_tool_was_not_set(command, first):
    restart = Restart()
    restart.send(1, command)
    assert not restart.cools(report(200, 0), first)
    assert not restart.cools(report(0, 0), first)


def test_a_line_is_asked_for_again_once_for_all_that_were_under_way():
    asked = Asked()
    told = []
    for _ in range(7):
        asked.hear(5, 2, anew=False)
        told.append(asked.times)
    assert told == [1, 1, 1, 2, 3, 4, 5]
    asked.hear(5, 2, anew=True)
    assert asked.times == 6
    asked.hear(5, 2, anew=False)
    assert asked.times == 6
    asked.hear(9, 2, anew=True)
    assert asked.times == 1
