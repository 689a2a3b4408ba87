"""Of which lots a complaint is: its parcel may be unpacked later."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table complaint_lot (
            complaint text not null references complaint(id),
            lot_code text not null references lot(code), primary key (complaint, lot_code)
        ) strict;
        insert into complaint_lot select c.id, l.code from complaint c join lot l
            on l.code = c.lot_code or (c.lot_code = '' and exists (select 1 from batch_lot bl
            where bl.batch_id = c.batch_id and bl.lot_code = l.code));
        """,
    )
