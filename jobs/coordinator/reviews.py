"""People judge a revision: a body accepts it, a steward withdraws it, a reviewer releases a held lot."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime

from designs.model import Revision
from designs.regulation import Profile, profiles
from jobs.coordinator.moves import dissolve, move
from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import reviews, views
from jobs.ledger.cells import quoted, word
from jobs.ledger.rows import event, live_attempt, newest_attempt, pack_reasons, tell
from jobs.ledger.store import Ledger
from jobs.lifecycle import OVER, TO_HARVEST, UNGRANTED, AttemptEvent, AttemptState
from jobs.messages import Cancel, Withdraw
from jobs.model import AttemptRef, JobState, OrderState, Reason, ReasonCode

_STOPPED = "its design was withdrawn"
_CLOSED = (OrderState.DELIVERED, OrderState.REFUSED, OrderState.CANCELLED)


def accept(
    ledger: Ledger,
    revision_id: str,
    *,
    body: str,
    use: str,
    document: str,
    document_sha256: str,
    until: date,
    by: str,
    now: datetime,
) -> None:
    """Record that a named body accepts a revision for a named use, on a document, until a day.

    Raises:
        InvalidFieldError: a word is missing, or the day has passed.
        RefusedError: the revision was withdrawn.
    """
    for name, text in (("body", body), ("use", use), ("document", document), ("by", by)):
        if not text.strip():
            raise InvalidFieldError(name, "is needed")
    if until < now.date():
        raise InvalidFieldError("until", "this day has passed")
    with ledger.transaction() as db:
        if reviews.withdrawal(db, revision_id) is not None:
            raise RefusedError("This revision was withdrawn: another one has to be accepted.")
        db.execute(
            "insert into acceptance (revision_id, body, use, document, document_sha256, until,"
            " by_person, at) values (?, ?, ?, ?, ?, ?, ?, ?)",
            (revision_id, body.strip(), use.strip(), document, document_sha256, until.isoformat(),
             by.strip(), now.isoformat()),
        )  # fmt: skip


def choose_profile(
    ledger: Ledger, revision: Revision, profile: str, by: str, now: datetime
) -> None:
    """A steward says by which regulatory profile a revision goes; "" is none. The last word counts.

    Parcels that have left keep the profile under which they left.

    Raises:
        InvalidFieldError: there is no such profile, it is over, or the revision's title or that of a
            part has a word that the profile forbids.
    """
    if profile:
        found = profiles().get(profile)
        if found is None:
            raise InvalidFieldError("profile", "there is no such profile")
        if found.is_over(now.date()):
            raise InvalidFieldError("profile", f"it has run out on {found.valid_to}")
        words = forbidden_titles(revision, found)
        if words:
            why = f"it forbids “{words[0]}” in a title: add this design again under another title"
            raise InvalidFieldError("profile", why)
    with ledger.transaction() as db:
        db.execute(
            "insert into revision_profile (revision_id, profile, by_person, at) values (?, ?, ?, ?)",
            (revision.id, profile, by.strip(), now.isoformat()),
        )


def forbidden_titles(revision: Revision, profile: Profile) -> tuple[str, ...]:
    """Return the words that a profile forbids in the titles of a revision and of its parts."""
    return profile.forbidden_in(" / ".join([revision.title, *(p.title for p in revision.made)]))


def withdraw(ledger: Ledger, revision_id: str, reason: str, by: str, now: datetime) -> int:
    """Stop everything of a revision that can be stopped; return how many attempts were told.

    What is not granted is taken back, what is granted is cancelled where its node answers, and no
    lot that has not left the hub leaves before a reviewer releases it. Its pieces stay in the books:
    they are a deficit that no plan places.

    Raises:
        InvalidFieldError: without a reason or a name.
        RefusedError: it was withdrawn before.
    """
    for name, text in (("reason", reason), ("by", by)):
        if not text.strip():
            raise InvalidFieldError(name, "is needed")
    with ledger.transaction() as db:
        before = reviews.withdrawal(db, revision_id)
        if before is not None:
            raise RefusedError(f"It was withdrawn already, by {before.by}: {before.reason}")
        db.execute(
            "insert into withdrawal (revision_id, reason, by_person, at) values (?, ?, ?, ?)",
            (revision_id, reason.strip(), by.strip(), now.isoformat()),
        )
        why = Reason(code=ReasonCode.WITHDRAWN, text=reason.strip())
        told = stop(db, revision_id, why, now)
        waits = pack_reasons([why])
        for (order_id,) in db.execute(
            "select id from orders where revision_id = ? and state not in (?, ?, ?)",
            (revision_id, *_CLOSED),
        ).fetchall():
            db.execute("update line set reasons = ? where order_id = ?", (waits, order_id))
            event(
                db, order_id, "design-withdrawn", by.strip(), order_id, now, reason=reason.strip()
            )
    return told


_LIVE = f"""
select j.id, j.order_id, j.part_id, j.pieces, a.number, a.state from job j
join orders o on o.id = j.order_id left join attempt a on a.job_id = j.id
 and a.number = {newest_attempt("j.id")}
where o.revision_id = ? and j.state = '{JobState.OPEN}'
 and (a.state not in ({quoted(OVER | TO_HARVEST)}) or not exists ({live_attempt("j.id")}))
"""


def stop(db: sqlite3.Connection, revision_id: str, why: Reason, now: datetime) -> int:
    """Stop all plates of a revision that can be stopped; return how many attempts were told."""
    told = 0
    for row in db.execute(_LIVE, (revision_id,)).fetchall():
        state = None if row["state"] is None else word(AttemptState, row["state"])
        if state in (AttemptState.GRANTED, AttemptState.PRINTING, AttemptState.UNKNOWN):
            # Only its node knows whether it has begun: it answers returned, or cancelled and counted.
            found = views.attempt(db, AttemptRef(job=row["id"], number=row["number"]))
            tell(db, found.node, Cancel(attempt=found.ref, reason=_STOPPED), now)
            told += 1
            continue
        if state in UNGRANTED:
            found = views.attempt(db, AttemptRef(job=row["id"], number=row["number"]))
            move(db, found, AttemptEvent.WITHDRAW, now, _STOPPED)
            tell(db, found.node, Withdraw(attempt=found.ref, reason=_STOPPED), now)
            told += 1
        dissolve(db, row["id"], row["order_id"], row["part_id"], row["pieces"], why)
    return told


def release(ledger: Ledger, lot_code: str, reason: str, by: str, now: datetime) -> None:
    """A named reviewer lets a held lot go all the same.

    Raises:
        NotFoundError: there is no such lot.
        RefusedError: it is not held.
        InvalidFieldError: without a reason or a name.
    """
    for name, text in (("reason", reason), ("by", by)):
        if not text.strip():
            raise InvalidFieldError(name, "is needed")
    with ledger.transaction() as db:
        lot = views.lot(db, lot_code)
        order_id = lot.attempt.order_id
        if lot.code not in reviews.held_lots(db, order_id):
            raise RefusedError(f"Lot {lot.code} is not held.")
        db.execute(
            "insert into lot_release (lot_code, reason, by_person, at) values (?, ?, ?, ?)",
            (lot.code, reason.strip(), by.strip(), now.isoformat()),
        )
        event(db, order_id, "lot-released", by.strip(), lot.code, now, reason=reason.strip())
