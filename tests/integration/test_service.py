"""The coordinator's loop: what fails on the way holds up nothing else, and is done as soon as it can be."""

import sqlite3
import stat
from contextlib import closing
from datetime import timedelta

import pytest

from fabnet import clock
from fabnet.config import CoordinatorConfig
from fabnet.inlet import Connected
from fabnet.link import Link
from fabnet.service import Service
from jobs.coordinator import nodes

NODE = "lab-a"
NOWHERE = "mqtt://127.0.0.1:1"


@pytest.fixture
def service(tmp_path):
    """A coordinator that is not started: its parts are called one by one; its link leads nowhere."""
    service = Service(CoordinatorConfig(data_dir=str(tmp_path), broker=NOWHERE))
    service._link = Link(NOWHERE, "coordinator", "secret", (), lambda _conn: ("", b""))
    with closing(service.ledger), service._lock:
        yield service


def test_a_key_that_a_power_cut_left_empty_is_made_anew(service):
    path = service._folder / "web.key"
    first = service._secret()
    assert len(first) == 32
    assert service._secret() == first
    path.write_bytes(b"")
    fresh = service._secret()
    assert len(fresh) == 32
    assert path.read_bytes() == fresh
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {each.name for each in service._folder.glob("web.key*")} == {"web.key"}


def is_online(service):
    row = service.ledger.reading.execute("select online from node where id = ?", (NODE,))
    return bool(row.fetchone()[0])


def test_a_new_link_that_comes_while_the_disk_is_full_is_taken_when_there_is_room(service):
    now = clock.now()
    nodes.enrol(service.ledger, NODE, "Lab", "", now)
    with service.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", now, online=True)
    service._link.events.offer(Connected(conn="new"))
    service.ledger.reading.execute("pragma query_only = on")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            service._take_batch()
    assert is_online(service)
    service.ledger.reading.execute("pragma query_only = off")
    service._take_batch()
    assert not is_online(service)
    assert service._deaf_from_s is not None


def test_what_fails_of_a_tick_holds_up_nothing_else(service, caplog):
    later = (clock.now() + timedelta(days=1)).isoformat()
    nodes.enrol(service.ledger, NODE, "Lab", "", clock.now())
    db = service.ledger.reading
    db.execute("update node set seen_at = ?", (later,))
    db.execute("alter table lot rename column mislaid to lost_column")
    assert not service._tick()
    assert caplog.text.count("a part of a round") == 1
    assert db.execute("select seen_at from node").fetchone()[0] < later  # done before what failed
    assert service._forget_at_s > 0  # the last of all


def test_a_lab_whose_words_cannot_be_read_keeps_no_other_from_joining(service):
    nodes.enrol(service.ledger, NODE, "Lab", "", clock.now())
    with service.ledger.transaction() as db:
        db.execute("insert into hosted (node, facts) values (?, 'no JSON')", (NODE,))
    assert service._tick()


def test_a_disk_that_cannot_be_written_is_said_once_and_again_when_it_can(service, caplog):
    caplog.set_level("INFO")
    nodes.enrol(service.ledger, NODE, "Lab", "", clock.now())
    service._link.events.offer(Connected(conn="new"))
    service.ledger.reading.execute("pragma query_only = on")
    assert [service._survives(service._take_batch) for _ in range(3)] == [False] * 3
    (told,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "The disk cannot be written: nothing is taken any more" in told.getMessage()
    assert told.exc_info is None
    service.ledger.reading.execute("pragma query_only = off")
    assert service._survives(service._take_batch)
    with service.ledger.transaction() as db:
        nodes.presence(db, NODE, "boot", "conn", clock.now(), online=True)
    assert [each.getMessage() for each in caplog.records][-1] == "the disk can be written again"
