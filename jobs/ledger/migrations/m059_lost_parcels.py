"""A parcel that was lost is no received one: of those that had arrived by the book, nothing had."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        update batch set state = 'lost' where state = 'received' and 0 < (select sum(bl.lost)
            from batch_lot bl where bl.batch_id = batch.id having sum(bl.lost) = sum(bl.pieces));
        """,
    )
