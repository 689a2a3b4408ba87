"""A folder on a disk of its own that a test fills, or breaks as a worn card breaks: a real file system.

It is mounted in a view of the file system that only its own processes have, and is gone with them. Only
root may do that, see `why_not`.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

_MOUNT = """\
set -e
mkdir "$1.disk"
if [ "$2" = full ]; then
    mount -t tmpfs -o size=6m none "$1.disk"
else
    truncate -s 24M "$1.img"
    mkfs.ext4 -q "$1.img"
    mount -o loop,errors=remount-ro "$1.img" "$1.disk"
fi
cp -a "$1/." "$1.disk"
sync -f "$1.disk"
mount --move "$1.disk" "$1"
echo mounted
exec sleep infinity
"""


class SmallDisk:
    """One disk.

    Args:
        folder: what is in it is copied to the disk, which is mounted over it.
        kind: "full", which `breaks` leaves without a free byte, or "read-only", whose file system finds a
            fault in itself then.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT, "sh", str(folder), kind],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        with self._holder.stdout as told:
            assert told.readline() == b"mounted\n"
        self.inside = ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--")
        #: The same folder as it is seen from outside.
        self.folder = Path(f"/proc/{self._holder.pid}/root{folder}")

    def breaks(self) -> None:
        """From now on nothing can be written."""
        if self._kind == "full":
            fill_up(self.folder / "filler")
            return
        device = self._run("findmnt", "--noheadings", "--output=SOURCE", str(self._folder)).strip()
        Path(f"/sys/fs/ext4/{device.rpartition('/')[2]}/trigger_fs_error").write_text("1")

    def heals(self) -> None:
        """There is room again; a file system that was at fault is mounted anew: nobody may use it."""
        if self._kind == "full":
            (self.folder / "filler").unlink()
            return
        self._run("umount", str(self._folder))
        self._run("mount", "-o", "loop,errors=remount-ro", f"{self._folder}.img", str(self._folder))

    def _run(self, *command: str) -> str:
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> None:
        """Let go of it; whoever uses it has ended."""
        self._holder.kill()
        self._holder.wait()


def why_not(kind: str) -> str:
    """Return why there can be no such disk here; "" where there can."""
    if os.geteuid() != 0:
        return "only root may mount a disk"
    programs = ["unshare", "nsenter"] + (["mkfs.ext4", "findmnt"] if kind == "read-only" else [])
    if missing := [name for name in programs if shutil.which(name) is None]:
        return f"there is no {', '.join(missing)} here"
    if kind == "read-only" and not Path("/dev/loop-control").exists():
        return "there are no loop devices here"
    what = "mount -t tmpfs none /mnt" if kind == "full" else "losetup --find"
    tried = subprocess.run(
        ["unshare", "--mount", "sh", "-c", what], capture_output=True, text=True, check=False
    )
    return f"nothing may be mounted here: {tried.stderr.strip()}" if tried.returncode else ""


def fill_up(path: Path) -> None:
    """Write to a file until its disk has not a byte left."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in (1 << 16, 512, 1):
            while True:
                try:
                    os.write(handle, bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break
    finally:
        os.close(handle)
