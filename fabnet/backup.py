"""A copy of all that a coordinator cannot do without, and how it is put back.

The copy is made while the coordinator runs: SQLite's own backup gives a whole ledger at one moment.
What can be made anew (slices, the broker's files) is left out, and the marks too: without its mark a
ledger knows that it was put back, and asks every node what it has forgotten (`jobs.ledger.mark`,
`jobs.coordinator.restoring`).
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from fabnet.alone import clear_up, held_alone, put_aside, restoring
from fabnet.errors import BackupError, FabnetError
from fabnet.node.files import sha256_of
from fabnet.node.home import adopt
from jobs.errors import LedgerError
from jobs.ledger import log_file
from jobs.ledger.disk import DiskTrouble, trouble_of
from jobs.ledger.store import Ledger

_FORMAT = 1
_MANIFEST = "fabnet-backup.json"
_ARCHIVE = "backup.tar"
_LEDGER, _LOCK = "ledger.db", "ledger.lock"
#: Made anew at every start.
_LEFT_OUT = frozenset({"slices", "broker"})
#: Of the disk that is written to, and not of what is read.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FAULTS = _FULL | {errno.EROFS}
#: In its folder, and not of it.
_NOT_ITS_DATA = frozenset({_LOCK, "restoring", "lost+found"})
_LEFT_OUT_ENDS = (".db-wal", ".db-shm", ".mark", ".lock", ".new", ".part")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    format: int
    made_at: str
    orders: int
    files: dict[str, str]  # SHA-256 by path


def make(data_dir: Path, out: Path, now: datetime) -> Manifest:
    """Write a backup (a tar file, readable by its owner only); a coordinator may be running.

    Raises:
        BackupError: there is no ledger, the target is there already, lies among what is copied, or
            cannot be written.
    """
    if not (data_dir / _LEDGER).exists():
        raise BackupError(f"There is no ledger in {data_dir}: nothing to back up.")
    if out.exists():
        raise BackupError(f"{out} is there already; choose another name.")
    if out.resolve().is_relative_to(data_dir.resolve()):
        raise BackupError(
            f"{out} lies in {data_dir}: the next backup would hold this one, and whoever loses the"
            " folder loses both. Choose a place outside it, best on another disk."
        )
    _refuse_mixture(data_dir)
    try:
        with _bench(data_dir, out) as bench:
            manifest = _write(data_dir, bench, now)
            (bench / _ARCHIVE).rename(out)
    except (OSError, sqlite3.Error) as error:
        why = _why(error, data_dir, out.resolve().parent)
        if not out.parent.is_dir():
            why = f"there is no folder {out.parent}"
        raise BackupError(f"The backup {out} cannot be written: {why}") from error
    return manifest


def _why(error: OSError | sqlite3.Error, data_dir: Path, target: Path) -> str:
    """Say in words why nothing more can be written: to a target, or beside the ledger, where it is read."""
    number = getattr(error, "errno", None)
    if number in _FULL or getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return f"the disk of {target} is full: make room there, and run the command again"
    if trouble_of(error, data_dir) is DiskTrouble.FULL:
        return f"the disk of {data_dir} is full: make room there, and run the command again"
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def _bench(data_dir: Path, out: Path) -> Iterator[Path]:
    """Give a folder beside a backup to make it in; it is empty, its owner's alone, and gone afterwards.

    It has the same name each time: what a backup has left that was killed is cleared up by the next.

    Raises:
        BackupError: another backup is being made there, or the folder is somebody else's.
        OSError: it cannot be made.
    """
    known = f"{zlib.crc32(bytes(data_dir.resolve())):08x}"
    bench = out.resolve().parent / f".fabnet-backup-{known}"
    bench.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(bench, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            raise BackupError(f"{bench} is another user's: remove it, or choose another place.")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(
                f"Another backup of {data_dir} is being made in {bench.parent}: wait for its end."
            ) from error
        os.fchmod(handle, 0o700)
        for left in bench.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield bench
        finally:
            shutil.rmtree(bench, ignore_errors=True)
    finally:
        os.close(handle)


def _write(data_dir: Path, bench: Path, now: datetime) -> Manifest:
    """Write a whole backup into its folder, synced to the disk."""
    stage = bench / "files"
    stage.mkdir(mode=0o700)
    # First: a design that is added from now on is not in it, and its files do no harm.
    _copy(data_dir / _LEDGER, stage / _LEDGER)
    for path in _wanted(data_dir):
        _copy(path, stage / path.relative_to(data_dir))
    manifest = _manifest(stage, now)
    (stage / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
    archive = bench / _ARCHIVE
    archive.touch(mode=0o600)
    with tarfile.open(archive, "w") as tar:
        tar.add(stage, arcname=".")
    with archive.open("rb") as file:
        os.fsync(file.fileno())
    return manifest


def _refuse_mixture(data_dir: Path) -> None:
    """Do nothing if the ledger's log may be its own: who reads the one writes the other into it at the end.

    Raises:
        BackupError: it is another one's.
    """
    try:
        alone = held_alone(data_dir / _LOCK, FabnetError("it is held"))
    except (FabnetError, OSError):
        return  # A coordinator runs, and has looked.
    with alone:
        try:
            log_file.check(data_dir / _LEDGER)
        except LedgerError as error:
            raise BackupError(f"Nothing was copied: {error}") from error


def _wanted(data_dir: Path) -> Iterator[Path]:
    """Yield the files of a copy, but for the ledger."""
    for path in sorted(data_dir.rglob("*")):
        inside = path.relative_to(data_dir).parts
        caches = (
            inside[0] in _LEFT_OUT
            or _stays(inside[0])
            or (inside[0] == "hosted" and "slices" in inside)
        )
        ledger = path == data_dir / _LEDGER
        if path.is_file() and not caches and not ledger and not path.name.endswith(_LEFT_OUT_ENDS):
            yield path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source.suffix != ".db":
        # A file under another name while it was written is gone when it is done.
        with suppress(FileNotFoundError):
            shutil.copy2(source, target)
        return
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        # Without a log of its own: the copy is one file.
        new.execute("pragma journal_mode = delete")


def _manifest(stage: Path, now: datetime) -> Manifest:
    with closing(sqlite3.connect(stage / _LEDGER)) as db:
        orders = int(db.execute("select count(*) from orders").fetchone()[0])
    files = {
        str(path.relative_to(stage)): sha256_of(path)
        for path in sorted(stage.rglob("*"))
        if path.is_file()
    }
    return Manifest(format=_FORMAT, made_at=now.isoformat(), orders=orders, files=files)


def put_back(
    archive: Path, data_dir: Path, machine: str, now: datetime, *, replace: bool
) -> Manifest:
    """Put a backup back into `data_dir`; what was there is kept in it, in a folder of its own.

    The coordinator that is started with it asks all nodes what they have done since, and offers
    nothing before they have answered.

    Args:
        archive: what `make` has written.
        data_dir: the coordinator's, there already or not; may be a disk of its own.
        machine: names this machine; hosted nodes belong to it from now on.
        now: names the folder of what is put aside.
        replace: whether a ledger that is there may be put aside.

    Raises:
        BackupError: no backup, a damaged one, a coordinator that runs, or a ledger in the way.
    """
    data_dir = data_dir.resolve()  # a link to it stays a link
    taken = f"A coordinator works with {data_dir}. Stop it first, then put the backup back."
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with held_alone(data_dir / _LOCK, BackupError(taken)):
            if (data_dir / _LEDGER).exists() and not replace:
                raise BackupError(
                    f"{data_dir} holds a ledger. To put it aside and put the backup in its place:"
                    " fabnet restore --replace"
                )
            return _put_back(archive, data_dir, machine, now)
    except OSError as error:
        why = _why(error, data_dir, data_dir)
        raise BackupError(f"{data_dir} cannot be written: {why}") from error


def _put_back(archive: Path, data_dir: Path, machine: str, now: datetime) -> Manifest:
    clear_up(data_dir, now)
    stage = restoring(data_dir)
    fresh = stage / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    stage.mkdir(mode=0o700, exist_ok=True)
    try:
        manifest = _unpack(archive, fresh)
        _make_ready(archive, fresh, data_dir, machine)
        _swap(fresh, data_dir)
        clear_up(data_dir, now)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        with suppress(OSError):  # what an earlier try has put aside stays there
            stage.rmdir()
    return manifest


def _make_ready(archive: Path, stage: Path, data_dir: Path, machine: str) -> None:
    """Let this program and this machine work with what was unpacked, before it takes its place."""
    try:
        Ledger(stage / _LEDGER).close()
    except LedgerError as error:
        raise BackupError(f"{archive} cannot be used here: {error}") from error
    for journal in stage.glob("hosted/*/**/journal.db"):
        adopt(journal, machine, data_dir / journal.relative_to(stage))
    # After a power cut a folder with a new name must not hold empty files.
    os.sync()


def _swap(fresh: Path, data_dir: Path) -> None:
    """Put what is in a folder in the place of what is there, which is put aside; or change nothing.

    Without its ledger no coordinator begins here: it is the first to leave, and the last to come.
    """
    old = put_aside(data_dir)
    old.mkdir(mode=0o700, exist_ok=True)
    leave = sorted(data_dir.iterdir(), key=lambda path: (path.name != _LEDGER, path.name))
    come = sorted(fresh.iterdir(), key=lambda path: (path.name == _LEDGER, path.name))
    moves = [(path, _free(old / path.name)) for path in leave if not _stays(path.name)]
    moves += [(path, data_dir / path.name) for path in come]
    done: list[tuple[Path, Path]] = []
    try:
        for path, target in moves:
            path.rename(target)
            done.append((path, target))
            if path.name == _LEDGER or len(done) == len(moves) - 1:
                os.sync()  # a power cut keeps the order
    except OSError:
        for path, target in reversed(done):
            target.rename(path)
        raise


def _free(path: Path) -> Path:
    """Return this name, or the next that nothing has: an earlier try was cut off."""
    names = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
    return path if not path.exists() else next(name for name in names if not name.exists())


def _stays(name: str) -> bool:
    """Whether something in a coordinator's folder is neither backed up nor put aside."""
    return name in _NOT_ITS_DATA or name.startswith("replaced-")


