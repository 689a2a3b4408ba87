"""Whatever happens to a printer's thread, what it was told to print has an end that it tells."""

import queue

import pytest

from fabnet.node.bench import Bench
from fabnet.node.bench_talk import Changed, Ended, Found, Recover, Start, Used
from fabnet.node.files import sha256_of
from printers.manual_driver import ManualDriver
from printers.model import PrinterState, PrinterStatus, PrintOutcome, PrintResult
from tests.doubles.waiting import until

NAME = "fabnet-job-a1"


class FaultyDriver(ManualDriver):
    """A driver with a mistake in it: the print has begun, and then comes what nobody foresaw."""

    def start(self, gcode, name):
        super().start(gcode, name)
        raise ZeroDivisionError("of the driver")

    def resume(self, _name):
        raise ZeroDivisionError("of the driver")


@pytest.fixture
def bench_of():
    """Makes a running bench of a driver; gives its events too."""
    running = []

    def make(driver):
        events = queue.Queue()
        bench = Bench("p1", driver, events.put)
        bench.start()
        running.append(bench)
        return bench, events

    yield make
    for bench in running:
        bench.stop()


def end_of(events):
    """Return the end of the print, which must come."""
    while isinstance(event := events.get(timeout=100), Changed | Found):
        pass
    assert isinstance(event, Ended)
    return event.outcome


def test_a_file_that_is_gone_is_a_failed_print(bench_of, tmp_path):
    bench, events = bench_of(ManualDriver)
    bench.command(Start(name=NAME, gcode=tmp_path / "gone.gcode", sha256="0" * 64))
    outcome = end_of(events)
    assert (outcome.name, outcome.result) == (NAME, PrintResult.FAILED)
    assert "cannot be read: No such file" in outcome.reason
    assert bench.heat is None


def test_a_driver_that_fails_unforeseen_may_have_begun(bench_of, tmp_path):
    gcode = tmp_path / "plate.gcode"
    gcode.write_bytes(b"G28\n")
    bench, events = bench_of(FaultyDriver)
    bench.command(Start(name=NAME, gcode=gcode, sha256=sha256_of(gcode)))
    outcome = end_of(events)
    assert (outcome.name, outcome.result) == (NAME, PrintResult.INTERRUPTED)


def test_a_print_that_cannot_be_taken_up_is_interrupted(bench_of):
    bench, events = bench_of(FaultyDriver)
    bench.command(Recover(name=NAME))
    outcome = end_of(events)
    assert (outcome.name, outcome.result) == (NAME, PrintResult.INTERRUPTED)


class ScriptedDriver(ManualDriver):
    """A printer that shows these states, one a look, and has printed to the end then."""

    def __init__(self, *states, result=PrintResult.DONE):
        super().__init__()
        self.states, self.result = list(states), result

    def poll(self, timeout_s):
        super().poll(min(timeout_s, 0.01))
        if self._name is None:
            return PrinterStatus(state=PrinterState.IDLE)
        if self.states:
            return PrinterStatus(state=self.states.pop(0), name=self._name)
        last = PrintOutcome(name=self._name, result=self.result, reason="")
        return PrinterStatus(state=PrinterState.IDLE, last=last)


def took_s(bench_of, tmp_path, driver):
    gcode = tmp_path / "plate.gcode"
    gcode.write_bytes(b"G28\n")
    bench, events = bench_of(lambda: driver)
    bench.command(Start(name=NAME, gcode=gcode, sha256=sha256_of(gcode)))
    while not isinstance(event := events.get(timeout=100), Ended):
        pass
    return event.took_s


def test_how_long_a_print_took_is_told_with_its_end(bench_of, tmp_path):
    found = took_s(bench_of, tmp_path, ScriptedDriver(*[PrinterState.PRINTING] * 20))
    assert 0.2 <= found < 100


@pytest.mark.parametrize("stood", [PrinterState.PAUSED, PrinterState.OFFLINE, PrinterState.FAULT])
def test_a_print_that_stood_still_or_was_out_of_sight_tells_no_time(bench_of, tmp_path, stood):
    states = (PrinterState.PRINTING, stood, PrinterState.PRINTING)
    assert took_s(bench_of, tmp_path, ScriptedDriver(*states)) is None


@pytest.mark.parametrize("result", [r for r in PrintResult if r is not PrintResult.DONE])
def test_a_print_that_came_to_no_good_end_tells_no_time(bench_of, tmp_path, result):
    driver = ScriptedDriver(PrinterState.PRINTING, result=result)
    assert took_s(bench_of, tmp_path, driver) is None


def test_a_machine_that_slept_meanwhile_tells_no_time(bench_of, tmp_path, monkeypatch):
    monkeypatch.setattr("fabnet.node.bench._UNSEEN_S", 0.0)
    assert took_s(bench_of, tmp_path, ScriptedDriver(PrinterState.PRINTING)) is None


