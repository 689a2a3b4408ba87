"""Dialogues in which hosts have hung or printed wrongly, each as what is sent and what is answered.

A dialogue is a list of turns: the lines that the link has to send (without checksums, which are
checked), then the lines that the printer says to them, and how long it takes. Where a fault was
first told by others, its issue is named.
"""

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_profiles.loader import load_firmware
from printers.gcode_answer import Kind, read_answer
from printers.gcode_line import Temperatures, checksum, parse_identity, parse_temperatures
from printers.gcode_link import GcodeLink
from printers.heat_wait import heat_wait
from printers.trouble import Trouble

#: With fewer lines in flight than it takes, so that a dialogue is short.
MARLIN = dataclasses.replace(load_firmware("marlin"), window_lines=4, reads_ahead=1)
PRUSA = load_firmware("prusa-mk3")
KLIPPER = load_firmware("klipper")
DUET = load_firmware("reprapfirmware")
REPETIER = load_firmware("repetier")
SMOOTHIE = load_firmware("smoothieware")
MOVES = tuple(f"G1 X{i}" for i in range(1, 9))
GAP = "Error:Line Number is not Last Line Number+1, Last Line: "
SPOILT = "Error:checksum mismatch, Last Line: "


def turn(*sent, says=(), after_s=0.001):
    return sent, says, after_s


def waits(seconds):
    return turn(says=(), after_s=seconds)


def numbered(first, *commands):
    return [f"N{first + i} {command}" for i, command in enumerate(commands)]


HELLO = turn("N0 M110 N0", says=["ok"])


def hold(profile, commands, *turns):
    """Hold a dialogue to the letter; return the link as it is after the last turn."""
    now_s = 0.0
    link = GcodeLink(profile, now_s)
    link.stream(command.encode() for command in commands)
    for number, (sent, says, after_s) in enumerate(turns):
        data = link.outgoing(now_s)
        link.sent(len(data))
        bodies = []
        for line in data.decode().splitlines():
            body, _, check = line.rpartition("*")
            assert int(check) == checksum(body.encode())
            bodies.append(body)
        assert bodies == list(sent), f"turn {number}"
        now_s += after_s
        link.receive("".join(line + "\n" for line in says).encode("latin-1"), now_s)
    return link


def test_the_line_that_is_asked_for_is_sent_and_not_the_one_before():
    """OctoPrint #166, #1817, #2285, #2516, #2677; Prusa-Firmware #331."""
    hold(
        PRUSA, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:2]), says=["ok", SPOILT + "1", "Resend: 2", "ok"]),
        waits(PRUSA.drain_s + 0.001),
        turn("N2 G1 X2", says=["ok"]),
        turn("N3 G1 X3", says=["ok"]),
    )  # fmt: skip


def test_a_resend_without_its_ok_holds_nothing_up():
    """Smoothieware says no ok after `rs`; some vendors' builds neither."""
    hold(
        SMOOTHIE, MOVES, HELLO,
        turn("N1 G1 X1", says=["rs N1"]),
        waits(SMOOTHIE.drain_s + 0.001),
        turn("N1 G1 X1", says=["ok"]),
        turn("N2 G1 X2", says=["ok"]),
    )  # fmt: skip


def test_a_line_that_is_never_understood_ends_the_dialogue():
    """OctoPrint #3914, Jyers/Marlin #1385, BCN3D #86."""
    asks = [
        each
        for _ in range(11)
        for each in (
            turn("N1 G1 X1", says=[SPOILT + "0", "Resend: 1", "ok"]),
            waits(SMOOTHIE.drain_s + 0.001),
        )
    ]
    link = hold(SMOOTHIE, MOVES, HELLO, *asks)
    assert link.broken.trouble is Trouble.RESENDS
    assert "line 1" in link.broken.text


def test_a_printer_that_asks_without_a_pause_ends_it_too():
    asks = ["Resend: 1", "ok"] * 40
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=asks))
    assert link.broken.trouble is Trouble.RESENDS


