"""The OctoPrint driver against a real OctoPrint: what people, accidents and other prints do to it."""

import http.server
import os
import signal
import threading
import time
import tracemalloc
from contextlib import contextmanager

import pytest
import requests

from fabnet.demo.octoprint import limit_file_size
from fabnet.node.bench import Bench, Changed, Ended, Recover, Start, Started, Stop
from fabnet.node.files import sha256_of
from printers.connect import connect
from printers.errors import (
    BusyPrinterError,
    NotSafeError,
    OctoPrintError,
    OctoPrintLostError,
    PrinterError,
)
from printers.model import PrinterState, PrintResult
from printers.octoprint_api import OctoPrintApi
from printers.octoprint_driver import OctoPrintDriver
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.tcp_proxy import TcpProxy

WAIT_S = 60
NAMES = (f"fabnet-{n:010d}-a1" for n in range(1000))


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    printer = OctoPrinter(tmp_path_factory.mktemp("octo"))
    yield printer
    printer.stop()


@pytest.fixture
def octo(one):
    """The same OctoPrint for all, ready: restarted when the test before left it otherwise."""
    if one.pid is None or not one.ready():
        one.kill()
        one.start()
    return one


@pytest.fixture
def driver(octo):
    made = connect(octo.connection)
    made.open()
    yield made
    made.close()


@pytest.fixture
def name():
    return next(NAMES)


@pytest.fixture
def plate(tmp_path):
    return a_file(tmp_path, 1500)


@pytest.fixture
def long_plate(tmp_path):
    return a_file(tmp_path, 100_000)


def a_file(folder, lines):
    path = folder / f"plate-{lines}.gcode"
    path.write_text("\n".join(["G28", "M83", *moves(lines)]))
    return path


def moves(lines):
    return [f"G1 X{i % 200}.{i % 10} Y{i % 190} E0.012" for i in range(lines)]


