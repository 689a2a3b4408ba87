"""`fabnet node install` and `uninstall`, with a systemctl that notes down what it is told, and with none."""

import stat

import pytest

from tests.doubles.commands import fabnet
from tests.doubles.lone_node import LoneNode

UNIT = "fabnet-node-lab-a.service"


@pytest.fixture
def lone(tmp_path):
    made = LoneNode(tmp_path, "manual = true")
    yield made
    made.stop()


@pytest.fixture
def machine(tmp_path, lone):
    """A machine whose systemctl answers `rc`; returns a way to call fabnet there."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def call(command, *arguments, systemctl="exit 0", said=""):
        for name in ("systemctl", "loginctl"):
            program = programs / name
            program.unlink(missing_ok=True)
            if systemctl is not None:
                program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/told\n{systemctl}\n')
                program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return fabnet(
            "node", command, lone.file, *arguments, said=said, PATH=str(programs),
            XDG_CONFIG_HOME=str(tmp_path / "config"), XDG_RUNTIME_DIR=str(tmp_path),
        )  # fmt: skip

    return call


def told(tmp_path):
    path = tmp_path / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [line for line in lines if "show-environment" not in line]


def unit(tmp_path):
    return tmp_path / "config" / "systemd" / "user" / UNIT


def test_it_is_written_switched_on_and_started_and_again_changes_nothing(machine, tmp_path):
    first = machine("install", systemctl='case "$*" in *is-active*) exit 3;; esac')
    assert first.returncode == 0, first.stderr
    assert "restart" not in first.stderr, "what has just begun need not begin anew"
    assert [line for line in told(tmp_path) if "is-active" not in line][:2] == [
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {UNIT}",
    ]
    assert "sudo loginctl enable-linger" in first.stderr
    before = unit(tmp_path).read_text()
    assert machine("install").returncode == 0
    assert unit(tmp_path).read_text() == before
    unit(tmp_path).write_text("of an older fabnet")
    assert f"systemctl --user restart {UNIT}" in machine("install").stderr
    assert machine("uninstall").returncode == 0
    assert f"systemctl --user disable --now {UNIT}" in told(tmp_path)
    assert not unit(tmp_path).exists()
    again = machine("uninstall")
    assert again.returncode == 0
    assert "nothing to undo" in again.stderr


def test_print_shows_it_and_changes_nothing(machine, tmp_path):
    shown = machine("install", "--print")
    assert shown.returncode == 0
    assert shown.stdout.startswith("[Unit]")
    assert f'"{tmp_path}/node.toml"' in shown.stdout
    assert not unit(tmp_path).exists()
    assert told(tmp_path) == []


def test_a_node_that_runs_by_hand_is_not_fought_over(machine, lone, tmp_path):
    lone.start()
    answer = machine("install", systemctl='case "$*" in *is-active*) exit 3;; esac')
    assert answer.returncode == 0, answer.stderr
    assert f"systemctl --user enable {UNIT}" in told(tmp_path)
    assert f"systemctl --user start {UNIT}" in answer.stderr


def test_without_systemd_it_says_what_to_run_instead(machine, tmp_path):
    none = machine("install", systemctl=None)
    assert none.returncode == 1
    assert "@reboot" in none.stderr
    assert "node run" in none.stderr
    assert not unit(tmp_path).exists()
    deaf = machine("install", systemctl="exit 1")
    assert deaf.returncode == 1
    assert f"systemctl --user enable --now {UNIT}" in deaf.stderr
    assert unit(tmp_path).exists()


@pytest.mark.parametrize(
    ("status", "words"), [(203, "may not read it"), (226, "its folders"), (1, "ends again at once")]
)
def test_a_node_that_does_not_come_up_is_no_success(machine, status, words):
    said = f"NRestarts=1; echo ExecMainStatus={status}"
    answer = machine("install", systemctl=f'case "$*" in *" show "*) echo {said};; esac')
    assert answer.returncode == 1
    assert words in answer.stderr
    assert f"  journalctl --user -u {UNIT} -n 20" in answer.stderr
    assert "it runs now" not in answer.stderr


def test_what_systemd_refuses_is_said_in_its_words(machine, tmp_path):
    answer = machine("install", systemctl='case "$*" in *enable*) echo masked >&2; exit 1;; esac')
    assert answer.returncode == 1
    assert "masked" in answer.stderr
    assert "Traceback" not in answer.stderr
