"""`fabnet node test-print` on a simulated serial printer: with the node that runs, and with none."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import requests

from fabnet.broker import free_port
from fabnet.config import machine_id
from fabnet.node.journal import COORDINATOR, Journal
from fabnet.node.tables import last_begun
from jobs.ledger import streams
from jobs.messages import Capabilities, PrinterChange, decode_up
from tests.doubles.lone_node import REF, LoneNode
from tests.doubles.octo_printer import OctoPrinter
from tests.doubles.sim_printer import SimPrinter
from tests.doubles.waiting import until

#: Slow enough to be looked at while it prints.
SLOW = ("--lines-per-s", "40")


@pytest.fixture
def sim(tmp_path):
    made = SimPrinter(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def lone(tmp_path, sim):
    made = LoneNode(tmp_path, f'port = "{sim.port}"')
    yield made
    made.stop()


def slow(tmp_path):
    return SimPrinter(tmp_path, *SLOW).start()


def begin(lone, *arguments):
    """Start the command, and return once the printer prints."""
    return subprocess.Popen(
        [sys.executable, "-m", "fabnet", "node", "test-print", "--config", str(lone.file), "--yes",
         *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(lone):
    """What the node has to say to the network, and whether the bed is clear; it does not run."""
    journal = Journal(lone.data / "journal.db", machine_id())
    rows = streams.unacknowledged(journal.reading, COORDINATOR, 1000)
    clear, used_g = journal.is_clear("p1"), journal.used_g("p1-1")
    attempts = journal.reading.execute("select count(*) from attempt").fetchone()[0]
    begun = last_begun(journal.reading, "p1")
    journal.close()
    return [decode_up(row.type, row.body) for row in rows], clear, used_g, attempts, begun


def test_without_a_node_the_command_is_the_node(lone, sim):
    sim.start()
    told = lone.do("test-print", "--yes")
    assert told["result"] == "done"
    (begun, ended) = [each for each in sim.events() if each.name]
    assert (begun.event, ended.event, ended.name) == ("begin", "end", told["name"])
    assert ended.extruded_mm > 100
    assert sim.executed()[-1] != "M104 S240"
    messages, clear, used_g, attempts, begun = said(lone)
    assert not clear
    # Its heat is not somebody else's: a node that starts now believes the word that the bed is clear.
    assert begun is not None
    assert (begun[0] <= datetime.now(UTC), begun[1]) == (True, told["seconds"])
    assert used_g == pytest.approx(told["grams"])
    # Nobody's order: the network hears of the printer and the spool, and of no attempt.
    assert attempts == 0
    assert {type(each) for each in messages} == {Capabilities, PrinterChange}


def test_a_node_that_runs_is_asked_and_the_port_stays_its_own(lone, sim):
    sim.start()
    lone.start()
    told = lone.do("test-print", "p1", "--yes")
    assert told["result"] == "done"
    assert [each.event for each in sim.events()].count("boot") == 1
    (view,) = [lone.do("status")]
    assert view["beds"][0]["clear"] is False
    assert view["trials"][0]["result"] == "done"
    assert lone.do("ready")["beds"][0]["clear"] is True, "there is one printer only"


def test_a_node_that_runs_is_not_asked_to_print_on_a_printer_that_is_new(lone, sim, tmp_path):
    sim.start()
    lone.start()
    other = tmp_path / "other"
    other.mkdir()
    fresh = SimPrinter(other).start()
    given = ["--id", "p2", "--preset", "prusa-mini", "--material", "PLA", "--grams", "500"]
    answer = subprocess.run(
        [sys.executable, "-m", "fabnet", "node", "setup", str(lone.file), "--port", str(fresh.port),
         *given, "--no-protection-tested", "--attended", "00:00-24:00"],
        capture_output=True, text=True, input="y\n", timeout=100, check=False,
    )  # fmt: skip
    fresh.kill()
    assert answer.returncode == 0, answer.stderr
    assert "Print a small test part" not in answer.stderr
    assert f"Ctrl-C where it runs, then\n  fabnet node run {lone.file}" in answer.stderr
    assert f"fabnet node test-print p2 --config {lone.file}" in answer.stderr


def test_meanwhile_the_bed_is_not_clear_whatever_is_said(tmp_path):
    sim, port = slow(tmp_path), free_port()
    lone = LoneNode(tmp_path, f'port = "{sim.port}"', page_port=str(port))
    try:
        lone.start()
        assert (
            "It will not heat" in requests.get(f"http://127.0.0.1:{port}/?lang=en", timeout=60).text
        )
        child = begin(lone)
        until(sim.begins)
        assert (
            "It will not" not in requests.get(f"http://127.0.0.1:{port}/?lang=en", timeout=60).text
        )
        again = lone.ask("test-print", "--yes")
        assert again.returncode == 1
        assert "prints a test part already" in again.stderr
        refused = lone.ask("ready", "p1")
        assert refused.returncode == 1
        assert "prints a test part now" in refused.stderr
        child.send_signal(signal.SIGINT)
        _, words = child.communicate(timeout=100)
        assert child.returncode == 1
        assert "cancelled" in words
        lone.stop()
        assert sim.executed()[-3:] != []
        assert "M104 S0" in sim.executed()[-8:]
        assert len(sim.begins()) == 1
        assert not said(lone)[1]
    finally:
        sim.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_without_a_node_whatever_ends_the_command_switches_the_heaters_off(lone, tmp_path, number):
    sim = slow(tmp_path)
    try:
        child = begin(lone)
        until(lambda: len(sim.executed()) > 20)
        child.send_signal(number)
        child.communicate(timeout=100)
        assert child.returncode == 1
        assert {"M104 S0", "M140 S0"} <= set(sim.executed()[-8:])
    finally:
        sim.kill()


def test_a_printer_that_heats_up_is_stopped_at_once(lone, tmp_path):
    sim = SimPrinter(tmp_path, "--heating-c-s", "1").start()
    try:
        child = begin(lone)
        until(lambda: "M140 S85" in sim.executed())
        child.send_signal(signal.SIGINT)
        _, words = child.communicate(timeout=100)
        assert child.returncode == 1
        assert "switch it off" not in words
        assert {"M104 S0", "M140 S0"} <= set(sim.executed()[-8:])
    finally:
        sim.kill()


def test_a_node_that_is_killed_in_mid_print_cools_the_printer_and_starts_nothing(lone, tmp_path):
    sim = slow(tmp_path)
    try:
        lone.start()
        child = begin(lone)
        until(lambda: len(sim.executed()) > 20)
        lone.kill()
        _, words = child.communicate(timeout=100)
        assert child.returncode == 1
        assert "does not run here" in words
        before = len(sim.executed())
        lone.start()
        until(lambda: {"M104 S0", "M140 S0"} <= set(sim.executed()[before:]))
        view = lone.do("status")
        assert (view["beds"][0]["clear"], view["trials"]) == (False, [])
        assert len(sim.begins()) == 1
    finally:
        sim.kill()


def test_nothing_is_heated_without_a_persons_word(lone, sim):
    sim.start()
    answer = subprocess.run(
        [sys.executable, "-m", "fabnet", "node", "test-print", "--config", str(lone.file)],
        capture_output=True, text=True, input="n\n", timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "nothing was heated" in answer.stderr
    assert not sim.begins()


def test_a_plate_of_the_network_goes_first(lone, sim):
    sim.start()
    lone.grant("G28\nG1 X10 Y10 Z0.2\n")
    lone.start()
    lone.do("ready", "p1")
    lone.do("start", f"{REF.job}-a{REF.number}")
    until(lambda: lone.do("status")["plates"][0]["countable"])
    answer = lone.ask("test-print", "--yes")
    assert answer.returncode == 1
    assert "is counted first" in answer.stderr
    assert len(sim.begins()) == 1


def test_what_cannot_be_tried_is_said(lone, sim, tmp_path):
    away = lone.ask("test-print", "--yes")
    assert away.returncode == 1
    assert "there is no such port" in away.stderr
    assert lone.ask("test-print", "p9", "--yes").returncode == 2
    lone.file.write_text(lone.file.read_text().replace('material = "PETG"', 'material = ""'))
    sim.start()
    empty = lone.ask("test-print", "--yes")
    assert empty.returncode == 1
    assert "p1.material" in empty.stderr
    assert not sim.begins()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be asked not to be")
def test_root_leaves_the_folder_of_another_user_alone(lone, sim):
    sim.start()
    os.chown(lone.file, 65534, 65534)
    answer = lone.ask("test-print", "--yes")
    assert answer.returncode == 1
    assert "run this as that user" in answer.stderr
    assert not (lone.data / "journal.db").exists()


@pytest.mark.timeout(400)
def test_an_octoprint_prints_it_too(tmp_path):
    octo = OctoPrinter(tmp_path)
    octo.start()
    try:
        (tmp_path / "octo.key").write_text(octo.key)
        lone = LoneNode(tmp_path, f'octoprint = "{octo.url}"\napi_key_file = "octo.key"')
        told = lone.do("test-print", "--yes")
        assert told["result"] == "done"
        assert "M190 S85" in octo.executed()
        assert not said(lone)[1]
    finally:
        octo.stop()


def test_who_feeds_a_printer_by_hand_gets_the_file(tmp_path):
    lone = LoneNode(tmp_path, "manual = true")
    answer = lone.ask("test-print", "--yes")
    assert answer.returncode == 0, answer.stderr
    (gcode,) = (lone.data / "trials").glob("*.gcode")
    assert str(gcode) in answer.stderr
    assert json.loads(gcode.with_suffix(".json").read_text())["grams"] < 1
    assert [each.name for each in lone.data.iterdir()] == ["trials"]
