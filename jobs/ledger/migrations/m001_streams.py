"""Reliable streams, the same on both sides: what was sent and not acknowledged, what was read."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table stream_out (
            peer text primary key, stream text not null, last_n integer not null default 0
        ) strict;
        create table outbox (
            peer text not null, n integer not null, id text not null, type text not null,
            body blob not null, at text not null, primary key (peer, n)
        ) strict;
        create table stream_in (
            peer text primary key, stream text not null, cursor integer not null default 0
        ) strict;
        create table stream_retired (
            peer text not null, stream text not null, primary key (peer, stream)
        ) strict;
        create table dead_letter (
            id integer primary key, peer text not null, stream text not null, n integer not null,
            type text not null, body blob not null, error text not null, at text not null
        ) strict;
        """,
    )
