"""Reliable streams: each message applied once, in order, through loss, doubles and lost memories."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from jobs.ledger import streams
from jobs.ledger.migrations import stream_migrations
from jobs.ledger.streams import Arrival

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def a_side():
    db = Database(memory=True)
    stream_migrations.apply(db)
    return db.conn


@pytest.fixture
def db():
    return a_side()


def test_numbers_grow_by_one_for_each_peer_alone(db):
    assert [streams.send(db, "a", "x", b"{}", NOW) for _ in range(3)] == [1, 2, 3]
    assert streams.send(db, "b", "x", b"{}", NOW) == 1
    assert streams.peers_with_mail(db) == ("a", "b")


def test_rows_stay_until_they_are_acknowledged(db):
    for _ in range(5):
        streams.send(db, "a", "x", b"{}", NOW)
    stream, last = streams.stream_of(db, "a")
    assert last == 5
    assert streams.acknowledged(db, "a", stream, 3)
    assert [row.n for row in streams.unacknowledged(db, "a", 16)] == [4, 5]
    assert not streams.acknowledged(db, "a", stream, 3)


def test_an_ack_of_another_stream_forgets_nothing(db):
    streams.send(db, "a", "x", b"{}", NOW)
    assert not streams.acknowledged(db, "a", "older", 1)
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
    assert streams.cursor_of(db, "a") == ("s", 2)


def test_a_new_stream_begins_at_one_and_ends_the_old_one_for_ever(db):
    streams.arrive(db, "a", "old", 1)
    assert streams.arrive(db, "a", "new", 2) is Arrival.STALE
    assert streams.arrive(db, "a", "new", 1) is Arrival.NEW_STREAM
    assert streams.arrive(db, "a", "old", 1) is Arrival.STALE
    assert streams.arrive(db, "a", "old", 2) is Arrival.STALE
    assert streams.cursor_of(db, "a") == ("new", 1)


def test_a_restarted_stream_has_another_name_and_no_old_mail(db):
    streams.send(db, "a", "x", b"{}", NOW)
    before, _ = streams.stream_of(db, "a")
    streams.restart(db, "a")
    assert streams.unacknowledged(db, "a", 16) == ()
    assert streams.send(db, "a", "x", b"{}", NOW) == 1
    assert streams.stream_of(db, "a")[0] != before


@given(st.data())
def test_a_hostile_network_changes_nothing(data):
    """Loss, doubles and reordering: what is applied is what was sent, and it all arrives."""
    sender, receiver = a_side(), a_side()
    sent, applied, in_flight = 0, [], []
    for _ in range(data.draw(st.integers(0, 60))):
        step = data.draw(st.sampled_from(["send", "pump", "deliver", "double", "drop", "ack"]))
        if step == "send":
            sent = streams.send(sender, "r", "x", b"{}", NOW)
        elif step == "pump":
            in_flight += streams.unacknowledged(sender, "r", 3)
        elif step == "ack":
            streams.acknowledged(sender, "r", *streams.cursor_of(receiver, "s"))
        elif in_flight:
            at = data.draw(st.integers(0, len(in_flight) - 1))
            row = in_flight[at] if step == "double" else in_flight.pop(at)
            if (
                step == "deliver"
                and streams.arrive(receiver, "s", row.stream, row.n) is Arrival.APPLY
            ):
                applied.append(row.n)
    while mail := streams.unacknowledged(sender, "r", 3):
        for row in mail:
            if streams.arrive(receiver, "s", row.stream, row.n) is Arrival.APPLY:
                applied.append(row.n)
        streams.acknowledged(sender, "r", *streams.cursor_of(receiver, "s"))
    assert applied == list(range(1, sent + 1))
