"""Judges a plan by itself: rebuilds every printer's queue from its plates and looks for broken rules.

Pure. Shares no code with those that make plans (`jobs.split`, `jobs.quotas`), since a fault there
would hide itself here. Slow and plain on purpose. Only what `check` has passed is `Sound`, and can be applied.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from jobs.errors import UnsoundPlanError
from jobs.fleet import Fit, FleetPrinter, Need
from jobs.hours import DAY_MIN, SLACK, WEEK_MIN
from jobs.model import Reason, ReasonCode
from jobs.planned import Plan, Run, Shortfall

_Key = tuple[str, str]
_CLOSE = 1e-6
#: Beyond what a printer is known to take.
_KNOWN_SLACK = 1.05
#: Rounding of times on the clock, in seconds.
_CLOCK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule: what was found, and the bound that it breaks."""

    #: count, unknown, bed, overlap, release, hours, stock, grams, process, material, cannot, time, ceiling
    rule: str
    where: str  # order and part, or lab and printer
    found: float
    bound: float
    orders: frozenset[str] = frozenset()  # whose plates break it, some of them perhaps innocently

    def __str__(self) -> str:
        return f"{self.rule} at {self.where}: {self.found:g}, bound {self.bound:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A plan that breaks no rule: only `check` makes one, and only such a plan is applied."""

    plan: Plan
    thrown: tuple[str, ...] = ()  # rules that other plans broke, which were thrown away before
    raised: Exception | None = None  # what stopped one of them first, for the log
    odd: Mapping[_Key, str] = field(default_factory=dict)  # printers that were left out, and why

    @property
    def left_out(self) -> tuple[str, ...]:
        """The orders that were left out, since every plan with them broke a rule."""
        short = self.plan.shortfalls
        unsound = {
            s.order_id for s in short if any(w.code is ReasonCode.UNSOUND for w in s.reasons)
        }
        return tuple(sorted(unsound))

    def without(self, orders: Collection[str], rule: str) -> Sound:
        """Return the plan without some orders: all their pieces have no place, for that rule.

        What is left breaks none: printers have less to do, and every other order has what it had.
        """
        gone = Counter[_Key]()
        for run in self.plan.runs:
            gone[run.order_id, run.part_id] += run.pieces
        for short in self.plan.shortfalls:
            gone[short.order_id, short.part_id] += short.pieces
        why = (Reason(code=ReasonCode.UNSOUND, text=rule),)
        left_out = tuple(
            Shortfall(order_id=order, part_id=part, pieces=pieces, reasons=why)
            for (order, part), pieces in gone.items()
            if order in orders
        )
        plan = replace(
            self.plan,
            runs=tuple(run for run in self.plan.runs if run.order_id not in orders),
            shortfalls=(
                *(s for s in self.plan.shortfalls if s.order_id not in orders), *left_out,
            ),
            explained=tuple(e for e in self.plan.explained if e.order_id not in orders),
            bounds=tuple(b for b in self.plan.bounds if b.order_id not in orders),
        )  # fmt: skip
        return replace(self, plan=plan)


def check(
    plan: Plan,
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
    now: datetime,
) -> Sound:
    """Return a plan as one that may be applied, or refuse it; arguments as of `audit`.

    Raises:
        UnsoundPlanError: has all findings.
    """
    found = audit(plan, needs, fleet, fits, now)
    if found:
        rules = {order: one.rule for one in reversed(found) for order in one.orders}
        raise UnsoundPlanError(tuple(str(one) for one in found), rules)
    return Sound(plan=plan)


def audit(
    plan: Plan,
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
    now: datetime,
) -> list[Finding]:
    """Return every broken rule of a plan over labs; arguments as of `jobs.split.split`."""
    asked = {(need.order_id, need.part_id): need for need in needs}
    found = _counts(plan, asked)
    queues: dict[_Key, list[Run]] = {}
    for run in plan.runs:
        queues.setdefault((run.node, run.printer), []).append(run)
    printers = {(printer.node, printer.printer): printer for printer in fleet}
    for key, queue in sorted(queues.items()):
        if key not in printers:
            found.append(
                Finding(
                    rule="unknown", where="/".join(key), found=1, bound=0, orders=_orders(queue)
                )
            )
            continue
        found += _queue(printers[key], queue, asked, fits, now)
    return found + _ceilings(plan, printers)


