"""Inspection of lots at the hub; rework before it, and pieces that are spoilt after it."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import first_mile, hub, recalls, views
from jobs.ledger.rows import add_deficit, event
from jobs.ledger.store import Ledger
from jobs.model import LotState, Reason, ReasonCode

#: The place where lots are gathered; one for now, so a word is enough.
HUB = "hub:main"


def inspect(
    ledger: Ledger, code: str, accepted: int, rejected: int, reason: str, by: str, now: datetime
) -> None:
    """Record the verdict on every piece of a lot; it lies at the hub from now on.

    Rejected pieces are planned again.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was inspected before, is called back, or pieces are accepted of a lot
            that is held; or its state cannot be read.
        InvalidFieldError: the counts do not add up to the lot, or a rejection has no reason.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if lot.recall:
            raise RefusedError(
                f"Lot {lot.code} is called back: keep it apart, it is not inspected."
            )
        views.need_readable(lot)
        if lot.state is not LotState.WAITING:
            raise RefusedError(
                f"Lot {lot.code} was inspected already: {lot.accepted} accepted,"
                f" {lot.rejected} rejected."
            )
        _need_ready(db, lot, accepted, now)
        if accepted < 0 or rejected < 0 or accepted + rejected != lot.pieces:
            raise InvalidFieldError("accepted", f"accepted and rejected must make {lot.pieces}")
        if rejected and not reason.strip():
            raise InvalidFieldError("reason", "say why pieces were rejected")
        if not lot.place.startswith("hub:"):
            first_mile.arrived(db, lot.code, HUB, by, now)
        db.execute(
            "update lot set state = ?, accepted = ?, rejected = ?, reject_reason = ?,"
            " inspected_by = ?, inspected_at = ?, counted_at = coalesce(counted_at, ?)"
            " where code = ?",
            (
                LotState.INSPECTED,
                accepted,
                rejected,
                reason.strip(),
                by,
                now.isoformat(),
                now.isoformat(),
                lot.code,
            ),
        )
        made = lot.attempt
        if rejected:
            why = Reason(code=ReasonCode.REJECTED, node=made.node, text=reason.strip())
            add_deficit(db, made.order_id, made.part_id, rejected, why)
        event(
            db, made.order_id, "inspected", by, lot.code, now,
            accepted=accepted, rejected=rejected, reason=reason.strip(),
        )  # fmt: skip


def _need_ready(db: sqlite3.Connection, lot: views.LotView, accepted: int, now: datetime) -> None:
    """Refuse to inspect a lot that is being put right, is lost, or of which nothing may be accepted yet."""
    if hub.in_rework(db, lot.code) is not None:
        raise RefusedError(f"Lot {lot.code} is being put right: say first that it is done.")
    if not lot.pieces:
        raise RefusedError(f"Lot {lot.code} was lost on the way: count it first if it is here.")
    if accepted and (gate := hub.gate_of(db, lot.code)).is_held(now):
        if gate.held_until is None:
            raise RefusedError(f"Lot {lot.code} has a hold: say first that it is here.")
        raise RefusedError(
            f"Lot {lot.code} is held until {gate.held_until:%Y-%m-%d %H:%M} UTC: nothing of it"
            " is accepted before."
        )


def rework(ledger: Ledger, code: str, pieces: int, reason: str, by: str, now: datetime) -> None:
    """Put a bag aside: so many of its pieces are put right before it is inspected.

    The whole bag waits meanwhile, and its pieces still count as waiting.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was inspected, is called back, is not here, or is put aside already.
        InvalidFieldError: no pieces or more than it has, or no reason.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if lot.state is not LotState.WAITING or lot.recall or not lot.place.startswith("hub:"):
            raise RefusedError(f"Lot {lot.code} is not here to be inspected.")
        if hub.in_rework(db, lot.code) is not None:
            raise RefusedError(f"Lot {lot.code} is put aside for rework already.")
        if not 1 <= pieces <= lot.pieces:
            raise InvalidFieldError("pieces", f"from 1 to {lot.pieces}")
        if not reason.strip():
            raise InvalidFieldError("reason", "say what has to be put right")
        db.execute(
            "insert into rework (lot_code, pieces, reason, by_person, at) values (?, ?, ?, ?, ?)",
            (lot.code, pieces, reason.strip(), by, now.isoformat()),
        )
        event(
            db, lot.attempt.order_id, "rework", by, lot.code, now,
            pieces=pieces, reason=reason.strip(),
        )  # fmt: skip


def reworked(ledger: Ledger, code: str, by: str, now: datetime) -> None:
    """What was put aside is put right: the bag can be inspected. Said twice, nothing changes.

    Raises:
        NotFoundError: there is no such lot.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if hub.in_rework(db, lot.code) is None:
            return
        db.execute(
            "update rework set done_at = ?, done_by = ? where lot_code = ? and done_at is null",
            (now.isoformat(), by, lot.code),
        )
        event(db, lot.attempt.order_id, "reworked", by, lot.code, now)


def scrap(
    ledger: Ledger, code: str, pieces: int, of: int, reason: str, by: str, now: datetime
) -> None:
    """Of so many accepted pieces some were spoilt at the hub: they are planned again.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was not inspected, lies in a parcel, or has not `of` accepted pieces: pressed
            twice it counts once.
        InvalidFieldError: no pieces or more than were accepted, or no reason.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if lot.state is not LotState.INSPECTED or lot.batches:
            raise RefusedError(f"Lot {lot.code} is not inspected, or lies in a parcel.")
        if lot.accepted != of:
            raise RefusedError(f"Lot {lot.code} has {lot.accepted} accepted pieces, not {of}.")
        if not 1 <= pieces <= lot.accepted:
            raise InvalidFieldError("spoilt", f"from 1 to {lot.accepted}")
        if not reason.strip():
            raise InvalidFieldError("reason", "say what happened to them")
        made_again = pieces - recalls.leave(db, lot.code, pieces)
        db.execute(
            "update lot set accepted = accepted - ?1, rejected = rejected + ?1,"
            " reject_reason = case when reject_reason = '' then ?2 else reject_reason end"
            " where code = ?3",
            (pieces, reason.strip(), lot.code),
        )
        made = lot.attempt
        if made_again:
            why = Reason(code=ReasonCode.SCRAP, node=made.node, text=reason.strip())
            add_deficit(db, made.order_id, made.part_id, made_again, why)
        event(db, made.order_id, "spoilt", by, lot.code, now, pieces=pieces, reason=reason.strip())
