"""Photos of the pieces of a lot, as its maker or the hub has taken them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from jobs.errors import NotFoundError
from jobs.ledger.cells import moment
from jobs.model import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class LotPhoto:
    """One photo, without the picture."""

    lot: str
    number: int  # the first is 1; one that was taken away leaves its number free
    at: datetime
    by: str  # a login
    at_hub: bool  # else at the workshop that made the lot


_PHOTOS = f"""
select f.lot_code, f.number, f.at, f.by_person, coalesce(p.role, '') != '{Role.MAKER}' as at_hub
from lot_photo f left join person p on p.login = f.by_person
"""


def of_lot(db: sqlite3.Connection, code: str) -> tuple[LotPhoto, ...]:
    """Return the photos of a lot in the order they were taken."""
    rows = db.execute(f"{_PHOTOS} where f.lot_code = ? order by f.at, f.number", (code,))
    return tuple(map(_photo, rows))


def of_node(db: sqlite3.Connection, node: str) -> tuple[LotPhoto, ...]:
    """Return the photos of all lots of a lab."""
    rows = db.execute(
        f"{_PHOTOS} join lot l on l.code = f.lot_code join attempt a on a.job_id = l.job_id"
        " and a.number = l.number where a.node = ? order by f.at, f.lot_code, f.number",
        (node,),
    )
    return tuple(map(_photo, rows))


def photo(db: sqlite3.Connection, code: str, number: int) -> LotPhoto:
    """Return one photo of a lot.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute(f"{_PHOTOS} where f.lot_code = ? and f.number = ?", (code, number)).fetchone()
    if row is None:
        raise NotFoundError("photo", f"{code}/{number}")
    return _photo(row)


def picture(db: sqlite3.Connection, code: str, number: int) -> bytes:
    """Return the picture itself as a JPEG.

    Raises:
        NotFoundError: there is none.
    """
    row = db.execute(
        "select jpeg from lot_photo where lot_code = ? and number = ?", (code, number)
    ).fetchone()
    if row is None:
        raise NotFoundError("photo", f"{code}/{number}")
    return bytes(row[0])


def _photo(row: sqlite3.Row) -> LotPhoto:
    return LotPhoto(
        lot=row["lot_code"],
        number=row["number"],
        at=moment(row["at"]),
        by=row["by_person"],
        at_hub=bool(row["at_hub"]),
    )
