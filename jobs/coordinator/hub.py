"""The hub's rules, the signature of a second person, and the stock of bought parts."""

from __future__ import annotations

from datetime import datetime

from jobs.errors import InvalidFieldError, RefusedError
from jobs.hub import MOST_ITEM, MOST_STOCK, MOST_SUPPLIER_LOT, Rule, check
from jobs.ledger import bought, hub, views
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger
from jobs.model import LotState


def set_rule(ledger: Ledger, rule: Rule, by: str, now: datetime) -> None:
    """Ask something of lots from now on; a rule that says nothing is taken back.

    It counts for lots that have not left: a hold for those in no parcel, a signature for all.

    Raises:
        InvalidFieldError: it cannot be kept.
    """
    check(rule)
    with ledger.transaction() as db:
        db.execute("delete from hub_rule where scope = ? and value = ?", (rule.scope, rule.value))
        if rule.hold_h is not None or rule.second is not None:
            db.execute(
                "insert into hub_rule (scope, value, hold_h, second, by_person, at)"
                " values (?, ?, ?, ?, ?, ?)",
                (rule.scope, rule.value, rule.hold_h, rule.second, by, now.isoformat()),
            )
        event(
            db, "", "hub-rule", by, f"{rule.scope}:{rule.value}", now,
            hold_h="" if rule.hold_h is None else rule.hold_h, second=str(rule.second),
        )  # fmt: skip


def sign(ledger: Ledger, code: str, by: str, now: datetime) -> None:
    """A second person releases an inspected lot. Said twice, the first name stays.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it was not inspected, is called back, or she inspected it herself.
    """
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        if hub.gate_of(db, lot.code).signed_by:
            return
        if lot.state is not LotState.INSPECTED or lot.recall:
            raise RefusedError(f"Lot {lot.code} is not inspected, or is called back.")
        if lot.inspected_by == by:
            raise RefusedError(
                f"You have inspected lot {lot.code} yourself: a second person releases it."
            )
        db.execute(
            "insert into lot_signature (lot_code, by_person, at) values (?, ?, ?)",
            (lot.code, by, now.isoformat()),
        )
        event(db, lot.attempt.order_id, "lot-signed", by, lot.code, now)


def count_stock(
    ledger: Ledger, item: str, pieces: int, by: str, now: datetime, lot: str = ""
) -> None:
    """So many of a bought part lie at the hub now, as somebody has counted them.

    `lot` is its supplier's: each has a box of its own, and so have all without a number.

    Raises:
        InvalidFieldError: no item, a number that cannot be, or a lot that is too long.
    """
    if not 1 <= len(item.strip()) <= MOST_ITEM:
        raise InvalidFieldError("item", f"1 to {MOST_ITEM} characters")
    if not 0 <= pieces <= MOST_STOCK:
        raise InvalidFieldError("pieces", f"from 0 to {MOST_STOCK}")
    lot = " ".join(lot.split())
    if len(lot) > MOST_SUPPLIER_LOT:
        raise InvalidFieldError("supplier_lot", f"at most {MOST_SUPPLIER_LOT} characters")
    with ledger.transaction() as db:
        bought.count(db, item.strip(), lot, pieces, by, now)
        event(db, "", "stock-counted", by, item.strip(), now, pieces=pieces, lot=lot)
