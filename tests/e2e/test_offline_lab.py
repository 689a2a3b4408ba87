"""A lab without its network prints on, counts, is killed, starts by a person's word, and reconciles.

Real processes: broker, coordinator, node, a printer on a pty. The owner uses the command line; the
others their pages. Judged by the ledger and by the printer's own record.
"""

import json
import os
import signal
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.demo.labs import ATELIER
from fabnet.demo.network import Network
from fabnet.demo.people import Cast
from jobs.ledger import views
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from tests.chaos.plates import SMALL_MM, write_model
from tests.doubles.commands import fabnet
from tests.doubles.waiting import until

KITS = 8
#: A plate of a few hundred lines takes seconds.
LINES_PER_S = 60


class Owner:
    """She has a terminal beside her printer."""

    def __init__(self, network, node):
        self._file = network.folder / node / "node.toml"

    def run(self, command, *arguments):
        return fabnet("node", command, *arguments, "--config", self._file, "--json")

    def do(self, command, *arguments):
        answer = self.run(command, *arguments)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def sees(self):
        """How things stand, None while the node is being started."""
        answer = self.run("status")
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def plates(self, state):
        view = self.sees() or {"plates": []}
        return [name(plate) for plate in view["plates"] if plate["state"] == state]

    def granted(self):
        view = self.sees() or {"plates": []}
        return [name(plate) for plate in view["plates"] if plate["starts_until"]]


def name(plate):
    return f"{plate['attempt']['job']}-a{plate['attempt']['number']}"


def confirmed_and_cleared(network, cast):
    """The steward confirms, the maker clears her bed, and nobody counts anything."""
    steward, maker = cast._person("steward"), cast._person(ATELIER.login)

    def done():
        for thing in steward.json("/api/waiting"):
            if thing["kind"] == "confirm":
                cast._do("steward", steward, "confirm", thing["key"], thing["order_id"])
        for thing in maker.json("/api/waiting"):
            if thing["kind"] == "clear":
                maker.press("/fleet", f"/{thing['key']}/ready", {})
        key = (ATELIER.node, ATELIER.printers[0].id)
        return any(event.event == "end" for event in network.witnesses[key]())

    until(done, 120, "the first plate")


def events_of(network):
    ledger = Ledger(network.folder / "coordinator" / "ledger.db", audit=audit)
    audit(ledger.reading)
    rows = ledger.reading.execute("select kind, subject, data from event order by id").fetchall()
    attempts = [
        attempt
        for order in views.orders(ledger.reading)
        for attempt in views.attempts_of(ledger.reading, order.id)
    ]
    ledger.close()
    return [(kind, subject, json.loads(data)) for kind, subject, data in rows], attempts


def begun(network):
    """Names of what the printer has begun, by its own record."""
    witness = network.witnesses[ATELIER.node, ATELIER.printers[0].id]
    return [e.name.removeprefix("fabnet-") for e in witness() if e.event == "begin"]


def counted_twice(cast, owner, plate):
    """Somebody counts on the network's page, and the owner, who does not know it, at her node."""
    maker = cast._person(ATELIER.login)
    form = maker.form(f"/harvest/{plate}", f"/harvest/{plate}")
    maker.send(form.action, {**form.fields, "good": "2", "scrap": "0"})
    owner.do("harvest", plate, "--good", 1, "--scrap", 1, "--reason", "warped")
    assert owner.run("harvest", plate, "--good", 2).returncode == 1


def work_alone(network, owner, first):
    """Two more plates, a kill of the node, and a third one by a person's word; return their names."""
    (second,) = until(lambda: owner.plates("printed"), 120, "the second plate")
    owner.do("harvest", second, "--good", 2)
    (third,) = until(lambda: owner.plates("printed"), 120, "the third plate")
    process = next(p for p in network.processes if p.name == ATELIER.node)
    os.kill(process.child.pid, signal.SIGKILL)
    until(lambda: process.starts == 2 and owner.sees(), 120, "the restart of the node")
    owner.do("harvest", third, "--good", 2)
    time.sleep(3)
    assert begun(network) == [first, second, third]  # nothing starts by itself after a restart
    (fourth,) = [name(plate) for plate in owner.sees()["plates"] if plate["opens_until"]]
    owner.do("start", fourth)
    until(lambda: owner.plates("printed") == [fourth], 120, "the fourth plate")
    assert owner.sees()["unsent"] > 5
    return second, third, fourth


@pytest.mark.timeout(900)
def test_a_lab_without_its_network_works_on_and_reconciles(tmp_path):
    lab = replace(ATELIER, printers=ATELIER.printers[:1])
    write_model(tmp_path / "frame.stl", *SMALL_MM)
    network = Network(
        tmp_path, (lab,), port=0, lines_per_s=LINES_PER_S, silent_after_s=600,
        look_ahead_s=8 * 3600, design=tmp_path / "frame.stl",
    )  # fmt: skip
    owner, stop = Owner(network, lab.node), threading.Event()
    network.start()
    try:
        cast = Cast(network, dark_s=0)
        cast._cut_at_s = 0.0  # the cable is pulled here, not by the cast
        cast.ask(cast.form(), KITS, (clock.now() + timedelta(days=3)).date())
        confirmed_and_cleared(network, cast)
        (first,) = until(lambda: owner.plates("printed"), 120, "the end of the first plate")
        until(lambda: len(owner.granted()) == 3, 120, "the grants of the three others")
        until(lambda: not owner.sees()["unsent"], 120, "the report of the first one")

        network.cables[lab.node].pull()
        until(lambda: not owner.sees()["linked"], 120, "the loss of the link")
        counted_twice(cast, owner, first)
        rest = work_alone(network, owner, first)

        network.cables[lab.node].plug()
        until(lambda: owner.sees()["linked"] and not owner.sees()["unsent"], 120, "the link")
        deadline = threading.Timer(400, stop.set)
        deadline.start()
        cast.play(stop, 0.2)
        deadline.cancel()
        assert cast.delivered
        summary = network.summary(0.0)
        events, attempts = events_of(network)
    finally:
        network.stop()
    assert (summary["ordered"], summary["delivered"]) == (KITS, KITS)
    assert (summary["printed_twice"], summary["lost"]) == (0, 0)
    assert begun(network) == [first, *rest]
    counts = {str(a.ref): (a.good, a.scrap) for a in attempts if a.good is not None}
    assert counts == dict.fromkeys((first, *rest), (2, 0))
    (besides,) = [(subject, data) for kind, subject, data in events if kind == "counted-besides"]
    assert besides[0] == first
    assert (besides[1]["good"], besides[1]["scrap"]) == (1, 1)
