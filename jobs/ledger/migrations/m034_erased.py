"""Since when nobody knows any more who asked for an order."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table orders add column erased_at text;")
