"""What holds for every test.

Hypothesis measures no time, since a busy machine is no fault. A test leaves the process as it found it:
the others of its worker, in whatever order, run in the same one.
"""

import gc
import logging
import os
import random
import secrets
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from fabnet import clock

#: Commands speak the language of their terminal; the tests read English.
os.environ["LANGUAGE"] = "en"

settings.register_profile("fabnet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fabnet")
#: Of `make check` alone: other examples each time, so what is drawn less often is drawn on another day.
settings.register_profile("few", settings.get_profile("fabnet"), max_examples=40)

# What is imported and collected stays for good: the collector needs not go through it again and again.
gc.disable()


#: Changes with each test; and is put back below, since a command puts its process into its network's zone.
_OWN = ("PYTEST_CURRENT_TEST", "TZ")
_ZONE = os.environ.get("TZ")


#: Files that take longest, longest first; one worker has each. Those that wait stand beside those that compute.
_FIRST = (
    "chaos/test_chaos.py",
    "sim/test_mutants.py",
    "e2e/test_demo_labs.py",
    "chaos/test_kill_once.py",
    "integration/test_slicing.py",
    "e2e/test_offline_lab.py",
    "chaos/test_eight_orders.py",
    "integration/test_packing.py",
    "e2e/test_accessible.py",
    "integration/test_presence.py",
    "scenario/test_scenario.py",
    "sim/test_protocol.py",
    "integration/test_heating.py",
    "integration/test_trial.py",
    "integration/test_newcomers.py",
    "integration/test_newcomer_killed.py",
    "integration/test_light_node.py",
    "integration/test_bench_live.py",
    "integration/octoprint/test_prints.py",
    "integration/octoprint/test_reached.py",
    "integration/test_discover.py",
)


#: Here many processes run at the machine's own pace: what fails is tried once more, and listed at the end.
#: Never where the laws are put to the test (chaos, sim), nor where nothing waits (docs/decisions/0044).
_PACED = ("e2e", "integration", "scenario")


def pytest_collection_finish():
    """Collect garbage from now on, among what tests make."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config, items):
    """Put the longest files before the others, which stay in their order of chance: the end waits for none."""
    places = {config.rootpath / "tests" / name: place for place, name in enumerate(_FIRST)}
    gone = [str(path) for path in places if not path.is_file()]
    assert not gone, f"tests/conftest.py begins with {', '.join(gone)}, which is not there"
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if item.path.relative_to(config.rootpath / "tests").parts[0] in _PACED:
            item.add_marker(pytest.mark.flaky(reruns=1))


def _process():
    return {
        "now": clock.now,
        "boottime_s": clock.boottime_s,
        "random": random.random,
        "secrets": (secrets.token_hex, secrets.token_bytes, secrets.choice, secrets.randbelow),
        "logging": logging.root.manager.disable,
        "folder": Path.cwd(),
        "environment": {name: value for name, value in os.environ.items() if name not in _OWN},
    }


_FRESH = _process()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Fail the test that leaves something behind, not the one that meets it."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        _use_zone(_ZONE)
        left = _process()
        changed = [name for name, was in _FRESH.items() if left[name] != was]
        _FRESH.update(left)  # who comes next is not blamed for it, too
        assert not changed, f"a test of {item.path.name} leaves another {', '.join(changed)} behind"
    return result


def _use_zone(name):
    if os.environ.get("TZ") == name:
        return
    os.environ.pop("TZ", None)
    if name is not None:
        os.environ["TZ"] = name
    time.tzset()


def pytest_terminal_summary(terminalreporter):
    """Say in a line why each test ran again: one that passed the second time has no traceback."""
    for report in terminalreporter.stats.get("rerun", ()):
        crash = getattr(report.longrepr, "reprcrash", None)
        why = " ".join((crash.message if crash else str(report.longrepr)).split())
        terminalreporter.write_line(f"ran again: {report.nodeid} ({report.when}): {why[:600]}")
