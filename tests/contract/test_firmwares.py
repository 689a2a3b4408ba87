"""Whole jobs through the real driver, over a real pty, to every firmware that we know: exact, or told.

The printer is a process of its own (`printers.sim`), which records each line that it executed.
"""

import dataclasses
import time

import pytest

from firmware_profiles.loader import all_firmwares, load_firmware
from printers.emergency import STOPPED
from printers.errors import ForeignMachineError
from printers.feeding import BEGINS
from printers.model import PrinterState, PrintResult
from printers.serial_driver import SerialDriver
from printers.sim.dialect import DIALECTS
from tests.doubles.sim_printer import SimPrinter

NAME = "fabnet-abcdefghjk-a1"
PRINTERS = sorted(name for name, dialect in DIALECTS.items() if not dialect.foreign)
#: They compare line numbers, so that whatever is lost on the line is asked for.
ASKING = sorted(name for name in PRINTERS if DIALECTS[name].numbers)


def lines_of(count):
    head = ["G28", "G90", "M83", "M140 S60", "M109 S215"]
    body = [f"G1 X{i % 180}.{i % 10} Y{i % 170} E0.0{i % 9 + 1}" for i in range(count)]
    return [*head, *body, "M104 S0", "M140 S0"]


#: Within which a person is to be told, and to be heard: far below what waits for heat or for an ok.
SOON_S = 20.0


def as_sent(lines):
    """Heat is set first, and waited for by the host; before each file goes the same."""
    sets = {"M109": "M104", "M190": "M140"}
    found = list(BEGINS)
    for line in lines:
        if line[:4] in sets:
            found.append(sets[line[:4]] + line[4:])
        found.append(line)
    return found


