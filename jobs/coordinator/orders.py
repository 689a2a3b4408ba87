"""Orders come in, are verified, and are found again by their secret link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from designs.model import Revision
from jobs.coordinator import telling
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.fleet import is_over
from jobs.ledger import reviews, views
from jobs.ledger.rows import event, new_id, pack_reasons
from jobs.ledger.store import Ledger
from jobs.model import MOST_KITS, Order, OrderState, Priority, Reason, ReasonCode, Request
from jobs.notice_kinds import Kind
from jobs.order_facts import MOST_NOTE, facts_in, note_with


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order that is in the ledger, with the link by which its requester follows it."""

    order_id: str
    link: str


def place(ledger: Ledger, request: Request, revision: Revision, now: datetime) -> Placed:
    """Accept an order. The same `request_key` again gives the same answer and changes nothing.

    Raises:
        InvalidFieldError: naming the field of the request.
        RefusedError: the revision was withdrawn, or lies in the breathing path and has no review for it.
    """
    _check(request, revision, now.date())
    with ledger.transaction() as db:
        link = _link(db, request.request_key)
        known = db.execute(
            "select id from orders where request_key = ?", (request.request_key,)
        ).fetchone()
        if known is not None:
            return Placed(order_id=known[0], link=link)
        _refuse_withdrawn(db, revision.id)
        _refuse_unreviewed(db, revision, now.date())
        order_id = new_id()
        db.execute(
            "insert into orders (id, request_key, link_hash, state, created_at, revision_id, kits,"
            " due, requester, place, contact, note, language, sandbox)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order_id,
                request.request_key,
                _hash(link),
                OrderState.ASKED,
                now.isoformat(),
                request.revision_id,
                request.kits,
                request.due.isoformat(),
                request.requester.strip(),
                request.place.strip(),
                request.contact.strip(),
                request.note.strip(),
                request.language,
                int(request.sandbox),
            ),
        )
        waits = pack_reasons([Reason(code=ReasonCode.NOT_CONFIRMED)])
        db.executemany(
            "insert into line (order_id, part_id, pieces, deficit, reasons) values (?, ?, ?, ?, ?)",
            [
                (order_id, part.id, pieces, pieces, waits)
                for part in revision.made
                for pieces in (part.per_kit * request.kits,)
            ],
        )
        event(db, order_id, "asked", "requester", order_id, now, kits=request.kits)
        telling.on_order(db, order_id, Kind.ORDER_ASKED, order_id, now)
    return Placed(order_id=order_id, link=link)


def _check(request: Request, revision: Revision, today: date) -> None:
    if not 1 <= request.kits <= MOST_KITS:
        raise InvalidFieldError("kits", f"between 1 and {MOST_KITS}")
    if request.due < today:
        raise InvalidFieldError("due", "this day has passed")
    for name in ("requester", "place", "contact"):
        if not getattr(request, name).strip():
            raise InvalidFieldError(name, "is needed")
    if request.revision_id != revision.id:
        raise InvalidFieldError("revision_id", "is another revision")
    if not request.request_key:
        raise InvalidFieldError("request_key", "is needed")


def _hash(link: str) -> str:
    return hashlib.sha256(link.encode()).hexdigest()


