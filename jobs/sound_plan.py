"""Makes a plan that breaks no rule: by the other way, or without the orders or printers that are at fault.

Pure. A plan that breaks a rule, or that meets figures which planning cannot reckon with, is a fault of
fabnet, not of anybody's order, and is thrown away. One order or printer that meets such a fault must not
keep all others from being planned.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from types import MappingProxyType

from jobs import plan_audit
from jobs.errors import UnsoundPlanError
from jobs.fleet import FleetPrinter, Need, left_out
from jobs.model import UNFINISHED, Reason, ReasonCode
from jobs.plan_audit import Sound
from jobs.planned import Plan, Shortfall
from jobs.shares import Fits
from jobs.split import STILL_FEW, plates_at_least, split

#: What reckoning raises that meets figures which nobody had foreseen: nothing divided, a date after all
#: calendars, a count that no memory holds, None where a number is.
FAULTS = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError,
)  # fmt: skip
#: So many sets of orders are tried by themselves, most of them small; what is in none by then waits.
MOST_ALONE = 256
#: So many sets are tried with what is kept, where none is faulty by itself.
MOST_TOGETHER = 64
#: So many orders are planned alone to see whether a printer is at fault, and so many may be.
_PROBES, _MOST_ODD = 4, 64
#: An order's own fault is looked for with so many of its kits on so many printers of each sort first.
_FEW_KITS, _OF_A_SORT = 10, 8
#: So many plates go one by one in seconds; of more, that is tried once, where nothing else helps.
MOST_WEIGHED = 100_000
Key = tuple[str, str]  # node, printer
#: By which ways all is planned, as `split` takes them: shares first, or all plates one by one.
_SHARES, _ONE_BY_ONE = 0, 10**9
#: So many broken rules are kept for the log.
_MOST_TOLD = 20


def sound_plan(
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Fits,
    now: datetime,
    suspects: Collection[str] = (),
    failed: Mapping[str, Exception] = MappingProxyType({}),
    doubted: Collection[Key] = (),
) -> Sound:
    """Plan all needs by a plan that breaks no rule.

    Orders that no sound plan has are left out: all their pieces have no place, for that reason. So are
    printers with which there is no plan of any order.

    Args:
        needs: as of `jobs.split.split`, and so are the next three.
        fleet: all printers.
        fits: how parts lie on them.
        now: aware UTC.
        suspects: orders that the last plan left out: these are tried by themselves first.
        failed: orders that cannot be planned, each with what was raised where its parts were measured.
        doubted: printers that the last plan left out: so are these.

    Raises:
        UnsoundPlanError: even a plan of nothing breaks a rule.
    """
    needs = tuple(needs)
    search = _Search(needs, tuple(fleet), fits, now)
    for order, error in failed.items():
        search.note(error, (order,))
    orders = [
        order
        for order in dict.fromkeys(n.order_id for n in sorted(needs, key=lambda n: n.due))
        if order not in failed
    ]
    search.doubt(orders, doubted)
    search.run(orders, suspects)
    return search.found()


class _Search:
    """Looks for the orders that can be planned together, with as few and as small plans as may be."""

    def __init__(
        self,
        needs: tuple[Need, ...],
        fleet: tuple[FleetPrinter, ...],
        fits: Fits,
        now: datetime,
    ) -> None:
        self._needs, self._fleet, self._fits, self._now = needs, fleet, fits, now
        self._alone = self._together = 0
        self._looked = False  # whether a printer is at fault
        self._weighed = False
        self._kept: tuple[str, ...] = ()
        self._sound: Sound | None = None  # of those that are kept
        self._rules: dict[str, str] = {}  # by order, the last rule that its plates broke
        self._thrown: list[str] = []
        self._raised: Exception | None = None

    def run(self, orders: Sequence[str], suspects: Collection[str]) -> None:
        """Keep as many of these orders as there is a sound plan for.

        Most plans are small so: who is faulty is mostly so without all others too.
        """
        out = self._faulty([order for order in orders if order in suspects])
        while left := tuple(order for order in orders if order not in out):
            found = self._tried(left)
            if found is not None:
                self._kept, self._sound = left, found
                return
            if self._alone >= MOST_ALONE:
                break
            named = tuple(order for order in left if order in self._rules)
            if len(named) in (0, len(left)) and self._printers_at_fault(left):
                continue
            more = self._faulty(named, known=left) if named else self._nameless(left)
            if not more:
                break
            out |= more
        if left and self._sound is None and (found := self._one_by_one(left)) is not None:
            self._kept, self._sound = left, found
            return
        # Only together do some of them meet the fault: first those of whom nothing bad is known.
        doubted = {*suspects, *self._rules}
        self._add(tuple(order for order in left if order not in doubted))
        self._add(tuple(order for order in left if order in doubted))

    def found(self) -> Sound:
        """Return the plan of what is kept; of the rest is said that it is left out."""
        left_out = tuple(
            Shortfall(
                order_id=need.order_id,
                part_id=need.part_id,
                pieces=need.pieces,
                reasons=(Reason(code=ReasonCode.UNSOUND, text=self._rules.get(need.order_id, "")),),
            )
            for need in self._needs
            if need.order_id not in self._kept
        )
        sound = self._sound
        if sound is None or left_out:
            plan = Plan(runs=(), shortfalls=(), explained=()) if sound is None else sound.plan
            plan = replace(plan, shortfalls=(*plan.shortfalls, *left_out))
            sound = plan_audit.check(plan, self._needs, self._fleet, self._fits, self._now)
        odd = {(each.node, each.printer): each.odd for each in self._fleet if each.odd}
        return replace(sound, thrown=tuple(self._thrown), raised=self._raised, odd=odd)

    def note(self, error: Exception, orders: Collection[str]) -> None:
        """Keep what was raised where these were planned; of one by itself it is known to be its own."""
        self._raised = self._raised or error
        self._tell(f"{type(error).__name__}: {error}")
        if len(orders) == 1:
            self._rules.update(dict.fromkeys(orders, UNFINISHED))

    def _tell(self, *words: str) -> None:
        new = [each for each in words if each not in self._thrown]
        self._thrown += new[: _MOST_TOLD - len(self._thrown)]

    def _tried(
        self, orders: Collection[str], fleet: tuple[FleetPrinter, ...] | None = None
    ) -> Sound | None:
        """Return a sound plan of these orders alone, by one way or the other; None: there is none.

        With a `fleet` it is a sample of their pieces on these printers.
        """
        needs = self._needs_of(orders)
        if fleet is not None:
            needs = [replace(n, pieces=min(n.pieces, _FEW_KITS * n.per_kit)) for n in needs]
        found, tried = self._made(needs, orders, None, fleet)
        if tried is None and plates_at_least(needs, self._fits) > STILL_FEW:
            tried = _SHARES  # it was raised there
        for way in (_SHARES, _ONE_BY_ONE):
            if found is not None or way == tried or (way == _ONE_BY_ONE and self._too_many(needs)):
                continue
            found, _ = self._made(needs, orders, way, fleet)
        return found

    def _needs_of(self, orders: Collection[str]) -> list[Need]:
        chosen = set(orders)
        return [need for need in self._needs if need.order_id in chosen]

    def _made(
        self,
        needs: Sequence[Need],
        orders: Collection[str],
        way: int | None,
        fleet: tuple[FleetPrinter, ...] | None = None,
    ) -> tuple[Sound | None, int | None]:
        """Plan one way; return the plan where it is sound, and the way where it is known."""
        fleet = self._fleet if fleet is None else fleet
        try:
            plan = split(needs, fleet, self._fits, self._now, way)
            way = _SHARES if plan.shares_first else _ONE_BY_ONE
            return plan_audit.check(plan, needs, fleet, self._fits, self._now), way
        except UnsoundPlanError as error:
            self._rules |= error.rules
            self._tell(*error.findings)
        except FAULTS as error:
            self.note(error, orders)
        return None, way

    def _too_many(self, needs: Sequence[Need]) -> bool:
        """Return whether these are too many to weigh each plate; one order is so once it was done."""
        if plates_at_least(needs, self._fits) <= MOST_WEIGHED:
            return False
        if len({need.order_id for need in needs}) > 1:
            return True
        before, self._weighed = self._weighed, True
        return before

    def _one_by_one(self, orders: Sequence[str]) -> Sound | None:
        """Weigh each plate of orders that are too many for that: where nothing else helped, and once."""
        needs = self._needs_of(orders)
        return self._made(needs, orders, _ONE_BY_ONE)[0] if self._too_many(needs) else None

    def doubt(self, orders: Sequence[str], printers: Collection[Key]) -> None:
        """Leave out printers that were at fault before, if they still are."""
        mine = tuple(p for p in self._fleet if (p.node, p.printer) in printers and not p.odd)
        if mine and orders:
            bad = [self._bad_printers(probe, mine) for probe in self._probes(orders)]
            self._leave_out(set.intersection(*bad))

    def _probes(self, orders: Collection[str]) -> list[str]:
        """Return the smallest order of some designs."""
        pieces, made_from = Counter[str](), dict[str, set[str]]()
        for need in self._needs_of(orders):
            pieces[need.order_id] += need.pieces
            made_from.setdefault(need.order_id, set()).add(need.mesh_sha256)
        of_design: dict[frozenset[str], str] = {}
        for order, _ in sorted(pieces.items(), key=lambda item: (item[1], item[0])):
            of_design.setdefault(frozenset(made_from[order]), order)
        return list(of_design.values())[:_PROBES]

    def _printers_at_fault(self, orders: Sequence[str]) -> bool:
        """Leave out the printers with which no order has a plan; return whether there were any.

        Without them one is made: else it was the order's own fault.
        """
        probes, before, rules = self._probes(orders), self._fleet, self._rules.copy()
        if self._looked or any(self._tried((probe,)) is not None for probe in probes):
            return False
        self._looked = True
        for probe in probes:
            self._leave_out(self._bad_printers(probe, self._fleet))
            found = self._tried((probe,))
            if found is not None and found.plan.runs:
                self._rules = rules
                return True
            self._fleet = before
        return False

    def _bad_printers(self, probe: str, fleet: tuple[FleetPrinter, ...]) -> set[Key]:
        """Return the printers on which alone an order has no plan; none if there are too many."""
        needs, found = self._needs_of((probe,)), set[Key]()
        sets = deque([tuple(p for p in fleet if not p.odd)])
        while sets and len(sets) + len(found) <= _MOST_ODD:
            some = sets.popleft()
            if not some or self._made(needs, (), None, some)[0] is not None:
                continue
            if len(some) > 1:
                half = len(some) // 2
                sets += (some[:half], some[half:])
            else:
                found.add((some[0].node, some[0].printer))
        return set() if sets else found

    def _leave_out(self, bad: Collection[Key]) -> None:
        if bad:
            self._fleet = tuple(
                left_out(p, UNFINISHED) if (p.node, p.printer) in bad else p for p in self._fleet
            )

    def _nameless(self, orders: Sequence[str]) -> set[str]:
        """Return which of some orders are faulty by themselves: looked for on a few printers, then on all."""
        sorts = Counter[object]()
        few = []
        for printer in self._fleet:
            sort = (printer.process, printer.material, printer.unattended, printer.attended)
            sorts[sort] += 1
            if sorts[sort] <= _OF_A_SORT:
                few.append(printer)
        if 2 * len(few) < len(self._fleet):
            alone = self._alone
            perhaps = self._faulty(orders, fleet=tuple(few))
            self._alone = alone
            if perhaps and (found := self._faulty([o for o in orders if o in perhaps])):
                return found
        return self._faulty(orders, known=orders)

    def _faulty(
        self,
        orders: Sequence[str],
        known: Sequence[str] = (),
        fleet: tuple[FleetPrinter, ...] | None = None,
    ) -> set[str]:
        """Return which of some orders are faulty by themselves, and those that there were no tries left for.

        The larger sets first, so that many are known to be good when tries end. `known` together are bad.
        """
        faulty: set[str] = set()
        sets = deque([tuple(orders)] if orders else [])
        while sets and self._alone < MOST_ALONE:
            some = sets.popleft()
            self._alone += 1
            if some != known and self._tried(some, fleet) is not None:
                continue
            if len(some) == 1:
                faulty.update(some)
            else:
                half = len(some) // 2
                sets += (some[:half], some[half:])
        return faulty.union(chain.from_iterable(sets))

    def _add(self, more: tuple[str, ...]) -> None:
        """Keep these orders too, or as many of them as a sound plan has with those that are kept."""
        if not more or self._together >= MOST_TOGETHER:
            return
        self._together += 1
        found = self._tried((*self._kept, *more))
        if found is not None:
            self._kept, self._sound = (*self._kept, *more), found
        elif len(more) > 1:
            half = len(more) // 2
            self._add(more[:half])
            self._add(more[half:])
