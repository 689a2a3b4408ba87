"""Of which lot of its maker the filament was: two spools of it may have the same fault."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table attempt add column maker_lot text not null default '';
        update attempt set maker_lot = coalesce((select json_extract(p.facts, '$.spool.maker_lot')
            from printer p where p.node = attempt.node and p.id = attempt.printer
            and json_extract(p.facts, '$.spool.id') = attempt.spool), '') where spool != '';
        """,
    )
