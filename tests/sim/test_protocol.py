"""The protocol under hypothesis: no order of events, however hostile, breaks a law.

The same 200 runs of fifty steps each time; `FABNET_SIM_EXAMPLES=5000` tries as many new ones, and tells
the steps of the first that fails.
"""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.sim.rules import SETTINGS, Protocol


@pytest.mark.timeout(1200)
def test_no_law_is_broken():
    run_state_machine_as_test(Protocol, settings=SETTINGS)
