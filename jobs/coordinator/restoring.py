"""A ledger that was put back from a copy learns again what it has forgotten, from the nodes' journals.

What was granted, printed or counted after the copy was made is known to the nodes alone. So until
each of them has said all it holds (`Restated`), or a steward goes on without it, nothing is offered,
granted or taken back: any open job may have been printed. Attempt numbers leap, so that none that
was given out in the forgotten time is given out again.

The functions run inside the caller's transaction, but for `go_on_without`.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from datetime import datetime

from jobs.coordinator import harvests, nodes
from jobs.coordinator.moves import free_work, move
from jobs.errors import JobError, NotFoundError
from jobs.ledger import streams, views
from jobs.ledger.cells import quoted
from jobs.ledger.members import is_confirmed
from jobs.ledger.rows import absorb, event, keep_spool, ran_s, tell
from jobs.ledger.store import Ledger
from jobs.ledger.views import AttemptView
from jobs.lifecycle import (
    ENDED_UNSTARTED,
    MAY_HAVE_STARTED,
    TO_HARVEST,
    UNGRANTED,
    AttemptEvent,
    AttemptState,
)
from jobs.messages import Harvested, KeptAttempt, Restate, Restated, Withdraw
from jobs.model import AttemptRef, JobState

_log = logging.getLogger(__name__)

#: More attempts than one job ever had, and as many places to leap to as a bag's code has room for.
_LEAP, _PLACES = 1000, 100_000
#: Of node.unheard: asked for all it holds; and everybody waits for it.
_ASKED, _ALL_WAIT = 1, 2
_S, _E = AttemptState, AttemptEvent

#: How an attempt that the ledger holds for ungranted comes to where its node says it stands.
_WAY = {
    _S.GRANTED: (_E.READY, _E.GRANT),
    _S.PRINTING: (_E.READY, _E.GRANT, _E.START),
    _S.PRINTED: (_E.READY, _E.GRANT, _E.START, _E.FINISH),
    _S.CANCELLED: (_E.READY, _E.GRANT, _E.CANCEL),
    _S.FAILED: (_E.READY, _E.GRANT, _E.FAIL),
    _S.INTERRUPTED: (_E.READY, _E.GRANT, _E.INTERRUPT),
    _S.WRITTEN_OFF: (_E.READY, _E.GRANT, _E.INTERRUPT),  # by the node's word: nobody counted it
    _S.DECLINED: (_E.DECLINE,),
    _S.WITHDRAWN: (_E.WITHDRAW,),
    _S.RETURNED: (_E.WITHDRAW,),
    _S.LAPSED: (_E.WITHDRAW,),
}


def begin(db: sqlite3.Connection, now: datetime) -> None:
    """The ledger is an older copy: hold everything, and ask every node for all it knows."""
    db.execute("delete from meta where key = 'restored'")
    db.execute(
        "insert into meta (key, value) values ('fence', ?)"
        " on conflict (key) do update set value = value + excluded.value",
        # The same copy may be put back twice, and has forgotten the first leap by then.
        (str(_LEAP + secrets.randbelow(_PLACES)),),
    )
    event(db, "", "ledger-restored", "fabnet", "", now)
    found = db.execute("select id from node where standing = 'confirmed' order by id")
    for (node,) in found.fetchall():
        _begin_anew(db, node, now)
        db.execute("update node set unheard = ? where id = ?", (_ALL_WAIT, node))


def knows_more(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """A node has heard or said what the ledger does not know of: ask it for all it holds.

    That is the word of one node, so nobody else waits for it.
    """
    asked = db.execute("select unheard from node where id = ?", (node,)).fetchone()
    if not asked[0]:
        _begin_anew(db, node, now)
        db.execute("update node set unheard = ? where id = ?", (_ASKED, node))


def is_asked(db: sqlite3.Connection, node: str) -> bool:
    """Whether a node was asked to begin anew and has not said all: its new stream is no surprise."""
    row = db.execute("select unheard from node where id = ?", (node,)).fetchone()
    return row is not None and bool(row[0])


def _begin_anew(db: sqlite3.Connection, node: str, now: datetime) -> None:
    _log.warning("the ledger has forgotten words of node %s: it is asked for all it holds", node)
    streams.restart(db, node)
    streams.read_no_more(db, node)
    db.execute("update attempt set restated = 0 where node = ?", (node,))
    event(db, "", "node-knows-more", "fabnet", node, now)
    tell(db, node, Restate(), now)


def speak_anew(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """A node cannot read our stream any more: its journal was lost after it had begun to."""
    streams.renumber(db, node)
    if is_asked(db, node):
        tell(db, node, Restate(), now)


def is_restored(db: sqlite3.Connection) -> bool:
    """Whether this ledger was put back and no coordinator has begun with it since."""
    return db.execute("select 1 from meta where key = 'restored'").fetchone() is not None


def is_behind(db: sqlite3.Connection) -> None:
    """Another coordinator works with a copy of this ledger: who begins with this one asks all nodes."""
    db.execute("insert or replace into meta (key, value) values ('restored', '1')")


def lives_at(db: sqlite3.Connection, home: str) -> None:
    """A coordinator begins with this ledger in this place: one that comes from elsewhere may be a copy.

    Nobody can say whether the other one still gives out work, perhaps at another broker. So it counts
    as put back, and waits for the word of every node, of which each hears one of the two.
    """
    row = db.execute("select value from meta where key = 'home'").fetchone()
    if row is not None and row[0] != home:
        _log.warning("this ledger was in another place: %s, and is here now: %s", row[0], home)
        is_behind(db)
    db.execute("insert or replace into meta (key, value) values ('home', ?)", (home,))


def fence(db: sqlite3.Connection) -> int:
    """Return the highest attempt number that may have been given out in a forgotten time."""
    row = db.execute("select value from meta where key = 'fence'").fetchone()
    return 0 if row is None else int(row[0])


def unheard(db: sqlite3.Connection) -> tuple[str, ...]:
    """Return the nodes that have not said what they hold since the ledger was put back.

    One that was shut out since will not say it: a steward goes on without it.
    """
    rows = db.execute("select id from node where unheard = ? order by id", (_ALL_WAIT,))
    return tuple(r[0] for r in rows)


def go_on_without(ledger: Ledger, node: str, by: str, now: datetime) -> None:
    """Wait for this node no longer. What it has printed meanwhile may be made twice.

    Raises:
        NotFoundError: nobody waits for such a node.
    """
    with ledger.transaction() as db:
        if node not in unheard(db):
            raise NotFoundError("node that is waited for", node)
        # It is still asked: what it holds counts whenever it comes.
        db.execute("update node set unheard = ? where id = ?", (_ASKED, node))
        event(db, "", "went-on-without", by, node, now)
        if not is_confirmed(db, node):
            is_shut_out(db, node, now)


def is_shut_out(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """A node was shut out: what it was not granted goes to others, unless it is waited for.

    What it was offered in the time that the ledger has forgotten may be printed.
    """
    if node in unheard(db):
        return
    db.execute("update node set unheard = 0 where id = ?", (node,))
    free_work(db, node, now)


def restated(db: sqlite3.Connection, node: str, told: Restated, now: datetime) -> None:
    """Book what a node holds; with the last of it, what it does not hold is forgotten by both.

    An answer to an earlier question counts for nothing: it is silent about what came after it.
    """
    if told.asked not in ("", streams.stream_of(db, node)[0]):
        _log.warning("node %s has answered what was asked before the ledger was put back", node)
        return
    for kept in told.attempts:
        db.execute("savepoint kept")
        try:
            _book(db, node, kept, now)
        except JobError as error:
            db.execute("rollback to kept")
            ref = kept.offered.attempt
            _log.warning("node %s, %s: %s", node, ref, error)
            event(db, kept.offered.order, "not-booked", node, str(ref), now, reason=str(error))
            # It was named all the same: whatever it is, it is not free to be made again.
            db.execute(
                "update attempt set restated = 1 where job_id = ? and number = ? and node = ?",
                (ref.job, ref.number, node),
            )
        db.execute("release kept")
    if told.last:
        _end_unnamed(db, node, now)
        db.execute("update node set unheard = 0 where id = ?", (node,))


def _book(db: sqlite3.Connection, node: str, kept: KeptAttempt, now: datetime) -> None:
    ref = kept.offered.attempt
    row = db.execute(
        "select node from attempt where job_id = ? and number = ?", (ref.job, ref.number)
    ).fetchone()
    planned = db.execute("select node from job where id = ?", (ref.job,)).fetchone()
    if any(found is not None and found[0] != node for found in (row, planned)):
        # A plate is offered to nobody but who it was planned for; whoever says so is told to leave it.
        tell(db, node, Withdraw(attempt=ref, reason="it belongs to another lab"), now)
        return
    if row is None and not _enter(db, node, kept, now):
        tell(db, node, Withdraw(attempt=ref, reason="the network does not know it"), now)
        return
    db.execute(
        "update attempt set restated = 1 where job_id = ? and number = ?", (ref.job, ref.number)
    )
    if kept.spool:
        keep_spool(db, ref, kept.spool)
    if _may_have_begun(kept):
        db.execute(
            "update attempt set granted_at = ?, granted_s = ? where job_id = ? and number = ?"
            " and granted_at is null",
            (now.isoformat(), ran_s(db), ref.job, ref.number),
        )
    _catch_up(db, views.attempt(db, ref), kept, now)


def _catch_up(db: sqlite3.Connection, found: AttemptView, kept: KeptAttempt, now: datetime) -> None:
    """Bring the ledger's state of an attempt to where its node says it stands."""
    counted = kept.state is _S.HARVESTED
    if not counted and _may_have_begun(kept):
        nodes.holds(db, found.ref)
    if found.state in ENDED_UNSTARTED:
        if _may_have_begun(kept):
            _count_when_it_comes(db, found.ref, found.pieces, now)
        elif kept.state in UNGRANTED:
            tell(db, found.node, Withdraw(attempt=found.ref, reason=found.reason), now)
    for step in _steps(found.state, _S.PRINTED if counted else kept.state):
        move(db, views.attempt(db, found.ref), step, now, kept.reason)
    found = views.attempt(db, found.ref)
    if found.state is _S.HARVESTED and not counted:
        told = Harvested(attempt=found.ref, good=found.good or 0, scrap=found.scrap or 0)
        tell(db, found.node, told, now)
    elif (
        found.state in TO_HARVEST | {_S.WRITTEN_OFF}
        and kept.good is not None
        and kept.scrap is not None
    ):
        reason = kept.reason or "counted before the ledger was put back"
        by = harvests.counter(db, found.node, kept.counted_by)
        harvests.book(db, found.ref, kept.good, kept.scrap, reason, by, now)


