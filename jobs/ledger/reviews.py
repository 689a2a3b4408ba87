"""What is known of a revision beyond its files: who tried and accepted it, and whether it was withdrawn."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import date, datetime

from designs.model import ReviewState, Revision
from jobs.ledger import cells

#: What an acceptance says that speaks of a part in the breathing path, in English or French.
_BREATHING = re.compile(r"breath|respir", re.IGNORECASE)
#: Of a query over orders `o`: none of a revision that was withdrawn, or is called back.
NOT_STOPPED = (
    "not exists (select 1 from withdrawal w where w.revision_id = o.revision_id)"
    " and not exists (select 1 from recall c where c.kind = 'revision' and c.value = o.revision_id"
    " and c.ended_at is null)"
)
#: Of a query over lots `l` and their orders `o`: its design was withdrawn, and no reviewer has released it.
HELD = (
    "(exists (select 1 from withdrawal w where w.revision_id = o.revision_id)"
    " and not exists (select 1 from lot_release lr where lr.lot_code = l.code))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A named body accepts a revision for a named use, on a document, until a day."""

    body: str
    use: str
    document: str  # its file's name
    document_sha256: str
    until: date
    by: str
    at: datetime

    @property
    def names_breathing(self) -> bool:
        """Whether it says that it speaks of a part that somebody breathes through."""
        return _BREATHING.search(self.use) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """A revision is not made any more."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChoice:
    """By which regulatory profile a revision goes."""

    profile: str  # its id; "" for none
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """How far a revision has been looked at, on a day."""

    state: ReviewState
    labs: int  # that have made at least one good piece of it
    acceptances: tuple[Acceptance, ...]  # also those that have run out, the latest first
    withdrawal: Withdrawal | None
    profile: ProfileChoice | None = None  # None: nobody has chosen


def review(db: sqlite3.Connection, revision_id: str, today: date) -> Review:
    """Return how far a revision has been looked at."""
    accepted = tuple(
        Acceptance(
            body=row["body"],
            use=row["use"],
            document=row["document"],
            document_sha256=row["document_sha256"],
            until=cells.day(row["until"]),
            by=row["by_person"],
            at=cells.moment(row["at"]),
        )
        for row in db.execute(
            "select * from acceptance where revision_id = ? order by until desc, at desc",
            (revision_id,),
        )
    )
    labs = db.execute(
        "select count(distinct j.node) from harvest h join job j on j.id = h.job_id"
        " join orders o on o.id = j.order_id where o.revision_id = ? and h.good > 0 and not o.sandbox",
        (revision_id,),
    ).fetchone()[0]
    stopped = withdrawal(db, revision_id)
    return Review(
        state=ReviewState.WITHDRAWN
        if stopped
        else ReviewState.ACCEPTED
        if any(each.until >= today for each in accepted)
        else ReviewState.TRIED
        if labs
        else ReviewState.DRAFT,
        labs=labs,
        acceptances=accepted,
        withdrawal=stopped,
        profile=profile_choice(db, revision_id),
    )


def profile_choice(db: sqlite3.Connection, revision_id: str) -> ProfileChoice | None:
    """Return the last choice of a profile for a revision; None where nobody has chosen."""
    row = db.execute(
        "select * from revision_profile where revision_id = ? order by id desc limit 1",
        (revision_id,),
    ).fetchone()
    if row is None:
        return None
    return ProfileChoice(profile=row["profile"], by=row["by_person"], at=cells.moment(row["at"]))


def lacks_breathing_review(db: sqlite3.Connection, revision: Revision, today: date) -> bool:
    """Return whether a part of it lies in somebody's breath and nobody accepts it for that today.

    An acceptance counts when its use says so: "breathing path of ...", "voie respiratoire ...".
    """
    return revision.breathing_path and not any(
        each.until >= today and each.names_breathing
        for each in review(db, revision.id, today).acceptances
    )


def document_name(db: sqlite3.Connection, sha256: str) -> str:
    """Return what the document of an acceptance is called; "" where there is none of this hash."""
    row = db.execute(
        "select document from acceptance where document_sha256 = ? limit 1", (sha256,)
    ).fetchone()
    return "" if row is None else str(row[0])


def withdrawal(db: sqlite3.Connection, revision_id: str) -> Withdrawal | None:
    """Return why a revision is not made any more; None where it is."""
    row = db.execute("select * from withdrawal where revision_id = ?", (revision_id,)).fetchone()
    if row is None:
        return None
    return Withdrawal(reason=row["reason"], by=row["by_person"], at=cells.moment(row["at"]))


def held_lots(db: sqlite3.Connection, order_id: str) -> frozenset[str]:
    """Return the lots of an order that may not leave: withdrawn, and released by nobody."""
    rows = db.execute(
        "select l.code from lot l join orders o on o.id = l.order_id"
        f" where l.order_id = ? and {HELD}",
        (order_id,),
    )
    return frozenset(row[0] for row in rows)


def released(db: sqlite3.Connection, lot_code: str) -> tuple[str, str] | None:
    """Return who released a held lot and why; None where nobody has."""
    row = db.execute(
        "select by_person, reason from lot_release where lot_code = ?", (lot_code,)
    ).fetchone()
    return None if row is None else (row[0], row[1])
