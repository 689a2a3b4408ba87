"""What names the last word on a pause that was said at a node; "" where none was."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table node add column pause_word text not null default '';")