def test_many_lines_in_flight_do_not_multiply():
    """Marlin pull request 24972: each line behind a lost one was answered by a Resend of its own."""
    burst = [GAP + "0", "Resend: 1", "ok"] * 4
    link = hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), says=burst),
        waits(MARLIN.drain_s + 0.001),
        turn("N1 G1 X1", says=["ok"]),
        turn("N2 G1 X2", says=["ok"]),
        turn("N3 G1 X3", says=["ok"]),
        turn("N4 G1 X4", says=["ok"]),
        turn("N5 G1 X5", "N6 G1 X6", says=["ok", "ok"]),
    )  # fmt: skip
    assert link.acknowledged == 6


@pytest.mark.parametrize("number", ["034497", "7999", "-5", "99999999999999999999"])
def test_a_spoilt_number_waits_for_a_better_one(number):
    """OctoPrint #4671: `Resend: 034497` was 134497. Prusa-Firmware #2864: numbers below 0."""
    hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), says=[SPOILT + "0", f"Resend: {number}"]),
        turn(says=[GAP + "0", "Resend: 1", "ok"]),
        waits(MARLIN.drain_s + 0.001),
        turn("N1 G1 X1"),
    )  # fmt: skip


def test_an_m110_that_was_spoilt_to_something_else_is_said_again():
    """Of `J0 M110 N0` a Marlin says that it does not know it, and ok."""
    asks = [GAP + "41", "Resend: 42", "ok"]
    hold(
        MARLIN, MOVES,
        turn("N0 M110 N0", says=['echo:Unknown command: "J0 M110 N0*125"', "ok"]),
        turn(*numbered(1, *MOVES[:4]), says=asks * 2),
        waits(MARLIN.drain_s + 0.001),
        turn("N5 M105", says=asks),
        waits(MARLIN.drain_s + 0.001),
        turn("N0 M110 N0", says=["ok"]),
        turn("N1 G1 X1"),
    )  # fmt: skip


def test_after_a_silence_the_printer_is_asked_whether_it_is_there():
    """A line that was lost on a firmware with long patience is found at once."""
    hold(
        SMOOTHIE, MOVES, HELLO, turn("N1 G1 X1", after_s=2.6),
        turn("N2 M105", says=["rs N1"]),
        waits(SMOOTHIE.drain_s + 0.001),
        turn("N1 G1 X1", says=["ok"]),
        turn("N2 M105", says=["ok T:20.0 /0.0"]),
        turn("N3 G1 X2", after_s=2.6),
        turn("N4 M105", says=["ok T:20.0 /0.0"]),
        turn("N5 G1 X3", says=["ok"]),
    )  # fmt: skip


def test_of_two_questions_the_answer_to_one_is_enough():
    link = hold(
        DUET, ["M105", "G90", "G1 X1"], HELLO, turn("N1 M105", after_s=2.6),
        turn("N2 M105", says=["ok T:20.0 /0.0"]),
        turn("N3 G90", says=["ok T:20.0 /0.0"]),  # the other's, after all
        turn(says=["ok"]),
        turn("N4 G1 X1"),
    )  # fmt: skip
    assert link.acknowledged == 3


def test_a_lost_line_on_a_firmware_that_cannot_ask_is_found_by_a_question():
    lost = turn("N3 G1 X1 E2", after_s=2.6), turn("N4 M105", says=["ok T:20.0 /0.0"])
    head = turn("N1 G90", says=["ok"]), turn("N2 M82", says=["ok"])
    hold(DUET, ["G90", "M82", "G1 X1 E2"], HELLO, *head, *lost, turn("N3 G1 X1 E2"))
    head = turn("N1 G90", says=["ok"]), turn("N2 M83", says=["ok"])
    link = hold(DUET, ["G90", "M83", "G1 X1 E2"], HELLO, *head, *lost, turn())
    assert link.broken.trouble is Trouble.LOST


