"""After a restore: who has not spoken yet, and what was said; how long grants have lived."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table node add column unheard integer not null default 0;
        alter table attempt add column restated integer not null default 0;
        alter table attempt add column granted_s real not null default 0;
        """,
    )
