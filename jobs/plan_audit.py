"""Judges a plan by itself: rebuilds every printer's queue from its plates and looks for broken rules.

Pure. Shares no code with those that make plans (`jobs.split`, `jobs.quotas`), since a fault there
would hide itself here. Slow and plain on purpose. No plan is applied that has findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.errors import UnsoundPlanError
from jobs.fleet import Fit, FleetPrinter, Need
from jobs.hours import DAY_MIN, SLACK, WEEK_MIN
from jobs.planned import Plan, Run

_Key = tuple[str, str]
_CLOSE = 1e-6
#: Beyond what a printer is known to take.
_KNOWN_SLACK = 1.05
#: Rounding of times on the clock, in seconds.
_CLOCK_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule: what was found, and the bound that it breaks."""

    #: count, unknown, bed, overlap, hours, late, stock, process, material, cannot, time, ceiling
    rule: str
    where: str  # order and part, or lab and printer
    found: float
    bound: float

    def __str__(self) -> str:
        return f"{self.rule} at {self.where}: {self.found:g}, bound {self.bound:g}"


def check(
    plan: Plan,
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Mapping[tuple[str, str, str], Fit],
    now: datetime,
) -> None:
    """Refuse a plan that breaks a rule.

    Raises:
        UnsoundPlanError: has all findings.
    """
    found = audit(plan, needs, fleet, fits, now)
    if found:
        raise UnsoundPlanError(tuple(str(one) for one in found))


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
            found.append(Finding(rule="unknown", where="/".join(key), found=1, bound=0))
            continue
        found += _queue(printers[key], queue, asked, fits, now)
    return found + _ceilings(plan, printers)


def _ceilings(plan: Plan, printers: Mapping[_Key, FleetPrinter]) -> list[Finding]:
    """A lab prints no more than what it still gives, on all its printers together."""
    spent_s: dict[str, float] = {}
    for run in plan.runs:
        spent_s[run.node] = spent_s.get(run.node, 0.0) + run.seconds * run.count
    found = []
    for (node, _), printer in sorted(printers.items()):
        spent, left = spent_s.pop(node, 0.0), printer.week_left_s
        if printer.weekly_h and spent > left + _CLOCK_S:
            found.append(Finding(rule="ceiling", where=node, found=spent, bound=left))
    return found


def _counts(plan: Plan, asked: Mapping[_Key, Need]) -> list[Finding]:
    """Every piece is on one plate, or has no place."""
    placed: dict[_Key, int] = {}
    short: dict[_Key, int] = {}
    rows: dict[_Key, int] = {}
    for run in plan.runs:
        line = (run.order_id, run.part_id)
        placed[line] = placed.get(line, 0) + run.count * run.copies
    for one in plan.shortfalls:
        line = (one.order_id, one.part_id)
        short[line] = short.get(line, 0) + one.pieces
    for told in plan.explained:
        line = (told.order_id, told.part_id)
        rows[line] = rows.get(line, 0) + sum(row.pieces for row in told.made)
    found = []
    for line in sorted({*placed, *short, *rows, *asked}):
        bound = asked[line].pieces if line in asked else 0
        in_rows = rows.get(line, 0)
        for count, right in (
            (placed.get(line, 0) + short.get(line, 0), bound),
            (in_rows, placed.get(line, 0)),
            (min(0, short.get(line, 0)), 0),
        ):
            if count != right:
                found.append(Finding(rule="count", where="/".join(line), found=count, bound=right))
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

    def say(rule: str, value: float, bound: float) -> None:
        found.append(Finding(rule=rule, where=where, found=value, bound=bound))

    idle = printer.paused or printer.out_of_service or printer.material is None
    if not printer.online or printer.fault or idle:
        say("cannot", sum(run.count for run in queue), 0)
    grams = 0.0
    free = now + timedelta(seconds=sum(printer.queue_s) * printer.pace)
    for run in sorted(queue, key=lambda r: r.done_at):
        need = asked.get((run.order_id, run.part_id))
        fit = None if need is None else fits.get((need.mesh_sha256, run.node, run.printer))
        if need is None or fit is None:
            say("unknown", 1, 0)
            continue
        found += _plate(printer, run, need, fit, where)
        if run.count < 1:
            say("count", run.count, 1)
        length_s = run.seconds * printer.pace
        start = run.done_at - timedelta(seconds=length_s)
        early = (free - start).total_seconds()
        if early > _CLOCK_S:
            say("overlap", early, 0)
        # All lie in one window, and the last of them with its slack.
        whole_s = length_s * (run.count - 1) + max(run.seconds * SLACK, length_s * _KNOWN_SLACK)
        outside = _outside_min(printer, start, whole_s)
        if outside > _CLOCK_S:
            say("hours", outside, 0)
        free = start + timedelta(seconds=length_s * run.count)
        grams += fit.grams(run.copies) * run.count
    if grams > printer.grams + _CLOSE:
        say("stock", grams, printer.grams)
    return found


def _plate(printer: FleetPrinter, run: Run, need: Need, fit: Fit, where: str) -> list[Finding]:
    found: list[Finding] = []
    if not 1 <= run.copies <= fit.most:
        found.append(Finding(rule="bed", where=where, found=run.copies, bound=fit.most))
    if printer.process != need.process:
        found.append(Finding(rule="process", where=where, found=1, bound=0))
    if run.material != printer.material or run.material not in need.materials:
        found.append(Finding(rule="material", where=where, found=1, bound=0))
    if printer.node in dict(need.declined):
        found.append(Finding(rule="cannot", where=where, found=run.copies, bound=0))
    seconds = fit.seconds(run.copies)
    for told, right in ((run.seconds, seconds), (run.takes_s, seconds * printer.pace)):
        if abs(told - right) > _CLOCK_S:
            found.append(Finding(rule="time", where=where, found=told, bound=right))
    return found


def _outside_min(printer: FleetPrinter, start: datetime, seconds: float) -> float:
    """Return by how many minutes what takes so long sticks out of every window."""
    if printer.unattended or printer.attended.always:
        return 0.0
    local = start + timedelta(minutes=printer.utc_offset_min)
    minute = (
        local.weekday() * DAY_MIN + local.hour * 60 + local.minute
        + local.second / 60 + local.microsecond / 6e7
    )  # fmt: skip
    length = seconds / 60
    return min(
        (
            max(0.0, begin + turn - minute) + max(0.0, minute + length - end - turn)
            for begin, end in printer.attended.windows
            for turn in (-WEEK_MIN, 0, WEEK_MIN)
        ),
        default=length,
    )
