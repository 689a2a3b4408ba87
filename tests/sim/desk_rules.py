"""What may happen at a coordinator's desk, in any order: drawn with a seed, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from jobs.lifecycle import STOPPABLE, AttemptState
from jobs.messages import ReportState
from jobs.model import StopOutcome
from jobs.recall import RecallKind
from tests.sim.desk import Desk

STEPS = 70
_Thing = TypeVar("_Thing")


class Day:
    """Requesters, stewards, makers, drivers, a hub: each presses any button at any time.

    `told` are the steps so far, for whoever reads of a fault.
    """

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.told: list[str] = []
        self._dice = random.Random(seed)
        # What brings the work on is drawn more often, or it rarely begins.
        self._often = (self.a_day, self.a_day, self.a_deed, self.make, self.tick, self.pass_time)
        self._seldom = (
            self.ask, self.need, self.plan, self.regroup, self.is_there, self.forgets, self.leaves,
            self.is_shut_out, self.clears, self.goes_on, self.reports, self.reports, self.answers,
            self.harvest, self.counts, self.write_off, self.stop, self.announce,
            self.cancel_pickup, self.drives, self.arrives, self.count_in, self.inspect,
            self.rework, self.spoil, self.sign, self.hub_rule, self.count_stock, self.pack,
            self.dispatch, self.leave_in_a_run, self.say_at_a_stop, self.come_back, self.receive,
            self.complain, self.recall, self.end_recall, self.waive, self.withdraw_design,
            self.release, self.forget_people, self.copy, self.put_back, self.restates,
            self.goes_on_without,
        )  # fmt: skip

    def run(self) -> None:
        """Begin, do as many steps as there are, and end well."""
        for _ in range(2):
            self.desk.ask(self._dice.randint(1, 4))
        for _ in range(STEPS):
            some = self._often if self._dice.random() < 0.3 else self._seldom
            deed = self._dice.choice(some)
            self.told.append(deed.__name__)
            deed()
            self.desk.check()
        self.told.append("settle")
        self.desk.settle()

    def _one(self, things: Sequence[_Thing]) -> _Thing | None:
        """Return one of several, rather a late one than an early one; None where there is none."""
        if not things:
            return None
        found = things[max(self._dice.randrange(len(things)) for _ in range(2))]
        self.told[-1] += f" {getattr(found, 'ref', found)}"
        return found

    def _with(self, value: _Thing) -> _Thing:
        self.told[-1] += f" {value}"
        return value

    def _few(self, least: int = 0, most: int = 3) -> int:
        return self._with(self._dice.randint(least, most))

    def _lab(self) -> str:
        return self._with(self._dice.choice(self.desk.labs))

    def _yes(self) -> bool:
        return self._with(self._dice.random() < 0.5)

    def _bag(self, deed: Callable[[str], object]) -> None:
        if code := self._one(self.desk.bags()):
            deed(code)

    # --- what goes well

    def a_day(self) -> None:
        for deed in self.desk.deeds[: self._few(1, 9)]:
            deed()

    def a_deed(self) -> None:
        self.desk.deeds[self._few(0, 8)]()

    def make(self) -> None:
        """A plate gets on, perhaps to the count."""
        live = [a for a in self.desk.attempts() if a.state is not AttemptState.HARVESTED]
        if found := self._one(live):
            for _ in range(self._few(1, 6)):
                self.desk.goes_on(next(a for a in self.desk.attempts() if a.ref == found.ref))

    def tick(self) -> None:
        self.desk.tick()

    def pass_time(self) -> None:
        self.desk.pass_time(self._with(self._dice.choice((0.1, 1, 3, 30, 30, 400, 2400))))

    # --- orders

    def ask(self) -> None:
        self.desk.ask(self._few(1, 4), sandbox=self._dice.random() < 0.2)

    def need(self) -> None:
        if order := self._one(self.desk.orders()):
            self.desk.need(order, self._few(0, 4))

    def plan(self) -> None:
        self.desk.plan(self._few(0, 1), self._few(1, 5))

    def regroup(self) -> None:
        self.desk.claim(self._lab())
        self.desk.spread()
        self.desk.resplit()

    # --- labs and plates

    def is_there(self) -> None:
        self.desk.is_there(self._lab(), online=self._yes())

    def forgets(self) -> None:
        self.desk.forgets(self._lab())

    def leaves(self) -> None:
        self.desk.leaves(self._lab())

    def is_shut_out(self) -> None:
        self.desk.is_shut_out(self._lab())

    def clears(self) -> None:
        self.desk.clears(self._lab())

    def goes_on(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.goes_on(found)

    def reports(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.reports(found, self._with(self._dice.choice(tuple(ReportState))))

    def answers(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.answers(found, taken=self._yes())

    def harvest(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.harvest(found.ref, self._few(0, 7))

    def counts(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.counts(found, self._few(0, 7))

    def write_off(self) -> None:
        if found := self._one(self.desk.attempts()):
            self.desk.write_off(found.ref)

    def stop(self) -> None:
        if found := self._one(self.desk.attempts(*STOPPABLE)):
            self.desk.stop(found)

    # --- bags

    def announce(self) -> None:
        self.desk.announce(self._lab())

    def cancel_pickup(self) -> None:
        if pickup := self._one(self.desk.pickups()):
            self.desk.cancel_pickup(pickup)

    def drives(self) -> None:
        if pickup := self._one(self.desk.pickups()):
            self.desk.drives(pickup, self._few())

    def arrives(self) -> None:
        self._bag(self.desk.arrives)

    def count_in(self) -> None:
        self._bag(lambda code: self.desk.count_in(code, self._few()))

    def inspect(self) -> None:
        self._bag(lambda code: self.desk.inspect(code, self._few()))

    def rework(self) -> None:
        self._bag(lambda code: self.desk.rework(code, done=self._yes()))

    def spoil(self) -> None:
        self._bag(lambda code: self.desk.spoil(code, self._few(1, 3)))

    def sign(self) -> None:
        self._bag(self.desk.sign)

    def hub_rule(self) -> None:
        self.desk.rule(1.0 if self._yes() else None, second=self._yes() or None)

    def count_stock(self) -> None:
        self.desk.count_stock(self._few(0, 9))

    # --- parcels

    def pack(self) -> None:
        if order := self._one(self.desk.orders()):
            self.desk.pack(order)

    def dispatch(self) -> None:
        if batch := self._one(self.desk.batches()):
            self.desk.dispatch(batch)

    def leave_in_a_run(self) -> None:
        self.desk.leave_in_a_run()

    def say_at_a_stop(self) -> None:
        self.desk.say_at_a_stop(self._few(0, 9), self._with(self._dice.choice(tuple(StopOutcome))))

    def come_back(self) -> None:
        if batch := self._one(self.desk.batches()):
            self.desk.come_back(batch)

    def receive(self) -> None:
        if batch := self._one(self.desk.batches()):
            self.desk.receive(batch, *(self._few(0, 2) for _ in range(3)))

    def complain(self) -> None:
        if batch := self._one(self.desk.batches()):
            self.desk.complain(batch)

    # --- recalls, and people who are forgotten

    def recall(self) -> None:
        kind = self._with(self._dice.choice(tuple(RecallKind)))
        self._bag(lambda code: self.desk.recall(code, kind))

    def end_recall(self) -> None:
        if recall := self._one(self.desk.recalls()):
            self.desk.end_recall(recall, good=self._yes())

    def waive(self) -> None:
        recall, order = self._one(self.desk.recalls()), self._one(self.desk.orders())
        if recall and order:
            self.desk.waive(recall, order)

    def withdraw_design(self) -> None:
        if not self._few(0, 9):
            self.desk.withdraw_design()

    def release(self) -> None:
        self._bag(self.desk.release)

    def forget_people(self) -> None:
        self.desk.forget_people()

    # --- a copy of the ledger

    def copy(self) -> None:
        self.desk.copy()

    def put_back(self) -> None:
        if self._yes():
            self.desk.put_back()

    def restates(self) -> None:
        self.desk.restates(self._lab())

    def goes_on_without(self) -> None:
        if not self._few():
            self.desk.goes_on_without(self._lab())
