"""Heat is waited for by the host and then by the printer, in dialogues as they are sent and answered."""

import pytest

from printers.gcode_line import Temperatures
from printers.heat_wait import heat_wait
from tests.doubles.gcode_dialogue import DUET, HELLO, MARLIN, PRUSA, hold, turn, waits


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
