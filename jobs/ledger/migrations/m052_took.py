"""How long a print took, as its node measured it, and the newest of them by printer."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table attempt add column took_s real;
        create index attempt_took on attempt(node, printer, ended_at, seconds, took_s)
            where took_s is not null;
        """,
    )
