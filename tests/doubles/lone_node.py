"""A real node process in a folder of its own, cut off from any network, with a granted plate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from fabnet import clock
from fabnet.config import machine_id
from fabnet.node.duty import Kept
from fabnet.node.files import sha256_of
from fabnet.node.journal import Journal
from jobs.lifecycle import AttemptState
from jobs.messages import OfferedAttempt
from jobs.model import AttemptRef
from tests.doubles.commands import fabnet

REF = AttemptRef(job="abcdefghjk", number=1)


class LoneNode:
    """One printer `p1`; whatever is asked of it goes through the command line."""

    def __init__(self, folder: Path, link: str, **lines: str) -> None:
        self.folder = folder
        self.file = folder / "node.toml"
        self.data = folder / "data"
        self.data.mkdir()
        (folder / "secret").write_text("x")
        (folder / "key").write_text("A" * 43 + "=")
        more = "".join(f"{key} = {value}\n" for key, value in lines.items())
        self.file.write_text(
            'id = "lab-a"\nlab = "Atelier Nord"\ncoordinator = "http://127.0.0.1:1"\n'
            'broker = "mqtt://127.0.0.1:1"\ndata_dir = "data"\npassword_file = "secret"\n'
            f'key_file = "key"\nattended = "00:00-24:00"\nslicer = "coordinator"\n{more}'
            f'[[printers]]\nid = "p1"\npreset = "generic-250x210"\n{link}\n'
            'title = "Printer"\nmaterial = "PETG"\ngrams = 500.0\n'
        )
        #: Before each command: where it sees another file system than the test.
        self.inside: tuple[str, ...] = ()
        self._child: subprocess.Popen[bytes] | None = None

    def grant(
        self,
        gcode: str,
        ref: AttemptRef = REF,
        hours: float = 8.0,
        printer: str = "p1",
        plate_sha256: str = "f" * 64,
    ) -> None:
        """As if a plate had been prepared, and granted before the node was started."""
        path = self.folder / f"{ref}.gcode"
        path.write_text(gcode)
        now = clock.now()
        journal = Journal(self.data / "journal.db", machine_id())
        offered = OfferedAttempt(
            attempt=ref, printer=printer, part="frame", pieces=2, material="PETG",
            mesh_sha256="m", plate_sha256=plate_sha256, seconds=600.0, grams=10.0,
        )  # fmt: skip
        with journal.transaction() as db:
            journal.add(db, offered, AttemptState.READY, "", now)
            journal.prepared(
                db, ref, gcode=str(path), gcode_sha256=sha256_of(path), gcode_key="k",
                slicer="test", seconds=600.0, grams=10.0,
            )  # fmt: skip
            kept = Kept(
                at=now, until=now + timedelta(hours=hours),
                until_s=clock.boottime_s() + hours * 3600, boot=clock.boot_id(),
            )  # fmt: skip
            journal.keep_grant(db, ref, kept)
        journal.close()

    def begin(self) -> None:
        """Start it, and do not wait."""
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [*self.inside, sys.executable, "-m", "fabnet", "node", "run", str(self.file)],
                stderr=log,
            )

    def start(self) -> None:
        self.begin()
        until = time.monotonic() + 100
        while self.ask("status").returncode != 0:
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.1)

    def ended(self) -> int | None:
        """Return its exit status, None while it runs."""
        return self._child.poll()

    def kill(self) -> None:
        """Pull the plug."""
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            self._child.wait(100)

    def ask(self, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        words = ["node", command, *map(str, arguments), "--config", str(self.file)]
        if not self.inside:
            return fabnet(*words)
        return subprocess.run(
            [*self.inside, sys.executable, "-m", "fabnet", *words], capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip

    def do(self, command: str, *arguments: object) -> dict:
        answer = self.ask(command, *arguments, "--json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def rss_mb(self) -> float:
        text = Path(f"/proc/{self._child.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024
