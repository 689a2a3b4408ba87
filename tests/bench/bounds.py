"""What a solver proves of plans: linear programmes over classes, by HiGHS (`fabnet[bounds]`).

Variables are shares of what is asked and rows are in units of all time: with raw pieces and minutes
the solver's absolute tolerances end a per cent short of the optimum.
"""

import numpy as np

from jobs.network import SLOT_MIN

_SCALE = 1e3


def solved(cost, low, high, rows, upper):
    """Minimise `cost` for variables in 0..`high` with rows in `low`..`upper`; return model."""
    import highspy

    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    row, column, value = (np.concatenate(part) for part in zip(*rows, strict=True))
    by = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[by], np.arange(len(upper))).astype(np.int32)
    solver.addVars(len(cost), np.zeros(len(cost)), high)
    solver.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32), cost)
    solver.addRows(
        len(upper), low, upper, len(by), starts, column[by].astype(np.int32), value[by]
    )  # fmt: skip
    solver.run()
    return solver


def earliest_slot_min(net, pieces):
    """The end of the first slot by which so many pieces [Q] could be made, whole plates or not."""
    work = net.work_min()
    parts = np.flatnonzero(pieces > 0)
    part, cls = np.nonzero(np.isfinite(work[parts]))
    total = sum(pieces[q] * work[q].min() for q in parts)
    n, classes = len(part), work.shape[1]
    each = work[parts[part], cls] * pieces[parts[part]] / total * _SCALE
    rows = [
        (cls, np.arange(n), each),
        (classes + part, np.arange(n), np.full(n, -1.0)),
        (classes + np.arange(len(parts)), np.full(len(parts), n), np.ones(len(parts))),
    ]
    inf = np.inf

    def share(slot):
        upper = np.concatenate(
            [net.class_min(slot * SLOT_MIN) / total * _SCALE, np.zeros(len(parts))]
        )
        cost = np.zeros(n + 1)
        cost[-1] = -1.0
        solver = solved(cost, np.full(len(upper), -inf), np.full(n + 1, inf), rows, upper)
        return -solver.getObjectiveValue()

    low, high = 0, net.open_min.shape[0] - 1
    if share(high) < 1 - 1e-9:
        return inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if share(middle) >= 1 - 1e-9 else (middle, high)
    return float(high * SLOT_MIN)


def earliest_whole_min(net, pieces):
    """The end of the first slot by which each part [Q] alone could be made by all, in whole plates."""

    def alone(part, slot):
        made = net.makers(part)
        cls, printer = net.cls[made.printer], made.printer
        room = net.opened(slot * SLOT_MIN)[printer] - net.busy_min[printer]
        full = np.floor(room / made.minutes + 1e-6)
        rest = (room - full * made.minutes) * net.speed[printer] - net.plate_min[part, cls]
        some = np.floor(rest / net.piece_min[part, cls] + 1e-6)
        copies = full * made.copies + np.clip(some, 0, made.copies - 1)
        return float(copies @ net.good[printer])

    found = 0
    for part in np.flatnonzero(pieces > 0):
        low, high = -1, net.open_min.shape[0] - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if alone(part, middle) >= pieces[part] else (middle, high)
        found = max(found, high)
    return float(found * SLOT_MIN)


def most_in_time(net, lines):
    """The largest weighted share of kits in time, whole plates or not; no release times."""
    return -_in_time(net, lines)[0].getObjectiveValue()


def worth_in_time(net, lines):
    """What `most_in_time` would gain: [E, P] by a minute of a printer until a due date, and [L] by
    a good piece."""
    solver, group, scale = _in_time(net, lines)
    dual = -np.array(solver.getSolution().row_dual)
    count = len(np.unique(lines.due_min)) * (group.max() + 1)
    minute = dual[:count].reshape(-1, group.max() + 1)[:, group[net.cls]] / scale
    return minute * net.speed * net.good, dual[count:] / lines.pieces


def _in_time(net, lines):
    """Solve the programme of `most_in_time`; return it, the group of each class, and its unit."""
    work = net.work_min()
    facts = np.vstack([net.most, net.plate_min, net.piece_min]).T
    _, first, group = np.unique(facts, axis=0, return_index=True, return_inverse=True)
    group, count = group.ravel(), len(first)
    ends = np.unique(lines.due_min)
    until = np.array([np.bincount(group, net.class_min(float(end)), count) for end in ends])
    between = np.diff(until, axis=0, prepend=np.zeros((1, count)))
    scale = between.sum() / _SCALE
    line, where = np.nonzero(np.isfinite(work[:, first])[lines.part])
    n, orders, slots = len(line), len(lines.weight), len(ends)
    bucket = np.searchsorted(ends, lines.due_min[lines.order[line]])
    each = work[lines.part[line], first[where]] * lines.pieces[line] / scale
    carry = np.arange(slots * count)  # what a group leaves unused of a bucket goes to the next
    later = carry[count:]
    rows = [
        (bucket * count + where, np.arange(n), each),
        (carry, n + orders + carry, np.ones(len(carry))),
        (later, n + orders + later - count, -np.ones(len(later))),
        (len(carry) + line, np.arange(n), np.full(n, -1.0)),
        (len(carry) + np.arange(lines.count), n + lines.order, np.ones(lines.count)),
    ]
    cost = np.zeros(n + orders + len(carry))
    cost[n : n + orders] = -lines.weight / lines.weight.sum()
    high = np.concatenate([np.full(n, np.inf), np.ones(orders), np.full(len(carry), np.inf)])
    upper = np.concatenate([between.ravel() / scale, np.zeros(lines.count)])
    low = np.concatenate([upper[: len(carry)], np.full(lines.count, -np.inf)])
    return solved(cost, low, high, rows, upper), group, scale
