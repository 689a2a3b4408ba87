"""What every printer connection keeps to. One suite; each way to a printer is one more parameter."""

import time

import pytest

from printers.connect import connect
from printers.errors import BusyPrinterError, NoAnswerError, PortError, PrinterError
from printers.model import PrinterState, PrintResult
from printers.serial_driver import SerialDriver
from tests.doubles.sim_printer import SimPrinter

NAME = "fabnet-abcdefghjk-a1"
WAIT_S = 20


@pytest.fixture
def sim(tmp_path):
    printer = SimPrinter(tmp_path).start()
    yield printer
    printer.kill()


def serial(sim):
    return connect(str(sim.port))


@pytest.fixture(params=[serial], ids=lambda make: make.__name__)
def driver(request, sim):
    made = request.param(sim)
    yield made
    made.close()


def a_file(tmp_path, lines=2000):
    """G-code with comments, blank lines and small letters in words, as files have them."""
    path = tmp_path / "plate.gcode"
    body = [f"G1 X{i % 200}.{i % 10} Y{i % 190} E0.012 ; move {i}" for i in range(lines)]
    head = ["; a comment", "", "G28", "M83", "M140 S60", "M109 S215"]
    path.write_text("\n".join([*head, *body, "M104 S0", "M140 S0", ""]))
    return path


