"""Recalls: begun by whoever inspects, told to everyone who has pieces, ended by a named person."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from jobs.coordinator import telling
from jobs.coordinator.deliveries import close_if_complete
from jobs.coordinator.reviews import stop
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import bought, depot, parcels, recalls
from jobs.ledger.recalls import CalledLot
from jobs.ledger.rows import apart, event, new_id
from jobs.ledger.store import Ledger
from jobs.model import BatchState, Reason, ReasonCode
from jobs.notice_kinds import Kind
from jobs.recall import Cause, RecallKind, need_reason

_WITH_BAD = "bought parts in it are called back"


def begin(ledger: Ledger, cause: Cause, reason: str, by: str, now: datetime) -> str:
    """Call back every lot of a cause, now and from now on; return the recall's id.

    Pieces that count for an order are planned again. Asked for twice it is the same recall.

    Raises:
        NotFoundError: no lot was ever made of this cause, and no box of it came.
        InvalidFieldError: without a reason.
    """
    reason = need_reason(reason)
    with ledger.transaction() as db:
        same = recalls.open_recall(db, cause)
        if same is not None:
            return same.id
        called = recalls.lots_of(db, cause)
        bought_lot = cause.kind is RecallKind.BOUGHT
        if not called and not _came(db, cause):
            raise NotFoundError("lot", cause.value)
        recall_id = new_id(8)
        db.execute(
            "insert into recall (id, kind, value, reason, by_person, at) values (?, ?, ?, ?, ?, ?)",
            (recall_id, cause.kind, cause.value, reason, by, now.isoformat()),
        )
        _tell(db, recall_id, called, reason, now)
        for order_id in sorted({lot.order_id for lot in called}):
            event(db, order_id, "recalled", by, recall_id, now, reason=reason)
        if cause.kind is RecallKind.REVISION:
            stop(db, cause.value, Reason(code=ReasonCode.RECALLED, text=reason), now)
        if bought_lot:  # the bags of what has not left are good, and go with other bought parts
            here = {lot.batch for lot in called if lot.batch_state is BatchState.PACKED}
            for batch in sorted(here):
                parcels.unpack(db, batch, _WITH_BAD, now)
        for lot in called:
            if lot.has_left or not bought_lot:
                recalls.hold(db, lot.code, recall_id, now)
    return recall_id


def _came(db: sqlite3.Connection, cause: Cause) -> bool:
    """Return whether a box of a cause came to the hub or the depot."""
    if cause.kind is RecallKind.BOUGHT:
        return bool(bought.boxes_of(db, cause.value))
    return cause.kind is RecallKind.MATERIAL and depot.box_of(db, cause.value) is not None


def _tell(
    db: sqlite3.Connection, recall_id: str, called: Sequence[CalledLot], reason: str, now: datetime
) -> None:
    """Tell everyone who has pieces of these lots, or soon will."""
    told: dict[str, int] = {}
    for lot in called:
        if lot.has_left:
            told[lot.order_id] = told.get(lot.order_id, 0) + lot.sent
    db.executemany(
        "insert into recall_notice (recall, order_id, at) values (?, ?, ?)",
        [(recall_id, order_id, now.isoformat()) for order_id in sorted(told)],
    )
    for order_id, pieces in sorted(told.items()):
        telling.on_order(
            db, order_id, Kind.ORDER_RECALLED, recall_id, now, pieces=pieces, reason=reason
        )


def catch_up(db: sqlite3.Connection, now: datetime) -> int:
    """Hold the lots that have joined the cause of an open recall since, and tell who has them; return how many.

    A filament maker's number may be typed late; all other causes are known when a lot is made. Inside the
    caller's transaction.
    """
    late = 0
    for found in recalls.recalls(db):
        if not found.is_open or found.cause.kind is not RecallKind.MATERIAL:
            continue
        with apart(db, f"recall {found.id}"):
            lots = recalls.untold(db, found)
            known = {each.order_id for each in recalls.notices(db, found.id)}
            missed = [lot for lot in lots if lot.order_id not in known]
            _tell(db, found.id, missed, found.reason, now)
            for order_id in sorted({lot.order_id for lot in lots}):
                event(db, order_id, "recalled", found.by, found.id, now, reason=found.reason)
            for lot in lots:
                recalls.hold(db, lot.code, found.id, now)
            late += len(lots)
    return late


def end(ledger: Ledger, recall_id: str, reason: str, by: str, now: datetime, *, good: bool) -> None:
    """End a recall: later lots of its cause are not held any more.

    Args:
        ledger: the ledger.
        recall_id: which.
        reason: what was found, or done.
        by: who says so.
        now: when.
        good: the lots are good after all, and count again; otherwise those that have not left are
            scrap, and those that have never count again.

    Raises:
        NotFoundError: there is no such recall.
        RefusedError: it was ended before.
        InvalidFieldError: without a reason.
    """
    reason = need_reason(reason)
    with ledger.transaction() as db:
        found = recalls.recall(db, recall_id)
        if not found.is_open:
            raise RefusedError(f"This recall was ended by {found.ended_by}: {found.ended_reason}")
        db.execute(
            "update recall set ended_at = ?, ended_by = ?, ended_reason = ? where id = ?",
            (now.isoformat(), by, reason, recall_id),
        )
        if good:
            recalls.let_go(db, recall_id, now)
        else:
            recalls.scrap(db, recall_id, reason, by, now)
        for order_id in sorted({lot.order_id for lot in recalls.lots_of(db, found.cause)}):
            event(db, order_id, "recall-ended", by, recall_id, now, reason=reason)
            close_if_complete(db, order_id, now)


def acknowledge(
    ledger: Ledger, recall_id: str, order_id: str, set_aside: int, by: str, now: datetime
) -> None:
    """A recipient has read it and put pieces away. Said again, the last word counts.

    Raises:
        NotFoundError: they were not told of such a recall.
        InvalidFieldError: more pieces than they were sent.
    """
    with ledger.transaction() as db:
        notice = next(iter(recalls.notices(db, recall_id, order_id)), None)
        if notice is None:
            raise NotFoundError("recall", recall_id)
        if not 0 <= set_aside <= notice.pieces:
            raise InvalidFieldError("set_aside", f"from 0 to {notice.pieces}")
        db.execute(
            "update recall_notice set acknowledged_at = ?, set_aside = ?"
            " where recall = ? and order_id = ?",
            (now.isoformat(), set_aside, recall_id, order_id),
        )
        event(db, order_id, "recall-read", by, recall_id, now, pieces=set_aside)


def waive(ledger: Ledger, recall_id: str, order_id: str, by: str, now: datetime) -> None:
    """A recipient needs no pieces instead of those that were delivered and called back.

    Raises:
        NotFoundError: they were not told of such a recall.
        RefusedError: it is ended, or was waived before.
    """
    with ledger.transaction() as db:
        notice = next(iter(recalls.notices(db, recall_id, order_id)), None)
        if notice is None:
            raise NotFoundError("recall", recall_id)
        if not recalls.recall(db, recall_id).is_open or notice.waived_at is not None:
            raise RefusedError("This was settled before.")
        kept = recalls.keep(db, recall_id, order_id)
        db.execute(
            "update recall_notice set waived_at = ?, waived_by = ? where recall = ? and order_id = ?",
            (now.isoformat(), by, recall_id, order_id),
        )
        event(db, order_id, "recall-waived", by, recall_id, now, pieces=kept)
        close_if_complete(db, order_id, now)


def cause_of(text: str) -> Cause:
    """Read a cause as forms and commands write it: "<kind>:<value>".

    Raises:
        NotFoundError: it names no kind.
    """
    kind, _, value = text.partition(":")
    if kind not in set(RecallKind) - {RecallKind.UNKNOWN} or not value:
        raise NotFoundError("cause of a recall", text)
    return Cause(kind=RecallKind(kind), value=value)
