"""Which node a maker means who names no file, and what she then need not type."""

import io
import sys

import click
import pytest
from click.testing import CliRunner

from fabnet.cli.common import chosen_printer, named, node_file, say
from fabnet.cli.leave import leave
from fabnet.config import NodeConfig
from fabnet.errors import ConfigError
from fabnet.printer_config import PrinterConfig


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder to be in, and a home; return both."""
    for name in ("here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "here", tmp_path / "home"


def a_config(*printers):
    return NodeConfig(
        id="lab-a", lab="A", coordinator="http://127.0.0.1:1", broker="mqtt://127.0.0.1:1", data_dir="d",
        password_file="p", key_file="k",
        printers=tuple(PrinterConfig(id=each, preset="prusa-mini", manual=True) for each in printers),
    )  # fmt: skip


def test_the_only_printer_need_not_be_named(places):
    one = a_config("left")
    assert chosen_printer(one, node_file(), None).id == "left"
    assert chosen_printer(a_config("left", "right"), node_file(), "right").id == "right"
    with pytest.raises(click.UsageError, match="One of left, right"):
        chosen_printer(a_config("left", "right"), node_file(), None)
    with pytest.raises(click.UsageError, match="there is no printer middle; one of left"):
        chosen_printer(one, node_file(), "middle")
    with pytest.raises(ConfigError, match=r"no printer is in it yet: fabnet node setup$"):
        chosen_printer(a_config(), node_file(), None)


def test_which_node_leaves_is_typed_and_never_found(places):
    put(places[0] / "fabnet-node")
    asked = CliRunner().invoke(leave, [])
    assert isinstance(asked.exception, ConfigError)
    assert "fabnet node leave fabnet-node/node.toml" in str(asked.exception)


def put(folder):
    folder.mkdir(exist_ok=True)
    (folder / "node.toml").write_text("")
    return (folder / "node.toml").resolve()


def test_the_nearest_file_is_meant(places):
    here, home = places
    assert str(node_file()) == "node.toml"
    for folder in (home / "fabnet-node", here / "fabnet-node", here):
        assert put(folder) == node_file().resolve()


def test_only_a_file_that_is_not_found_alone_is_named(places):
    here, home = places
    first = put(home / "fabnet-node")
    assert (named(first), named(first, "--config")) == ("", "")
    other = put(here / "the lab")
    assert named(other, "--config") == f" --config '{other}'"
    assert named(other) == f" '{other}'"
    put(here)
    assert named(first) == f" {first}"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_words_are_whole_on_a_terminal_and_a_command_is_one_line(monkeypatch):
    words = "a word that is long enough to be broken somewhere " * 4
    command = (
        "  fabnet node setup --port /dev/serial/by-id/usb-Prusa_Research__prusa3d.com" + "-x" * 40
    )
    shown = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stderr", shown)
    say(f"{words}\n{command}")
    *lines, last = shown.getvalue().splitlines()
    assert last == command
    assert " ".join(lines) == words.strip()
    assert max(map(len, lines)) <= 40


def test_what_no_terminal_shows_is_left_as_it_is(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    say("a " * 200)
    assert shown.getvalue() == "a " * 200 + "\n"
