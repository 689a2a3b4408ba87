"""Who accepted a revision, which one was withdrawn, and which held lots were released."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        create table acceptance (
            revision_id text not null, body text not null, use text not null, document text not null,
            document_sha256 text not null, until text not null, by_person text not null,
            at text not null
        ) strict;
        create table withdrawal (
            revision_id text primary key, reason text not null, by_person text not null, at text not null
        ) strict;
        create table lot_release (
            lot_code text primary key references lot(code), reason text not null,
            by_person text not null, at text not null
        ) strict;
        """,
    )