def _orders(runs: Iterable[Run]) -> frozenset[str]:
    return frozenset(run.order_id for run in runs)


def _ceilings(plan: Plan, printers: Mapping[_Key, FleetPrinter]) -> list[Finding]:
    """A lab prints no more than what it still gives, on all its printers together."""
    spent_s: dict[str, float] = {}
    for run in plan.runs:
        spent_s[run.node] = spent_s.get(run.node, 0.0) + run.seconds * run.count
    left_s: dict[str, float] = {}
    for (node, _), printer in printers.items():
        if printer.weekly_h:
            left_s[node] = min(left_s.get(node, math.inf), printer.week_left_s)
    return [
        Finding(
            rule="ceiling", where=node, found=spent_s.get(node, 0.0), bound=left,
            orders=_orders(run for run in plan.runs if run.node == node),
        )
        for node, left in sorted(left_s.items())
        if spent_s.get(node, 0.0) > left + _CLOCK_S
    ]  # fmt: skip


def _counts(plan: Plan, asked: Mapping[_Key, Need]) -> list[Finding]:
    """Every piece is on one plate, or has no place."""
    placed: dict[_Key, int] = {}
    short: dict[_Key, int] = {}
    made: dict[tuple[str, str, str, str], int] = {}
    rows: dict[tuple[str, str, str, str], int] = {}
    for run in plan.runs:
        line = (run.order_id, run.part_id)
        placed[line] = placed.get(line, 0) + run.count * run.copies
        mine = (*line, run.node, run.printer)
        made[mine] = made.get(mine, 0) + run.count * run.copies
    for one in plan.shortfalls:
        line = (one.order_id, one.part_id)
        short[line] = short.get(line, 0) + one.pieces
    for told in plan.explained:
        for row in told.made:
            mine = (told.order_id, told.part_id, row.node, row.printer)
            rows[mine] = rows.get(mine, 0) + row.pieces
    found = []

    def compare(where: tuple[str, ...], count: int, right: int) -> None:
        if count != right:
            mine = frozenset(where[:1])
            found.append(
                Finding(rule="count", where="/".join(where), found=count, bound=right, orders=mine)
            )

    for line in sorted({*placed, *short, *asked}):
        bound = asked[line].pieces if line in asked else 0
        compare(line, placed.get(line, 0) + short.get(line, 0), bound)
        compare(line, min(0, short.get(line, 0)), 0)
    # Each lab is told what it makes, and no more.
    for which in sorted({*made, *rows}):
        compare(which, rows.get(which, 0), made.get(which, 0))
    return found


def _queue(
    printer: FleetPrinter,
    queue: list[Run],
    asked: Mapping[_Key, Need],
    fits: Mapping[tuple[str, str, str], Fit],
    now: datetime,
) -> list[Finding]:
    found: list[Finding] = []
    where = f"{printer.node}/{printer.printer}"

    def say(rule: str, value: float, bound: float, *runs: Run) -> None:
        orders = _orders(runs)
        found.append(Finding(rule=rule, where=where, found=value, bound=bound, orders=orders))

    idle = printer.paused or printer.out_of_service or printer.odd or printer.material is None
    if not printer.online or printer.fault or idle:
        say("cannot", sum(run.count for run in queue), 0, *queue)
    grams = 0.0
    (free, later), before = _taken(printer, now), None
    for run in sorted(queue, key=lambda r: r.done_at):
        need = asked.get((run.order_id, run.part_id))
        fit = None if need is None else fits.get((need.mesh_sha256, run.node, run.printer))
        if need is None or fit is None:
            say("unknown", 1, 0, run)
            continue
        found += _plate(printer, run, need, fit, where)
        if run.count < 1:
            say("count", run.count, 1, run)
        length_s = run.seconds * printer.pace
        start = run.done_at - timedelta(seconds=length_s)
        end = start + timedelta(seconds=length_s * run.count)
        early = max((free - start).total_seconds(), _over_s(start, end, later))
        if early > _CLOCK_S:
            say("overlap", early, 0, run, *([before] if before else ()))
        sooner = _sooner_s(printer, need, start)
        if sooner > _CLOCK_S:
            say("release", sooner, 0, run)
        # All lie in one window, and the last of them with its slack.
        whole_s = length_s * (run.count - 1) + _with_slack_s(printer, run.seconds)
        outside = _outside_min(printer, start, whole_s)
        if outside > _CLOCK_S:
            say("hours", outside, 0, run)
        free, before = end, run
        grams += fit.grams(run.copies) * run.count
    if grams > printer.grams + _CLOSE:
        say("stock", grams, printer.grams, *queue)
    return found


