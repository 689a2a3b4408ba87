"""Unpacks an untrusted ZIP archive into a folder, within bounds. Knows nothing of what is in it."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from designs.errors import ArchiveError

MOST_FILES = 500
MOST_BYTES = 256 << 20
_MOST_RATIO = 200
_BLOCK = 1 << 20


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack into an empty folder; return it, or the one folder that everything lies in.

    Raises:
        ArchiveError: it is no ZIP, is broken or locked, would grow without bound, or holds a path or
            a link that leads elsewhere; nothing is then left behind.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [(_name(each), each) for each in opened.infolist()]
            entries = [(name, each) for name, each in found if not name.endswith("/")]
            _check(archive, entries)
            for name, entry in entries:
                _write(opened, entry, folder / name)
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    ) as error:  # fmt: skip
        _empty(folder)
        raise ArchiveError(archive.name, f"cannot be unpacked: {error}") from error
    except (OSError, ArchiveError):
        _empty(folder)
        raise
    within = [each for each in folder.iterdir() if each.name != "__MACOSX" and each.name[0] != "."]
    return within[0] if len(within) == 1 and within[0].is_dir() else folder


def _name(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name with slashes: some programs on Windows write them the other way round."""
    return entry.filename.replace("\\", "/")


def _check(archive: Path, entries: list[tuple[str, zipfile.ZipInfo]]) -> None:
    if not entries:
        raise ArchiveError(archive.name, "holds no file")
    if len(entries) > MOST_FILES:
        raise ArchiveError(archive.name, f"holds {len(entries)} files, more than {MOST_FILES}")
    grown = sum(each.file_size for _, each in entries)
    if grown > min(MOST_BYTES, _MOST_RATIO * max(archive.stat().st_size, 1 << 10)):
        raise ArchiveError(archive.name, f"would grow to {grown >> 20} MiB")
    seen: set[str] = set()
    for name, each in entries:
        if name.startswith("/") or ":" in name or ".." in name.split("/"):
            raise ArchiveError(archive.name, f"{name[:80]!r} leads out of the archive")
        kind = stat.S_IFMT(each.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise ArchiveError(archive.name, f"{name[:80]!r} is a link, or no file at all")
        if each.flag_bits & 1:
            raise ArchiveError(archive.name, "is locked with a password")
        if name.lower() in seen:
            raise ArchiveError(archive.name, f"{name[:80]!r} is there twice")
        seen.add(name.lower())


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, out: Path) -> None:
    """Write one file; zipfile reads no more than the size that was checked."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, out.open("xb") as file:
        shutil.copyfileobj(source, file, _BLOCK)


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
