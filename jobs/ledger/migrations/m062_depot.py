"""Filament in the depot: a book of what was counted there and sent, and what is on its way to workshops."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table sending (
            id text primary key, node text not null references node(id), material text not null,
            grams integer not null check (grams > 0), arrives text not null, sent_by text not null,
            sent_at text not null, ended_at text, ended_by text not null default '',
            came integer not null default 0
        ) strict;
        create index sending_open on sending(node) where ended_at is null;
        create table depot (
            id integer primary key, material text not null, maker_lot text not null,
            change_g integer not null, sending text references sending(id), by_person text not null,
            at text not null
        ) strict;
        create index depot_by_sending on depot(sending) where sending is not null;
        """,
    )
