"""What was done to a printer; a requester's word to those who made a delivery."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table upkeep (
            id integer primary key, node text not null, printer text not null, at text not null,
            by_person text not null, text text not null, out integer, until text not null default ''
        ) strict;
        create index upkeep_by_printer on upkeep(node, printer, id);
        alter table batch add column thanks text not null default '';
        alter table batch add column thanks_hidden integer not null default 0;
        """,
    )
