"""An order is needed still, or less of it, or not at all: what is not granted is withdrawn, the rest is spare.

Pieces that exist, or that somebody may have begun, are real: they are a surplus of the order, and
`jobs.coordinator.surplus` gives them to the next one. Leaves when to ask to `jobs.needs`.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from jobs.coordinator import restoring, telling
from jobs.coordinator.deliveries import close_if_complete
from jobs.coordinator.moves import move
from jobs.errors import InvalidFieldError, RefusedError
from jobs.law import Books
from jobs.ledger import cells, needs, parcels, views
from jobs.ledger.books import books
from jobs.ledger.rows import HOLDS, absorb, apart, event, tell
from jobs.ledger.store import Ledger
from jobs.lifecycle import UNGRANTED, AttemptEvent
from jobs.messages import Withdraw
from jobs.model import AttemptRef, BatchState, JobState, Order, OrderState
from jobs.needs import kits_for, must_ask
from jobs.notice_kinds import Kind

#: So old an order may be before its requester is asked whether she still needs it.
ASK_AFTER = timedelta(days=14)
_WHY = "fewer are needed"
_ALIVE = (OrderState.ASKED, OrderState.CONFIRMED)


def ask(db: sqlite3.Connection, age: timedelta, now: datetime) -> int:
    """Ask who could be sent something whether she still needs it, where it is time; return how many.

    Inside the caller's transaction. Until she has answered, no parcel of the order leaves.
    """
    asked = 0
    for row in db.execute(needs.READY).fetchall():
        with apart(db, f"order {row['id']}"):
            order = views.order_of(row)
            due = must_ask(
                created_at=order.created_at,
                due=order.request.due,
                asked_at=cells.when(row["need_asked_at"]),
                answered_at=cells.when(row["need_answered_at"]),
                now=now,
                age=age,
            )
            if not due:
                continue
            db.execute(
                "update orders set need_asked_at = ? where id = ?", (now.isoformat(), order.id)
            )
            event(db, order.id, "need-asked", "fabnet", order.id, now)
            which = f"{order.id}:{now.isoformat()}"
            telling.on_order(db, order.id, Kind.ORDER_NEED, which, now)
            asked += 1
    return asked


def answer(
    ledger: Ledger, order_id: str, kits: int, by: str, now: datetime, reason: str = ""
) -> Order:
    """So many kits are needed: all, fewer, or none; return the order as it is now.

    What has left counts as needed: it cannot be called back. Twice is as good as once.

    Raises:
        NotFoundError: there is no such order.
        InvalidFieldError: more than were ordered; a new order is the way to them.
        RefusedError: it is over, or the books were just put back and workshops have not answered.
    """
    with ledger.transaction() as db:
        order = views.order(db, order_id)
        if order.state not in _ALIVE:
            if kits == 0 and order.state is OrderState.CANCELLED:
                return order
            raise RefusedError(f"Order {order_id} is {order.state}; nothing was changed.")
        if not 0 <= kits <= order.request.kits:
            raise InvalidFieldError("kits", f"between 0 and {order.request.kits}")
        db.execute(
            "update orders set need_answered_at = ? where id = ?", (now.isoformat(), order_id)
        )
        if kits == order.request.kits:
            event(db, order_id, "need-confirmed", by, order_id, now)
        else:
            _lower(db, order, kits, by, reason.strip(), now)
        return views.order(db, order_id)


def _lower(
    db: sqlite3.Connection, order: Order, kits: int, by: str, reason: str, now: datetime
) -> None:
    if restoring.unheard(db):
        raise RefusedError(
            "The books were put back from a backup, and not every workshop has answered yet."
            " Please try again later."
        )
    found = books(db, order.id)
    gone = {b.part_id: b.in_transit + b.kept for b in found}
    left = max((kits_for(gone[b.part_id], b.ordered, order.request.kits) for b in found), default=0)
    # Bags leave whole: more may have left than was ordered.
    kept = min(max(kits, left), order.request.kits)
    if kept == order.request.kits:
        event(db, order.id, "need-confirmed", by, order.id, now)
        return
    _unpack(db, order.id, now)
    found = books(db, order.id)
    for each in found:
        per_kit = each.ordered // order.request.kits
        _free(db, each, each.ordered - per_kit * kept, now)
    if kept == 0:
        db.execute(
            "update orders set state = ?, closed_reason = ? where id = ?",
            (OrderState.CANCELLED, reason, order.id),
        )
        event(db, order.id, "cancelled", by, order.id, now, reason=reason)
        telling.on_order(db, order.id, Kind.ORDER_CANCELLED, order.id, now)
        return
    db.execute("update orders set kits = ? where id = ?", (kept, order.id))
    event(db, order.id, "lowered", by, order.id, now, kits=kept, reason=reason)
    close_if_complete(db, order.id, now)


def _unpack(db: sqlite3.Connection, order_id: str, now: datetime) -> None:
    """What is packed and has not left is packed anew: it may be too much."""
    for (batch,) in db.execute(
        "select id from batch where order_id = ? and state = ?", (order_id, BatchState.PACKED)
    ).fetchall():
        parcels.unpack(db, batch, _WHY, now)


def _free(db: sqlite3.Connection, part: Books, pieces: int, now: datetime) -> None:
    """So many pieces of a part are not needed: first those that nobody has begun."""
    if pieces <= 0:
        return
    over = pieces - part.deficit
    for row in db.execute(_OPEN, (part.order_id, part.part_id, JobState.OPEN)).fetchall():
        if over <= 0:
            break
        if row["number"] is not None:
            found = views.attempt(db, AttemptRef(job=row["id"], number=row["number"]))
            if found.state not in UNGRANTED:
                continue
            move(db, found, AttemptEvent.WITHDRAW, now, _WHY)
            tell(db, found.node, Withdraw(attempt=found.ref, reason=_WHY), now)
        over -= row["pieces"]
    db.execute(
        "update line set pieces = pieces - ? where order_id = ? and part_id = ?",
        (pieces, part.order_id, part.part_id),
    )
    absorb(db, part.order_id, part.part_id, pieces)


# Plates without an attempt first, then the newest.
_OPEN = f"""
select j.id, j.pieces, (select a.number from attempt a where a.job_id = j.id
 and a.state {HOLDS}) as number
from job j where j.order_id = ? and j.part_id = ? and j.state = ?
order by number is not null, j.created_at desc, j.id
"""
