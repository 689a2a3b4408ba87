"""A reboot brings the node back: `fabnet node install --system` under a real systemd, and a power cut."""

import subprocess
import sys
import time

import pytest

from fabnet.node.unit import program
from tests.doubles.lone_node import LoneNode
from tests.doubles.machine import Machine, why_not

NODE = "/srv/lab/node.toml"
UNIT = "fabnet-node-lab-a.service"
pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can")


@pytest.fixture(scope="module", autouse=True)
def _one_starts(tmp_path_factory):
    """Some containers let a systemd be started, and not come up."""
    tried = Machine(tmp_path_factory.mktemp("tried"))
    try:
        tried.switch_on()
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no systemd comes up here: {str(error)[-300:]}")
    finally:
        tried.take_away()


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    made.take_away()


@pytest.fixture
def lab(machine):
    """A node's folder on that machine, which belongs to a user without power."""
    folder = machine.folder / "srv" / "lab"
    folder.mkdir()
    LoneNode(folder, "manual = true")
    subprocess.run(["chown", "-R", "daemon:", folder], check=True)
    return folder


def fabnet(machine, *words):
    return machine.run(*program(), "node", *words)


def answers(machine, seconds=60):
    """Whether the node answers within so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if fabnet(machine, "status", "--config", NODE).returncode == 0:
            return True
        time.sleep(0.3)
    return False


def first_process(machine):
    return int(machine.run("systemctl", "show", "--property=MainPID", "--value", UNIT).stdout)


def test_a_node_comes_back_after_a_kill_and_after_a_power_cut(machine, lab):
    machine.switch_on()
    said = fabnet(machine, "install", NODE, "--system")
    assert said.returncode == 0, said.stderr + machine.console()
    assert "it runs now" in said.stderr
    assert answers(machine, 1), "install has seen it answer"
    before = first_process(machine)
    status = machine.run("cat", f"/proc/{before}/status").stdout
    told = dict(line.partition(":\t")[::2] for line in status.splitlines())
    assert told["Uid"].split()[0] == "1", "it runs as the folder's owner"
    assert (told["CapEff"], told["NoNewPrivs"]) == ("0" * 16, "1")

    machine.run("kill", "-KILL", before)
    assert answers(machine)
    assert first_process(machine) not in (0, before)

    machine.cut_the_power()
    machine.switch_on()
    assert answers(machine), machine.console()

    assert fabnet(machine, "uninstall", NODE, "--system").returncode == 0
    machine.cut_the_power()
    machine.switch_on()
    assert fabnet(machine, "status", "--config", NODE).returncode == 1
    assert (lab / "data" / "journal.db").exists()


def test_a_node_that_cannot_be_started_is_said_to_be_so(machine, lab):
    machine.switch_on()
    machine.run("chown", "root:", "/srv/lab/secret")
    machine.run("chmod", "600", "/srv/lab/secret")
    said = fabnet(machine, "install", NODE, "--system")
    assert said.returncode == 1
    assert "does not run: it ends again at once" in said.stderr
    assert "it runs now" not in said.stderr


def test_the_unit_writes_nowhere_else(machine, lab):
    """What the unit shuts in is shut in: its own lines around another program."""
    machine.switch_on()
    shown = fabnet(machine, "install", NODE, "--system", "--print").stdout
    touch = f"{sys.executable} -c \"open('{{}}', 'w')\""
    for name, path in (("own", "/srv/lab/data/x"), ("other", "/srv/x"), ("system", "/etc/x")):
        lines = [
            f"ExecStart={touch.format(path)}" if line.startswith("ExecStart=") else line
            for line in shown.replace("Restart=always", "Type=oneshot").splitlines()
        ]
        (machine.folder / "etc" / f"{name}.service").write_text("\n".join(lines) + "\n")
        machine.run("systemctl", "daemon-reload")
        done = machine.run("systemctl", "start", f"{name}.service")
        assert (done.returncode == 0) is (name == "own"), (name, done.stderr, machine.console())
