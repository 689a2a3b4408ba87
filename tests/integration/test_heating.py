"""`heaters_at_once` on two simulated printers: one waits for the other's bed, then starts by itself."""

import subprocess
import sys

import pytest

from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.sim_printer import SimPrinter
from tests.doubles.waiting import until

PLATE = f"{REF.job}-a{REF.number}"
SECOND = """
[[printers]]
id = "p2"
preset = "generic-250x210"
port = "{}"
material = "PETG"
grams = 500.0
"""


#: Degrees a second. The bed of a test print goes from 21 to 85 C: long enough for who asks meanwhile, in
#: 26 s where that is waited for.
SLOWLY = {1: "2.5", 2: "0.5"}


@pytest.fixture
def sims(tmp_path, at_once):
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(SimPrinter(tmp_path / name, "--heating-c-s", SLOWLY[at_once]).start())
    yield made
    for each in made:
        each.kill()


@pytest.mark.parametrize("at_once", [1, 2])
def test_beds_heat_one_after_the_other(tmp_path, sims, at_once):
    first, second = sims
    lone = LoneNode(tmp_path, f'port = "{first.port}"', heaters_at_once=at_once)
    lone.file.write_text(lone.file.read_text() + SECOND.format(second.port))
    lone.grant("G28\nG1 X10 Y10 Z0.2\n")
    lone.start()
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "fabnet", "node", "test-print", "p2", "--yes", "--config",
             str(lone.file)],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(second.begins)
        lone.do("ready", "p1")
        view = lone.do("start", PLATE)
        assert "M140 S85" in second.executed()
        assert view["beds"][0]["waits_to_heat"] is (at_once == 1)
        if at_once == 1:
            assert not first.begins()
            until(first.begins)
            until(lambda: "M190 S85" in second.executed())  # what comes when the bed is hot
        else:
            until(first.begins)
            assert "M190 S85" not in second.executed()
    finally:
        child.kill()
        child.wait()
        lone.stop()
