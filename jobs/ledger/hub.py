"""The hub's rules in the ledger, and what each lot has still to pass."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from designs.regulation import profiles
from jobs.hub import MOST_HOLD_H, Gate, Rule, Scope, gate
from jobs.ledger.cells import moment, quoted, when
from jobs.model import BatchState


def rules(db: sqlite3.Connection) -> tuple[Rule, ...]:
    """Return what stewards ask of lots; of one that cannot be read it is asked of all.

    So nothing leaves that it may be about.
    """
    rows = db.execute(
        "select scope, value, hold_h, second from hub_rule"
        f" order by scope not in ({quoted(Scope)}), scope, value"
    )
    return tuple(
        Rule(
            scope=Scope(r["scope"]) if r["scope"] in set(Scope) else Scope.ALL,
            value=r["value"] if r["scope"] in set(Scope) else "",
            hold_h=None if r["hold_h"] is None else min(r["hold_h"], MOST_HOLD_H),
            second=None if r["second"] is None else bool(r["second"]),
        )
        for r in rows
    )


_GATES = """
select l.code, l.arrived_at, l.inspected_by, j.material, o.revision_id, s.by_person as signed_by,
 s.at as signed_at, (select p.profile from revision_profile p where p.revision_id = o.revision_id
  order by p.id desc limit 1) as profile
from lot l join job j on j.id = l.job_id join orders o on o.id = l.order_id
left join lot_signature s on s.lot_code = l.code
"""


def gates(db: sqlite3.Connection, order_id: str | None = None) -> Mapping[str, Gate]:
    """Return what the lots have to pass that have not left the hub, by code; of one order, or of all."""
    where = (
        "where (?1 is null or l.order_id = ?1) and not exists (select 1 from batch_lot b"
        " join batch ba on ba.id = b.batch_id where b.lot_code = l.code and ba.state != ?2)"
    )
    known = rules(db)
    rows = db.execute(_GATES + where, (order_id, BatchState.PACKED))
    return {r["code"]: _gate(known, r) for r in rows}


def unsigned_in(db: sqlite3.Connection, batch_id: str) -> tuple[str, ...]:
    """Return the lots of a parcel that a second person has still to release."""
    where = "join batch_lot b on b.lot_code = l.code where b.batch_id = ? order by l.code"
    known = rules(db)
    rows = db.execute(_GATES + where, (batch_id,))
    return tuple(r["code"] for r in rows if _gate(known, r).unsigned)


def gate_of(db: sqlite3.Connection, code: str) -> Gate:
    """Return what one lot has to pass."""
    return _gate(rules(db), db.execute(_GATES + "where l.code = ?", (code,)).fetchone())


def _gate(known: tuple[Rule, ...], row: sqlite3.Row) -> Gate:
    rule = profiles().get(row["profile"] or "")
    return gate(
        known,
        material=row["material"],
        revision=row["revision_id"],
        arrived_at=when(row["arrived_at"]),
        signed_release=rule is not None and rule.signed_release,
        inspected_by=row["inspected_by"],
        signed_by=row["signed_by"] or "",
        signed_at=when(row["signed_at"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rework:
    """A bag that is put aside until pieces of it are put right."""

    pieces: int
    reason: str
    at: datetime


def in_rework(db: sqlite3.Connection, code: str) -> Rework | None:
    """Return what a lot is put aside for; None where it is not."""
    row = db.execute(
        "select pieces, reason, at from rework where lot_code = ? and done_at is null", (code,)
    ).fetchone()
    return None if row is None else Rework(pieces=row[0], reason=row[1], at=moment(row[2]))


def shut(db: sqlite3.Connection, order_id: str | None, now: datetime | None) -> frozenset[str]:
    """Return the lots that no parcel may take along yet: held, or not released by a second person.

    Without a time holds are left out.
    """
    return frozenset(
        code
        for code, each in gates(db, order_id).items()
        if each.unsigned or (now is not None and each.is_held(now))
    )
