"""Whether an offer was answered on a page is asked for every offer, on each view of a list."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create index event_answer on event(subject) where kind in ('offer-taken', 'offer-declined');
        """,
    )