def _link(db: sqlite3.Connection, request_key: str) -> str:
    """Derive the link, so that it can be told again though only its hash is kept beside the order."""
    db.execute(
        "insert into meta (key, value) values ('link_key', ?) on conflict do nothing",
        (secrets.token_hex(32),),
    )
    key = db.execute("select value from meta where key = 'link_key'").fetchone()[0]
    digest = hmac.digest(bytes.fromhex(key), request_key.encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def link_of(ledger: Ledger, order_id: str) -> str:
    """Return the requester's link of an order.

    Raises:
        NotFoundError: there is no such order.
    """
    request = views.order(ledger.reading, order_id).request
    with ledger.transaction() as db:
        return _link(db, request.request_key)


def by_link(ledger: Ledger, link: str) -> Order:
    """Return the order that a secret link belongs to.

    Raises:
        NotFoundError: it belongs to none.
    """
    row = ledger.reading.execute(
        "select * from orders where link_hash = ?", (_hash(link),)
    ).fetchone()
    if row is None:
        raise NotFoundError("order", "of this link")
    return views.order_of(row)


def confirm(
    ledger: Ledger, order_id: str, by: str, now: datetime, *, revision: Revision | None = None
) -> None:
    """A steward has verified the requester: the order will be made.

    Args:
        ledger: holds the order.
        order_id: which one.
        by: login of the steward.
        now: when.
        revision: what is asked for; None where the library has lost it, and then nothing is made either.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: it is not waiting for this, its revision was withdrawn, or lies in the breathing
            path and what accepted it for that has run out since.
    """
    with ledger.transaction() as db:
        if revision is not None:
            _refuse_unreviewed(db, revision, now.date())
        _refuse_withdrawn(db, views.order(db, order_id).request.revision_id)
        _leave_asked(db, order_id, OrderState.CONFIRMED, "")
        db.execute(
            "update line set reasons = ? where order_id = ?",
            (pack_reasons([Reason(code=ReasonCode.NOT_PLANNED)]), order_id),
        )
        event(db, order_id, "confirmed", by, order_id, now)
        telling.on_order(db, order_id, Kind.ORDER_CONFIRMED, order_id, now)


def refuse(ledger: Ledger, order_id: str, reason: str, by: str, now: datetime) -> None:
    """A steward could not verify the requester, or the network cannot help; the requester reads why.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: it is not waiting for this.
        InvalidFieldError: without a reason.
    """
    if not reason.strip():
        raise InvalidFieldError("reason", "is needed: the requester will read it")
    with ledger.transaction() as db:
        _leave_asked(db, order_id, OrderState.REFUSED, reason.strip())
        db.execute("update line set pieces = 0, deficit = 0 where order_id = ?", (order_id,))
        event(db, order_id, "refused", by, order_id, now, reason=reason.strip())
        telling.on_order(db, order_id, Kind.ORDER_REFUSED, order_id, now)


def mark_trial(ledger: Ledger, order_id: str, by: str, now: datetime, *, trial: bool) -> None:
    """An order is made to try the network out, and counted nowhere; or it is a real one after all.

    Raises:
        NotFoundError: there is no such order.
    """
    with ledger.transaction() as db:
        if views.order(db, order_id).request.sandbox == trial:
            return
        db.execute("update orders set sandbox = ? where id = ?", (int(trial), order_id))
        event(db, order_id, "trial" if trial else "no-trial", by, order_id, now)


def set_priority(ledger: Ledger, order_id: str, priority: Priority, by: str, now: datetime) -> bool:
    """A steward says what an order is worth among others; return whether that is new.

    Plans to come go by it. Whether what is planned already is given out anew is `claims.resplit`'s.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: it is over.
    """
    with ledger.transaction() as db:
        order = views.order(db, order_id)
        if order.priority is priority:
            return False
        if order.state not in (OrderState.ASKED, OrderState.CONFIRMED):
            raise RefusedError(f"Order {order_id} is {order.state}; nothing was changed.")
        db.execute("update orders set priority = ? where id = ?", (priority, order_id))
        event(
            db, order_id, "prioritised", by, order_id, now, to=priority, before=order.priority
        )  # fmt: skip
        return True


def set_release(
    ledger: Ledger, order_id: str, release: date | None, by: str, now: datetime, reason: str = ""
) -> bool:
    """A steward says before which day nothing of an order is started; return whether that is new.

    None: it waits for none.

    Nothing is offered before; what was offered stays. Whether what is planned already is given out anew
    is `claims.plan_anew`'s. `reason` is for the order's history.

    Raises:
        NotFoundError: there is no such order.
        RefusedError: it is over.
        InvalidFieldError: the day has passed, or lies after the one on which it is needed.
    """
    with ledger.transaction() as db:
        order = views.order(db, order_id)
        if order.release == release:
            return False
        if order.state not in (OrderState.ASKED, OrderState.CONFIRMED):
            raise RefusedError(f"Order {order_id} is {order.state}; nothing was changed.")
        if release is not None and is_over(release, now):
            raise InvalidFieldError("release", f"{release} has passed")
        if release is not None and release > order.request.due:
            raise InvalidFieldError(
                "release", f"{release} is after {order.request.due}, when the order is due"
            )
        to, before = ("" if day is None else day.isoformat() for day in (release, order.release))
        db.execute("update orders set release = ? where id = ?", (to or None, order_id))
        event(
            db, order_id, "not-before", by, order_id, now, to=to, before=before,
            reason=reason.strip(),
        )  # fmt: skip
        return True


def complete(
    ledger: Ledger, order_id: str, facts: Mapping[str, str], by: str, now: datetime
) -> None:
    """A steward writes down what else the hospital said, by the names of `jobs.order_facts`; words stay.

    Raises:
        NotFoundError: there is no such order.
        InvalidFieldError: all together is too long.
    """
    with ledger.transaction() as db:
        request = views.order(db, order_id).request
        note = note_with(facts, facts_in(request.note)[1])
        if len(note) > MOST_NOTE:
            raise InvalidFieldError("adresse", f"at most {MOST_NOTE} characters")
        if note != request.note:
            db.execute("update orders set note = ? where id = ?", (note, order_id))
            event(db, order_id, "completed", by, order_id, now)


def _refuse_unreviewed(db: sqlite3.Connection, revision: Revision, today: date) -> None:
    if reviews.lacks_breathing_review(db, revision, today):
        raise RefusedError(
            "A part of this design lies in the breathing path: it is made once a named body has"
            " accepted this revision for that (fabnet design accept)."
        )


def _refuse_withdrawn(db: sqlite3.Connection, revision_id: str) -> None:
    stopped = reviews.withdrawal(db, revision_id)
    if stopped is not None:
        raise RefusedError(f"This design was withdrawn: {stopped.reason}")


def _leave_asked(db: sqlite3.Connection, order_id: str, to: OrderState, reason: str) -> None:
    found = views.order(db, order_id)
    if found.state is not OrderState.ASKED:
        raise RefusedError(f"Order {order_id} is {found.state} already; nothing was changed.")
    db.execute(
        "update orders set state = ?, closed_reason = ? where id = ?", (to, reason, order_id)
    )
