"""Pick-ups with what travels on them, who had each lot, and what was lost on the way to the hub."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script


def apply(db: Database) -> None:
    """Apply this migration."""
    run_script(
        db,
        """
        alter table lot add column mislaid integer not null default 0 check (mislaid >= 0);
        alter table lot add column arrived_at text;
        alter table lot add column counted_at text;
        create table pickup (
            id text primary key, node text not null references node(id), state text not null,
            ready_at text not null, spot text not null, driver text not null default '',
            turn integer not null default 0, link_hash text unique, announced_by text not null,
            announced_at text not null, taken_at text, ended_at text
        ) strict;
        create index pickup_by_state on pickup(state, ready_at);
        create table pickup_lot (
            pickup text not null references pickup(id), lot_code text not null references lot(code),
            primary key (pickup, lot_code)
        ) strict;
        create index pickup_by_lot on pickup_lot(lot_code);
        create table goods (
            id integer primary key, pickup text not null references pickup(id), text text not null,
            quantity integer not null check (quantity > 0), material text not null default '',
            grams real not null default 0 check (grams >= 0), by_person text not null,
            at text not null, handed_at text
        ) strict;
        create table handover (
            id integer primary key, lot_code text not null references lot(code), at text not null,
            holder text not null, by_person text not null, pickup text not null default ''
        ) strict;
        create index handover_by_lot on handover(lot_code, id);
        create table hub_rule (
            scope text not null, value text not null, hold_h real check (hold_h >= 0),
            second integer, by_person text not null, at text not null, primary key (scope, value)
        ) strict;
        create table rework (
            id integer primary key, lot_code text not null references lot(code),
            pieces integer not null check (pieces > 0), reason text not null, by_person text not null,
            at text not null, done_at text, done_by text not null default ''
        ) strict;
        create unique index rework_open on rework(lot_code) where done_at is null;
        create table hub_stock (
            id integer primary key, item text not null, change integer not null, batch text not null,
            by_person text not null, at text not null
        ) strict;
        create index hub_stock_by_batch on hub_stock(batch) where batch != '';
        create table lot_signature (
            lot_code text primary key references lot(code), by_person text not null, at text not null
        ) strict;
        """,
    )
