"""The serial dialogue, line by line, with a clock of our own."""

import pytest

from printers.gcode_line import parse_identity
from printers.sim.talk import Faults
from printers.sim.wire import Pace
from printers.trouble import Trouble
from tests.doubles.gcode_dialogue import MARLIN, Dialogue, moves, numbers
from tests.doubles.virtual_line import VirtualPrint


def test_m110_goes_alone_and_everything_waits_for_its_ok():
    dialogue = Dialogue(hello=False)
    dialogue.link.urgent("M115")
    assert dialogue.sent() == ["N0 M110 N0"]
    assert dialogue.sent() == []
    dialogue.hear("ok")
    assert dialogue.sent() == ["N1 M115"]


@pytest.mark.parametrize("size", range(33, 39))
def test_what_is_left_of_a_line_that_was_thrown_away_is_never_a_move(tmp_path, size):
    """Marlin writes its complaint before it empties its ring, which takes an AVR as long as a line."""
    text = [f"G1 X{i % 200}.{'5' * (size - len('N100 G1 X200.*100'))}" for i in range(100, 400)]
    pace = Pace(baudrate=115200, timed=True, ok_s=0.001)
    one = VirtualPrint(tmp_path, "marlin-1", text, faults=Faults(corrupt_every=100), pace=pace)
    assert one.run() == "done"
    assert one.executed == text


@pytest.mark.parametrize("dialect", ["marlin", "marlin-1"])
def test_a_text_that_renumbers_lines_prints_nothing_twice(tmp_path, dialect):
    """Marlin looks for M110 anywhere in a line."""
    text = [f"G1 X{i}.5 E{i}" for i in range(60)]
    text[30:30] = ["M117 M110 N3"]
    one = VirtualPrint(tmp_path, dialect, text)
    assert one.run() == "done"
    assert [line for line in one.executed if line.startswith("G1")] == text[:30] + text[31:]


def test_a_question_that_is_the_first_line_is_answered_before_another_goes():
    """M110 counts from when it is done: one that came twice cannot make a move be done twice."""
    dialogue = Dialogue()
    dialogue.link.stream(moves(8))
    dialogue.link.ask_temperatures()
    dialogue.sent()
    dialogue.hear("ok", "ok")
    assert dialogue.sent() == ["N1 M105"]
    dialogue.hear("Error:Line Number is not Last Line Number+1, Last Line: 0", "Resend: 1", "ok")
    assert dialogue.wait(MARLIN.drain_s) == ["N1 M105"]
    dialogue.hear("ok T:21.0 /0.0 B:21.0 /0.0")
    assert numbers(dialogue.sent()) == [2]


def test_an_ok_with_temperatures_repairs_lost_ones():
    dialogue = Dialogue()
    dialogue.link.stream(moves(8))
    dialogue.sent()
    dialogue.hear("ok")
    assert numbers(dialogue.sent()) == [1, 2, 3, 4]
    dialogue.hear("ok")
    dialogue.link.urgent("M105")
    assert dialogue.sent() == ["N5 M105"]
    dialogue.hear("ok T:21.0 /0.0 B:21.0 /0.0")  # of 2 to 4 none came
    assert numbers(dialogue.sent()) == [6, 7, 8, 9]


def test_a_report_that_nobody_asked_for_acknowledges_one_line():
    dialogue = Dialogue()
    dialogue.link.stream(moves(8))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    dialogue.hear("ok T:21.0 /0.0 B:21.0 /0.0")
    assert numbers(dialogue.sent()) == [5]


def test_an_ok_with_a_number_repairs_a_lost_one():
    dialogue = Dialogue()
    dialogue.link.stream(moves(8))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    dialogue.hear("ok N3 P15 B3")
    assert numbers(dialogue.sent()) == [5, 6, 7]


def test_a_resend_stops_listens_goes_back_and_grows_again():
    dialogue = Dialogue()
    dialogue.link.stream(moves(20))
    dialogue.sent()
    dialogue.hear("ok")
    assert numbers(dialogue.sent()) == [1, 2, 3, 4]
    dialogue.hear("ok", "Error:checksum mismatch, Last Line: 1", "Resend: 2", "ok")
    assert dialogue.sent() == []  # the answers to 3 and 4 are still to come
    dialogue.hear("Error:Line Number is not Last Line Number+1, Last Line: 1", "Resend: 2", "ok")
    dialogue.hear("Error:Line Number is not Last Line Number+1, Last Line: 1", "Resend: 2", "ok")
    assert numbers(dialogue.wait(MARLIN.drain_s)) == [2]
    sizes = []
    for _ in range(8):
        dialogue.hear("ok")
        sizes.append(len(dialogue.sent()))
    assert sizes[:3] == [1, 1, 1]
    assert max(sizes) == 2  # one line more is in flight now


def test_a_lost_ok_goes_on_with_the_next_line():
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    assert numbers(dialogue.wait(MARLIN.ok_timeout_s + 0.1)) == [5]
    # It was the line that was lost, not the ok: its number is asked for.
    dialogue.hear("Error:Line Number is not Last Line Number+1, Last Line: 2", "Resend: 3", "ok")
    assert numbers(dialogue.wait(MARLIN.drain_s)) == [3]


def test_reports_and_wait_do_not_pass_for_an_answer():
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    for _ in range(int(MARLIN.ok_timeout_s) + 1):
        dialogue.hear(" T:205.1 /205.0 B:60.0 /60.0 @:64 B@:12", "wait", after_s=1.0)
    assert numbers(dialogue.sent()) == [5]


def test_busy_is_patience():
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    for _ in range(20):
        dialogue.hear("echo:busy: processing", after_s=2.0)
        assert dialogue.sent() == []


