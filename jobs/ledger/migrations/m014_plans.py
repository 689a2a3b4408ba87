"""What no plan could have beaten, as the last plan of an order proved it."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table orders add column not_before text;")
