"""The turn that is done in one step: the same as it is in many."""

import dataclasses
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_profiles.loader import all_firmwares, load_firmware
from printers.gcode_answer import ONE_OK, Ear
from printers.gcode_line import line_of
from printers.gcode_link import GcodeLink
from tests.doubles.gcode_dialogue import MARLIN, Dialogue, moves, numbers

PROFILES = all_firmwares()
#: All lines that its window holds go from the first ok on.
EAGER = dataclasses.replace(load_firmware("marlin"), flushes_late=False)
MARLINS = (
    EAGER, load_firmware("marlin"), load_firmware("marlin-1"), dataclasses.replace(MARLIN, window_bytes=60),
    dataclasses.replace(MARLIN, window_lines=9, window_bytes=90, reads_ahead=3),
    dataclasses.replace(MARLIN, window_lines=1),
)  # fmt: skip
PLAIN = b"ok\n"
MOVES = [f"G1 X{'1' * size}".encode() for size in (1, 2, 9, 30, 60)]
OTHERS = (
    b"M106 S128", b"M105", b"G92 E0", b"M104 S200", b"M109 S200", b"G91", b"M83", b"G28", b"G4 P10",
    b"T0", b"M400", b"M109 S0", b"M190 T1 S50",
)  # fmt: skip
HEARD = (
    b"ok\r\n", b"ok\nok\n", b"o", b"k\n", b"ok 5\n", b"ok T:200 /200\n", b"wait\n", b"T:21 /0 B:21 /0\n",
    b"Resend: %d\nok\n", b"Error:checksum mismatch, Last Line: %d\nResend: %d\nok\n",
    b"echo:busy: processing\n", b"//action:paused\n", b"//action:resumed\n", b"",
)  # fmt: skip
ENDS = (b"start\n", b"!! no\n", "silence")
DEEDS = ("asks", "hurries", "drops", "streams")
PAUSES_S = (0.03, 0.05, 0.6, 2.6, 5.1)


def choose(chance, link):
    """What happens next; after each such thing some lines are acknowledged."""
    kind = chance.random()
    if kind < 0.55:
        said = chance.choice(HEARD)
        asked = link.acknowledged + chance.choice((-1, 0, 1, 1, 2))
        return said.replace(b"%d", str(asked).encode())
    if kind < 0.8:
        return chance.choice(PAUSES_S)
    return chance.choice(ENDS if kind > 0.995 else DEEDS)


class Host:
    """A link, and all that it wrote."""

    def __init__(self, profile, commands, *, flows):
        self.link = GcodeLink(profile, 0.0)
        self.link.stream(iter(commands))
        self._commands, self._flows = commands, flows
        self.wrote, self.turns = [], 0

    def _write(self, data, most):
        self.wrote.append(data[:most])
        return len(data[:most])

    def speak(self, now_s, most):
        out = self.link.outgoing(now_s)
        if out:
            self.link.sent(self._write(out, most))

    def hear(self, data, now_s, most):
        more = self.link.flow(data, now_s) if self._flows else None
        if more is None:
            self.link.receive(data, now_s)
            self.speak(now_s, most)
            return
        self.turns += 1
        written = self._write(more, most)
        if written < len(more):
            self.link.unsent(more, written)

    def do(self, event):
        match event:
            case "asks":
                self.link.ask_temperatures()
            case "hurries":
                self.link.urgent("M107", "G91")
            case "drops":
                self.link.drop_stream()
            case "streams":
                self.link.stream(iter(self._commands))
            case _:
                self.link.silence(b"M112\n")

    def state(self):
        link = self.link
        told = (link.idle, link.streaming, link.unheard, link.held, link.broken, link.stop_asked)
        figures = (link.acknowledged, link.asked, link.resends, link.silent_s)
        flight = (link._flight.numbers, link._flight.bytes, link._flight.closed)
        return told, figures, flight, b"".join(self.wrote)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from((*MARLINS, *MARLINS, *PROFILES)))
