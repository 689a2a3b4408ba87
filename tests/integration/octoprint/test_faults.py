"""Faults that OctoPrint's virtual printer can play, in the middle of a print of ours."""

import time

import pytest

from printers.model import PrintResult
from tests.doubles.octo_prints import a_file, moves, moving, words
from tests.doubles.rig import ended, until

#: After these a print goes on and is whole.
HARMLESS = (
    "trigger_resend_lineno", "trigger_resend_checksum", "trigger_missing_checksum", "resend_ratio 10",
    "prepare_ok ok T:20", "sleep_after_next G1 1", "action_custom prompt_begin hello", "send ok",
    "send T:999 /0", "send wait", "send echo:busy: processing",
)  # fmt: skip
#: What each of these says of itself, and how the print ends.
FATAL = {
    "trigger_fatal_error_repetier": ("Heater/sensor error", PrintResult.FAILED),
    "toggle_klipper_connection": ("Lost communication with MCU", PrintResult.FAILED),
    "rerequest_last": ("keeps requesting line", PrintResult.FAILED),
    "action_disconnect": ("OctoPrint lost the line to the printer", PrintResult.INTERRUPTED),
}


def test_a_print_is_whole_after_all_faults_that_a_line_can_have(octo, driver, tmp_path, name):
    received = len(octo.executed())
    driver.start(a_file(tmp_path, 20_000), name)
    until(driver, moving)
    for fault in HARMLESS:
        octo.type_in(f"!!DEBUG:{fault}")
        until_s = time.monotonic() + 0.3
        while time.monotonic() < until_s:
            assert driver.poll(0.1).last is None
    octo.type_in("!!DEBUG:resend_ratio 0")
    last = until(driver, ended).last
    assert (last.result, last.reason) == (PrintResult.DONE, "")
    assert words(octo, name) == ["begin", "end"]
    # The virtual printer asks for lines that it has had; each came, and in order.
    came = iter(octo.executed()[received:])
    assert all(move in came for move in moves(20_000))


@pytest.mark.parametrize("fault", FATAL)
def test_what_ends_a_print_is_told_in_the_printers_words(octo, driver, long_plate, name, fault):
    driver.start(long_plate, name)
    until(driver, moving)
    octo.type_in(f"!!DEBUG:{fault}")
    last = until(driver, ended).last
    says, result = FATAL[fault]
    assert last.result is result
    assert says in last.reason
    assert "end" not in words(octo, name)
    octo.kill()
