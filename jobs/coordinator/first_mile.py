"""The first mile: bags are announced, taken by one driver, and scanned at the hub.

Custody changes only by somebody's own word: the driver's when she takes a bag, the hub's when it
arrives. Pieces that do not arrive are lost with a reason, and planned again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import datetime

from designs.materials import materials
from jobs.coordinator.lots import HUB
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.first_mile import (
    MOST_NAME,
    MOST_PLACE,
    Goods,
    PickupState,
    check_goods,
    check_ready,
)
from jobs.ledger import first_mile, recalls, views
from jobs.ledger.first_mile import Pickup
from jobs.ledger.rows import absorb, add_deficit, event, new_id
from jobs.ledger.store import Ledger
from jobs.model import LotState, Reason, ReasonCode


def announce(
    ledger: Ledger,
    node: str,
    codes: Collection[str],
    ready_at: datetime,
    spot: str,
    by: str,
    now: datetime,
) -> str:
    """Bags are ready at a lab from a time on; return the pick-up's id.

    Args:
        ledger: the ledger.
        node: where they are.
        codes: of the lots.
        ready_at: aware; a time that has passed means now.
        spot: where they stand, in words for the driver alone; it is deleted when she has them.
        by: who says so.
        now: when.

    Raises:
        InvalidFieldError: no bags, no place, or too far ahead.
        RefusedError: one of them is not there, or is announced already.
    """
    if not codes:
        raise InvalidFieldError("bags", "choose at least one")
    if not 1 <= len(spot.strip()) <= MOST_PLACE:
        raise InvalidFieldError("spot", f"1 to {MOST_PLACE} characters")
    check_ready(ready_at, now)
    with ledger.transaction() as db:
        there = {bag.code: bag for bag in first_mile.bags_at(db, node)}
        strange = sorted(set(codes) - there.keys())
        if strange:
            raise RefusedError(
                f"Lot {strange[0]} cannot be announced here: it is elsewhere, or announced already."
            )
        pickup_id = new_id(8)
        db.execute(
            "insert into pickup (id, node, state, ready_at, spot, announced_by, announced_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (pickup_id, node, PickupState.ANNOUNCED, max(ready_at, now).isoformat(),
             spot.strip(), by, now.isoformat()),
        )  # fmt: skip
        db.executemany(
            "insert into pickup_lot (pickup, lot_code) values (?, ?)",
            [(pickup_id, code) for code in sorted(set(codes))],
        )
        for code in sorted(set(codes)):
            bag = there[code]
            event(db, bag.order_id, "bag-announced", by, code, now, pieces=bag.pieces)
    return pickup_id


def add_goods(ledger: Ledger, pickup_id: str, goods: Goods, by: str, now: datetime) -> None:
    """Something travels to the workshop on the same run.

    Raises:
        NotFoundError: there is no such pick-up.
        RefusedError: the driver has been there already.
        InvalidFieldError: what cannot be, see `check_goods`.
    """
    goods = check_goods(goods, materials())
    with ledger.transaction() as db:
        _need_announced(first_mile.pickup(db, pickup_id))
        first_mile.add_goods(db, pickup_id, goods, by, now)


def cancel(ledger: Ledger, pickup_id: str, by: str, now: datetime) -> None:
    """Nobody comes: its bags can be announced again, and the place is deleted.

    Raises:
        NotFoundError: there is no such pick-up.
        RefusedError: bags of it are on their way.
    """
    with ledger.transaction() as db:
        found = first_mile.pickup(db, pickup_id)
        _need_announced(found)
        db.execute(
            "update pickup set state = ?, spot = '', ended_at = ? where id = ?",
            (PickupState.CANCELLED, now.isoformat(), pickup_id),
        )
        for order_id in sorted({bag.order_id for bag in found.bags}):
            event(db, order_id, "pickup-cancelled", by, pickup_id, now)


def _need_announced(found: Pickup) -> None:
    if found.state is not PickupState.ANNOUNCED:
        raise RefusedError("This pick-up has begun, or is over.")


def give(ledger: Ledger, pickup_id: str, driver: str, now: datetime) -> str:
    """Give a run to one driver; return her link. A link that another had is dead from now on.

    Raises:
        NotFoundError: there is no such pick-up.
        RefusedError: its bags are on their way, or it is over.
        InvalidFieldError: without a name.
    """
    if not 1 <= len(driver.strip()) <= MOST_NAME:
        raise InvalidFieldError("driver", f"1 to {MOST_NAME} characters")
    with ledger.transaction() as db:
        found = first_mile.pickup(db, pickup_id)
        _need_announced(found)
        turn = 1 + int(
            db.execute("select turn from pickup where id = ?", (pickup_id,)).fetchone()[0]
        )
        link = _link(db, pickup_id, turn)
        db.execute(
            "update pickup set driver = ?, turn = ?, link_hash = ? where id = ?",
            (driver.strip(), turn, _hash(link), pickup_id),
        )
        for order_id in sorted({bag.order_id for bag in found.bags}):
            event(db, order_id, "run-given", "fabnet", pickup_id, now)
    return link


def _hash(link: str) -> str:
    return hashlib.sha256(link.encode()).hexdigest()


def _link(db: sqlite3.Connection, pickup_id: str, turn: int) -> str:
    db.execute(
        "insert into meta (key, value) values ('run_key', ?) on conflict do nothing",
        (secrets.token_hex(32),),
    )
    key = db.execute("select value from meta where key = 'run_key'").fetchone()[0]
    digest = hmac.digest(bytes.fromhex(key), f"{pickup_id} {turn}".encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def link_of(ledger: Ledger, pickup_id: str) -> str:
    """Return the link of the driver who has the run; "" while nobody has it."""
    with ledger.transaction() as db:
        row = db.execute(
            "select turn from pickup where id = ? and driver != ''", (pickup_id,)
        ).fetchone()
        return "" if row is None else _link(db, pickup_id, int(row[0]))


def by_link(ledger: Ledger, link: str) -> Pickup:
    """Return the pick-up of a driver's link.

    Raises:
        NotFoundError: it belongs to none, or another driver has the run.
    """
    found = first_mile.of_link(ledger.reading, _hash(link))
    if found is None:
        raise NotFoundError("run", "of this link")
    return found


def take(ledger: Ledger, pickup_id: str, codes: Collection[str], by: str, now: datetime) -> int:
    """The driver has these bags now; return how many she had not before.

    They are in transit, and she holds them. What was brought along is handed over, and the place
    where the bags stood is deleted.

    Raises:
        NotFoundError: there is no such pick-up.
        RefusedError: it is over, nobody does the run, or a bag is not of it.
        InvalidFieldError: no bag was chosen.
    """
    if not codes:
        raise InvalidFieldError("bags", "choose at least one")
    with ledger.transaction() as db:
        found = first_mile.pickup(db, pickup_id)
        if found.state not in (PickupState.ANNOUNCED, PickupState.ON_WAY) or not found.driver:
            raise RefusedError("This run is over, or nobody has it.")
        bags = {bag.code: bag for bag in found.bags}
        strange = sorted(set(codes) - bags.keys())
        if strange:
            raise RefusedError(f"Lot {strange[0]} is not of this run: leave it where it is.")
        new = [bags[code] for code in sorted(set(codes)) if bags[code].at_lab]
        if not new:
            return 0  # its maker has brought them herself: the others still stand there
        for bag in new:
            first_mile.taken(db, bag, pickup_id, found.driver, by, now)
        db.execute(
            "update pickup set state = ?, spot = '', taken_at = coalesce(taken_at, ?) where id = ?",
            (PickupState.ON_WAY, now.isoformat(), pickup_id),
        )
        db.execute(
            "update goods set handed_at = ? where pickup = ? and handed_at is null",
            (now.isoformat(), pickup_id),
        )
    return len(new)


def arrive(ledger: Ledger, code: str, by: str, now: datetime) -> None:
    """A bag is at the hub. Said twice, the first time counts.

    Raises:
        NotFoundError: there is no such lot.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if not lot.place.startswith("hub:"):
            first_mile.arrived(db, lot.code, HUB, by, now)


