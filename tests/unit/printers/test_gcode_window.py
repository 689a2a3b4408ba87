"""How much a serial line carries at once: as much as its firmware holds, and less where it loses."""

import dataclasses

import pytest

from firmware_profiles.loader import load_firmware
from printers.sim.wire import Pace
from tests.doubles.gcode_dialogue import MARLIN, PRUSA, Dialogue, moves, numbers
from tests.doubles.virtual_line import VirtualPrint


def test_the_window_of_lines_is_kept():
    dialogue = Dialogue()
    dialogue.link.stream(moves(10))
    dialogue.sent()  # numbers begin anew
    dialogue.hear("ok")
    assert numbers(dialogue.sent()) == [1, 2, 3, 4]
    dialogue.hear("ok", "ok")
    assert numbers(dialogue.sent()) == [5, 6]


EAGER = dataclasses.replace(load_firmware("marlin"), flushes_late=False)


def in_flight_of(profile, size):
    """Bytes of each line that is in flight, when lines are so long."""
    dialogue = Dialogue(profile)
    dialogue.link.stream([b"G1 X" + b"1" * (size - len("N1 G1 X*100\n"))] * 9)
    dialogue.sent()
    dialogue.hear("ok")
    return [len(line) for line in dialogue.link.outgoing(dialogue.now_s).splitlines(keepends=True)]


@pytest.mark.parametrize("size", [20, 35, 43, 63, 64, 90])
def test_the_window_of_bytes_is_kept(size):
    in_flight = in_flight_of(PRUSA, size)
    assert sum(in_flight) <= PRUSA.window_bytes
    full = sum(in_flight) + max(in_flight) > PRUSA.window_bytes
    assert full or len(in_flight) == PRUSA.window_lines


@pytest.mark.parametrize("size", [20, 35, 43, 63, 64, 90])
def test_the_oldest_lines_need_no_room_where_the_firmware_reads_ahead(size):
    profile = EAGER
    in_flight = in_flight_of(profile, size)
    waiting = in_flight[profile.reads_ahead :]
    assert sum(waiting) <= profile.window_bytes
    full = sum(waiting) + max(in_flight) > profile.window_bytes
    assert full or len(in_flight) == profile.window_lines
    assert len(in_flight) > profile.reads_ahead


def streaming(profile, size=45):
    dialogue = Dialogue(profile)
    dialogue.link.stream([b"G1 X" + b"1" * (size - len("N1 G1 X*100\n"))] * 5000)
    dialogue.sent()
    dialogue.hear("ok")
    dialogue.sent()
    return dialogue


def most_bytes(dialogue, oks):
    most = 0
    for _ in range(oks):
        dialogue.hear("ok")
        dialogue.sent()
        most = max(most, dialogue.link._flight.bytes)
    return most


def test_a_line_that_loses_carries_two_at_once_until_it_has_not_for_long():
    """A ring that is smaller than it should be; and what is lost takes less with it."""
    dialogue = streaming(EAGER)
    assert most_bytes(dialogue, 20) > EAGER.window_bytes
    dialogue.hear(f"Resend: {dialogue.link.acknowledged + 1}", "ok")
    dialogue.wait(EAGER.drain_s)
    assert most_bytes(dialogue, 900) <= 2 * 49
    assert 2 * 49 < most_bytes(dialogue, 200) <= 3 * 49


def test_a_line_that_loses_again_and_again_carries_two_at_once():
    dialogue = streaming(EAGER, 20)
    for _ in range(9):
        dialogue.hear(f"Resend: {dialogue.link.acknowledged + 1}", "ok")
        dialogue.wait(MARLIN.drain_s)
        most_bytes(dialogue, 20)
    assert most_bytes(dialogue, 50) <= 2 * 24


def lines_in_flight(dialogue, oks, ok_s):
    most = 0
    for _ in range(oks):
        dialogue.hear("ok", after_s=ok_s(most))
        dialogue.sent()
        most = max(most, len(dialogue.link._flight.lines))
    return most


def test_a_firmware_that_flushes_late_gets_two_lines_and_more_only_where_that_is_quicker():
    """An AVR on a line at its limit: a third line is no use, and would be cut when one is lost."""
    dialogue = streaming(load_firmware("marlin-1"))
    assert lines_in_flight(dialogue, 49, lambda _most: 0.003) == 2
    lines_in_flight(dialogue, 100, lambda _most: 0.003)
    assert lines_in_flight(dialogue, 1500, lambda _most: 0.003) == 2
    dialogue = streaming(load_firmware("marlin-1"))
    # Oks that take long: three lines are quicker than two, and four than three.
    lines_in_flight(dialogue, 400, lambda _most: 0.009 / len(dialogue.link._flight.lines))
    assert len(dialogue.link._flight.lines) > 3


def test_a_firmware_that_flushes_late_gets_one_line_after_a_loss_for_long():
    dialogue = streaming(load_firmware("marlin-1"))
    lines_in_flight(dialogue, 40, lambda _most: 0.003)
    dialogue.hear(f"Resend: {dialogue.link.acknowledged + 1}", "ok")
    dialogue.wait(MARLIN.drain_s)
    assert lines_in_flight(dialogue, 900, lambda _most: 0.003) == 1
    assert lines_in_flight(dialogue, 200, lambda _most: 0.003) == 2


def test_a_ring_that_is_too_small_is_met_a_few_times_and_not_for_ever(tmp_path):
    """32 bytes, in a print that keeps the printer's queue full: each loss may spoil two lines."""
    text = [f"G1 X{i % 200}.125 Y{i % 190}.375 E{i}" for i in range(8000)]
    pace = Pace(baudrate=115200, timed=True, ok_s=0.001, line_s=0.02)
    for profile, least, most in ((EAGER, 1, 7), (load_firmware("marlin-1"), 0, 3)):
        one = VirtualPrint(tmp_path, "marlin", text, pace=pace, rx_bytes=32, profile=profile)
        assert one.run() == "done"
        assert one.executed == text
        assert least <= one.link.resends <= most
