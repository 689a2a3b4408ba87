"""Files that earlier versions left behind open here, with every piece still accounted for."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import sqlite_utils

from designs.library import Library
from fabnet.errors import JournalError
from fabnet.node.home import adopt
from fabnet.node.journal import COORDINATOR, Journal
from jobs.errors import LedgerError
from jobs.ledger import cells, labs, streams, views
from jobs.ledger.books import audit, books
from jobs.ledger.store import Ledger
from jobs.ledger.waiting import waiting
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.model import Role

VERSIONS = sorted(path for path in Path(__file__).parent.iterdir() if (path / "ledger.db").exists())


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def old(request, tmp_path):
    """A copy of one version's files."""
    shutil.copytree(request.param, tmp_path / "old")
    return tmp_path / "old"


def test_there_is_a_fixture_of_the_first_version():
    assert "v0.1.0" in [path.name for path in VERSIONS]


def test_an_old_ledger_opens_with_its_books_in_order(old):
    ledger = Ledger(old / "ledger.db", audit=audit)
    Library(ledger.database, old / "files").migrate()
    audit(ledger.reading)
    assert sum(b.ordered for b in books(ledger.reading)) == 10
    assert sum(b.delivered for b in books(ledger.reading)) == 2
    states = Counter(
        a.state
        for o in views.orders(ledger.reading)
        for a in views.attempts_of(ledger.reading, o.id)
    )
    assert states[AttemptState.HARVESTED] == 2
    assert states[AttemptState.PRINTING] == 1
    assert states[AttemptState.DECLINED] == 1
    for order in views.orders(ledger.reading):
        views.order_view(ledger.reading, order.id)
    assert labs.fleet(ledger.reading)
    assert waiting(ledger.reading, Role.STEWARD)
    ledger.close()


def test_an_old_ledger_takes_new_work(old):
    ledger = Ledger(old / "ledger.db", audit=audit)
    with ledger.transaction() as db:
        before, _ = streams.stream_of(db, "lab-a")
        assert before
        db.execute("update line set reasons = '[]'")
    ledger.close()
    again = Ledger(old / "ledger.db")
    assert sqlite_utils.Database(again.reading)["orders"].count == 2
    again.close()


def test_an_old_journal_opens_on_its_machine_with_all_it_promised(old):
    with pytest.raises(JournalError, match="another machine"):
        Journal(old / "journal.db", "here")
    adopt(old / "journal.db", "here")
    journal = Journal(old / "journal.db", "here")
    assert journal.epoch == 3
    (printed,) = journal.entries(TO_HARVEST)
    assert printed.intent
    assert not journal.is_clear("p1")
    assert journal.on_bed("p1") == printed
    assert len(journal.entries(UNGRANTED)) == 4
    assert len(streams.unacknowledged(journal.reading, COORDINATOR, 99)) == 5
    assert journal.used_g("s1") == 33.0
    with journal.transaction() as db:
        assert not journal.intend(db, printed.ref, "p1", cells.moment("2026-11-24T12:00:00+00:00"))
    journal.close()


@pytest.mark.parametrize("damage", [b"", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_damaged_file_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "ledger.db"
    path.write_bytes(damage)
    if not damage:
        Ledger(path).close()  # an empty file is a new ledger
        return
    with pytest.raises(LedgerError, match=r"ledger\.db"):
        Ledger(path)
    with pytest.raises(JournalError, match=r"ledger\.db"):
        Journal(path, "here")
