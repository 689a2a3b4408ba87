"""Which ports are asked, who holds them, and what OctoPrint's answers mean."""

import pytest

from firmware_profiles.detect import detect_machine
from firmware_profiles.loader import all_firmwares, all_machines
from printers.recognise import (
    KeyStep,
    PortLock,
    Program,
    SerialPort,
    baudrates,
    held_by,
    read_key_decision,
    read_key_probe,
    read_key_request,
    seen_octoprint,
)

USB = "/dev/ttyUSB0"


def program(pid, command="python3 run.py", files=()):
    return Program(pid=pid, command=command, files=files)


@pytest.mark.parametrize(
    ("machine_type", "usb_id", "preset"),
    [
        ("Prusa i3 MK3S", "", "prusa-mk3s"),
        ("Prusa i3 MK3S", "1a86:7523", "prusa-mk3s"),
        ("Prusa i3 MK3", "2c99:0002", "prusa-mk3"),
        ("Prusa-MINI", "2c99:000c", "prusa-mini"),
        ("Prusa-mini", "", "prusa-mini"),
        ("Ender-3", "1a86:7523", "creality-ender-3"),
        ("ender-3 pro", "", "creality-ender-3"),
        ("Ender-3 S1", "", None),  # another height and nozzle: the maker chooses
        ("", "2c99:0002", "prusa-mk3s"),
        ("Prusa i3 MK2.5", "2c99:0002", None),
        ("3D Printer", "1a86:7523", None),
        ("", "", None),
    ],
)
def test_the_preset_to_propose(machine_type, usb_id, preset):
    found = detect_machine(machine_type, usb_id, all_machines())
    assert (found.name if found else None) == preset


@pytest.mark.parametrize(
    ("port", "asked"),
    [
        (SerialPort(path=USB, device=USB, usb_id="1a86:7523"), True),
        (SerialPort(path=USB, device=USB, usb_id="2c99:0002"), True),
        (SerialPort(path=USB, device=USB, usb_id="1199:9071"), False),  # a modem
        (SerialPort(path="/dev/ttyS0", device="/dev/ttyS0"), False),
        (SerialPort(path="/dev/ttyS0", device="/dev/ttyS0", named=True), True),
    ],
)
def test_only_boards_of_printers_are_asked_unless_a_person_names_the_port(port, asked):
    assert port.may_be_printer is asked


def test_a_port_that_a_program_has_open_is_held():
    assert held_by(USB, [program(7)]) is None
    held = program(7, "/usr/bin/python3 /opt/octoprint serve", ((USB, -1),))
    assert held_by(USB, [program(5), held]) == "OctoPrint (process 7)"
    assert held_by("/dev/ttyUSB1", [held]) is None
    assert held_by(USB, [program(7, "/usr/bin/screen x", ((USB, -1),))]) == "screen (process 7)"
    ours = program(8, "/opt/venv/bin/python /opt/venv/bin/fabnet node run", ((USB, -1),))
    assert held_by(USB, [ours]) == "the fabnet node (process 8)"


def test_a_lock_of_another_users_program_is_seen():
    other = Program(pid=9, command="/home/pi/oprint/bin/python serve", files=None)
    lock = PortLock(device=USB, pid=9)
    assert held_by(USB, [other], [lock]) == "python (process 9)"
    assert held_by(USB, [], [PortLock(device=USB, pid=0)]) == "another program"
    assert held_by("/dev/ttyUSB1", [other], [lock]) is None


def test_a_host_whose_files_cannot_be_seen_counts_as_a_holder():
    other = Program(pid=9, command="/home/pi/klippy-env/bin/python klippy/klippy.py", files=None)
    assert "Klipper" in held_by(USB, [other])
    assert held_by(USB, [program(9, other.command)]) is None
    assert held_by(USB, [Program(pid=9, command="sshd", files=None)]) is None


def test_who_holds_the_other_end_of_a_pty_is_the_printer_itself():
    files = (("/dev/ptmx", 4), ("/dev/pts/4", -1))
    printer = program(3, "python -m printers.sim.firmware", files)
    assert held_by("/dev/pts/4", [printer]) is None
    assert held_by("/dev/pts/4", [printer], [PortLock(device="/dev/pts/4", pid=3)]) is None
    guest = program(8, "python host.py", (("/dev/pts/4", -1),))
    assert held_by("/dev/pts/4", [printer, guest]) == "python (process 8)"
    # A terminal program has masters too, of other ptys.
    assert held_by("/dev/pts/4", [program(8, "tmux", (("/dev/ptmx", 1), *files[1:]))])


def test_the_rates_that_most_firmwares_use_come_first():
    found = baudrates(all_firmwares())
    assert found[:2] == (115200, 250000)
    assert found.index(57600) < found.index(1000000)
    assert len(found) == len(set(found))


def test_an_octoprint_that_tells_of_itself():
    told = {b"path": b"/", b"version": b"1.11.8", b"uuid": b"u-1", b"u": None}
    seen = seen_octoprint("OctoPrint on a._octoprint._tcp.local.", ["192.0.2.7"], 5000, told)
    assert (seen.url, seen.name, seen.version, seen.uuid) == (
        "http://192.0.2.7:5000", "OctoPrint on a", "1.11.8", "u-1",
    )  # fmt: skip
    behind = seen_octoprint("b", ["fe80::1"], 80, {b"path": b"/octoprint/"})
    assert behind.url == "http://[fe80::1]:80/octoprint"
    assert seen_octoprint("c", [], 80, {}) is None


@pytest.mark.parametrize(
    ("status", "body", "step"),
    [
        (201, {"app_token": "ABC1", "auth_dialog": "http://x/"}, KeyStep.WAITING),
        (201, {"app_token": "../../api/login"}, KeyStep.NOT_THERE),
        (201, None, KeyStep.NOT_THERE),
        (429, {"error": "too many"}, KeyStep.TOO_MANY),
        (404, None, KeyStep.NOT_THERE),
        (302, None, KeyStep.NOT_THERE),
    ],
)
def test_the_answer_to_a_request_for_a_key(status, body, step):
    assert read_key_request(status, body).step is step


@pytest.mark.parametrize(
    ("status", "body", "step", "key"),
    [
        (202, {"message": "Awaiting decision"}, KeyStep.WAITING, ""),
        (200, {"api_key": "K"}, KeyStep.GRANTED, "K"),
        (200, {}, KeyStep.NOT_THERE, ""),
        (404, None, KeyStep.REFUSED, ""),
        (500, None, KeyStep.NOT_THERE, ""),
    ],
)
def test_the_decision_on_a_key(status, body, step, key):
    found = read_key_decision(status, body, "T")
    assert (found.step, found.key) == (step, key)
    assert found.token == ("T" if step is KeyStep.WAITING else "")


def test_the_probe():
    assert read_key_probe(204)
    assert not read_key_probe(404)
    assert not read_key_probe(200)
