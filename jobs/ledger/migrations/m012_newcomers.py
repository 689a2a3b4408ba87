"""What makers without software said when they joined: their nodes are made from it, beside here."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table hosted (
            node text primary key references node(id), facts text not null
        ) strict;
        create index event_claim on event(subject, at) where kind = 'plate-claimed';
        """,
    )
