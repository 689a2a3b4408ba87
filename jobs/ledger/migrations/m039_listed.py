"""Since when a lab's maker lets anybody know of it; nobody has said so before."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table node add column listed_at text;")
