"""What a steward says of an order among others, and which jobs come after what is worth more."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table orders add column priority text not null default 'normal';
        alter table job add column set_back integer not null default 0;
        """,
    )
