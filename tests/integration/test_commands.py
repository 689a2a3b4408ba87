"""Commands: what goes wrong is one clear sentence with what to do, exit 1, and nothing half-done."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fabnet.cli import fabnet as commands
from fabnet.config import load_coordinator, load_node
from fabnet.errors import ConfigError
from tests.doubles.commands import coordinator_file, fabnet, one_sentence
from tests.doubles.lone_node import LoneNode


@pytest.fixture
def held_port():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_help_has_an_example_for_every_command():
    for command in (
        ["serve"], ["node", "run"], ["node", "create"], ["node", "adopt"], ["node", "invite"], ["node", "join"],
        ["node", "uninvite"],
        ["node", "confirm"], ["node", "revoke"], ["node", "rotate"], ["person", "add"],
        ["node", "status"], ["node", "harvest"], ["node", "ready"], ["node", "start"],
        ["node", "give-back"], ["node", "test-print"], ["node", "export-okw"], ["export-okw"],
        ["node", "install"], ["node", "uninstall"], ["node", "leave"],
        ["design", "add"], ["design", "check"], ["design", "export"],
        ["design", "accept"], ["design", "withdraw"], ["design", "release"], ["demo"],
    ):  # fmt: skip
        # In this process: twenty-seven others would take as long as half of this file.
        answer = CliRunner().invoke(commands, [*command, "--help"])
        assert answer.exit_code == 0
        assert "Example: fabnet " + " ".join(command) in answer.stdout


def test_every_option_says_what_it_is_for():
    found = [(command.name, option.opts) for command in every(commands) for option in command.params
             if isinstance(option, click.Option) and not option.help]  # fmt: skip
    assert found == []


def every(command):
    inside = command.commands.values() if isinstance(command, click.Group) else ()
    return [command, *(each for one in inside for each in every(one))]


def test_wrong_usage_is_exit_2():
    assert fabnet("serve", "--no-such-option").returncode == 2
    assert fabnet("nonsense").returncode == 2


def test_a_missing_configuration_is_named(tmp_path):
    one_sentence(fabnet("serve", tmp_path / "none.toml"), "none.toml", "cannot be read")
    one_sentence(
        fabnet("node", "run", tmp_path / "none.toml"), "none.toml", "there is no such file here"
    )


def test_a_taken_web_port_is_said_before_anything_else_starts(tmp_path, held_port):
    answer = fabnet("serve", coordinator_file(tmp_path, port=held_port))
    one_sentence(answer, "The web page", str(held_port), "port in coordinator.toml")


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
    assert oct((out / "mqtt.password").stat().st_mode)[-3:] == "600"
    assert oct(out.stat().st_mode)[-3:] == "700"
    again = fabnet("node", "create", "lab-nord", "--lab", "x", "--config", config, "--out", out)
    one_sentence(again, "is there already")


def test_a_hosted_node_is_made_where_the_coordinator_looks(tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_text('data_dir = "data"\n')
    words = ["node", "create", "chez-awa", "--lab", "Chez Awa", "--config", config]
    assert fabnet(*words).returncode == 2
    one_sentence(fabnet(*words, "--hosted", "no-such-machine"), "no-such-machine", "did you mean")
    assert not (tmp_path / "data" / "hosted").exists()
    done = fabnet(*words, "--hosted", "creality-ender-3", "--hosted", "generic-220x220")
    assert done.returncode == 0, done.stderr
    found = load_node(tmp_path / "data" / "hosted" / "chez-awa" / "node.toml")
    assert [(p.id, p.preset, p.manual) for p in found.printers] == [
        ("printer-1", "creality-ender-3", True), ("printer-2", "generic-220x220", True),
    ]  # fmt: skip
    assert found.slicer == "coordinator"
    one_sentence(fabnet(*words, "--hosted", "creality-ender-3"), "already")

    node = ("--config", tmp_path / "data" / "hosted" / "chez-awa" / "node.toml")
    told = fabnet("node", "export-okw", tmp_path / "okw.json", *node)
    assert (told.returncode, told.stdout) == (0, "")
    assert "it has no place: node.toml has none" in told.stderr
    written = json.loads((tmp_path / "okw.json").read_text(encoding="utf-8"))
    assert written["name"] == "Chez Awa"
    assert [each["model"] for each in written["equipment"]] == [
        "Creality Ender-3", "Generic printer, bed 220 x 220 mm",
    ]  # fmt: skip
    shown = json.loads(fabnet("node", "export-okw", "-", *node).stdout)
    assert shown["equipment"] == written["equipment"]


def test_a_command_without_a_file_says_how_to_name_or_make_one(tmp_path):
    hint = ("coordinator.toml", "no such file here", 'data_dir = "data"')
    one_sentence(fabnet("serve", cwd=tmp_path), *hint, "fabnet serve FILE")
    (tmp_path / "clip.stl").write_bytes(b"solid x\nendsolid x\n")
    one_sentence(fabnet("design", "add", "clip.stl", cwd=tmp_path), *hint, "--config FILE")
    one_sentence(fabnet("plan", "x", cwd=tmp_path), *hint, "--config FILE")
    one_sentence(fabnet("doctor", "none.toml", cwd=tmp_path), "none.toml", "fabnet doctor FILE")


def test_an_account_needs_a_good_password_and_a_maker_a_node_that_is_there(tmp_path):
    config = coordinator_file(tmp_path)

    def add(*words):
        return fabnet("person", "add", "ada", *words, "--config", config)

    good = ("--password", "correct horse battery")
    one_sentence(add("--role", "steward", "--password", "a"), "password", "at least 10 characters")
    nowhere = add("--role", "maker", *good)
    assert nowhere.returncode == 2
    assert "--node NAME" in nowhere.stderr
    one_sentence(add("--role", "maker", "--node", "lab-z", *good), "no node 'lab-z'")
    # Said before anything is asked.
    nobody = add("--role", "maker", "--node", "lab-z")
    one_sentence(nobody, "no node 'lab-z'")
    assert "Choose a password" not in nobody.stderr
    odd = fabnet("person", "add", "Ada L", "--role", "steward", *good, "--config", config)
    one_sentence(odd, "login", "a to z")
    made = fabnet(
        "node", "create", "lab-a", "--lab", "A", "--out", tmp_path / "a", "--config", config
    )
    assert made.returncode == 0, made.stderr
    assert add("--role", "maker", "--node", "lab-a", *good).returncode == 0
    assert add("--role", "steward", *good).returncode == 0
    one_sentence(add("--role", "maker", "--node", "lab-z", *good), "there is: lab-a")
    # One that is too short is asked for again, not the whole command.
    typed = "short\nquatre mots faciles\nquatre mots faciles\n"
    asked = fabnet("person", "add", "bo", "--role", "steward", "--config", config, said=typed)
    assert asked.returncode == 0, asked.stderr
    assert "That has 5 characters" in asked.stderr


def test_what_cannot_be_read_says_what_to_do(tmp_path):
    config = tmp_path / "coordinator.toml"
    config.write_bytes(b"\xff\xfe\x00")
    one_sentence(fabnet("stock", cwd=tmp_path), "is no text (UTF-8): is it the right file?")
    config.write_text('data_dir = "data\nport = 80\n')
    one_sentence(fabnet("stock", cwd=tmp_path), "no TOML at line 1, column 17", 'key = "words"')
    config.write_text('data_dir = "data"\n')
    (tmp_path / "node.toml").write_text('id = "a"\ncoordinator = "https://c"\n')
    one_sentence(
        fabnet("serve", "node.toml", cwd=tmp_path), "node.toml: is a node's file; this command"
    )
    day = fabnet("plan", "x", "--due", "morgen", cwd=tmp_path)
    assert day.returncode == 2
    assert "morgen is no day: write it as 2027-01-31" in day.stderr
    broken = tmp_path / "broken.tar"
    broken.write_bytes(bytes(range(256)) * 40)
    one_sentence(fabnet("restore", broken, cwd=tmp_path), "it is no tar archive, or was cut off")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_file_names_the_user_to_be(tmp_path):
    config = coordinator_file(tmp_path)
    config.chmod(0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match=r"this user \(.+\) may not; .* as with sudo -u"):
            load_coordinator(config)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("language", "called"), [("fr", "Machine à coudre"), ("en", "Sewing machine")]
)
def test_a_hosted_machine_is_called_in_the_language_of_the_command(
    language, called, tmp_path, monkeypatch
):
    monkeypatch.setenv("LANGUAGE", language)
    config = coordinator_file(tmp_path, data_dir='"data"')
    made = fabnet(
        "node", "create", "chez-lea", "--lab", "L", "--hosted", "SEW=12", "--config", config
    )
    assert made.returncode == 0, made.stderr
    (printer,) = load_node(tmp_path / "data" / "hosted" / "chez-lea" / "node.toml").printers
    assert (printer.title, printer.process, printer.rate_per_h) == (called, "SEW", 12.0)


def test_a_machine_that_nobody_knows_is_said_with_file_printer_and_the_nearest(tmp_path):
    config = coordinator_file(tmp_path)
    folder = tmp_path / "a"
    assert fabnet("node", "create", "lab-a", "--lab", "A", "--out", folder, "--config", config
                  ).returncode == 0  # fmt: skip
    with (folder / "node.toml").open("a") as file:
        file.write('[[printers]]\nid = "left"\npreset = "prusa-mk3ss"\nport = "/dev/none"\n')
    one_sentence(
        fabnet("node", "run", folder / "node.toml"),
        "node.toml: printers.left.preset", "'prusa-mk3ss' is no machine", "'prusa-mk3s'",
    )  # fmt: skip


def test_a_look_at_the_machine_alone_names_the_files_that_lie_there(tmp_path):
    folder = tmp_path / "fabnet-node"
    fabnet(
        "node",
        "create",
        "lab-a",
        "--lab",
        "A",
        "--out",
        folder,
        "--config",
        coordinator_file(tmp_path),
    )
    looked = fabnet("doctor", cwd=tmp_path)
    assert "  fabnet doctor coordinator.toml\n" in looked.stderr
    assert "  fabnet doctor fabnet-node/node.toml\n" in looked.stderr
    assert " INFO " not in looked.stderr  # of a broker that is started to be looked at
    assert fabnet("doctor", "--json", cwd=tmp_path).stderr == ""


def test_a_node_file_without_printers_is_not_well(tmp_path):
    config = coordinator_file(tmp_path)
    fabnet("node", "create", "lab-a", "--lab", "A", "--out", tmp_path / "a", "--config", config)
    looked = fabnet("doctor", tmp_path / "a" / "node.toml")
    assert looked.returncode == 1
    assert "NO  printers: none is named" in looked.stdout


def test_an_authority_that_cannot_be_read_is_a_row_of_the_doctor(tmp_path):
    tls = tmp_path / "data" / "tls"
    tls.mkdir(parents=True)
    (tls / "ca.crt").write_text("no certificate", encoding="utf-8")
    config = coordinator_file(tmp_path, data_dir='"data"', host='"0.0.0.0"')
    looked = fabnet("doctor", config)
    assert looked.returncode == 1
    assert "NO  authority: " in looked.stdout
    assert "ca.crt holds no certificate: look as the user that runs" in looked.stdout
    assert "Traceback" not in looked.stderr
    (tls / "ca.crt").unlink()
    (tls / "ca.crt").mkdir()
    assert "NO  authority: " in fabnet("doctor", config).stdout


def test_a_node_without_its_authority_is_looked_at_to_the_end(tmp_path):
    config = coordinator_file(tmp_path)
    folder = tmp_path / "a"
    fabnet("node", "create", "lab-a", "--lab", "A", "--out", folder, "--config", config)
    file = folder / "node.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(f'ca_file = "gone.crt"\n{text}', encoding="utf-8")
    looked = fabnet("doctor", file)
    assert "gone.crt cannot be read (No such file or directory): copy the whole" in looked.stdout
    assert "NO  printers: none is named" in looked.stdout


def test_where_nobody_can_answer_a_question_it_is_said_so(tmp_path):
    config = coordinator_file(tmp_path)
    asked = fabnet("person", "add", "ada", "--role", "steward", "--config", config)
    one_sentence(asked, "nobody is there to answer", "--help")
    assert "Warning: Password input" in asked.stderr
    assert "getpass.py" not in asked.stderr


def test_what_the_system_refuses_is_one_sentence(tmp_path):
    config = coordinator_file(tmp_path, data_dir='"none/of/these"')
    (tmp_path / "none").write_text("a file")
    one_sentence(fabnet("serve", config), f"{tmp_path}/none", "the system says")
    node = LoneNode(tmp_path, "manual = true")
    nowhere = tmp_path / "nowhere" / "okw.json"
    told = fabnet("node", "export-okw", nowhere, "--config", node.file)
    one_sentence(told, f"{nowhere}: ", "is the name right?")


def test_a_nodes_file_that_lies_elsewhere_is_named(tmp_path):
    (tmp_path / "fabnet-node").mkdir()
    node = LoneNode(tmp_path / "fabnet-node", "manual = true")
    one_sentence(
        fabnet("node", "run", "node.toml", cwd=tmp_path), f"yours is fabnet-node/{node.file.name}"
    )


def test_a_disk_that_is_full_is_no_traceback():
    buffered = {name: told for name, told in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fabnet", "doctor"], stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False, env=buffered,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "fabnet: the disk is full: make room, and run the command again\n"
