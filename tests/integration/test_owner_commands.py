"""Commands of a node's owner: they ask the node that runs here, and say so where none does."""

import os
import signal
import stat
import time
from dataclasses import replace

import pytest

from fabnet.broker import free_port
from fabnet.cli.common import answers_here
from fabnet.config import load_node
from fabnet.errors import NodeSilentError
from fabnet.node import door
from jobs.owner import Look
from tests.doubles.commands import fabnet, one_sentence
from tests.doubles.lone_node import REF, LoneNode


def test_commands_of_the_owner_say_when_no_node_runs(tmp_path):
    node = LoneNode(tmp_path, "manual = true")
    for command in (["status"], ["harvest", "abc-a1", "--good", 2], ["ready", "p1"]):
        one_sentence(node.ask(*command), "does not run here", "fabnet node run")
    one_sentence(node.ask("start", "nonsense"), "no plate 'nonsense'", "fabnet node status")
    assert node.ask("harvest", "abc-a1").returncode == 2
    assert node.ask("give-back", "abc-a1").returncode == 2


def test_a_node_that_is_suspended_is_said_so_and_goes_on(tmp_path, monkeypatch):
    node = LoneNode(tmp_path, "manual = true")
    node.start()
    config = load_node(node.file)
    process = door.running(config)
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    os.waitpid(process, os.WUNTRACED)  # until it stands still
    try:
        begun = time.monotonic()
        with pytest.raises(NodeSilentError, match=f"suspended.*kill -CONT {process}"):
            door.ask(config, Look())
        assert time.monotonic() - begun < 5
        assert answers_here(config)
        # Where that cannot be seen, it is waited for.
        monkeypatch.setattr(door, "_WAIT_S", 0.5)
        monkeypatch.setattr(door, "_is_suspended", lambda _process: False)
        with pytest.raises(NodeSilentError, match=f"not answered.*kill -CONT {process}"):
            door.ask(config, Look())
    finally:
        os.kill(process, signal.SIGCONT)
    monkeypatch.undo()
    assert door.ask(config, Look()).node == "lab-a"
    node.stop()


def test_the_owner_counts_clears_starts_and_gives_back_on_the_command_line(tmp_path):
    node = LoneNode(tmp_path, "manual = true", page_port=str(free_port()))
    other = replace(REF, job="bbbbbbbbbb")
    node.grant("G28\n")
    node.grant("G28\n", other)
    node.start()
    try:
        socket_file = node.data / "owner.sock"
        assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
        one_sentence(node.ask("harvest", REF, "--good", 2), "nothing to count yet")
        one_sentence(node.ask("ready", "p9"), "no printer 'p9'", "there is: p1")
        assert node.do("ready", "p1")["beds"][0]["clear"]
        text = node.ask("status").stdout
        assert "no link to the network" in text
        assert f"fabnet node start {REF}" in text
        node.do("give-back", other, "--reason", "no time")
        node.do("start", REF)
        until = time.monotonic() + 100
        while node.do("status")["plates"][0]["state"] != "printing":
            assert time.monotonic() < until
        one_sentence(node.ask("harvest", REF, "--good", 1), "reason")
        assert node.do("harvest", REF, "--good", 2)["plates"] == []
        one_sentence(node.ask("harvest", REF, "--good", 2), "counted already")
        assert node.rss_mb() < 90  # 83 on Python 3.13
    finally:
        node.stop()
    assert not socket_file.exists()


def test_a_page_for_others_needs_a_password(tmp_path):
    node = LoneNode(tmp_path, "manual = true", page_port="8090", page_host='"0.0.0.0"')
    one_sentence(fabnet("node", "run", node.file), "page_password_file", "is needed")