def _unpack(archive: Path, stage: Path) -> Manifest:
    try:
        stage.mkdir(mode=0o700)
        with tarfile.open(archive) as tar:
            for member in tar:
                _extract(tar, member, stage)
        manifest = msgspec.json.decode((stage / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, tarfile.TarError, msgspec.DecodeError) as error:
        if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
            raise
        cut = isinstance(error, tarfile.ReadError)
        why = "it is no tar archive, or was cut off" if cut else error
        raise BackupError(f"{archive} is no backup of fabnet: {why}") from error
    if manifest.format != _FORMAT:
        raise BackupError(f"{archive} was made by a later fabnet; this one reads format {_FORMAT}.")
    (stage / _MANIFEST).unlink()
    for name, sha256 in manifest.files.items():
        path = stage / name
        if not path.is_file() or sha256_of(path) != sha256:
            raise BackupError(f"{archive} is damaged: {name} is not what was backed up.")
    stage.chmod(0o700)
    return manifest


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, stage: Path) -> None:
    """Write one plain file of an archive below `stage`, and nothing elsewhere."""
    path = stage / member.name
    if member.isdir():
        return
    source = tar.extractfile(member) if member.isfile() else None
    if source is None or ".." in path.parts or not path.is_relative_to(stage):
        raise tarfile.TarError(f"{member.name!r} does not belong into a backup")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=member.mode & 0o700)
    with source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
