"""Invitations, how each node stands with the network, and its login at the broker."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table invite (
            token_hash text primary key, lab text not null, invited_by text not null,
            created_at text not null, expires_at text not null,
            node text references node(id), used_at text
        ) strict;
        alter table node add column standing text not null default 'confirmed';
        alter table node add column standing_at text;
        alter table node add column standing_by text not null default '';
        alter table node add column standing_reason text not null default '';
        alter table node add column login text not null default '';
        alter table node add column login_number integer not null default 0;
        alter table node add column login_at text;
        insert into meta (key, value) values ('logins', '1');
        """,
    )