def _may_have_begun(kept: KeptAttempt) -> bool:
    """Whether parts of it may exist, or may come into being: its node holds the grant."""
    return kept.begun or kept.state in MAY_HAVE_STARTED | {_S.HARVESTED}


def _steps(ours: AttemptState, theirs: AttemptState) -> tuple[AttemptEvent, ...]:
    """Return what leads from the ledger's state of an attempt to its node's."""
    way = _WAY.get(theirs, ())
    if ours is _S.OFFERED and theirs not in ENDED_UNSTARTED | {_S.OFFERED}:
        return (_E.TAKE, *way)
    if ours in UNGRANTED:
        return way
    if ours not in (_S.GRANTED, _S.PRINTING):
        return ()
    if theirs in ENDED_UNSTARTED:
        # It has told of a print that it knows nothing of by now: a person has to look.
        return (_E.RETURN,) if ours is _S.GRANTED else (_E.INTERRUPT,)
    return tuple(step for step in way[2:] if ours is _S.GRANTED or step is not _E.START)


def _count_when_it_comes(
    db: sqlite3.Connection, ref: AttemptRef, pieces: int, now: datetime
) -> None:
    """Nobody waits for this attempt any more; its parts count once a person has counted them."""
    db.execute(
        "update attempt set state = ? where job_id = ? and number = ?",
        (_S.WRITTEN_OFF, ref.job, ref.number),
    )
    db.execute(
        "insert into write_off (job_id, number, pieces, reason, by_person, at)"
        " values (?, ?, ?, 'begun in the time that the ledger has forgotten', 'fabnet', ?)"
        " on conflict do nothing",
        (ref.job, ref.number, pieces, now.isoformat()),
    )


