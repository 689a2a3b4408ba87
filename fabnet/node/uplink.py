"""A node's end of the link: presence, the two reliable streams, telemetry, and leaving a deaf link.

Hands commands to the agent inside the transaction that moves the cursor. Leaves what they mean to
the agent, and connections to `fabnet.link`.
"""

from __future__ import annotations

import logging
import math
import queue
import sqlite3
from collections.abc import Callable
from contextlib import suppress

import msgspec

from fabnet import clock, wire
from fabnet.errors import SupersededError, WireError
from fabnet.inlet import Connected, Disconnected, Incoming, LinkEvent
from fabnet.link import WINDOW, Link
from fabnet.node.journal import COORDINATOR, Journal
from fabnet.pacing import Pump
from fabnet.wire import Channel
from jobs.ledger import streams
from jobs.ledger.store import is_machines
from jobs.ledger.streams import Acked, Arrival
from jobs.messages import Cancel, Down, MessageError, Sync, Telemetry, decode_down

_log = logging.getLogger(__name__)

_TELE_S = 10.0
_HERE_S = 60.0
_DEAF_S = 30.0
_TWIN_ENDS = 2

#: What is left to do after the commit: it touches a printer.
After = list[Callable[[], None]]


class Uplink:
    """The link of one node, used by the thread that owns the journal.

    Args:
        boot: of this process.
        apply: applies one command inside the transaction; returns what to do after the commit.
        forgot: called when the journal turns out to have gone back, before its new stream begins.
        stop: stops a print; called before the command is written down, and again if it comes again.
    """

    def __init__(
        self,
        node: str,
        boot: str,
        journal: Journal,
        link: Link,
        apply: Callable[[sqlite3.Connection, Down], After],
        forgot: Callable[[sqlite3.Connection], None],
        stop: Callable[[Cancel], None],
    ) -> None:
        self._node = node
        self._boot = boot
        self._journal = journal
        self._link = link
        self._apply = apply
        self._forgot = forgot
        self._stop = stop
        self._ended = 0  # how often somebody else's stream has taken the place of ours
        self._conn = ""
        self._refused = False  # the broker knows this node not yet, or not any more
        self._pump = Pump()
        self._coordinator_online = False
        self._synced_from: float | None = None
        self._next_tele = 0.0
        self._next_here = math.inf  # with the first connection

    def start(self) -> None:
        """Connect in the background."""
        self._link.start()

    def stop(self) -> None:
        """Say good-bye and disconnect."""
        gone = wire.Presence(online=False, boot=self._boot, conn=self._conn)
        self._link.stop((wire.topic(self._node, Channel.PRESENCE), wire.write(gone)))

    @property
    def carries(self) -> bool:
        """Whether the coordinator is within reach."""
        return self._link.up and self._coordinator_online

    def hurry(self) -> None:
        """Send telemetry with the next round: something has changed."""
        self._next_tele = 0.0

    def synced(self) -> None:
        """The coordinator has answered: the link carries both ways."""
        self._synced_from = None

    def take(self, wait_s: float) -> None:
        """Take what came in; wait this long where nothing did."""
        while True:
            try:
                event = self._link.events.get(block=wait_s > 0, timeout=wait_s or None)
            except queue.Empty:
                return
            wait_s = 0.0
            self.on_event(event)
            if self._link.events.empty():
                return

    def on_event(self, event: LinkEvent) -> None:
        """Take one event of the link."""
        match event:
            case Connected():
                self._on_connected(event.conn)
            case Incoming():
                try:
                    self._on_incoming(event)
                except WireError as error:
                    _log.warning("dropped a message on %s: %s", event.topic, error)
            case Disconnected(login_refused=True):
                # Said once: who waits to be let in may wait for a day.
                level = logging.DEBUG if self._refused else logging.WARNING
                self._refused = True
                _log.log(
                    level,
                    "%s. So it is until the coordination team has compared the fingerprint and let this node"
                    " in, and once it has shut it out. It is tried again by itself",
                    event.reason,
                )
            case _:
                _log.warning("link lost: %s", event.reason)

    def _on_connected(self, conn: str) -> None:
        self._conn = conn
        self._refused = False
        _log.info("the network is reached")
        self._say_here()
        self._pump.reset()
        self._synced_from = clock.boottime_s()
        with self._journal.transaction() as db:
            self._say_sync(db)

    def _say_sync(self, db: sqlite3.Connection) -> None:
        read = streams.cursor_of(db, COORDINATOR)
        message = Sync(attempts=self._journal.held(), in_stream=read.stream, in_cursor=read.n)
        self._journal.say(db, message, clock.now())

    def _say_here(self) -> None:
        # Again and again: a late double of an earlier birth, and of its will, takes it for gone.
        self._next_here = clock.boottime_s() + _HERE_S
        stream, _ = streams.stream_of(self._journal.reading, COORDINATOR)
        birth = wire.Presence(online=True, boot=self._boot, conn=self._conn, stream=stream)
        topic = wire.topic(self._node, Channel.PRESENCE)
        self._link.publish(topic, wire.write(birth), qos=1, retain=True)

    def _on_incoming(self, event: Incoming) -> None:
        if event.topic == wire.COORDINATOR_TOPIC:
            told = wire.read_coordinator(event.payload)
            if told.epoch > self._journal.epoch:
                with self._journal.transaction() as db:
                    self._journal.set_epoch(db, told.epoch)
                self._pump.reset()
            self._coordinator_online = told.online and told.epoch >= self._journal.epoch
            if self._coordinator_online:
                # It may be new, and a new broker has kept nothing of what was said before.
                self._say_here()
            return
        node, channel = wire.parse_topic(event.topic)
        if node != self._node:
            raise WireError("it is for another node")
        if channel is Channel.COORDINATOR_ACK:
            self._on_ack(wire.read_ack(event.payload))
        elif channel is Channel.COMMANDS:
            self.on_command(wire.read_envelope(event.payload))

    def _on_ack(self, ack: wire.Ack) -> None:
        own, _ = streams.stream_of(self._journal.reading, COORDINATOR)
        if ack.over and ack.stream == own:
            self._on_over()
            return
        with self._journal.transaction() as db:
            found = streams.acknowledged(db, COORDINATOR, ack.stream, ack.n, ack.id)
            if found is Acked.FOREIGN:
                self._went_back(db)

    def _on_over(self) -> None:
        """This node's stream has ended, by a late message of an earlier one or by a twin's.

        Once or twice it begins anew with empty hands; who is ended again and again has a twin.

        Raises:
            SupersededError: it has.
        """
        self._ended += 1
        if self._ended > _TWIN_ENDS:
            raise SupersededError(self._node)
        with self._journal.transaction() as db:
            self._went_back(db)

    def _went_back(self, db: sqlite3.Connection) -> None:
        """The coordinator knows words of this node that its journal does not: it is an older one."""
        self._journal.forget(db)
        self._forgot(db)
        self._say_sync(db)
        self._pump.reset()

    def on_command(self, message: wire.Envelope) -> None:
        """Apply a command if it is the next one, and acknowledge.

        Raises:
            WireError: it is of a run of the coordinator that is over.
            sqlite3.Error: the disk or the file fails; nothing was applied or acknowledged.
        """
        if message.epoch < self._journal.epoch:
            raise WireError(f"its epoch {message.epoch} is over; {self._journal.epoch} has begun")
        self._stop_first(message)
        after: After = []
        with self._journal.transaction() as db:
            if message.epoch > self._journal.epoch:
                self._journal.set_epoch(db, message.epoch)
            arrival = streams.arrive(
                db, COORDINATOR, message.s, message.n, message.id, message.a,
                may_begin=self._may_begin(message),
            )  # fmt: skip
            if arrival in (Arrival.APPLY, Arrival.NEW_STREAM):
                self._journal.read_in(db, message.epoch)
            if arrival is Arrival.BEHIND:
                self._went_back(db)
            if arrival in (Arrival.APPLY, Arrival.NEW_STREAM):
                after = self._apply_or_keep(db, message)
        if arrival in (Arrival.APPLY, Arrival.NEW_STREAM, Arrival.DUPLICATE):
            read = streams.cursor_of(self._journal.reading, COORDINATOR)
            ack = wire.write(wire.Ack(stream=read.stream, n=read.n, id=read.id))
            self._link.publish(wire.topic(self._node, Channel.NODE_ACK), ack, qos=0)
        for act in after:
            act()

    def _stop_first(self, message: wire.Envelope) -> None:
        """Stop what is to be stopped before anything is written: a full disk or a crash loses no stop.

        Who stops twice, or before it is the message's turn, does no harm.
        """
        with suppress(MessageError):  # it is kept aside below
            command = decode_down(message.t, bytes(message.d))
            if isinstance(command, Cancel):
                self._stop(command)

    def _apply_or_keep(self, db: sqlite3.Connection, message: wire.Envelope) -> After:
        """Apply the next command; keep aside, and pass, one that cannot be applied.

        Of that one nothing is left to do, and nothing that it wrote stays.

        Raises:
            sqlite3.Error: the disk or the file fails. The cursor stays, and the command comes again.
        """
        body = bytes(message.d)
        db.execute("savepoint command")
        try:
            after = self._apply(db, decode_down(message.t, body))
        except Exception as error:
            # Whatever it is, one command must not block all others for ever.
            if is_machines(error):
                raise
            _log.exception("command %s %s cannot be applied", message.n, message.t)
            db.execute("rollback to command")
            why = (
                str(error)
                if isinstance(error, MessageError)
                else f"{type(error).__name__}: {error}"
            )
            streams.dead_letter(
                db, COORDINATOR, message.s, message.n, message.t, body, why, clock.now()
            )
            after = []
        db.execute("release command")
        return after

    def _may_begin(self, message: wire.Envelope) -> bool:
        """Whether a stream may follow the one that is being read: a late word of an earlier may not."""
        reading = streams.cursor_of(self._journal.reading, COORDINATOR).stream
        same_run = self._journal.read_epoch == message.epoch
        return not same_run or streams.is_later(message.s, reading)

    def send(self, telemetry: Callable[[], Telemetry]) -> None:
        """Send what is due: of the outbox, and the telemetry; leave a link that is deaf."""
        self._watch()
        if not self._link.up:
            return
        now_s = clock.boottime_s()
        rows = streams.unacknowledged(self._journal.reading, COORDINATOR, WINDOW)
        for row in self._pump.due(COORDINATOR, rows, now_s):
            data = wire.envelope(
                id=row.id, stream=row.stream, n=row.n, boot=self._boot, kind=row.type,
                body=row.body, at=row.at, floor=row.floor, epoch=self._journal.epoch,
            )  # fmt: skip
            if not self._link.publish(wire.topic(self._node, Channel.EVENTS), data, qos=1):
                self._pump.refused(row)
                break
        if now_s >= self._next_here:
            self._say_here()
        if now_s >= self._next_tele:
            self._next_tele = now_s + _TELE_S
            topic = wire.topic(self._node, Channel.TELEMETRY)
            self._link.publish(topic, msgspec.json.encode(telemetry()), qos=0)

    def _watch(self) -> None:
        """Leave a link that is up but deaf: a coordinator that is online answers a sync."""
        asked = self._synced_from
        if asked is None or not self._coordinator_online or not self._link.up:
            return
        if clock.boottime_s() - asked > _DEAF_S:
            self._synced_from = None
            self._link.reconnect()
