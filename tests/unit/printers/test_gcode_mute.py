"""Printers that never say that they are busy, what comes late behind a Resend, and lines without a head."""

import dataclasses

import pytest

from printers.sim import dialect
from printers.sim.talk import Faults
from printers.sim.wire import Pace
from printers.trouble import Trouble
from tests.doubles import virtual_line
from tests.doubles.gcode_dialogue import (
    HELLO,
    MARLIN,
    PRUSA,
    SPOILT,
    hold,
    numbered,
    turn,
    waits,
)
from tests.doubles.virtual_line import VirtualPrint

MINUTE_S = 60.0


@pytest.fixture
def mute(monkeypatch):
    """Simulated firmwares whose keepalive is switched off."""
    quiet = {name: dataclasses.replace(each, busy=b"") for name, each in dialect.DIALECTS.items()}
    monkeypatch.setattr(virtual_line, "DIALECTS", quiet)


def with_slow_moves(slow_s):
    """Return a print of quick moves in which two take so long."""
    fast, slow = 60_000.0, 200 * 60 / slow_s
    return ["G90", "M83"] + [
        f"G1 X{0 if i % 2 else 200} E0.1 F{slow if i in (30, 70) else fast:.2f}" for i in range(120)
    ]


@pytest.mark.parametrize("name", ["marlin", "marlin-advanced", "marlin-1", "prusa-mk3", "repetier"])
@pytest.mark.parametrize("slow_s", [4, 35, 200])
def test_a_move_that_takes_long_where_nobody_says_busy_is_waited_for_or_told(
    mute, tmp_path, name, slow_s
):
    """Some seconds are waited for. After half a minute the print is given up: told, and nothing done wrong."""
    text = with_slow_moves(slow_s)
    played = VirtualPrint(tmp_path, name, text, hurry=1.0)
    patience_s = 6 * played.profile.ok_timeout_s
    assert played.run() == ("done" if slow_s < patience_s else Trouble.STALLED.value)
    assert played.executed == text[: len(played.executed)]
    assert slow_s > patience_s or played.executed == text


def test_oks_with_numbers_behind_a_resend_acknowledge_nothing_anew():
    """Marlin with ADVANCED_OK: what was queued before the loss says its number late."""
    link = hold(
        MARLIN,
        [f"G1 X{i}" for i in range(1, 7)],
        HELLO,
        turn(
            *numbered(1, "G1 X1", "G1 X2", "G1 X3", "G1 X4"),
            says=[f"{SPOILT}2", "Resend: 3", "ok", "ok N1 P15 B3", "ok N2 P15 B3"],
        ),
        waits(MARLIN.drain_s + 0.01),
        turn(*numbered(3, "G1 X3"), says=["ok N2 P15 B3"]),
        turn(says=["ok N3 P14 B3"]),
        turn(*numbered(4, "G1 X4"), says=["ok N4 P13 B3"]),
        turn(*numbered(5, "G1 X5")),
    )
    assert link.acknowledged == 4
    assert link.broken is None


def test_a_line_without_its_head_is_asked_for_and_not_done():
    """Prusa's firmware refuses a checksum without a number: both Resends ask for the same line."""
    refused = "Error:No Line Number with checksum, Last Line: 1"
    link = hold(
        PRUSA,
        [f"G1 X{i}" for i in range(1, 5)],
        HELLO,
        turn(
            *numbered(1, "G1 X1", "G1 X2"),
            says=["ok", f"{SPOILT}1", "Resend: 2", "ok", refused, "Resend: 2", "ok"],
        ),
        waits(PRUSA.drain_s + 0.01),
        turn(*numbered(2, "G1 X2"), says=["ok"]),
        turn(*numbered(3, "G1 X3"), says=["ok"]),
    )
    assert (link.acknowledged, link.resends, link.broken) == (3, 2, None)


@pytest.mark.parametrize("seed", range(1, 9))
def test_nothing_is_done_twice_where_a_line_without_its_head_is_refused(tmp_path, seed):
    text = ["G90", "M83"] + [f"G1 X{i}.5 E0.0{i:03d}" for i in range(200)]
    played = VirtualPrint(
        tmp_path, "prusa-mk3", text, faults=Faults(corrupt_every=20, seed=seed),
        pace=Pace(baudrate=115200, timed=True, ok_s=0.0005, line_s=0.004),
    )  # fmt: skip
    assert played.run() == "done"
    assert played.executed == text


@pytest.mark.parametrize("name", ["marlin", "marlin-advanced", "marlin-1"])
def test_what_is_left_of_a_line_that_was_thrown_away_is_no_second_move(tmp_path, name):
    """Marlin empties its ring behind the number of a line, and does the rest of that line as it comes."""
    pace = Pace(baudrate=115200, timed=True, ok_s=0.0005, line_s=0.004)
    text = ["G90", "M83"] + [
        f"G1 X{i}.5 Y{7 * i % 190}.25 E0.{100 + 37 * i % 900}" for i in range(60)
    ]
    for seed in range(1, 61):
        faults = Faults(corrupt_every=20, seed=seed)
        played = VirtualPrint(tmp_path, name, text, faults=faults, pace=pace)
        assert played.run() == "done"
        assert played.executed == text, seed
