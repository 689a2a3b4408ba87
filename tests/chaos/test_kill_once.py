"""kill -9 of a process in the middle of an order: it still arrives, nothing twice, nothing lost."""

import os
import signal
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fabnet import clock
from fabnet.demo.labs import ATELIER
from fabnet.demo.network import Network
from fabnet.demo.people import Cast
from tests.chaos.plates import SMALL_MM, write_model
from tests.doubles.waiting import until

WAIT_S = 480
#: So slowly that a plate of a few hundred lines takes seconds, and is killed in its middle.
LINES_PER_S = 60


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def victim(network, name):
    """The process to kill; the broker is the coordinator's child."""
    by_name = {process.name: process.child.pid for process in network.processes}
    if name != "broker":
        return by_name[name]
    for pid in children(by_name["coordinator"]):
        if "mosquitto" in Path(f"/proc/{pid}/comm").read_text():
            return pid
    pytest.fail("the coordinator has no broker")


@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", ["atelier-nord", "coordinator", "broker"])
def test_one_kill_in_mid_print_costs_at_most_the_plate_on_the_bed(tmp_path, name):
    lab = replace(ATELIER, loses_link=False, printers=ATELIER.printers[:1])
    write_model(tmp_path / "frame.stl", *SMALL_MM)
    network = Network(
        tmp_path, (lab,), port=0, lines_per_s=LINES_PER_S, silent_after_s=60,
        design=tmp_path / "frame.stl",
    )  # fmt: skip
    witness = network.witnesses[lab.node, lab.printers[0].id]
    stop = threading.Event()
    network.start()
    try:
        cast = Cast(network, dark_s=0)
        cast.ask(cast.form(), 6, (clock.now() + timedelta(days=3)).date())
        player = threading.Thread(target=cast.play, args=(stop, 0.2), daemon=True)
        player.start()
        until(lambda: any(e.event == "begin" for e in witness()), 240, "the first print")
        os.kill(victim(network, name), signal.SIGKILL)
        until(lambda: cast.delivered, WAIT_S, "the delivery")
        player.join(60)
        summary = network.summary(0.0)
    finally:
        stop.set()
        network.stop()
    assert summary["ordered"] == summary["delivered"] == 6
    assert summary["lost"] == 0
    assert summary["printed_twice"] == 0
    ends = [e.name for e in witness() if e.event == "end"]
    assert len(ends) == len(set(ends)) >= 3
    abandoned = [e for e in witness() if e.event == "abandoned"]
    assert len(abandoned) <= (1 if name == lab.node else 0)
