"""Of any serial line: each line is executed once, and garbage is no ok."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from printers.gcode_answer import Kind, read_answer
from printers.gcode_line import checksum
from printers.gcode_link import GcodeLink
from tests.doubles.gcode_dialogue import DUET, KLIPPER, MARLIN, MOVES, PRUSA, SMOOTHIE, moves
from tests.unit.printers.test_gcode_garbage import GARBAGE


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


class Board:
    """Marlin's rules for numbered lines, on a wire that spoils lines and swallows oks."""

    def __init__(self, random, *, spoil, swallow):
        self.random, self.spoil, self.swallow = random, spoil, swallow
        self.last = 0
        self.executed = []

    def answer(self, line):
        if self.random.random() < self.spoil:
            at = self.random.randrange(len(line))
            line = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]
        body, star, check = line.rpartition(b"*")
        match = re.match(rb"N(\d+) ", body)
        if not star or match is None or not check.isdigit() or int(check) != checksum(body):
            return self.resend()
        number, command = int(match.group(1)), body[match.end() :]
        if command.startswith(b"M110"):
            self.last = 0
        elif number in (self.last, self.last - 1):
            return b""
        elif number != self.last + 1:
            return self.resend()
        else:
            self.last = number
            if command != b"M105":  # asked after a silence
                self.executed.append(command)
        return b"" if self.random.random() < self.swallow else b"ok\n"

    def resend(self):
        return b"Error:checksum mismatch, Last Line: %d\nResend: %d\nok\n" % (
            self.last,
            self.last + 1,
        )


@settings(deadline=None)  # a busy machine is no fault
@given(st.randoms(use_true_random=False), st.floats(0, 0.08), st.floats(0, 0.03))
def test_whatever_the_wire_does_each_line_is_executed_once_in_order(random, spoil, swallow):
    board = Board(random, spoil=spoil, swallow=swallow)
    link = GcodeLink(MARLIN, 0.0)
    wanted = moves(60)
    link.stream(wanted)
    now_s = 0.0
    for _ in range(20_000):
        data = link.outgoing(now_s)
        link.sent(len(data))
        for line in data.splitlines():
            link.receive(board.answer(line), now_s)
        now_s += 0.01 if data else link.wake_s(now_s) + 0.001
        if link.idle or link.broken is not None:
            break
    # An M110 that was spoiled ten times, or an end in silence, is told; it is never a wrong print.
    assert board.executed == wanted[: len(board.executed)]
    if link.broken is None:
        assert board.executed == wanted
