"""What every printer connection keeps to. One suite; each way to a printer is one more parameter."""

import time

import pytest

from printers.connect import connect
from printers.errors import BusyPrinterError, PrinterError
from printers.model import PrinterState, PrintResult
from tests.doubles.rig import NAME, a_file, as_sent, ended, manual, octoprint, serial, until


def rigged(request, tmp_path, monkeypatch):
    # A killed OctoPrint is given up sooner than in a workshop.
    monkeypatch.setattr("printers.octoprint_driver._GONE_S", 2.0)
    made = request.param(tmp_path)
    yield made
    if made.printer:
        made.printer.kill()


# A printer that reports for itself, and any kind of printer.
rig = pytest.fixture(params=[serial, octoprint], ids=lambda make: make.__name__, name="rig")(rigged)
any_rig = pytest.fixture(
    params=[serial, octoprint, manual], ids=lambda make: make.__name__, name="any_rig"
)(rigged)


@pytest.fixture
def driver(rig):
    made = connect(rig.connection)
    yield made
    made.close()


@pytest.fixture
def any_driver(any_rig):
    made = connect(any_rig.connection)
    yield made
    made.close()


def test_it_says_who_it_is_and_waits(any_driver, any_rig):
    identity = any_driver.open()
    told = (identity.firmware, identity.machine, identity.profile)
    assert all(words.startswith(begin) for words, begin in zip(told, any_rig.says, strict=True))
    status = any_driver.poll(0.1)
    assert status.state is PrinterState.IDLE
    assert status.last is None


def test_opening_executes_nothing(driver, rig):
    driver.open()
    driver.poll(0.5)
    assert rig.executed() == []
    assert [event.event for event in rig.events()] == ["boot"]


def test_a_print_is_executed_line_by_line_and_ends_done(driver, rig, tmp_path):
    driver.open()
    path = a_file(tmp_path, hot_c=rig.hot_c)
    driver.start(path, NAME)
    status = until(driver, ended)
    assert (status.last.name, status.last.result) == (NAME, PrintResult.DONE)
    assert status.state is PrinterState.IDLE
    assert rig.executed() == as_sent(rig, path)
    begin, end = [event for event in rig.events() if event.name == NAME]
    assert (begin.event, end.event) == ("begin", "end")
    assert end.lines == len(as_sent(rig, path))
    assert (end.nozzle_max_c, end.bed_max_c) == (rig.hot_c, 60)


def test_progress_and_name_are_told_while_it_prints(driver, rig, tmp_path):
    driver.open()
    driver.start(a_file(tmp_path, 6000, rig.hot_c), NAME)
    seen = []
    until(driver, lambda status: seen.append(status) or ended(status))
    printing = [status for status in seen if status.state is PrinterState.PRINTING]
    fractions = [status.fraction_done for status in printing]
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 1 for fraction in fractions)
    assert {status.name for status in printing} == {NAME}


def test_temperatures_are_the_printers_own(driver, rig, tmp_path):
    driver.open()
    status = until(driver, lambda status: status.nozzle_c is not None)
    assert status.nozzle_target_c == 0
    assert 15 < status.nozzle_c < 30
    path = tmp_path / "heat.gcode"
    path.write_text(f"M104 S{rig.hot_c}\nM140 S60\nG4 P1\n")
    driver.start(path, NAME)
    until(driver, ended)
    status = until(driver, lambda status: status.nozzle_target_c == rig.hot_c)
    assert status.bed_target_c == 60
    until(driver, lambda status: (status.nozzle_c or 0) > rig.hot_c - 5)


def test_a_second_start_is_refused_and_the_first_goes_on(any_driver, any_rig, tmp_path):
    any_driver.open()
    path = a_file(tmp_path, 5000, any_rig.hot_c)
    any_driver.start(path, NAME)
    any_driver.poll(0.05)
    with pytest.raises(BusyPrinterError):
        any_driver.start(path, "fabnet-other-a1")
    assert any_driver.poll(0.05).name == NAME
    if any_rig.printer:
        assert until(any_driver, ended).last.result is PrintResult.DONE
        assert {event.name for event in any_rig.events() if event.name} == {NAME}


def test_two_prints_one_after_the_other(driver, rig, tmp_path):
    driver.open()
    path = a_file(tmp_path, 300, rig.hot_c)
    for name in (NAME, "fabnet-abcdefghjk-a2"):
        driver.start(path, name)
        assert until(driver, lambda s, name=name: ended(s) and s.last.name == name).last.result is (
            PrintResult.DONE
        )
    assert rig.executed() == as_sent(rig, path) * 2