def commands(path):
    lines = (line.split(";")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def until(driver, condition, seconds=WAIT_S):
    """Poll until the status is so; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = driver.poll(0.05)
        if condition(status):
            return status
    pytest.fail(f"it did not happen; the last status was {status}")


def ended(status):
    return status.last is not None


def test_it_says_who_it_is_and_waits(driver):
    identity = driver.open()
    assert identity.firmware.startswith("Marlin")
    assert identity.profile == "marlin"
    status = driver.poll(0.1)
    assert status.state is PrinterState.IDLE
    assert status.last is None


def test_opening_executes_nothing(driver, sim):
    driver.open()
    driver.poll(0.5)
    assert sim.executed() == []
    assert [event.event for event in sim.events()] == ["boot"]


def test_a_print_is_executed_line_by_line_and_ends_done(driver, sim, tmp_path):
    driver.open()
    path = a_file(tmp_path)
    driver.start(path, NAME)
    status = until(driver, ended)
    assert (status.last.name, status.last.result) == (NAME, PrintResult.DONE)
    assert status.state is PrinterState.IDLE
    assert sim.executed() == commands(path)
    begin, end = [event for event in sim.events() if event.name == NAME]
    assert (begin.event, end.event) == ("begin", "end")
    assert end.lines == len(commands(path))
    assert end.nozzle_max_c == 215


def test_progress_and_name_are_told_while_it_prints(tmp_path):
    sim = SimPrinter(tmp_path, "--lines-per-s", "2000").start()
    driver = connect(str(sim.port))
    driver.open()
    driver.start(a_file(tmp_path), NAME)
    seen = []
    until(driver, lambda status: seen.append(status) or ended(status))
    driver.close()
    sim.kill()
    printing = [status for status in seen if status.state is PrinterState.PRINTING]
    fractions = [status.fraction_done for status in printing]
    assert fractions == sorted(fractions)
    assert 0 < fractions[len(fractions) // 2] < 1
    assert {status.name for status in printing} == {NAME}


def test_temperatures_are_the_printers_own(driver, tmp_path):
    driver.open()
    status = until(driver, lambda status: status.nozzle_c is not None)
    assert status.nozzle_target_c == 0
    path = tmp_path / "heat.gcode"
    path.write_text("M104 S200\nM140 S60\nG4 P1\n")
    driver.start(path, NAME)
    until(driver, ended)
    status = until(driver, lambda status: status.nozzle_target_c == 200)
    assert status.bed_target_c == 60
    until(driver, lambda status: (status.nozzle_c or 0) > 190)


def test_a_second_start_is_refused_and_the_first_goes_on(driver, sim, tmp_path):
    driver.open()
    path = a_file(tmp_path, lines=20_000)
    driver.start(path, NAME)
    driver.poll(0.05)
    with pytest.raises(BusyPrinterError):
        driver.start(path, "fabnet-other-a1")
    assert until(driver, ended).last.result is PrintResult.DONE
    assert {event.name for event in sim.events() if event.name} == {NAME}


def test_two_prints_one_after_the_other(driver, sim, tmp_path):
    driver.open()
    path = a_file(tmp_path, lines=300)
    for name in (NAME, "fabnet-abcdefghjk-a2"):
        driver.start(path, name)
        assert until(driver, lambda s, name=name: ended(s) and s.last.name == name).last.result is (
            PrintResult.DONE
        )
    assert sim.executed() == commands(path) * 2


def test_cancel_stops_and_switches_the_heaters_off(driver, sim, tmp_path):
    driver.open()
    path = a_file(tmp_path, lines=100_000)
    driver.start(path, NAME)
    until(driver, lambda status: (status.fraction_done or 0) > 0.01)
    driver.cancel()
    status = until(driver, ended)
    assert status.last.result is PrintResult.CANCELLED
    assert len(sim.executed()) < 100_000
    driver.make_safe()
    assert driver.poll(0.1).nozzle_target_c == 0
    assert not any(event.event == "end" for event in sim.events())


def test_cancel_without_a_print_does_nothing(driver, sim):
    driver.open()
    driver.cancel()
    assert driver.poll(0.2).state is PrinterState.IDLE
    assert sim.executed() == []


def test_make_safe_is_confirmed_by_the_printer(driver, tmp_path):
    driver.open()
    path = tmp_path / "hot.gcode"
    path.write_text("M104 S200\nM140 S60\n")
    driver.start(path, NAME)
    until(driver, ended)
    status = driver.make_safe()
    assert (status.nozzle_target_c, status.bed_target_c) == (0, 0)


def test_a_lost_printer_is_offline_and_its_print_interrupted_and_never_resumed(
    driver, sim, tmp_path
):
    driver.open()
    driver.start(a_file(tmp_path, lines=200_000), NAME)
    until(driver, lambda status: (status.fraction_done or 0) > 0.01)
    sim.kill()
    status = until(driver, ended)
    assert status.state is PrinterState.OFFLINE
    assert status.last.result is PrintResult.INTERRUPTED
    assert "switch it off" in status.fault
    before = len(sim.executed())
    sim.start()
    status = until(driver, lambda status: status.state is PrinterState.IDLE)
    driver.poll(0.5)
    moves = [line for line in sim.executed()[before:] if line.startswith("G")]
    assert moves == []


def test_make_safe_on_a_lost_printer_says_that_it_may_be_hot(driver, sim):
    driver.open()
    sim.kill()
    until(driver, lambda status: status.state is PrinterState.OFFLINE)
    with pytest.raises(PrinterError, match="still be hot"):
        driver.make_safe()


def test_a_file_that_is_not_there_is_a_printer_error(driver, sim, tmp_path):
    driver.open()
    with pytest.raises(PrinterError):
        driver.start(tmp_path / "none.gcode", NAME)
    assert driver.poll(0.1).state is PrinterState.IDLE
    assert sim.executed() == []


def faulty(tmp_path, *options):
    sim = SimPrinter(tmp_path, *options).start()
    driver = connect(str(sim.port))
    driver.open()
    return sim, driver


@pytest.mark.parametrize(
    "options",
    [
        ("--corrupt-every", "53"),
        ("--drop-ok-every", "499"),
        ("--extra-ok-every", "101"),
        ("--corrupt-every", "97", "--drop-ok-every", "701", "--extra-ok-every", "211"),
    ],
    ids=["corrupted lines", "lost oks", "extra oks", "all of them"],
)
@pytest.mark.timeout(120)
def test_a_bad_line_changes_nothing_of_what_is_executed(tmp_path, options):
    sim, driver = faulty(tmp_path, *options)
    path = a_file(tmp_path, lines=1500)
    driver.start(path, NAME)
    status = until(driver, ended, 100)
    driver.close()
    sim.kill()
    assert status.last.result is PrintResult.DONE
    assert sim.executed() == commands(path)


def test_a_reset_in_mid_print_is_an_interruption(tmp_path):
    sim, driver = faulty(tmp_path, "--reset-at", "500")
    driver.start(a_file(tmp_path), NAME)
    status = until(driver, ended)
    assert status.last.result is PrintResult.INTERRUPTED
    assert "reset" in status.last.reason
    assert until(driver, lambda s: s.state is PrinterState.IDLE)
    driver.close()
    sim.kill()
    assert not any(event.event == "end" for event in sim.events())


def test_a_halted_printer_is_a_fault_in_its_own_words_and_takes_no_work(tmp_path):
    sim, driver = faulty(tmp_path, "--halt-at", "500")
    path = a_file(tmp_path)
    driver.start(path, NAME)
    status = until(driver, ended)
    assert status.state is PrinterState.FAULT
    assert status.last.result is PrintResult.FAILED
    assert "Thermal Runaway" in status.last.reason
    with pytest.raises(PrinterError, match="off and on"):
        driver.start(path, "fabnet-other-a1")
    driver.close()
    sim.kill()


def test_a_port_that_is_not_there_is_said_with_those_that_are():
    with pytest.raises(PortError, match="there is no such port; ports that are there"):
        SerialDriver("/dev/fabnet-no-such-port").open()


def test_a_port_that_another_program_holds_is_left_alone(driver, sim):
    driver.open()
    with pytest.raises(PortError, match="another program holds it"):
        connect(str(sim.port)).open()
    assert driver.poll(0.1).state is PrinterState.IDLE


def test_a_port_where_nobody_answers_is_an_error_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("printers.serial_driver._ANSWER_S", 1.0)
    sim = SimPrinter(tmp_path, "--deaf-at", "1").start()
    with pytest.raises(NoAnswerError, match="switched on"):
        connect(str(sim.port)).open()
    sim.kill()
