"""A node that is killed over a hot printer: its heaters are off within 60 s of the node's restart.

Real processes: the node, the firmware on a pty; no network. Judged by the lines that the firmware has
executed.
"""

import time

import pytest

from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.sim_printer import SimPrinter
from tests.doubles.waiting import until

LIMIT_S = 60.0
MOVES = "G1 X10 F3000\nG1 X20 F3000\n" * 20_000


def targets(printer):
    """Target of nozzle and bed, as the firmware has executed them; None before the first."""
    found = {}
    for line in printer.executed():
        head, *words = line.split()
        heater = {"M104": "nozzle", "M109": "nozzle", "M140": "bed", "M190": "bed"}.get(head)
        if heater:
            found[heater] = float(next(w[1:] for w in words if w[0] in "SR"))
    return found.get("nozzle"), found.get("bed")


@pytest.fixture
def hot(tmp_path, request):
    """A node that prints, with a nozzle at or on its way to 200 C; its network is away."""
    heating_c_s = request.param
    printer = SimPrinter(
        tmp_path, "--lines-per-s", "300", "--heating-c-s", str(heating_c_s)
    ).start()
    node = LoneNode(tmp_path, f'port = "{printer.port}"')
    node.grant(f"M140 S60\nM104 S200\nM109 S200\n{MOVES}")
    node.start()
    node.do("ready", "p1")
    node.do("start", REF)
    until(lambda: targets(printer) == (200.0, 60.0), 100, "heating")
    yield node, printer
    node.stop()
    printer.kill()


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("hot", "journal"),
    [(4000.0, "kept"), (4000.0, "lost"), (10.0, "kept")],
    indirect=["hot"],
    ids=["at 200 C", "at 200 C, journal lost", "while heating"],
)
def test_a_hot_printer_is_cooled_soon_after_its_node_is_back(hot, journal, record_property):
    node, printer = hot
    time.sleep(1.0)
    node.kill()
    assert targets(printer) == (200.0, 60.0)
    if journal == "lost":
        for path in node.data.glob("journal*"):
            path.unlink()
    began = time.monotonic()
    node.start()
    until(lambda: targets(printer) == (0.0, 0.0), LIMIT_S, "cooling")
    record_property("heaters_off_s", round(time.monotonic() - began, 1))
    view = node.do("status")
    if journal == "kept":
        assert len(view["plates"]) == 1
        until(lambda: node.do("status")["plates"][0]["state"] == "interrupted", 100, "interruption")
        assert node.do("status")["plates"][0]["countable"]
        begun = [event for event in printer.events() if event.event == "begin"]
        assert len(begun) == 1
        assert node.ask("start", REF).returncode == 1
    else:
        assert view["plates"] == []
        assert not view["beds"][0]["clear"]
