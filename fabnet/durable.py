"""Small files that must be whole after a power cut: keys, certificates, configurations."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a whole file or none, readable by its owner only; it is on the disk afterwards.

    Text is written as UTF-8.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    fresh = path.with_name(path.name + ".part")
    fresh.touch(mode=0o600)
    with fresh.open("wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    # A file's new name is on the disk only with its folder.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
