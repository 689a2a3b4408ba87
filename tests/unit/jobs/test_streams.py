"""Reliable streams: each message applied once, in order, through loss, doubles and lost memories."""

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlite_utils import Database

from jobs.errors import LedgerError
from jobs.ledger import streams
from jobs.ledger.migrations.order import stream_migrations
from jobs.ledger.streams import Acked, Arrival, Cursor, Reading

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@contextmanager
def a_side():
    db = Database(memory=True)
    stream_migrations.apply(db)
    with closing(db.conn) as connection:
        yield connection


@pytest.fixture
def db():
    with a_side() as connection:
        yield connection


def test_numbers_grow_by_one_for_each_peer_alone(db):
    assert [streams.send(db, "a", "x", b"{}", NOW) for _ in range(3)] == [1, 2, 3]
    assert streams.send(db, "b", "x", b"{}", NOW) == 1


def test_rows_stay_until_they_are_acknowledged(db):
    for _ in range(5):
        streams.send(db, "a", "x", b"{}", NOW)
    stream, last = streams.stream_of(db, "a")
    assert last == 5
    assert streams.acknowledged(db, "a", stream, 3) is Acked.FORGOTTEN
    assert [row.n for row in streams.unacknowledged(db, "a", 16)] == [4, 5]
    assert streams.acknowledged(db, "a", stream, 3) is Acked.NOTHING


def test_an_ack_of_another_stream_forgets_nothing(db):
    streams.send(db, "a", "x", b"{}", NOW)
    assert streams.acknowledged(db, "a", "older", 1) is Acked.NOTHING
    assert len(streams.unacknowledged(db, "a", 16)) == 1


def test_the_window_is_the_oldest(db):
    for _ in range(5):
        streams.send(db, "a", "x", b"{}", NOW)
    assert [row.n for row in streams.unacknowledged(db, "a", 2)] == [1, 2]


def test_only_the_next_message_is_applied(db):
    assert streams.arrive(db, "a", "s", 2) is Arrival.GAP
    assert streams.arrive(db, "a", "s", 1) is Arrival.APPLY
    assert streams.arrive(db, "a", "s", 1) is Arrival.DUPLICATE
    assert streams.arrive(db, "a", "s", 3) is Arrival.GAP
    assert streams.arrive(db, "a", "s", 2) is Arrival.APPLY
    assert streams.cursor_of(db, "a") == Cursor(stream="s", n=2, id="")


def test_a_new_stream_begins_at_one_and_ends_the_old_one_for_ever(db):
    streams.arrive(db, "a", "old", 1)
    assert streams.arrive(db, "a", "new", 2) is Arrival.GAP
    assert streams.arrive(db, "a", "new", 1, may_begin=False) is Arrival.GAP
    assert streams.arrive(db, "a", "new", 1) is Arrival.NEW_STREAM
    assert streams.arrive(db, "a", "old", 1) is Arrival.STALE
    assert streams.arrive(db, "a", "old", 2) is Arrival.STALE
    assert streams.cursor_of(db, "a") == Cursor(stream="new", n=1, id="")


def test_a_restarted_stream_has_another_name_and_no_old_mail(db):
    streams.send(db, "a", "x", b"{}", NOW)
    before, _ = streams.stream_of(db, "a")
    streams.restart(db, "a")
    assert streams.unacknowledged(db, "a", 16) == ()
    assert streams.send(db, "a", "x", b"{}", NOW) == 1
    assert streams.stream_of(db, "a")[0] != before


def take(receiver, row):
    arrival = streams.arrive(receiver, "s", row.stream, row.n, row.id, row.floor)
    assert arrival is not Arrival.BEHIND
    return arrival


def acknowledge(sender, receiver):
    cursor = streams.cursor_of(receiver, "s")
    found = streams.acknowledged(sender, "r", cursor.stream, cursor.n, cursor.id)
    assert found is not Acked.FOREIGN
    return found


def exchange(sender, receiver):
    for row in streams.unacknowledged(sender, "r", 16):
        take(receiver, row)
    acknowledge(sender, receiver)


