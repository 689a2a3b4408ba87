"""A node's journal and its streams: nothing is lost or said twice when disk, process or coordinator fails."""

import shutil
import sqlite3

import msgspec
import pytest

from fabnet import clock, wire
from fabnet.errors import JournalError, SupersededError, WireError
from fabnet.inlet import Connected, Incoming
from fabnet.node.bench_talk import Ended, Start
from fabnet.node.home import adopt
from fabnet.node.journal import COORDINATOR, Journal
from jobs.ledger import streams
from jobs.lifecycle import AttemptState
from jobs.messages import (
    Config,
    Grant,
    Offer,
    PrinterReady,
    Report,
    ReportState,
    Restate,
    Restated,
    Sync,
    Synced,
    Withdraw,
)
from jobs.model import AttemptRef
from printers.model import PrintOutcome, PrintResult
from tests.doubles.idle_node import REF, Node, an_offer


def test_messages_of_an_earlier_run_of_the_coordinator_are_refused(node):
    node.epoch = 5
    node.hears(an_offer())
    node.epoch = 4
    with pytest.raises(WireError, match="epoch"):
        node.hears(Withdraw(attempt=REF))
    assert node.state() is AttemptState.TAKEN


def test_a_poison_message_is_kept_aside_and_blocks_nobody(node):
    data = msgspec.json.encode(
        {"v": 1, "id": "i", "s": node.stream, "n": 1, "boot": "b", "t": "offer", "ts": "",
         "d": {"attempts": "none"}, "epoch": 1}
    )  # fmt: skip
    node.agent._uplink.on_command(wire.read_envelope(data))
    assert node.journal.reading.execute("select count(*) from dead_letter").fetchone()[0] == 1
    node.hears(an_offer(), n=2)
    assert node.state() is AttemptState.TAKEN


def test_a_command_that_raises_leaves_nothing_behind_and_blocks_nobody(node):
    second = AttemptRef(job="bbbbbbbbbb", number=1)
    node.journal.reading.execute(
        "create trigger bug before insert on attempt when new.job = 'bbbbbbbbbb'"
        " begin select raise(abort, 'a bug'); end"
    )
    both = Offer(attempts=(*an_offer().attempts, *an_offer(second).attempts))
    node.hears(both)
    assert node.journal.entry(REF) is None
    assert node.said() == []
    kept = node.journal.reading.execute("select n, type, error from dead_letter").fetchall()
    assert [tuple(row) for row in kept] == [(1, "offer", "IntegrityError: a bug")]
    node.hears(an_offer())
    assert node.state() is AttemptState.TAKEN


def test_a_full_disk_is_no_commands_fault_and_it_comes_again(node):
    db = node.journal.reading
    most = db.execute("pragma max_page_count").fetchone()[0]
    db.execute("pragma max_page_count = 1")  # as many as there are
    with pytest.raises(sqlite3.OperationalError, match="full"):
        node.hears(an_offer(part="frame" * 10_000))
    assert db.execute("select count(*) from dead_letter").fetchone()[0] == 0
    db.execute(f"pragma max_page_count = {most}")
    node.hears(an_offer(), n=1)
    assert node.state() is AttemptState.TAKEN


def test_every_connection_begins_with_a_sync_of_what_is_held(node):
    node.hears(an_offer())
    node.said()
    node.agent._uplink.on_event(Connected(conn="conn"))
    (sync,) = [m for m in node.said() if isinstance(m, Sync)]
    assert [held.attempt for held in sync.attempts] == [REF]
    assert (sync.in_stream, sync.in_cursor) == (node.stream, 1)
    node.hears(Synced(unknown=(REF,)))
    assert node.state() is AttemptState.WITHDRAWN


def test_a_journal_of_another_machine_is_refused_until_it_is_adopted(node):
    path = node.folder / "journal.db"
    node.journal.close()
    with pytest.raises(JournalError, match="fabnet node adopt"):
        Journal(path, "another machine")
    adopt(path, "another machine")
    Journal(path, "another machine").close()


def test_a_coordinator_that_comes_back_hears_that_the_node_is_there(node):
    said = []
    node.agent._uplink._link.publish = lambda topic, payload, **_: said.append((topic, payload))
    online = wire.write(wire.CoordinatorPresence(online=True, epoch=7))
    node.agent._uplink.on_event(Incoming(topic=wire.COORDINATOR_TOPIC, payload=online))
    ((topic, payload),) = said
    assert topic == wire.topic("lab-a", wire.Channel.PRESENCE)
    assert wire.read_presence(payload).online


