"""What belongs to a node on this machine, and how it goes: also when this is killed in the middle.

First a list of all that is to be deleted is put beside node.toml; from then on the node does not start
any more, and whoever runs `fabnet node leave` again goes on from the list. Only what fabnet itself has
made is on it. Leaves handing work back to the command.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from fabnet.config import OWN_SLICES, NodeConfig
from fabnet.durable import write_whole
from fabnet.errors import LeavingError
from fabnet.node_folder import next_of

_JOURNAL = ("journal.db", "journal.db-wal", "journal.db-shm", "journal.db.mark", "journal.lock")
_DATA = ("files", "slices", OWN_SLICES, "trials", "owner.sock", "page.key")


class Belongings(msgspec.Struct, frozen=True, kw_only=True):
    """What fabnet has made for a node: absolute paths, in the order in which they go."""

    files: tuple[str, ...]  # and folders that fabnet alone fills
    folders: tuple[str, ...]  # go where nothing else lies in them


def belongings(config: NodeConfig, file: Path) -> Belongings:
    """Return what belongs to a node; the password and the key go first, node.toml last.

    What lies outside its folder is somebody else's, but for the journal and its files.
    """
    here, data = file.resolve().parent, Path(config.data_dir)
    named = [
        config.password_file, str(next_of(Path(config.password_file))), config.key_file,
        config.page_password_file, config.spoolman_key_file, *(each.api_key_file for each in config.printers),
        config.ca_file, config.coordinator_ca_file,
    ]  # fmt: skip
    own = [Path(name) for name in named if name and Path(name).is_relative_to(here)]
    own += [data / name for name in (*_JOURNAL, *_DATA)]
    own += [*sorted(here.glob(f"{file.name}.*.old")), here / f"{file.name}.new", here / file.name]
    return Belongings(
        files=tuple(dict.fromkeys(map(str, own))),
        folders=tuple(dict.fromkeys((str(data), str(here)))),
    )


def marker(file: Path) -> Path:
    """Return where the list lies while a node is being deleted."""
    return file.with_name(file.name + ".leaving")


def refuse_to_start(file: Path) -> None:
    """Let nobody start a node that is being deleted.

    Raises:
        LeavingError: it is.
    """
    if marker(file).exists():
        raise LeavingError(
            f"This node is leaving the network. End it with: fabnet node leave {file}"
        )


def begin(config: NodeConfig, file: Path) -> None:
    """Write down what is to be deleted; from here on there is no way back.

    Raises:
        LeavingError: the list cannot be written.
    """
    listed = belongings(config, file)
    try:
        write_whole(marker(file), msgspec.json.encode(listed).decode())
    except OSError as error:
        raise LeavingError(f"{marker(file)} cannot be written: {error.strerror}") from error


def finish(file: Path) -> tuple[str, ...]:
    """Delete what is on the list; return the folders that stay, since something else lies in them.

    Raises:
        LeavingError: something cannot be deleted; the same call goes on.
    """
    listed = marker(file)
    try:
        found = msgspec.json.decode(listed.read_bytes(), type=Belongings)
        for path in found.files:
            _delete(Path(path))
        here = str(listed.resolve().parent)
        listed.unlink()
        return tuple(
            path for path in dict.fromkeys((*found.folders, here)) if not _gone(Path(path))
        )
    except OSError as error:
        raise LeavingError(f"{error.filename} cannot be deleted: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise LeavingError(f"{listed} is damaged: delete the node's folder by hand") from error


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _gone(folder: Path) -> bool:
    """Delete a folder that is empty; return whether it is not there any more."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return not folder.exists()
