"""Commands: what goes wrong is one clear sentence with what to do, exit 1, and nothing half-done."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def fabnet(*arguments, cwd=ROOT, path=None, seconds=60):
    env = {**os.environ, "PATH": path} if path is not None else None
    return subprocess.run(
        [sys.executable, "-m", "fabnet", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, timeout=seconds, check=False, env=env,
    )  # fmt: skip


def one_sentence(answer, *words):
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("fabnet: ")
    for word in words:
        assert word in last


@pytest.fixture
def held_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def a_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def coordinator_file(tmp_path, **lines):
    path = tmp_path / "coordinator.toml"
    values = {"data_dir": '"data"', "port": a_port(), "broker_port": a_port(), **lines}
    path.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))
    return path


def test_help_has_an_example_for_every_command():
    for command in (
        ["serve"], ["node", "run"], ["node", "create"], ["node", "adopt"], ["person", "add"],
        ["design", "add"], ["demo"],
    ):  # fmt: skip
        answer = fabnet(*command, "--help")
        assert answer.returncode == 0
        assert "Example: fabnet " + " ".join(command) in answer.stdout


def test_wrong_usage_is_exit_2():
    assert fabnet("serve", "--no-such-option").returncode == 2
    assert fabnet("nonsense").returncode == 2


def test_a_missing_configuration_is_named(tmp_path):
    one_sentence(fabnet("serve", tmp_path / "none.toml"), "none.toml", "cannot be read")
    one_sentence(fabnet("node", "run", tmp_path / "none.toml"), "none.toml", "cannot be read")


def test_a_taken_web_port_is_said_before_anything_else_starts(tmp_path, held_port):
    answer = fabnet("serve", coordinator_file(tmp_path, port=held_port))
    one_sentence(answer, "The web page", str(held_port), "choose another port")


def test_a_taken_broker_port_is_said(tmp_path, held_port):
    answer = fabnet("serve", coordinator_file(tmp_path, broker_port=held_port))
    one_sentence(answer, "MQTT broker", str(held_port))


def test_the_demo_says_that_its_port_is_taken(held_port):
    one_sentence(fabnet("demo", "--port", held_port), "demo's pages", str(held_port))


def test_an_open_network_needs_a_real_broker(tmp_path):
    answer = fabnet(
        "serve", coordinator_file(tmp_path, broker='"iotcore"', broker_host='"0.0.0.0"')
    )
    one_sentence(answer, "iotcore", "sudo apt-get install mosquitto")


def test_a_missing_broker_says_how_to_install_it(tmp_path):
    if os.access("/usr/sbin/mosquitto", os.X_OK):
        pytest.skip("mosquitto is installed where it is always found")
    one_sentence(fabnet("serve", coordinator_file(tmp_path)), "sudo apt-get install mosquitto")


def test_a_second_coordinator_on_the_same_ledger_is_refused(tmp_path):
    import fcntl

    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "ledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        one_sentence(fabnet("serve", coordinator_file(tmp_path)), "Another coordinator")


def test_a_ledger_that_is_no_database_is_said(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ledger.db").write_bytes(b"this is a letter, not a database " * 100)
    one_sentence(fabnet("serve", coordinator_file(tmp_path)), "ledger.db", "cannot be used")


def test_a_node_is_created_with_secrets_that_only_its_owner_reads(tmp_path):
    config = coordinator_file(tmp_path)
    out = tmp_path / "lab"
    answer = fabnet(
        "node", "create", "lab-nord", "--lab", "Atelier Nord", "--config", config, "--out", out
    )
    assert answer.returncode == 0, answer.stderr
    assert oct((out / "node.key").stat().st_mode)[-3:] == "600"
    assert oct((tmp_path / "data" / "logins").stat().st_mode)[-3:] == "600"
    again = fabnet("node", "create", "lab-nord", "--lab", "x", "--config", config, "--out", out)
    one_sentence(again, "is there already")


def test_a_wrong_design_is_refused_and_nothing_is_kept(tmp_path):
    config = coordinator_file(tmp_path)
    folder = tmp_path / "design"
    shutil.copytree(ROOT / "designs" / "catalogue" / "visor-frame", folder)
    (folder / "frame.stl").write_bytes(b"\xff\xd8\xff\xe0 a photograph " * 50)
    one_sentence(fabnet("design", "add", folder, "--config", config), "frame.stl")
    good = fabnet(
        "design",
        "add",
        ROOT / "designs" / "catalogue" / "visor-frame",
        "--config",
        config,
        "--json",
    )
    assert good.returncode == 0, good.stderr
    assert '"design":"visor-frame"' in good.stdout
