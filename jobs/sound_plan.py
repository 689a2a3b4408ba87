"""Makes a plan that breaks no rule: by the other way, or without the orders that no sound plan has.

Pure. A plan that breaks a rule is a fault of fabnet, not of anybody's order, and is thrown away. One
order that meets such a fault must not keep all others from being planned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from jobs import plan_audit
from jobs.errors import UnsoundPlanError
from jobs.fleet import FleetPrinter, Need
from jobs.model import Reason, ReasonCode
from jobs.plan_audit import Sound
from jobs.planned import Plan, Shortfall
from jobs.shares import Fits
from jobs.split import split

#: So many sets of orders are tried; what is in none that is sound by then is left out.
MOST_TRIES = 64
#: So many plates go one by one in seconds; of more, that is tried once, with all orders.
MOST_WEIGHED = 100_000
#: More plates than anybody has: all go one by one.
_EVERY_PLATE = 10**9
#: So many broken rules are kept for the log.
_MOST_TOLD = 20


def sound_plan(
    needs: Iterable[Need], fleet: Iterable[FleetPrinter], fits: Fits, now: datetime
) -> Sound:
    """Plan all needs by a plan that breaks no rule; arguments as of `jobs.split.split`.

    Orders that no sound plan has are left out: all their pieces have no place, for that reason.

    Raises:
        UnsoundPlanError: even a plan of nothing breaks a rule.
    """
    needs = tuple(needs)
    search = _Search(needs, tuple(fleet), fits, now)
    orders = tuple(dict.fromkeys(n.order_id for n in sorted(needs, key=lambda n: n.due)))
    found = search.tried(orders)
    if found is not None:
        return replace(found, thrown=tuple(search.thrown))
    return search.without_faulty(orders)


class _Search:
    """Looks for the orders that can be planned together, with as few plans as may be."""

    def __init__(
        self,
        needs: tuple[Need, ...],
        fleet: tuple[FleetPrinter, ...],
        fits: Fits,
        now: datetime,
    ) -> None:
        self._needs, self._fleet, self._fits, self._now = needs, fleet, fits, now
        self._tries = 0
        self._kept: tuple[str, ...] = ()
        self._plan = Plan(runs=(), shortfalls=(), explained=())  # of those that are kept
        self._rules: dict[str, str] = {}  # by order, the last rule that its plates broke
        self.thrown: list[str] = []

    def tried(self, orders: Iterable[str]) -> Sound | None:
        """Return a sound plan of these orders alone, by one way or the other; None: there is none."""
        chosen = set(orders)
        needs = [need for need in self._needs if need.order_id in chosen]
        self._tries += 1
        if self._tries > MOST_TRIES:
            return None
        way: int | None = None
        for _ in range(2):
            plan = split(needs, self._fleet, self._fits, self._now, way)
            try:
                return plan_audit.check(plan, needs, self._fleet, self._fits, self._now)
            except UnsoundPlanError as error:
                self._rules |= error.rules
                new = [each for each in error.findings if each not in self.thrown]
                self.thrown += new[: _MOST_TOLD - len(self.thrown)]
            way = _EVERY_PLATE if plan.shares_first else 0
            many = plan.shares_first and sum(run.count for run in plan.runs) > MOST_WEIGHED
            if many and self._tries > 1:
                break
        return None

    def without_faulty(self, orders: tuple[str, ...]) -> Sound:
        """Plan what can be planned together, first those of which nothing bad was found."""
        rest = tuple(order for order in orders if order not in self._rules)
        named = tuple(order for order in orders if order in self._rules)
        if rest and named:
            self._add(rest)
            self._add(named)
        else:  # all together were tried
            self._add_halves(orders)
        return self._with_left_out()

    def _with_left_out(self) -> Sound:
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
        plan = replace(self._plan, shortfalls=(*self._plan.shortfalls, *left_out))
        sound = plan_audit.check(plan, self._needs, self._fleet, self._fits, self._now)
        return replace(sound, thrown=tuple(self.thrown))

    def _add(self, more: tuple[str, ...]) -> None:
        """Keep these orders too, or as many of them as a sound plan has with those that are kept."""
        found = self.tried((*self._kept, *more))
        if found is None:
            self._add_halves(more)
        else:
            self._kept, self._plan = (*self._kept, *more), found.plan

    def _add_halves(self, more: tuple[str, ...]) -> None:
        if len(more) > 1:
            half = len(more) // 2
            self._add(more[:half])
            self._add(more[half:])
