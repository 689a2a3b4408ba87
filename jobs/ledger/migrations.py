"""The tables of the ledger, as named migrations. A migration that has been released never changes."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

ledger_migrations = Migrations("ledger")
stream_migrations = Migrations("streams")


def run_script(db: Database, script: str) -> None:
    """Run statements inside the caller's transaction, which `executescript` would commit."""
    statement = ""
    for piece in script.split(";"):
        statement += piece + ";"
        if statement.strip(" \n;") and sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""


@stream_migrations()
def m001_streams(db: Database) -> None:
    """Reliable streams, the same on both sides: what was sent and not acknowledged, what was read."""
    run_script(
        db,
        """
        create table stream_out (
            peer text primary key, stream text not null, last_n integer not null default 0
        ) strict;
        create table outbox (
            peer text not null, n integer not null, id text not null, type text not null,
            body blob not null, at text not null, primary key (peer, n)
        ) strict;
        create table stream_in (
            peer text primary key, stream text not null, cursor integer not null default 0
        ) strict;
        create table stream_retired (
            peer text not null, stream text not null, primary key (peer, stream)
        ) strict;
        create table dead_letter (
            id integer primary key, peer text not null, stream text not null, n integer not null,
            type text not null, body blob not null, error text not null, at text not null
        ) strict;
        """,
    )


@stream_migrations()
def m002_memory(db: Database) -> None:
    """What tells a side that its file was put back from a copy, or that it has a twin."""
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


@ledger_migrations()
def m001_ledger(db: Database) -> None:
    """Orders, jobs, attempts, lots, batches, nodes, people."""
    run_script(
        db,
        """
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

        create table person (
            login text primary key, name text not null, role text not null,
            password_hash text not null, node text not null default '', created_at text not null
        ) strict;
        create table event (
            id integer primary key, at text not null, order_id text not null, kind text not null,
            actor text not null, subject text not null, data text not null
        ) strict;
        create index event_by_order on event(order_id, id);
        """,
    )


@ledger_migrations()
def m002_figures(db: Database) -> None:
    """What slicers said of plates, so that the next plan need not estimate them."""
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


@ledger_migrations()
def m003_labs(db: Database) -> None:
    """What owners let the network plan on, and what the plan says of each printer."""
    run_script(
        db,
        """
        alter table node add column place text not null default 'null';
        alter table node add column attended text not null default '00:00-24:00';
        alter table node add column utc_offset_min integer not null default 0;
        alter table node add column asks integer not null default 0;
        alter table node add column changed_at text;
        alter table printer add column state_at text;
        alter table plan_row add column late integer not null default 0;
        alter table plan_row add column grams real not null default 0;
        alter table plan_row add column km real;
        alter table plan_row add column done_at text;
        """,
    )


@ledger_migrations()
def m004_restored(db: Database) -> None:
    """After a restore: who has not spoken yet, and what was said; how long grants have lived."""
    run_script(
        db,
        """
        alter table node add column unheard integer not null default 0;
        alter table attempt add column restated integer not null default 0;
        alter table attempt add column granted_s real not null default 0;
        """,
    )


@ledger_migrations()
def m005_enrolment(db: Database) -> None:
    """Invitations, how each node stands with the network, and its login at the broker."""
    run_script(
        db,
        """
        create table invite (
            token_hash text primary key, lab text not null, invited_by text not null,
            created_at text not null, expires_at text not null,
            node text references node(id), used_at text
        ) strict;
        alter table node add column standing text not null default 'confirmed';
        alter table node add column standing_at text;
        alter table node add column standing_by text not null default '';
        alter table node add column standing_reason text not null default '';
        alter table node add column login text not null default '';
        alter table node add column login_number integer not null default 0;
        alter table node add column login_at text;
        insert into meta (key, value) values ('logins', '1');
        """,
    )


@ledger_migrations()
def m007_answers(db: Database) -> None:
    """Whether an offer was answered on a page is asked for every offer, on each view of a list."""
    run_script(
        db,
        """
        create index event_answer on event(subject) where kind in ('offer-taken', 'offer-declined');
        """,
    )


@ledger_migrations()
def m010_maker(db: Database) -> None:
    """A pause's end, hours that a lab gives in a week, and what was said of a printer."""
    run_script(
        db,
        """
        alter table node add column paused_until text not null default '';
        alter table node add column weekly_h real not null default 0;
        create table alone_word (
            node text not null, printer text not null, at text not null, by_person text not null,
            allowed integer not null, primary key (node, printer, at)
        ) strict;
        """,
    )


@ledger_migrations()
def m015_recalls(db: Database) -> None:
    """What was called back, which lots it holds, and who of those that have pieces has answered."""
    run_script(
        db,
        """
        create table recall (
            id text primary key, kind text not null, value text not null, reason text not null,
            by_person text not null, at text not null, ended_at text,
            ended_by text not null default '', ended_reason text not null default ''
        ) strict;
        create unique index recall_open on recall(kind, value) where ended_at is null;
        alter table lot add column recall text not null default '';
        alter table lot add column recalled integer not null default 0 check (recalled >= 0);
        create table recall_notice (
            recall text not null references recall(id), order_id text not null references orders(id),
            at text not null, acknowledged_at text, set_aside integer, waived_at text,
            waived_by text not null default '', primary key (recall, order_id)
        ) strict;
        """,
    )


@ledger_migrations()
def m012_newcomers(db: Database) -> None:
    """What makers without software said when they joined: their nodes are made from it, beside here."""
    run_script(
        db,
        """
        create table hosted (
            node text primary key references node(id), facts text not null
        ) strict;
        create index event_claim on event(subject, at) where kind = 'plate-claimed';
        """,
    )


