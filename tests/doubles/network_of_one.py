"""A coordinator's own process with a real broker, and people in front of its pages over HTTP."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests

from fabnet.broker import free_port
from jobs.ledger.books import audit
from jobs.ledger.store import Ledger
from tests.doubles.commands import fabnet
from tests.doubles.waiting import until

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"


class Coordinator:
    """`fabnet serve` in a folder of its own, with the steward camille."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = folder / "coordinator.toml"
        self.file.write_text(
            f'data_dir = "data"\nport = {self.port}\nbroker_port = {free_port()}\n'
            'timezone = "Europe/Paris"\n'
        )
        #: Before its command: where it sees another file system than the test.
        self.inside: tuple[str, ...] = ()
        self._child: subprocess.Popen[bytes] | None = None
        self.fabnet("person", "add", "camille", "--role", "steward", "--password", PASSWORD)

    def fabnet(self, *words: str) -> str:
        done = fabnet(*words, "--config", self.file)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self._child = subprocess.Popen(
                [*self.inside, sys.executable, "-m", "fabnet", "serve", str(self.file)],
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        until(self._answers)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it; with SIGKILL its broker is left behind, as by a crash, and ended here."""
        if self._child is not None:
            os.kill(self._child.pid, how)
            self._child.wait(60)
            self._child = None

    def ledger(self) -> Ledger:
        """The ledger beside the process; every law is checked by it."""
        return Ledger(self.folder / "data" / "ledger.db", audit=audit)

    def person(self, login: str = "", password: str = PASSWORD) -> Browser:
        found = Browser(self.url)
        if login:
            assert found.send("/sign-in", login=login, password=password).ok
        return found


class Browser:
    """A person's browser: keeps cookies, and reads a page's hidden fields before it sends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = "en"

    def get(self, path: str) -> requests.Response:
        return self._session.get(self._url + path, timeout=60)

    def send(self, path: str, at: str = "", **fields: str) -> requests.Response:
        """Send the form of the page `at` to `path`."""
        hidden = re.findall(
            r'type="hidden" name="(\w+)" value="([^"]*)"', self.get(at or path).text
        )
        return self._session.post(self._url + path, data=dict(hidden) | fields, timeout=60)
