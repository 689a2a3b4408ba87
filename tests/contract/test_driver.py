"""What every printer connection keeps to. One suite; each way to a printer is one more parameter."""

import time

import pytest

from printers.connect import Connection, connect
from printers.errors import BusyPrinterError, NoAnswerError, PortError, PrinterError
from printers.model import PrinterState, PrintResult
from printers.serial_driver import SerialDriver
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.sim_printer import SimPrinter

NAME = "fabnet-abcdefghjk-a1"
WAIT_S = 60


class Rig:
    """A printer, and how this kind of printer is tested."""

    def __init__(self, printer, *, hot_c, says):
        self.printer = printer
        self.hot_c = hot_c  # a temperature that it reaches in a few seconds
        self.says = says  # firmware, machine and profile begin with these
        self.connection = printer.connection if printer else Connection(manual=True)

    def executed(self):
        return self.printer.executed() if self.printer else []

    def events(self):
        return self.printer.events() if self.printer else ()


def serial(tmp_path):
    return Rig(SimPrinter(tmp_path).start(), hot_c=215, says=("Marlin", "fabnet", "marlin"))


def octoprint(tmp_path):
    printer = OctoPrinter(tmp_path)
    printer.start()
    return Rig(printer, hot_c=30, says=("", "OctoPrint 1.11", ""))


def manual(_tmp_path):
    return Rig(None, hot_c=0, says=("", "worked by hand", ""))


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


@pytest.fixture
def sim(tmp_path):
    printer = SimPrinter(tmp_path).start()
    yield printer
    printer.kill()


def a_file(tmp_path, lines=2000, hot_c=215):
    """G-code with comments, blank lines and small letters in words, as files have them."""
    path = tmp_path / "plate.gcode"
    body = [f"G1 X{i % 200}.{i % 10} Y{i % 190} E0.012 ; move {i}" for i in range(lines)]
    head = ["; a comment", "", "G28", "M83", "M140 S60", f"M109 S{hot_c}"]
    path.write_text("\n".join([*head, *body, "M104 S0", "M140 S0", ""]))
    return path


def commands(path):
    lines = (line.split(";")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def as_sent(rig, path):
    """On a serial line heat is set first, and waited for by the host."""
    lines = commands(path)
    if isinstance(rig.printer, SimPrinter):
        at = next(n for n, line in enumerate(lines) if line.startswith("M109"))
        lines.insert(at, lines[at].replace("M109", "M104"))
    return lines


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
