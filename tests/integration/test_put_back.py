"""Backups that must not be used, are put back half, or lie in the wrong place."""

import errno
import itertools
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from fabnet import backup
from fabnet.backup import make, put_back
from fabnet.config import CoordinatorConfig
from fabnet.errors import BackupError, JournalError
from fabnet.node.journal import Journal
from fabnet.service import Service
from jobs.errors import LedgerError
from jobs.ledger.store import Ledger
from tests.doubles.world import NOON, World
from tests.integration.test_log_file import die


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "coordinator"
    folder.mkdir()
    return folder


@pytest.fixture
def world(data):
    made = World(data)
    yield made
    made.ledger.close()


def written_later(path):
    """Let a file look as if a later release had worked with it."""
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at)"
            " values ('ledger', 'm999_hence', '2030-01-01')"
        )
        db.commit()


def test_what_a_later_release_has_written_is_refused_in_words(world, data, tmp_path):
    world.order()
    make(data, tmp_path / "b.tar", NOON)
    with closing(sqlite3.connect(data / "ledger.db")) as db:
        before = db.execute("select value from meta where key = 'writes'").fetchone()
    written_later(data / "ledger.db")
    make(data, tmp_path / "later.tar", NOON)
    world.ledger.close()
    with pytest.raises(LedgerError, match="written by a later fabnet"):
        Ledger(data / "ledger.db")
    with closing(sqlite3.connect(data / "ledger.db")) as db:
        assert db.execute("select value from meta where key = 'writes'").fetchone() == before
    (tmp_path / "elsewhere").mkdir()
    World(tmp_path / "elsewhere").ledger.close()
    with pytest.raises(BackupError, match=r"later\.tar cannot be used here: .* later fabnet"):
        put_back(tmp_path / "later.tar", tmp_path / "elsewhere", "machine", NOON, replace=True)
    assert (tmp_path / "elsewhere" / "ledger.db").exists()
    put_back(tmp_path / "b.tar", data, "machine", NOON, replace=True)


def killed_at(move, archive, data):
    """Whether `put_back` came to its renaming of that number, and was killed there as by kill -9."""
    child = os.fork()
    if not child:
        real, moves = Path.rename, itertools.count(1)

        def rename(self, target):
            if next(moves) == move:
                os._exit(9)
            return real(self, target)

        with suppress(BaseException):
            Path.rename = rename
            put_back(archive, data, "m", NOON, replace=True)
            os._exit(0)
        os._exit(1)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, 9)
    return ended == 9


def orders_in(ledger):
    with closing(Ledger(ledger)) as opened:
        return {row[0] for row in opened.reading.execute("select id from orders")}


@pytest.mark.parametrize("there", [True, False])
def test_who_is_killed_while_a_backup_is_put_back_begins_with_no_empty_ledger(
    world, data, tmp_path, there
):
    """kill -9 at every step: what was there is whole, here or aside, and so is the copy in the end."""
    placed = world.order()
    make(data, tmp_path / "b.tar", NOON)
    lost = world.order()
    world.ledger.close()
    (data / "web.key").write_bytes(b"one")
    (data / "lost+found").mkdir()
    steps, lock = itertools.count(1), "ledger.lock"
    for move in steps:
        here = tmp_path / f"try-{move}"
        if there:
            shutil.copytree(data, here)
        if not killed_at(move, tmp_path / "b.tar", here):
            break
        config = CoordinatorConfig(data_dir=str(here), broker="mqtt://127.0.0.1:1")
        began = (here / "ledger.db").exists()
        if began:
            service = Service(config)
            assert not (here / "restoring").exists()
            service.ledger.close()
            service._lock.close()
        else:
            with pytest.raises(BackupError, match="interrupted: run fabnet restore again"):
                Service(config)
            assert {path.name for path in here.iterdir()} & {"ledger.db"} == set()
        put_back(tmp_path / "b.tar", here, "machine", NOON, replace=began)
        assert orders_in(here / "ledger.db") == {placed}
        assert (here / "files").is_dir()
        assert not (here / "restoring").exists()
        kept = [path for path in here.glob("replaced-*/ledger.db") if lost in orders_in(path)]
        assert len(kept) == there
        if there:
            assert (kept[0].parent / "web.key").read_bytes() == b"one"
            assert {path.name for path in here.glob("l*")} >= {"lost+found", "ledger.db", lock}
    assert move > (6 if there else 2)


def test_a_disk_that_fails_on_the_way_leaves_all_as_it_was(world, data, tmp_path, monkeypatch):
    world.order()
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    real, moves = Path.rename, itertools.count(1)

    def rename(self, target):
        if next(moves) == 5:
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(BackupError, match=r"cannot be written: .*Input/output error"):
        put_back(tmp_path / "b.tar", data, "machine", NOON, replace=True)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


