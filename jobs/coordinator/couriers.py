"""Ways by which a batch leaves a hub: each writes down how, and says what its recipient is told.

Runs inside the transaction of the dispatch; letters are rows of the outbox. Leaves whether a batch may
leave to `jobs.coordinator.deliveries`.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Protocol

from jobs.errors import InvalidFieldError
from jobs.ledger import runs
from jobs.model import CourierKind

_MOST_NAME = 100
#: As carriers print them: letters, digits, and what groups them.
_TRACKING = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{3,39}")


class Courier(Protocol):
    """Takes a batch from the hub to its recipient."""

    def leave(self, db: sqlite3.Connection, batch_id: str) -> dict[str, str | int]:
        """Write down how the batch leaves; return what the letter to its recipient says of it.

        Raises:
            InvalidFieldError: naming what was typed wrong.
            RefusedError: it cannot go this way any more.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HandPickUp:
    """Somebody fetches it at the hub."""

    name: str = ""  # who; "" where nobody asked

    def leave(self, db: sqlite3.Connection, batch_id: str) -> dict[str, str | int]:
        """See `Courier`."""
        name = _short("name", self.name)
        _write(db, batch_id, CourierKind.HAND, carrier=name)
        return {"courier": CourierKind.HAND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A company with a number by which it can be followed, as somebody typed it."""

    name: str
    tracking: str
    link: str = ""  # where the number can be followed; "" where nobody has set that

    def leave(self, db: sqlite3.Connection, batch_id: str) -> dict[str, str | int]:
        """See `Courier`."""
        name = _short("carrier", self.name)
        tracking = " ".join(self.tracking.split())
        if not name:
            raise InvalidFieldError("carrier", "is needed")
        if not _TRACKING.fullmatch(tracking):
            raise InvalidFieldError("tracking", "write the number as it stands on the slip")
        _write(db, batch_id, CourierKind.CARRIER, carrier=name, tracking=tracking)
        told: dict[str, str | int] = {"carrier": name, "tracking": tracking, "link": self.link}
        return {"courier": CourierKind.CARRIER, **told}


@dataclass(frozen=True, slots=True, kw_only=True)
class VolunteerDriver:
    """A stop of a run that is in the ledger."""

    run: str

    def leave(self, db: sqlite3.Connection, batch_id: str) -> dict[str, str | int]:
        """See `Courier`."""
        run = runs.run(db, self.run)
        runs.add_stop(db, run.id, batch_id)
        _write(db, batch_id, CourierKind.DRIVER, run=run.id)
        return {
            "courier": CourierKind.DRIVER,
            "day": run.day.isoformat(),
            "from": f"{run.start:%H:%M}",
            "to": f"{run.end:%H:%M}",
        }


def _short(field: str, text: str) -> str:
    text = " ".join(text.split())
    if len(text) > _MOST_NAME:
        raise InvalidFieldError(field, f"at most {_MOST_NAME} characters")
    return text


def _write(
    db: sqlite3.Connection,
    batch_id: str,
    kind: CourierKind,
    *,
    carrier: str = "",
    tracking: str = "",
    run: str = "",
) -> None:
    db.execute(
        "update batch set courier = ?, carrier = ?, tracking = ?, run = ?, handed_at = null"
        " where id = ?",
        (kind, carrier, tracking, run, batch_id),
    )
