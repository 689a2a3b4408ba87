"""Who may work with a folder: one process at a time, and none while a backup takes its place."""

from __future__ import annotations

import fcntl
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
    """Return where a backup is unpacked before it takes the place of a coordinator's folder."""
    data_dir = data_dir.resolve()
    return data_dir.with_name(data_dir.name + ".restoring")


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
            f" again. What was there before lies beside it as {data_dir.name}.replaced-... To begin"
            f" without any order, move {stage} away."
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir
