"""Which node a maker means who names no file, and what she then need not type."""

import io
import sys

import pytest

from fabnet.cli.common import named, node_file, say


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder to be in, and a home; return both."""
    for name in ("here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "here", tmp_path / "home"


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
