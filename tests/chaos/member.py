"""A process that is killed, paused and started again; none of them outlives the harness."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel kills this process with its parent, a stopped one too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Member:
    """One process of the network. Used by one thread, which lives as long as the run."""

    def __init__(
        self, name: str, command: list[str], log: Path, environment: Mapping[str, str] = {}
    ) -> None:
        self.name = name
        self.starts = 0
        self.burnt = False
        self.started_s = 0.0
        self.killed_young = False
        self._command = command
        self._log = log
        self._environment = {**os.environ, **environment}
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before_s = 0.0
        self._stopped_to_s: float | None = None

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return None if self._child is None or self._child.poll() is not None else self._child.pid

    def keep(self) -> None:
        """Start it where it is due; let it go on where its pause is over."""
        now_s = time.monotonic()
        if self._stopped_to_s is not None and now_s >= self._stopped_to_s:
            self.go_on()
        if self.burnt or self.pid is not None or now_s < self._not_before_s:
            return
        if self._child is not None:
            # Whoever ends by himself is started again after a moment, as systemd does.
            self._not_before_s = now_s + 0.5
        self.starts += 1
        self.started_s = now_s
        with self._log.open("ab") as log:
            log.write(f"--- start {self.starts} at {time.time():.2f}\n".encode())
            log.flush()
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, preexec_fn=die_with_parent,  # noqa: PLW1509 - one C call
            )  # fmt: skip

    def kill(self, down_s: float = 0.0) -> bool:
        """kill -9; return whether there was anything to kill."""
        self._not_before_s = time.monotonic() + down_s
        self._stopped_to_s = None
        if self.pid is None or self._child is None:
            return False
        self._child.kill()
        self._child.wait()
        return True

    def is_at_work(self, connected_at_s: Sequence[float], for_s: float) -> bool:
        """Whether this process has been connected for so long."""
        late_s = time.monotonic() - for_s
        return self.pid is not None and any(self.started_s < at < late_s for at in connected_at_s)

    def may_be_killed(self, *, at_work: bool) -> bool:
        """Whether it is its turn: once in its youth, and then when it has been at work again.

        However slow the machine is, a process that is never let to come up breaks nothing more.
        """
        allowed = at_work or not self.killed_young
        if allowed:
            self.killed_young = not at_work
        return allowed

    def pause(self, for_s: float) -> bool:
        """SIGSTOP."""
        if self.pid is None:
            return False
        os.kill(self.pid, signal.SIGSTOP)
        self._stopped_to_s = time.monotonic() + for_s
        return True

    def go_on(self) -> None:
        """SIGCONT."""
        self._stopped_to_s = None
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """End it for good: politely, then not."""
        self.burnt = True
        if self._child is None:
            return
        self.go_on()
        with suppress(ProcessLookupError):
            self._child.terminate()
        try:
            self._child.wait(8)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