def test_m110_is_said_again_until_it_is_understood():
    """A number from before it must not be taken for one of ours."""
    hold(
        MARLIN, MOVES,
        turn("N0 M110 N0", says=[SPOILT + "4", "Resend: 5", "ok"]),
        waits(MARLIN.drain_s + 0.001),
        turn("N0 M110 N0", says=[]),
        waits(MARLIN.ok_timeout_s),
        turn("N0 M110 N0", says=["ok"]),
        turn(says=["ok"]),  # it has heard both, and each begins numbers anew
        waits(MARLIN.drain_s + 0.001),
        turn("N1 G1 X1"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "oks"),
    [
        (" T:205.1 /205.0 B:60.0 /60.0 @:64 B@:1:N2ok", 1),
        ("N780ok", 1),
        ("okok T:200.24 /200.00 B:60 /60", 2),
        ("ok T:200.24 /200.00 B:60 /60ok", 2),
        ("okokok", 3),
    ],
)
def test_oks_printed_into_one_another_are_counted(line, oks):
    """MarlinFirmware/Marlin #9179, #9658, #16196."""
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=[line]))
    assert link.acknowledged == oks


def test_a_lost_ok_is_passed_though_reports_go_on():
    """OctoPrint #2599, #2905: reports of temperatures fed the timer for ever."""
    report = turn(says=[" T:205.1 /205.0 B:60.0 /60.0 @:64 B@:12"], after_s=1.0)
    hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), after_s=0.0),
        *[report] * int(MARLIN.ok_timeout_s),
        waits(0.01),
        turn("N5 M105", says=["ok T:205.1 /205.0 B:60.0 /60.0"]),
        turn("N6 G1 X5", says=["ok"]),
    )  # fmt: skip


def test_a_board_that_reads_late_gets_half_a_question_and_no_half_move():
    """Its ring is full: of what is sent then the head is lost, and what is left has no number."""
    hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), after_s=MARLIN.ok_timeout_s),
        turn("N5 M105", says=["ok", "ok", "ok", "ok", 'echo:Unknown command: "105*38"', "ok"]),
        turn("N6 G1 X5", says=[GAP + "4", "Resend: 5", "ok"]),
        waits(MARLIN.drain_s),
        turn("N5 M105", says=["ok T:205.1 /205.0"]),
        turn("N6 G1 X5", says=["ok"]),
    )  # fmt: skip


def test_a_printer_with_nothing_to_do_has_acknowledged_all():
    hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), says=["ok", "ok", "ok"]),
        turn(*numbered(5, *MOVES[4:7]), says=["ok"] * 3),
        turn("N8 G1 X8", says=["wait"], after_s=1.0),
    )  # fmt: skip


def test_wait_that_crosses_a_line_on_its_way_says_nothing_of_it():
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=["wait"], after_s=0.1))
    assert link.outgoing(0.2) == b""


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("M109 T1 S200", " T:20.0 /0.0 B:31.0 /60.0 @:0 B@:127 W:?"),
        ("M600", "echo:busy: paused for user"),
        ("M0 click", "echo:busy: paused for user"),
        ("G29", "echo:busy: processing"),
        ("M400", "busy:heating"),
    ],
)
def test_what_takes_long_may_take_long(command, says):
    """OctoPrint #2599, #3862, #4737."""
    patience = [turn(says=[says], after_s=2.0)] * 90
    link = hold(PRUSA, [command], HELLO, turn(f"N1 {command}"), *patience, turn(says=["ok"]))
    link.outgoing(1000.0)
    assert link.broken is None
    assert link.idle


def cold(target, at):
    return f"ok T:{at} /{target} B:20.0 /0.0 @:0 B@:0"


def asked(line, at):
    return turn(line, says=[cold(215, at)]), waits(1.0)


def test_heat_is_waited_for_by_the_host_and_then_by_the_printer():
    """A cancel is heard at any time, and what stands in the file is done."""
    link = hold(
        MARLIN, ["M109 S215", "G1 X1"], HELLO,
        turn("N1 M104 S215", says=["ok"]),
        *asked("N2 M105", 30.0),
        *asked("N3 M105", 60.0),
        *asked("N4 M105", 100.0),
        *asked("N5 M105", 150.0),
        *asked("N6 M105", 190.0),
        *asked("N7 M105", 214.0),
        turn("N8 M105", says=[cold(215, 214.6)]),
        turn("N9 M109 S215", says=[" T:214.8 /215.0 W:2"]),
        turn(after_s=2.0),
        turn(says=["ok"]),
        turn("N10 G1 X1", says=["ok"]),
    )  # fmt: skip
    assert link.idle
    assert (link.acknowledged, link.asked) == (10, 7)


