"""Whatever happens to a printer's thread, what it was told to print has an end that it tells."""

import queue

import pytest

from fabnet.node.bench import Bench, Changed, Ended, Recover, Start
from fabnet.node.files import sha256_of
from printers.manual_driver import ManualDriver
from printers.model import PrintResult

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
    while isinstance(event := events.get(timeout=20), Changed):
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
