"""Photos of a lot's pieces are kept and taken away. They move no piece, and no count waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import lot_photos, views
from jobs.ledger.rows import event
from jobs.ledger.store import Ledger

#: Of one lot, of its maker and of the hub together.
MOST_PHOTOS = 6
#: Sent at once.
MOST_AT_ONCE = 3
_MOST_PHOTO_BYTES = 2 << 20


def add(ledger: Ledger, code: str, photos: Sequence[bytes], by: str, now: datetime) -> int:
    """Keep photos of a lot; return how many are new. The same photo again is the same photo.

    `photos` are JPEG files with nothing behind the picture.

    Raises:
        NotFoundError: there is no such lot.
        InvalidFieldError: one is too large, or they would be too many.
    """
    if any(len(each) > _MOST_PHOTO_BYTES for each in photos):
        raise InvalidFieldError("photos", f"at most {MOST_PHOTOS}, of 2 MB each")
    with ledger.transaction() as db:
        lot = views.lot(db, code)
        rows = db.execute("select number, jpeg from lot_photo where lot_code = ?", (lot.code,))
        kept = {int(row[0]): bytes(row[1]) for row in rows}
        new = [each for each in dict.fromkeys(photos) if each not in kept.values()]
        free = [number for number in range(1, MOST_PHOTOS + 1) if number not in kept]
        if len(new) > len(free):
            raise InvalidFieldError("photos", f"at most {MOST_PHOTOS}, of 2 MB each")
        db.executemany(
            "insert into lot_photo (lot_code, number, jpeg, by_person, at) values (?, ?, ?, ?, ?)",
            [
                (lot.code, number, jpeg, by, now.isoformat())
                for number, jpeg in zip(free, new, strict=False)
            ],
        )
        if new:
            event(db, lot.attempt.order_id, "photos-added", by, lot.code, now, photos=len(new))
    return len(new)


def remove(ledger: Ledger, code: str, number: int, by: str, now: datetime) -> None:
    """Take a photo away, for good.

    Raises:
        NotFoundError: there is no such lot, or no such photo of it.
        RefusedError: the lot is called back: what is known of it stays until that is over.
    """
    with ledger.transaction() as db:
        db.execute("pragma secure_delete = on")
        lot = views.lot(db, code)
        lot_photos.photo(db, lot.code, number)
        if lot.recall:
            raise RefusedError(
                f"Lot {lot.code} is called back: its photos stay until that is over."
            )
        db.execute("delete from lot_photo where lot_code = ? and number = ?", (lot.code, number))
        event(db, lot.attempt.order_id, "photo-removed", by, lot.code, now)
