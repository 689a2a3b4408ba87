"""The estimates that were fitted to what slicers said, a row a machine preset."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table coefficients (
            preset text primary key, body text not null, plates integer not null,
            before real not null, after real not null, at text not null
        ) strict;
        """,
    )
