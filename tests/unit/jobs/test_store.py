"""The ledger's connections: one a thread, for as long as the thread lives."""

import sqlite3
import threading
from contextlib import closing

import pytest

from jobs.ledger.store import Ledger


def test_the_connection_of_a_thread_that_has_ended_is_closed(tmp_path):
    opened = []
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:
        own = ledger.reading
        for _ in range(3):
            thread = threading.Thread(target=lambda: opened.append(ledger.reading))
            thread.start()
            thread.join()
        for ended in opened[:-1]:
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                ended.execute("select 1")
        assert own.execute("select 1").fetchone()[0] == 1
    for each in (opened[-1], own):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            each.execute("select 1")


def test_a_commit_that_is_refused_does_not_keep_the_thread_from_the_next(tmp_path):
    with closing(Ledger(tmp_path / "ledger.db")) as ledger:

        def of_nobody():
            with ledger.transaction() as db:
                db.execute("pragma defer_foreign_keys = on")
                db.execute("insert into hosted (node, facts) values ('nobody', '{}')")

        with pytest.raises(sqlite3.IntegrityError):
            of_nobody()
        with ledger.transaction() as db:
            db.execute("insert into meta (key, value) values ('next', '1')")
        rows = ledger.reading.execute("select count(*) from hosted").fetchone()
        assert rows[0] == 0