@ledger_migrations()
def m011_telling(db: Database) -> None:
    """What people want to be told and where, letters that are to be sent, requesters who want none."""
    run_script(
        db,
        """
        create table telling (
            login text primary key references person(login), address text not null,
            webhook text not null, language text not null, kinds text not null,
            quiet_from_min integer not null check (quiet_from_min between 0 and 1439),
            quiet_to_min integer not null check (quiet_to_min between 0 and 1439),
            digest_min integer not null check (digest_min between 0 and 1439),
            changed_at text not null
        ) strict;
        create table notice (
            id integer primary key, key text not null unique, kind text not null,
            channel text not null, recipient text not null, language text not null,
            login text not null, ref text not null, urgent integer not null,
            keys text not null, facts text not null, created_at text not null,
            expires_at text not null, state text not null, tries integer not null default 0,
            next_at text not null, ended_at text, error text not null default ''
        ) strict;
        create index notice_to_send on notice(channel, next_at) where state = 'waiting';
        create index notice_by_time on notice(created_at);
        create index notice_by_ref on notice(ref, created_at);
        alter table orders add column untold integer not null default 0;
        """,
    )


@ledger_migrations()
def m013_maker_page(db: Database) -> None:
    """What was done to a printer; a requester's word to those who made a delivery."""
    run_script(
        db,
        """
        create table upkeep (
            id integer primary key, node text not null, printer text not null, at text not null,
            by_person text not null, text text not null, out integer, until text not null default ''
        ) strict;
        create index upkeep_by_printer on upkeep(node, printer, id);
        alter table batch add column thanks text not null default '';
        alter table batch add column thanks_hidden integer not null default 0;
        """,
    )


@ledger_migrations()
def m028_reviews(db: Database) -> None:
    """Who accepted a revision, which one was withdrawn, and which held lots were released."""
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


@ledger_migrations()
def m035_coefficients(db: Database) -> None:
    """The estimates that were fitted to what slicers said, a row a machine preset."""
    run_script(
        db,
        """
        create table coefficients (
            preset text primary key, body text not null, plates integer not null,
            before real not null, after real not null, at text not null
        ) strict;
        """,
    )


@ledger_migrations()
def m014_plans(db: Database) -> None:
    """What no plan could have beaten, as the last plan of an order proved it."""
    run_script(db, "alter table orders add column not_before text;")


@ledger_migrations()
def m033_parcels(db: Database) -> None:
    """By which profile a revision goes, the last row counts; how a batch leaves and arrives."""
    run_script(
        db,
        """
        create table revision_profile (
            id integer primary key, revision_id text not null, profile text not null,
            by_person text not null, at text not null
        ) strict;
        create index profile_by_revision on revision_profile(revision_id, id);
        alter table batch add column profile text not null default '';
        alter table batch add column damaged integer not null default 0;
        alter table batch add column refuse_reason text not null default '';
        alter table batch add column courier text not null default '';
        alter table batch add column carrier text not null default '';
        alter table batch add column tracking text not null default '';
        alter table batch add column run text not null default '';
        alter table batch add column handed_at text;
        create table run (
            id text primary key, driver text not null, day text not null, from_clock text not null,
            to_clock text not null, by_person text not null, at text not null,
            over_at text not null, ended_at text
        ) strict;
        create table complaint (
            id text primary key, order_id text not null references orders(id), batch_id text not null,
            lot_code text not null, pieces integer not null, text text not null, at text not null,
            read_by text not null default '', read_at text, advice text not null default '',
            told integer not null default 0
        ) strict;
        create index complaint_by_batch on complaint(batch_id, at);
        create table complaint_photo (
            complaint text not null references complaint(id), number integer not null,
            jpeg blob not null, primary key (complaint, number)
        ) strict;
        create table stop (
            run text not null references run(id), number integer not null check (number > 0),
            batch_id text not null, outcome text not null default '', reason text not null default '',
            at text, primary key (run, number)
        ) strict;
        """,
    )


@ledger_migrations()
def m032_hubs(db: Database) -> None:
    """Pick-ups with what travels on them, who had each lot, and what was lost on the way to the hub."""
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


@ledger_migrations()
def m034_orders(db: Database) -> None:
    """When a requester was asked whether she still needs her order, and when she answered."""
    run_script(
        db,
        """
        alter table orders add column need_asked_at text;
        alter table orders add column need_answered_at text;
        """,
    )


@ledger_migrations()
def m034_erased(db: Database) -> None:
    """Since when nobody knows any more who asked for an order."""
    run_script(db, "alter table orders add column erased_at text;")


@ledger_migrations()
def m034_maker_lots(db: Database) -> None:
    """Of which lot of its maker the filament was: two spools of it may have the same fault."""
    run_script(
        db,
        """
        alter table attempt add column maker_lot text not null default '';
        update attempt set maker_lot = coalesce((select json_extract(p.facts, '$.spool.maker_lot')
            from printer p where p.node = attempt.node and p.id = attempt.printer
            and json_extract(p.facts, '$.spool.id') = attempt.spool), '') where spool != '';
        """,
    )


@ledger_migrations()
def m037_complaint_lots(db: Database) -> None:
    """Of which lots a complaint is: its parcel may be unpacked later."""
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


@ledger_migrations()
def m037_lot_photos(db: Database) -> None:
    """Photos of a lot's pieces, of its maker and of the hub."""
    run_script(
        db,
        """
        create table lot_photo (
            lot_code text not null references lot(code), number integer not null check (number > 0),
            jpeg blob not null, by_person text not null, at text not null,
            primary key (lot_code, number)
        ) strict;
        """,
    )


@ledger_migrations()
def m039_listed(db: Database) -> None:
    """Since when a lab's maker lets anybody know of it; nobody has said so before."""
    run_script(db, "alter table node add column listed_at text;")
