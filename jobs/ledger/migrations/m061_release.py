"""The day before which nothing of an order is started, where a steward says one."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table orders add column release text;")
