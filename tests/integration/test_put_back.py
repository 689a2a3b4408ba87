"""Backups that must not be used, are put back half, or lie in the wrong place."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from fabnet.backup import make, put_back
from fabnet.config import CoordinatorConfig
from fabnet.errors import BackupError, JournalError
from fabnet.node.journal import Journal
from fabnet.service import Service
from jobs.errors import LedgerError
from jobs.ledger.store import Ledger
from tests.doubles.world import NOON, World
from tests.unit.jobs.test_log_file import die


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


@pytest.mark.parametrize("there", [True, False])
def test_who_is_killed_while_a_backup_is_put_back_begins_with_no_empty_ledger(
    world, data, tmp_path, there
):
    """kill -9 at the worst moment: what was there is aside, and the copy not yet in its place."""
    placed = world.order()
    make(data, tmp_path / "b.tar", NOON)
    world.ledger.close()
    if not there:
        shutil.rmtree(data)
    script = (
        "import os, sys; from datetime import datetime, UTC; from pathlib import Path;"
        "from fabnet.backup import put_back; real = Path.replace\n"
        "def replace(self, target):\n"
        "    if self.name.endswith('.restoring'): os.kill(os.getpid(), 9)\n"
        "    return real(self, target)\n"
        "Path.replace = replace\n"
        "put_back(Path(sys.argv[1]), Path(sys.argv[2]), 'm', datetime.now(UTC), replace=True)"
    )
    died = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "b.tar", data], check=False, timeout=60
    )
    assert died.returncode == -9
    with pytest.raises(BackupError, match="interrupted: run fabnet restore again"):
        Service(CoordinatorConfig(data_dir=str(data)))
    assert not data.exists()
    put_back(tmp_path / "b.tar", data, "machine", NOON, replace=True)
    with closing(Ledger(data / "ledger.db")) as ledger:
        assert ledger.reading.execute("select id from orders").fetchone()[0] == placed
    assert not list(tmp_path.glob("*.restoring"))


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