def test_a_node_says_once_a_minute_that_it_is_there(node, monkeypatch):
    """A late double of an earlier birth and of its will takes it for gone."""
    said = []
    uplink = node.agent._uplink
    monkeypatch.setattr(uplink._link, "publish", lambda topic, *_, **__: said.append(topic))
    monkeypatch.setattr(type(uplink._link), "up", True)
    uplink.on_event(Connected(conn="c"))
    began_s = clock.boottime_s()
    for passed_s in (1.0, 59.0, 61.0, 90.0):
        monkeypatch.setattr(clock, "boottime_s", lambda at_s=began_s + passed_s: at_s)
        node.agent._round(0.0)
    births = [topic for topic in said if topic.endswith(wire.Channel.PRESENCE)]
    assert len(births) == 2, "with the connection, and a minute later"


def test_a_node_that_runs_already_is_not_started_a_second_time(node):
    with pytest.raises(JournalError, match="Another node works with"):
        Node(node.folder)
    node.restart()  # whose journal was let go of


def test_a_print_that_ends_while_the_disk_is_full_is_told_when_there_is_room(node):
    node.started()
    node.said()
    outcome = PrintOutcome(name=REF.name, result=PrintResult.DONE, reason="")
    node.agent._bench_events.put(Ended(printer="p1", outcome=outcome, fraction_done=1.0))
    node.journal.reading.execute("pragma query_only = on")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            node.agent._round(0.0)
    node.journal.reading.execute("pragma query_only = off")
    node.agent._round(0.0)
    assert node.state() is AttemptState.PRINTED
    assert Report(attempt=REF, state=ReportState.PRINTED) in node.said()


def test_a_journal_that_was_put_back_counts_as_lost(node):
    node.hears(an_offer())
    node.prepared()
    node.hears(PrinterReady(printer="p1"))
    files = [node.folder / name for name in ("journal.db", "journal.db-wal")]
    copies = {path: path.read_bytes() for path in files}
    stream, _ = streams.stream_of(node.journal.reading, COORDINATOR)
    node.hears(Grant(attempt=REF, nonce=node.ready(), ttl_s=600))
    assert [type(c) for c in node.commands()] == [Start]
    node.journal.close()
    for path in node.folder.glob("journal.db-*"):
        path.unlink()
    for path, data in copies.items():
        path.write_bytes(data)
    again = node.restart()
    # It was begun, and the journal that says so is gone: nothing of it is to be believed, or told.
    assert again.journal.entry(REF) is None
    assert not again.journal.is_clear("p1")
    assert again.commands() == []
    assert streams.stream_of(again.journal.reading, COORDINATOR)[0] != stream


def test_an_older_journal_beside_the_log_of_a_newer_one_is_refused(tmp_path):
    path = tmp_path / "journal.db"
    log = path.with_name("journal.db-wal")

    def begins(number):
        with journal.transaction() as db:
            db.execute("insert into meta (key, value) values (?, '')", (f"begun {number}",))

    journal = Journal(path, "machine")
    begins(1)
    journal.reading.execute("pragma wal_checkpoint(truncate)")
    old = path.read_bytes()
    begins(2)
    journal.reading.execute("pragma wal_checkpoint(truncate)")
    begins(3)
    newer = log.read_bytes()
    journal.close()
    path.write_bytes(old)
    log.write_bytes(newer)
    with pytest.raises(JournalError, match="not the log of"):
        Journal(path, "machine")
    log.unlink()
    Journal(path, "machine").close()


def test_a_journal_that_was_copied_beside_itself_is_refused(node):
    node.journal.close()
    twin = node.folder / "twin"
    twin.mkdir()
    shutil.copy(node.folder / "journal.db", twin)
    with pytest.raises(JournalError, match="in another folder"):
        Journal(twin / "journal.db", "this machine")


def test_a_node_whose_stream_is_ended_again_and_again_has_a_twin(node):
    def ended():
        own, _ = streams.stream_of(node.journal.reading, COORDINATOR)
        node.agent._uplink._on_ack(wire.Ack(stream=own, n=0, over=True))
        return own

    first = ended()
    assert streams.stream_of(node.journal.reading, COORDINATOR)[0] != first
    ended()
    with pytest.raises(SupersededError, match="Another node speaks as lab-a"):
        ended()


def test_a_late_first_word_of_an_earlier_stream_ends_no_later_one(node):
    node.stream = "000002-later"
    node.hears(Config(paused=True))
    node.stream, node.n = "000001-earlier", 0
    node.hears(Config(paused=False))
    assert streams.cursor_of(node.journal.reading, COORDINATOR).stream == "000002-later"
    assert node.journal.setting("paused") == "yes"


def test_who_is_asked_for_all_it_holds_begins_anew_and_says_it(node):
    node.hears(an_offer())
    before, _ = streams.stream_of(node.journal.reading, COORDINATOR)
    node.said()
    node.seen = 0
    node.hears(Restate())
    assert streams.stream_of(node.journal.reading, COORDINATOR)[0] != before
    told = [message for message in node.said() if isinstance(message, Restated)]
    assert [kept.offered.attempt for message in told for kept in message.attempts] == [REF]
    assert told[-1].last
