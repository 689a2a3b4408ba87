"""The grants that a node holds: asked for ahead, kept in memory, started when the printer is free.

Gathers the facts and does the deeds; what to do is decided by `fabnet.node.duty`. What became of a
started print is the agent's.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from fabnet import clock
from fabnet.node import duty, heating
from fabnet.node.bench import Bench
from fabnet.node.bench_talk import Found, Start, Stop
from fabnet.node.duty import Claim, Facts, Kept, Machine, Plate
from fabnet.node.journal import TOLD, Journal
from fabnet.node.lab import Lab
from fabnet.node.policy import Rules, over_ceiling, refusal, start_in_s
from fabnet.node.tables import Entry, last_begun
from jobs.lifecycle import AttemptState
from jobs.messages import Cancel, Grant, Ready
from jobs.model import AttemptRef
from printers.model import PrinterState

_log = logging.getLogger(__name__)

#: How far ahead grants are asked for before the first one has come.
_AHEAD_S = 8 * 3600.0
_READY = frozenset({AttemptState.READY})
_PRINTED = (
    "printed:"  # and a printer: the setting that names the last print that it had when it was seen
)
_BROKEN = frozenset({PrinterState.OFFLINE, PrinterState.FAULT})


class Grants:
    """Used by the thread that owns the journal.

    Args:
        say_printer: tells the network what a printer is, inside the transaction.
        give_back: hands back an attempt with a reason, inside the transaction.
    """

    def __init__(
        self,
        journal: Journal,
        lab: Lab,
        benches: Mapping[str, Bench],
        say_printer: Callable[[sqlite3.Connection, str, datetime], None],
        give_back: Callable[[sqlite3.Connection, AttemptRef, str, datetime], None],
    ) -> None:
        self._journal = journal
        self._lab = lab
        self._benches = benches
        self._say_printer = say_printer
        self._give_back = give_back
        self._claims: dict[AttemptRef, Claim] = {}
        self._by_word: set[AttemptRef] = set()  # a person at the machine starts them
        self._broken_s: dict[str, float] = {}
        self._ahead_s = _AHEAD_S
        self._boot = clock.boot_id()

    def work(self) -> None:
        """Give back, start and ask, whatever is due."""
        entries = {entry.ref: entry for entry in self._journal.entries(_READY)}
        self._watch_broken(clock.boottime_s())
        if not entries:
            return
        facts = self._facts(entries)
        for ref, why in duty.to_return(facts):
            _log.warning("%s is given back: %s", ref, why)
            with self._journal.transaction() as db:
                self._give_back(db, ref, why, clock.now())
            del entries[ref]
        for ref in duty.to_start(facts):
            if ref in entries and self.may_heat(entries[ref].printer):
                self._start(entries.pop(ref))
        for ref in duty.to_ask(facts):
            if ref in entries:
                self._ask(entries[ref])

    def _facts(self, entries: Mapping[AttemptRef, Entry]) -> Facts:
        rules = self._lab.rules()
        local = clock.here()
        plates: list[Plate] = []
        before_s = 0.0  # of plates that go before it this week
        for entry in entries.values():
            why = refusal(entry.printer, entry.material, rules)
            why = why or over_ceiling(entry.seconds, before_s, rules)
            before_s += 0.0 if why else entry.seconds
            plates.append(
                Plate(
                    ref=entry.ref,
                    printer=entry.printer,
                    seconds=entry.seconds,
                    start_in_s=self._start_in_s(entry, rules, local),
                    refusal=why,
                    granted=entry.granted is not None,
                )
            )
        return Facts(
            plates=tuple(plates),
            claims=self._claims,
            machines={name: self._machine(name) for name in self._benches},
            unheard=self._journal.unheard_readies(),
            ahead_s=self._ahead_s,
            now_s=clock.boottime_s(),
        )

    def _start_in_s(self, entry: Entry, rules: Rules, local: datetime) -> float | None:
        # Whose word it is stands at the machine, whatever its clock shows.
        if rules.clock_behind and entry.ref in self._by_word:
            return 0.0
        return start_in_s(entry.printer, entry.seconds, rules, local)

    def _machine(self, name: str) -> Machine:
        state = self._benches[name].status.state
        on_bed = self._journal.on_bed(name) is not None
        clear = self._journal.is_clear(name) and self.is_empty(name)
        judged = self._lab.is_manual(name) or not self._benches[name].in_doubt
        return Machine(
            free=state is PrinterState.IDLE and clear and judged,
            works=on_bed and state not in _BROKEN,
            broken_s=self._broken_s.get(name),
        )

    def may_heat(self, printer: str) -> bool:
        """Whether this printer may get hot now; one that a person feeds is hers to switch on."""
        others = (bench.heat for bench in self._benches.values())
        found = [heat for heat in others if heat is not None]
        return self._lab.is_manual(printer) or heating.may_heat(
            found, self._lab.heaters_at_once, clock.boottime_s()
        )

    def _watch_broken(self, now_s: float) -> None:
        for name, bench in self._benches.items():
            if bench.status.state in _BROKEN:
                self._broken_s.setdefault(name, now_s)
            else:
                self._broken_s.pop(name, None)

    def _start(self, entry: Entry) -> None:
        now = clock.now()
        with self._journal.transaction() as db:
            if not self._journal.intend(db, entry.ref, entry.printer, now):
                return
            self._say_printer(db, entry.printer, now)
        self.drop(entry.ref)
        # After the commit: INTENT is on the disk before the printer hears of it.
        start = Start(name=entry.ref.name, gcode=Path(entry.gcode), sha256=entry.gcode_sha256)
        self._benches[entry.printer].command(start)

    def _ask(self, entry: Entry) -> None:
        nonce, sent_s = secrets.token_hex(8), clock.boottime_s()
        self._say_ready(entry, nonce)
        self._claims[entry.ref] = duty.asked_again(self._claims.get(entry.ref), nonce, sent_s)

    def ask_anew(self, ref: AttemptRef) -> None:
        """Say of a plate that another slice of it will be printed; a grant in hand stays."""
        entry = self._journal.entry(ref)
        if entry is not None:
            self._ask(entry)

    def tell_slice(self, ref: AttemptRef) -> None:
        """Say of a plate that a person prints from a card which slice of it that is now."""
        entry = self._journal.entry(ref)
        if entry is not None:
            self._say_ready(entry, secrets.token_hex(8))  # nothing is claimed: it runs already

    def _say_ready(self, entry: Entry, nonce: str) -> None:
        message = Ready(
            attempt=entry.ref,
            nonce=nonce,
            gcode_key=entry.gcode_key,
            seconds=entry.seconds,
            grams=entry.grams,
            slicer=entry.slicer,
        )
        with self._journal.transaction() as db:
            self._journal.say(db, message, clock.now())

    # --- what others say of them ----------------------------------------------------------------

    def hear(self, db: sqlite3.Connection, grant: Grant, now: datetime) -> bool:
        """Take a grant; return whether it is of any use."""
        ref, claim = grant.attempt, self._claims.get(grant.attempt)
        if claim is None or claim.nonce != grant.nonce:
            return False  # Of a nonce that a restart or a newer ready has voided; asked for anew.
        now_s = clock.boottime_s()
        # The network's look-ahead, and up to as much again for a long plate. It bounds only what is
        # asked for: the coordinator offers no work that is further ahead than it plans.
        self._ahead_s = grant.ttl_s
        found = duty.heard(claim, grant.ttl_s, now_s)
        if found is None:
            _log.warning("%s: the grant came too late, asking again", ref)
            if not claim.holds(now_s):
                del self._claims[ref]
            return False
        left = timedelta(seconds=claim.sent_s + grant.ttl_s - now_s)
        kept = Kept(at=now, until=now + left, until_s=claim.sent_s + grant.ttl_s, boot=self._boot)
        self._journal.keep_grant(db, ref, kept)
        # Last: what cannot be written must not start anything.
        self._claims[ref] = found
        return True

    def forget(self, db: sqlite3.Connection) -> None:
        """The coordinator has forgotten what it has granted, or this node has: none holds."""
        self._claims.clear()
        self._journal.forget_grants(db)

    def stop(self, cancel: Cancel) -> None:
        """Stop a print that was begun; writes nothing, so a full disk is no hindrance."""
        entry = self._journal.entry(cancel.attempt)
        if (
            entry is not None
            and entry.intent
            and entry.state in TOLD
            and entry.printer in self._benches
        ):
            stop = Stop(name=entry.ref.name, at_once=cancel.at_once)
            self._benches[entry.printer].command(stop)

    def drop(self, ref: AttemptRef) -> None:
        """The attempt is not ours any more."""
        self._claims.pop(ref, None)
        self._by_word.discard(ref)

    def is_empty(self, printer: str) -> bool:
        """Whether nothing of ours lies on it uncounted, and nobody else uses it."""
        here = printer in self._benches and not self._benches[printer].in_use
        return here and self._journal.on_bed(printer) is None

    def used(self, printer: str) -> None:
        """Something was printed that no attempt tells of: who called its bed clear has not seen that."""
        with self._journal.transaction() as db:
            self._journal.set_clear(db, printer, clear=False)
            self._say_printer(db, printer, clock.now())

    def found(self, found: Found) -> None:
        """A printer is back in sight: what somebody else has printed there meanwhile lies on its bed."""
        printer, status = found.printer, found.status
        key = f"{_PRINTED}{printer}"
        before = self._journal.setting(key)
        idle = status.state is PrinterState.IDLE and self._journal.on_bed(printer) is None
        begun = last_begun(self._journal.reading, printer)
        if found.anew and idle and heating.was_used(status, before, begun, clock.now()):
            _log.warning("%s: somebody has used it while nobody looked: is its bed clear?", printer)
            self.used(printer)
        if status.printed and status.printed != before:
            with self._journal.transaction() as db:
                self._journal.set_setting(db, key, status.printed)
        self._benches[printer].in_doubt = False

    # --- for its owner ------------------------------------------------------------------------

    def was_asked(self, entry: Entry) -> bool:
        """Whether the coordinator may count on it: it was granted, or a ready is on its way."""
        return entry.granted is not None or entry.ref in self._claims

    def held_for_s(self, entry: Entry) -> float:
        """Return for how long its grant is still good without anybody's word; 0: none is held."""
        claim, now_s = self._claims.get(entry.ref), clock.boottime_s()
        if claim is None or claim.until_s is None:
            return 0.0
        return max(0.0, claim.until_s - now_s)

    def open_for_s(self, entry: Entry) -> float:
        """Return for how long a person may re-open the grant that a restart has voided."""
        if entry.state is not AttemptState.READY or entry.intent or entry.granted is None:
            return 0.0
        return duty.left_s(entry.granted, clock.now(), clock.boottime_s(), self._boot)

    def reopen(self, entry: Entry) -> bool:
        """Let a person's word stand for the grant that a restart has voided, within its time.

        And for hours that a clock which is behind does not tell.
        """
        self._by_word.add(entry.ref)
        if self.held_for_s(entry) > 0:
            return True
        left_s, now_s = self.open_for_s(entry), clock.boottime_s()
        if left_s <= 0:
            return False
        self._claims[entry.ref] = duty.reopened(self._claims.get(entry.ref), left_s, now_s)
        return True

    def begin_by_word(self, entry: Entry) -> bool:
        """Begin what a person wants to be printed now; return whether its grant may be re-opened.

        Raises:
            sqlite3.Error: nothing can be written. Her word does not stand then: what she was refused
                does not begin by itself hours later.
        """
        before = self._claims.get(entry.ref)
        if not self.reopen(entry):
            return False
        try:
            self.work()
        except sqlite3.Error:
            now = self._journal.entry(entry.ref)
            if now is None or not now.intent:
                self.drop(entry.ref)
                if before is not None:
                    self._claims[entry.ref] = before
                raise
        return True
