"""A file that one process holds for itself, so that no other works with what lies beside it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from fabnet.errors import FabnetError


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