def test_a_print_that_outlived_the_node_tells_no_time(bench_of):
    bench, events = bench_of(lambda: ScriptedDriver(PrinterState.PRINTING))
    bench.command(Recover(name=NAME))
    while not isinstance(event := events.get(timeout=100), Ended):
        pass
    assert (event.outcome.result, event.took_s) == (PrintResult.DONE, None)


IDLE, WARM = PrinterState.IDLE, {"nozzle_target_c": 210.0}
COLD = {"nozzle_target_c": 0.0, "bed_target_c": 0.0}


class ShownDriver(ManualDriver):
    """A printer that shows these readings, and then the last one for ever."""

    def __init__(self, *readings):
        super().__init__()
        self.readings = list(readings)

    def poll(self, timeout_s):
        super().poll(min(timeout_s, 0.01))
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


def shown(state, **facts):
    return PrinterStatus(state=state, **facts)


def uses(bench_of, *readings):
    """Return how often somebody else's use of the printer was told, and whether it goes on."""
    driver = ShownDriver(*readings)
    bench, events = bench_of(lambda: driver)
    until(lambda: len(driver.readings) == 1 and bench.status is readings[-1])
    bench.stop()
    return [type(event) for event in events.queue].count(Used), bench.in_use


@pytest.mark.parametrize("state", [PrinterState.PRINTING, PrinterState.PAUSED])
def test_a_print_that_is_not_ours_is_told_when_it_begins_and_when_it_ends(bench_of, state):
    idle, other = shown(IDLE, **COLD), shown(state, **WARM)
    assert uses(bench_of, idle, other, other) == (1, True)
    assert uses(bench_of, idle, other, shown(PrinterState.OFFLINE), other) == (1, True)
    assert uses(bench_of, idle, other, other, shown(IDLE, **COLD)) == (2, False)


def test_a_print_from_a_card_shows_by_its_heat(bench_of):
    idle, hot = shown(IDLE, **COLD), shown(IDLE, **WARM)
    assert uses(bench_of, idle, hot, hot) == (1, True)
    assert uses(bench_of, idle, hot, shown(IDLE, **COLD)) == (2, False)
    assert uses(bench_of, hot, hot, shown(IDLE, **COLD)) == (0, False)  # of before: made safe


def test_what_our_own_print_leaves_hot_is_nobodys(bench_of, tmp_path):
    gcode = tmp_path / "plate.gcode"
    gcode.write_bytes(b"G28\n")
    last = PrintOutcome(name=NAME, result=PrintResult.DONE, reason="")
    driver = ShownDriver(
        shown(IDLE, **COLD), shown(PrinterState.PRINTING, name=NAME, **WARM),
        shown(IDLE, last=last, **WARM), shown(IDLE, last=last, **COLD),
    )  # fmt: skip
    bench, events = bench_of(lambda: driver)
    bench.command(Start(name=NAME, gcode=gcode, sha256=sha256_of(gcode)))
    until(lambda: bench.status is driver.readings[-1])
    bench.stop()
    assert not bench.in_use
    told = [type(event) for event in events.queue]
    assert Ended in told
    assert Used not in told


def found_in(bench_of, *readings):
    """Return what was told of a printer that came into sight, and whether nothing may begin there."""
    driver = ShownDriver(*readings)
    bench, events = bench_of(lambda: driver)
    until(lambda: len(driver.readings) == 1 and bench.status is readings[-1])
    bench.stop()
    told = [event for event in events.queue if isinstance(event, Found)]
    return [(event.status, event.anew) for event in told], bench.in_doubt


def test_what_a_printer_shows_when_it_comes_into_sight_is_told_before_anything_begins(bench_of):
    gone, dumb = shown(PrinterState.OFFLINE), shown(IDLE)
    cold = shown(IDLE, nozzle_c=21.0, **COLD)
    assert found_in(bench_of, dumb, dumb, cold, cold) == ([(cold, True)], True)
    assert found_in(bench_of, cold, gone, dumb, cold) == ([(cold, True)] * 2, True)
    assert found_in(bench_of, cold, gone) == ([(cold, True)], True)
    assert found_in(bench_of, dumb, dumb) == ([], True)  # it may tell in a moment


def test_a_printer_without_a_thermometer_is_not_waited_for(bench_of, monkeypatch):
    monkeypatch.setattr("fabnet.node.bench._TELLS_S", 0.0)
    dumb = shown(IDLE)
    assert found_in(bench_of, dumb, dumb) == ([(dumb, True)], True)


def test_what_was_printed_in_sight_is_told_as_that(bench_of):
    before, after = (shown(IDLE, nozzle_c=21.0, printed=each, **COLD) for each in ("a 1", "b 2"))
    works = shown(PrinterState.PRINTING, nozzle_c=200.0)
    assert found_in(bench_of, before, works, after, after)[0] == [(before, True), (after, False)]
