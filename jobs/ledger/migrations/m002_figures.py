"""What slicers said of plates, so that the next plan need not estimate them."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table figure (
            mesh_sha256 text not null, copies integer not null check (copies > 0),
            preset text not null, material text not null,
            seconds real not null check (seconds > 0), grams real not null check (grams > 0),
            slicer text not null, at text not null,
            primary key (mesh_sha256, copies, preset, material)
        ) strict;
        """,
    )
