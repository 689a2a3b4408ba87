"""What tells a side that its file was put back from a copy, or that it has a twin."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table stream_in add column last_id text not null default '';
        alter table stream_out add column acked_n integer not null default 0;
        alter table stream_out add column acked_id text not null default '';
        update stream_out set acked_n = coalesce(
            (select min(n) - 1 from outbox o where o.peer = stream_out.peer), last_n);
        """,
    )
