"""The benchmark of open pages runs, and every reader sees every change; its figures are not judged here."""

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
    assert (told["viewers"], told["printers"], told["missed"]) == (4, 12, 0)
    assert told["samples"] == 4 * told["changes"] > 0
    assert {"p95_s", "bound_p95_s", "ratio", "poll_p95_s", "cores", "rss_mib"} <= told.keys()
