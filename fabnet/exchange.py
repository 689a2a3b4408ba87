"""The coordinator's end of the wire: the runs of a coordinator, its inbox, its outbox, its clockwork.

Without threads and without a broker of its own: `fabnet.service` gives it what the link brought and
calls it all the time, the tests of the protocol do so step by step.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from fabnet import clock, wire
from fabnet.config import machine_id
from fabnet.errors import TwinError, WireError
from fabnet.inbox import Acks, Inbox, Message, latest_ms
from fabnet.link import WINDOW, Link
from fabnet.node.home import home_of
from fabnet.pacing import Pump
from fabnet.wire import Channel
from jobs.coordinator import attempts, needs, nodes, offers, recalls, restoring, surplus
from jobs.ledger import streams
from jobs.ledger.rows import has_run
from jobs.ledger.store import Ledger
from jobs.live import Live

_log = logging.getLogger(__name__)

#: How often the time that grants have lived is kept.
_RAN_S = 2.0
_LEAP = 1_000_000


class Exchange:
    """One run of a coordinator; used by one thread.

    Args:
        ledger: the coordinator's.
        live: where telemetry goes.
        silence: how long a lab may be out of reach before its plates go to others.
        look_ahead_s: seconds of work that one printer is offered and granted ahead.
        ask_after: so old an order may be before its requester is asked whether she still needs it.
    """

    def __init__(
        self,
        ledger: Ledger,
        live: Live,
        silence: timedelta,
        look_ahead_s: float,
        ask_after: timedelta = needs.ASK_AFTER,
    ) -> None:
        self._ledger = ledger
        self._ask_after = ask_after
        self._silence = silence
        self._look_ahead_s = look_ahead_s
        self._forgetful = (
            False  # put back from a copy once: a later run may be one that it has forgotten
        )
        self._heard_own = self._ended = False
        self._epoch = self._begin_epoch()
        apply = partial(attempts.apply, look_ahead_s=look_ahead_s)
        self._inbox = Inbox(ledger, live, self._epoch, apply)
        self._acks = Acks()
        self._pump = Pump()
        self._boot = secrets.token_hex(16)
        self._counted_to_s = clock.boottime_s()

    @property
    def epoch(self) -> int:
        """Names this run: above all runs before it."""
        return self._epoch

    def presence(self, *, online: bool) -> tuple[str, bytes]:
        """Return topic and payload of the coordinator's birth, or of its will."""
        told = wire.CoordinatorPresence(online=online, epoch=self._epoch)
        return wire.COORDINATOR_TOPIC, wire.write(told)

    def _begin_epoch(self) -> int:
        """Begin a run: later than all before it, also than those that a ledger put back forgets."""
        now = clock.now()
        with self._ledger.transaction() as db:
            restoring.lives_at(db, home_of(self._ledger.path, machine_id()))
            restored = restoring.is_restored(db)
            # A forgotten run may have had any epoch: not the same, or nobody could tell them apart.
            leap = 1 + secrets.randbelow(_LEAP) if restored else 0
            epoch = _next_epoch(db, round(now.timestamp() * 1000), leap)
            if restored:
                _log.warning("the ledger may be a copy: nothing is offered until the"
                             " nodes have said what they hold")  # fmt: skip
                restoring.begin(db, now)
            self._forgetful = restoring.fence(db) > 0
        return epoch

    def _go_beyond(self, link: Link, epoch: int) -> None:
        """A node has heard a later run than this one, which a ledger put back has forgotten."""
        _log.warning("epoch %s was in use before the ledger was put back; going beyond it", epoch)
        with self._ledger.transaction() as db:
            self._epoch = self._inbox.epoch = _next_epoch(db, epoch + 1)
        link.publish(*self.presence(online=True), qos=1, retain=True)
        self._pump.reset()

    def hear(self, payload: bytes, link: Link) -> None:
        """Take a word on the coordinators' topic: our own comes back, and so does another's.

        Who has heard itself and then hears a later run is not alone: nodes obey the later one, and what
        both hold for free would be made twice. The earlier one ends, and has lost the thread.

        Raises:
            TwinError: this one is the earlier one.
            sqlite3.Error: the disk or the file fails; say it again.
        """
        try:
            told = wire.read_coordinator(payload)
        except WireError as error:
            _log.warning("dropped a word on %s: %s", wire.COORDINATOR_TOPIC, error)
            return
        if told.epoch == self._epoch:
            self._heard_own = True
        if not self._heard_own or not self._epoch < told.epoch < latest_ms(clock.now()):
            return
        if self._forgetful:
            # Perhaps a late double of what that run has said; a twin answers with a later one still.
            self._forgetful = False
            self._go_beyond(link, told.epoch)
            return
        with self._ledger.transaction() as db:
            restoring.is_behind(db)
        self._ended = True
        raise TwinError

    def farewell(self) -> tuple[str, bytes] | None:
        """Return the last word; None for who has a twin, of which nodes would believe that it is gone."""
        return None if self._ended else self.presence(online=False)

    def take(self, messages: list[Message], link: Link) -> None:
        """Take what nodes have said.

        Raises:
            sqlite3.Error: the disk or the file fails. Nothing was acknowledged: it all comes again.
        """
        if not messages:
            return
        taken = self._inbox.take(messages, clock.now())
        if taken.epoch > self._epoch:
            self._go_beyond(link, taken.epoch)
        for node in taken.woken:
            self._pump.reset(node)
        self._acks.add(taken.acks)

    def connected(self, link: Link) -> None:
        """The link is new: nobody is taken for present who does not say so."""
        link.publish(*self.presence(online=True), qos=1, retain=True)
        self._pump.reset()
        with self._ledger.transaction() as db:
            nodes.all_silent(db, clock.now())

    def turns(self) -> Iterator[Callable[[], None]]:
        """Yield what time brings, each kind of work by itself: leases run out, jobs are offered, and so on.

        Each is a transaction that keeps the laws: one that fails undoes nothing of the others, and the next is
        done all the same. What a later one needs of an earlier one is in the ledger, then or at the next turn.
        """
        works: tuple[Callable[[sqlite3.Connection, datetime], object], ...] = (
            offers.lapse,
            lambda db, now: offers.take_back(db, self._silence, now),
            _call_back_and_pass_on,
            lambda db, now: offers.offer(db, now, self._look_ahead_s),
            lambda db, now: needs.ask(db, self._ask_after, now),
        )
        yield self._count_time
        yield from (partial(self._do, work) for work in works)

    def _do(self, work: Callable[[sqlite3.Connection, datetime], object]) -> None:
        with self._ledger.transaction() as db:
            work(db, clock.now())

    def _count_time(self) -> None:
        passed_s = clock.boottime_s() - self._counted_to_s
        if passed_s < _RAN_S:
            return
        with self._ledger.transaction() as db:
            has_run(db, passed_s)
        self._counted_to_s += passed_s

    def send(self, link: Link) -> None:
        """Send what is due: acknowledgements, and of the outbox what its reader has not read."""
        if not link.up:
            return
        db, now_s = self._ledger.reading, clock.boottime_s()
        for topic, payload in self._acks.due(now_s):
            link.publish(topic, payload, qos=0)
        for mail in nodes.mail(db):
            if self._pump.rests(
                mail.node, mail.first, min(mail.last, mail.first + WINDOW - 1), now_s
            ):
                continue
            rows = streams.unacknowledged(db, mail.node, WINDOW)
            for row in self._pump.due(mail.node, rows, now_s):
                data = wire.envelope(
                    id=row.id, stream=row.stream, n=row.n, boot=self._boot, kind=row.type,
                    body=row.body, at=row.at, floor=row.floor, epoch=self._epoch,
                )  # fmt: skip
                if not link.publish(wire.topic(mail.node, Channel.COMMANDS), data, qos=1):
                    self._pump.refused(row)
                    return


def _call_back_and_pass_on(db: sqlite3.Connection, now: datetime) -> None:
    """Together: no bag goes to another order before it is known that nothing calls it back."""
    recalls.catch_up(db, now)
    surplus.pass_on(db, now)


def _next_epoch(db: sqlite3.Connection, at_least: int, leap: int = 0) -> int:
    """Return an epoch above all that this ledger knows of, and keep it.

    Epochs are milliseconds of the wall clock where that is later: so they lie above those of a time
    that a ledger put back has forgotten, too.
    """
    row = db.execute("select value from meta where key = 'epoch'").fetchone()
    epoch = max(at_least, 0 if row is None else int(row[0]) + 1) + leap
    db.execute("insert or replace into meta (key, value) values ('epoch', ?)", (str(epoch),))
    return epoch
