"""What was called back, which lots it holds, and who of those that have pieces has answered."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table recall (
            id text primary key, kind text not null, value text not null, reason text not null,
            by_person text not null, at text not null, ended_at text,
            ended_by text not null default '', ended_reason text not null default ''
        ) strict;
        create unique index recall_open on recall(kind, value) where ended_at is null;
        alter table lot add column recall text not null default '';
        alter table lot add column recalled integer not null default 0 check (recalled >= 0);
        create table recall_notice (
            recall text not null references recall(id), order_id text not null references orders(id),
            at text not null, acknowledged_at text, set_aside integer, waived_at text,
            waived_by text not null default '', primary key (recall, order_id)
        ) strict;
        """,
    )
