"""What the owner asks at her node, answered from the journal: also without the network.

Used by the agent's loop, which owns the journal. Leaves how wishes of other threads come to it to
`fabnet.node.desk`, pages to `web.node_app` and the socket to `fabnet.node.door`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from fabnet import clock
from fabnet.node.bench import Bench
from fabnet.node.bench_talk import Stop
from fabnet.node.desk import Desk
from fabnet.node.disk import Disk
from fabnet.node.grants import Grants
from fabnet.node.journal import COORDINATOR, Journal
from fabnet.node.lab import Lab
from fabnet.node.policy import at_any_time, start_in_s
from fabnet.node.preparing import Preparer
from fabnet.node.stock import Stock
from fabnet.node.tables import Entry
from fabnet.node.trial import Trials
from fabnet.node.uplink import After, Uplink
from jobs.errors import InvalidFieldError, NotFoundError, RefusedError
from jobs.ledger import streams
from jobs.lifecycle import TO_HARVEST, UNGRANTED, AttemptState
from jobs.messages import (
    Answer,
    Config,
    Counted,
    Harvested,
    PrinterReady,
    Rates,
    Report,
    ReportState,
)
from jobs.model import AttemptRef
from jobs.owner import (
    BedView,
    Begin,
    Bring,
    Clear,
    Count,
    GiveBack,
    Halt,
    NodeView,
    Pause,
    PlateView,
    SayRates,
    StopPrint,
    Try,
    Wish,
)
from jobs.plausible import check_rates
from printers.model import PartRate, PrinterFacts, PrinterState

_MOST_TIMES = 10  # a count of more than so many times the plate is a slip of the finger
_SHOWN = UNGRANTED | TO_HARVEST | {AttemptState.GRANTED, AttemptState.PRINTING}
_RUNNING = frozenset({AttemptState.GRANTED, AttemptState.PRINTING})


class Owner:
    """Answers wishes; used by the thread that owns the journal.

    Args:
        counted: ends an attempt that a person has counted, inside the transaction.
        cleared: marks a bed as clear, inside the transaction.
    """

    def __init__(
        self,
        node: str,
        journal: Journal,
        lab: Lab,
        grants: Grants,
        benches: Mapping[str, Bench],
        uplink: Uplink,
        trials: Trials,
        stock: Stock,
        preparer: Preparer,
        disk: Disk,
        counted: Callable[[sqlite3.Connection, Harvested, datetime], After],
        cleared: Callable[[sqlite3.Connection, PrinterReady, datetime], None],
    ) -> None:
        self._node = node
        self._journal = journal
        self._lab = lab
        self._grants = grants
        self._benches = benches
        self._uplink = uplink
        self._trials = trials
        self._stock = stock
        self._preparer = preparer
        self._disk = disk
        self._counted = counted
        self._cleared = cleared
        self._said = lab.resting, lab.utc_offset_min  # what changes by itself, with the day
        self._linked = False
        self._link_since = clock.now()

    def serve(self, desk: Desk) -> None:
        """Answer what lies on the desk; tell of what has ended on its day."""
        if self._uplink.carries is not self._linked:
            self._linked, self._link_since = self._uplink.carries, clock.now()
        while (taken := desk.take()) is not None:
            wish, future = taken
            try:
                self.do(wish)
                future.set_result(self.view())
            except (RefusedError, InvalidFieldError, NotFoundError) as error:
                future.set_exception(error)
            except sqlite3.Error as error:
                if (refusal := self._disk.refusal(error)) is not None:
                    future.set_exception(refusal)
                raise
            finally:
                if not future.done():
                    future.set_exception(RefusedError("The node failed; its log says why."))
        if (by_now := (self._lab.resting, self._lab.utc_offset_min)) != self._said:
            with self._journal.transaction() as db:
                self._journal.say(db, self._lab.capabilities(), clock.now())
            self._said = by_now

    def do(self, wish: Wish) -> None:
        """Do what is wished; who only looks wishes nothing.

        Raises:
            RefusedError, InvalidFieldError, NotFoundError: as `Desk.ask`.
        """
        match wish:
            case Count():
                self._count(wish)
            case Clear():
                self._clear(wish.printer)
            case Begin():
                self._begin(wish.attempt)
            case GiveBack():
                self._give_back(wish.attempt, wish.reason.strip())
            case Bring():
                self._bring(wish)
            case Try() | Halt():
                self._trials.do(wish)
            case StopPrint():
                self._stop(wish.printer, at_once=wish.at_once)
            case Pause():
                self._enter(Config(paused=wish.paused))
            case SayRates():
                self._say_rates(wish)
        self._uplink.hurry()

    def _enter(self, told: Config) -> None:
        with self._journal.transaction() as db:
            self._lab.enter(db, told)
            self._journal.say(db, self._lab.capabilities(), clock.now())

    def _say_rates(self, wish: SayRates) -> None:
        if wish.printer not in self._benches or not self._lab.has_rates(wish.printer):
            raise NotFoundError("machine with a rate", wish.printer)
        check_rates(wish.rate_per_h, wish.parts)
        told = Rates(printer=wish.printer, rate_per_h=wish.rate_per_h, parts=wish.parts)
        self._enter(Config(rates=(told,)))

    def _entry(self, ref: AttemptRef) -> Entry:
        entry = self._journal.entry(ref)
        if entry is None:
            raise NotFoundError("plate", str(ref))
        return entry

    def _by_hand(self, entry: Entry) -> bool:
        return (
            entry.state is AttemptState.PRINTING
            and entry.printer in self._benches
            and self._lab.is_manual(entry.printer)
        )

    def _count(self, wish: Count) -> None:
        entry = self._entry(wish.attempt)
        if entry.state is AttemptState.HARVESTED:
            raise RefusedError(f"{entry.ref} was counted already.")
        if entry.state not in TO_HARVEST and not self._by_hand(entry):
            raise RefusedError(f"{entry.ref} is {entry.state}: there is nothing to count yet.")
        most, reason = entry.pieces * _MOST_TIMES, wish.reason.strip()
        for name, count in (("good", wish.good), ("scrap", wish.scrap)):
            if not 0 <= count <= most:
                raise InvalidFieldError(name, f"between 0 and {most}")
        if (wish.scrap or wish.good < entry.pieces) and not reason:
            raise InvalidFieldError("reason", "say what happened to the missing pieces")
        now, by = clock.now(), wish.by.strip() or self._node
        told = Harvested(attempt=entry.ref, good=wish.good, scrap=wish.scrap, reason=reason, by=by)
        with self._journal.transaction() as db:
            message = Counted(
                attempt=entry.ref, good=wish.good, scrap=wish.scrap, reason=reason, by=by,
                at=now.isoformat(),
            )  # fmt: skip
            self._journal.say(db, message, now)
            after = self._counted(db, told, now)
        for act in after:
            act()

    def _clear(self, printer: str) -> None:
        if printer not in self._benches:
            raise NotFoundError("printer", printer, self._benches)
        lies = self._journal.on_bed(printer)
        if lies is not None and lies.state in _RUNNING:
            raise RefusedError(f"{printer} prints {lies.ref} now.")
        if lies is not None:
            raise RefusedError(f"{lies.ref} lies on {printer}: count it, that clears the bed too.")
        if self._trials.runs(printer):
            raise RefusedError(f"{printer} prints a test part now.")
        if self._benches[printer].in_use:
            raise RefusedError(f"{printer} prints for somebody else now, or is heated there.")
        with self._journal.transaction() as db:
            self._cleared(db, PrinterReady(printer=printer), clock.now())

    def _stop(self, printer: str, *, at_once: bool) -> None:
        if printer not in self._benches:
            raise NotFoundError("printer", printer, self._benches)
        if self._lab.is_manual(printer):
            raise RefusedError(f"{printer} is worked by a person: it is stopped there.")
        bench = self._benches[printer]
        lies = self._journal.on_bed(printer)
        if at_once:
            bench.command(Stop(name="", at_once=True))
        elif self._trials.runs(printer):
            self._trials.halt(printer)
        elif lies is not None and lies.state in _RUNNING:
            bench.command(Stop(name=lies.ref.name))
        else:
            raise RefusedError(f"{printer} prints nothing that could be stopped.")
        if bench.status.state is PrinterState.OFFLINE:
            raise RefusedError(f"{printer} cannot be reached now: pull its plug.")

    def _begin(self, ref: AttemptRef) -> None:
        entry = self._entry(ref)
        if entry.state is not AttemptState.READY or entry.intent:
            raise RefusedError(f"{ref} is {entry.state}: it cannot be started from here.")
        if not self._grants.begin_by_word(entry):
            raise RefusedError(
                f"The time in which {ref} may be started is over; it is asked for anew as soon as"
                " the network is within reach."
            )

    def _give_back(self, ref: AttemptRef, reason: str) -> None:
        entry = self._entry(ref)
        if entry.intent or entry.state not in UNGRANTED:
            raise RefusedError(
                f"{ref} is {entry.state}: only what has not begun can be given back."
            )
        if not reason:
            raise InvalidFieldError("reason", "is needed: the network plans by it")
        with self._journal.transaction() as db:
            self._journal.move(db, ref, AttemptState.DECLINED, reason)
            told: Answer | Report = Report(attempt=ref, state=ReportState.DECLINED, reason=reason)
            if entry.state is AttemptState.OFFERED:
                told = Answer(attempt=ref, taken=False, reason=reason)
            self._journal.say(db, told, clock.now())
        self._grants.drop(ref)

    def _bring(self, wish: Bring) -> None:
        entry = self._entry(wish.attempt)
        if not self._sliceable(entry):
            raise RefusedError(f"{entry.ref} is {entry.state}: it is too late for other G-code.")
        self._preparer.bring(entry, wish.slice)
        if entry.intent:
            self._grants.tell_slice(entry.ref)
        elif self._grants.was_asked(entry):
            # Said before anything that may begin now: the network's record names what is printed.
            self._grants.ask_anew(entry.ref)

    def _sliceable(self, entry: Entry) -> bool:
        # What is printed from a card begins when its maker puts the card in, which nobody sees.
        from_card = self._by_hand(entry) and not self._lab.has_rates(entry.printer)
        return from_card or self._preparer.sliceable(entry)

    # --- what she sees ------------------------------------------------------------------------

    def view(self) -> NodeView:
        """Return how things stand."""
        facts = self._lab.capabilities()
        return NodeView(
            node=self._node,
            lab=facts.lab,
            at=clock.now(),
            linked=self._linked,
            link_since=self._link_since,
            unsent=streams.unread(self._journal.reading, COORDINATOR),
            paused=facts.paused,
            beds=tuple(self._bed(printer.id) for printer in facts.printers),
            plates=tuple(self._plate(entry) for entry in self._journal.entries(_SHOWN)),
            trials=self._trials.views(),
            clock_behind=self._lab.clock_behind,
            disk=self._disk.trouble,
        )

    def _bed(self, name: str) -> BedView:
        facts = next(p for p in self._lab.capabilities().printers if p.id == name)
        status, lies = self._benches[name].status, self._journal.on_bed(name)
        return BedView(
            printer=name,
            title=facts.title,
            state=status.state,
            fault=status.fault or "",
            clear=self._journal.is_clear(name),
            by_hand=self._lab.is_manual(name),
            attempt=None if lies is None else lies.ref,
            fraction_done=status.fraction_done,
            nozzle_c=status.nozzle_c,
            bed_c=status.bed_c,
            material=facts.works_in or "",
            grams=0.0 if facts.spool is None else facts.spool.grams,
            waits_to_heat=self._waits_to_heat(name),
            spool_fault=self._stock.fault(name),
            rate_per_h=facts.rate_per_h,
            rates=self._rated(facts),
        )

    def _rated(self, facts: PrinterFacts) -> tuple[PartRate, ...]:
        """Return the parts that may have a rate of their own: that were offered, or have one."""
        if not facts.rate_per_h:
            return ()
        found = {source: PartRate(part=part, source_sha256=source, per_h=0.0)
                 for part, source in self._journal.parts_of(facts.id)}  # fmt: skip
        found |= {each.source_sha256: each for each in facts.rates}
        return tuple(sorted(found.values(), key=lambda each: (each.part, each.source_sha256)))

    def _waits_to_heat(self, name: str) -> bool:
        bench = self._benches[name]
        idle = bench.status.state is PrinterState.IDLE and bench.heat is None
        return idle and not self._grants.may_heat(name)

    def _plate(self, entry: Entry) -> PlateView:
        held_s = self._grants.held_for_s(entry)
        open_s = 0.0 if held_s > 0 else self._grants.open_for_s(entry)
        by_word_s = held_s if self._waits_for_clock(entry) else 0.0
        return PlateView(
            attempt=entry.ref,
            printer=entry.printer,
            part=entry.part,
            pieces=entry.pieces,
            material=entry.material,
            seconds=entry.seconds,
            grams=entry.grams,
            state=entry.state,
            reason=entry.reason,
            begun=entry.intent,
            countable=entry.state in TO_HARVEST or self._by_hand(entry),
            returnable=not entry.intent and entry.state in UNGRANTED,
            plate_sha256=entry.plate_sha256,
            slicer=entry.slicer,
            sliceable=self._sliceable(entry),
            to_slice=self._preparer.waits_for_owner(entry),
            starts_until=_in(held_s - by_word_s),
            fits_from=self._fits_from(entry),
            opens_until=_in(open_s + by_word_s),
        )

    def _waits_for_clock(self, entry: Entry) -> bool:
        behind = self._lab.clock_behind
        return behind and not at_any_time(entry.printer, self._lab.rules())

    def _fits_from(self, entry: Entry) -> datetime | None:
        if entry.state is not AttemptState.READY or self._waits_for_clock(entry):
            return None
        local = clock.here()
        wait_s = start_in_s(entry.printer, entry.seconds, self._lab.rules(), local)
        return None if wait_s is None else _in(wait_s)


def _in(seconds: float) -> datetime | None:
    return clock.now() + timedelta(seconds=seconds) if seconds > 0 else None