def test_a_cancel_while_it_heats_has_nothing_to_wait_for():
    link = hold(
        PRUSA, ["M190 S60", "G1 X1"], HELLO,
        turn("N1 M140 S60", says=["ok"]),
        turn("N2 M105", says=["ok T:20.0 /0.0 B:30.0 /60.0"]),
    )  # fmt: skip
    link.drop_stream()
    link.urgent("M104 S0", "M140 S0")
    data = link.outgoing(0.1)
    assert [line.split(b"*")[0] for line in data.splitlines()] == [b"N3 M104 S0", b"N4 M140 S0"]


def test_a_printer_that_waits_for_heat_itself_is_told_to_wait_no_longer():
    link = hold(
        MARLIN, ["M109 T1 S215", "G1 X1"], HELLO, turn("N1 M109 T1 S215", says=[" T:20 /215 W:?"])
    )
    link.urgent("M105")
    assert link.outgoing(1.0) == b""  # its queue stays free for what comes
    link.drop_stream()
    link.urgent("M104 S0")
    data = link.outgoing(1.1)
    assert data.startswith(b"N2 M108*")


def test_one_that_cannot_hear_it_is_told_when_it_is_hot():
    link = hold(PRUSA, ["M109 T1 S215"], HELLO, turn("N1 M109 T1 S215", says=[" T:20 /215 W:?"]))
    link.drop_stream()
    link.urgent("M104 S0")
    assert link.outgoing(1.0) == b""
    link.receive(b"ok\n", 1.1)
    assert link.outgoing(1.2).startswith(b"N2 M104 S0")


@pytest.mark.parametrize(
    "says",
    ["ok", "ok TT::27.7627.76 //0.000.00 BB::2020", "ok T:20.0 /200.0 B:20.0 /0.0"],
    ids=["no report", "a report that is none", "the printer allows less"],
)
def test_without_a_report_that_can_be_believed_the_printer_waits_alone(says):
    now_s, sent = 0.0, b""
    link = hold(DUET, ["M109 S215"], HELLO, turn("N1 M104 S215", says=["ok"]))
    while now_s < 30 and b"M109" not in sent:
        sent = link.outgoing(now_s)
        link.sent(len(sent))
        now_s += 0.5
        if sent:
            link.receive(says.encode() + b"\n", now_s)
    assert 20 < now_s < 25


@pytest.mark.parametrize(
    ("command", "sets"),
    [
        ("M109 S215", "M104 S215"), ("M109 T0 S215", "M104 T0 S215"), ("M190 S60.5", "M140 S60.5"),
        ("M109 R170", "M104 S170"), ("M190 R40", "M140 S40"), ("M109 T1 S215", None), ("M109", None),
        ("M109 S0", None), ("M1090 S1", None), ("M109 S215 F1", None), ("M104 S215", None),
    ],
)  # fmt: skip
def test_what_sets_heat_without_waiting(command, sets):
    made = heat_wait(command.encode(), 1, 0.0)
    assert (made.sets.decode() if made else None) == sets


def test_what_has_to_cool_is_waited_for_too():
    made = heat_wait(b"M109 R170", 1, 0.0)
    for at_c in (230.0, 200.0, 171.0, 170.5):
        assert not made.is_over(1.0)
        made.hear(
            Temperatures(nozzle_c=at_c, nozzle_target_c=170, bed_c=None, bed_target_c=None), 1.0
        )
    assert made.is_over(1.0)


def test_a_buffer_that_ran_over_gets_one_line_at_a_time():
    """Prusa-Firmware #738."""
    hold(
        PRUSA, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:2]), says=["Full RX Buffer", GAP + "0", "Resend: 1", "ok"]),
        waits(PRUSA.drain_s + 0.001),
        *[turn(f"N{i} G1 X{i}", says=["ok"]) for i in range(1, 9)],
    )  # fmt: skip


