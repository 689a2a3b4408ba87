"""A signal stops a command whatever its main thread does at that moment."""

import subprocess
import sys

import pytest

#: The signal comes while the main thread holds the event's lock, as it does where a wait begins and ends.
_AMID_A_WAIT = """
import os, signal
from fabnet.cli.common import stop_on_signals
stop = stop_on_signals(signal.SIGHUP)
with stop._cond:
    os.kill(os.getpid(), signal.{name})
print(stop.wait(60))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_amid_a_wait_ends_it(name):
    done = subprocess.run(
        [sys.executable, "-c", _AMID_A_WAIT.format(name=name)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "True\n"
