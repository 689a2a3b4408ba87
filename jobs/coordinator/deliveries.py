"""Batches: packed at the hub, dispatched, received. Courier-delivered is not hospital-received."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from designs.regulation import Profile, profiles
from jobs.coordinator import telling
from jobs.coordinator.couriers import Courier, HandPickUp
from jobs.errors import InvalidFieldError, RefusedError
from jobs.hub import Kit
from jobs.ledger import bought, parcels, recalls, reviews, views
from jobs.ledger.books import books
from jobs.ledger.packing import Lies, Stays, lying
from jobs.ledger.rows import absorb, add_deficit, event, new_id
from jobs.ledger.store import Ledger
from jobs.model import BatchState, OrderState, Reason, ReasonCode
from jobs.notice_kinds import Kind

#: Characters of a requester's word to those who made a delivery.
MOST_THANKS = 500
#: Characters of why pieces are refused.
MOST_REASON = 200
_WAS_LOST = "it had been lost"


def pack(
    ledger: Ledger,
    order_id: str,
    by: str,
    now: datetime,
    kit: Kit | None = None,
    boxes: Mapping[str, str] | None = None,
) -> str:
    """Put all accepted lots of an order that lie at the hub into one batch; return its id.

    Bought parts of its complete kits leave the hub's stock: the oldest first, but of the supplier's lot
    that `boxes` names by item.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: there is nothing to pack.
    """
    with ledger.transaction() as db:
        views.order(db, order_id)
        lots = _packable(db, order_id, now)
        batch_id = new_id(8)
        db.execute(
            "insert into batch (id, order_id, state, packed_at) values (?, ?, ?, ?)",
            (batch_id, order_id, BatchState.PACKED, now.isoformat()),
        )
        db.executemany(
            "insert into batch_lot (batch_id, lot_code, pieces) values (?, ?, ?)",
            [(batch_id, lot.code, lot.pieces) for lot in lots],
        )
        if kit is not None:
            bought.use(db, batch_id, kit, by, now, boxes)
        pieces = sum(lot.pieces for lot in lots)
        event(db, order_id, "packed", by, batch_id, now, pieces=pieces, lots=len(lots))
    return batch_id


def to_pack(db: sqlite3.Connection, order_id: str, now: datetime) -> tuple[Lies, ...]:
    """Return the bags that `pack` would put into a batch now."""
    return tuple(bag for bag in lying(db, now, order_id) if bag.stays is None)


def _packable(db: sqlite3.Connection, order_id: str, now: datetime) -> tuple[Lies, ...]:
    if found := to_pack(db, order_id, now):
        return found
    why = {bag.stays for bag in lying(db, now, order_id)}
    if Stays.SPARE in why:
        raise RefusedError("What lies here is spare: this order needs no more.")
    if Stays.SHUT in why:
        raise RefusedError("All of its lots are held, or wait for a second person's release.")
    if Stays.WITHDRAWN in why:
        raise RefusedError("All of its lots are held: their design was withdrawn.")
    raise RefusedError("There is no inspected lot of this order to pack.")


def dispatch(
    ledger: Ledger, batch_id: str, by: str, now: datetime, courier: Courier | None = None
) -> None:
    """The batch has left the hub; somebody has fetched it where no courier is named.

    Raises:
        NotFoundError: there is no such batch.
        RefusedError: it has left already, or may not leave.
        InvalidFieldError: what was typed of the courier cannot be used.
    """
    with ledger.transaction() as db:
        leave(db, batch_id, courier or HandPickUp(), by, now)


def leave(db: sqlite3.Connection, batch_id: str, courier: Courier, by: str, now: datetime) -> None:
    """As `dispatch`, inside the caller's transaction."""
    batch = views.batch(db, batch_id)
    if batch.state is not BatchState.PACKED:
        raise RefusedError(f"Batch {batch_id} is {batch.state} already.")
    barrier = parcels.barrier(db, batch_id)
    if barrier.held:
        raise RefusedError(
            f"Lot {barrier.held[0]} in it is held: its design was withdrawn, and nobody has released it."
        )
    if barrier.asked:
        raise RefusedError(
            "Its requester was asked whether she still needs it, and has not answered."
            " Telephone her, and write her answer on the page of the order."
        )
    rule = _rule(db, batch.order_id, now)
    if barrier.unsigned:
        raise RefusedError(
            f"Lot {barrier.unsigned[0]} in it waits for a second person:"
            " who did not inspect it releases it."
        )
    facts = courier.leave(db, batch_id)
    db.execute(
        "update batch set state = ?, dispatched_at = ?, profile = ? where id = ?",
        (BatchState.DISPATCHED, now.isoformat(), rule.id if rule else "", batch_id),
    )
    event(db, batch.order_id, "dispatched", by, batch_id, now)
    telling.on_order(db, batch.order_id, Kind.ORDER_SENT, _letter(db, batch), now, **facts)


