"""Two real OctoPrints on one machine, beside 54 addresses at which nobody answers."""

import itertools
import math
import socket
import time
from contextlib import ExitStack, closing

import pytest

from fabnet.node.bench import Bench
from printers.connect import Connection, connect
from printers.model import PrinterState
from printers.octoprint_driver import OctoPrintDriver
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.waiting import until

DEAD = 54
WATCHED_S = 6.0
#: An idle machine looks every 0.5 s, some milliseconds more; on a busy one everything is late.
LATE_S = 2.0


class Watched(OctoPrintDriver):
    """Notes when it has looked."""

    def __init__(self, connection):
        super().__init__(connection.octoprint, api_key=connection.api_key)
        self.looks = []

    def poll(self, timeout_s):
        before = self._status
        status = super().poll(timeout_s)
        if status is not before:
            self.looks.append(time.monotonic())
        return status

    def longest_s(self, since_s):
        looks = [each for each in self.looks if each >= since_s]
        gaps = (after - before for before, after in itertools.pairwise(looks))
        return max(gaps, default=math.inf)


@pytest.fixture
def live(tmp_path):
    made = [OctoPrinter(tmp_path / name) for name in ("one", "two")]
    for each in made:
        each.start()
    yield made
    for each in made:
        each.stop()


@pytest.fixture
def dead():
    """Half of them take a connection and say nothing; behind the others nothing listens."""
    with ExitStack() as stack:
        ports = []
        for n in range(DEAD):
            listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
            ports.append(listener.getsockname()[1])
            if n % 2:
                listener.close()
        yield [Connection(octoprint=f"http://127.0.0.1:{port}", api_key="k") for port in ports]


def running(stack, connections, make):
    benches = [
        Bench(f"p{n}", lambda c=each: make(c), lambda _event: None)
        for n, each in enumerate(connections)
    ]
    for each in benches:
        each.start()
    stack.callback(stopped, benches)
    return benches


def stopped(benches):
    for each in benches:
        each.stop_soon()
    for each in benches:
        each.stop()


def test_54_dead_ones_delay_no_look_at_a_live_one(live, dead, monkeypatch):
    # As where no websocket gets through: it asks twice a second.
    monkeypatch.setattr("printers.octoprint_driver._LOOK_LISTENING_S", 0.5)
    drivers = [Watched(each.connection) for each in live]
    with ExitStack() as stack:
        benches = running(stack, drivers, lambda driver: driver)
        time.sleep(WATCHED_S / 2)
        alone_s = max(each.longest_s(0.0) for each in drivers)
        lost = running(stack, dead, connect)
        # The machine may be busy for a while: who is delayed by the dead is late each time.
        for _ in range(5):
            began_s = time.monotonic()
            time.sleep(WATCHED_S)
            beside_s = max(each.longest_s(began_s) for each in drivers)
            if beside_s < max(LATE_S, 2 * alone_s):
                break
        until(lambda: [each.status.state for each in benches] == [PrinterState.IDLE] * 2)
        until(lambda: {each.status.state for each in lost} == {PrinterState.OFFLINE})
    assert beside_s < max(LATE_S, 2 * alone_s)
