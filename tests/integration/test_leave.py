"""`fabnet node leave`: over a real coordinator, without any network, and killed in the middle."""

import signal
import subprocess
import sys
import threading

import pytest

from fabnet.config import machine_id
from fabnet.node.journal import Journal
from jobs.coordinator import enrolment
from jobs.joining import Standing, read_code
from jobs.ledger import members
from jobs.lifecycle import AttemptState
from tests.doubles.commands import fabnet
from tests.doubles.links import needs_mosquitto
from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.tls_coordinator import Coordinator, now

PLATE = f"{REF.job}-a{REF.number}"
#: A printer that a person feeds, for a node.toml that `join` has made.
BY_HAND = '[[printers]]\nid = "p1"\npreset = "generic-250x210"\nmanual = true\n'


@pytest.fixture
def lone(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    made = LoneNode(folder, "manual = true")
    yield made
    made.stop()


def leave(lone, *options, said=""):
    return subprocess.run(
        [sys.executable, "-m", "fabnet", "node", "leave", str(lone.file), *options],
        capture_output=True, text=True, input=said, timeout=100, check=False,
    )  # fmt: skip


def lies_on_the_bed(lone):
    """As if the plate had been printed, and nobody had counted it."""
    lone.grant("G28\n")
    journal = Journal(lone.data / "journal.db", machine_id())
    with journal.transaction() as db:
        journal.intend(db, REF, "p1", now())
        journal.move(db, REF, AttemptState.PRINTED)
    journal.close()


def test_without_the_network_nothing_goes_until_somebody_accepts_what_stays_undone(lone):
    lies_on_the_bed(lone)
    before = {path.name for path in lone.folder.iterdir()}
    answer = leave(lone, "--yes")
    assert answer.returncode == 1
    assert "Nothing was deleted" in answer.stderr
    assert "fabnet node revoke lab-a" in answer.stderr
    assert PLATE in answer.stderr
    assert before <= {path.name for path in lone.folder.iterdir()}
    said_no = leave(lone, said="y\nn\n")
    assert said_no.returncode == 1
    assert lone.file.exists()
    said_yes = leave(lone, said="y\ny\n")
    assert said_yes.returncode == 0, said_yes.stderr
    assert {path.name for path in lone.folder.iterdir()} == {f"{REF}.gcode"}


def test_a_node_that_runs_is_stopped_first_and_starts_no_more(lone):
    lone.start()
    answer = leave(lone, "--yes", "--force")
    assert answer.returncode == 0, answer.stderr
    assert lone._child.wait(60) == 0
    assert [path.name for path in lone.folder.iterdir()] == ["log"]  # the test's own


@pytest.mark.parametrize("after_s", [0.4, 0.8, 1.2, 1.6, 2.0])
def test_killed_at_any_moment_the_same_command_goes_on(lone, after_s):
    (lone.data / "files").mkdir()
    for number in range(300):
        (lone.data / "files" / str(number)).write_text("x")
    child = subprocess.Popen(
        [sys.executable, "-m", "fabnet", "node", "leave", str(lone.file), "--yes", "--force"],
        stderr=subprocess.PIPE,
    )
    threading.Event().wait(after_s)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    if lone.file.with_name("node.toml.leaving").exists() and lone.file.exists():
        refused = fabnet("node", "run", lone.file)
        assert refused.returncode == 1
        assert "fabnet node leave" in refused.stderr
    if lone.folder.exists():
        again = leave(lone, "--yes", "--force")
        assert again.returncode == 0, again.stderr
    assert not lone.folder.exists()


@needs_mosquitto
@pytest.mark.xdist_group("joining")
def test_the_coordinator_is_told_by_the_node_itself(tmp_path):
    (tmp_path / "server").mkdir()
    coordinator = Coordinator(tmp_path / "server")
    try:
        ledger = coordinator.ledger
        code = fabnet(
            "node", "invite", "--lab", "Nord", "--config", coordinator.file
        ).stdout.strip()
        assert read_code(code)
        folder = tmp_path / "lab"
        assert fabnet("node", "join", code, "--out", folder).returncode == 0
        found = members.member(ledger.reading, "nord")
        enrolment.confirm(ledger, "nord", found.fingerprint, "camille", now())
        file = folder / "node.toml"
        file.write_text(file.read_text() + BY_HAND)
        with (tmp_path / "log").open("ab") as log:
            node = subprocess.Popen(
                [sys.executable, "-m", "fabnet", "node", "run", str(file)], stderr=log
            )
        for _ in range(100):
            status = fabnet("node", "status", "--config", file)
            if "reaches the network" in status.stdout:
                break
            threading.Event().wait(0.2)
        answer = fabnet("node", "leave", file, "--yes", seconds=100)
        assert answer.returncode == 0, answer.stderr
        assert "stay undone" not in answer.stderr
        assert node.wait(60) == 0
        assert not folder.exists()
        after = members.member(ledger.reading, "nord")
        assert (after.standing, after.standing_by) == (Standing.REVOKED, "nord")
        assert after.standing_reason == "the lab leaves the network"
        assert members.logins(ledger.reading) == {}
    finally:
        coordinator.process.terminate()
        coordinator.process.wait(60)
