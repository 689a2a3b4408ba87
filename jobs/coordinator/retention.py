"""Forgets people: by and by, as `jobs.retention` says, and at once where somebody asks for it.

What was made, for which place, from which spool, stays: a recall must find it. Who asked does not.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from jobs.doubles import plain_place, ways
from jobs.errors import NotFoundError, RefusedError
from jobs.ledger import cells, complaints, notices, views
from jobs.ledger.complaints import Complaint
from jobs.ledger.notices import NoticeView
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger
from jobs.model import Order, OrderState, StopOutcome
from jobs.retention import Limits, Reached, begun, reached

_log = logging.getLogger(__name__)

_OVER = (OrderState.DELIVERED, OrderState.REFUSED, OrderState.CANCELLED)
_OVER_SQL = cells.quoted(_OVER)
#: Of a query over orders `o`: one of its bags is called back, and it was told so.
_CALLED_BACK = (
    "exists (select 1 from recall_notice n join recall c on c.id = n.recall"
    " where n.order_id = o.id and c.ended_at is null)"
)
#: What people wrote into an order's history.
_WORDED = (
    "('refused', 'lowered', 'cancelled', 'received', 'came-back', 'lost-on-the-way', 'not-before',"
    f" '{StopOutcome.NOBODY}', '{StopOutcome.REFUSED}')"
)


#: Of the ledger's meta: the moment that ages are counted from.
_REACHED = "forgets_from"
#: So far behind the clock that moment is in a week that is like any other, a reboot and a night off in it.
_CLOSE = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """Somebody has driven for the network, or fetched a parcel."""

    what: str  # "run", "pick-up" or "fetched"
    id: str
    name: str
    at: datetime
    over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known of one person who has asked, or driven."""

    orders: tuple[Order, ...]
    thanks: tuple[str, ...]
    refused: tuple[str, ...]  # why she did not take pieces
    complaints: tuple[Complaint, ...]
    photos: tuple[bytes, ...]  # of her complaints, JPEG
    letters: tuple[NoticeView, ...]
    drives: tuple[Drive, ...]


def follow(ledger: Ledger, built: datetime, now: datetime, now_s: float, boot: str) -> datetime:
    """Return the moment that ages are counted from now; call it before each `sweep`.

    It is never later than `now`, and earlier where the clock has leapt ahead (`jobs.retention`).
    """
    with ledger.transaction() as db:
        before = _reached(db)
        if before is None:
            last = db.execute("select max(at) from event where at <= ?", (now.isoformat(),))
            found = begun(cells.when(last.fetchone()[0]), built, now, now_s, boot)
        else:
            found = reached(before, now, now_s, boot)
        told = msgspec.json.encode(found).decode()
        db.execute("insert or replace into meta (key, value) values (?, ?)", (_REACHED, told))
    if now - found.at > _CLOSE:
        _log.warning(
            "the clock shows %s, and what is known of people is erased as if it were %s: so far the"
            " clock was followed, at most a week a day; set it if it is wrong",
            now.date(), found.at.date(),
        )  # fmt: skip
    return min(found.at, now)


def held_back(db: sqlite3.Connection, now: datetime) -> datetime | None:
    """Return from when ages are counted, where the clock has leapt far ahead of it; else None."""
    found = _reached(db)
    return None if found is None or now - found.at <= _CLOSE else found.at


