"""Photos of a lot's pieces, of its maker and of the hub."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table lot_photo (
            lot_code text not null references lot(code), number integer not null check (number > 0),
            jpeg blob not null, by_person text not null, at text not null,
            primary key (lot_code, number)
        ) strict;
        """,
    )