def test_heating_may_take_long_without_an_ok():
    dialogue = Dialogue()
    dialogue.link.urgent("M109 S240")
    dialogue.sent()
    for i in range(120):
        dialogue.hear(f" T:{20 + i}.0 /240.0 B:60 /60 @:127 B@:0 W:?", after_s=1.0)
        assert dialogue.sent() == []
    assert dialogue.link.broken is None
    assert dialogue.link.temperatures.nozzle_c == 139


def test_silence_for_ever_is_told():
    dialogue = Dialogue()
    dialogue.link.stream(moves(50))
    for _ in range(10):
        dialogue.wait(MARLIN.ok_timeout_s + 0.1)
    assert dialogue.link.broken.trouble is Trouble.STALLED


def test_a_line_asked_for_again_and_again_ends_the_dialogue():
    dialogue = Dialogue()
    dialogue.link.stream(moves(50))
    dialogue.sent()
    dialogue.hear("ok")
    for _ in range(12):
        dialogue.sent()
        dialogue.hear("Resend: 2", "ok", after_s=0.1)
    assert dialogue.link.broken.trouble is Trouble.RESENDS


@pytest.mark.parametrize(
    "word", ["Resend: 3", "Resend:3", "rs 3", "rs N3", "Resend:N3", "RESEND: 3"]
)
def test_every_way_to_ask_for_a_line(word):
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    dialogue.hear("ok", "ok", word, "ok")
    assert numbers(dialogue.wait(MARLIN.drain_s)) == [3]


@pytest.mark.parametrize("word", ["Resend: -5", "Resend: 034497", "Resend: 999999"])
def test_a_number_that_cannot_be_meant_is_asked_for_anew(word):
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    dialogue.hear(word)
    assert dialogue.wait(MARLIN.drain_s) == ["N5 M105"]
    dialogue.hear("Error:Line Number is not Last Line Number+1, Last Line: 2", "Resend: 3", "ok")
    assert numbers(dialogue.wait(MARLIN.drain_s)) == [3]


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("start", Trouble.RESET),
        ("\0start", Trouble.RESET),
        ("Error:Printer halted. kill() called!", Trouble.FATAL),
        ("Error:Thermal Runaway, system stopped! Heater_ID: 0", Trouble.FATAL),
        ("Error:MAXTEMP triggered, system stopped! Heater_ID: bed", Trouble.FATAL),
        (": Extruder switched off. MAXTEMP triggered !", Trouble.FATAL),
    ],
)
def test_the_end_of_a_print_is_noticed(line, trouble):
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.hear(line)
    assert dialogue.link.broken.trouble is trouble
    assert dialogue.sent() == []


def test_an_unknown_command_and_a_cold_nozzle_end_nothing():
    dialogue = Dialogue()
    dialogue.hear('echo:Unknown command: "M900 K"', "ok", " cold extrusion prevented")
    assert dialogue.link.broken is None


@pytest.mark.parametrize(
    ("line", "oks"),
    [
        ("ok", 1),
        ("ok T:21.0 /0.0 B:21.0 /0.0 @:0 B@:0", 1),
        ("okok T:200.24 /200.00 B:60 /60", 2),
        ("N780ok", 1),
        (" T:205.1 /205.0 B:60.0 /60.0 @:64 B@:1:N2ok", 1),
        ("okay then", 0),
        ("echo:SD card ok", 0),
        ("Bed is ok", 0),
        ("// Klipper state: ok", 0),
    ],
)
def test_only_an_ok_is_an_ok(line, oks):
    dialogue = Dialogue()
    dialogue.link.stream(moves(9))
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    dialogue.hear(line)
    assert len(dialogue.sent()) == oks


def test_a_leap_is_believed_only_when_it_stays():
    dialogue = Dialogue()
    dialogue.hear("ok T:157.0 /200.0", after_s=1.0)
    dialogue.hear("ok T:59.0 /200.0", after_s=1.0)
    assert dialogue.link.temperatures.nozzle_c == 157.0
    dialogue.hear("ok T:161.0 /200.0", after_s=1.0)
    assert dialogue.link.temperatures.nozzle_c == 161.0


def test_identity_and_capabilities():
    dialogue = Dialogue()
    dialogue.hear(
        "FIRMWARE_NAME:Marlin 2.1.2 (Nov 23 2026) SOURCE_CODE_URL:github.com/x PROTOCOL_VERSION:1.0"
        " MACHINE_TYPE:SimRap 1.4 EXTRUDER_COUNT:1",
        "Cap:AUTOREPORT_TEMP:1",
        "Cap:EMERGENCY_PARSER:0",
        "ok",
    )
    assert dialogue.link.identity["FIRMWARE_NAME"] == "Marlin 2.1.2 (Nov 23 2026)"
    assert dialogue.link.identity["MACHINE_TYPE"] == "SimRap 1.4"
    assert dialogue.link.caps == {"AUTOREPORT_TEMP": True, "EMERGENCY_PARSER": False}
    klipper = parse_identity("ok FIRMWARE_NAME:Klipper FIRMWARE_VERSION:v0.12")
    assert klipper["FIRMWARE_NAME"] == "Klipper"


def test_a_line_begun_is_finished_before_going_back():
    dialogue = Dialogue()
    dialogue.link.stream(moves(6))
    dialogue.sent()
    dialogue.hear("ok")
    data = dialogue.link.outgoing(dialogue.now_s)
    dialogue.link.sent(len(data.split(b"\n")[0]) + 4)  # the first line and a bit of the second
    dialogue.hear("Resend: 1", "ok")
    rest = dialogue.link.outgoing(dialogue.now_s)
    assert data.split(b"\n")[1].endswith(rest.strip())
    assert rest.endswith(b"\n")
    assert rest.count(b"\n") == 1
