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
ledgers = []  # none is closed
for path, written_back in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    ledger = Ledger(Path(path))
    ledgers.append(ledger)
    for number in range(5):
        with ledger.transaction() as db:
            db.execute("insert or replace into meta (key, value) values ('x', ?)", (str(number),))
        if number == int(written_back):
            ledger.reading.execute("pragma wal_checkpoint(passive)")
os._exit(1)
"""


def die(ledgers):
    """Coordinators are killed after five changes each, with so many written back; their logs stay."""
    words = [str(word) for each in ledgers for word in each]
    subprocess.run([sys.executable, "-c", _DIES, *words], check=False)
    for path, _ in ledgers:
        assert path.with_name("ledger.db-wal").stat().st_size


def a_ledger(folder):
    folder.mkdir(exist_ok=True)
    found = folder / "ledger.db"
    with closing(Ledger(found)) as ledger, ledger.transaction() as db:
        db.execute("insert into meta (key, value) values ('x', '')")
    return found


OWN, OLDER = (-1, 0, 3, 4), (-1, 0, 3)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Return the ledgers with their own logs, and those with an older file beside a newer log."""
    folder = tmp_path_factory.mktemp("killed")
    own = {number: a_ledger(folder / f"own{number}") for number in OWN}
    older = {number: a_ledger(folder / f"older{number}") for number in OLDER}
    for path in older.values():
        shutil.copy(path, path.with_name("old.db"))
    die([(path, number) for number, path in own.items()] + [(path, -1) for path in older.values()])
    for path in older.values():
        Ledger(path).close()  # all that was in the log is in the file: the next begins after it
    die([(path, number) for number, path in older.items()])
    for path in older.values():
        shutil.copy(path.with_name("old.db"), path)
    return own, older


@pytest.mark.parametrize("written_back", OWN)
def test_the_log_of_a_coordinator_that_was_killed_is_its_own(killed, written_back):
    path = killed[0][written_back]
    log_file.check(path)
    with closing(Ledger(path)) as ledger:
        assert ledger.reading.execute("select value from meta where key = 'x'").fetchone()[0] == "4"


@pytest.mark.parametrize("written_back", OLDER)
def test_an_older_file_beside_a_newer_log_is_refused(killed, written_back):
    with pytest.raises(LedgerError, match="older file in the place of the one that this log"):
        log_file.check(killed[1][written_back])


@pytest.mark.parametrize("log", [b"", b"x", b"x" * 5000])
def test_what_is_no_log_proves_nothing(tmp_path, log):
    path = a_ledger(tmp_path)
    path.with_name("ledger.db-wal").write_bytes(log)
    log_file.check(path)
    path.write_bytes(b"no database")
    log_file.check(path)
