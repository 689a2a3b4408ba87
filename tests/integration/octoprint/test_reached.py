"""How an OctoPrint is reached: what is none, what it tells or is asked, and a node that begins anew."""

import time

import pytest
import requests

from fabnet.node.bench_talk import Changed, Ended, Recover, Start, Started, Stop
from fabnet.node.files import sha256_of
from printers.errors import OctoPrintError, OctoPrintLostError
from printers.model import PrinterState, PrintResult
from printers.octoprint_driver import OctoPrintDriver
from tests.doubles.octo_prints import a_file, moves, moving, serving, watched, words
from tests.doubles.rig import WAIT_S, ended, until
from tests.doubles.tcp_proxy import TcpProxy

# --- what cannot be used --------------------------------------------------------------------------


def test_a_wrong_key_is_said(octo):
    with pytest.raises(OctoPrintError, match="does not accept the API key") as caught:
        OctoPrintDriver(octo.url, api_key="no such key").open()
    assert caught.value.status == 403


def test_no_octoprint_at_all_is_said_at_once():
    # A busy machine is slow now and then; who waits for an answer waits each time.
    assert any(refused_after_s() < 2 for _ in range(5))


def refused_after_s():
    began_s = time.monotonic()
    with pytest.raises(OctoPrintLostError, match="nothing runs at this address") as caught:
        OctoPrintDriver("http://127.0.0.1:1", api_key="k").open()
    assert caught.value.refused
    return time.monotonic() - began_s


def test_an_address_that_is_none_is_said():
    with pytest.raises(OctoPrintError, match="http://host:port"):
        OctoPrintDriver("octopi.local", api_key="k")


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
    """What is seen within WAIT_S was told."""
    monkeypatch.setattr("printers.octoprint_driver._LOOK_LISTENING_S", 10 * WAIT_S)


def test_a_change_is_told_before_anybody_asks(octo, driver, long_plate, name, monkeypatch):
    driver.start(long_plate, name)
    until(driver, moving)
    never_asked(monkeypatch)
    driver.poll(2.5)
    for command, state in (("pause", PrinterState.PAUSED), ("resume", PrinterState.PRINTING)):
        octo.ask("POST", "/api/job", json={"command": "pause", "action": command})
        until(driver, lambda status, state=state: status.state is state)
        # While it is still "Pausing" it takes no "resume".
        while octo.ask("GET", "/api/job").json()["state"] in ("Pausing", "Resuming"):
            driver.poll(0.05)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    assert until(driver, ended).last.result is PrintResult.CANCELLED


def test_an_octoprint_that_was_restarted_tells_again(octo, driver, long_plate, name, monkeypatch):
    octo.kill()
    until(driver, lambda status: status.state is PrinterState.OFFLINE)
    octo.start()
    until(driver, lambda status: status.state is PrinterState.IDLE)
    driver.poll(2.5)
    never_asked(monkeypatch)
    driver.poll(2.5)
    octo.print_by_hand("theirs.gcode", moves(100_000))
    until(driver, lambda status: status.state is PrinterState.PRINTING)
    octo.ask("POST", "/api/job", json={"command": "cancel"})
    until(driver, lambda status: status.state is PrinterState.IDLE)


def through(octo, path):
    """A reverse proxy before an OctoPrint, at a path of its own."""
    return TcpProxy(("127.0.0.1", octo.port), path=path)


def test_behind_a_path_of_a_proxy_it_prints_and_tells(octo, plate, name, monkeypatch):
    proxy = through(octo, "/octo/print")
    driver = OctoPrintDriver(f"http://127.0.0.1:{proxy.port}/octo/print/", api_key=octo.key)
    assert driver.open().machine.startswith("OctoPrint 1.11")
    never_asked(monkeypatch)
    driver.start(plate, name)
    assert until(driver, ended).last.result is PrintResult.DONE
    assert words(octo, name) == ["begin", "end"]
    driver.close()
    proxy.close()


def forwarded(octo, request):
    """What OctoPrint answers to a request; no websocket gets through."""
    if not request.path.startswith("/api/"):
        return 404, {}, b""
    length = int(request.headers.get("Content-Length", 0))
    answer = requests.request(
        request.command, octo.url + request.path, data=request.rfile.read(length), timeout=60,
        headers={key: value for key, value in request.headers.items() if key != "Host"},
    )  # fmt: skip
    return answer.status_code, {"Content-Type": "application/json"}, answer.content


