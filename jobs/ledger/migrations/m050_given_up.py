"""When the bed of a written-off attempt was called clear; nothing where its node may hold it still."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table write_off add column cleared_at text;")
