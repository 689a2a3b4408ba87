"""Orders, jobs, attempts, lots, batches, nodes, people."""

from __future__ import annotations

from sqlite_utils import Database

from jobs.ledger.migrations.script import run_script

_ORDERS = """
        create table meta (key text primary key, value text not null) strict;
        create table orders (
            id text primary key, request_key text not null unique, link_hash text not null unique,
            state text not null, created_at text not null, revision_id text not null,
            kits integer not null check (kits > 0), due text not null, requester text not null,
            place text not null, contact text not null, note text not null,
            language text not null, sandbox integer not null, closed_reason text not null default ''
        ) strict;
        create table line (
            order_id text not null references orders(id), part_id text not null,
            pieces integer not null check (pieces >= 0),
            deficit integer not null check (deficit >= 0),
            surplus integer not null default 0 check (surplus >= 0),
            reasons text not null default '[]', primary key (order_id, part_id)
        ) strict;
        create table plan_row (
            order_id text not null, part_id text not null, node text not null,
            printer text not null, pieces integer not null, plates integer not null,
            reasons text not null, at text not null,
            primary key (order_id, part_id, node, printer)
        ) strict;
"""
_JOBS = """
        create table job (
            id text primary key, order_id text not null, part_id text not null,
            pieces integer not null check (pieces > 0), material text not null,
            mesh_sha256 text not null, plate_sha256 text not null,
            node text not null, printer text not null,
            seconds real not null, grams real not null, state text not null,
            created_at text not null,
            foreign key (order_id, part_id) references line(order_id, part_id)
        ) strict;
        create index job_by_order on job(order_id, state);
        create table attempt (
            job_id text not null references job(id), number integer not null check (number > 0),
            node text not null, printer text not null, state text not null, nonce text not null default '',
            lease_until text, ttl_s real not null default 0, granted_at text, started_at text, ended_at text,
            reason text not null default '', seconds real, grams real, gcode_key text not null default '',
            slicer text not null default '', spool text not null default '',
            created_at text not null, primary key (job_id, number)
        ) strict;
        create index attempt_by_state on attempt(state);
        create index attempt_by_node on attempt(node, state);
        create table harvest (
            job_id text not null, number integer not null,
            good integer not null check (good >= 0), scrap integer not null check (scrap >= 0),
            reason text not null, by_person text not null, at text not null,
            primary key (job_id, number), foreign key (job_id, number) references attempt(job_id, number)
        ) strict;
        create table write_off (
            job_id text not null, number integer not null, pieces integer not null,
            reason text not null, by_person text not null, at text not null,
            primary key (job_id, number), foreign key (job_id, number) references attempt(job_id, number)
        ) strict;
"""
_PARCELS = """
        create table batch (
            id text primary key, order_id text not null references orders(id), state text not null,
            packed_at text not null, dispatched_at text, received_at text,
            received_by text not null default ''
        ) strict;
        create table lot (
            code text primary key, job_id text not null, number integer not null,
            order_id text not null, part_id text not null, state text not null,
            place text not null, good integer not null check (good > 0),
            accepted integer not null default 0 check (accepted >= 0),
            rejected integer not null default 0 check (rejected >= 0),
            reject_reason text not null default '', inspected_by text not null default '',
            created_at text not null, inspected_at text, unique (job_id, number),
            foreign key (job_id, number) references harvest(job_id, number)
        ) strict;
        create index lot_by_order on lot(order_id);
        create table batch_lot (
            batch_id text not null references batch(id), lot_code text not null references lot(code),
            pieces integer not null check (pieces > 0),
            received integer not null default 0, refused integer not null default 0,
            lost integer not null default 0, primary key (batch_id, lot_code)
        ) strict;
"""
_LABS = """
        create table node (
            id text primary key, lab text not null, public_key text not null, created_at text not null,
            paused integer not null default 0, online integer not null default 0,
            boot text not null default '', conn text not null default '', seen_at text
        ) strict;
        create table printer (
            node text not null references node(id), id text not null, facts text not null,
            state text not null default 'offline', clear integer not null default 0,
            fault text not null default '', primary key (node, id)
        ) strict;
"""
_PEOPLE = """
        create table person (
            login text primary key, name text not null, role text not null,
            password_hash text not null, node text not null default '', created_at text not null
        ) strict;
        create table event (
            id integer primary key, at text not null, order_id text not null, kind text not null,
            actor text not null, subject text not null, data text not null
        ) strict;
        create index event_by_order on event(order_id, id);
"""


def apply(db: Database) -> None:
    """Apply this migration."""
    for script in (_ORDERS, _JOBS, _PARCELS, _LABS, _PEOPLE):
        run_script(db, script)