@pytest.mark.parametrize(
    "says", ["start", "\0start", "\xff\xfe\0start", "// Klipper state: Ready", "Smoothie"]
)
def test_a_reset_ends_the_print(says):
    """OctoPrint #2175, #2509, #2431; Prusa-Firmware #2868."""
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=["ok", says]))
    assert link.broken.trouble is Trouble.RESET
    assert link.outgoing(1.0) == b""


def test_a_reset_whose_greeting_was_lost_prints_nothing_twice():
    """The printer asks for line 1 in the middle: everything from there would be printed anew."""
    lines = [f"G1 X{i}" for i in range(300)]
    turns = [turn(f"N{i + 1} {lines[i]}", says=["ok"]) for i in range(150)]
    one = load_firmware("unknown")
    link = hold(
        one, lines, HELLO, *turns, turn("N151 G1 X150", says=[GAP + "0", "Resend: 1", "ok"])
    )
    assert link.broken.trouble is Trouble.RESET
    assert link.outgoing(10.0) == b""


def test_a_first_line_that_is_asked_for_without_a_word_more_may_be_a_spoilt_number():
    """OctoPrint #4671. A question brings another, which is obeyed, or the same again."""
    lines = [f"G1 X{i}" for i in range(1, 21)]
    turns = [turn(f"N{i} G1 X{i}", says=["ok"]) for i in range(1, 12)]
    asks = turn("N12 G1 X12", says=["rs N1"]), waits(SMOOTHIE.drain_s + 0.001)
    hold(
        SMOOTHIE, lines, HELLO, *turns, *asks,
        turn("N13 M105", says=["rs N12"]), waits(SMOOTHIE.drain_s + 0.001), turn("N12 G1 X12"),
    )  # fmt: skip
    link = hold(SMOOTHIE, lines, HELLO, *turns, *asks, turn("N13 M105", says=["rs N1"]))
    assert link.broken.trouble is Trouble.RESET


def test_a_power_panic_may_ask_for_lines_that_were_acknowledged():
    """Prusa's planner throws away what it has not moved yet."""
    lines = [f"G1 X{i}" for i in range(300)]
    one = load_firmware("unknown")
    turns = [turn(f"N{i + 1} {lines[i]}", says=["ok"]) for i in range(150)]
    hold(
        one, lines, HELLO, *turns,
        turn("N151 G1 X150", says=[GAP + "130", "Resend: 131", "ok"]),
        waits(one.drain_s + 0.001),
        turn("N131 G1 X130"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "says", ["Grbl 1.1h ['$' for help]", "Grbl 0.9j ['$' for help]", "error:20", "ALARM:1",
             "error: Unsupported command"],
)  # fmt: skip
def test_a_mill_is_told_before_anything_is_sent_to_it(says):
    link = hold(MARLIN, MOVES, turn("N0 M110 N0", says=[says]), turn())
    assert link.broken.trouble is Trouble.FOREIGN
    assert says in link.broken.text


def test_a_printer_may_say_error_in_a_print():
    """Klipper's and Repetier's own macros say what they like."""
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=["error:20", "ok"]))
    assert link.broken is None


def test_klipper_says_ok_to_everything_after_a_shutdown():
    link = hold(
        KLIPPER, MOVES, HELLO,
        turn(*numbered(1, *MOVES), says=["ok", "!! Shutdown due to M112 command", "ok", "ok"]),
    )  # fmt: skip
    assert link.broken.trouble is Trouble.FATAL
    assert "M112" in link.broken.text


def test_a_firmware_that_cannot_ask_gets_a_harmless_line_twice():
    hold(
        DUET, ["G90", "M82", "G1 X1 E2", "G1 X3 E4"], HELLO,
        turn("N1 G90", says=["ok"]), turn("N2 M82", says=["ok"]), turn("N3 G1 X1 E2"),
        waits(DUET.ok_timeout_s),
        turn("N3 G1 X1 E2", says=["ok"]),
        turn("N4 G1 X3 E4"),
    )  # fmt: skip