def count_in(ledger: Ledger, code: str, pieces: int, reason: str, by: str, now: datetime) -> None:
    """Say how many pieces of a bag the hub has: 0 where the whole bag is lost on the way.

    Fewer than its maker counted are lost, with a reason, and planned again; counted anew, what was
    found counts again. A bag with pieces in it has arrived.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was inspected, its state cannot be read, or nobody has taken it from its workshop.
        InvalidFieldError: more than its maker counted, or a loss without a reason.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        views.need_readable(lot)
        if lot.state is not LotState.WAITING:
            raise RefusedError(f"Lot {lot.code} was inspected already: it is not counted again.")
        if not 0 <= pieces <= lot.good:
            raise InvalidFieldError("pieces", f"from 0 to {lot.good}")
        if pieces < lot.good and not reason.strip():
            raise InvalidFieldError("reason", "say what happened to the missing pieces")
        if lot.place.startswith("lab:") and not pieces:
            raise RefusedError(f"Nobody has taken lot {lot.code} from its workshop yet.")
        if pieces and not lot.place.startswith("hub:"):
            first_mile.arrived(db, lot.code, HUB, by, now)
        lost = lot.good - pieces - lot.mislaid
        db.execute(
            "update lot set mislaid = ?, counted_at = ? where code = ?",
            (lot.good - pieces, now.isoformat(), lot.code),
        )
        _settle(db, lot, lost)
        event(
            db, lot.attempt.order_id, "bag-counted", by, lot.code, now,
            pieces=pieces, mislaid=lot.good - pieces, reason=reason.strip(),
        )  # fmt: skip
        found = first_mile.of_lot(db, lot.code)
        if found is not None:
            first_mile.close_if_over(db, found.id, now)


def _settle(db: sqlite3.Connection, lot: views.LotView, lost: int) -> None:
    """Balance the books for pieces that were lost; below 0 so many were found again."""
    made = lot.attempt
    if lost > 0:
        made_again = lost - recalls.leave(db, lot.code, lost)
        if made_again:
            add_deficit(db, made.order_id, made.part_id, made_again, Reason(code=ReasonCode.LOST))
    elif lost < 0 and lot.recall:
        db.execute("update lot set recalled = recalled - ? where code = ?", (lost, lot.code))
    elif lost < 0:
        absorb(db, made.order_id, made.part_id, -lost)
