"""The benchmark of the inbox runs, and its own checks hold; its figures are nobody's business here."""

import json
import logging

import pytest

from fabnet.broker import find_mosquitto
from tests.bench import bench_ingest


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_a_small_run_takes_every_message_and_says_what_it_measured(capsys):
    try:
        bench_ingest.main(["--nodes", "5", "--rounds", "1"])
    finally:
        logging.disable(logging.NOTSET)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    # Of ten pieces each lab is offered four plates of two, and says five words of each.
    assert told["messages"] == 5 * (1 + 4 * 5)
    assert {"messages_per_s", "applied_per_s", "bare_callback_per_s", "ratio"} <= told.keys()
    assert told["ratio"] > 0