def _letter(db: sqlite3.Connection, batch: views.BatchView) -> str:
    """Name a way that a batch has gone: one that came back goes again, and is told again."""
    row = db.execute(
        "select count(*) from event where order_id = ? and kind = 'dispatched' and subject = ?",
        (batch.order_id, batch.id),
    ).fetchone()
    return f"{batch.id}:{row[0]}"


def hand_over(db: sqlite3.Connection, batch_id: str, by: str, now: datetime) -> None:
    """A courier says that a batch was handed over: its recipient is asked to count it."""
    batch = views.batch(db, batch_id)
    db.execute("update batch set handed_at = ? where id = ?", (now.isoformat(), batch_id))
    event(db, batch.order_id, "handed-over", by, batch_id, now)
    telling.on_order(db, batch.order_id, Kind.ORDER_HANDED, _letter(db, batch), now)


def _need(field: str, reason: str) -> None:
    if not reason.strip() or len(reason) > MOST_REASON:
        raise InvalidFieldError(field, f"is needed, at most {MOST_REASON} characters")


def _on_its_way(db: sqlite3.Connection, batch_id: str) -> views.BatchView:
    batch = views.batch(db, batch_id)
    if batch.state is not BatchState.DISPATCHED:
        raise RefusedError(f"Batch {batch_id} is {batch.state}: it is not on its way.")
    return batch


def come_back(ledger: Ledger, batch_id: str, reason: str, by: str, now: datetime) -> None:
    """The hub has a batch in its hand again that had left.

    One that was lost is unpacked: others are being made instead, so that its bags go where they are needed.

    Raises:
        NotFoundError: there is no such batch.
        RefusedError: it is not on its way, and was not lost.
        InvalidFieldError: without a reason.
    """
    _need("reason", reason)
    with ledger.transaction() as db:
        was_lost = _turn_up(db, views.batch(db, batch_id), by, now)
        bring_back(db, batch_id, reason.strip(), by, now)
        if was_lost and db.execute("select 1 from batch where id = ?", (batch_id,)).fetchone():
            parcels.unpack(db, batch_id, _WAS_LOST, now)


def _turn_up(db: sqlite3.Connection, batch: views.BatchView, by: str, now: datetime) -> bool:
    """A lost batch is on its way again, and its pieces count; return whether it was lost."""
    if batch.state is not BatchState.LOST:
        return False
    for lot in batch.lots:
        if not recalls.turn_up(db, lot.lot, lot.lost):
            absorb(db, batch.order_id, lot.part_id, lot.lost)
    db.execute("update batch_lot set lost = 0 where batch_id = ?", (batch.id,))
    db.execute(
        "update batch set state = ?, received_at = null, received_by = '' where id = ?",
        (BatchState.DISPATCHED, batch.id),
    )
    pieces = sum(lot.lost for lot in batch.lots)
    event(db, batch.order_id, "turned-up", by, batch.id, now, pieces=pieces)
    return True


def bring_back(
    db: sqlite3.Connection,
    batch_id: str,
    reason: str,
    by: str,
    now: datetime,
    kind: str = "came-back",
) -> None:
    """As `come_back`, inside the caller's transaction.

    Nobody knows what was done to it outside: a second person's release of its lots is void. With a lot
    in it that was called back meanwhile it is unpacked; where that recall has ended, and not well, what
    it holds is scrap.
    """
    batch = _on_its_way(db, batch_id)
    db.execute(
        "update batch set state = ?, dispatched_at = null, handed_at = null, profile = '',"
        " courier = '', carrier = '', tracking = '', run = ''"
        " where id = ?",
        (BatchState.PACKED, batch_id),
    )
    db.execute(
        "delete from lot_signature where lot_code in"
        " (select lot_code from batch_lot where batch_id = ?)",
        (batch_id,),
    )
    event(db, batch.order_id, kind, by, batch_id, now, reason=reason)
    for lot in batch.lots:
        if recall := views.lot(db, lot.lot).recall:
            recalls.unpack(db, lot.lot, now)
            recalls.scrap_if_over(db, recall, now)


