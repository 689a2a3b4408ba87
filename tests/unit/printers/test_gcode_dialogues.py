"""Dialogues in which hosts have hung or printed wrongly, each as what is sent and what is answered.

A dialogue is a list of turns: the lines that the link has to send (without checksums, which are
checked), then the lines that the printer says to them, and how long it takes. Where a fault was
first told by others, its issue is named.
"""

import pytest

from firmware_profiles.loader import load_firmware
from printers.trouble import Trouble
from tests.doubles.gcode_dialogue import (
    DUET,
    GAP,
    HELLO,
    KLIPPER,
    MARLIN,
    MOVES,
    PRUSA,
    REPETIER,
    SMOOTHIE,
    SPOILT,
    hold,
    numbered,
    turn,
    waits,
)


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
