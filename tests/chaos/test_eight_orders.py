"""Eight orders at once, one lab that burns down, one that comes back late: the books hold throughout.

Real processes: broker, coordinator, nodes, printers on ptys; the people use the pages.
"""

import os
import signal
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.demo.labs import ATELIER, FABLAB, LYCEE
from fabnet.demo.network import Network
from fabnet.demo.people import Cast
from jobs.ledger import labs, views
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from jobs.lifecycle import LIVE, AttemptState
from tests.chaos.plates import SMALL_MM, write_model
from tests.chaos.test_kill_once import LINES_PER_S
from tests.doubles.waiting import until

KITS = (1, 1, 2, 1, 2, 1, 1, 2)


def with_grams(lab, *grams, **changes):
    printers = tuple(replace(p, grams=g) for p, g in zip(lab.printers, grams, strict=True))
    return replace(lab, printers=printers, **changes)


class Auditor:
    """Counts both laws on the running ledger, again and again."""

    def __init__(self, path):
        self.rounds = 0
        self.broken = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()

    def _run(self, path):
        ledger = Ledger(path)
        while not self._stop.wait(0.3):
            try:
                audit(ledger.reading)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
                self.broken.append(repr(error))
            self.rounds += 1
        ledger.close()

    def stop(self):
        self._stop.set()
        self._thread.join(60)


def printing(network, node):
    ledger = Ledger(network.folder / "coordinator" / "ledger.db")
    found = [
        attempt
        for order in views.orders(ledger.reading)
        for attempt in views.attempts_of(ledger.reading, order.id)
        if attempt.node == node and attempt.state is AttemptState.PRINTING
    ]
    ledger.close()
    return found


def burn_in_mid_print(network, node):
    """Stop a lab's time until a print is known to be under way there, and burn it down then."""
    doomed = [p.child.pid for p in network.processes if f"{p.name}-".startswith(f"{node}-")]
    while True:
        until(lambda: printing(network, node), 240, "a print in the doomed lab")
        for pid in doomed:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2)  # what it has said is heard
        if printing(network, node):
            break
        for pid in doomed:
            os.kill(pid, signal.SIGCONT)
    network.burn_down(node)


def what_moves(network):
    """What keeps the people waiting, in words."""
    ledger = Ledger(network.folder / "coordinator" / "ledger.db")
    words = []
    for order in views.orders(ledger.reading):
        view = views.order_view(ledger.reading, order.id)
        words += [f"{order.id} {order.state} {line.part_id}: {line.books}" for line in view.lines]
        words += [
            f"  {a.ref} {a.node} {a.printer} {a.state}"
            for a in views.attempts_of(ledger.reading, order.id)
            if a.state in LIVE
        ]
    words += [f"{node.id} online={node.online}" for node in labs.fleet(ledger.reading)]
    ledger.close()
    return "\n".join(words)


def write_off(network, cast, node):
    """The steward gives up what lay on the printers that burnt."""
    steward = cast._person("steward")
    lost = printing(network, node)
    for attempt in lost:
        words = {"reason": "the lab has burnt down"}
        steward.submit(f"/orders/{attempt.order_id}", f"/attempts/{attempt.ref}/write-off", words)
    return len(lost)


@pytest.mark.timeout(900)
def test_what_can_be_delivered_is_and_the_rest_has_its_reason(tmp_path):
    labs = (
        with_grams(ATELIER, 1.6, 0.75),
        with_grams(LYCEE, 0.95),
        with_grams(FABLAB, 15, asks=False, says_no=False, place=ATELIER.place),
    )
    write_model(tmp_path / "frame.stl", *SMALL_MM)  # 0.35 g
    network = Network(
        tmp_path, labs, port=0, lines_per_s=LINES_PER_S, silent_after_s=3,
        design=tmp_path / "frame.stl",
    )  # fmt: skip
    network.start()
    auditor = Auditor(tmp_path / "coordinator" / "ledger.db")
    stop = threading.Event()
    try:
        cast = Cast(network, dark_s=8)
        due = (clock.now() + timedelta(days=3)).date()
        for kits in KITS:
            cast.ask(cast.form(), kits, due)
        player = threading.Thread(target=cast.play, args=(stop, 0.2), daemon=True)
        player.start()
        burn_in_mid_print(network, FABLAB.node)
        assert write_off(network, cast, FABLAB.node) >= 1
        player.join(600)  # what prints is a program: a busy machine prints slowly
        assert not player.is_alive(), what_moves(network)
    finally:
        stop.set()
        auditor.stop()
        network.stop()
    assert auditor.rounds > 20
    assert auditor.broken == []
    summary = network.summary(0.0)
    assert summary["printed_twice"] == 0
    ledger = Ledger(tmp_path / "coordinator" / "ledger.db", audit=audit)
    audit(ledger.reading)
    orders = [views.order_view(ledger.reading, o.id) for o in views.orders(ledger.reading)]
    ledger.close()
    assert len(orders) == 8
    assert sum(view.order.request.kits for view in orders) == sum(KITS)
    short = 0
    for view in orders:
        for line in view.lines:
            books = line.books
            # All that exists was received; nothing is left on a way or in a plan.
            assert books.delivered + books.deficit == books.ordered
            assert (books.coming, books.jobs, books.waiting, books.surplus) == (0, 0, 0, 0)
            if books.deficit:
                assert line.reasons
            short += books.deficit
    assert 0 < summary["delivered"] == sum(KITS) - short
