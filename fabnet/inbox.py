"""The coordinator's durable inbox: batches of messages from nodes into the ledger, acks back.

One transaction a batch, and what is acknowledged was committed first: a node forgets a message only
when the ledger has it on the disk. Leaves the broker to `fabnet.link`, queue and loop to
`fabnet.service`, and what a message means to `jobs.coordinator`.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from fabnet import wire
from fabnet.errors import WireError
from fabnet.inlet import Inlet, LinkEvent
from fabnet.pacing import Throttle
from fabnet.wire import Channel
from jobs import plausible
from jobs.coordinator import attempts, nodes, restoring
from jobs.errors import JobError
from jobs.ledger import streams
from jobs.ledger.store import Ledger, is_machines
from jobs.ledger.streams import Acked, Arrival, Reading
from jobs.live import Live
from jobs.messages import Telemetry, Up, decode_up

_log = logging.getLogger(__name__)

#: Topic and payload.
Message = tuple[str, bytes]

#: A coordinator may have begun with a clock that was decades ahead (2038, 2106), and forgotten it with its
#: ledger: its nodes obey no earlier epoch. A node that tells of later ones than that is broken.
_MOST_AHEAD_MS = 100 * 366 * 86_400_000
#: Messages of one transaction: a commit costs milliseconds, and pages wait while one is open.
BATCH = 1000
_GATHER_S = 0.02
_PAUSE = threading.Event()  # never set
#: A node sends 16 messages ahead and repeats them after two seconds, so this slows nobody down.
_ACK_EVERY_S = 0.2
#: Each costs as much as taking a message; where a thousand nodes speak at once they wait a little longer.
_ACKS_A_S = 2500
#: Bytes of a message that raises, for the log.
_LOGGED = 300
_TELEMETRY = msgspec.json.Decoder(Telemetry)


def latest_ms(now: datetime) -> float:
    """Return what no epoch of ours is above."""
    return now.timestamp() * 1000 + _MOST_AHEAD_MS


def gather(events: Inlet, timeout_s: float) -> list[LinkEvent]:
    """Return a batch of what came in, oldest first; wait `timeout_s` where nothing does.

    Once something has come it waits a moment for more: that costs little time, and saves a
    transaction, a set of acks and a fight with the network's thread for each message alone.
    """
    found: list[LinkEvent] = []
    with suppress(queue.Empty):
        found.append(events.get(timeout=timeout_s))
        if events.qsize() < BATCH:
            _PAUSE.wait(_GATHER_S)
        while len(found) < BATCH:
            found.append(events.get_nowait())
    return found


@dataclass(slots=True, kw_only=True)
class Taken:
    """What is left to do once a batch is committed."""

    acks: dict[tuple[str, str], wire.Ack] = field(default_factory=dict)  # by node and stream
    woken: set[str] = field(default_factory=set)  # nodes whose link or stream is new: send all mail
    epoch: int = 0  # the latest that a node has heard of; may be later than ours


class Acks:
    """Acks on their way to the nodes. They are cumulative: a node needs the newest, now and then."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], wire.Ack] = {}
        self._next_s = 0.0

    def add(self, acks: Mapping[tuple[str, str], wire.Ack]) -> None:
        """Keep what a committed batch acknowledges, in place of older acks."""
        self._waiting |= acks

    def due(self, now_s: float) -> list[Message]:
        """Return what to publish now (QoS 0); `now_s` from a clock that only grows."""
        if now_s < self._next_s or not self._waiting:
            return []
        acks, self._waiting = self._waiting, {}
        self._next_s = now_s + max(_ACK_EVERY_S, len(acks) / _ACKS_A_S)
        return [
            (wire.topic(node, Channel.COORDINATOR_ACK), wire.write(ack))
            for (node, _), ack in acks.items()
        ]


