"""How often a letter was handed to its server without an answer: it may have arrived each time."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table notice add column handed integer not null default 0;")
