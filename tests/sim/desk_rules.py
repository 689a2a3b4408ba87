"""What may happen at a coordinator's desk, in any order: drawn with a seed, so that a run can be had again."""

from __future__ import annotations

from collections import Counter

from jobs.ledger.views import AttemptView
from jobs.lifecycle import STOPPABLE, AttemptState
from jobs.messages import ReportState
from jobs.model import StopOutcome
from jobs.recall import RecallKind
from tests.sim import desk_law
from tests.sim.desk import Desk
from tests.sim.desk_choice_rules import CHOICES, ChoiceRules

STEPS = 60
#: How often what brings the work on is drawn, beside the others.
_USUAL = {
    "a_day": 16, "a_deed": 25, "make": 20, "pass_time": 8, "tick": 8, "ask": 8, "plan": 4,
    "dispatch": 4,
}  # fmt: skip
_SOME = (
    "goes_on", "reports", "answers", "harvest", "counts", "write_off", "stop",
    "announce", "drives", "arrives", "count_in", "inspect", "spoil", "sign", "pack",
    "leave_in_a_run", "come_back", "need", "recall", "end_recall", "waive", "release",
    "forget_people", "put_back", "restates", "goes_on_without",
)  # fmt: skip
#: What only few things come to: they are drawn much, in half of the runs each.
_AT_THE_END = (
    "receive",
    "say_at_a_stop",
    "carrier",
    "lose",
    "rework",
    "cancel_pickup",
    "complain",
    "regroup",
)
#: What can always be done, and after which less goes on.
_MISHAPS = (
    "forgets", "leaves", "is_shut_out", "withdraw_design", "is_there", "clears", "hub_rule",
    "count_stock",
)  # fmt: skip


