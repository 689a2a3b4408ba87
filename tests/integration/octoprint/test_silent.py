"""A printer behind a real OctoPrint that says nothing: one answer, or none any more."""

import itertools
import json

import pytest

from printers.model import PrinterState, PrintResult
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.octo_prints import a_file, moves, moving, words
from tests.doubles.rig import ended, until


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """It takes an answer for lost after 30 s, as it comes, and a printer after five; here after two and two."""
    folder = tmp_path_factory.mktemp("octo")
    printer = OctoPrinter(folder)
    file = folder / "octoprint" / "config.yaml"
    config = json.loads(file.read_text())
    config["serial"] |= {
        "timeout": {"communication": 2.0, "communicationBusy": 2.0},
        "maxCommunicationTimeouts": {"printing": 2},
    }
    file.write_text(json.dumps(config))
    yield printer
    printer.stop()


def test_a_line_that_was_not_heard_is_said_again_and_the_print_is_whole(
    octo, driver, tmp_path, name
):
    received = len(octo.executed())
    driver.start(a_file(tmp_path, 8000), name)
    until(driver, moving)
    octo.type_in("!!DEBUG:dont_answer")
    last = until(driver, ended).last
    assert (last.result, last.reason) == (PrintResult.DONE, "")
    assert words(octo, name) == ["begin", "end"]
    came = [line for line in octo.executed()[received:] if line.startswith("G1 X")]
    # The one that was not heard came a second time, in its place.
    assert len(came) == 8001
    assert [line for line, _ in itertools.groupby(came)] == moves(8000)


def test_a_printer_that_goes_silent_in_a_print_is_an_interruption(octo, driver, long_plate, name):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.type_in("!!DEBUG:go_awol")
    status = until(driver, ended)
    assert status.last.result is PrintResult.INTERRUPTED
    assert "switch it off" in status.last.reason
    assert status.state is not PrinterState.IDLE
    assert words(octo, name)[:1] == ["begin"]
    assert "end" not in words(octo, name)
    octo.kill()
