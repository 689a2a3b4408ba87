"""Where a disk is full, a backup and its return say which one, in words; nothing is left half-written."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.doubles import small_disk
from tests.doubles.small_disk import SmallDisk


@pytest.fixture
def place(world, tmp_path):
    """A folder with a coordinator's file and a disk, which a test fills."""
    if why := small_disk.why_not("full"):
        pytest.skip(why)
    world.order(2)
    world.ledger.close()
    (tmp_path / "coordinator.toml").write_text('data_dir = "disk/data"\n', encoding="utf-8")
    (tmp_path / "disk").mkdir()
    shutil.copytree(world.ledger.path.parent, tmp_path / "disk" / "data")
    return tmp_path


@pytest.fixture
def full(place):
    disk = SmallDisk(place / "disk", "full")
    disk.breaks()
    yield disk
    disk.close()


def fabnet(disk, place, command, file, *words, config="coordinator.toml", language="en"):
    return subprocess.run(
        [
            *disk.inside, sys.executable, "-m", "fabnet", command, str(place / file), *words,
            "--config", str(place / config),
        ],
        env=os.environ | {"LANGUAGE": language, "PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_backup_to_a_full_disk(full, place):
    (place / "other.toml").write_text('data_dir = "data"\n', encoding="utf-8")
    shutil.copytree(full.folder / "data", place / "data")
    told = fabnet(full, place, "backup", "disk/b.tar", config="other.toml")
    assert told.returncode == 1
    assert told.stderr == (
        f"fabnet: The backup {place}/disk/b.tar cannot be written: the disk of {place}/disk is full: make"
        " room there, and run the command again\n"
    )
    french = fabnet(full, place, "backup", "disk/b.tar", config="other.toml", language="fr").stderr
    assert f"b.tar ne peut pas être écrite\xa0: le disque de {place}/disk est plein" in french
    assert sorted(each.name for each in full.folder.iterdir()) == ["data", "filler"]


def test_a_backup_of_a_ledger_whose_own_disk_is_full(full, place):
    told = fabnet(full, place, "backup", "b.tar")
    assert told.returncode == 1
    assert f"the disk of {place}/disk/data is full: make room there" in told.stderr
    full.heals()
    assert fabnet(full, place, "backup", "b.tar").returncode == 0


def test_a_backup_is_put_back_on_a_full_disk(full, place):
    full.heals()
    assert fabnet(full, place, "backup", "b.tar").returncode == 0
    full.breaks()
    told = fabnet(full, place, "restore", "b.tar", "--replace")
    assert told.returncode == 1
    where = f"{place}/disk/data"
    assert f"{where} cannot be written: the disk of {where} is full" in told.stderr
    assert "Errno" not in told.stderr
    assert (full.folder / "data" / "ledger.db").stat().st_size > 0