class Inbox:
    """Takes what nodes say; used by one thread.

    Args:
        ledger: where it is kept.
        live: where telemetry goes.
        epoch: of this run; a node that has not heard of it begins no stream.
        apply: what applies a message of a reliable stream, in the batch's transaction.
    """

    def __init__(
        self,
        ledger: Ledger,
        live: Live,
        epoch: int,
        apply: Callable[[sqlite3.Connection, str, Up, datetime], None] = attempts.apply,
    ) -> None:
        self._ledger = ledger
        self._live = live
        self.epoch = epoch
        self._apply = apply
        self._enrolled = _Enrolled()
        # Who floods us with nonsense must not fill the disk with our complaints.
        self._complaints = Throttle(0.2, 20.0)

    def take(self, messages: Sequence[Message], now: datetime) -> Taken:
        """Take a batch in one transaction; return what to publish after it.

        A message that raises what nobody foresaw fails the batch. Then each of its messages is taken
        alone, and the one that raises again is kept as a dead letter, so that it blocks nobody.

        Raises:
            sqlite3.Error: the disk or the file fails. Nothing was acknowledged: it all comes again.
        """
        try:
            return self._together(messages, now)
        except Exception as error:
            # Whatever it is, one message must not block all others for ever.
            if is_machines(error):
                raise
        taken = Taken()
        for message in messages:
            one = self._alone(message, now)
            taken.acks |= one.acks
            taken.woken |= one.woken
            taken.epoch = max(taken.epoch, one.epoch)
        return taken

    def _together(self, messages: Sequence[Message], now: datetime, spoilt: str = "") -> Taken:
        with self._ledger.transaction() as db:
            self._enrolled.refresh(db)
            reading = Reading(db, (wire.sender(topic) for topic, _ in messages))
            batch = _Batch(
                db, reading, self._enrolled, self._live, self.epoch, self._apply, now, spoilt
            )
            for topic, payload in messages:
                try:
                    batch.take(topic, payload)
                except WireError as error:
                    if self._complaints.allows(wire.sender(topic), now.timestamp()):
                        _log.warning("dropped a message on %s: %s", topic, error)
            reading.write()
        return batch.taken()

    def _alone(self, message: Message, now: datetime) -> Taken:
        spoilt = ""
        # The second time it is kept aside instead of applied.
        for _ in range(2):
            try:
                return self._together([message], now, spoilt)
            except Exception as error:
                if is_machines(error):
                    raise
                topic, payload = message
                _log.exception("a message on %s cannot be taken: %s", topic, payload[:_LOGGED])
                spoilt = f"{type(error).__name__}: {error}"
        return Taken()


