"""The coordinator process: broker, link, outbox pump, planner, web pages.

One loop takes messages in batches (a transaction a batch, a savepoint a message, acks after the
commit), lets leases lapse, offers jobs and pumps the outbox. The planner has a thread of its
own, since nests take seconds; the pages have waitress's threads. All of them meet in the ledger.
"""

from __future__ import annotations

import fcntl
import logging
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from designs.library import Library
from fabnet import clock, wire
from fabnet.broker import COORDINATOR_USER, Broker, password_line
from fabnet.config import CoordinatorConfig
from fabnet.enrolment import logins_file, read_logins
from fabnet.errors import BrokerError, FabnetError, PortTakenError, WireError
from fabnet.link import WINDOW, Connected, Disconnected, Incoming, Link, LinkEvent, Pump
from fabnet.wire import Channel
from jobs.coordinator import attempts, nodes, planning
from jobs.errors import JobError
from jobs.ledger import streams
from jobs.ledger.store import Ledger
from jobs.ledger.streams import Arrival
from jobs.live import Live
from jobs.messages import Telemetry, decode_up
from web.app import WebSettings, create_app, make_server

_log = logging.getLogger(__name__)

_ROUND_S = 0.1
_TICK_S = 0.5
_BATCH = 500
_BROKER_REST_S = 1.0


