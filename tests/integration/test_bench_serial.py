"""`make bench-serial`, small and without peers: its last line has what it promises."""

import json
import subprocess
import sys

SMALL = ("--rounds", "1", "--lines", "150", "--faulty-lines", "200", "--fast-lines", "500")


def test_the_last_line_is_one_json_object():
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bench_serial", *SMALL, "--without-peers"],
        capture_output=True, text=True, timeout=280, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["fraction_of_limit"]) == {
        "115200/1ms", "115200/2ms", "115200/4ms", "250000/1ms", "250000/2ms"
    }  # fmt: skip
    # Nothing goes faster than the line, and the window keeps it busy even on a machine that is.
    assert all(0.02 < fraction <= 1.02 for fraction in found["fraction_of_limit"].values())
    assert found["exact"]
    assert found["longest_wait_s"] < found["ok_timeout_s"] + 1
    assert found["fast_lines_per_s"] > 0
    assert found["checker_lines_per_s"] > 5_000
    assert (found["printcore"], found["octoprint"]) == (None, None)
