"""Faults that somebody might build in, each of which the simulation has to find.

Each takes a `MonkeyPatch` and changes the real code for as long as a test runs.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from fabnet import clock, wire
from fabnet.node.agent import Agent
from fabnet.node.duty import Claim
from fabnet.node.grants import Grants
from fabnet.node.journal import COORDINATOR, Journal
from fabnet.node.uplink import Uplink
from jobs.coordinator import harvests, nodes, offers, restoring
from jobs.ledger import rows, streams
from jobs.ledger.mark import Mark
from jobs.ledger.streams import Acked, Arrival
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import decode_down


def no_nonce(patch):
    """A node starts whatever it is granted, however old the grant."""

    def hear(self, db, grant, now):
        now_s = clock.boottime_s()
        self._claims[grant.attempt] = Claim(
            nonce=grant.nonce, sent_s=now_s, until_s=now_s + grant.ttl_s
        )
        return True

    patch.setattr(Grants, "hear", hear)


def grant_survives_reboot(patch):
    """What a node has asked for is remembered over a restart, with times of another boot."""
    kept: dict[str, dict] = {}
    begin = Agent.begin

    def remembering(self):
        begin(self)
        self._grants._claims = kept.setdefault(self._config.id, {})

    patch.setattr(Agent, "begin", remembering)


def grant_survives_suspend(patch):
    """Grants are measured by a clock that stands still while the machine sleeps."""
    patch.setattr(clock, "boottime_s", lambda: _hosts().monotonic_s())


def _hosts():
    return clock.now.__self__


def cursor_before_commit(patch):
    """A node moves its cursor and acknowledges, and then does what it was told."""

    def on_command(self, message):
        with self._journal.transaction() as db:
            found = streams.arrive(db, COORDINATOR, message.s, message.n, message.id, message.a)
            if found is Arrival.BEHIND:
                self._went_back(db)
        read = streams.cursor_of(self._journal.reading, COORDINATOR)
        ack = wire.write(wire.Ack(stream=read.stream, n=read.n, id=read.id))
        self._link.publish(wire.topic(self._node, wire.Channel.NODE_ACK), ack, qos=0)
        if found in (Arrival.APPLY, Arrival.NEW_STREAM):
            with self._journal.transaction() as db:
                after = self._apply(db, decode_down(message.t, bytes(message.d)))
            for act in after:
                act()

    patch.setattr(Uplink, "on_command", on_command)


def old_will_believed(patch):
    """The going of any connection counts for the newest."""

    def presence(db, node, boot, conn, now, *, online):
        db.execute(
            "update node set online = ?, boot = ?, conn = ?, seen_at = ? where id = ?",
            (int(online), boot, conn, now.isoformat(), node),
        )

    patch.setattr(nodes, "presence", presence)


def timer_takes_back_granted(patch):
    """A lab that is out of reach loses what was granted to it as well."""
    patch.setattr("jobs.assign.MAY_HAVE_STARTED", frozenset())


def lapse_while_printing(patch):
    """A lease runs out whatever the attempt is doing."""

    def lapse(db: sqlite3.Connection, now: datetime) -> int:
        done = db.execute(
            "update attempt set state = 'lapsed' where state in ('granted', 'printing')"
            " and julianday(?) - julianday(granted_at) > 2.0 / 24",
            (now.isoformat(),),
        )
        return done.rowcount

    patch.setattr(offers, "lapse", lapse)


def number_reused_after_restore(patch):
    """After a restore the numbers go on where the copy ends."""
    patch.setattr(restoring, "fence", lambda _db: 0)


def second_harvest_added(patch):
    """A second count of the same bed is added to the first."""
    book = harvests.book

    def adding(db, ref, good, scrap, reason, by, now):
        done = db.execute(
            "update lot set good = good + ? where job_id = ? and number = ?",
            (good, ref.job, ref.number),
        )
        if done.rowcount:
            db.execute(
                "update harvest set good = good + ? where job_id = ? and number = ?",
                (good, ref.job, ref.number),
            )
            return None
        return book(db, ref, good, scrap, reason, by, now)

    patch.setattr(harvests, "book", adding)


def resplit_dissolves_granted(patch):
    """What was granted does not hold its job."""

    def live_attempt(job: str) -> str:
        states = ",".join(f"'{state}'" for state in sorted(UNGRANTED))
        return f"select 1 from attempt a where a.job_id = {job} and a.state in ({states})"

    sql = offers._OPEN.replace(rows.live_attempt("j.id"), live_attempt("j.id"))
    assert sql != offers._OPEN
    patch.setattr(offers, "_OPEN", sql)


def restart_prints_again(patch):
    """After a restart a node takes a print that was under way for one that is to be begun."""

    def recover(self):
        with self._journal.transaction() as db:
            db.execute(
                "update attempt set state = 'ready', intent_at = null"
                " where state in ('granted', 'printing')"
            )
            db.execute("update bed set clear = 1")

    patch.setattr(Agent, "_recover", recover)


def restored_ledger_does_not_wait(patch):
    """A ledger that was put back offers and grants at once."""
    patch.setattr(restoring, "unheard", lambda _db: ())


def put_back_ledger_is_believed(patch):
    """Nobody looks at the mark, nor at what the peers remember."""
    went_back = Mark.went_back
    patch.setattr(Mark, "went_back", lambda self, db: went_back(self, db) and False)
    _no_fingerprints(patch)


def put_back_journal_is_believed(patch):
    """A node goes on with an older journal as if nothing had been."""
    patch.setattr(Journal, "forget", lambda _self, _db: None)
    _no_fingerprints(patch)


def _no_fingerprints(patch):
    arrive, acknowledged = streams.Reading.arrive, streams.acknowledged

    def believing(self, peer, stream, n, id="", floor=0, *, may_begin=True):  # noqa: A002
        del floor
        return arrive(self, peer, stream, n, id, 0, may_begin=may_begin)

    def nodding(db, peer, stream, n, id=""):  # noqa: A002
        found = acknowledged(db, peer, stream, n, id)
        return Acked.NOTHING if found is Acked.FOREIGN else found

    patch.setattr(streams.Reading, "arrive", believing)
    patch.setattr(streams, "acknowledged", nodding)


def write_off_does_not_wait(patch):
    """A grant that lives may be given up."""
    patch.setattr(harvests, "grant_left_s", lambda _db, _ref: 0.0)


def write_off_by_the_wall_clock(patch):
    """The end of a grant is taken from a clock that somebody can set."""

    def left(db, ref):
        row = db.execute(
            "select granted_at, ttl_s from attempt where job_id = ? and number = ?",
            (ref.job, ref.number),
        ).fetchone()
        if row is None or row["granted_at"] is None:
            return 0.0
        passed = (clock.now() - datetime.fromisoformat(row["granted_at"])).total_seconds()
        return max(0.0, row["ttl_s"] * 1.1 + 5 - passed)

    patch.setattr(harvests, "grant_left_s", left)


def withdrawn_after_its_start(patch):
    """A node gives back what its printer may have begun."""

    def give_back(self, db, ref, reason, now):
        entry = self._journal.entry(ref)
        if entry is not None and entry.state not in TO_HARVEST:
            self._journal.move(db, ref, AttemptState.WITHDRAWN, reason)

    patch.setattr(Agent, "_give_back", give_back)


MUTANTS = (
    timer_takes_back_granted,
    second_harvest_added,
    resplit_dissolves_granted,
    restart_prints_again,
    put_back_ledger_is_believed,
)