def test_in_one_step_the_same_is_said_as_in_many(seed, profile):
    chance = random.Random(seed)
    others = chance.choice((0.0, 0.02, 0.2))
    commands = [
        chance.choice(OTHERS) if chance.random() < others else chance.choice(MOVES)
        for _ in range(chance.choice((50, 400)))
    ]
    quick = Host(profile, commands, flows=True)
    thorough = Host(profile, commands, flows=False)
    now_s = 0.0
    for _ in range(40):
        events = [choose(chance, quick.link), *[PLAIN] * chance.choice((0, 1, 3, 12))]
        for event in events:
            now_s += event if isinstance(event, float) else 0.002
            most, speaks = chance.choice((7, 10_000, 10_000)), chance.random() < 0.9
            for host in (quick, thorough):
                if isinstance(event, bytes):
                    host.hear(event, now_s, most)
                elif isinstance(event, str):
                    host.do(event)
                if speaks:
                    host.speak(now_s, most)
            assert quick.state() == thorough.state()
            assert quick.link.wake_s(now_s) == thorough.link.wake_s(now_s)
            if quick.link.broken is not None:
                return


def test_a_print_of_moves_goes_in_single_steps():
    host = Host(EAGER, moves(500), flows=True)
    host.speak(0.0, 10_000)
    for number in range(1, 502):
        host.hear(PLAIN, number * 0.003, 10_000)
    assert host.link.acknowledged == 500
    assert host.turns > 450
    assert b"".join(host.wrote).split(b"\n")[1:-1] == [
        line_of(number, text).raw[:-1] for number, text in enumerate(moves(500), 1)
    ]


def test_what_is_urgent_goes_before_lines_that_wait_for_room():
    dialogue = Dialogue()
    dialogue.link.stream(moves(20))
    dialogue.sent()
    dialogue.hear("ok")
    assert numbers(dialogue.sent()) == [1, 2, 3, 4]
    dialogue.link.urgent("M107")
    dialogue.hear("ok")
    assert dialogue.sent() == ["N5 M107"]
    dialogue.hear("ok")
    assert dialogue.sent() == ["N6 G1 X4"]


def test_an_ok_with_a_carriage_return_is_as_good():
    host = Host(EAGER, moves(50), flows=True)
    host.speak(0.0, 10_000)
    for number in range(1, 20):
        host.hear(b"ok\r\n", number * 0.003, 10_000)
    assert host.link.acknowledged == 18
    assert host.turns == 18


@given(st.binary(max_size=6) | st.sampled_from(sorted(ONE_OK)))
def test_one_ok_is_heard_as_by_the_reader_of_lines(data):
    """Whole at once, and byte by byte, which takes the long way."""
    ear = Ear()
    slowly = [answer for byte in data for answer in ear.take(bytes([byte]))]
    assert list(Ear().take(data)) == slowly


def test_a_half_written_line_is_finished_first():
    host = Host(EAGER, moves(50), flows=True)
    host.speak(0.0, 10_000)
    host.hear(PLAIN, 0.003, 10_000)
    host.hear(PLAIN, 0.006, 3)
    assert host.turns == 1
    host.hear(PLAIN, 0.009, 10_000)
    assert host.turns == 1
    assert b"".join(host.wrote).endswith(line_of(7, b"G1 X6").raw + line_of(8, b"G1 X7").raw)


def test_a_question_that_has_taken_a_number_is_sent_again_under_it():
    host = Host(dataclasses.replace(MARLIN, window_lines=1), moves(50), flows=True)
    host.speak(0.0, 10_000)
    host.hear(PLAIN, 0.003, 10_000)
    host.hear(PLAIN, 0.006, 10_000)
    assert host.turns == 1
    host.do("asks")
    host.hear(PLAIN, 0.009, 10_000)
    host.hear(b"Resend: 2\nok\n", 0.012, 10_000)
    host.speak(0.1, 10_000)
    host.hear(PLAIN, 0.103, 10_000)
    assert host.wrote[-2:] == [line_of(2, b"G1 X1").raw, line_of(3, b"M105").raw]