def until(driver, condition, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = driver.poll(0.05)
        if condition(status):
            return status
    pytest.fail(f"it did not happen; the last status was {status}")


def ended(status):
    return status.last is not None


def moving(status):
    return status.state is PrinterState.PRINTING and (status.fraction_done or 0) > 0


def words(octo, name):
    """What the virtual printer's own record says of an attempt."""
    return [event.event for event in octo.events() if event.name == name]


# --- other people's prints ------------------------------------------------------------------------


def test_somebody_elses_print_is_told_and_never_touched(octo, driver, plate, name):
    title = "pièce d'essai #1 à 50%.gcode"
    octo.print_by_hand(title, ["G28", *moves(12_000)])
    octo.wait_for_state("Printing")
    status = until(driver, lambda status: status.state is PrinterState.PRINTING)
    assert status.name is None
    with pytest.raises(BusyPrinterError, match="pièce d'essai #1 à 50%"):
        driver.start(plate, name)
    driver.cancel()
    with pytest.raises(BusyPrinterError):
        driver.make_safe()
    assert not driver.resume(name)
    until(driver, lambda status: status.state is PrinterState.IDLE)
    assert octo.job()["progress"]["completion"] == 100
    assert words(octo, name) == []


def test_only_our_own_left_overs_are_deleted(octo, driver, plate, name):
    octo.ask("POST", "/api/files/local", files={"file": ("theirs.gcode", "G28\n")})
    for each in (name, name.replace("-a1", "-a2")):
        driver.start(plate, each)
        until(driver, lambda status, each=each: ended(status) and status.last.name == each)
    files = octo.ask("GET", "/api/files/local?recursive=true").json()["files"]
    ours = next(each for each in files if each["name"] == "fabnet")
    assert [each["name"] for each in ours["children"]] == [name.replace("-a1", "-a2") + ".gcode"]
    assert "theirs.gcode" in [each["name"] for each in files]


@pytest.mark.parametrize(
    "odd", ["two words", "élève", "#1", "50%", "a%20b", "a+b&c", 'quoted "x"', "semi;colon?"]
)
def test_names_of_any_letters_are_printed(octo, driver, tmp_path, odd):
    path = tmp_path / f"{odd}.gcode"
    path.write_text("G28\nG1 X10 F6000\n")
    driver.start(path, odd)
    last = until(driver, ended).last
    assert (last.name, last.result) == (odd, PrintResult.DONE)


# --- how a print ends -----------------------------------------------------------------------------


def test_a_cancel_at_octoprint_is_told_as_one(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    last = until(driver, ended).last
    assert last.result is PrintResult.CANCELLED
    assert last.reason == "somebody cancelled it at OctoPrint"
    assert words(octo, name) == ["begin"]


def test_a_reset_of_the_printer_is_an_interruption(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.type_in("!!DEBUG:reset")
    last = until(driver, ended).last
    assert last.result is PrintResult.INTERRUPTED
    assert "the printer was reset" in last.reason
    assert words(octo, name) == ["begin", "abandoned"]


def test_a_pause_is_told_and_is_no_end(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.ask("POST", "/api/job", json={"command": "pause", "action": "pause"})
    status = until(driver, lambda status: status.state is PrinterState.PAUSED)
    assert (status.name, status.last) == (name, None)
    driver.cancel()
    assert until(driver, ended).last.result is PrintResult.CANCELLED


def test_a_fault_of_the_printer_is_told_in_its_own_words(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.type_in("!!DEBUG:trigger_fatal_error_marlin")
    status = until(driver, ended)
    assert status.last.result is PrintResult.FAILED
    assert "Thermal Runaway" in status.last.reason
    assert status.state is PrinterState.FAULT
    assert "Thermal Runaway" in status.fault
    with pytest.raises(PrinterError, match="Thermal Runaway"):
        driver.start(long_plate, name + "1")
    with pytest.raises(NotSafeError):
        driver.make_safe()
    # A person looks at the printer, and presses Connect.
    octo.ask("POST", "/api/connection", json={"command": "connect"})
    assert until(driver, lambda status: status.state is PrinterState.IDLE).fault is None


def test_a_lost_line_is_an_interruption_and_is_connected_again(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.type_in("!!DEBUG:drop_connection")
    status = until(driver, ended)
    assert status.last.result is PrintResult.INTERRUPTED
    assert "lost the line to the printer" in status.last.reason
    assert "switch it off" in status.fault
    until(driver, lambda status: status.state is PrinterState.IDLE)
    assert words(octo, name) == ["begin", "abandoned"]


def test_a_disconnect_by_a_person_is_respected(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.ask("POST", "/api/connection", json={"command": "disconnect"})
    status = until(driver, ended)
    assert (status.state, status.last.result) == (PrinterState.OFFLINE, PrintResult.INTERRUPTED)
    assert "press Connect there" in status.fault
    until_s = time.monotonic() + 1.5
    while time.monotonic() < until_s:
        assert driver.poll(0.1).state is PrinterState.OFFLINE
    with pytest.raises(PrinterError, match="press Connect there"):
        driver.start(long_plate, name + "1")
    # A node that is started connects once, to the port that is saved there.
    second = connect(octo.connection)
    second.open()
    assert second.poll(0.1).state is PrinterState.IDLE
    second.close()


def test_an_octoprint_that_was_restarted_has_forgotten_the_print(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.kill()
    octo.start()
    last = until(driver, ended).last
    assert last.result is PrintResult.INTERRUPTED
    assert "OctoPrint was restarted" in last.reason
    assert words(octo, name) == ["begin", "abandoned"]


def test_an_octoprint_that_hangs_delays_nobody_and_the_print_goes_on(
    octo, driver, tmp_path, name, monkeypatch
):
    monkeypatch.setattr("printers.octoprint_api._TIMEOUT_S", (0.5, 1.0))
    driver.start(a_file(tmp_path, 8000), name)
    until(driver, moving)
    os.kill(octo.pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        status = until(driver, lambda status: status.state is PrinterState.OFFLINE)
        assert time.monotonic() - began_s < 5
        assert (status.name, status.last) == (name, None)
        assert "switch it off" in status.fault
    finally:
        os.kill(octo.pid, signal.SIGCONT)
    assert until(driver, ended).last.result is PrintResult.DONE
    assert words(octo, name) == ["begin", "end"]


def test_a_cancel_while_octoprint_hangs_is_told_to_it_later(
    octo, driver, long_plate, name, monkeypatch
):
    monkeypatch.setattr("printers.octoprint_api._TIMEOUT_S", (0.5, 1.0))
    driver.start(long_plate, name)
    until(driver, moving)
    os.kill(octo.pid, signal.SIGSTOP)
    try:
        driver.cancel()
    finally:
        os.kill(octo.pid, signal.SIGCONT)
    last = until(driver, ended).last
    assert (last.result, last.reason) == (PrintResult.CANCELLED, "cancelled")


def test_a_printer_that_does_not_answer_is_not_called_cold(octo, driver, tmp_path, monkeypatch):
    monkeypatch.setattr("printers.octoprint_driver._SAFE_S", 4.0)
    octo.type_in("!!DEBUG:go_awol")
    with pytest.raises(NotSafeError, match="may still be hot"):
        driver.make_safe()
    octo.kill()


# --- what cannot be used --------------------------------------------------------------------------


def test_a_wrong_key_is_said(octo):
    with pytest.raises(OctoPrintError, match="does not accept the API key") as caught:
        OctoPrintDriver(octo.url, api_key="no such key").open()
    assert caught.value.status == 403


def test_no_octoprint_at_all_is_said_at_once():
    began_s = time.monotonic()
    with pytest.raises(OctoPrintLostError, match="nothing runs at this address") as caught:
        OctoPrintDriver("http://127.0.0.1:1", api_key="k").open()
    assert caught.value.refused
    assert time.monotonic() - began_s < 2


def test_an_address_that_is_none_is_said():
    with pytest.raises(OctoPrintError, match="http://host:port"):
        OctoPrintDriver("octopi.local", api_key="k")


def test_a_full_disk_is_said_and_starts_nothing(octo, driver, long_plate, name):
    limit_file_size(octo.pid, 1_000_000)
    try:
        with pytest.raises(
            OctoPrintError, match=r"is its disk full\? it says that \d+ MB are free"
        ):
            driver.start(long_plate, name)
        assert driver.poll(1).state is PrinterState.IDLE
        assert words(octo, name) == []
    finally:
        octo.kill()


@contextmanager
def serving(answer):
    """A web server that answers as a function says: (status, headers, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.do_GET()

        def do_DELETE(self):
            self.do_GET()

        def do_GET(self):
            status, headers, body = answer(self)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_is_no_octoprint_is_said():
    with serving(lambda _: (200, {"Content-Type": "text/html"}, b"<p>It works!")) as url:
        driver = OctoPrintDriver(url, api_key="k")
        with pytest.raises(OctoPrintError, match="it is no OctoPrint"):
            driver.open()
        driver.close()


def test_the_key_is_carried_to_no_other_address():
    asked = []

    def elsewhere(request):
        asked.append(request.path)
        return 200, {}, b"{}"

    with (
        serving(elsewhere) as other,
        serving(lambda _: (302, {"Location": other + "/api/version"}, b"")) as url,
    ):
        driver = OctoPrintDriver(url, api_key="k")
        with pytest.raises(OctoPrintError, match="write that address"):
            driver.open()
        driver.close()
    assert asked == []


# --- told by its websocket, or asked -----------------------------------------------------------------


def never_asked(monkeypatch):
    """What is seen soon was told."""
    monkeypatch.setattr("printers.octoprint_driver._LOOK_LISTENING_S", 60.0)


def test_a_change_is_told_before_anybody_asks(octo, driver, long_plate, name, monkeypatch):
    driver.start(long_plate, name)
    until(driver, moving)
    never_asked(monkeypatch)
    driver.poll(2.5)
    for command, state in (("pause", PrinterState.PAUSED), ("resume", PrinterState.PRINTING)):
        octo.ask("POST", "/api/job", json={"command": "pause", "action": command})
        began_s = time.monotonic()
        until(driver, lambda status, state=state: status.state is state)
        assert time.monotonic() - began_s < 2
        # While it is still "Pausing" it takes no "resume".
        while octo.ask("GET", "/api/job").json()["state"] in ("Pausing", "Resuming"):
            driver.poll(0.05)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    assert until(driver, ended, 3).last.result is PrintResult.CANCELLED


def test_an_octoprint_that_was_restarted_tells_again(octo, driver, long_plate, name, monkeypatch):
    octo.kill()
    until(driver, lambda status: status.state is PrinterState.OFFLINE)
    octo.start()
    until(driver, lambda status: status.state is PrinterState.IDLE)
    driver.poll(2.5)
    never_asked(monkeypatch)
    driver.poll(2.5)
    octo.print_by_hand("theirs.gcode", moves(100_000))
    until(driver, lambda status: status.state is PrinterState.PRINTING, 20)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    until(driver, lambda status: status.state is PrinterState.IDLE, 20)


def through(octo, path):
    """A reverse proxy before an OctoPrint, at a path of its own."""
    return TcpProxy(("127.0.0.1", octo.port), path=path)


def test_behind_a_path_of_a_proxy_it_prints_and_tells(octo, plate, name, monkeypatch):
    proxy = through(octo, "/octo/print")
    driver = OctoPrintDriver(f"http://127.0.0.1:{proxy.port}/octo/print/", api_key=octo.key)
    assert driver.open().machine.startswith("OctoPrint 1.11")
    never_asked(monkeypatch)
    driver.start(plate, name)
    assert until(driver, ended, 10).last.result is PrintResult.DONE
    assert words(octo, name) == ["begin", "end"]
    driver.close()
    proxy.close()


def test_where_no_websocket_gets_through_it_is_asked(octo, long_plate, name):
    def forward(request):
        if not request.path.startswith("/api/"):
            return 404, {}, b""
        length = int(request.headers.get("Content-Length", 0))
        answer = requests.request(
            request.command, octo.url + request.path, data=request.rfile.read(length), timeout=5,
            headers={key: value for key, value in request.headers.items() if key != "Host"},
        )  # fmt: skip
        return answer.status_code, {"Content-Type": "application/json"}, answer.content

    with serving(forward) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        driver.start(long_plate, name)
        until(driver, moving)
        octo.type_in("!!DEBUG:reset")
        # By its answers alone a reset and a cancel there are the same.
        last = until(driver, ended, 3).last
        assert last.result is PrintResult.CANCELLED
        assert "somebody cancelled it there, or the printer was reset" in last.reason
        driver.close()


# --- in anger ----------------------------------------------------------------------------------------


def test_a_key_that_is_withdrawn_in_a_print_is_said_and_the_print_goes_on(octo, tmp_path, name):
    made = octo.ask(
        "POST", "/api/plugin/appkeys", json={"command": "generate", "app": "fabnet"}
    ).json()
    driver = OctoPrintDriver(octo.url, api_key=made["api_key"])
    driver.open()
    driver.start(a_file(tmp_path, 8000), name)
    until(driver, moving)
    octo.ask("POST", "/api/plugin/appkeys", json={"command": "revoke", "app": "fabnet"})
    status = until(driver, lambda status: status.state is PrinterState.OFFLINE)
    assert (status.name, status.last) == (name, None)
    assert "does not accept the API key; make a new one" in status.fault
    driver.close()
    octo.wait_for_state("Operational")
    # The node is started again, with a new key.
    second = connect(octo.connection)
    second.open()
    assert second.resume(name)
    assert until(second, ended).last.result is PrintResult.DONE
    second.close()


def test_fifty_megabytes_pass_through_a_small_memory(octo, tmp_path):
    path = tmp_path / "big.gcode"
    with path.open("w") as file:
        file.writelines(
            "G1 X100.123 Y100.123 E0.01234 ; a line of a big file\n" for _ in range(1 << 20)
        )
    api = OctoPrintApi(octo.url, octo.key)
    tracemalloc.start()
    try:
        stored = api.upload(path, "fabnet", "big.gcode")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 50_000_000
    assert most < 2_000_000
    api.delete(stored)
    api.close()


def test_an_octoprint_that_is_off_when_the_node_starts_is_found_later(octo):
    octo.kill()
    with watched(octo) as node:
        first = node.wait_for(Changed)
        assert "nothing runs at this address" in first.status.fault
        octo.start()
        end = time.monotonic() + WAIT_S
        while node.bench.status.state is not PrinterState.IDLE:
            assert time.monotonic() < end, node.bench.status
            time.sleep(0.05)


# --- a restart of the node in mid-print -------------------------------------------------------------


class Watched:
    """A bench with its own thread, and what it told."""

    def __init__(self, connection):
        self.told = []
        self.bench = Bench("p1", lambda: connect(connection), self.told.append)
        self.bench.start()

    def wait_for(self, kind, seconds=WAIT_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [event for event in self.told if isinstance(event, kind)]
            if found:
                return found[0]
            time.sleep(0.05)
        return pytest.fail(f"no {kind.__name__}; only {self.told}")

    def wait_until_it_moves(self):
        end = time.monotonic() + WAIT_S
        while not (self.bench.status.fraction_done or 0) > 0:
            assert time.monotonic() < end
            time.sleep(0.05)

    def stop(self):
        self.bench.stop()


@contextmanager
def watched(octo):
    made = Watched(octo.connection)
    yield made
    made.stop()


def begun(octo, path, name):
    """Let a node start a print and end in the middle of it."""
    with watched(octo) as node:
        node.bench.command(Start(name=name, gcode=path, sha256=sha256_of(path)))
        node.wait_for(Started)
        node.wait_until_it_moves()
    assert octo.job()["state"] == "Printing"


def test_a_print_outlives_a_restart_of_the_node(octo, tmp_path, name):
    begun(octo, a_file(tmp_path, 12_000), name)
    with watched(octo) as node:
        node.bench.command(Recover(name=name))
        node.wait_for(Started)
        end = node.wait_for(Ended)
    assert (end.outcome.name, end.outcome.result) == (name, PrintResult.DONE)
    assert words(octo, name) == ["begin", "end"]


def test_a_print_that_ended_while_the_node_was_down_is_done(octo, tmp_path, name):
    begun(octo, a_file(tmp_path, 5000), name)
    octo.wait_for_state("Operational")
    with watched(octo) as node:
        node.bench.command(Recover(name=name))
        end = node.wait_for(Ended)
    assert end.outcome.result is PrintResult.DONE
    assert words(octo, name) == ["begin", "end"]


def test_a_print_that_was_taken_up_can_be_cancelled(octo, long_plate, name):
    begun(octo, long_plate, name)
    with watched(octo) as node:
        node.bench.command(Recover(name=name))
        node.wait_for(Started)
        node.bench.command(Stop(name=name))
        assert node.wait_for(Ended).outcome.result is PrintResult.CANCELLED


def test_a_print_that_octoprint_forgot_is_interrupted_and_made_safe(octo, long_plate, name):
    begun(octo, long_plate, name)
    octo.kill()
    octo.start()
    with watched(octo) as node:
        node.bench.command(Recover(name=name))
        end = node.wait_for(Ended)
    assert end.outcome.result is PrintResult.INTERRUPTED
    assert "the heaters are off" in end.outcome.reason
    assert words(octo, name) == ["begin", "abandoned"]


def test_a_print_that_somebody_else_follows_is_interrupted_and_theirs_left_alone(
    octo, long_plate, name
):
    begun(octo, long_plate, name)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    octo.wait_for_state("Operational")
    octo.print_by_hand("theirs.gcode", ["G28", *moves(4000)])
    with watched(octo) as node:
        node.bench.command(Recover(name=name))
        end = node.wait_for(Ended)
        assert end.outcome.result is PrintResult.INTERRUPTED
        assert "theirs.gcode" in end.outcome.reason
        octo.wait_for_state("Operational")
    assert octo.job()["progress"]["completion"] == 100
