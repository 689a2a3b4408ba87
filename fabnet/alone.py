"""Who may work with a folder: one process at a time, and none while a backup takes its place."""

from __future__ import annotations

import fcntl
import shutil
from datetime import datetime
from pathlib import Path
from typing import IO

from fabnet.errors import BackupError, FabnetError


def held_alone(path: Path, refused: FabnetError) -> IO[str]:
    """Hold a file until the handle is closed; Linux lets go of it when the process ends.

    Raises:
        FabnetError: `refused`; another process holds it.
        OSError: the file cannot be made.
    """
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise refused from error
    return handle


def restoring(data_dir: Path) -> Path:
    """Return where a backup is unpacked before it takes the place of what is in a coordinator's folder.

    In that folder itself, which may be a disk of its own: nothing is renamed from one disk to another.
    """
    return data_dir.resolve() / "restoring"


def put_aside(data_dir: Path) -> Path:
    """Return where what was there before lies while a backup takes its place."""
    return restoring(data_dir) / "old"


def make_folder(data_dir: Path) -> Path:
    """Make a coordinator's folder where it is missing; return it.

    Raises:
        BackupError: a backup was being put back here, and was interrupted. Who began with an empty
            ledger now would have forgotten every order.
        OSError: it cannot be made.
    """
    stage = restoring(data_dir)
    if stage.exists() and not (data_dir / "ledger.db").exists():
        raise BackupError(
            f"A backup was being put back as {data_dir}, and that was interrupted: run fabnet restore"
            f" again. What was there before lies in {put_aside(data_dir)}. To begin without any order,"
            f" move {stage} away."
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir


def clear_up(data_dir: Path, now: datetime) -> None:
    """Clear up what a `fabnet restore` has left that was killed; the ledger's lock is held.

    What was there before is kept as `replaced-...`, by `now`.

    Raises:
        OSError: it cannot be moved.
    """
    stage, old = restoring(data_dir), put_aside(data_dir)
    if not stage.exists() or not (data_dir / "ledger.db").exists():
        return
    # The ledger is the first to be put aside, and the last to be there again.
    if old.exists() and any(old.iterdir()):
        old.rename(data_dir / f"replaced-{now:%Y%m%d-%H%M%S}")
    shutil.rmtree(stage, ignore_errors=True)
