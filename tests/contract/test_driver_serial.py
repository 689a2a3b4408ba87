"""What the ways to a printer keep to that are only one way's: serial lines with faults, and by hand."""

import pytest

from printers.connect import Connection, connect
from printers.errors import NoAnswerError, PortError, PrinterError
from printers.model import PrinterState, PrintResult
from printers.serial_driver import SerialDriver
from tests.doubles.rig import NAME, Rig, a_file, as_sent, ended, until
from tests.doubles.sim_printer import SimPrinter


@pytest.fixture
def sim(tmp_path):
    printer = SimPrinter(tmp_path).start()
    yield printer
    printer.kill()


def faulty(tmp_path, *options):
    sim = SimPrinter(tmp_path, *options).start()
    driver = connect(sim.connection)
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
@pytest.mark.timeout(300)
def test_a_bad_line_changes_nothing_of_what_is_executed(tmp_path, options):
    sim, driver = faulty(tmp_path, *options)
    path = a_file(tmp_path, lines=1500)
    driver.start(path, NAME)
    status = until(driver, ended, 100)
    driver.close()
    sim.kill()
    assert status.last.result is PrintResult.DONE
    assert sim.executed() == as_sent(Rig(sim, hot_c=215, says=()), path)


def test_a_printer_that_refuses_filament_fails_its_print_and_goes_cold(tmp_path):
    sim, driver = faulty(tmp_path, "--cold-at", "300")
    driver.start(a_file(tmp_path), NAME)
    status = until(driver, ended)
    assert status.last.result is PrintResult.FAILED
    assert status.last.reason == "the printer refused to push filament: it was cold"
    assert status.state is PrinterState.IDLE
    driver.close()
    sim.kill()
    executed = sim.executed()
    assert len(executed) < 1000
    assert {"M104 S0", "M140 S0"} <= set(executed[-8:])
    assert not any(event.event == "end" for event in sim.events())


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


def test_a_serial_print_is_never_resumed(sim, tmp_path):
    first = connect(sim.connection)
    first.open()
    first.start(a_file(tmp_path, 100_000), NAME)
    until(first, lambda status: (status.fraction_done or 0) > 0.01)
    first.close()
    second = connect(sim.connection)
    second.open()
    assert not second.resume(NAME)
    assert second.make_safe().nozzle_target_c == 0
    second.close()
    assert not any(event.event == "end" for event in sim.events())


def test_what_a_person_holds_is_taken_up_again_and_ended_by_the_person(tmp_path):
    driver = connect(Connection(manual=True))
    driver.open()
    assert driver.resume(NAME)
    status = driver.poll(0)
    assert (status.state, status.name) == (PrinterState.PRINTING, NAME)
    assert status.fraction_done is None
    driver.cancel()
    assert driver.poll(0).last.result is PrintResult.CANCELLED


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"port": "/dev/ttyACM0", "manual": True},
        {"octoprint": "http://octopi.local"},
        {"octoprint": "http://octopi.local", "api_key": "k", "port": "/dev/ttyACM0"},
        {"port": "/dev/ttyACM0", "api_key": "k"},
    ],
)
def test_a_printer_has_exactly_one_way_to_it(ways):
    with pytest.raises(PrinterError, match="one way to it"):
        Connection(**ways)


def test_a_key_is_not_shown_where_a_connection_is():
    assert "secret" not in repr(Connection(octoprint="http://octopi.local", api_key="secret"))


def test_a_port_that_another_program_holds_is_left_alone(sim):
    driver = connect(sim.connection)
    driver.open()
    with pytest.raises(PortError, match="another program holds it"):
        connect(sim.connection).open()
    assert driver.poll(0.1).state is PrinterState.IDLE
    driver.close()


def test_a_port_where_nobody_answers_is_an_error_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr("printers.serial_driver._ANSWER_S", 1.0)
    sim = SimPrinter(tmp_path, "--deaf-at", "1").start()
    with pytest.raises(NoAnswerError, match="switched on"):
        connect(sim.connection).open()
    sim.kill()
