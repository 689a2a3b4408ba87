"""Counting what came off a bed, or giving it up. One harvest an attempt; both are a person's word."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from jobs.errors import InvalidFieldError, RefusedError
from jobs.ledger import recalls, views
from jobs.ledger.cells import FACTS
from jobs.ledger.rows import absorb, add_deficit, close_job, event, ran_s, tell
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import TO_HARVEST, AttemptEvent, AttemptState, advance
from jobs.lot_code import lot_code
from jobs.messages import Counted, Harvested, Withdraw
from jobs.model import AttemptRef, JobState, LotState, Reason, ReasonCode
from printers.model import MANUAL

#: How much longer than its own time a grant is waited for before it may be written off.
_GRANT_SLACK = 1.1
_GRANT_SLACK_S = 5.0
#: Who stands in an order's history without an account.
_OURS = frozenset({"fabnet", "requester", "driver"})


def harvest(
    ledger: Ledger, ref: AttemptRef, good: int, scrap: int, reason: str, by: str, now: datetime
) -> str | None:
    """Count what came off the bed; return the code of the new lot, None when nothing was good.

    Who prints by hand says with the count that the print is over. The bed counts as clear from now
    on, and the node is told. Pieces that are missing are planned again; pieces beyond the plate make
    up a deficit or are recorded as surplus.

    Raises:
        NotFoundError: there is no such attempt.
        RefusedError: it was counted before, or has nothing to count.
        InvalidFieldError: a count below zero or absurd, or a loss without a reason.
    """
    with ledger.transaction() as db:
        return book(db, ref, good, scrap, reason, by, now)


def book(
    db: sqlite3.Connection,
    ref: AttemptRef,
    good: int,
    scrap: int,
    reason: str,
    by: str,
    now: datetime,
) -> str | None:
    """As `harvest`, inside the caller's transaction."""
    found = views.attempt(db, ref)
    if found.state is AttemptState.HARVESTED:
        raise RefusedError(f"{ref} was counted already: {found.good} good, {found.scrap} scrap.")
    if found.state not in TO_HARVEST | {AttemptState.WRITTEN_OFF} and not _by_hand(db, found):
        raise RefusedError(f"{ref} is {found.state}: there is nothing to count yet.")
    reason = reason.strip()
    _check(found, good, scrap, reason)
    over: AttemptState = found.state
    if over is AttemptState.PRINTING:
        over = advance(over, AttemptEvent.FINISH)
    db.execute(
        "update attempt set state = ? where job_id = ? and number = ?",
        (advance(over, AttemptEvent.HARVEST), ref.job, ref.number),
    )
    db.execute(
        "insert into harvest (job_id, number, good, scrap, reason, by_person, at)"
        " values (?, ?, ?, ?, ?, ?, ?)",
        (ref.job, ref.number, good, scrap, reason, by, now.isoformat()),
    )
    code = _open_lot(db, found, good, now) if good else None
    _settle(db, found, good)
    if code:
        recalls.hold_if_called_back(db, code, now)
    if found.state is not AttemptState.WRITTEN_OFF:
        db.execute(
            "update printer set clear = 1 where node = ? and id = ?", (found.node, found.printer)
        )
    told = Harvested(attempt=ref, good=good, scrap=scrap, reason=reason, by=by)
    tell(db, found.node, told, now)
    event(
        db, found.order_id, "harvested", by, code or str(ref), now,
        good=good, scrap=scrap, reason=reason,
    )  # fmt: skip
    return code


def counted(db: sqlite3.Connection, found: AttemptView, told: Counted, now: datetime) -> None:
    """Book what was counted at the node.

    Where it cannot be booked (somebody counted on a page meanwhile, say) nothing is added: it stays
    in the order's history, for the steward to look into.
    """
    by = counter(db, found.node, told.by)
    try:
        book(db, found.ref, told.good, told.scrap, told.reason, by, now)
    except (RefusedError, InvalidFieldError) as error:
        event(
            db, found.order_id, "counted-besides", by, str(found.ref), now,
            good=told.good, scrap=told.scrap, reason=told.reason, at=told.at, why=str(error),
        )  # fmt: skip


def counter(db: sqlite3.Connection, node: str, by: str) -> str:
    """Return who has counted, by the word of a node: other people's names stand there as its word."""
    if not by or by == node:
        return node
    row = db.execute(
        "select 1 from person where login = ?1 and node != ?2 union select 1 from node where id = ?1",
        (by, node),
    ).fetchone()
    return by if row is None and by not in _OURS else f"{by} ({node})"


def _by_hand(db: sqlite3.Connection, found: AttemptView) -> bool:
    """Whether only a person's count can end this print.

    She prints it from an SD card, or its lab has taken the printer off its list: nothing else tells of it.
    """
    row = db.execute(
        f"select json_extract({FACTS}, '$.link') from printer p where node = ? and id = ?",
        (found.node, found.printer),
    ).fetchone()
    return found.state is AttemptState.PRINTING and (row is None or row[0] == MANUAL)


def _check(found: AttemptView, good: int, scrap: int, reason: str) -> None:
    most = found.pieces * 10
    for name, count in (("good", good), ("scrap", scrap)):
        if not 0 <= count <= most:
            raise InvalidFieldError(name, f"between 0 and {most}")
    if (scrap or good < found.pieces) and not reason:
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
        if found.state is AttemptState.GRANTED and (left_s := grant_left_s(db, ref)) > 0:
            alive = now + timedelta(seconds=left_s)
            raise RefusedError(
                f"The grant of {ref} is good until {alive:%Y-%m-%d %H:%M:%S} UTC: the node may start it"
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
        # What it has not begun it must not begin; what it has, goes on and counts when it comes.
        tell(db, found.node, Withdraw(attempt=ref, reason="written off"), now)
        event(
            db, found.order_id, "written-off", by, str(ref), now,
            pieces=found.pieces, reason=reason.strip(),
        )  # fmt: skip


def grant_left_s(db: sqlite3.Connection, ref: AttemptRef) -> float:
    """Return how long a node may still start a granted attempt; 0 once the grant is surely dead.

    Counted in the time that a coordinator has run, so that no step of a clock shortens it; what
    passed while none ran is not counted, which only waits longer.

    Raises:
        RefusedError: it was never granted.
    """
    row = _grant(db, ref)
    if row is None:
        raise RefusedError(f"{ref} was never granted: take it back instead.")
    alive_s = float(row["ttl_s"]) * _GRANT_SLACK + _GRANT_SLACK_S
    return max(0.0, float(row["granted_s"]) + alive_s - ran_s(db))


def granted_for_s(db: sqlite3.Connection, ref: AttemptRef) -> float:
    """Return how long the grants given so far still hold, without slack; 0 where none does."""
    row = _grant(db, ref)
    if row is None:
        return 0.0
    return max(0.0, float(row["granted_s"]) + float(row["ttl_s"]) - ran_s(db))


def _grant(db: sqlite3.Connection, ref: AttemptRef) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "select granted_s, ttl_s from attempt where job_id = ? and number = ?"
        " and granted_at is not null",
        (ref.job, ref.number),
    ).fetchone()
    return found
