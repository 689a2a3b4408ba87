"""Inspection of lots at the hub."""

from __future__ import annotations

from datetime import datetime

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import first_mile, hub, views
from jobs.ledger.rows import add_deficit, event
from jobs.ledger.store import Ledger
from jobs.model import LotState, Reason, ReasonCode

#: The place where lots are gathered; one for now, so a word is enough.
HUB = "hub:main"


def inspect(
    ledger: Ledger,
    code: str,
    accepted: int,
    rejected: int,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    """Record the verdict on every piece of a lot; it lies at the hub from now on.

    Rejected pieces are planned again.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was inspected before, is called back, or pieces are accepted of a lot
            that is held.
        InvalidFieldError: the counts do not add up to the lot, or a rejection has no reason.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if lot.recall:
            raise RefusedError(
                f"Lot {lot.code} is called back: keep it apart, it is not inspected."
            )
        if lot.state is not LotState.WAITING:
            raise RefusedError(
                f"Lot {lot.code} was inspected already: {lot.accepted} accepted,"
                f" {lot.rejected} rejected."
            )
        if accepted < 0 or rejected < 0 or accepted + rejected != lot.pieces:
            raise InvalidFieldError("accepted", f"accepted and rejected must make {lot.pieces}")
        if rejected and not reason.strip():
            raise InvalidFieldError("reason", "say why pieces were rejected")
        if not lot.pieces:
            raise RefusedError(f"Lot {lot.code} was lost on the way: count it first if it is here.")
        if accepted and (gate := hub.gate_of(db, lot.code)).is_held(now):
            if gate.held_until is None:
                raise RefusedError(f"Lot {lot.code} has a hold: say first that it is here.")
            raise RefusedError(
                f"Lot {lot.code} is held until {gate.held_until:%Y-%m-%d %H:%M} UTC: nothing of it"
                " is accepted before."
            )
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
