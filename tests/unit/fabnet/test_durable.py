import os
from pathlib import Path

import pytest

from fabnet.durable import write_whole


@pytest.fixture
def synced(monkeypatch):
    """What was put on the disk, in order, each with what its folder held then."""
    found, fsync = [], os.fsync

    def told(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        folder = path if path.is_dir() else path.parent
        found.append((path.name, sorted(each.name for each in folder.iterdir())))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", told)
    return found


def test_a_file_is_on_the_disk_under_its_own_name(tmp_path, synced):
    """A power cut right after it would take a new name away again: a node's next password, say."""
    write_whole(tmp_path / "key", "secret\n")
    assert synced == [("key.part", ["key.part"]), (tmp_path.name, ["key"])]
    assert (tmp_path / "key").read_text() == "secret\n"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    write_whole(tmp_path / "key", "old")
    (tmp_path / "key.part").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "key", "new")
    assert (tmp_path / "key").read_text() == "old"