def copy_of(db):
    copy = sqlite3.connect(":memory:", isolation_level=None)
    db.commit()
    db.backup(copy)
    copy.row_factory = sqlite3.Row
    return closing(copy)


def test_a_sender_that_was_put_back_reads_it_in_the_next_acknowledgement():
    with a_side() as sender, a_side() as receiver:
        streams.send(sender, "r", "x", b"{}", NOW)
        exchange(sender, receiver)
        with copy_of(sender) as copy:
            for _ in range(3):
                streams.send(sender, "r", "x", b"{}", NOW)
                exchange(sender, receiver)
            # However many messages it has written meanwhile: they are others than those.
            for _ in range(5):
                cursor = streams.cursor_of(receiver, "s")
                assert (
                    streams.acknowledged(copy, "r", cursor.stream, cursor.n, cursor.id)
                    is Acked.FOREIGN
                )
                streams.send(copy, "r", "x", b"{}", NOW)


def test_a_receiver_that_was_put_back_reads_it_in_the_next_message():
    with a_side() as sender, a_side() as receiver:
        streams.send(sender, "r", "x", b"{}", NOW)
        exchange(sender, receiver)
        with copy_of(receiver) as copy:
            streams.send(sender, "r", "x", b"{}", NOW)
            exchange(sender, receiver)
            streams.send(sender, "r", "x", b"{}", NOW)
            (row,) = streams.unacknowledged(sender, "r", 16)
            assert streams.arrive(copy, "s", row.stream, row.n, row.id, row.floor) is Arrival.BEHIND
        with a_side() as empty:
            assert (
                streams.arrive(empty, "s", row.stream, row.n, row.id, row.floor) is Arrival.BEHIND
            )


def test_a_late_acknowledgement_is_no_proof_of_anything():
    with a_side() as sender, a_side() as receiver:
        late = []
        for _ in range(3):
            streams.send(sender, "r", "x", b"{}", NOW)
            for row in streams.unacknowledged(sender, "r", 16):
                take(receiver, row)
            late.append(streams.cursor_of(receiver, "s"))
            acknowledge(sender, receiver)
        for cursor in late:
            found = streams.acknowledged(sender, "r", cursor.stream, cursor.n, cursor.id)
            assert found is Acked.NOTHING


def test_what_was_not_acknowledged_begins_the_new_stream():
    with a_side() as sender, a_side() as receiver:
        ids = []
        for _ in range(5):
            streams.send(sender, "r", "x", b"{}", NOW)
        exchange(sender, receiver)
        for _ in range(3):
            streams.send(sender, "r", "x", b"{}", NOW)
            ids.append(streams.unacknowledged(sender, "r", 16)[-1].id)
        before, _ = streams.stream_of(sender, "r")
        streams.renumber(sender, "r")
        rows = streams.unacknowledged(sender, "r", 16)
        assert [(row.n, row.id) for row in rows] == list(enumerate(ids, 1))
        assert rows[0].stream != before
        assert streams.send(sender, "r", "x", b"{}", NOW) == 4
        streams.read_no_more(receiver, "s")
        assert streams.arrive(receiver, "s", before, 6) is Arrival.STALE
        assert [take(receiver, row) for row in rows] == [Arrival.APPLY] * 3


def test_a_stream_that_somebody_ends_meanwhile_is_not_written_over(db):
    streams.arrive(db, "a", "s", 1)
    reading = Reading(db, ["a", "stranger"])
    assert reading.arrive("a", "s", 2) is Arrival.APPLY
    streams.read_no_more(db, "a")
    with pytest.raises(LedgerError, match="was ended"):
        reading.write()


def test_a_stream_that_was_ended_between_two_looks_is_stale(db):
    streams.arrive(db, "a", "s", 1)
    reading = Reading(db, ["a"])
    reading.arrive("a", "s", 2)
    reading.write()
    streams.read_no_more(db, "a")
    reading.look(["a"])
    assert reading.arrive("a", "s", 3) is Arrival.STALE
    reading.write()
    assert streams.cursor_of(db, "a").n == 0
