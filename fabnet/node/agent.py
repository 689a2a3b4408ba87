"""The node process: messages in, decisions, reports out. One loop decides; nothing else writes.

The loop owns the journal. Threads beside it own what blocks: paho's the network, one bench each
printer, one preparer the fetching and slicing. They talk to the loop through queues.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from fabnet import clock
from fabnet.config import NodeConfig
from fabnet.errors import SupersededError
from fabnet.joining import rotate_soon
from fabnet.link import Link
from fabnet.node.answers import Answers
from fabnet.node.bench import Bench
from fabnet.node.bench_talk import BenchEvent, Changed, Ended, Found, Recover, Started, Stop, Used
from fabnet.node.desk import Desk
from fabnet.node.disk import Disk
from fabnet.node.files import FileStore
from fabnet.node.grants import Grants
from fabnet.node.journal import TOLD, Journal
from fabnet.node.lab import Lab
from fabnet.node.owner import Owner
from fabnet.node.preparing import Preparer
from fabnet.node.rounds import do_all
from fabnet.node.stock import Stock
from fabnet.node.tables import Entry, keep_took
from fabnet.node.trial import TRIALS, Trials
from fabnet.node.uplink import After, Uplink
from firmware_profiles.profile import MachinePreset
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import (
    Cancel,
    Config,
    Decide,
    Down,
    Grant,
    Harvested,
    Offer,
    PrinterChange,
    PrinterReady,
    Report,
    ReportState,
    Restate,
    RotateLogin,
    Synced,
    Telemetry,
    Withdraw,
)
from jobs.model import AttemptRef
from printers.driver import Driver
from printers.model import PrintOutcome, PrintResult
from printers.slices import Slicer

_log = logging.getLogger(__name__)

#: So long a round waits for the network where nothing comes.
_ROUND_S = 0.1

_ENDS = {
    PrintResult.DONE: (AttemptState.PRINTED, ReportState.PRINTED),
    PrintResult.CANCELLED: (AttemptState.CANCELLED, ReportState.CANCELLED),
    PrintResult.FAILED: (AttemptState.FAILED, ReportState.FAILED),
    PrintResult.INTERRUPTED: (AttemptState.INTERRUPTED, ReportState.INTERRUPTED),
}


class Agent:
    """One node.

    Args:
        config: checked configuration.
        journal: owned by the thread that calls `run`.
        link: not yet started.
        drivers: makes the driver of each printer, by its id.
        slicer: cuts plates into G-code; None where the owner brings it.
    """

    def __init__(
        self,
        config: NodeConfig,
        presets: Mapping[str, MachinePreset],
        journal: Journal,
        link: Link,
        store: FileStore,
        slicer: Slicer | None,
        drivers: Mapping[str, Callable[[], Driver]],
        boot: str,
    ) -> None:
        self._config = config
        self._journal = journal
        self._bench_events: queue.Queue[BenchEvent] = queue.Queue()
        self._unwritten: BenchEvent | None = None
        tell = self._bench_events.put
        self._benches = {name: Bench(name, make, tell) for name, make in drivers.items()}
        self._preparer = Preparer(presets, journal, store, slicer, Path(config.data_dir))
        self._lab = Lab(config, presets, journal)
        self._answers = Answers(journal, self._lab)
        self._disk = Disk(config.id, journal, Path(config.data_dir))
        self._stock = Stock(config, journal, self._lab)
        self._grants = Grants(journal, self._lab, self._benches, self._say_printer, self._give_back)
        self._uplink = Uplink(
            config.id, boot, journal, link, self._apply, self._forgot, self._grants.stop
        )
        self._trials = Trials(
            Path(config.data_dir) / TRIALS, journal, self._lab, self._benches, presets,
            self._say_printer, self._grants.may_heat,
        )  # fmt: skip
        self.desk = Desk()
        self._owner = Owner(
            config.id, journal, self._lab, self._grants, self._benches, self._uplink,
            self._trials, self._stock, self._preparer, self._disk, self._on_harvested,
            self._on_printer_ready,
        )  # fmt: skip

    def run(self, stop: threading.Event, *, linked: bool = True) -> None:
        """Work until told to stop; without the network where it is not to be `linked`.

        Raises:
            SupersededError: another node speaks in this one's name.
        """
        with ExitStack() as opened:
            # What cannot begin must not hold the journal: it is started again.
            opened.callback(self._journal.close)
            self.begin()
            opened.pop_all()
        for bench in self._benches.values():
            bench.start()
        if linked:
            self._uplink.start()
        try:
            while not stop.is_set():
                try:
                    self._round()
                except SupersededError:
                    raise
                except Exception as error:  # noqa: BLE001
                    # The loop is the node: it goes on, and the fault is in the log.
                    if not self._disk.failed(error):
                        _log.exception("node %s: a round failed", self._config.id)
                    stop.wait(1.0)
        finally:
            self._shut_down()

    def begin(self) -> None:
        """Take up what the journal holds, and put what there is to say into the outbox."""
        self._recover()
        with self._journal.transaction() as db:
            self._say_all(db, clock.now())

    def _shut_down(self) -> None:
        for bench in self._benches.values():
            bench.stop_soon()
        for bench in self._benches.values():
            bench.stop()
        self._preparer.stop()
        self._stock.stop()
        self._uplink.stop()
        self._journal.close()

    def _round(self, wait_s: float = _ROUND_S) -> None:
        do_all((
            partial(self._uplink.take, wait_s), self._take_bench_events,
            self._preparer.take_done, self._preparer.start_next, self._grants.work,
            self._stock.work, self._lab.watch_clock, partial(self._owner.serve, self.desk),
            partial(self._uplink.send, self._telemetry), self._disk.look,
        ))  # fmt: skip

    # --- after a restart ---------------------------------------------------------------------

    def _recover(self) -> None:
        """Look after prints that were running when the node ended: they are never started again."""
        for entry in self._journal.entries(TOLD):
            if entry.intent and entry.printer in self._benches:
                self._benches[entry.printer].command(Recover(name=entry.ref.name))
            elif entry.intent:
                why, gone = "its printer is not configured any more", PrintResult.INTERRUPTED
                outcome = PrintOutcome(name=entry.ref.name, result=gone, reason=why)
                self._end(entry, Ended(printer=entry.printer, outcome=outcome, fraction_done=0.0))
            else:
                with self._journal.transaction() as db:
                    self._journal.move(db, entry.ref, AttemptState.READY)
        self._preparer.check_machines()
        self._lab.forget_moved()

    # --- commands: inside the transaction of the cursor; what touches a printer comes after it --

    def _apply(self, db: sqlite3.Connection, command: Down) -> After:
        match command:
            case Grant():
                if self._grants.hear(db, command, clock.now()):
                    return [self._grants.work]
            case Cancel():
                self._on_cancel(db, command, clock.now())
            case Harvested():
                return self._on_harvested(db, command, clock.now())
            case Offer() | Decide() | Withdraw():
                self._apply_offer(db, command, clock.now())
            case RotateLogin():
                return [partial(rotate_soon, self._config)]
            case PrinterReady():
                self._on_printer_ready(db, command, clock.now())
            case Config():
                self._lab.configure(db, command)
                self._journal.say(db, self._lab.capabilities(), clock.now())
            case Synced() | Restate():
                self._apply_sync(db, command, clock.now())
        return []

    def _apply_sync(self, db: sqlite3.Connection, command: Synced | Restate, now: datetime) -> None:
        match command:
            case Synced():
                self._uplink.synced()
                for ref in command.unknown:
                    self._give_back(db, ref, "the coordinator does not know it", now)
            case Restate():
                self._grants.forget(db)
                self._journal.begin_anew(db, now)
                self._say_all(db, now)

    def _forgot(self, db: sqlite3.Connection) -> None:
        """The journal has gone back: no grant holds, and the network hears all anew."""
        self._grants.forget(db)
        self._say_all(db, clock.now())

    def _apply_offer(
        self, db: sqlite3.Connection, command: Offer | Decide | Withdraw, now: datetime
    ) -> None:
        match command:
            case Offer():
                self._answers.offered(db, command, now)
            case Decide():
                self._answers.decided(db, command, now)
            case Withdraw():
                self._give_back(db, command.attempt, command.reason, now)

    def _give_back(
        self, db: sqlite3.Connection, ref: AttemptRef, reason: str, now: datetime
    ) -> None:
        """Drop an attempt that no printer was told of; keep one that may have been started."""
        entry = self._journal.entry(ref)
        if entry is not None and entry.state in (AttemptState.HARVESTED, AttemptState.WRITTEN_OFF):
            return
        if entry is not None and entry.state in TO_HARVEST:
            # Nobody will count it: a person clears the bed, and takes off what lies there.
            self._journal.move(db, ref, AttemptState.WRITTEN_OFF, reason)
            return
        if entry is not None and entry.intent:
            _log.warning("%s was taken back after its start: it goes on", ref)
            return
        if entry is not None and entry.state in UNGRANTED:
            self._journal.move(db, ref, AttemptState.WITHDRAWN, reason)
        self._grants.drop(ref)
        self._journal.say(db, Report(attempt=ref, state=ReportState.RETURNED, reason=reason), now)

    def _on_cancel(self, db: sqlite3.Connection, cancel: Cancel, now: datetime) -> None:
        entry = self._journal.entry(cancel.attempt)
        if entry is None or not entry.intent:  # else it was stopped when it was heard
            self._give_back(db, cancel.attempt, cancel.reason, now)

    def _on_harvested(self, db: sqlite3.Connection, told: Harvested, now: datetime) -> After:
        ref = told.attempt
        entry = self._journal.entry(ref)
        by_hand = (
            entry is not None
            and entry.state is AttemptState.PRINTING
            and self._lab.is_manual(entry.printer)
        )
        if entry is not None and entry.state in (AttemptState.HARVESTED, AttemptState.WRITTEN_OFF):
            # Counted here first, and by somebody on a page meanwhile: what was booked stands.
            self._journal.keep_count(db, told)
        if entry is None or not (entry.state in TO_HARVEST or by_hand):
            # Its bed is clear for the ledger now, and here it is not where the journal was lost.
            self._say_all(db, now)
            return []
        self._journal.keep_count(db, told)
        self._journal.set_clear(db, entry.printer, clear=True)
        if not by_hand:
            self._say_printer(db, entry.printer, now)
            return []
        # Who prints by hand says with the count that the print is over.
        self._journal.use(db, self._lab.spool_id(entry.printer), entry.grams)
        self._journal.say(db, self._lab.capabilities(), now)
        return [lambda: self._benches[entry.printer].command(Stop(name=ref.name))]

    def _on_printer_ready(self, db: sqlite3.Connection, told: PrinterReady, now: datetime) -> None:
        printer = told.printer
        free = self._grants.is_empty(printer) and not self._trials.runs(printer)
        # A word that was long on its way is of an earlier bed.
        if free and told.used in (None, self._journal.used(printer)):
            self._journal.set_clear(db, printer, clear=True)
        # Said in any case: the network has just written down that it is clear.
        self._say_printer(db, printer, now)

    # --- what the printers did ----------------------------------------------------------------

    def _take_bench_events(self) -> None:
        while self._unwritten is not None or not self._bench_events.empty():
            event, self._unwritten = self._unwritten or self._bench_events.get_nowait(), None
            try:
                self._take_bench_event(event)
            except sqlite3.Error:
                # The disk is full, or somebody holds the journal: a print's end is said only once.
                self._unwritten = event
                raise

    def _take_bench_event(self, event: BenchEvent) -> None:
        now = clock.now()
        match event:
            case Started():
                entry = self._journal.running(event.name)
                # A print that outlived a restart of this node was told before.
                if entry is not None and entry.state is AttemptState.GRANTED:
                    with self._journal.transaction() as db:
                        spool = self._lab.spool_id(entry.printer)
                        self._journal.begin(db, entry.ref, spool)
                        report = Report(attempt=entry.ref, state=ReportState.PRINTING, spool=spool)
                        self._journal.say(db, report, now)
            case Ended():
                tried = self._trials.ended(event, now)
                entry = self._journal.running(event.outcome.name)
                if entry is not None:
                    self._end(entry, event)
                elif not tried and not self._lab.is_manual(event.printer):
                    self._grants.used(event.printer)  # the journal went back during the print
            case Used():
                self._grants.used(event.printer)
            case Found():
                self._grants.found(event)
            case Changed():
                with self._journal.transaction() as db:
                    self._say_printer(db, event.printer, now)
        self._uplink.hurry()

    def _end(self, entry: Entry, event: Ended) -> None:
        result, reason = event.outcome.result, event.outcome.reason
        (state, told), now = _ENDS[result], clock.now()
        used_g = entry.grams * (1.0 if result is PrintResult.DONE else event.fraction_done)
        report = Report(attempt=entry.ref, state=told, reason=reason, took_s=event.took_s)
        with self._journal.transaction() as db:
            self._journal.move(db, entry.ref, state, reason)
            if entry.printer in self._benches:
                self._journal.use(db, self._lab.spool_id(entry.printer), used_g)
                # Who said before now that the bed is clear has not seen what lies there.
                self._journal.set_clear(db, entry.printer, clear=False)
                self._say_printer(db, entry.printer, now)
                self._journal.say(db, self._lab.capabilities(), now)
            keep_took(db, entry.ref, event.took_s)
            self._journal.say(db, report, now)
        _log.info("%s: %s %s", entry.ref, state, reason)

    # --- what the printers are ----------------------------------------------------------------

    def _say_all(self, db: sqlite3.Connection, now: datetime) -> None:
        self._journal.say(db, self._lab.capabilities(), now)
        for printer in self._benches:
            self._say_printer(db, printer, now)

    def _say_printer(self, db: sqlite3.Connection, printer: str, now: datetime) -> None:
        if printer not in self._benches:
            return  # its owner has taken it out of the configuration
        status, clear = self._benches[printer].status, self._journal.is_clear(printer)
        fault, used = status.fault or "", self._journal.used(printer)
        change = PrinterChange(
            printer=printer, state=status.state, clear=clear, fault=fault, used=used
        )
        self._journal.say(db, change, now)

    def _telemetry(self) -> Telemetry:
        # What is tried is nobody's attempt.
        told = (b.tele(named=not self._trials.runs(name)) for name, b in self._benches.items())
        return Telemetry(printers=tuple(told))
