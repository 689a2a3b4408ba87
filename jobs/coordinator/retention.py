"""Forgets people: by and by, as `jobs.retention` says, and at once where somebody asks for it.

What was made, for which place, from which spool, stays: a recall must find it. Who asked does not.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

import msgspec

from jobs.doubles import plain_place, ways
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import notices, views
from jobs.ledger.notices import NoticeView
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger
from jobs.model import Order, OrderState
from jobs.retention import Limits

_OVER = (OrderState.DELIVERED, OrderState.REFUSED, OrderState.CANCELLED)
_OVER_SQL = ",".join(f"'{state}'" for state in _OVER)
#: Of a query over orders `o`: one of its bags is called back, and it was told so.
_CALLED_BACK = (
    "exists (select 1 from recall_notice n join recall c on c.id = n.recall"
    " where n.order_id = o.id and c.ended_at is null)"
)
#: What people wrote into an order's history.
_WORDED = "('refused', 'lowered', 'cancelled')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known of one requester."""

    orders: tuple[Order, ...]
    thanks: tuple[str, ...]
    letters: tuple[NoticeView, ...]


def sweep(ledger: Ledger, before: Limits, now: datetime) -> int:
    """Forget what is old; return how many orders have lost their requester. Twice is as good as once."""
    with ledger.transaction() as db:
        db.execute("pragma secure_delete = on")
        found = db.execute(
            f"select o.id from orders o where o.erased_at is null and o.state in ({_OVER_SQL})"
            " and (select max(e.at) from event e where e.order_id = o.id and e.kind in"
            " ('asked', 'received', 'delivered', 'refused', 'cancelled')) < ?"
            f" and not {_CALLED_BACK}",
            (before.contact.isoformat(),),
        ).fetchall()
        for (order_id,) in found:
            _erase(db, order_id, "fabnet", now)
        db.execute(
            "update batch set thanks = '' where thanks != '' and received_at < ?",
            (before.thanks.isoformat(),),
        )
        db.execute("delete from notice where created_at < ?", (before.letter.isoformat(),))
        db.execute(
            "delete from invite where node is null and expires_at < ?", (before.invite.isoformat(),)
        )
    return len(found)


def _erase(db: sqlite3.Connection, order_id: str, by: str, now: datetime) -> None:
    db.execute(
        "update orders set requester = '', contact = '', note = '', closed_reason = '',"
        " erased_at = ?, untold = 1 where id = ?",
        (now.isoformat(), order_id),
    )
    db.execute("update batch set thanks = '' where order_id = ?", (order_id,))
    db.execute("delete from notice where ref = ? and login = ''", (order_id,))
    db.execute(
        "update event set data = json_remove(data, '$.reason') where order_id = ?"
        f" and kind in {_WORDED}",
        (order_id,),
    )
    event(db, order_id, "requester-erased", by, order_id, now)


def erase(ledger: Ledger, order_id: str, by: str, now: datetime) -> None:
    """Forget at once who asked for an order; what was made of it stays. Twice is as good as once.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: it is not over, or a recall of its pieces is: she could not be reached.
    """
    with ledger.transaction() as db:
        db.execute("pragma secure_delete = on")
        order = views.order(db, order_id)
        if order.state not in _OVER:
            raise RefusedError(
                f"Order {order_id} is {order.state}: cancel it, or wait until it is delivered, and"
                " then erase who asked for it."
            )
        called = db.execute(
            f"select {_CALLED_BACK} from orders o where o.id = ?", (order_id,)
        ).fetchone()[0]
        if called:
            raise RefusedError(
                "Pieces of this order are called back: whoever has them must be reached until the"
                " recall is ended."
            )
        if not is_erased(db, order_id):
            _erase(db, order_id, by, now)


def is_erased(db: sqlite3.Connection, order_id: str) -> bool:
    """Return whether nobody knows any more who asked for an order."""
    row = db.execute("select erased_at from orders where id = ?", (order_id,)).fetchone()
    return row is not None and row[0] is not None


def known(ledger: Ledger, who: str) -> Known:
    """Return what is known of a requester by her telephone number, address of mail or whole name.

    Raises:
        NotFoundError: nothing is.
    """
    db = ledger.reading
    reach, name = ways(who), plain_place(who)
    orders = tuple(
        order
        for order in views.orders(db)
        if reach & ways(order.request.contact)
        or (name and name == plain_place(order.request.requester))
    )
    if not orders:
        raise NotFoundError("request", "of this person")
    ids = {order.id for order in orders}
    marks = ",".join("?" * len(ids))
    thanks = db.execute(
        f"select thanks from batch where thanks != '' and order_id in ({marks}) order by packed_at",
        tuple(sorted(ids)),
    )
    return Known(
        orders=orders,
        thanks=tuple(row[0] for row in thanks),
        letters=notices.about(db, ids),
    )


def export(found: Known) -> bytes:
    """Return all that is known of a requester as JSON, for her."""
    told = {
        "orders": [
            {
                "id": o.id,
                "state": o.state,
                "asked_at": o.created_at,
                "kits": o.request.kits,
                "due": o.request.due,
                "name": o.request.requester,
                "place": o.request.place,
                "contact": o.request.contact,
                "note": o.request.note,
                "language": o.request.language,
                "closed_reason": o.closed_reason,
            }
            for o in found.orders
        ],
        "thanks": found.thanks,
        "letters": [
            {"kind": n.kind, "to": n.to, "at": n.created_at, "state": n.state}
            for n in found.letters
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2)