class Service:
    """Everything that `fabnet serve` runs.

    Args:
        config: checked; its `data_dir` is absolute.
    """

    def __init__(self, config: CoordinatorConfig) -> None:
        self._config = config
        self._folder = Path(config.data_dir)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._folder / "ledger.lock")
        self.ledger = Ledger(self._folder / "ledger.db")
        self.library().migrate()
        self.live = Live()
        self._epoch = self._begin_epoch()
        self._boot = secrets.token_hex(16)
        self._password = self._own_password()
        self._broker = self._make_broker()
        self._link: Link | None = None
        self._pump = Pump()
        self._users_seen = 0.0
        self._stop = threading.Event()

    def _own_password(self) -> str:
        named = self._config.broker_password_file
        if not named:
            return secrets.token_urlsafe(32)
        try:
            return Path(named).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BrokerError(
                f"The broker's password file {named} cannot be read: {error.strerror}"
            ) from error

    def _make_broker(self) -> Broker | None:
        kind = self._config.broker
        if "://" in kind:
            return None
        if kind not in ("mosquitto", "iotcore"):
            raise BrokerError(
                f'broker = {kind!r} is unknown; write "mosquitto" or mqtt://host:port'
            )
        host = self._config.broker_host
        if kind == "iotcore" and host not in ("127.0.0.1", "::1", "localhost"):
            raise BrokerError(
                "iotcore knows no access list, so it is for the demo on this machine only:"
                " install mosquitto with: sudo apt-get install mosquitto"
            )
        return Broker(self._folder / "broker", host, self._config.broker_port, kind=kind)

    def _begin_epoch(self) -> int:
        with self.ledger.transaction() as db:
            db.execute(
                "insert into meta (key, value) values ('epoch', '1')"
                " on conflict (key) do update set value = value + 1"
            )
            return int(db.execute("select value from meta where key = 'epoch'").fetchone()[0])

    def library(self) -> Library:
        """Return the library over this thread's connection."""
        return Library(self.ledger.database, self._folder / "files")

    @property
    def url(self) -> str:
        """Where people open the pages."""
        return self._config.public_url or f"http://{self._config.host}:{self._config.port}"

    def run(self, stop: threading.Event, ready: Callable[[], None]) -> None:
        """Serve until told to stop; `ready` is called once everything listens.

        Raises:
            FabnetError: something cannot be started; nothing is left running.
        """
        self._stop = stop
        settings = WebSettings(
            secret_key=self._secret(),
            network_name=self._config.network,
            public_url=self.url,
            secure_cookies=self.url.startswith("https:"),
        )
        app = create_app(self.ledger, self.library, self.live, clock.now, settings)
        try:
            server = make_server(app, self._config.host, self._config.port)
        except OSError as error:
            raise PortTakenError("The web page", self._config.host, self._config.port) from error
        threads: list[threading.Thread] = []
        try:
            self._start_broker_and_link()
            threads = [
                threading.Thread(target=server.run, name="web", daemon=True),
                threading.Thread(target=self._plan_for_ever, name="planner", daemon=True),
            ]
            for thread in threads:
                thread.start()
            ready()
            self._loop()
        finally:
            server.close()
            self._shut_down()

    def _start_broker_and_link(self) -> None:
        if self._broker is not None:
            self._update_users()
            self._broker.start()
        url = self._config.broker if self._broker is None else self._broker.url
        gone = wire.write(wire.CoordinatorPresence(online=False, epoch=self._epoch))
        self._link = Link(
            url,
            COORDINATOR_USER,
            self._password,
            [
                wire.all_nodes(channel)
                for channel in (
                    Channel.PRESENCE,
                    Channel.EVENTS,
                    Channel.TELEMETRY,
                    Channel.NODE_ACK,
                )
            ],
            lambda _conn: (wire.COORDINATOR_TOPIC, gone),
        )
        self._link.start()

    def _shut_down(self) -> None:
        self._stop.set()
        if self._link is not None:
            gone = wire.write(wire.CoordinatorPresence(online=False, epoch=self._epoch))
            self._link.stop((wire.COORDINATOR_TOPIC, gone))
        if self._broker is not None:
            self._broker.stop()
        self._lock.close()

    def _secret(self) -> bytes:
        """Return the key of sessions and tokens, made at the first start."""
        path = self._folder / "web.key"
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(secrets.token_bytes(32))
            fresh.replace(path)
        return path.read_bytes()

    # --- the loop -----------------------------------------------------------------------------

    def _loop(self) -> None:
        next_tick = 0.0
        while not self._stop.is_set():
            try:
                self._take_batch()
                now_s = clock.boottime_s()
                if now_s >= next_tick:
                    next_tick = now_s + _TICK_S
                    self._tick()
                self._send()
            except Exception:  # noqa: BLE001
                # The loop is the coordinator: it goes on, and the fault is in the log.
                _log.exception("a round of the coordinator failed")
                self._stop.wait(1.0)

    def _tick(self) -> None:
        now = clock.now()
        self._keep_broker()
        self._update_users()
        with self.ledger.transaction() as db:
            attempts.lapse(db, now)
            attempts.offer(db, now)

    def _keep_broker(self) -> None:
        if self._broker is None or self._broker.alive():
            return
        _log.warning("the broker has ended; starting it again")
        try:
            self._broker.start()
        except FabnetError as error:
            _log.warning("%s Trying again.", error)
            self._stop.wait(_BROKER_REST_S)

    def _update_users(self) -> None:
        """Give the broker the logins of all nodes when they have changed."""
        if self._broker is None:
            return
        path = logins_file(self._folder)
        seen = path.stat().st_mtime if path.exists() else -1.0
        if seen == self._users_seen:
            return
        self._users_seen = seen
        lines = read_logins(path)
        lines[COORDINATOR_USER] = password_line(COORDINATOR_USER, self._password)
        self._broker.set_users(lines)

    def _take_batch(self) -> None:
        link = self._link
        if link is None:
            return
        batch: list[LinkEvent] = []
        with suppress(queue.Empty):
            batch.append(link.events.get(timeout=_ROUND_S))
            while len(batch) < _BATCH:
                batch.append(link.events.get_nowait())
        messages = []
        for event in batch:
            match event:
                case Connected():
                    self._on_connected(link)
                case Disconnected():
                    _log.warning("link to the broker lost: %s", event.reason)
                case _:
                    messages.append(event)
        if messages:
            self._ingest(link, messages)

    def _on_connected(self, link: Link) -> None:
        here = wire.CoordinatorPresence(online=True, epoch=self._epoch)
        link.publish(wire.COORDINATOR_TOPIC, wire.write(here), qos=1, retain=True)
        self._pump.reset()

    def _ingest(self, link: Link, messages: list[Incoming]) -> None:
        to_ack: set[str] = set()
        with self.ledger.transaction() as db:
            for message in messages:
                try:
                    node = self._take(db, message)
                except WireError as error:
                    _log.warning("dropped a message on %s: %s", message.topic, error)
                    continue
                if node is not None:
                    to_ack.add(node)
        for node in sorted(to_ack):
            stream, cursor = streams.cursor_of(self.ledger.reading, node)
            ack = wire.write(wire.Ack(stream=stream, n=cursor))
            link.publish(wire.topic(node, Channel.COORDINATOR_ACK), ack, qos=0)

    def _take(self, db: sqlite3.Connection, message: Incoming) -> str | None:
        """Take one message inside the batch's transaction; return the node to acknowledge to."""
        node, channel = wire.parse_topic(message.topic)
        if not nodes.is_enrolled(db, node):
            raise WireError(f"node {node} is not enrolled")
        now = clock.now()
        match channel:
            case Channel.PRESENCE:
                told = wire.read_presence(message.payload)
                nodes.presence(db, node, told.boot, told.conn, now, online=told.online)
                self._pump.reset(node)
            case Channel.NODE_ACK:
                ack = wire.read_ack(message.payload)
                streams.acknowledged(db, node, ack.stream, ack.n)
            case Channel.TELEMETRY:
                self._tell_live(node, message.payload)
            case Channel.EVENTS:
                return self._take_event(db, node, wire.read_envelope(message.payload))
            case _:
                raise WireError("nodes do not speak there")
        return None

    def _tell_live(self, node: str, payload: bytes) -> None:
        try:
            told = msgspec.json.decode(payload, type=Telemetry)
        except msgspec.DecodeError as error:
            raise WireError(f"no telemetry: {error}") from error
        self.live.tell(node, told, clock.now())

    def _take_event(self, db: sqlite3.Connection, node: str, message: wire.Envelope) -> str | None:
        now = clock.now()
        arrival = streams.arrive(db, node, message.s, message.n)
        if arrival is Arrival.NEW_STREAM:
            _log.warning("node %s has begun anew: its journal was lost", node)
            nodes.forgot_everything(db, node, now)
            self._pump.reset(node)
        if arrival in (Arrival.APPLY, Arrival.NEW_STREAM):
            body = bytes(message.d)
            db.execute("savepoint message")
            try:
                attempts.apply(db, node, decode_up(message.t, body), now)
            except JobError as error:
                # Kept aside and passed, so that one bad message does not block the stream.
                db.execute("rollback to message")
                _log.warning("node %s, message %s %s: %s", node, message.n, message.t, error)
                streams.dead_letter(
                    db, node, message.s, message.n, message.t, body, str(error), now
                )
            db.execute("release message")
        return None if arrival in (Arrival.GAP, Arrival.STALE) else node

    def _send(self) -> None:
        link = self._link
        if link is None or not link.up:
            return
        db, now_s = self.ledger.reading, clock.boottime_s()
        for peer in streams.peers_with_mail(db):
            for row in self._pump.due(peer, streams.unacknowledged(db, peer, WINDOW), now_s):
                data = wire.envelope(
                    id=row.id, stream=row.stream, n=row.n, boot=self._boot, kind=row.type,
                    body=row.body, at=row.at, epoch=self._epoch,
                )  # fmt: skip
                link.publish(wire.topic(peer, Channel.COMMANDS), data, qos=1)

    # --- the planner --------------------------------------------------------------------------

    def _plan_for_ever(self) -> None:
        done: planning.Snapshot | None = None
        while not self._stop.wait(_TICK_S):
            try:
                library = self.library()
                facts = planning.snapshot(self.ledger, library)
                if not facts.needs or facts == done:
                    continue
                plan = planning.make(facts, library)
                planning.apply(self.ledger, library, facts, plan, clock.now())
                done = facts
            except Exception:  # noqa: BLE001
                # A plan that fails must not end planning for all other orders to come.
                _log.exception("planning failed; trying again")
                self._stop.wait(5.0)


def _lock(path: Path) -> IO[str]:
    """Hold the ledger for this process alone; Linux lets go of it when the process ends.

    Raises:
        FabnetError: another coordinator holds it.
    """
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise FabnetError(
            f"Another coordinator works with {path.parent} already; only one may. Stop it first."
        ) from error
    return handle
