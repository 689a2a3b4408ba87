"""What people want to be told and where, letters that are to be sent, requesters who want none."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table telling (
            login text primary key references person(login), address text not null,
            webhook text not null, language text not null, kinds text not null,
            quiet_from_min integer not null check (quiet_from_min between 0 and 1439),
            quiet_to_min integer not null check (quiet_to_min between 0 and 1439),
            digest_min integer not null check (digest_min between 0 and 1439),
            changed_at text not null
        ) strict;
        create table notice (
            id integer primary key, key text not null unique, kind text not null,
            channel text not null, recipient text not null, language text not null,
            login text not null, ref text not null, urgent integer not null,
            keys text not null, facts text not null, created_at text not null,
            expires_at text not null, state text not null, tries integer not null default 0,
            next_at text not null, ended_at text, error text not null default ''
        ) strict;
        create index notice_to_send on notice(channel, next_at) where state = 'waiting';
        create index notice_by_time on notice(created_at);
        create index notice_by_ref on notice(ref, created_at);
        alter table orders add column untold integer not null default 0;
        """,
    )
