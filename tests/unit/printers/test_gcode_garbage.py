"""Garbage on the line: it raises nothing, acknowledges nothing and prints nothing wrongly."""

from hypothesis import given, settings
from hypothesis import strategies as st

from printers.gcode_answer import read_answer
from printers.gcode_link import GcodeLink
from tests.doubles.gcode_dialogue import MARLIN, moves

WORDS = st.sampled_from(
    [b"ok", b"T:", b"B:", b"200", b" /", b" ", b"Resend: ", b"N", b"4", b"rs", b"\n", b"\0", b"@:",
     b"wait", b"echo:busy: processing", b"Error:", b"//action:pause", b"-1", b".", b"\xff", b"*"]
)  # fmt: skip
GARBAGE = st.lists(WORDS | st.binary(max_size=8), max_size=40).map(b"".join)


@settings(deadline=None)  # a busy machine is no fault
@given(GARBAGE)
def test_garbage_never_invents_a_temperature(line):
    told = read_answer(line.replace(b"\n", b"")).temperatures
    if told is not None:
        digits = line.replace(b"\0", b"").decode("latin-1")
        for value in (told.nozzle_c, told.nozzle_target_c, told.bed_c, told.bed_target_c):
            assert value is None or f"{value:g}".rstrip("0").rstrip(".") in digits


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.binary(max_size=60), max_size=40))
def test_garbage_never_raises_and_never_counts_more_oks_than_it_holds(pieces):
    link = GcodeLink(MARLIN, 0.0)
    link.stream(moves(400))
    taken = 0
    for number, piece in enumerate(pieces):
        data = link.outgoing(number * 0.001)
        taken += data.count(b"\n")
        link.sent(len(data))
        link.receive(piece + b"\n", number * 0.001)
    oks = b"\n".join(pieces).replace(b"\0", b"").count(b"ok")
    assert link.acknowledged <= oks + MARLIN.window_lines * oks
    if oks == 0:
        assert taken <= 1 + MARLIN.window_lines
