"""Nodes and their printers: who they are, whether they are there, what they can do."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import streams, views
from jobs.ledger.rows import event, tell
from jobs.ledger.store import Ledger
from jobs.lifecycle import MAY_HAVE_STARTED, UNGRANTED, AttemptEvent, AttemptState, advance
from jobs.messages import Cancel, Capabilities, PrinterChange, PrinterReady
from jobs.model import AttemptRef


def enrol(ledger: Ledger, node: str, lab: str, public_key: str, now: datetime) -> None:
    """Let a node in, or give a known one a new lab name and key.

    `public_key` is the base64 of its raw Ed25519 key, with which it signs file requests.
    """
    with ledger.transaction() as db:
        db.execute(
            "insert into node (id, lab, public_key, created_at) values (?, ?, ?, ?)"
            " on conflict (id) do update set lab = excluded.lab, public_key = excluded.public_key",
            (node, lab, public_key, now.isoformat()),
        )


def is_enrolled(db: sqlite3.Connection, node: str) -> bool:
    """Return whether the ledger knows this node."""
    return db.execute("select 1 from node where id = ?", (node,)).fetchone() is not None


def public_key(ledger: Ledger, node: str) -> str:
    """Return a node's public key.

    Raises:
        NotFoundError: it is not enrolled.
    """
    row = ledger.reading.execute("select public_key from node where id = ?", (node,)).fetchone()
    if row is None:
        raise NotFoundError("node", node)
    return str(row[0])


def presence(
    db: sqlite3.Connection, node: str, boot: str, conn: str, now: datetime, *, online: bool
) -> None:
    """A node came or went. The going of an older connection than the newest is no news."""
    row = db.execute("select boot, conn from node where id = ?", (node,)).fetchone()
    if row is None or (not online and (row["boot"], row["conn"]) != (boot, conn)):
        return
    db.execute(
        "update node set online = ?, boot = ?, conn = ?, seen_at = ? where id = ?",
        (int(online), boot, conn, now.isoformat(), node),
    )


def capabilities(db: sqlite3.Connection, node: str, told: Capabilities, now: datetime) -> None:
    """Keep what a node says of its printers; one that it does not name any more is forgotten."""
    db.execute(
        "update node set lab = ?, paused = ?, seen_at = ? where id = ?",
        (told.lab, int(told.paused), now.isoformat(), node),
    )
    names = [printer.id for printer in told.printers]
    marks = ",".join("?" * len(names))
    db.execute(f"delete from printer where node = ? and id not in ({marks})", (node, *names))
    db.executemany(
        "insert into printer (node, id, facts) values (?, ?, ?)"
        " on conflict (node, id) do update set facts = excluded.facts",
        [(node, p.id, msgspec.json.encode(p).decode()) for p in told.printers],
    )


def printer_change(db: sqlite3.Connection, node: str, told: PrinterChange) -> None:
    """Keep a printer's state as its node tells it."""
    db.execute(
        "update printer set state = ?, clear = ?, fault = ? where node = ? and id = ?",
        (told.state, int(told.clear), told.fault, node, told.printer),
    )


def printer_ready(ledger: Ledger, node: str, printer: str, by: str, now: datetime) -> None:
    """A person has seen that the bed is clear: the printer may heat and move from now on.

    Raises:
        NotFoundError: there is no such printer.
        RefusedError: parts on the bed have to be counted first.
    """
    with ledger.transaction() as db:
        known = db.execute("select 1 from printer where node = ? and id = ?", (node, printer))
        if known.fetchone() is None:
            raise NotFoundError("printer", f"{node}/{printer}")
        states = ",".join(f"'{s}'" for s in sorted(MAY_HAVE_STARTED - {AttemptState.GRANTED}))
        on_bed = db.execute(
            "select job_id, number from attempt where node = ? and printer = ?"
            f" and state in ({states})",
            (node, printer),
        ).fetchone()
        if on_bed is not None:
            raise RefusedError(
                f"Count the parts of {on_bed[0]}-a{on_bed[1]} first: they are on this bed."
            )
        db.execute("update printer set clear = 1 where node = ? and id = ?", (node, printer))
        tell(db, node, PrinterReady(printer=printer), now)
        event(db, "", "bed-cleared", by, f"{node}/{printer}", now)


def request_cancel(ledger: Ledger, ref: AttemptRef, reason: str, by: str, now: datetime) -> None:
    """Ask the node to stop a print; the attempt ends when the node says so.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it is not printing.
    """
    with ledger.transaction() as db:
        found = views.attempt(db, ref)
        if found.state not in (AttemptState.GRANTED, AttemptState.PRINTING):
            raise RefusedError(f"{ref} is {found.state}: there is no print to stop.")
        tell(db, found.node, Cancel(attempt=ref, reason=reason), now)
        event(db, found.order_id, "cancel-asked", by, str(ref), now, reason=reason)


def forgot_everything(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """The node has begun a new stream: its journal is gone, and with it what it knew.

    What was granted may have been started: a person has to look. What was not is free again.
    """
    streams.restart(db, node)
    db.execute("update printer set clear = 0 where node = ?", (node,))
    rows = db.execute("select * from attempt where node = ?", (node,)).fetchall()
    for row in rows:
        state = AttemptState(row["state"])
        if state in UNGRANTED:
            to, reason = advance(state, AttemptEvent.WITHDRAW), "the node lost its journal"
        elif state in (AttemptState.GRANTED, AttemptState.PRINTING):
            to, reason = advance(state, AttemptEvent.INTERRUPT), "the node lost its journal"
        else:
            continue
        db.execute(
            "update attempt set state = ?, reason = ?, ended_at = ? where job_id = ? and number = ?",
            (to, reason, now.isoformat(), row["job_id"], row["number"]),
        )