class Day(ChoiceRules):
    """Requesters, stewards, makers, drivers, a hub: each presses any button at any time.

    `told` are the steps so far, for whoever reads of a fault; `did` says how often each of them has
    changed something.
    """

    def __init__(self, desk: Desk, seed: int) -> None:
        super().__init__(desk, seed)
        self.did: Counter[str] = Counter()
        # Each run leaves out half of it, and most mishaps: where all of it happens, little else does.
        some = [name for name in _SOME if self._dice.random() < 0.5]
        self._weights = _USUAL | {name: self._dice.randint(4, 12) for name in some}
        self._weights |= {name: 16 for name in _AT_THE_END if self._dice.random() < 0.5}
        self._weights |= {name: 4 for name in CHOICES if self._dice.random() < 0.3}
        self._weights |= {name: 3 for name in _MISHAPS if self._dice.random() < 0.3}

    @staticmethod
    def deeds() -> tuple[str, ...]:
        """Return the names of all that may happen."""
        return (*_USUAL, *_SOME, *_AT_THE_END, *CHOICES, *_MISHAPS)

    def run(self) -> None:
        """Begin, do as many steps as there are, and end well."""
        for _ in range(2):
            self.desk.ask(self._dice.randint(1, 4))
        if self._dice.random() < 0.5:
            self.desk.count_stock(20, "A1")
        for deed in self.desk.deeds[: self._begins()]:
            deed()
        for step in range(STEPS):
            self._step()
            if step % 10 == 0:
                desk_law.check(self.desk.db, self.desk.now)
        desk_law.check(self.desk.db, self.desk.now)

    def _begins(self) -> int:
        """How far the first day goes: what comes late is seldom there else."""
        self.told.append("begin")
        return self._few(0, len(self.desk.deeds))

    def _step(self) -> None:
        """Do something; where that changes nothing, try other things for a while."""
        for _ in range(4):
            (name,) = self._dice.choices(list(self._weights), list(self._weights.values()))
            if self._does(name):
                self.desk.check()
                return

    def _does(self, name: str) -> bool:
        changed = super()._does(name)
        self.did[name] += changed
        return changed

    # --- what goes well

    def a_day(self) -> None:
        """What has to be done all day, and perhaps some of it stays undone."""
        for index, deed in enumerate(self.desk.deeds):
            if self._dice.random() < 0.4:
                self._with(index)
                deed()

    def a_deed(self) -> None:
        self.desk.deeds[self._few(0, len(self.desk.deeds) - 1)]()

    def make(self) -> None:
        """A plate gets on, perhaps to the count."""

        def gets_on(found: AttemptView) -> None:
            for _ in range(self._few(1, 6)):
                self.desk.goes_on(next(a for a in self.desk.attempts() if a.ref == found.ref))

        self._any(
            [a for a in self.desk.attempts() if a.state is not AttemptState.HARVESTED], gets_on
        )

    def tick(self) -> None:
        self._first("stop")
        self.desk.tick()

    def pass_time(self) -> None:
        self.desk.pass_time(self._with(self._dice.choice((0.1, 1, 1, 3, 3, 30, 30, 30, 400, 2400))))

    # --- orders

    def ask(self) -> None:
        self.desk.ask(self._few(1, 4), sandbox=self._dice.random() < 0.2)

    def need(self) -> None:
        less = self._yes()
        self._any(self.desk.orders(), lambda o: self.desk.need(o, self._few(0, 1 if less else 4)))

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
        self._any(self.desk.attempts(), self.desk.goes_on)

    def reports(self) -> None:
        ends = (ReportState.FAILED, ReportState.INTERRUPTED, ReportState.CANCELLED)
        told = self._with(self._dice.choice((*ReportState, *ends)))
        self._any(self.desk.attempts(), lambda found: self.desk.reports(found, told))

    def answers(self) -> None:
        self._any(self.desk.attempts(), lambda a: self.desk.answers(a, taken=self._yes()))

    def harvest(self) -> None:
        self._first("write_off")
        self._any(self.desk.attempts(), lambda a: self.desk.harvest(a.ref, self._few(0, 7)))

    def counts(self) -> None:
        self._any(self.desk.attempts(), lambda a: self.desk.counts(a, self._few(0, 7)))

    def write_off(self) -> None:
        self._any(self.desk.attempts(), lambda a: self.desk.write_off(a.ref))

    def stop(self) -> None:
        """What was granted is given back, perhaps of an order that needs it no more."""
        if found := self._one(self.desk.attempts(*STOPPABLE)):
            if self._yes():
                self.desk.need(found.order_id, self._few(0, 1))
            self.desk.stop(found)

    # --- bags

    def announce(self) -> None:
        self._any(self.desk.labs, self.desk.announce)

    def cancel_pickup(self) -> None:
        self._first("announce")
        self._any(self.desk.pickups(), self.desk.cancel_pickup)

    def drives(self) -> None:
        self._first("announce")
        self._any(self.desk.pickups(), lambda each: self.desk.drives(each, self._few()))

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
        self.desk.rule(None if self._few() else 1.0, second=None if self._few() else True)

    def count_stock(self) -> None:
        self.desk.count_stock(self._few(0, 9), self._with(self._dice.choice(("", "A1", "B2"))))

    # --- parcels

    def pack(self) -> None:
        lot = self._with(self._dice.choice(("", "A1", "B2")))
        self._any(self.desk.orders(), lambda order: self.desk.pack(order, lot))

    def dispatch(self) -> None:
        self._first("pack")
        self._any(self.desk.batches(), self.desk.dispatch)

    def carrier(self) -> None:
        self._first("pack")
        self._any(self.desk.batches(), self.desk.dispatch_by_carrier)

    def leave_in_a_run(self) -> None:
        self._first("pack")
        self.desk.leave_in_a_run()

    def say_at_a_stop(self) -> None:
        self._first("leave_in_a_run")
        outcome = self._with(self._dice.choice(tuple(StopOutcome)))
        self._any(self.desk.stops(), lambda stop: self.desk.say_at_a_stop(*stop, outcome))

    def come_back(self) -> None:
        self._first("dispatch")
        self._any(self.desk.batches(), self.desk.come_back)

    def lose(self) -> None:
        self._first("carrier")
        self._any(self.desk.batches(), self.desk.lose)

    def receive(self) -> None:
        self._first("dispatch")
        self._any(
            self.desk.batches(),
            lambda batch: self.desk.receive(batch, *(self._few(0, 2) for _ in range(3))),
        )

    def complain(self) -> None:
        self._any(self.desk.batches(), self.desk.complain)

    # --- recalls, and people who are forgotten

    def recall(self) -> None:
        self._first("harvest")
        seldom = (RecallKind.REVISION, RecallKind.UNKNOWN)
        kinds = [kind for kind in RecallKind if kind not in seldom] * 5
        kinds += [RecallKind.BOUGHT] * 5  # few parcels have some
        kind = self._with(self._dice.choice([*kinds, RecallKind.REVISION]))
        self._bag(lambda code: self.desk.recall(code, kind))

    def end_recall(self) -> None:
        self._any(self.desk.recalls(), lambda r: self.desk.end_recall(r, good=self._yes()))

    def waive(self) -> None:
        self._first("recall")
        pairs = [(recall, order) for recall in self.desk.recalls() for order in self.desk.orders()]
        self._any(pairs, lambda pair: self.desk.waive(*pair))

    def withdraw_design(self) -> None:
        if not self._few():
            self.desk.withdraw_design()

    def release(self) -> None:
        self._first("withdraw_design")
        self._bag(self.desk.release)

    def forget_people(self) -> None:
        self.desk.forget_people()

    # --- a copy of the ledger

    def put_back(self) -> None:
        """A copy is made, or the one that was made is put back."""
        if self._few():
            self.desk.copy()
        else:
            self.desk.put_back()

    def restates(self) -> None:
        self._first("put_back")
        self._any(self.desk.labs, self.desk.restates)

    def goes_on_without(self) -> None:
        self._first("put_back")
        self._any(self.desk.labs, self.desk.goes_on_without)
