"""A pause's end, hours that a lab gives in a week, and what was said of a printer."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table node add column paused_until text not null default '';
        alter table node add column weekly_h real not null default 0;
        create table alone_word (
            node text not null, printer text not null, at text not null, by_person text not null,
            allowed integer not null, primary key (node, printer, at)
        ) strict;
        """,
    )
