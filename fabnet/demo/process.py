"""A process of the demo that is started again when it dies, as systemd would."""

from __future__ import annotations

import logging
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fabnet.broker import die_with_parent

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Process:
    """A child that is started again when it dies."""

    name: str
    command: list[str]
    log: Path
    child: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def keep(self) -> None:
        """Start it if it does not run."""
        if self.child is not None and self.child.poll() is None:
            return
        if self.child is not None:
            _log.warning("%s has ended (%s); starting it again", self.name, self.child.returncode)
        self.starts += 1
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call, no lock is taken
            )

    def stop(self) -> None:
        """End it."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def last_words(self) -> str:
        """Return the last line of its log."""
        lines = (
            self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        )
        return lines[-1] if lines else "nothing"