def test_cancel_stops_and_switches_the_heaters_off(any_driver, any_rig, tmp_path):
    any_driver.open()
    path = a_file(tmp_path, 100_000, any_rig.hot_c)
    any_driver.start(path, NAME)
    if any_rig.printer:
        until(any_driver, lambda status: (status.fraction_done or 0) > 0.01)
    any_driver.cancel()
    status = until(any_driver, ended)
    assert status.last.result is PrintResult.CANCELLED
    assert until(any_driver, lambda status: status.state is PrinterState.IDLE)
    assert len(any_rig.executed()) < 100_000
    any_driver.make_safe()
    assert any_driver.poll(0.1).nozzle_target_c in {0, None}
    assert not any(event.event == "end" for event in any_rig.events())


def test_an_emergency_stop_halts_it_and_leaves_it_a_fault(driver, rig, tmp_path):
    driver.open()
    path = a_file(tmp_path, 100_000, rig.hot_c)
    driver.start(path, NAME)
    until(driver, lambda status: (status.fraction_done or 0) > 0.005)
    driver.cancel()  # a cancel that was asked for before changes nothing
    driver.stop_now()
    status = until(driver, lambda status: status.state is PrinterState.FAULT)
    assert (status.last.name, status.last.result) == (NAME, PrintResult.INTERRUPTED)
    assert "M112" in status.last.reason
    assert len(rig.executed()) < 100_000
    before = rig.executed()
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert driver.poll(0.1).state is PrinterState.FAULT
    with pytest.raises(PrinterError):
        driver.start(path, "fabnet-other-a1")
    assert rig.executed() == before
    assert not any(event.event == "end" for event in rig.events())


def test_an_emergency_stop_needs_no_print(driver):
    driver.open()
    driver.stop_now()
    status = until(driver, lambda status: status.state is PrinterState.FAULT)
    assert status.last is None


def test_an_emergency_stop_of_what_is_not_there_is_an_error(any_driver, any_rig):
    any_driver.open()
    if any_rig.printer:
        any_rig.printer.kill()
        until(any_driver, lambda status: status.state is PrinterState.OFFLINE)
    with pytest.raises(PrinterError):
        any_driver.stop_now()


def test_cancel_without_a_print_does_nothing(any_driver, any_rig):
    any_driver.open()
    any_driver.cancel()
    status = any_driver.poll(0.2)
    assert (status.state, status.last) == (PrinterState.IDLE, None)
    assert any_rig.executed() == []


def test_make_safe_is_confirmed_by_the_printer(driver, rig, tmp_path):
    driver.open()
    path = tmp_path / "hot.gcode"
    path.write_text(f"M104 S{rig.hot_c}\nM140 S60\n")
    driver.start(path, NAME)
    until(driver, ended)
    status = driver.make_safe()
    assert (status.nozzle_target_c, status.bed_target_c) == (0, 0)


def test_make_safe_of_what_is_cold_changes_nothing(any_driver, any_rig):
    any_driver.open()
    status = any_driver.make_safe()
    assert (status.state, status.last) == (PrinterState.IDLE, None)
    assert [line for line in any_rig.executed() if line.startswith("G")] == []


def test_a_lost_printer_is_offline_and_its_print_interrupted_and_never_resumed(
    driver, rig, tmp_path
):
    driver.open()
    driver.start(a_file(tmp_path, 200_000, rig.hot_c), NAME)
    until(driver, lambda status: (status.fraction_done or 0) > 0.005)
    rig.printer.kill()
    status = until(driver, ended)
    assert status.state is PrinterState.OFFLINE
    assert status.last.result is PrintResult.INTERRUPTED
    assert "switch it off" in status.fault
    before = len(rig.executed())
    rig.printer.start()
    status = until(driver, lambda status: status.state is PrinterState.IDLE)
    driver.poll(0.5)
    moves = [line for line in rig.executed()[before:] if line.startswith("G")]
    assert moves == []


def test_make_safe_on_a_lost_printer_says_that_it_may_be_hot(driver, rig):
    driver.open()
    rig.printer.kill()
    until(driver, lambda status: status.state is PrinterState.OFFLINE)
    with pytest.raises(PrinterError, match="still be hot"):
        driver.make_safe()


def test_a_file_that_is_not_there_is_a_printer_error(any_driver, any_rig, tmp_path):
    any_driver.open()
    with pytest.raises(PrinterError, match="cannot be read"):
        any_driver.start(tmp_path / "none.gcode", NAME)
    assert any_driver.poll(0.1).state is PrinterState.IDLE
    assert any_rig.executed() == []


def test_a_print_that_was_never_begun_is_not_resumed(driver, rig):
    driver.open()
    assert not driver.resume(NAME)
    assert driver.poll(0.1).state is PrinterState.IDLE
    assert rig.executed() == []
