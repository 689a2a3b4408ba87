"""Judges a plan over classes by itself: rebuilds every printer's queue and looks for broken rules.

Pure. Shares no code with `jobs.quotas`, since a fault there would hide itself here. A plan on the
clock, which is what a coordinator applies, is judged by `jobs.plan_audit`.
"""

from __future__ import annotations

import numpy as np

from jobs.network import SLOT_MIN, Floats, Lines, Network
from jobs.plan_audit import Finding
from jobs.quotas import Quotas

_CLOSE = 1e-6


def audit_quotas(net: Network, lines: Lines, plan: Quotas) -> list[Finding]:
    """Return every broken rule of a plan over classes; arguments as of `jobs.quotas.plan`."""
    rows = plan.rows
    if unknown := _unknown(net, lines, plan):
        return [Finding(rule="unknown", where="rows", found=unknown, bound=0)]
    found: list[Finding] = []
    good = np.zeros((lines.count, len(plan.ends_min) + 1))
    by_printer: dict[int, list[int]] = {}
    for row in np.argsort(rows.bucket, kind="stable").tolist():
        by_printer.setdefault(int(rows.printer[row]), []).append(row)
    ends = [*plan.ends_min.tolist(), net.horizon_min]
    for printer, queue in sorted(by_printer.items()):
        found += _walk(net, lines, plan, printer, queue, ends, good)
        found += _spools(net, lines, plan, printer, sorted(queue))
    return found + _counts(lines, plan, good.sum(axis=1)) + _promised(lines, plan, good)


def _unknown(net: Network, lines: Lines, plan: Quotas) -> int:
    """Return how many rows name a line, printer or due date that there is not."""
    rows = plan.rows
    wrong = np.zeros(len(rows.line), np.bool_)
    for each, count in (
        (rows.line, lines.count), (rows.printer, net.printers),
        (rows.bucket, len(plan.ends_min) + 1),
    ):  # fmt: skip
        wrong |= (each < 0) | (each >= count)
    return int(wrong.sum())


def _counts(lines: Lines, plan: Quotas, good: Floats) -> list[Finding]:
    """Every good piece that is asked for is made or missing, and no more than each lot rounds up."""
    found = []
    lots = np.bincount(plan.rows.line, minlength=lines.count)
    for line in range(lines.count):
        asked, missing = float(lines.pieces[line]), float(plan.missing[line])
        close = 1e-4 * max(1.0, asked)
        where, made = f"line {line}", float(good[line]) + missing
        if not missing >= 0 or not asked - close <= made:
            found.append(Finding(rule="count", where=where, found=made, bound=asked))
        elif made > asked + float(lots[line]) + close:
            most = asked + float(lots[line])
            found.append(Finding(rule="more", where=where, found=made, bound=most))
    return found


def _promised(lines: Lines, plan: Quotas, good: Floats) -> list[Finding]:
    """A plan promises no more kits in time than its rows make, and no more than is proved possible."""
    worth, asked = 0.0, 0.0
    for order in range(len(lines.weight)):
        mine = np.flatnonzero(lines.order == order)
        if not len(mine):
            continue
        early = int((plan.ends_min <= lines.due_min[order] + _CLOSE).sum())
        pieces = np.maximum(lines.pieces[mine], 1e-12)
        shares = np.where(lines.pieces[mine] > _CLOSE, good[mine, :early].sum(axis=1) / pieces, 1.0)
        worth += float(lines.weight[order]) * min(1.0, float(shares.min()))
        asked += float(lines.weight[order])
    share, found = worth / asked if asked else 1.0, []
    for bound in (share, plan.most_in_time):
        if not plan.in_time <= bound + 1e-4:
            found.append(Finding(rule="promise", where="plan", found=plan.in_time, bound=bound))
    return found


def _walk(
    net: Network,
    lines: Lines,
    plan: Quotas,
    printer: int,
    queue: list[int],
    ends: list[float],
    good: Floats,
) -> list[Finding]:
    """Print a printer's queue plate by plate, as the owner would; add up what comes off by bucket."""
    found: list[Finding] = []
    rows, cls = plan.rows, int(net.cls[printer])
    table = net.open_min[:, net.calendar[cls]]
    clock = float(net.busy_min[printer])

    def say(rule: str, value: float, bound: float) -> None:
        found.append(Finding(rule=rule, where=str(net.name[printer]), found=value, bound=bound))

    for row in queue:
        line = int(rows.line[row])
        part, order = int(lines.part[line]), int(lines.order[line])
        most, bucket = int(net.most[part, cls]), int(rows.bucket[row])
        if most < 1 or (line in lines.barred and lines.barred[line][printer]):
            say("cannot", most, 1)
            continue
        plates, last = int(rows.plates[row]), int(rows.last[row])
        if plates < 0 or not 0 <= last < max(most, 1):
            say("bed", last, most)
        begun = float(table[min(int(-(-lines.release_min[order] // SLOT_MIN)), len(table) - 1)])
        for copies, times in ((most, plates), (last, 1 if last else 0)):
            if not times:
                continue
            minutes = net.plate_min[part, cls] + net.piece_min[part, cls] * copies
            clock = max(clock, begun) + times * float(minutes) / float(net.speed[printer])
            good[line, bucket] += times * copies * float(net.good[printer])
        end = ends[bucket]
        if bucket < len(ends) - 1 and end > lines.due_min[order] + _CLOSE:
            say("late", end, float(lines.due_min[order]))
        allowed = float(table[min(int(end // SLOT_MIN), len(table) - 1)])
        if clock > allowed + 1e-3:
            say("late" if bucket < len(ends) - 1 else "hours", clock, allowed)
    return found


def _spools(
    net: Network, lines: Lines, plan: Quotas, printer: int, queue: list[int]
) -> list[Finding]:
    """Give each plate a spool, in the order in which the plan made room for them."""
    spools = [float(g) for g in net.spool_g[:, printer]]
    rows, cls, without = plan.rows, int(net.cls[printer]), 0
    for row in queue:
        part = int(lines.part[rows.line[row]])
        last = int(rows.last[row])
        for copies, times in (
            (int(net.most[part, cls]), int(rows.plates[row])),
            (last, 1 if last else 0),
        ):
            grams = float(net.plate_g[part, cls] + net.piece_g[part, cls] * copies)
            without += _spend(spools, grams, times)
    if not without:
        return []
    return [Finding(rule="stock", where=str(net.name[printer]), found=without, bound=0)]


def _spend(spools: list[float], grams: float, times: int) -> int:
    """Take plates off spools, the first that holds one; return how many no spool holds."""
    for n, left in enumerate(spools):
        if times and np.isfinite(left):
            here = min(times, int(left / grams + _CLOSE)) if grams > 0 else times
            spools[n] = left - here * grams
            times -= here
        elif times:
            times = 0
    return times