def test_a_proxy_that_answers_in_its_place_hides_no_print_that_has_begun(
    octo, plate, name, monkeypatch
):
    """OctoPrint was told to print, and its answer was lost: so it is for a while, and then not."""
    monkeypatch.setattr("printers.octoprint_driver._BEGUN_S", 2.0)
    late = []

    def gateway(request):
        answer = forwarded(octo, request)
        if request.path.endswith(f"{name}.gcode"):
            late.append(time.monotonic() + 4.0)
        bad = late and time.monotonic() < late[0]
        return (504, {"Content-Type": "text/html"}, b"<p>Gateway Timeout") if bad else answer

    with serving(gateway) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        began_s = time.monotonic()
        driver.start(plate, name)
        assert time.monotonic() < began_s + 10
        assert "504" in driver.poll(0.1).fault
        assert until(driver, ended, 30).last.result is PrintResult.DONE
        assert words(octo, name) == ["begin", "end"]
        driver.close()


def held_up(octo, name, orders):
    """A proxy that says no in OctoPrint's place to the order to print, and keeps the order."""

    def gateway(request):
        if request.command == "POST" and request.path.endswith(f"{name}.gcode"):
            body = request.rfile.read(int(request.headers["Content-Length"]))
            orders.append((request.path, dict(request.headers), body))
            return 504, {"Content-Type": "text/html"}, b"<p>Gateway Timeout"
        return forwarded(octo, request)

    return serving(gateway)


def deliver(octo, order):
    """The order to print comes after all; return OctoPrint's answer."""
    path, headers, body = order
    kept = {key: value for key, value in headers.items() if key != "Host"}
    return requests.post(octo.url + path, data=body, headers=kept, timeout=60).status_code


def test_an_order_to_print_that_comes_late_prints_nothing(octo, plate, name, monkeypatch):
    """It was held up for longer than anybody waited: the plate is another lab's by then."""
    monkeypatch.setattr("printers.octoprint_job._START_S", 1.0)
    orders = []
    with held_up(octo, name, orders) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        with pytest.raises(OctoPrintError, match="did not start the print"):
            driver.start(plate, name)
        driver.close()
    assert deliver(octo, orders[0]) == 404
    assert words(octo, name) == []


def test_an_order_that_comes_after_a_restart_of_the_node_prints_nothing(
    octo, plate, name, monkeypatch
):
    monkeypatch.setattr("printers.octoprint_driver._BEGUN_S", 0.5)
    orders = []
    with held_up(octo, name, orders) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        driver.start(plate, name)
        driver.close()
        again = OctoPrintDriver(url, api_key=octo.key)
        again.open()
        assert not again.resume(name)
        again.close()
    assert deliver(octo, orders[0]) == 404
    assert words(octo, name) == []


def test_what_was_begun_by_itself_when_it_came_is_followed(octo, plate, name):
    """Plugins print what is uploaded; OctoPrint says no to the order then, for it is busy."""

    def eager(request):
        answer = forwarded(octo, request)
        if request.command == "POST" and request.path == "/api/files/local":
            path = f"/api/files/local/fabnet/{name}.gcode"
            octo.ask("POST", path, json={"command": "select", "print": True})
            octo.wait_for_state("Printing")
        return answer

    with serving(eager) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        driver.start(plate, name)
        assert until(driver, ended, 30).last.result is PrintResult.DONE
        driver.close()
    assert words(octo, name) == ["begin", "end"]


def test_where_no_websocket_gets_through_it_is_asked(octo, long_plate, name):
    with serving(lambda request: forwarded(octo, request)) as url:
        driver = OctoPrintDriver(url, api_key=octo.key)
        driver.open()
        driver.start(long_plate, name)
        until(driver, moving)
        octo.type_in("!!DEBUG:reset")
        # By its answers alone a reset and a cancel there are the same.
        last = until(driver, ended).last
        assert last.result is PrintResult.CANCELLED
        assert "somebody cancelled it there, or the printer was reset" in last.reason
        driver.close()


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
