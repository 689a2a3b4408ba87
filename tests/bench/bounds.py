"""What a solver proves of plans: linear programmes over classes, by HiGHS (`fabnet[bounds]`).

Variables are shares of what is asked and rows are in units of all time: with raw pieces and minutes
the solver's absolute tolerances end a per cent short of the optimum.
"""

import numpy as np

from jobs.network import SLOT_MIN, TINY

_SCALE = 1e3
#: So many cuts at most of what is unfair, and how far a load may stay from fair.
_CUTS, _CLOSE = 40, 1e-4
#: The index of Jain that is asked for; and so many lines times printers take no more than seconds.
FAIR, _PAIRS = 0.9, 20_000


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


def least(net, lines):
    """What a plan takes at least if all is in time and load is fair: mean kilometres, and parcels.

    None for each where that cannot be, or where it would take long to say.
    """
    if lines.count * net.printers > _PAIRS:
        return None, None
    return least_km(net, lines, jain=FAIR), least_parcels(net, lines, jain=FAIR)


def least_km(net, lines, *, jain=0.0):
    """The least mean kilometres of a piece that is asked for, with all in time; None if it cannot be.

    Whole plates or not; `jain` is the least index of Jain of the labs' load (a cone, cut where the last
    answer lies outside of it: what is left of it is still a bound).
    """
    return _Sparing(net, lines).km(jain)


def least_parcels(net, lines, *, jain=0.0):
    """How many parcels, each of one lab for one order, are needed at least; None as of `least_km`.

    A lab gives an order no more of a parcel than of its scarcest line, and of that no more than its
    printers could make if they made nothing else. A load is no fairer than the share of labs that give
    something, so for an index of `jain` that share of them sends a parcel at least.
    """
    return _Sparing(net, lines).parcels(jain)


class _Sparing:
    """All lines over all printers with all in time: a share of each line [N] on each that can make it."""

    def __init__(self, net, lines):
        self._net, self._lines = net, lines
        work = net.work_min()[lines.part][:, net.cls] / (net.speed * net.good)
        work *= lines.pieces[:, None]
        for line, barred in lines.barred.items():
            work[line, barred] = np.inf
        ends = np.unique(lines.due_min)
        free = np.array([net.opened(float(end)) - net.busy_min for end in ends])
        free = np.maximum(free, 0.0)
        due = np.searchsorted(ends, lines.due_min[lines.order])
        self._line, self._printer = np.nonzero(np.isfinite(work) & (free[due] > 0))
        self._min = work[self._line, self._printer]
        self._free, self._bucket = free, due[self._line]
        order = lines.order[self._line]
        self._km = net.km[lines.site[order], self._printer]
        self._labs = int(net.node.max()) + 1
        self._parcel = order * self._labs + net.node[self._printer]

    def _rows(self):
        """Return the rows of time and of what is asked, and their bounds."""
        count, slots = len(self._line), len(self._free)
        later = slots - self._bucket  # due dates at which each counts
        time = np.repeat(np.arange(count), later)
        first = np.repeat(np.cumsum(later) - later, later)
        until = self._bucket[time] + np.arange(len(time)) - first
        printer = self._printer[time]
        each = self._min[time] / np.maximum(self._free[until, printer], 1e-9)
        used, row = np.unique(until * self._net.printers + printer, return_inverse=True)
        rows = [
            (row.ravel(), time, each),
            (len(used) + self._line, np.arange(count), np.ones(count)),
        ]
        low = np.concatenate([np.full(len(used), -np.inf), np.ones(self._lines.count)])
        return rows, low, np.ones(len(low))

    def km(self, jain):
        """Return the least mean kilometres."""
        net, lines, count = self._net, self._lines, len(self._line)
        labs = self._labs
        rows, low, upper = self._rows()
        offered = np.bincount(net.node, net.opened(float(lines.due_min.max())), labs)
        node = net.node[self._printer]
        lab = np.arange(labs)
        rows += [
            (len(low) + node, np.arange(count), self._min / np.maximum(offered[node], 1.0)),
            (len(low) + lab, count + lab, np.full(labs, -1.0)),
        ]
        low, upper = (np.concatenate([each, np.zeros(labs)]) for each in (low, upper))
        share = lines.pieces[self._line] / lines.pieces.sum()
        cost = np.concatenate([self._km * share, np.zeros(labs)])
        high = np.full(count + labs, np.inf)
        solver = solved(cost, low, high, rows, upper)
        for _ in range(_CUTS):
            if not _optimal(solver):
                return None
            load = np.array(solver.getSolution().col_value)[count:]
            size = float(np.linalg.norm(load))
            if size * np.sqrt(jain * labs) <= load.sum() * (1 + _CLOSE):
                break
            cut = load / size - 1 / np.sqrt(jain * labs)
            solver.addRow(-np.inf, 0.0, labs, (count + lab).astype(np.int32), cut)
            solver.run()
        return solver.getObjectiveValue() if _optimal(solver) else None

    def parcels(self, jain):
        """Return the least number of parcels."""
        count, labs, orders = len(self._line), self._labs, len(self._lines.weight)
        rows, low, upper = self._rows()
        parcels, which = np.unique(self._parcel, return_inverse=True)
        lots, lot = np.unique(
            np.vstack([which.ravel(), self._line]), axis=1, return_inverse=True
        )  # fmt: skip
        can = np.bincount(lot.ravel(), self._free[self._bucket, self._printer] / self._min)
        here, sent = np.arange(lots.shape[1]), np.arange(len(parcels))
        gives, each = len(sent) + np.arange(labs), len(low) + len(here)
        lab = each + orders
        rows += [
            (len(low) + lot.ravel(), np.arange(count), np.ones(count)),
            (len(low) + here, count + lots[0], -np.minimum(can, 1.0)),
            (each + parcels // labs, count + sent, np.ones(len(sent))),
            # A lab gives something if it sends some parcel.
            (lab + parcels % labs, count + sent, np.ones(len(sent))),
            (lab + np.arange(labs), count + gives, np.full(labs, -1.0)),
            (np.full(labs, lab + labs), count + gives, np.ones(labs)),
        ]
        fair = np.ceil(jain * labs - TINY)
        least = np.concatenate([self._alone(lots[1], can), np.zeros(labs), [fair]])
        low = np.concatenate([low, np.full(len(here), -np.inf), least])
        upper = np.concatenate([upper, np.zeros(len(here)), np.full(len(least), np.inf)])
        cost, high = np.zeros(count + len(sent) + labs), np.full(count + len(sent) + labs, np.inf)
        cost[count + sent], high[count + gives] = 1.0, 1.0
        solver = solved(cost, low, high, rows, upper)
        return int(np.ceil(solver.getObjectiveValue() - TINY)) if _optimal(solver) else None

    def _alone(self, line, can):
        """Return how many parcels each order needs at least if labs, with lots of lines, made nothing else."""
        alone = np.ones(len(self._lines.weight))
        for each, order in enumerate(self._lines.order):
            by = np.sort(can[line == each])[::-1].cumsum()
            alone[order] = max(alone[order], np.searchsorted(by, 1 - 1e-9) + 1)
        return alone


def _optimal(solver):
    import highspy

    return solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