class _Enrolled:
    """Which nodes may speak, kept as long as nobody else has written to the ledger."""

    def __init__(self) -> None:
        self._version = 0
        self._known: dict[str, bool] = {}

    def refresh(self, db: sqlite3.Connection) -> None:
        """Forget everything if another connection has written: it may have let a node in or out."""
        version = int(db.execute("pragma data_version").fetchone()[0])
        if version != self._version:
            self._version = version
            self._known.clear()

    def knows(self, db: sqlite3.Connection, node: str) -> bool:
        """Return whether a node is enrolled."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = nodes.is_enrolled(db, node)
        return known


class _Batch:
    """One transaction's messages.

    Args:
        spoilt: why its one message cannot be applied; empty where nothing is known against it.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        reading: Reading,
        enrolled: _Enrolled,
        live: Live,
        epoch: int,
        apply: Callable[[sqlite3.Connection, str, Up, datetime], None],
        now: datetime,
        spoilt: str,
    ) -> None:
        self._db = db
        self._reading = reading
        self._enrolled = enrolled
        self._live = live
        self._epoch = epoch
        self._apply = apply
        self._now = now
        self._latest_ms = latest_ms(now)
        self._spoilt = spoilt
        self._read: set[str] = set()
        self._over: set[tuple[str, str]] = set()
        self._woken: set[str] = set()
        self._heard_of = 0

    def taken(self) -> Taken:
        """Return what to do after the commit: one cumulative ack a node."""
        acks = {}
        for node in self._read:
            cursor = self._reading.at(node)
            acks[node, cursor.stream] = wire.Ack(stream=cursor.stream, n=cursor.n, id=cursor.id)
        for node, stream in self._over:
            acks[node, stream] = wire.Ack(stream=stream, n=0, over=True)
        return Taken(acks=acks, woken=self._woken, epoch=self._heard_of)

    def take(self, topic: str, payload: bytes) -> None:
        """Take one message.

        Raises:
            WireError: it is no message of a node that is enrolled.
        """
        node, channel = wire.parse_topic(topic)
        if not self._enrolled.knows(self._db, node):
            raise WireError(f"node {node} is not enrolled")
        match channel:
            case Channel.EVENTS:
                self._take_event(node, wire.read_envelope(payload))
            case Channel.NODE_ACK:
                ack = wire.read_ack(payload)
                found = streams.acknowledged(self._db, node, ack.stream, ack.n, ack.id)
                if found is Acked.FOREIGN:
                    self._begin_anew(node)
            case Channel.TELEMETRY:
                self._live.tell(node, _telemetry(payload), self._now)
            case Channel.PRESENCE:
                told = wire.read_presence(payload)
                nodes.presence(self._db, node, told.boot, told.conn, self._now, online=told.online)
                self._woken.add(node)
            case _:
                raise WireError("nodes do not speak there")

    def _take_event(self, node: str, message: wire.Envelope) -> None:
        if self._heard_of < message.epoch < self._latest_ms:
            self._heard_of = message.epoch
        arrival = self._reading.arrive(
            node, message.s, message.n, message.id, message.a,
            may_begin=message.epoch == self._epoch,
        )  # fmt: skip
        match arrival:
            case Arrival.APPLY | Arrival.NEW_STREAM:
                if arrival is Arrival.NEW_STREAM and not restoring.is_asked(self._db, node):
                    _log.warning("node %s has begun anew: its journal was lost", node)
                    nodes.forgot_everything(self._db, node, self._now)
                    self._woken.add(node)
                self._read.add(node)
                self._apply_or_keep(node, message)
            case Arrival.DUPLICATE:
                self._read.add(node)
            case Arrival.BEHIND:
                self._begin_anew(node)
            case Arrival.STALE:
                self._say_over(node, message.s)

    def _apply_or_keep(self, node: str, message: wire.Envelope) -> None:
        """Apply the next message of a stream; keep aside, and pass, one that cannot be applied."""
        body = bytes(message.d)
        why = self._spoilt
        if not why:
            before = self._db.total_changes
            try:
                self._apply(self._db, node, decode_up(message.t, body), self._now)
            except JobError as error:
                why = str(error)
                _log.warning("node %s, message %s %s: %s", node, message.n, message.t, error)
                if self._db.total_changes != before:
                    # Half of it is written: the batch goes back, and it is kept aside next time.
                    raise
        if why:
            streams.dead_letter(
                self._db, node, message.s, message.n, message.t, body, why, self._now
            )

    def _begin_anew(self, node: str) -> None:
        self._reading.write()
        restoring.knows_more(self._db, node, self._now)
        self._reading.look((node,))
        self._read.discard(node)
        self._woken.add(node)

    def _say_over(self, node: str, stream: str) -> None:
        """Tell who speaks in an ended stream: late duplicates do, and a node that has a twin."""
        asked = restoring.is_asked(self._db, node)
        if not asked and self._reading.at(node).stream not in ("", stream):
            self._over.add((node, stream))


def _telemetry(payload: bytes) -> Telemetry:
    try:
        told = _TELEMETRY.decode(payload)
        plausible.check_telemetry(told)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, JobError) as error:
        raise WireError(f"no telemetry: {error}") from error
    return told
