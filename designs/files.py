"""Files by their SHA-256 in a folder: whole, and on the disk before their name is told."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from designs.errors import MissingFileError

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Files:
    """The files of one folder, which is made where it is missing; used from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, path: Path) -> str:
        """Copy a file into the folder; return its SHA-256. It is on the disk when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()

        def read() -> Iterator[bytes]:
            with path.open("rb") as source:
                while block := source.read(1 << 20):
                    digest.update(block)
                    yield block

        self.put(read(), lambda: self._path(digest.hexdigest()))
        return digest.hexdigest()

    def put(self, blocks: Iterable[bytes], place: Callable[[], Path]) -> None:
        """Write a whole file or none; its place is asked for once it is written."""
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix="new-", delete=False) as fresh:
            try:
                for block in blocks:
                    fresh.write(block)
                fresh.flush()
                os.fsync(fresh.fileno())
                (target := place()).parent.mkdir(exist_ok=True)
                Path(fresh.name).replace(target)
            except OSError:
                Path(fresh.name).unlink(missing_ok=True)
                raise
        _sync_folder(target.parent)

    def find(self, sha256: str) -> Path | None:
        """Return where the file of this hash lies; None when it is not here, or this is no hash."""
        path = self._path(sha256)
        return path if _SHA256.fullmatch(sha256) and path.is_file() else None

    def need(self, sha256: str) -> Path:
        """As `find`.

        Raises:
            MissingFileError: it is not here.
        """
        path = self.find(sha256)
        if path is None:
            raise MissingFileError(sha256)
        return path

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
