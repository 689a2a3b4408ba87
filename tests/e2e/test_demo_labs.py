"""Labs of the demo by themselves: what each of them is there to show, seen in ledger and records."""

import threading
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.demo.labs import AWA, FABLAB, LYCEE
from fabnet.demo.network import Network
from fabnet.demo.people import Cast
from jobs.ledger import views
from jobs.ledger.store import Ledger
from jobs.lifecycle import AttemptState
from jobs.model import ReasonCode
from tests.chaos.plates import SMALL_MM, write_model


def played(folder, labs, kits, design=None):
    """Play one order to its end; return the network, its summary and the order."""
    network = Network(folder, labs, port=0, lines_per_s=0, silent_after_s=30, design=design)
    stop = threading.Event()
    deadline = threading.Timer(400, stop.set)
    network.start()
    deadline.start()
    try:
        cast = Cast(network, dark_s=0)
        cast.ask(cast.form(), kits, (clock.now() + timedelta(days=3)).date())
        cast.play(stop, 0.2)
        assert cast.delivered
    finally:
        deadline.cancel()
        network.stop()
    ledger = Ledger(folder / "coordinator" / "ledger.db")
    (order,) = views.orders(ledger.reading)
    view = views.order_view(ledger.reading, order.id)
    ledger.close()
    return network, network.summary(0.0), view


@pytest.mark.timeout(500)
def test_a_maker_with_an_sd_card_and_a_phone_delivers(tmp_path):
    write_model(tmp_path / "frame.stl", *SMALL_MM)
    network, summary, view = played(tmp_path, (AWA,), 3, tmp_path / "frame.stl")
    assert (summary["delivered"], summary["printed_twice"], summary["lost"]) == (3, 0, 0)
    made = [a for a in view.attempts if a.state is AttemptState.HARVESTED]
    assert {a.node for a in made} == {AWA.node}
    assert all(a.slicer for a in made)  # the coordinator's
    ends = [e.name for e in network.witnesses[AWA.node, "sd-card"]() if e.event == "end"]
    assert sorted(ends) == sorted(a.ref.name for a in made)


@pytest.mark.timeout(500)
def test_a_no_and_a_piece_of_scrap_are_made_good_by_others(tmp_path):
    _, summary, view = played(tmp_path, (FABLAB, LYCEE), 4)
    assert (summary["delivered"], summary["printed_twice"], summary["lost"]) == (4, 0, 0)
    (declined,) = [a for a in view.attempts if a.state is AttemptState.DECLINED]
    assert declined.node == FABLAB.node
    rows = {row.node: row for row in view.plan}
    # What one lab declined and what came out badly, the other has made.
    assert rows[LYCEE.node].pieces >= declined.pieces + 1
    assert [r.code for r in rows[FABLAB.node].reasons] == [ReasonCode.DECLINED]
    assert sum(a.scrap or 0 for a in view.attempts) == 1
