"""Keeps this node's spools and Spoolman's alike. Used by the thread that owns the journal.

Spoolman is read now and then, and told after each print and each weighing; only the asking runs
beside, in a thread. While it is away the journal's grams hold, and what is to be told waits in it.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from fabnet import clock
from fabnet.config import NodeConfig, secret
from fabnet.node import telling
from fabnet.node.journal import Journal
from fabnet.node.lab import Lab
from fabnet.node.telling import Telling
from fabnet.printer_config import SPOOLMAN
from jobs.messages import Loaded
from printers.errors import SpoolmanError
from printers.spools import Spoolman, SpoolmanSpool, loaded

_log = logging.getLogger(__name__)

_READ_S = 60.0
_AGAIN_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is being asked now."""

    number: int
    future: Future[SpoolmanSpool]
    telling: Telling | None  # None: it is read only


class Stock:
    """Does nothing where node.toml names no Spoolman.

    Raises:
        SpoolmanError: what it names is no address.
        ConfigError: its key cannot be read.
    """

    def __init__(self, config: NodeConfig, journal: Journal, lab: Lab) -> None:
        self._printers = {p.id: p.spoolman_spool for p in config.printers}
        self._journal = journal
        self._lab = lab
        key = secret(config.spoolman_key_file) if config.spoolman_key_file else ""
        self._spoolman = Spoolman(config.spoolman, key) if config.spoolman else None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spoolman")
        self._asked: _Asked | None = None
        self._read_at_s: dict[int, float] = {}
        self._again_at_s: dict[int, float] = {}
        self._faults: dict[int, str] = {}
        self._begun = False

    def stop(self) -> None:
        """Ask nothing more; what was being told is compared at the next start."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def fault(self, printer: str) -> str:
        """Return why the spool of a printer is not as Spoolman has it, "" where it is."""
        return self._faults.get(self._printers[printer], "")

    def work(self) -> None:
        """Take an answer that has come, and ask what is next."""
        if not self._begun:
            self._begin()
        if self._spoolman is None:
            return
        if self._asked is not None:
            if not self._asked.future.done():
                return
            asked, self._asked = self._asked, None
            self._take(asked)
        if self._asked is None:
            self._read_next(self._spoolman)

    def _begin(self) -> None:
        """A printer whose spool was taken out of the file may have it anew, if the file names it again."""
        self._begun = True
        for printer, number in self._printers.items():
            if not number and self._journal.setting(f"{SPOOLMAN}in:{printer}"):
                with self._journal.transaction() as db:
                    self._journal.set_setting(db, f"{SPOOLMAN}in:{printer}", "")

    def _read_next(self, spoolman: Spoolman) -> None:
        now_s = clock.boottime_s()
        waiting = telling.waiting(self._journal.reading)
        for number in sorted(waiting | {n for n in self._printers.values() if n}):
            due_s = self._read_at_s.get(number, 0.0)
            if number in waiting:
                due_s = min(due_s, now_s)
            if now_s >= max(due_s, self._again_at_s.get(number, 0.0)):
                future = self._pool.submit(spoolman.spool, number)
                self._asked = _Asked(number=number, future=future, telling=None)
                return

    def _take(self, asked: _Asked) -> None:
        number, now_s = asked.number, clock.boottime_s()
        try:
            found = asked.future.result()
        except SpoolmanError as error:
            self._again_at_s[number] = now_s + _AGAIN_S
            self._say_fault(number, str(error))
            return
        if asked.telling is not None and not asked.telling.arrived(found):
            self._again_at_s[number] = now_s + _AGAIN_S
            self._say_fault(number, f"Spoolman has not kept what it was told of spool {number}")
            return
        self._read_at_s[number] = now_s + _READ_S
        self._hear(number, found)

    def _hear(self, number: int, found: SpoolmanSpool) -> None:
        name = f"{SPOOLMAN}{number}"
        told = telling.of(self._journal.reading, name)
        if told is not None and not told.arrived(found) and told.may_go(found):
            self._tell(found, told)
            return
        if told is not None and not told.arrived(found):
            # Ours may be in what it says now, or not: rather too little than twice.
            _log.warning("%s: somebody has changed it in Spoolman meanwhile; that holds", name)
        with self._journal.transaction() as db:
            if told is not None:
                telling.settle(db, told)
            weighed_g = telling.weighed_g(db, name)
            fresh = telling.next_telling(name, found, self._journal.used_g(name), weighed_g)
            if fresh is not None:
                telling.keep(db, fresh)
        if fresh is None:
            self._load(number, found)
        elif fresh.arrived(found):
            self._hear(number, found)  # It was weighed, and is as it should be.
        else:
            self._tell(found, fresh)

    def _tell(self, found: SpoolmanSpool, told: Telling) -> None:
        if self._spoolman is None:
            return
        used_at = clock.now() if told.told_g else None
        future = self._pool.submit(self._spoolman.put_right, found, told.to_g, told.full_g, used_at)
        self._asked = _Asked(number=found.id, future=future, telling=told)

    def _load(self, number: int, found: SpoolmanSpool) -> None:
        """Take what Spoolman says of a spool that is in a printer, now that it knows all."""
        printer = next((p for p, n in self._printers.items() if n == number), None)
        if printer is None or self._spoolman is None or not self._is_in(printer, number):
            self._faults.pop(number, None)
            return
        name = f"{SPOOLMAN}{number}"
        try:
            spool = loaded(found, name, self._spoolman.url)
        except SpoolmanError as error:
            self._say_fault(number, str(error))
            fresh = Loaded(printer=printer, spool=name)
        else:
            self._faults.pop(number, None)
            fresh = Loaded(
                printer=printer, spool=name, material=spool.material, grams=spool.grams,
                maker_lot=spool.maker_lot,
            )  # fmt: skip
        if self._journal.loaded(printer) == fresh:
            return
        before = self._lab.loaded_on(printer)
        with self._journal.transaction() as db:
            self._journal.load(db, fresh)
            self._journal.set_setting(db, f"{SPOOLMAN}in:{printer}", str(number))
            if self._lab.loaded_on(printer) != before:
                self._journal.say(db, self._lab.capabilities(), clock.now())

    def _is_in(self, printer: str, number: int) -> bool:
        """Whether nobody has put another spool in on a page, since the file names this one."""
        told = self._journal.loaded(printer)
        known = self._journal.setting(f"{SPOOLMAN}in:{printer}") == str(number)
        return told is None or told.spool == f"{SPOOLMAN}{number}" or not known

    def _say_fault(self, number: int, why: str) -> None:
        if self._faults.get(number) != why:
            _log.warning("%s", why)
        self._faults[number] = why
