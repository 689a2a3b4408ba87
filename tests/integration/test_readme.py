"""The network of one's own that README.md shows: its commands, word for word and in its order."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fabnet.broker import find_mosquitto
from tests.doubles.commands import ROOT, coordinator_file
from tests.doubles.waiting import until

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
#: What a person types where a command asks.
ANSWERS = {
    "person add": "quatre mots faciles\n" * 2,
    "node confirm": "y\n",
    # machine, name, spool, grams, the first question on safety, hours, test print
    "node setup": "6\n\nPLA\n800\nn\n\nn\n",
}
STAY = ("serve", "sim-printer", "node run")


def shown():
    """Return the commands, without what is said beside them."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("> coordinator.toml\n")[2].partition("\n[docs/running.md]")[0]
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    return [line.removeprefix("fabnet ") for line in lines if line.startswith("fabnet ")]


class Terminal:
    """Runs what a person types in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = ""
        self.stay = []
        self._env = {**os.environ, "HOME": str(folder), "TZ": "UTC"}

    def type(self, line):
        words = line.replace("CODE", self.code).replace("../designs", f"{ROOT}/designs")
        argv = [sys.executable, "-m", "fabnet", *shlex.split(words)]
        if line.startswith(STAY):
            with self.log(line).open("w") as log:
                self.stay.append(
                    subprocess.Popen(argv, cwd=self.folder, env=self._env, stdout=log, stderr=log)
                )
            return ""
        told = next((told for begin, told in ANSWERS.items() if line.startswith(begin)), "")
        done = subprocess.run(
            argv, cwd=self.folder, env=self._env, input=told, capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if line.startswith("node invite"):
            self.code = done.stdout.strip()
        return done.stdout + done.stderr

    def log(self, line):
        return self.folder / f"{line.replace(' ', '-').replace('/', '-')}.log"

    def close(self):
        for each in reversed(self.stay):
            each.send_signal(signal.SIGINT)
        for each in reversed(self.stay):
            each.wait(60)


@needs_mosquitto
def test_the_readme_s_own_network_comes_up_word_for_word(tmp_path):
    lines = shown()
    assert [line for line in lines if line.startswith(STAY)] == list(STAY)
    coordinator_file(tmp_path)  # as the README's, with ports that nobody holds
    terminal = Terminal(tmp_path)
    try:
        for line in lines:
            terminal.type(line)
            if line == "serve":
                until(lambda: "the pages are at" in terminal.log("serve").read_text(), 60)
            elif line == "sim-printer":
                until((tmp_path / "sim-printer.tty").exists, 60)
        log = terminal.log("node run")
        until(lambda: "the network is reached" in log.read_text(), 60)
        until(lambda: "ender-3: idle" in terminal.type("node status"), 60)
    finally:
        terminal.close()
