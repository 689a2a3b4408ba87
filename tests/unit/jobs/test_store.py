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
