"""A node whose printer's spool is one of Spoolman's; its loop goes round when a test lets it."""

import time

from fabnet.node import telling
from fabnet.printer_config import PrinterConfig
from printers.model import PrintResult
from tests.doubles.idle_node import Node

NAME = "spoolman-12"


def a_node(folder, url, number=12, **printer):
    printer = {"port": "/dev/none", "spoolman_spool": number, **printer}
    facts = PrinterConfig(id="p1", preset="generic-250x210", **printer)
    return Node(folder, spoolman=url, printers=(facts,))


def closed(made):
    for node in made:
        node.agent._stock._pool.shutdown(wait=True)
        node.journal.close()
    made.clear()


def until(node, done, seconds=100):
    """Let the node's loop go round until something holds, without the pause after a failure."""
    end_s = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end_s, "it does not come about"
        node.agent._stock._again_at_s.clear()
        node.agent._stock.work()
        time.sleep(0.002)


def alike(node, number=12):
    """Let it read and tell until there is no more."""
    mine = node.agent._stock
    mine._read_at_s.clear()
    until(
        node,
        lambda: (
            mine._asked is None
            and number in mine._read_at_s
            and not telling.waiting(node.journal.reading)
        ),
    )


def failing(node, words):
    until(node, lambda: words in node.agent._stock.fault("p1"))


def spool_of(node):
    return node.agent._lab.loaded_on("p1")


def printed(node, result=PrintResult.DONE):
    node.started()
    node.ends(result)
