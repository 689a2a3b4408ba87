"""The node process: messages in, decisions, reports out. One loop decides; nothing else writes.

The loop owns the journal. Threads beside it own what blocks: paho's the network, one bench each
printer, one preparer the fetching and slicing. They talk to the loop through queues.
"""

from __future__ import annotations

import base64
import logging
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fabnet import clock, wire
from fabnet.config import NodeConfig, PrinterConfig
from fabnet.errors import ConfigError, FileFetchError, WireError
from fabnet.link import WINDOW, Connected, Incoming, Link, LinkEvent, Pump
from fabnet.node.bench import Bench, BenchEvent, Changed, Ended, Recover, Start, Started, Stop
from fabnet.node.files import FileStore, Wanted, prepare
from fabnet.node.journal import COORDINATOR, Entry, Journal
from fabnet.node.policy import Rules, decide, may_start, parse_hours
from fabnet.wire import Channel
from firmware_profiles.loader import load_machine
from firmware_profiles.profile import MachinePreset
from jobs.ledger import streams
from jobs.ledger.streams import Arrival
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import (
    Answer,
    Cancel,
    Capabilities,
    Down,
    Grant,
    Harvested,
    MessageError,
    Offer,
    PrinterChange,
    PrinterReady,
    PrinterTele,
    Ready,
    Report,
    ReportState,
    Sync,
    Synced,
    Telemetry,
    Withdraw,
    decode_down,
)
from jobs.model import AttemptRef
from printers.connect import connect
from printers.driver import Driver
from printers.errors import PrinterError
from printers.model import PrinterFacts, PrinterState, PrintResult, Spool
from printers.slicing import Slice, Slicer, find_slicer

_log = logging.getLogger(__name__)

_ROUND_S = 0.1
_TELE_S = 10.0
_DEAF_S = 30.0
_FETCH_AGAIN_S = 5.0
#: A ready that was not answered is asked again with a new nonce after this time.
_READY_AGAIN_S = 60.0

_ENDS = {
    PrintResult.DONE: (AttemptState.PRINTED, ReportState.PRINTED),
    PrintResult.CANCELLED: (AttemptState.CANCELLED, ReportState.CANCELLED),
    PrintResult.FAILED: (AttemptState.FAILED, ReportState.FAILED),
    PrintResult.INTERRUPTED: (AttemptState.INTERRUPTED, ReportState.INTERRUPTED),
}


