"""The OctoPrint driver against a real OctoPrint: what people, accidents and other prints do to it."""

import os
import signal
import time
import tracemalloc

import pytest

from fabnet.demo.octoprint import limit_file_size
from printers.connect import connect
from printers.errors import BusyPrinterError, NotSafeError, OctoPrintError, PrinterError
from printers.model import PrinterState, PrintResult
from printers.octoprint_api import OctoPrintApi
from printers.octoprint_driver import OctoPrintDriver
from tests.doubles.octo_prints import a_file, moves, moving, words
from tests.doubles.rig import ended, until

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
    until(second, lambda status: status.state is PrinterState.IDLE)
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
        # A question that waited for its answer would wait for ever.
        status = until(driver, lambda status: status.state is PrinterState.OFFLINE)
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
