"""A hospital complains; an inspector reads it; those who made the pieces get it with advice.

A complaint moves no piece: what is damaged or refused was counted when the parcel was received, and
what may hurt somebody is called back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import complaints, views
from jobs.ledger.rows import event, new_id
from jobs.ledger.store import Ledger
from jobs.model import BatchState

MOST_TEXT = 1000
MOST_ADVICE = 1000
MOST_PHOTOS = 3
#: Of one batch; more is a telephone call.
MOST_COMPLAINTS = 10
_MOST_PHOTO_BYTES = 2 << 20


def complain(
    ledger: Ledger,
    batch_id: str,
    *,
    text: str,
    lot_code: str,
    pieces: int,
    photos: Sequence[bytes],
    now: datetime,
) -> str:
    """Keep what is wrong with pieces of a batch; return the complaint's id.

    The same words on the same lot again are the same complaint.

    `lot_code` is "" where nobody can say which; `photos` are JPEG files with nothing behind the picture.

    Raises:
        NotFoundError: there is no such batch.
        RefusedError: it has not left, or was complained of too often.
        InvalidFieldError: naming what cannot be kept.
    """
    text = text.strip()
    if not text or len(text) > MOST_TEXT:
        raise InvalidFieldError("text", f"is needed, at most {MOST_TEXT} characters")
    if len(photos) > MOST_PHOTOS or any(len(each) > _MOST_PHOTO_BYTES for each in photos):
        raise InvalidFieldError("photos", f"at most {MOST_PHOTOS}, of 2 MB each")
    with ledger.transaction() as db:
        batch = views.batch(db, batch_id)
        if batch.state is BatchState.PACKED:
            raise RefusedError(f"Batch {batch_id} has not left yet.")
        sent = {lot.lot: lot.pieces for lot in batch.lots}
        if lot_code and lot_code not in sent:
            raise InvalidFieldError("lot", "is not in this parcel")
        if not 0 <= pieces <= (sent[lot_code] if lot_code else sum(sent.values())):
            raise InvalidFieldError("pieces", "more than were sent")
        known = complaints.of_batch(db, batch_id)
        for each in known:
            if (each.text, each.lot_code) == (text, lot_code):
                return each.id
        if len(known) >= MOST_COMPLAINTS:
            raise RefusedError("So much is wrong with this parcel: please telephone.")
        complaint_id = new_id(8)
        db.execute(
            "insert into complaint (id, order_id, batch_id, lot_code, pieces, text, at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (complaint_id, batch.order_id, batch_id, lot_code, pieces, text, now.isoformat()),
        )
        # Of which lots it is stays known when the parcel comes back and is unpacked.
        db.executemany(
            "insert into complaint_lot (complaint, lot_code) values (?, ?)",
            [(complaint_id, code) for code in ([lot_code] if lot_code else sent)],
        )
        db.executemany(
            "insert into complaint_photo (complaint, number, jpeg) values (?, ?, ?)",
            [(complaint_id, number, jpeg) for number, jpeg in enumerate(photos, 1)],
        )
        event(db, batch.order_id, "complained", "requester", batch_id, now, pieces=pieces)
    return complaint_id


def read(
    ledger: Ledger, complaint_id: str, advice: str, by: str, now: datetime, *, pass_on: bool
) -> None:
    """An inspector has read a complaint, and passes it on with advice, or keeps it.

    Raises:
        NotFoundError: there is no such complaint.
        InvalidFieldError: it is to be passed on without advice, or with too much.
    """
    advice = advice.strip()
    if len(advice) > MOST_ADVICE or (pass_on and not advice):
        why = f"is needed: what can they do better? At most {MOST_ADVICE} characters"
        raise InvalidFieldError("advice", why)
    with ledger.transaction() as db:
        found = complaints.complaint(db, complaint_id)
        db.execute(
            "update complaint set read_by = ?, read_at = ?, advice = ?, told = ? where id = ?",
            (by, now.isoformat(), advice, int(pass_on), complaint_id),
        )
        event(db, found.order_id, "complaint-read", by, found.batch_id, now)
