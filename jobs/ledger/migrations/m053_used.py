"""What names the last beginning or end of a print on a bed; nothing where its node has not said it."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table printer add column used text;")
