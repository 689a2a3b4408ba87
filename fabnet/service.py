"""The coordinator process: broker, link, outbox pump, planner, web pages.

One loop takes messages in batches (`fabnet.inbox`), lets leases lapse, offers jobs and pumps the
outbox. The planner (`fabnet.planner`) has a thread of its own, and the pages have cheroot's. All of
them meet in the ledger.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from designs.library import Library
from fabnet import clock, wire
from fabnet.alone import clear_up, held_alone, make_folder
from fabnet.authority import reach
from fabnet.broker import COORDINATOR_USER, Broker, password_line
from fabnet.config import CoordinatorConfig, machine_id
from fabnet.durable import write_whole
from fabnet.enrolment import import_logins
from fabnet.errors import BrokerError, FabnetError, PortTakenError, TwinError
from fabnet.exchange import Exchange
from fabnet.hosting import Hosting
from fabnet.inbox import Message, gather
from fabnet.inlet import Connected, Disconnected, Incoming, LinkEvent
from fabnet.link import Link
from fabnet.pacing import Throttle
from fabnet.planner import plan_for_ever
from fabnet.slicing_service import SlicingService
from fabnet.telling_service import TellingService
from fabnet.wire import Channel
from jobs.coordinator import retention
from jobs.coordinator.files import needed_slices
from jobs.ledger import log_file, members, unread
from jobs.ledger.disk import DiskTrouble, trouble_of
from jobs.ledger.store import Ledger
from jobs.live import Live
from jobs.retention import limits
from web.app import Server, WebSettings, create_app, make_server
from web.letters import Letterhead

_log = logging.getLogger(__name__)
_faults = logging.getLogger(f"{__name__}.faults")

_ROUND_S = 0.1
_TICK_S = 0.5
#: What the coordinator listens to.
FROM_NODES = (Channel.PRESENCE, Channel.EVENTS, Channel.TELEMETRY, Channel.NODE_ACK)
_BROKER_REST_S = 1.0
#: A link that has not brought the coordinator's own word back by then is up and deaf.
_DEAF_S = 10.0
#: The window and the return of the coordinator's own link: it speaks to all, and is there first.
_LINK_WINDOW = 512
_LINK_SPREAD_S = 0.5
#: What one node may say, in messages a second and at once: far more than an honest one has to.
_NODE_RATE = 500.0
_NODE_BURST = 2000.0
#: How often it is looked whether the own certificate is to be made anew.
_RENEW_S = 300.0
#: How often it is looked what of people is old enough to be erased.
_FORGET_S = 3600.0
#: What the log says of the disk, when it begins.
_DISK = {
    DiskTrouble.FULL: "The disk is full: nothing is taken any more. Make room; it goes on by itself then.",
    DiskTrouble.FAILS: "The disk cannot be written: nothing is taken any more. Look at the machine's log, mend"
    " or replace the disk, then start the coordinator again.",
}


class Service:
    """Everything that `fabnet serve` runs.

    Args:
        config: checked; its `data_dir` is absolute.

    Raises:
        FabnetError: it cannot be used, or another coordinator works there.
        LedgerError: nor can the ledger, or the log beside it is another one's.
    """

    def __init__(self, config: CoordinatorConfig) -> None:
        self._config = config
        self._folder = make_folder(Path(config.data_dir))
        taken = (
            f"Another coordinator works with {self._folder} already; only one may. Stop it first."
        )
        self._lock = held_alone(self._folder / "ledger.lock", FabnetError(taken))
        clear_up(self._folder, clock.now())
        log_file.check(self._folder / "ledger.db")
        self.ledger = Ledger(self._folder / "ledger.db")
        self.library().migrate()
        self.live = Live()
        self.slicing = SlicingService(self._folder / "slices", lambda: needed_slices(self.ledger))
        silence = timedelta(seconds=config.silent_after_s)
        self._exchange = Exchange(
            self.ledger, self.live, silence, config.look_ahead_s,
            timedelta(days=config.ask_again_days),
        )  # fmt: skip
        self._password = self._own_password()
        self._reach = reach(config, clock.now())
        self._renew_at_s = clock.boottime_s() + _RENEW_S
        zone = ZoneInfo(config.timezone or clock.zone())
        head = Letterhead(network=config.network, public_url=self.url, secret=self._secret())
        self._telling = TellingService(self.ledger, config.mail, head, zone)
        for node in import_logins(self.ledger, self._folder):
            _log.info("the login of node %s is in the ledger now", node)
        self._broker = self._make_broker()
        self._server: Server | None = None
        self._link: Link | None = None
        self._forget_at_s = 0.0
        self._deaf_from_s: float | None = None  # unless it hears itself before
        self._untaken: list[LinkEvent] = []
        self._hosting = Hosting(
            self.ledger, self._folder / "hosted", machine_id(), lambda: self._reach
        )
        self._logins_seen = ""
        self._disk = DiskTrouble.NONE
        self.ledger.listen(self._wrote)
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
        return Broker(
            self._folder / "broker", host, self._config.broker_port, kind=kind,
            tls=self._reach.broker_tls, websocket_port=self._config.websocket_port or None,
        )  # fmt: skip

    def library(self) -> Library:
        """Return the library over this thread's connection."""
        return Library(self.ledger.database, self._folder / "files")

    @property
    def url(self) -> str:
        """Where people open the pages."""
        return self._reach.url

    def run(self, stop: threading.Event, ready: Callable[[], None]) -> None:
        """Serve until told to stop; `ready` is called once everything listens.

        Raises:
            FabnetError: something cannot be started, or another coordinator has begun with the same
                broker; nothing is left running.
        """
        self._stop = stop
        settings = WebSettings(
            secret_key=self._secret(),
            network_name=self._config.network,
            public_url=self.url,
            secure_cookies=self.url.startswith("https:"),
            hub_place=self._config.hub_place,
            hub_address=self._config.hub_address,
            hub_contact=self._config.hub_contact,
            carriers=self._config.carriers,
            timezone=self._config.timezone or clock.zone(),
            broker_url=self._reach.broker_url,
            authority=self._reach.authority,
            pin=self._reach.pin,
            tells=self._config.mail is not None,
        )
        app = create_app(
            self.ledger, self.library, self.live, clock.now, settings, self.slicing, self._hosting
        )
        try:
            files = self._reach.web_tls
            pair = None if files is None else (files.certificate, files.key)
            server = make_server(app, self._config.host, self._config.port, pair)
        except OSError as error:
            raise PortTakenError(
                "The web page", self._config.host, self._config.port, "port in coordinator.toml"
            ) from error
        self._server = server
        try:
            self._start_broker_and_link()
            self.slicing.start()
            self._telling.start()
            for name, work in (("web", server.run), ("planner", self._plan)):
                threading.Thread(target=work, name=name, daemon=True).start()
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
        throttle = Throttle(_NODE_RATE, _NODE_BURST)
        self._link = Link(
            url,
            COORDINATOR_USER,
            self._password,
            # Its own word comes back to it, or the link is deaf.
            [wire.COORDINATOR_TOPIC, *(wire.all_nodes(channel) for channel in FROM_NODES)],
            lambda _conn: self._exchange.presence(online=False),
            window=_LINK_WINDOW,
            spread_s=_LINK_SPREAD_S,
            allows=lambda topic: throttle.allows(wire.sender(topic), clock.boottime_s()),
        )
        self._link.start()

    def _plan(self) -> None:
        plan_for_ever(self.ledger, self.library, self._config.hub_place, self._stop)

    def _shut_down(self) -> None:
        self._stop.set()
        self._hosting.stop()
        self.slicing.stop()
        self._telling.stop()
        if self._link is not None:
            self._link.stop(self._exchange.farewell())
        if self._broker is not None:
            self._broker.stop()
        self._lock.close()

    def _secret(self) -> bytes:
        """Return the key of sessions and tokens, made at the first start."""
        path = self._folder / "web.key"
        # An empty one is what a power cut left behind: anybody could sign with it.
        if not path.exists() or not path.stat().st_size:
            write_whole(path, secrets.token_bytes(32))
        return path.read_bytes()

    # --- the loop -----------------------------------------------------------------------------

    def _loop(self) -> None:
        next_tick = 0.0
        while not self._stop.is_set():
            well = self._survives(self._take_batch)
            now_s = clock.boottime_s()
            if now_s >= next_tick:
                next_tick = now_s + _TICK_S
                self._tick()  # what fails of it comes again with the next one, and slows nothing
            well = self._survives(self._send) and well
            if not well:
                self._stop.wait(1.0)

    def _wrote(self) -> None:
        if self._disk:
            self._disk = DiskTrouble.NONE
            _log.info("the disk can be written again")

    def _survives(self, deed: Callable[[], object]) -> bool:
        """Do one part of a round; return whether it went well."""
        try:
            deed()
        except TwinError:
            raise
        except Exception as error:  # noqa: BLE001
            # The loop is the coordinator: it goes on with all else, and the fault is in the log.
            trouble = trouble_of(error, self._folder)
            if not trouble:
                _faults.exception("a part of a round of the coordinator failed")
            elif trouble is not self._disk:
                _log.error("%s Nothing that was accepted is lost (%s)", _DISK[trouble], error)
            self._disk = trouble or self._disk
            return False
        return True

    def _tick(self) -> bool:
        """Do what time brings; what fails holds up nothing else."""
        deeds = (
            self._keep_broker, self._leave_deaf_link, self._update_users, self._keep_certificate,
            self._hosting.look, *self._exchange.turns(), self._forget,
        )  # fmt: skip
        failed = [deed for deed in deeds if not self._survives(deed)]
        return not failed

    def _send(self) -> None:
        if self._link is not None:
            self._exchange.send(self._link)

    def _leave_deaf_link(self) -> None:
        if self._link is not None and clock.boottime_s() > (self._deaf_from_s or float("inf")):
            self._deaf_from_s = None
            self._link.reconnect()

    def _forget(self) -> None:
        """Erase what is known of people once it is old; say what cannot be read."""
        now, now_s = clock.now(), clock.boottime_s()
        if now_s < self._forget_at_s:
            return
        self._forget_at_s = now_s + _FORGET_S
        for row in unread.rows(self.ledger.reading):
            _log.error(
                "what the ledger says of %s cannot be read: all else goes on; put it back", row
            )
        by = retention.follow(self.ledger, clock.built(), now, now_s, clock.boot_id())
        retention.sweep(self.ledger, limits(by, self._config.keep_contacts_days), now)

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
        # Read first: a change in between is written again with the next look.
        seen = members.logins_version(self.ledger.reading)
        if seen == self._logins_seen:
            return
        found = members.logins(self.ledger.reading)
        lines = {node: f"{node}:{login}" for node, login in found.items()}
        lines[COORDINATOR_USER] = password_line(COORDINATOR_USER, self._password)
        self._broker.set_users(lines)
        self._logins_seen = seen

    def _keep_certificate(self) -> None:
        """Make the own certificate anew before it ends; nodes notice nothing."""
        if self._config.tls is not None or clock.boottime_s() < self._renew_at_s:
            return
        self._renew_at_s = clock.boottime_s() + _RENEW_S
        before = self._certified_at()
        self._reach = reach(self._config, clock.now())
        if self._certified_at() == before:
            return
        if self._server is not None:
            self._server.renew()
        if self._broker is not None:
            self._broker.reload()

    def _certified_at(self) -> float:
        files = self._reach.web_tls or self._reach.broker_tls
        return 0.0 if files is None else Path(files.certificate).stat().st_mtime

    def _take_batch(self) -> None:
        link = self._link
        if link is None:
            return
        events = self._untaken or gather(link.events, _ROUND_S)
        self._untaken = []
        try:
            self._take(events, link)
        except sqlite3.Error:
            # The disk's fault and not theirs: no birth, and no new link, is told twice.
            self._untaken = events
            raise

    def _take(self, events: Sequence[LinkEvent], link: Link) -> None:
        messages: list[Message] = []
        for event in events:
            match event:
                case Incoming(topic=wire.COORDINATOR_TOPIC):
                    self._deaf_from_s = None
                    self._exchange.hear(event.payload, link)
                case Incoming():
                    messages.append((event.topic, event.payload))
                case Connected():
                    # What came over the old connection was before the silence that begins now.
                    self._exchange.take(messages, link)
                    messages = []
                    self._exchange.connected(link)
                    self._deaf_from_s = clock.boottime_s() + _DEAF_S
                case Disconnected():
                    _log.warning("link to the broker lost: %s", event.reason)
        self._exchange.take(messages, link)