def _enter(db: sqlite3.Connection, node: str, kept: KeptAttempt, now: datetime) -> bool:
    """Write an attempt into the ledger that it does not know; return whether it is wanted."""
    offered = kept.offered
    job = db.execute("select state from job where id = ?", (offered.attempt.job,)).fetchone()
    if not _may_have_begun(kept):
        if job is not None:
            # Its number is taken: a lab that knows a number is deaf to all below it.
            _insert(db, node, kept, now, _S.WITHDRAWN)
        return False
    if job is None:
        if not _open_job(db, node, kept, now):
            return False
        _insert(db, node, kept, now)
        # Its pieces are coming: what was planned for them is not needed.
        for step in (_E.READY, _E.GRANT):
            move(db, views.attempt(db, offered.attempt), step, now)
        absorb(db, offered.order, offered.part, offered.pieces)
        return True
    other = _live(db, offered.attempt.job)
    if job["state"] == JobState.OPEN and other is not None and other.state in UNGRANTED:
        move(db, other, _E.WITHDRAW, now, "another lab has begun it")
        tell(db, other.node, Withdraw(attempt=other.ref, reason="another lab has begun it"), now)
        other = None
    _insert(db, node, kept, now)
    if job["state"] != JobState.OPEN or other is not None:
        _count_when_it_comes(db, offered.attempt, offered.pieces, now)
    return True