_ON_ITS_OWN_DISK = """
import sys; from contextlib import closing; from datetime import datetime, UTC; from pathlib import Path
from fabnet.backup import put_back; from jobs.ledger.store import Ledger
archive, data = map(Path, sys.argv[1:])
for replace in (False, True):
    put_back(archive, data, "m", datetime.now(UTC), replace=replace)
    with closing(Ledger(data / "ledger.db")) as ledger:
        print(ledger.reading.execute("select count(*) from orders").fetchone()[0])
"""


def test_a_folder_that_is_a_disk_of_its_own_is_restored_in_place(world, data, tmp_path):
    """As in a container: a mount point cannot be renamed, and lies on another disk than what is beside it."""
    world.order()
    make(data, tmp_path / "b.tar", NOON)
    disk = tmp_path / "disk"
    disk.mkdir()
    alone = ["unshare", "-rm", "sh", "-ec"]
    mount = f"mount -t tmpfs none '{disk}'"
    if subprocess.run([*alone, mount], check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    run = f'{mount}; exec "$@"'
    python = [sys.executable, "-c", _ON_ITS_OWN_DISK, tmp_path / "b.tar", disk]
    found = subprocess.run(
        [*alone, run, "sh", *python], check=False, capture_output=True, text=True, timeout=60
    )
    assert (found.stdout.split(), found.stderr) == (["1", "1"], "")


def test_no_backup_holds_what_an_earlier_restore_has_put_aside(world, data, tmp_path):
    world.order()
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    put_back(tmp_path / "b.tar", data, "machine", NOON, replace=True)
    assert list(data.glob("replaced-*/ledger.db"))
    made = make(data, tmp_path / "c.tar", NOON)
    assert not [name for name in made.files if "replaced" in name]


def test_a_backup_that_is_killed_leaves_what_nobody_reads_and_the_next_clears_up(
    world, data, tmp_path, monkeypatch
):
    world.order()
    (data / "web.key").write_bytes(b"secret")
    out = tmp_path / "backups"
    out.mkdir()
    real = backup._copy

    def copy(source, target):
        real(source, target)
        if source.name == "web.key":
            then()

    def another():
        with pytest.raises(BackupError, match=r"Another backup of .* is being made"):
            make(data, out / "wednesday.tar", NOON)

    monkeypatch.setattr(backup, "_copy", copy)
    then = partial(os._exit, 9)
    child = os.fork()
    if not child:
        make(data, out / "monday.tar", NOON)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (left,) = out.iterdir()
    assert (left / "files" / "web.key").read_bytes() == b"secret"
    assert stat.S_IMODE(left.stat().st_mode) == 0o700

    then = another
    make(data, out / "tuesday.tar", NOON)
    assert [path.name for path in out.iterdir()] == ["tuesday.tar"]


def test_a_backup_may_not_lie_in_what_it_copies(world, data, tmp_path):
    world.order()
    (tmp_path / "link").symlink_to(data)
    for inside in (data / "b.tar", tmp_path / "link" / "b.tar"):
        with pytest.raises(BackupError, match="Choose a place outside it"):
            make(data, inside, NOON)
        assert not inside.exists()


def test_a_link_to_the_folder_stays_one_and_what_is_hosted_there_stays_at_home(
    world, data, tmp_path
):
    folder = data / "hosted" / "hands"
    folder.mkdir(parents=True)
    Journal(folder / "journal.db", "before").close()
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    (tmp_path / "link").symlink_to(data)
    put_back(tmp_path / "b.tar", tmp_path / "link", "now", NOON, replace=True)
    assert (tmp_path / "link").is_symlink()
    Journal(tmp_path / "link" / "hosted" / "hands" / "journal.db", "now").close()
    with pytest.raises(JournalError, match="another machine"):
        Journal(folder / "journal.db", "before")


def test_a_backup_mixes_no_older_ledger_with_a_newer_log(data, tmp_path):
    """Who has put an older file in place by hand makes a backup first: it must not make one of both."""
    ledger, old = data / "ledger.db", tmp_path / "old.db"
    with closing(Ledger(ledger)) as made, made.transaction() as db:
        db.execute("insert into meta (key, value) values ('x', '')")
    shutil.copy(ledger, old)
    for _ in range(2):
        die([(ledger, -1)])
        Ledger(ledger).close()
    die([(ledger, -1)])
    shutil.copy(old, ledger)
    log = (data / "ledger.db-wal").read_bytes()
    with pytest.raises(BackupError, match=r"Nothing was copied: .* is not the log of"):
        make(data, tmp_path / "b.tar", NOON)
    assert ledger.read_bytes() == old.read_bytes()
    assert (data / "ledger.db-wal").read_bytes() == log
    assert not (tmp_path / "b.tar").exists()
