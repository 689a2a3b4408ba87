"""When a requester was asked whether she still needs her order, and when she answered."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table orders add column need_asked_at text;
        alter table orders add column need_answered_at text;
        """,
    )
