"""What owners let the network plan on, and what the plan says of each printer."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table node add column place text not null default 'null';
        alter table node add column attended text not null default '00:00-24:00';
        alter table node add column utc_offset_min integer not null default 0;
        alter table node add column asks integer not null default 0;
        alter table node add column changed_at text;
        alter table printer add column state_at text;
        alter table plan_row add column late integer not null default 0;
        alter table plan_row add column grams real not null default 0;
        alter table plan_row add column km real;
        alter table plan_row add column done_at text;
        """,
    )