def _live(db: sqlite3.Connection, job: str) -> AttemptView | None:
    states = quoted(UNGRANTED | MAY_HAVE_STARTED)
    row = db.execute(
        f"select number from attempt where job_id = ? and state in ({states})", (job,)
    ).fetchone()
    return None if row is None else views.attempt(db, AttemptRef(job=job, number=row[0]))


def _open_job(db: sqlite3.Connection, node: str, kept: KeptAttempt, now: datetime) -> bool:
    """Make the job of an attempt anew; False where the ledger does not know its order either."""
    offered = kept.offered
    line = db.execute(
        "select 1 from line where order_id = ? and part_id = ?", (offered.order, offered.part)
    ).fetchone()
    if line is None or offered.pieces < 1:
        return False
    db.execute(
        "insert into job (id, order_id, part_id, pieces, material, mesh_sha256, plate_sha256, node,"
        " printer, seconds, grams, state, created_at) values (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            offered.attempt.job,
            offered.order,
            offered.part,
            offered.pieces,
            offered.material,
            offered.mesh_sha256,
            offered.plate_sha256,
            node,
            offered.printer,
            offered.seconds,
            offered.grams,
            JobState.OPEN,
            now.isoformat(),
        ),
    )
    return True


def _insert(
    db: sqlite3.Connection,
    node: str,
    kept: KeptAttempt,
    now: datetime,
    state: AttemptState = _S.TAKEN,
) -> None:
    ref = kept.offered.attempt
    db.execute(
        "insert into attempt (job_id, number, node, printer, state, created_at)"
        " values (?, ?, ?, ?, ?, ?)",
        (ref.job, ref.number, node, kept.offered.printer, state, now.isoformat()),
    )


def _end_unnamed(db: sqlite3.Connection, node: str, now: datetime) -> None:
    """End what the ledger holds of a node that its journal does not: it was lost, or given back."""
    states = quoted(UNGRANTED | {_S.GRANTED, _S.PRINTING})
    rows = db.execute(
        "select job_id, number from attempt where node = ? and restated = 0"
        f" and state in ({states})",
        (node,),
    ).fetchall()
    for job, number in rows:
        found = views.attempt(db, AttemptRef(job=job, number=number))
        to = _E.WITHDRAW if found.state in UNGRANTED else _E.INTERRUPT
        move(db, found, to, now, "its node knows nothing of it")