def lose(ledger: Ledger, batch_id: str, reason: str, by: str, now: datetime) -> None:
    """A parcel will not come: who took it has lost it. All of it is made again, until it turns up.

    Raises:
        NotFoundError: there is no such batch.
        RefusedError: it is not on its way.
        InvalidFieldError: without a reason.
    """
    _need("lost_reason", reason)
    with ledger.transaction() as db:
        batch = _on_its_way(db, batch_id)
        pieces = sum(lot.pieces for lot in batch.lots)
        _count_in(db, batch, 0, pieces)
        db.execute(
            "update batch set state = ?, received_at = ?, received_by = ? where id = ?",
            (BatchState.LOST, now.isoformat(), by, batch_id),
        )
        event(
            db, batch.order_id, "lost-on-the-way", by, batch_id, now,
            lost=pieces, reason=reason.strip(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What a requester says of a batch, in pieces; damaged ones are not among the refused."""

    damaged: int = 0
    refused: int = 0
    lost: int = 0
    reason: str = ""  # why pieces were refused
    thanks: str = ""  # a word to the labs whose pieces were in it

    @property
    def not_good(self) -> int:
        """Pieces that were there and are not taken."""
        return self.damaged + self.refused


def receive(ledger: Ledger, batch_id: str, count: Count, by: str, now: datetime) -> None:
    """The requester has counted a batch in: damaged, refused and lost pieces are made again.

    Nothing of it has come: it is lost. One that was lost has turned up with her, unless it is so still.

    Raises:
        NotFoundError: there is no such batch.
        RefusedError: it was not dispatched, or was received before.
        InvalidFieldError: more than were sent, pieces refused without a reason, or too many words.
    """
    for name, text, most in (
        ("thanks", count.thanks, MOST_THANKS),
        ("reason", count.reason, MOST_REASON),
    ):
        if len(text) > most:
            raise InvalidFieldError(name, f"at most {most} characters")
    if count.refused and not count.reason.strip():
        raise InvalidFieldError("reason", "say why pieces are refused")
    with ledger.transaction() as db:
        batch = views.batch(db, batch_id)
        if batch.state not in (BatchState.DISPATCHED, BatchState.LOST):
            raise RefusedError(f"Batch {batch_id} is {batch.state}: it cannot be received now.")
        sent = sum(lot.pieces for lot in batch.lots)
        bad, lost = count.not_good, count.lost
        if min(count.damaged, count.refused, lost) < 0 or bad + lost > sent:
            why = f"damaged, refused and lost together are at most {sent}"
            raise InvalidFieldError("refused", why)
        if batch.state is BatchState.LOST and lost == sent:
            return
        _turn_up(db, batch, by, now)
        _count_in(db, batch, bad, lost)
        db.execute(
            "update batch set state = ?, received_at = ?, received_by = ?, thanks = ?, damaged = ?,"
            " refuse_reason = ? where id = ?",
            (BatchState.LOST if lost == sent else BatchState.RECEIVED, now.isoformat(), by,
             count.thanks.strip(), count.damaged, count.reason.strip(), batch_id),
        )  # fmt: skip
        event(
            db, batch.order_id, "received", by, batch_id, now,
            received=sent - bad - lost, refused=bad, lost=lost, damaged=count.damaged,
            reason=count.reason.strip(),
        )  # fmt: skip
        close_if_complete(db, batch.order_id, now)


def hide_thanks(ledger: Ledger, batch_id: str, by: str, now: datetime, *, hidden: bool) -> None:
    """Keep a requester's word from the labs, or show it to them again.

    Raises:
        NotFoundError: there is no such batch.
    """
    with ledger.transaction() as db:
        batch = views.batch(db, batch_id)
        db.execute("update batch set thanks_hidden = ? where id = ?", (int(hidden), batch_id))
        event(db, batch.order_id, "thanks-hidden" if hidden else "thanks-shown", by, batch_id, now)


def _rule(db: sqlite3.Connection, order_id: str, now: datetime) -> Profile | None:
    """Return the regulatory profile of an order's revision, None where it goes by none.

    Raises:
        RefusedError: the revision has not been looked at as far as the profile asks.
    """
    looked_at = reviews.review(db, views.order(db, order_id).request.revision_id, now.date())
    rule = profiles().get(looked_at.profile.profile) if looked_at.profile else None
    if rule is not None and rule.is_over(now.date()):
        raise RefusedError(
            f"Its rule, “{rule.title}”, ended on {rule.valid_to}: a steward chooses another."
        )
    if rule is not None and not rule.is_reached(looked_at.state):
        raise RefusedError(
            f"Its design is {looked_at.state}: under “{rule.title}” it must be at least"
            f" {rule.required_acceptance} before a parcel leaves."
        )
    return rule


def _count_in(db: sqlite3.Connection, batch: views.BatchView, refused: int, lost: int) -> None:
    """Spread refused and lost pieces over the lots in their order; the page asks for totals."""
    for lot in batch.lots:
        bad = min(refused, lot.pieces)
        gone = min(lost, lot.pieces - bad)
        refused, lost = refused - bad, lost - gone
        db.execute(
            "update batch_lot set received = ?, refused = ?, lost = ?"
            " where batch_id = ? and lot_code = ?",
            (lot.pieces - bad - gone, bad, gone, batch.id, lot.lot),
        )
        called_back = recalls.leave(db, lot.lot, bad + gone)
        for pieces, code in (
            (max(0, bad - called_back), ReasonCode.REFUSED),
            (gone - max(0, called_back - bad), ReasonCode.LOST),
        ):
            if pieces:
                add_deficit(db, batch.order_id, lot.part_id, pieces, Reason(code=code))


def close_if_complete(db: sqlite3.Connection, order_id: str, now: datetime) -> None:
    """An order is delivered once all its pieces were received and none of them is called back."""
    making = views.order(db, order_id).state is OrderState.CONFIRMED
    if making and all(b.kept >= b.ordered for b in books(db, order_id)):
        db.execute("update orders set state = ? where id = ?", (OrderState.DELIVERED, order_id))
        event(db, order_id, "delivered", "fabnet", order_id, now)
