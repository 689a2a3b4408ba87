"""A coordinator off loopback, over TLS: what nodes elsewhere join."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from fabnet.broker import free_port
from jobs.coordinator import enrolment
from jobs.joining import JoinCode, pin_of
from jobs.ledger import members
from jobs.ledger.store import Ledger

EVERYWHERE = "0.0.0.0"  # noqa: S104 - TLS is what is done off loopback


def now():
    return datetime.now(UTC)


class Coordinator:
    """`fabnet serve` off loopback, in a process of its own."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.file = folder / "coordinator.toml"
        values = {
            "data_dir": "data", "host": EVERYWHERE, "port": self.port, "public_url": self.url,
            "broker_host": EVERYWHERE, "broker_port": free_port(),
        }  # fmt: skip
        self.file.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
        self.log = folder / "log"
        self.start()
        self.ledger = Ledger(folder / "data" / "ledger.db")

    @property
    def ca(self):
        return str(self.folder / "data" / "tls" / "ca.crt")

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fabnet", "serve", self.file], stdout=log, stderr=log
            )
        until = time.monotonic() + 100
        while time.monotonic() < until:
            with contextlib.suppress(requests.RequestException, OSError):
                if requests.get(f"{self.url}/healthz", verify=self.ca, timeout=10).ok:
                    return
            threading.Event().wait(0.1)
        pytest.fail(self.log.read_text())

    def stop(self):
        self.ledger.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def invite(self, lab="Atelier Nord"):
        token = enrolment.invite(self.ledger, lab, "steward", now())
        return JoinCode(url=self.url, token=token, pin=pin_of(Path(self.ca).read_text()))

    def confirm(self, node):
        found = members.member(self.ledger.reading, node)
        enrolment.confirm(self.ledger, node, found.fingerprint, "steward", now())