class Desk:
    """One simulated printer with the driver at it."""

    def __init__(self, folder, dialect, *options, baudrate=115200):
        self.folder = folder
        self.sim = SimPrinter(folder, "--dialect", dialect, *options).start()
        self.driver = SerialDriver(str(self.sim.port), baudrates=(baudrate,))
        self.identity = None

    def open(self):
        self.identity = self.driver.open()
        return self

    def start(self, lines):
        path = self.folder / "plate.gcode"
        path.write_text("\n".join(lines) + "\n")
        self.driver.start(path, NAME)

    def end(self, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status = self.driver.poll(0.1)
            if status.last is not None:
                return status
        pytest.fail(f"it did not end; the last status was {status}")

    def close(self):
        self.driver.close()
        self.sim.kill()


@pytest.fixture
def desk(tmp_path):
    made = []

    def make(*arguments, **more):
        made.append(Desk(tmp_path, *arguments, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def is_exact(desk, lines):
    """The printer did each line once, in order, and its record has the end of the print."""
    assert desk.sim.executed() == as_sent(lines)
    mine = [event for event in desk.sim.events() if event.name == NAME]
    assert [event.event for event in mine] == ["begin", "end"]
    assert mine[-1].lines == len(as_sent(lines))


def test_every_firmware_profile_is_simulated():
    profiles = {profile.name for profile in all_firmwares()} - {"unknown"}
    assert profiles <= DIALECTS.keys()


@pytest.mark.parametrize("dialect", PRINTERS)
def test_a_job_is_exact(desk, dialect):
    one = desk(dialect).open()
    assert one.identity.profile == ("marlin" if dialect == "marlin-advanced" else dialect)
    lines = lines_of(400)
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    is_exact(one, lines)


@pytest.mark.parametrize("dialect", PRINTERS)
def test_a_job_on_a_line_that_takes_its_time_is_exact(desk, dialect):
    one = desk(dialect, "--timed", "--baudrate", "250000", "--ok-ms", "1", baudrate=250000).open()
    lines = lines_of(400)
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    is_exact(one, lines)


FAULTS = {
    "corrupted": ("--corrupt-every", "60"),
    "lost lines": ("--drop-line-every", "90"),
    "doubled lines": ("--duplicate-every", "70"),
    "extra oks": ("--extra-ok-every", "50"),
    "a stall": ("--stall-at", "200", "--timed", "--baudrate", "115200"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", ASKING)
def test_a_bad_line_changes_nothing(desk, dialect, fault, monkeypatch):
    shorten_patience(monkeypatch)
    one = desk(dialect, *FAULTS[fault]).open()
    lines = lines_of(300)
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    is_exact(one, lines)


def shorten_patience(monkeypatch):
    """Firmwares without busy messages get 30 s before an ok counts as lost: here one second."""

    def patient(profile):
        return dataclasses.replace(profile, ok_timeout_s=1.0)

    every = tuple(patient(profile) for profile in all_firmwares())
    monkeypatch.setattr("printers.serial_driver.all_firmwares", lambda _own: every)
    monkeypatch.setattr(
        "printers.serial_driver.load_firmware", lambda name, own: patient(load_firmware(name, own))
    )


@pytest.mark.parametrize("dialect", ASKING)
def test_lost_oks_are_passed(desk, dialect, monkeypatch):
    shorten_patience(monkeypatch)
    one = desk(dialect, "--drop-ok-every", "120").open()
    lines = lines_of(300)
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    is_exact(one, lines)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_faults_by_chance(desk, seed, monkeypatch):
    shorten_patience(monkeypatch)
    one = desk(
        "marlin", "--seed", str(seed), "--corrupt-every", "50", "--drop-ok-every", "200",
        "--extra-ok-every", "70", "--duplicate-every", "150", "--drop-line-every", "150",
        "--timed", "--baudrate", "250000", baudrate=250000,
    ).open()  # fmt: skip
    lines = lines_of(800)
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    is_exact(one, lines)


def test_a_firmware_that_cannot_ask_never_extrudes_twice(desk, monkeypatch):
    """RepRapFirmware passes a spoilt line in silence: the print ends before a move is doubled."""
    shorten_patience(monkeypatch)
    one = desk("reprapfirmware", "--corrupt-every", "100").open()
    lines = lines_of(300)
    one.start(lines)
    assert one.end().last.result is PrintResult.INTERRUPTED
    moves = [line for line in one.sim.executed() if line.startswith("G1")]
    assert moves == [line for line in lines if line.startswith("G1")][: len(moves)]


@pytest.mark.parametrize("dialect", PRINTERS)
@pytest.mark.parametrize("heat", ["M109 S215", "M190 S95"])
def test_a_print_that_heats_up_is_cancelled_at_once(desk, dialect, heat):
    """At 2 degrees a second it would be hot after 97 s, and 37 s."""
    one = desk(dialect, "--heating-c-s", "2").open()
    one.start(["G28", heat, "G1 X10"])
    until = time.monotonic() + 60
    while (one.driver.poll(0.1).nozzle_c or 0) < 22 and (one.driver.poll(0.1).bed_c or 0) < 22:
        assert time.monotonic() < until
    began = time.monotonic()
    one.driver.cancel()
    status = one.end(SOON_S)
    assert status.last.result is PrintResult.CANCELLED
    assert time.monotonic() - began < SOON_S
    assert {"M104 S0", "M140 S0"} <= set(one.sim.executed())
    assert "G1 X10" not in one.sim.executed()
    if one.identity.profile != "sprinter":  # which tells no targets
        status = one.driver.make_safe()
        assert (status.nozzle_target_c, status.bed_target_c) == (0, 0)


def test_a_printer_that_waits_for_heat_by_itself_is_cancelled_at_once_where_it_hears(desk):
    """A second nozzle is waited for by the firmware: M108 ends that."""
    one = desk("marlin", "--heating-c-s", "2").open()
    one.start(["M109 T1 S215", "G1 X10"])
    until = time.monotonic() + 60
    while (one.driver.poll(0.1).nozzle_c or 0) < 22:
        assert time.monotonic() < until
    one.driver.cancel()
    assert one.end(SOON_S).last.result is PrintResult.CANCELLED
    assert "M104 S0" in one.sim.executed()


@pytest.mark.parametrize("lines", [["M109 S215"], ["G1 X1", "G1 X2"] * 2000])
def test_a_cancel_that_nobody_answers_is_none(desk, lines, monkeypatch):
    """Nobody knows whether the heaters are off; and it does not hang (OctoPrint #2175, #2509)."""
    shorten_patience(monkeypatch)
    one = desk("marlin", "--lines-per-s", "40", "--heating-c-s", "4").open()
    one.start(["M104 S200", *lines])
    until = time.monotonic() + 60
    while (one.driver.poll(0.1).nozzle_c or 0) < 24:
        assert time.monotonic() < until
    one.sim.freeze()
    one.driver.cancel()
    last = one.end().last
    assert last.result is PrintResult.INTERRUPTED
    assert "does not answer any more" in last.reason
    assert "switch it off" in last.reason


#: How each firmware that starts anew can be seen to; RepRapFirmware's USB goes away with it.
RESETS = {name: "--unplug-at" if name == "reprapfirmware" else "--reset-at" for name in PRINTERS}


@pytest.mark.parametrize("dialect", PRINTERS)
@pytest.mark.parametrize("accident", ["reset", "unplug"])
def test_a_reset_and_a_pulled_cable_are_told_in_words_at_once(desk, dialect, accident):
    option = RESETS[dialect] if accident == "reset" else "--unplug-at"
    one = desk(dialect, option, "60", "--lines-per-s", "40").open()
    one.start(["M104 S200", *["G1 X1", "G1 X2"] * 2000])
    until = time.monotonic() + 60
    while not (one.driver.poll(0.05).last or len(one.sim.executed()) > 50):
        assert time.monotonic() < until
    status = one.end(SOON_S)
    assert status.last.result is PrintResult.INTERRUPTED
    words = "reset" if option == "--reset-at" else "serial line was lost"
    assert words in status.last.reason


@pytest.mark.parametrize("dialect", ["marlin", "smoothieware", "reprapfirmware"])
def test_a_printer_that_starts_anew_without_a_word_is_told_at_once(desk, dialect):
    """Nothing on the port shows it; `tests/unit/printers/test_restart.py` asks every firmware."""
    one = desk(dialect, "--mute-reset-at", "100", "--lines-per-s", "40").open()
    one.start(["G28", "M83", "M104 S200", *["G1 X1 E1", "G1 X2 E1"] * 2000])
    until = time.monotonic() + 60
    while not (one.driver.poll(0.05).last or len(one.sim.executed()) > 80):
        assert time.monotonic() < until
    status = one.end(SOON_S)
    assert status.last.result is PrintResult.INTERRUPTED
    # RepRapFirmware has no line numbers to tell by: what is sure is that lines were lost.
    words = ("the printer was reset", "it was reset", "was lost on the way")
    assert any(
        each in status.last.reason for each in words[: 3 if dialect == "reprapfirmware" else 2]
    )


@pytest.mark.parametrize(
    ("dialect", "doing"),
    [*((name, "moves") for name in PRINTERS), ("marlin", "heats"), ("prusa-mk3", "heats")],
)
def test_an_emergency_stop_is_heard_before_what_waits(desk, dialect, doing):
    one = desk(dialect, "--lines-per-s", "40", "--heating-c-s", "5").open()
    heat = ["M109 S200"] if doing == "heats" else []
    one.start(["M104 S200", *heat, *["G1 X1", "G1 X2"] * 2000])
    until = time.monotonic() + 60
    while len(one.sim.executed()) < len(BEGINS) + (1 if heat else 5):
        assert time.monotonic() < until
        one.driver.poll(0.05)
    began = time.monotonic()
    one.driver.stop_now()
    assert time.monotonic() - began < SOON_S
    assert one.sim.events()[-1].event == "halted"
    status = one.driver.poll(0.5)
    assert (status.state, status.last.result) == (PrinterState.FAULT, PrintResult.INTERRUPTED)
    assert status.last.reason == status.fault == STOPPED


@pytest.mark.parametrize("dialect", [name for name in PRINTERS if DIALECTS[name].runaway])
def test_a_thermal_fault_while_it_heats_is_told_in_the_printers_words_at_once(desk, dialect):
    one = desk(dialect, "--heating-c-s", "30", "--sensor-off-at", "4").open()
    one.start(["M109 S215", "G1 X10"])
    # Its protection takes some seconds by itself; from then on it counts.
    until = time.monotonic() + 60
    while not any(event.event == "halted" for event in one.sim.events()):
        assert time.monotonic() < until
        one.driver.poll(0.05)
    status = one.end(SOON_S)
    assert (status.state, status.last.result) == (PrinterState.FAULT, PrintResult.FAILED)
    fault = DIALECTS[dialect].runaway.split(b"\n")[0].decode()
    said = "!!" if DIALECTS[dialect].stopped.startswith(b"!!") else fault
    assert said in status.last.reason


@pytest.mark.parametrize("dialect", [name for name in PRINTERS if DIALECTS[name].runaway])
def test_a_printer_that_has_stopped_is_a_fault(desk, dialect):
    one = desk(dialect, "--halt-at", "150").open()
    one.start(lines_of(400))
    status = one.end()
    assert status.last.result is PrintResult.FAILED
    assert status.state is PrinterState.FAULT
    assert len(one.sim.executed()) < 300


@pytest.mark.parametrize(
    ("options", "events"),
    [((), {"halted"}), (("--unprotected",), {"burnt"})],
    ids=["protected", "unprotected"],
)
def test_without_thermal_protection_it_burns(desk, options, events):
    one = desk(
        "marlin", "--sensor-off-at", "40", "--heating-c-s", "400", "--hurry", "1", *options
    ).open()
    one.start([*["M105"] * 40, "M104 S230", "G4 S2", "G4 S2", "M104 S0"])
    until = time.monotonic() + 60
    while time.monotonic() < until:
        one.driver.poll(0.1)
        seen = {event.event for event in one.sim.events()} & {"halted", "burnt"}
        if seen:
            break
    assert seen == events


def test_a_cable_that_is_pulled_ends_the_print_and_nothing_is_resumed(desk):
    one = desk("marlin", "--unplug-at", "200").open()
    one.start(lines_of(2000))
    status = one.end()
    assert status.last.result is PrintResult.INTERRUPTED
    before = [line for line in one.sim.executed() if line.startswith("G1")]
    until = time.monotonic() + 60
    while status.state is not PrinterState.IDLE and time.monotonic() < until:
        status = one.driver.poll(0.1)
    assert status.state is PrinterState.IDLE
    assert [line for line in one.sim.executed() if line.startswith("G1")] == before
    assert "abandoned" in {event.event for event in one.sim.events()}


def test_moves_that_take_their_time_fill_the_planner_and_are_waited_for(desk):
    """100 moves of 10 mm at 100 mm/s, ten times faster: a second, less what is planned ahead."""
    one = desk("marlin", "--hurry", "10").open()
    began = time.monotonic()
    lines = ["G91", "G1 F6000", *["G1 X10", "G1 X-10"] * 50]
    one.start(lines)
    assert one.end().last.result is PrintResult.DONE
    assert time.monotonic() - began > 0.9
    is_exact(one, lines)


def refused_after_s(desk):
    began = time.monotonic()
    with pytest.raises(ForeignMachineError, match=r"Grbl.*not a 3D printer.*choose another port"):
        desk.open()
    return time.monotonic() - began


def test_a_mill_is_refused_by_name_and_nothing_moves(desk):
    one = desk("grbl")
    # A busy machine is slow now and then; who waits for a better answer waits each time.
    assert any(refused_after_s(one) < 5 for _ in range(3))
    assert one.sim.executed() == []
