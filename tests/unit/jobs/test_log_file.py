"""A log that lies beside another file than its own is noticed, and no other is."""

import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from jobs.errors import LedgerError
from jobs.ledger import log_file
from jobs.ledger.store import Ledger

_DIES = """
import os, sys
from pathlib import Path
from jobs.ledger.store import Ledger
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    with ledger.transaction() as db:
        db.execute("insert or replace into meta (key, value) values ('x', ?)", (str(number),))
    if number == int(sys.argv[3]):
        ledger.reading.execute("pragma wal_checkpoint(passive)")
os._exit(1)
"""


def dies(path, writes, written_back=-1):
    """A coordinator is killed after so many changes; its log stays."""
    subprocess.run(
        [sys.executable, "-c", _DIES, str(path), str(writes), str(written_back)], check=False
    )
    assert path.with_name("ledger.db-wal").stat().st_size


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "ledger.db"
    with closing(Ledger(found)) as ledger, ledger.transaction() as db:
        db.execute("insert into meta (key, value) values ('x', '')")
    return found


@pytest.mark.parametrize("written_back", [-1, 0, 3, 4])
def test_the_log_of_a_coordinator_that_was_killed_is_its_own(path, written_back):
    dies(path, 5, written_back)
    log_file.check(path)
    with closing(Ledger(path)) as ledger:
        assert ledger.reading.execute("select value from meta where key = 'x'").fetchone()[0] == "4"


@pytest.mark.parametrize("written_back", [-1, 0, 3])
def test_an_older_file_beside_a_newer_log_is_refused(path, tmp_path, written_back):
    shutil.copy(path, tmp_path / "old.db")
    dies(path, 5)
    Ledger(path).close()  # all that was in the log is in the file: the next begins after it
    dies(path, 5, written_back)
    shutil.copy(tmp_path / "old.db", path)
    with pytest.raises(LedgerError, match="older file in the place of the one that this log"):
        log_file.check(path)


@pytest.mark.parametrize("log", [b"", b"x", b"x" * 5000])
def test_what_is_no_log_proves_nothing(path, log):
    path.with_name("ledger.db-wal").write_bytes(log)
    log_file.check(path)
    path.write_bytes(b"no database")
    log_file.check(path)
