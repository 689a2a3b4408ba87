"""A machine of its own for a test: a real systemd as its first process, which a power cut can hit.

It has its own processes, mounts, /run, /etc/systemd/system and control groups, and the disk and the network
of the machine that the tests run on. Root makes it with unshare(1); where that is not allowed, there
is none, see `why_not`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")
#: What a service and `multi-user.target` want; nothing else of this machine's units is started.
_TARGETS = ("multi-user", "basic", "sysinit", "shutdown", "network")
_UP_S = 60
# A Python in root's home is shown where everybody may look: services run as somebody else.
_BOOT = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/python
mount --bind "$2" /run/python
home=~root
case "$2" in "$home"/*)
    mount -t tmpfs -o mode=755 tmpfs "$home"
    mkdir -p "$2"
    mount --bind /run/python "$2"
esac
mount --bind "$1/etc" /etc/systemd/system
mount --bind "$1/srv" /srv
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=fabnet LANG=C.UTF-8 \\
    SYSTEMD_UNIT_PATH="/etc/systemd/system:$1/units" \\
    SYSTEMD_GENERATOR_PATH="$1/none" SYSTEMD_ENVIRONMENT_GENERATOR_PATH="$1/none" \\
    "$3" --system --unit=multi-user.target --log-target=console --show-status=no
"""


def why_not() -> str:
    """Return why no such machine can be made here; "" where it can."""
    if os.geteuid() != 0:
        return "only root can make a machine with a systemd of its own"
    missing = [name for name in ("unshare", "nsenter", "systemctl") if shutil.which(name) is None]
    if missing or not SYSTEMD.exists():
        return f"there is no {', '.join(missing) or SYSTEMD} here"
    if _groups() is None:
        return "there are no control groups of version 2 here"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--uts", "--cgroup", "--fork", "mount", "-t", "cgroup2",
         "cgroup2", "/sys/fs/cgroup"], capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    return f"unshare: {tried.stderr.strip()}" if tried.returncode else ""


def _groups() -> Path | None:
    """Return where control groups of version 2 are mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next((Path(each[1]) for each in mounts if each[2] == "cgroup2"), None)


class Machine:
    """One machine; it is off until it is switched on.

    Args:
        folder: empty; its `srv` is the machine's /srv, and stays through power cuts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("etc", "srv", "units"):
            (folder / name).mkdir()
        for name in _TARGETS:
            shutil.copy(SYSTEMD.with_name("system") / f"{name}.target", folder / "units")
        self._group = (_groups() or Path()) / f"fabnet-test-{os.getpid()}"
        self._unshare: subprocess.Popen[bytes] | None = None
        self._first = 0

    def switch_on(self) -> None:
        """Start it, and wait until it is up."""
        self._group.mkdir(exist_ok=True)
        joined = f'echo $$ > "{self._group}/cgroup.procs" && exec "$@"'
        with (self.folder / "console").open("ab") as console:
            self._unshare = subprocess.Popen(
                ["sh", "-c", joined, "sh", "unshare", "--mount", "--pid", "--uts", "--cgroup", "--fork",
                 "--kill-child", "--mount-proc", "sh", "-c", _BOOT, "sh", str(self.folder),
                 sys.base_prefix, str(SYSTEMD)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            )  # fmt: skip
        pause = threading.Event()
        for _ in range(_UP_S * 5):
            assert self._unshare.poll() is None, self.console()
            pause.wait(0.2)
            self._first = self._child()
            if self._first and "running" in self.run("systemctl", "is-system-running").stdout:
                return
        raise AssertionError(self.console())

    def _child(self) -> int:
        assert self._unshare is not None
        pid = self._unshare.pid
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(told[0]) if told else 0

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        return subprocess.run(
            ["nsenter", "--target", str(self._first), "--mount", "--pid", "--uts", "--cgroup",
             *map(str, command)],
            capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
            cwd="/",
        )  # fmt: skip

    def cut_the_power(self) -> None:
        """End all of its processes in one moment; with the first one the kernel kills the others."""
        if self._unshare is None:
            return
        if self._first:
            subprocess.run(["kill", "-KILL", str(self._first)], check=False)
        else:
            self._unshare.kill()
        self._unshare.wait(20)
        self._unshare, self._first = None, 0

    def take_away(self) -> None:
        """Switch it off for good."""
        self.cut_the_power()
        for found in sorted(self._group.rglob("*"), reverse=True):
            if found.is_dir():
                found.rmdir()
        if self._group.exists():
            self._group.rmdir()

    def console(self) -> str:
        """Return what its systemd has said."""
        return (self.folder / "console").read_text(errors="replace")
