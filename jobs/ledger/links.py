"""Secret addresses that are derived, not kept: one of a parcel opens that parcel and nothing else.

The requester's own link of an order is `jobs.coordinator.orders`' affair.
"""

from __future__ import annotations

import hmac
import sqlite3
from base64 import urlsafe_b64encode

from jobs.errors import NotFoundError


def key_of(db: sqlite3.Connection, kind: str, name: str) -> str:
    """Return the secret half of the address of one thing, 32 letters; always the same.

    Raises:
        NotFoundError: nothing has been ordered yet, so there is nothing to have an address.
    """
    row = db.execute("select value from meta where key = 'link_key'").fetchone()
    if row is None:
        raise NotFoundError(kind, name)
    digest = hmac.digest(bytes.fromhex(row[0]), f"{kind}:{name}".encode(), "sha256")
    return urlsafe_b64encode(digest[:24]).decode()


def check(db: sqlite3.Connection, kind: str, name: str, key: str) -> None:
    """Do nothing if this is the secret half of the address of this thing.

    Raises:
        NotFoundError: it is not.
    """
    if not hmac.compare_digest(key_of(db, kind, name).encode(), key.encode()):
        raise NotFoundError(kind, name)