def _over_s(start: datetime, end: datetime, later: Iterable[tuple[datetime, datetime]]) -> float:
    """Return how long plates lie over one that waits for its day."""
    both = (min(end, until) - max(start, begins) for begins, until in later)
    return max((each.total_seconds() for each in both), default=0.0)


def _sooner_s(printer: FleetPrinter, need: Need, start: datetime) -> float:
    """Return how long before the day of their order plates start; 0 or less: they do not."""
    if need.release is None:
        return 0.0
    return (_midnight(printer, need.release) - start).total_seconds()


def _plate(printer: FleetPrinter, run: Run, need: Need, fit: Fit, where: str) -> list[Finding]:
    found: list[Finding] = []

    def say(rule: str, value: float, bound: float) -> None:
        orders = _orders([run])
        found.append(Finding(rule=rule, where=where, found=value, bound=bound, orders=orders))

    if not 1 <= run.copies <= fit.most:
        say("bed", run.copies, fit.most)
    if printer.process != need.process:
        say("process", 1, 0)
    if run.material != printer.material or run.material not in need.materials:
        say("material", 1, 0)
    if printer.node in dict(need.declined):
        say("cannot", run.copies, 0)
    seconds = fit.seconds(run.copies)
    for told, right in ((run.seconds, seconds), (run.takes_s, seconds * printer.pace)):
        if abs(told - right) > _CLOCK_S:
            say("time", told, right)
    # What a job says it weighs is what later plans leave on the spool.
    if not abs(run.grams - fit.grams(run.copies)) <= _CLOSE:
        say("grams", run.grams, fit.grams(run.copies))
    return found


def _with_slack_s(printer: FleetPrinter, seconds: float) -> float:
    return max(seconds * SLACK, seconds * printer.pace * _KNOWN_SLACK)


def _midnight(printer: FleetPrinter, day: date) -> datetime:
    """Return when a day begins where a printer stands."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(
        minutes=printer.utc_offset_min
    )


def _taken(
    printer: FleetPrinter, now: datetime
) -> tuple[datetime, list[tuple[datetime, datetime]]]:
    """Return when what a printer has and may print now is printed, and when it prints what has to wait.

    Plate after plate in its hours.
    """
    week, later = printer.attended, list[tuple[datetime, datetime]]()
    always = printer.unattended or week.always
    began = at = free = _minute_of_week(now + timedelta(minutes=printer.utc_offset_min))
    window = -len(week.windows)
    waiting: list[tuple[date | None, float]] = [(None, seconds) for seconds in printer.queue_s]
    for day, seconds in [*waiting, *printer.later]:
        if day is not None:
            at = max(at, began + (_midnight(printer, day) - now).total_seconds() / 60)
        whole = _with_slack_s(printer, seconds) / 60
        # What no window holds is taken to run already.
        while not always and whole <= week.longest_min:
            weeks, number = divmod(window, len(week.windows))
            begin, end = (minute + weeks * WEEK_MIN for minute in week.windows[number])
            if max(at, begin) + whole <= end + _CLOSE:
                at = max(at, begin)
                break
            window += 1
        start, at = at, at + seconds * printer.pace / 60
        if day is None:
            free = at
        else:
            later.append(
                (now + timedelta(minutes=start - began), now + timedelta(minutes=at - began))
            )
    return now + timedelta(minutes=free - began), later


def _minute_of_week(local: datetime) -> float:
    return (
        local.weekday() * DAY_MIN + local.hour * 60 + local.minute
        + local.second / 60 + local.microsecond / 6e7
    )  # fmt: skip


def _outside_min(printer: FleetPrinter, start: datetime, seconds: float) -> float:
    """Return by how many minutes what takes so long sticks out of every window."""
    if printer.unattended or printer.attended.always:
        return 0.0
    minute = _minute_of_week(start + timedelta(minutes=printer.utc_offset_min))
    length = seconds / 60
    return min(
        (
            max(0.0, begin + turn - minute) + max(0.0, minute + length - end - turn)
            for begin, end in printer.attended.windows
            for turn in (-WEEK_MIN, 0, WEEK_MIN)
        ),
        default=length,
    )