def _reached(db: sqlite3.Connection) -> Reached | None:
    row = db.execute("select value from meta where key = ?", (_REACHED,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Reached)


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
        _forget_words(
            db,
            "select id from complaint where at < ?",
            "select id from batch where received_at < ?",
            before.complaint.isoformat(),
        )
        db.execute(
            "update pickup set spot = '' where spot != '' and ready_at < ?",
            (before.spot.isoformat(),),
        )
        db.execute(
            "delete from lot_photo where at < ? and not exists"
            " (select 1 from lot l where l.code = lot_photo.lot_code and l.recall != '')",
            (before.photo.isoformat(),),
        )
        # Over or not: of a bag that nobody has counted by then, her name tells no more.
        _forget_drivers(db, [d for d in _drives(db, now) if d.at < before.driver])
        db.execute("delete from notice where created_at < ?", (before.letter.isoformat(),))
        db.execute(
            "delete from invite where node is null and expires_at < ?", (before.invite.isoformat(),)
        )
    if found:
        _log.info("who asked is erased from %d orders that are over", len(found))
    return len(found)


def _forget_words(db: sqlite3.Connection, complaints: str, batches: str, of: str) -> None:
    """Forget what was wrong with pieces in a requester's words; how many they were stays.

    `complaints` and `batches` are queries for their ids, with `of` as their one value.
    """
    db.execute(f"delete from complaint_photo where complaint in ({complaints})", (of,))
    db.execute(f"update complaint set text = '' where text != '' and id in ({complaints})", (of,))
    db.execute(
        f"update batch set refuse_reason = '' where refuse_reason != '' and id in ({batches})",
        (of,),
    )


#: The end of a run is when its page shows no address any more. Where nobody has said what came of it, a
#: pick-up counts from when its bags were ready and taken, a parcel from when it was fetched.
_DRIVES = """
select 'run' as what, id, driver as name, over_at as at, coalesce(ended_at, over_at) as over
 from run where driver != ''
union all select 'pick-up', id, driver, coalesce(ended_at, max(ready_at, coalesce(taken_at, ready_at))),
  ended_at
 from pickup where driver != ''
union all select 'fetched', id, carrier, coalesce(received_at, dispatched_at), received_at
 from batch where courier = 'hand' and carrier != '' and dispatched_at is not null
"""


def _drives(db: sqlite3.Connection, now: datetime) -> tuple[Drive, ...]:
    return tuple(
        Drive(
            what=row["what"],
            id=row["id"],
            name=row["name"],
            at=cells.moment(row["at"]),
            over=row["over"] is not None and cells.moment(row["over"]) <= now,
        )
        for row in db.execute(f"{_DRIVES} order by at, id").fetchall()
    )


def _forget_drivers(db: sqlite3.Connection, drives: Iterable[Drive]) -> None:
    """Forget who drove; that somebody had a bag, and when, stays."""
    for each in drives:
        if each.what == "run":
            db.execute("update run set driver = '' where id = ?", (each.id,))
            db.execute("update stop set reason = '' where run = ?", (each.id,))
        elif each.what == "pick-up":
            db.execute(
                "update handover set holder = '' where pickup = ? and holder = ?",
                (each.id, each.name),
            )
            db.execute("update pickup set driver = '', link_hash = null where id = ?", (each.id,))
        else:
            db.execute("update batch set carrier = '' where id = ?", (each.id,))


def _erase(db: sqlite3.Connection, order_id: str, by: str, now: datetime) -> None:
    db.execute(
        "update orders set requester = '', contact = '', note = '', closed_reason = '',"
        " erased_at = ?, untold = 1 where id = ?",
        (now.isoformat(), order_id),
    )
    db.execute("update batch set thanks = '' where order_id = ?", (order_id,))
    _forget_words(
        db,
        "select id from complaint where order_id = ?",
        "select id from batch where order_id = ?",
        order_id,
    )
    db.execute(
        # By the history: a parcel that was unpacked is none any more.
        "update stop set reason = '' where batch_id in"
        " (select subject from event where order_id = ? and kind = 'packed')",
        (order_id,),
    )
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


def erase_driver(ledger: Ledger, found: Known) -> int:
    """Forget at once who drove what is over; return on how many drives it was. The others stay.

    A run that is not over needs its driver: give it to somebody else first.
    """
    over = [each for each in found.drives if each.over]
    with ledger.transaction() as db:
        db.execute("pragma secure_delete = on")
        _forget_drivers(db, over)
    return len(over)


def known(ledger: Ledger, who: str, now: datetime) -> Known:
    """Return what is known of a requester by her telephone number, address of mail or whole name.

    Of a driver by the whole name: no other word of her is kept.

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
    drives = tuple(d for d in _drives(db, now) if name and name == plain_place(d.name))
    if not orders and not drives:
        raise NotFoundError("request", "of this person")
    ids = {order.id for order in orders}
    marks = ",".join("?" * len(ids))
    given = tuple(sorted(ids))
    words = db.execute(
        f"select thanks, refuse_reason from batch where order_id in ({marks}) order by packed_at",
        given,
    ).fetchall()
    wrong = tuple(each for each in complaints.complaints(db) if each.order_id in ids)
    return Known(
        orders=orders,
        thanks=tuple(row[0] for row in words if row[0]),
        refused=tuple(row[1] for row in words if row[1]),
        complaints=tuple(each for each in wrong if each.text),
        photos=tuple(
            complaints.photo(db, each.id, number)
            for each in wrong
            for number in range(1, each.photos + 1)
        ),
        letters=notices.about(db, ids),
        drives=drives,
    )


def export(found: Known) -> bytes:
    """Return all that is known of a person as JSON, for her; photos are JPEG in base64."""
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
                "priority": o.priority,
                "release": o.release,
            }
            for o in found.orders
        ],
        "thanks": found.thanks,
        "refused": found.refused,
        "complaints": [
            {"parcel": c.batch_id, "at": c.at, "pieces": c.pieces, "text": c.text}
            for c in found.complaints
        ],
        "photos": found.photos,
        "drives": [{"what": d.what, "id": d.id, "name": d.name, "at": d.at} for d in found.drives],
        "letters": [
            {"kind": n.kind, "to": n.to, "at": n.created_at, "state": n.state}
            for n in found.letters
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2)
