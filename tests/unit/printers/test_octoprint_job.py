"""What OctoPrint's answers mean for a print of ours; the answers are those of OctoPrint 1.11.8."""

import msgspec
import pytest

from printers.model import PrintResult
from printers.octoprint_job import Doing, Heat, Job, OwnPrint, Temperature, Trouble, judge

OURS = "fabnet/fabnet-abcdefghjk-a1.gcode"


def own(**changes):
    return OwnPrint(
        **{"name": "fabnet-abcdefghjk-a1", "path": OURS, "since_s": 0, "seen": True, **changes}
    )


def job(state, completion=None, path=OURS, error=None, origin="local"):
    """As GET /api/job answers."""
    answer = {
        "job": {
            "averagePrintTime": None,
            "estimatedPrintTime": None,
            "filament": None,
            "file": {
                "date": 1, "display": path, "name": path, "origin": origin, "path": path,
                "size": 1000,
            } if path else {"date": None, "name": None, "origin": None, "path": None, "size": None},
            "lastPrintTime": None,
            "user": "fabnet",
        },
        "progress": {
            "completion": completion, "filepos": completion and int(completion * 10),
            "printTime": 1, "printTimeLeft": None, "printTimeLeftOrigin": "linear",
        },
        "state": state,
    }  # fmt: skip
    if error:
        answer["error"] = error
    return msgspec.convert(answer, Job)


@pytest.mark.parametrize(
    ("state", "doing"),
    [
        ("Operational", Doing.READY),
        ("Starting", Doing.WORKING),
        ("Starting print from SD", Doing.WORKING),
        ("Printing", Doing.WORKING),
        ("Printing from SD", Doing.WORKING),
        ("Cancelling", Doing.WORKING),
        ("Finishing", Doing.WORKING),
        ("Resuming", Doing.WORKING),
        ("Transferring file to SD", Doing.WORKING),
        ("Pausing", Doing.PAUSED),
        ("Paused", Doing.PAUSED),
        ("Opening serial connection", Doing.CONNECTING),
        ("Detecting serial connection", Doing.CONNECTING),
        ("Connecting", Doing.CONNECTING),
        ("Offline", Doing.OFFLINE),
        ("Offline after error", Doing.OFFLINE),
        ("Error", Doing.OFFLINE),
        ("Unknown State (99)", Doing.OFFLINE),
    ],
)
def test_every_word_for_a_state_has_a_meaning(state, doing):
    assert job(state).doing is doing


@pytest.mark.parametrize(
    ("told", "result", "words"),
    [
        (job("Operational", 100.0), PrintResult.DONE, ""),
        (job("Operational"), PrintResult.CANCELLED, "somebody cancelled it there"),
        (job("Operational", 99.99), PrintResult.CANCELLED, "somebody cancelled it there"),
        (job("Operational", path=None), PrintResult.INTERRUPTED, "was restarted"),
        (job("Operational", 100.0, "theirs.gcode"), PrintResult.INTERRUPTED, "another file"),
        (job("Operational", 100.0, origin="sdcard"), PrintResult.INTERRUPTED, "another file"),
        (job("Printing", 3.0, "theirs.gcode"), PrintResult.INTERRUPTED, "theirs.gcode now"),
        (job("Connecting", path=None), PrintResult.INTERRUPTED, "switch it off"),
        (job("Offline", path=None), PrintResult.INTERRUPTED, "switch it off"),
        (
            job("Offline after error", path=None, error="SerialTimeoutException: "),
            PrintResult.INTERRUPTED,
            "(SerialTimeoutException)",
        ),
    ],
)
def test_a_print_that_left_the_printer_has_one_ending(told, result, words):
    verdict = judge(own(), told, Trouble(), 100)
    assert verdict.result is result
    assert words in verdict.reason
    assert (verdict.reason == "") == (result is PrintResult.DONE)


@pytest.mark.parametrize(
    "told",
    [job("Printing", 50.0), job("Finishing", 100.0), job("Cancelling"), job("Paused", 50.0)],
)
def test_a_print_that_is_still_there_goes_on(told):
    assert judge(own(), told, Trouble(), 10_000) is None


@pytest.mark.parametrize(
    ("reset", "result", "words"),
    [
        (True, PrintResult.INTERRUPTED, "was reset or lost its power"),
        (False, PrintResult.CANCELLED, "somebody cancelled it at OctoPrint"),
        (None, PrintResult.CANCELLED, "or the printer was reset"),
    ],
)
def test_a_reset_is_told_from_a_cancel_where_somebody_listened(reset, result, words):
    verdict = judge(own(reset=reset), job("Operational"), Trouble(), 1)
    assert verdict.result is result
    assert words in verdict.reason


def test_our_own_cancel_is_told_as_ours():
    assert judge(own(cancelled=True), job("Operational"), Trouble(), 1).reason == "cancelled"


def test_a_print_that_was_done_before_the_cancel_is_done():
    told = job("Operational", 100.0)
    assert judge(own(cancelled=True), told, Trouble(), 1).result is PrintResult.DONE


def test_a_fault_of_the_printer_fails_the_print_and_stops_it():
    trouble = Trouble(error="MAXTEMP triggered", reason="firmware")
    verdict = judge(own(), job("Offline after error", path=None, error=trouble.error), trouble, 1)
    assert (verdict.result, verdict.halted) == (PrintResult.FAILED, True)
    assert "MAXTEMP triggered" in verdict.reason


def test_a_fault_of_before_is_not_blamed_for_a_lost_line():
    trouble = Trouble(error="MAXTEMP triggered", reason="firmware")
    verdict = judge(own(), job("Offline after error", path=None, error="unplugged"), trouble, 1)
    assert (verdict.result, verdict.halted) == (PrintResult.INTERRUPTED, False)


def test_an_error_that_octoprint_answers_with_a_cancel_is_the_printers_failure():
    trouble = Trouble(error="Probing failed - ok", reason="firmware")
    verdict = judge(own(), job("Operational"), trouble, 1)
    assert verdict.result is PrintResult.FAILED
    assert verdict.reason == "the printer says: Probing failed"


@pytest.mark.parametrize("told", [job("Operational"), job("Operational", path="before.gcode")])
def test_a_print_that_was_just_asked_for_may_still_begin(told):
    assert judge(own(seen=False), told, Trouble(), 5) is None
    verdict = judge(own(seen=False), told, Trouble(), 11)
    assert (verdict.result, verdict.never_began) == (PrintResult.FAILED, True)


def test_progress_is_counted_in_bytes():
    assert job("Printing", 12.5).fraction == 0.125
    assert job("Operational").fraction is None


def test_a_heater_without_a_reading_is_not_called_off():
    assert not Heat().is_off
    assert Heat(tool0=Temperature(actual=200, target=0)).is_off
    assert not Heat(tool0=Temperature(target=0), bed=Temperature(target=60)).is_off


def test_the_last_print_there_has_a_name_once_it_is_over():
    assert job("Operational", 100.0, path="theirs.gcode").printed == "local:theirs.gcode 1"
    assert job("Operational", 100.0, path="theirs.gcode", origin="sdcard").printed.startswith(
        "sdcard:"
    )
    assert job("Printing", 50.0).printed == ""
    assert job("Operational", path=None).printed == ""
