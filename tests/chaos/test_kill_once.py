"""kill -9 of a process in the middle of an order: it still arrives, nothing twice, nothing lost."""

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from fabnet import clock
from fabnet.demo.people import Cast
from fabnet.demo.run import Network
from printers.sim.record import read_record

WAIT_S = 150


def wait_for(condition, seconds, what):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {seconds} s")


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


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["node", "coordinator", "broker"])
def test_one_kill_in_mid_print_costs_at_most_the_plate_on_the_bed(tmp_path, name):
    network = Network(tmp_path, port=0, lines_per_s=0)
    stop, done = threading.Event(), threading.Event()
    network.start()
    try:
        cast = Cast(network.url, network.accounts, network.record)
        cast.ask(6, (clock.now() + timedelta(days=3)).date())
        player = threading.Thread(target=cast.play, args=(done, stop, 0.2), daemon=True)
        player.start()
        begun = lambda: any(e.event == "begin" for e in read_record(network.record))  # noqa: E731
        wait_for(begun, 60, "the first print")
        os.kill(victim(network, name), signal.SIGKILL)
        wait_for(done.is_set, WAIT_S, "the delivery")
        player.join(10)
        summary = network.summary(0.0)
    finally:
        stop.set()
        network.stop()
    assert summary["ordered"] == summary["delivered"] == 6
    assert summary["lost"] == 0
    assert summary["printed_twice"] == 0
    ends = [e.name for e in read_record(network.record) if e.event == "end"]
    assert len(ends) == len(set(ends)) >= 3
    abandoned = [e for e in read_record(network.record) if e.event == "abandoned"]
    assert len(abandoned) <= (1 if name == "node" else 0)