def test_a_firmware_that_cannot_ask_never_pushes_filament_twice():
    link = hold(
        DUET, ["G90", "M83", "G1 X1 E2", "G1 X3 E4"], HELLO,
        turn("N1 G90", says=["ok"]), turn("N2 M83", says=["ok"]), turn("N3 G1 X1 E2"),
        waits(DUET.ok_timeout_s),
        turn(),
    )  # fmt: skip
    assert link.broken.trouble is Trouble.LOST


def test_a_line_that_repetier_has_had_is_passed_over():
    hold(
        REPETIER, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), says=["Resend:2", "ok", "skip 3", "ok", "skip 4", "ok"]),
        waits(REPETIER.drain_s + 0.001),
        turn("N2 G1 X2", says=["ok 2"]),
        turn("N3 G1 X3", says=["skip 3", "ok 3"]),
    )  # fmt: skip


def test_an_ok_of_a_line_that_was_acknowledged_counts_for_no_other():
    link = hold(
        MARLIN, MOVES, HELLO,
        turn(*numbered(1, *MOVES[:4]), says=["ok N2 P15 B3", "ok N1 P15 B3", "ok N2 P15 B3"]),
        turn("N5 G1 X5", "N6 G1 X6", says=["ok N99 P15 B3"]),
        turn(),
    )  # fmt: skip
    assert link.acknowledged == 2


def test_a_pause_at_the_printer_holds_the_stream_until_it_is_over():
    link = hold(
        SMOOTHIE, MOVES, HELLO,
        turn("N1 G1 X1", says=["//action:paused filament_runout", "ok"]),
        turn(says=["echo:busy: paused for user"], after_s=500),
        turn(says=["// action:resumed"]),
        turn("N2 G1 X2"),
    )  # fmt: skip
    assert not link.held


@pytest.mark.parametrize("word", ["cancel", "disconnect", "shutdown"])
def test_a_stop_at_the_printer_is_told(word):
    link = hold(MARLIN, MOVES, HELLO, turn(*numbered(1, *MOVES[:4]), says=[f"//action:{word}"]))
    assert link.stop_asked == word


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


WORDS = st.sampled_from(
    [b"ok", b"T:", b"B:", b"200", b" /", b" ", b"Resend: ", b"N", b"4", b"rs", b"\n", b"\0", b"@:",
     b"wait", b"echo:busy: processing", b"Error:", b"//action:pause", b"-1", b".", b"\xff", b"*"]
)  # fmt: skip
GARBAGE = st.lists(WORDS | st.binary(max_size=8), max_size=40).map(b"".join)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(GARBAGE, max_size=20), st.sampled_from([MARLIN, PRUSA, KLIPPER, DUET, SMOOTHIE]))
@example([b"x" * 5000 + b"ok", b"\n"], MARLIN)
def test_garbage_never_counts_an_ok_that_was_not_one(pieces, profile):
    """Of all that is sent no more is taken for acknowledged than the garbage has oks."""
    link = GcodeLink(profile, 0.0)
    link.stream(command.encode() for command in MOVES * 50)
    for number, piece in enumerate(pieces):
        link.sent(len(link.outgoing(number * 0.001)))
        link.receive(piece, number * 0.001)
    said = b"".join(pieces).replace(b"\0", b"")
    numbered_oks = any(
        read_answer(line).number is not None and read_answer(line).kind is Kind.OK
        for line in said.split(b"\n")
    )
    if not numbered_oks:
        assert link.acknowledged <= said.count(b"ok")


@settings(deadline=None)  # a busy machine is no fault
@given(GARBAGE)
def test_garbage_never_invents_a_temperature(line):
    told = read_answer(line.replace(b"\n", b"")).temperatures
    if told is not None:
        digits = line.replace(b"\0", b"").decode("latin-1")
        for value in (told.nozzle_c, told.nozzle_target_c, told.bed_c, told.bed_target_c):
            assert value is None or f"{value:g}".rstrip("0").rstrip(".") in digits
