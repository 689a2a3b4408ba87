"""A real OctoPrint with its virtual printer, as the tests of a printer connection want one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import requests

from fabnet.demo.octoprint import OctoPrint, find_octoprint
from printers.connect import Connection


def need_octoprint() -> None:
    """Skip the test where OctoPrint is not installed; on CI it must be."""
    if find_octoprint() is None:
        why = "no OctoPrint here: run scripts/octoprint"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)


class OctoPrinter(OctoPrint):
    """With what a person, or an accident, does to it."""

    def __init__(self, folder: Path) -> None:
        need_octoprint()
        super().__init__(folder / "octoprint")
        self.connection = Connection(octoprint=self.url, api_key=self.key)

    def executed(self) -> list[str]:
        """Return the commands of prints that reached the printer."""
        return self.received()

    def ask(self, method: str, path: str, **kwargs: object) -> requests.Response:
        """Do as OctoPrint's own page does."""
        answer = requests.request(
            method, self.url + path, headers={"X-Api-Key": self.key}, timeout=60, **kwargs
        )
        assert answer.ok, answer.text
        return answer

    def print_by_hand(self, name: str, lines: list[str]) -> None:
        """Upload a file and print it, as a person does on OctoPrint's page."""
        gcode = "\n".join([*lines, ""])
        self.ask("POST", "/api/files/local", files={"file": (name, gcode)}, data={"print": "true"})

    def type_in(self, line: str) -> None:
        """Write a line into OctoPrint's terminal; `!!DEBUG:` speaks to the virtual printer."""
        self.ask("POST", "/api/printer/command", json={"command": line})

    def job(self) -> dict:
        return self.ask("GET", "/api/job").json()

    def wait_for_state(self, state: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while self.job()["state"] != state:
            assert time.monotonic() < until, f"it is {self.job()}"
            time.sleep(0.05)
