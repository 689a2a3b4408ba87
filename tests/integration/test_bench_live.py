"""The benchmark of open pages runs, and every reader sees the changes; its figures are not judged here."""

import json

import pytest

from fabnet.broker import find_mosquitto
from tests.bench import bench_live

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")


def test_a_small_run_misses_nothing_and_says_what_it_measured(capsys):
    bench_live.main(
        ["--labs", "6", "--printers", "2", "--viewers", "4", "--seconds", "4", "--poll-seconds", "2",
         "--poll", "1"]
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["viewers"], told["printers"]) == (4, 12)
    assert told["samples"] + told["missed"] == 4 * told["changes"] > 0
    # On a machine that stands still meanwhile a state may be overtaken by the next one.
    assert told["missed"] < told["samples"] / 4
    assert {"p95_s", "bound_p95_s", "ratio", "poll_p95_s", "cores", "rss_mib"} <= told.keys()
