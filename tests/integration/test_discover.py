"""Printers are found: on real ptys at the rate that answers, never on a held port; real OctoPrints."""

import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import zeroconf

from printers.discover import look_at, octoprints, serial_ports
from printers.errors import OctoPrintError, OctoPrintLostError
from printers.octoprint_keys import can_ask_for_key
from tests.doubles import certificates
from tests.doubles.sim_printer import SimPrinter

MK3S = (
    "FIRMWARE_NAME:Prusa-Firmware 3.13.3 based on Marlin FIRMWARE_URL:https://github.com/prusa3d/"
    "Prusa-Firmware PROTOCOL_VERSION:1.0 MACHINE_TYPE:Prusa i3 MK3S EXTRUDER_COUNT:1"
    " UUID:00000000-0000-0000-0000-000000000000\nCap:AUTOREPORT_TEMP:1"
)
ENDER = "FIRMWARE_NAME:Marlin 1.1.6 PROTOCOL_VERSION:1.0 MACHINE_TYPE:Ender-3 EXTRUDER_COUNT:1"
SPRINTER = "FIRMWARE_NAME:Sprinter PROTOCOL_VERSION:1.0 MACHINE_TYPE:Mendel EXTRUDER_COUNT:1"
HOLDER = (
    "import serial, sys; port = serial.Serial(sys.argv[1], exclusive={}); print('held', flush=True);"
    " sys.stdin.read()"
)


@pytest.fixture
def printer(tmp_path):
    made = []

    def make(*options):
        made.append(SimPrinter(tmp_path, *options).start())
        return made[-1]

    yield make
    for each in made:
        each.kill()


def found_at(printer):
    (port,) = [each for each in serial_ports([str(printer.port)]) if each.named]
    return look_at(port)


def answering(printer):
    """Look at one that answers: on a busy machine its answer may come too late once."""
    for _ in range(4):
        found = found_at(printer)
        if found.answers:
            break
    return found


@pytest.mark.parametrize(
    ("options", "firmware", "preset"),
    [
        ((), "Marlin 2.1.2 (simulated)", ""),
        (("--m115", MK3S), "Prusa-Firmware 3.13.3 based on Marlin", "prusa-mk3s"),
        (("--m115", ENDER, "--baudrate", "115200"), "Marlin 1.1.6", "creality-ender-3"),
        (("--m115", SPRINTER), "Sprinter", ""),
    ],
)
def test_firmware_and_machine_are_told(printer, options, firmware, preset):
    found = answering(printer(*options))
    assert (found.answers, found.firmware, found.preset) == (True, firmware, preset)
    assert found.baudrate == 115200
    assert found.why == ""


def test_the_rate_that_answers_is_found(tmp_path):
    rates = (250000, 57600)
    sims = []
    for rate in rates:
        (tmp_path / str(rate)).mkdir()
        sims.append(SimPrinter(tmp_path / str(rate), "--m115", ENDER, "--baudrate", str(rate)))
    try:
        # Side by side, since most of it is waiting for answers at the wrong rates.
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(lambda one: answering(one.start()), sims))
        assert [(each.answers, each.baudrate, each.machine) for each in found] == [
            (True, rate, "Ender-3") for rate in rates
        ]
        assert [one.executed() for one in sims] == [[], []]
    finally:
        for one in sims:
            one.kill()


def test_looking_neither_heats_nor_moves(printer):
    one = printer()
    assert answering(one).answers
    assert one.executed() == []


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_port_that_another_program_holds_is_never_opened(printer, exclusive):
    one = printer("--m115", MK3S)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER.format(exclusive), str(one.port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline() == b"held\n"
        found = found_at(one)
        assert not found.answers
        assert str(holder.pid) in found.held
        assert "close that first" in found.why
        holder.stdin.close()
    assert answering(one).answers


def test_a_port_that_is_not_there(tmp_path):
    (port,) = [each for each in serial_ports([str(tmp_path / "none")]) if each.named]
    found = look_at(port)
    assert not found.answers
    assert "is it plugged in?" in found.why


def test_an_octoprint_with_a_certificate_of_its_own_is_said_to_have_one(tmp_path):
    files = certificates.make(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(OctoPrintError, match="write its address with http://"):
            can_ask_for_key(f"https://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_network_without_octoprints_is_no_error():
    assert octoprints(0.2, ["127.0.0.1"]) == ()


def test_an_octoprint_in_the_network_is_seen():
    info = zeroconf.ServiceInfo(
        "_octoprint._tcp.local.", "Shelf left._octoprint._tcp.local.", 5123,
        addresses=[b"\x7f\x00\x00\x01"], server="fabnet-test.local.",
        properties={"path": "/", "version": "1.11.8", "uuid": "u-7"},
    )  # fmt: skip

    def seen():
        with zeroconf.Zeroconf(interfaces=["127.0.0.1"]) as network:
            network.register_service(info)
            found = ()
            until = time.monotonic() + 60
            while not found and time.monotonic() < until:
                found = octoprints(4.0, ["127.0.0.1"])
        return found

    # A browser of another test leaves a running asyncio loop on this thread, and zeroconf joins it:
    # then it hears nothing. A thread of its own has none.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(seen).result()
    assert [(each.url, each.name, each.uuid) for each in found] == [
        ("http://127.0.0.1:5123", "Shelf left", "u-7")
    ]


def test_nobody_at_the_address():
    with pytest.raises(OctoPrintLostError):
        can_ask_for_key("http://127.0.0.1:1")
    with pytest.raises(OctoPrintError):
        can_ask_for_key("octopi")
