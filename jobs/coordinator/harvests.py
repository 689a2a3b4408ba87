"""Counting what came off a bed, or giving it up. One harvest an attempt; both are a person's word."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from stdnum.iso7064 import mod_37_36

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import views
from jobs.ledger.rows import absorb, add_deficit, close_job, event, tell
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import TO_HARVEST, AttemptEvent, AttemptState, advance
from jobs.messages import Harvested
from jobs.model import AttemptRef, JobState, LotState, Reason, ReasonCode

#: How much longer than its own time a grant is waited for before it may be written off.
_GRANT_SLACK = 1.1
_GRANT_SLACK_S = 5.0


def lot_code(ref: AttemptRef) -> str:
    """Return the code for the bag: job, attempt and an ISO 7064 mod 37,36 check character.

    At most 20 characters of [A-Z0-9-], as GS1's AI (10) would take it.
    """
    body = f"{ref.job}{ref.number}".upper()
    check = mod_37_36.calc_check_digit(body)
    return f"{ref.job}-{ref.number}{check}".upper()


def harvest(
    ledger: Ledger, ref: AttemptRef, good: int, scrap: int, reason: str, by: str, now: datetime
) -> str | None:
    """Count what came off the bed; return the code of the new lot, None when nothing was good.

    The bed counts as clear from now on, and the node is told. Pieces that are missing are planned
    again; pieces beyond the plate make up a deficit or are recorded as surplus.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it was counted before, or has nothing to count.
        InvalidFieldError: a count below zero or absurd, or a loss without a reason.
    """
    with ledger.transaction() as db:
        found = views.attempt(db, ref)
        if found.state is AttemptState.HARVESTED:
            raise RefusedError(
                f"{ref} was counted already: {found.good} good, {found.scrap} scrap."
            )
        if found.state not in TO_HARVEST | {AttemptState.WRITTEN_OFF}:
            raise RefusedError(f"{ref} is {found.state}: there is nothing to count yet.")
        _check(found, good, scrap, reason)
        state = advance(found.state, AttemptEvent.HARVEST)
        db.execute(
            "update attempt set state = ? where job_id = ? and number = ?",
            (state, ref.job, ref.number),
        )
        db.execute(
            "insert into harvest (job_id, number, good, scrap, reason, by_person, at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (ref.job, ref.number, good, scrap, reason.strip(), by, now.isoformat()),
        )
        code = _open_lot(db, found, good, now) if good else None
        _settle(db, found, good)
        if found.state in TO_HARVEST:
            db.execute(
                "update printer set clear = 1 where node = ? and id = ?",
                (found.node, found.printer),
            )
        tell(db, found.node, Harvested(attempt=ref), now)
        event(
            db, found.order_id, "harvested", by, code or str(ref), now,
            good=good, scrap=scrap, reason=reason.strip(),
        )  # fmt: skip
    return code


def _check(found: AttemptView, good: int, scrap: int, reason: str) -> None:
    most = found.pieces * 10
    for name, count in (("good", good), ("scrap", scrap)):
        if not 0 <= count <= most:
            raise InvalidFieldError(name, f"between 0 and {most}")
    if (scrap or good < found.pieces) and not reason.strip():
        raise InvalidFieldError("reason", "say what happened to the missing pieces")


def _open_lot(db: sqlite3.Connection, found: AttemptView, good: int, now: datetime) -> str:
    code = lot_code(found.ref)
    db.execute(
        "insert into lot (code, job_id, number, order_id, part_id, state, place, good, created_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            code,
            found.ref.job,
            found.ref.number,
            found.order_id,
            found.part_id,
            LotState.WAITING,
            f"lab:{found.node}",
            good,
            now.isoformat(),
        ),
    )
    return code


def _settle(db: sqlite3.Connection, found: AttemptView, good: int) -> None:
    """Balance what the attempt stood for in the books with what it gave."""
    written_off = found.state is AttemptState.WRITTEN_OFF
    expected = 0 if written_off else found.pieces
    if not written_off:
        close_job(db, found.ref.job, JobState.DONE)
    if good < expected:
        why = Reason(code=ReasonCode.SCRAP, node=found.node, printer=found.printer)
        add_deficit(db, found.order_id, found.part_id, expected - good, why)
    elif good > expected:
        absorb(db, found.order_id, found.part_id, good - expected)


def write_off(ledger: Ledger, ref: AttemptRef, reason: str, by: str, now: datetime) -> None:
    """Give a granted attempt up: its pieces are made again, and may then exist twice.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it cannot have started, is over, or its grant is still alive.
        InvalidFieldError: without a reason.
    """
    if not reason.strip():
        raise InvalidFieldError("reason", "is needed")
    with ledger.transaction() as db:
        found = views.attempt(db, ref)
        if found.state is AttemptState.GRANTED:
            alive = writable_off_from(found, _ttl_s(db, ref))
            if now < alive:
                raise RefusedError(
                    f"The grant of {ref} is good until {alive:%H:%M:%S} UTC: the node may start it"
                    " till then. Ask the maker first."
                )
        state = advance(found.state, AttemptEvent.WRITE_OFF)
        db.execute(
            "update attempt set state = ?, reason = ? where job_id = ? and number = ?",
            (state, reason.strip(), ref.job, ref.number),
        )
        db.execute(
            "insert into write_off (job_id, number, pieces, reason, by_person, at)"
            " values (?, ?, ?, ?, ?, ?)",
            (ref.job, ref.number, found.pieces, reason.strip(), by, now.isoformat()),
        )
        close_job(db, ref.job, JobState.DONE)
        why = Reason(code=ReasonCode.WRITTEN_OFF, node=found.node, printer=found.printer)
        add_deficit(db, found.order_id, found.part_id, found.pieces, why)
        event(
            db, found.order_id, "written-off", by, str(ref), now,
            pieces=found.pieces, reason=reason.strip(),
        )  # fmt: skip


def _ttl_s(db: sqlite3.Connection, ref: AttemptRef) -> float:
    row = db.execute(
        "select ttl_s from attempt where job_id = ? and number = ?", (ref.job, ref.number)
    ).fetchone()
    return float(row[0])


def writable_off_from(found: AttemptView, ttl_s: float) -> datetime:
    """Return from when a granted attempt may be written off: its grant is surely dead then."""
    granted = found.granted_at
    if granted is None:
        raise RefusedError(f"{found.ref} was never granted: take it back instead.")
    return granted + timedelta(seconds=ttl_s * _GRANT_SLACK + _GRANT_SLACK_S)
