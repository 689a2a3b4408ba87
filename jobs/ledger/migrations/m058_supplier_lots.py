"""Of which lot of its supplier's bought parts are: a bad box is called back as filament is."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(db, "alter table hub_stock add column supplier_lot text not null default '';")
