"""By which profile a revision goes, the last row counts; how a batch leaves and arrives."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table revision_profile (
            id integer primary key, revision_id text not null, profile text not null,
            by_person text not null, at text not null
        ) strict;
        create index profile_by_revision on revision_profile(revision_id, id);
        alter table batch add column profile text not null default '';
        alter table batch add column damaged integer not null default 0;
        alter table batch add column refuse_reason text not null default '';
        alter table batch add column courier text not null default '';
        alter table batch add column carrier text not null default '';
        alter table batch add column tracking text not null default '';
        alter table batch add column run text not null default '';
        alter table batch add column handed_at text;
        create table run (
            id text primary key, driver text not null, day text not null, from_clock text not null,
            to_clock text not null, by_person text not null, at text not null,
            over_at text not null, ended_at text
        ) strict;
        create table complaint (
            id text primary key, order_id text not null references orders(id), batch_id text not null,
            lot_code text not null, pieces integer not null, text text not null, at text not null,
            read_by text not null default '', read_at text, advice text not null default '',
            told integer not null default 0
        ) strict;
        create index complaint_by_batch on complaint(batch_id, at);
        create table complaint_photo (
            complaint text not null references complaint(id), number integer not null,
            jpeg blob not null, primary key (complaint, number)
        ) strict;
        create table stop (
            run text not null references run(id), number integer not null check (number > 0),
            batch_id text not null, outcome text not null default '', reason text not null default '',
            at text, primary key (run, number)
        ) strict;
        """,
    )