def _secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(path, "", f"the secret cannot be read: {error.strerror}") from error


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A ready that was sent: memory only, so that a restart forgets every grant."""

    nonce: str
    sent_s: float  # of clock.boottime_s, taken before the message was written


class Agent:
    """One node.

    Args:
        config: checked configuration.
        journal: owned by the thread that calls `run`.
        link: not yet started.
        drivers: makes the driver of each printer, by its id.
        slicer: cuts plates into G-code.
    """

    def __init__(
        self,
        config: NodeConfig,
        presets: Mapping[str, MachinePreset],
        journal: Journal,
        link: Link,
        store: FileStore,
        slicer: Slicer,
        drivers: Mapping[str, Callable[[], Driver]],
        boot: str,
    ) -> None:
        self._config = config
        self._presets = presets
        self._journal = journal
        self._link = link
        self._store = store
        self._slicer = slicer
        self._boot = boot
        self._slices = Path(config.data_dir) / "slices"
        self._slices.mkdir(parents=True, exist_ok=True)
        self._bench_events: queue.Queue[BenchEvent] = queue.Queue()
        self._benches = {
            printer: Bench(printer, make, self._bench_events.put)
            for printer, make in drivers.items()
        }
        self._pump = Pump()
        self._preparer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
        self._preparing: tuple[AttemptRef, Future[Slice]] | None = None
        self._not_before: dict[AttemptRef, float] = {}
        self._asked: dict[AttemptRef, _Asked] = {}
        self._recovering: set[str] = set()
        self._coordinator_online = False
        self._synced_from: float | None = None
        self._next_tele = 0.0

    @classmethod
    def open(cls, config: NodeConfig, machine: str) -> Agent:
        """Make a node from its configuration: journal, keys, presets, slicer, drivers.

        Raises:
            FabnetError: the journal, a key or the broker's address cannot be used.
            PrinterError: there is no slicer.
            FirmwareProfileError: a printer's preset is unknown.
        """
        folder = Path(config.data_dir)
        folder.mkdir(parents=True, exist_ok=True)
        presets = {p.id: load_machine(p.preset) for p in config.printers}
        boot = secrets.token_hex(16)
        will_topic = wire.topic(config.id, Channel.PRESENCE)

        def will(conn: str) -> tuple[str, bytes]:
            return will_topic, wire.write(wire.Presence(online=False, boot=boot, conn=conn))

        link = Link(
            config.broker,
            config.id,
            _secret(config.password_file),
            [
                wire.topic(config.id, Channel.COMMANDS),
                wire.topic(config.id, Channel.COORDINATOR_ACK),
                wire.COORDINATOR_TOPIC,
            ],
            will,
        )
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(_secret(config.key_file)))
        return cls(
            config=config,
            presets=presets,
            journal=Journal(folder / "journal.db", machine),
            link=link,
            store=FileStore(folder / "files", config.coordinator, config.id, key),
            slicer=find_slicer(),
            drivers={p.id: partial(connect, p.port) for p in config.printers},
            boot=boot,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        self._recover()
        for bench in self._benches.values():
            bench.start()
        self._say_capabilities()
        self._link.start()
        while not stop.is_set():
            try:
                self._round()
            except Exception:  # noqa: BLE001
                # The loop is the node: it goes on, and the fault is in the log with its cause.
                _log.exception("node %s: a round failed", self._config.id)
                stop.wait(1.0)
        self._shut_down()

    def _shut_down(self) -> None:
        for bench in self._benches.values():
            bench.stop()
        self._preparer.shutdown(wait=False, cancel_futures=True)
        presence = wire.Presence(online=False, boot=self._boot, conn=self._conn)
        self._link.stop((wire.topic(self._config.id, Channel.PRESENCE), wire.write(presence)))
        self._journal.close()

    def _round(self) -> None:
        self._take_link_events()
        while not self._bench_events.empty():
            self._take_bench_event(self._bench_events.get_nowait())
        self._take_prepared()
        self._prepare_next()
        self._ask_grants()
        self._send()
        self._watch_link()

    # --- after a restart ---------------------------------------------------------------------

    def _recover(self) -> None:
        """Look after prints that were running when the node ended: they are never started again."""
        for entry in self._journal.entries(
            frozenset({AttemptState.GRANTED, AttemptState.PRINTING})
        ):
            if entry.intent and entry.printer in self._benches:
                self._recovering.add(entry.ref.name)
                self._benches[entry.printer].command(Recover(name=entry.ref.name))
            elif entry.intent:
                self._end(
                    entry, PrintResult.INTERRUPTED, "its printer is not configured any more", 0
                )
            else:
                with self._journal.transaction() as db:
                    self._journal.move(db, entry.ref, AttemptState.READY)

    # --- link --------------------------------------------------------------------------------

    def _take_link_events(self) -> None:
        timeout = _ROUND_S
        while True:
            try:
                event = self._link.events.get(timeout=timeout)
            except queue.Empty:
                return
            timeout = 0.0
            self._take_link_event(event)
            if self._link.events.empty():
                return

    def _take_link_event(self, event: LinkEvent) -> None:
        match event:
            case Connected():
                self._on_connected(event.conn)
            case Incoming():
                try:
                    self._on_incoming(event)
                except WireError as error:
                    _log.warning("dropped a message on %s: %s", event.topic, error)
            case _:
                _log.warning("link lost: %s", event.reason)

    def _on_connected(self, conn: str) -> None:
        self._conn = conn
        stream, _ = streams.stream_of(self._journal.reading, COORDINATOR)
        birth = wire.Presence(online=True, boot=self._boot, conn=conn, stream=stream)
        topic = wire.topic(self._config.id, Channel.PRESENCE)
        self._link.publish(topic, wire.write(birth), qos=1, retain=True)
        self._pump.reset()
        self._synced_from = clock.boottime_s()
        in_stream, cursor = streams.cursor_of(self._journal.reading, COORDINATOR)
        with self._journal.transaction() as db:
            message = Sync(attempts=self._journal.held(), in_stream=in_stream, in_cursor=cursor)
            self._journal.say(db, message, clock.now())

    _conn = ""

    def _on_incoming(self, event: Incoming) -> None:
        if event.topic == wire.COORDINATOR_TOPIC:
            told = wire.read_coordinator(event.payload)
            self._coordinator_online = told.online and told.epoch >= self._journal.epoch
            return
        node, channel = wire.parse_topic(event.topic)
        if node != self._config.id:
            raise WireError("it is for another node")
        if channel is Channel.COORDINATOR_ACK:
            ack = wire.read_ack(event.payload)
            with self._journal.transaction() as db:
                streams.acknowledged(db, COORDINATOR, ack.stream, ack.n)
        elif channel is Channel.COMMANDS:
            self._on_command(wire.read_envelope(event.payload))

    def _on_command(self, message: wire.Envelope) -> None:
        if message.epoch < self._journal.epoch:
            raise WireError(f"its epoch {message.epoch} is over; {self._journal.epoch} has begun")
        after: list[Callable[[], None]] = []
        with self._journal.transaction() as db:
            if message.epoch > self._journal.epoch:
                self._journal.set_epoch(db, message.epoch)
            arrival = streams.arrive(db, COORDINATOR, message.s, message.n)
            if arrival in (Arrival.APPLY, Arrival.NEW_STREAM):
                try:
                    command = decode_down(message.t, bytes(message.d))
                except MessageError as error:
                    streams.dead_letter(
                        db, COORDINATOR, message.s, message.n, message.t, bytes(message.d),
                        str(error), clock.now(),
                    )  # fmt: skip
                else:
                    after = self._apply(db, command)
        if arrival in (Arrival.APPLY, Arrival.NEW_STREAM, Arrival.DUPLICATE):
            stream, cursor = streams.cursor_of(self._journal.reading, COORDINATOR)
            ack = wire.write(wire.Ack(stream=stream, n=cursor))
            self._link.publish(wire.topic(self._config.id, Channel.NODE_ACK), ack, qos=0)
        for act in after:
            act()

    # --- commands: inside the transaction of the cursor; what touches a printer comes after it --

    def _apply(self, db: sqlite3.Connection, command: Down) -> list[Callable[[], None]]:
        now = clock.now()
        match command:
            case Offer():
                self._on_offer(db, command, now)
            case Grant():
                return self._on_grant(db, command, now)
            case Withdraw():
                self._give_back(db, command.attempt, command.reason, now)
            case Cancel():
                return self._on_cancel(db, command, now)
            case Harvested():
                self._on_harvested(db, command.attempt, now)
            case PrinterReady():
                self._on_printer_ready(db, command.printer, now)
            case Synced():
                self._synced_from = None
                for ref in command.unknown:
                    self._give_back(db, ref, "the coordinator does not know it", now)
        return []

    def _on_offer(self, db: sqlite3.Connection, offer: Offer, now: datetime) -> None:
        for each in offer.attempts:
            # A lower number than one we know of is fenced off: its job went on without it.
            if self._journal.knows(each.attempt):
                continue
            decision = decide(each, self._rules())
            state = AttemptState.TAKEN if decision.taken else AttemptState.DECLINED
            self._journal.add(db, each, state, decision.reason, now)
            answer = Answer(attempt=each.attempt, taken=decision.taken, reason=decision.reason)
            self._journal.say(db, answer, now)

    def _on_grant(
        self, db: sqlite3.Connection, grant: Grant, now: datetime
    ) -> list[Callable[[], None]]:
        entry = self._journal.entry(grant.attempt)
        asked = self._asked.pop(grant.attempt, None)
        if entry is None or asked is None or asked.nonce != grant.nonce:
            return []  # Of a nonce that a restart or a newer ready has voided; asked for anew.
        if clock.boottime_s() >= asked.sent_s + grant.ttl_s:
            _log.warning("%s: the grant came too late, asking again", grant.attempt)
            return []
        if entry.state is not AttemptState.READY or not self._is_free(entry.printer):
            return []
        if not self._journal.intend(db, entry.ref, entry.printer, now):
            return []
        self._say_printer(db, entry.printer, now)
        start = Start(name=entry.ref.name, gcode=Path(entry.gcode), sha256=entry.gcode_sha256)
        # After the commit: INTENT is on the disk before the printer hears of it.
        return [lambda: self._benches[entry.printer].command(start)]

    def _give_back(
        self, db: sqlite3.Connection, ref: AttemptRef, reason: str, now: datetime
    ) -> None:
        """Drop an attempt that no printer was told of; keep one that may have been started."""
        entry = self._journal.entry(ref)
        if entry is not None and (entry.intent or entry.state in TO_HARVEST):
            _log.warning("%s was taken back after its start: it goes on", ref)
            return
        if entry is not None and entry.state in UNGRANTED:
            self._journal.move(db, ref, AttemptState.WITHDRAWN, reason)
        self._asked.pop(ref, None)
        self._journal.say(db, Report(attempt=ref, state=ReportState.RETURNED, reason=reason), now)

    def _on_cancel(
        self, db: sqlite3.Connection, cancel: Cancel, now: datetime
    ) -> list[Callable[[], None]]:
        entry = self._journal.entry(cancel.attempt)
        if entry is None or not entry.intent:
            self._give_back(db, cancel.attempt, cancel.reason, now)
            return []
        if entry.state not in (AttemptState.GRANTED, AttemptState.PRINTING):
            return []
        return [lambda: self._benches[entry.printer].command(Stop(name=entry.ref.name))]

    def _on_harvested(self, db: sqlite3.Connection, ref: AttemptRef, now: datetime) -> None:
        entry = self._journal.entry(ref)
        if entry is None or entry.state not in TO_HARVEST:
            return
        self._journal.move(db, ref, AttemptState.HARVESTED)
        self._journal.set_clear(db, entry.printer, clear=True)
        self._say_printer(db, entry.printer, now)

    def _on_printer_ready(self, db: sqlite3.Connection, printer: str, now: datetime) -> None:
        if printer not in self._benches or self._journal.on_bed(printer) is not None:
            return
        self._journal.set_clear(db, printer, clear=True)
        self._say_printer(db, printer, now)

    # --- what the printers did ----------------------------------------------------------------

    def _take_bench_event(self, event: BenchEvent) -> None:
        now = clock.now()
        match event:
            case Started():
                entry = self._by_name(event.name)
                if entry is not None:
                    with self._journal.transaction() as db:
                        self._journal.move(db, entry.ref, AttemptState.PRINTING)
                        spool = self._spool_id(entry.printer)
                        report = Report(attempt=entry.ref, state=ReportState.PRINTING, spool=spool)
                        self._journal.say(db, report, now)
            case Ended():
                entry = self._by_name(event.outcome.name)
                self._recovering.discard(event.outcome.name)
                if entry is not None:
                    self._end(
                        entry, event.outcome.result, event.outcome.reason, event.fraction_done
                    )
            case Changed():
                with self._journal.transaction() as db:
                    self._say_printer(db, event.printer, now)
        self._next_tele = 0.0

    def _by_name(self, name: str) -> Entry | None:
        running = frozenset({AttemptState.GRANTED, AttemptState.PRINTING})
        return next((e for e in self._journal.entries(running) if e.ref.name == name), None)

    def _end(self, entry: Entry, result: PrintResult, reason: str, fraction: float) -> None:
        state, told = _ENDS[result]
        now = clock.now()
        used_g = entry.grams * (1.0 if result is PrintResult.DONE else fraction)
        with self._journal.transaction() as db:
            self._journal.move(db, entry.ref, state, reason)
            self._journal.use(db, self._spool_id(entry.printer), used_g)
            self._journal.say(db, self._capabilities(), now)
            self._journal.say(db, Report(attempt=entry.ref, state=told, reason=reason), now)
        _log.info("%s: %s %s", entry.ref, state, reason)

    # --- preparing ----------------------------------------------------------------------------

    def _prepare_next(self) -> None:
        if self._preparing is not None:
            return
        waiting = frozenset({AttemptState.TAKEN, AttemptState.PREPARING})
        now_s = clock.boottime_s()
        for entry in self._journal.entries(waiting):
            if entry.gcode or now_s < self._not_before.get(entry.ref, 0.0):
                continue
            preset = self._presets[entry.printer]
            if entry.state is AttemptState.TAKEN:
                with self._journal.transaction() as db:
                    self._journal.move(db, entry.ref, AttemptState.PREPARING)
                    report = Report(attempt=entry.ref, state=ReportState.PREPARING)
                    self._journal.say(db, report, clock.now())
            wanted = Wanted(
                plate_sha256=entry.plate_sha256,
                mesh_sha256=entry.mesh_sha256,
                copies=entry.pieces,
                material=entry.material,
                preset=preset,
            )
            future = self._preparer.submit(prepare, wanted, self._store, self._slicer, self._slices)
            self._preparing = (entry.ref, future)
            return

    def _take_prepared(self) -> None:
        if self._preparing is None or not self._preparing[1].done():
            return
        ref, future = self._preparing
        self._preparing = None
        entry = self._journal.entry(ref)
        if entry is None or entry.state is not AttemptState.PREPARING:
            return  # Withdrawn meanwhile.
        try:
            made = future.result()
        except FileFetchError as error:
            if error.again:
                _log.warning("%s: %s; trying again", ref, error)
                self._not_before[ref] = clock.boottime_s() + _FETCH_AGAIN_S
                return
            self._decline(ref, str(error))
        except PrinterError as error:
            self._decline(ref, str(error))
        else:
            with self._journal.transaction() as db:
                self._journal.prepared(
                    db, ref, gcode=str(made.gcode), gcode_sha256=made.sha256, gcode_key=made.key,
                    slicer=made.slicer, seconds=made.seconds, grams=made.grams,
                )  # fmt: skip
                self._journal.move(db, ref, AttemptState.READY)

    def _decline(self, ref: AttemptRef, reason: str) -> None:
        _log.warning("%s: handed back: %s", ref, reason)
        with self._journal.transaction() as db:
            self._journal.move(db, ref, AttemptState.DECLINED, reason)
            report = Report(attempt=ref, state=ReportState.DECLINED, reason=reason)
            self._journal.say(db, report, clock.now())

    # --- grants -------------------------------------------------------------------------------

    def _is_free(self, printer: str) -> bool:
        bench = self._benches[printer]
        return (
            bench.status.state is PrinterState.IDLE
            and self._journal.is_clear(printer)
            and self._journal.on_bed(printer) is None
        )

    def _ask_grants(self) -> None:
        """Ask for the first prepared attempt of every free printer."""
        now_s = clock.boottime_s()
        rules = self._rules()
        served: set[str] = set()
        for entry in self._journal.entries(frozenset({AttemptState.READY})):
            if entry.printer in served or entry.printer not in self._benches:
                continue
            served.add(entry.printer)
            asked = self._asked.get(entry.ref)
            if asked is not None and now_s < asked.sent_s + _READY_AGAIN_S:
                continue
            local = clock.now().astimezone()
            if not self._is_free(entry.printer) or not may_start(
                entry.printer, entry.seconds, rules, local
            ):
                continue
            self._ask(entry, now_s)

    def _ask(self, entry: Entry, now_s: float) -> None:
        asked = _Asked(nonce=secrets.token_hex(8), sent_s=now_s)
        message = Ready(
            attempt=entry.ref,
            nonce=asked.nonce,
            gcode_key=entry.gcode_key,
            seconds=entry.seconds,
            grams=entry.grams,
            slicer=entry.slicer,
        )
        with self._journal.transaction() as db:
            self._journal.say(db, message, clock.now())
        self._asked[entry.ref] = asked

    # --- what this node is ----------------------------------------------------------------------

    def _spool_id(self, printer: str) -> str:
        found = next(p for p in self._config.printers if p.id == printer)
        return found.spool or f"{found.id}-1"

    def _facts(self, printer: PrinterConfig) -> PrinterFacts:
        preset = self._presets[printer.id]
        spool = None
        if printer.material:
            left = max(0.0, printer.grams - self._journal.used_g(self._spool_id(printer.id)))
            spool = Spool(
                id=self._spool_id(printer.id),
                material=printer.material,
                grams=round(left, 1),
                maker_lot=printer.spool_lot,
            )
        return PrinterFacts(
            id=printer.id,
            title=printer.title or preset.title,
            preset=preset.name,
            bed_x_mm=preset.bed_x_mm,
            bed_y_mm=preset.bed_y_mm,
            height_mm=preset.height_mm,
            margin_mm=preset.margin_mm,
            nozzle_mm=preset.nozzle_mm,
            spool=spool,
        )

    def _capabilities(self) -> Capabilities:
        return Capabilities(
            lab=self._config.lab,
            printers=tuple(self._facts(printer) for printer in self._config.printers),
            paused=self._config.paused,
        )

    def _say_capabilities(self) -> None:
        with self._journal.transaction() as db:
            now = clock.now()
            self._journal.say(db, self._capabilities(), now)
            for printer in self._benches:
                self._say_printer(db, printer, now)

    def _say_printer(self, db: sqlite3.Connection, printer: str, now: datetime) -> None:
        status = self._benches[printer].status
        change = PrinterChange(
            printer=printer,
            state=status.state,
            clear=self._journal.is_clear(printer),
            fault=status.fault or "",
        )
        self._journal.say(db, change, now)

    def _rules(self) -> Rules:
        live = self._journal.entries(UNGRANTED | {AttemptState.GRANTED, AttemptState.PRINTING})
        reserved: dict[str, float] = {}
        for entry in live:
            reserved[entry.printer] = reserved.get(entry.printer, 0.0) + entry.grams
        return Rules(
            paused=self._config.paused,
            attended=parse_hours(self._config.attended),
            unattended=frozenset(p.id for p in self._config.printers if p.unattended),
            printers={p.id: self._facts(p) for p in self._config.printers},
            reserved_g=reserved,
        )

    # --- sending --------------------------------------------------------------------------------

    def _send(self) -> None:
        if not self._link.up:
            return
        now_s = clock.boottime_s()
        rows = streams.unacknowledged(self._journal.reading, COORDINATOR, WINDOW)
        for row in self._pump.due(COORDINATOR, rows, now_s):
            data = wire.envelope(
                id=row.id, stream=row.stream, n=row.n, boot=self._boot, kind=row.type,
                body=row.body, at=row.at,
            )  # fmt: skip
            self._link.publish(wire.topic(self._config.id, Channel.EVENTS), data, qos=1)
        if now_s >= self._next_tele:
            self._next_tele = now_s + _TELE_S
            topic = wire.topic(self._config.id, Channel.TELEMETRY)
            self._link.publish(topic, msgspec.json.encode(self._telemetry()), qos=0)

    def _telemetry(self) -> Telemetry:
        return Telemetry(
            printers=tuple(
                PrinterTele(
                    printer=name,
                    state=bench.status.state,
                    attempt=bench.status.name or "",
                    fraction_done=bench.status.fraction_done,
                    nozzle_c=bench.status.nozzle_c,
                    bed_c=bench.status.bed_c,
                )
                for name, bench in self._benches.items()
            )
        )

    def _watch_link(self) -> None:
        """Leave a link that is up but deaf: a coordinator that is online answers a sync."""
        asked = self._synced_from
        if asked is None or not self._coordinator_online or not self._link.up:
            return
        if clock.boottime_s() - asked > _DEAF_S:
            self._synced_from = None
            self._link.reconnect()
