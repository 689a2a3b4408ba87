"""A printer that its owner takes out of node.toml while it has work: its work has an end."""

import pytest

from fabnet.node.bench_talk import Started
from fabnet.printer_config import PrinterConfig
from jobs.lifecycle import AttemptState
from jobs.messages import Grant, Harvested, PrinterReady, Report, ReportState
from printers.model import PrinterState, PrinterStatus
from tests.doubles.idle_node import REF, Node, an_offer

BOTH = tuple(
    PrinterConfig(id=name, preset="generic-250x210", port="/dev/none", material="PETG", grams=500)
    for name in ("p1", "p2")
)


@pytest.fixture
def node(tmp_path):
    """A node with two printers and a plate for the second."""
    made = Node(tmp_path, printers=BOTH)
    made.agent._benches["p2"].status = PrinterStatus(state=PrinterState.IDLE)
    made.hears(an_offer(printer="p2"))
    made.prepared()
    yield made
    while made is not None:
        made.journal.close()
        made = made.next


def test_what_was_being_printed_is_a_persons_to_count(node):
    node.hears(PrinterReady(printer="p2"))
    node.hears(Grant(attempt=REF, nonce=node.ready(), ttl_s=600))
    node.agent._take_bench_event(Started(printer="p2", name=REF.name))
    node.said()
    node = node.restart()
    assert node.state() is AttemptState.INTERRUPTED
    why = "its printer is not configured any more"
    assert Report(attempt=REF, state=ReportState.INTERRUPTED, reason=why) in node.said()
    assert [plate.attempt for plate in node.agent._owner.view().plates] == [REF]
    node.hears(Harvested(attempt=REF, good=1, scrap=1))
    assert node.state() is AttemptState.HARVESTED


def test_what_had_not_begun_is_never_asked_for(node):
    node = node.restart()
    assert node.ready() is None
    assert node.state() is AttemptState.READY
