"""Other ways to split orders over printers, and one measure for all of them.

Each returns rows in the order in which every printer takes them (one bucket); none of them looks at
more than its own rule. `heap` is what anybody writes first: for every plate, the printer that would
be done with it soonest, by due date; in pure Python.
"""

import heapq
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from jobs.filling import Book
from jobs.network import SLOT_MIN, TINY, Rows, joined


def _rows(line, printer, plates, last):
    some = (plates > 0) | (last > 0)
    same = np.zeros(int(some.sum()), np.int64)
    return Rows(
        line=same + line, bucket=same, printer=printer[some], plates=plates[some].astype(np.int64),
        last=last[some].astype(np.int64),
    )  # fmt: skip


def by_due(lines):
    return np.lexsort((-lines.weight[lines.order], lines.due_min[lines.order]))


def heap(net, lines):
    """Plate by plate to who is done soonest; orders by due date."""
    used = net.busy_min.tolist()
    tables = net.open_min.T.tolist()
    calendar = net.calendar[net.cls].tolist()
    book = Book(net, lines, np.zeros(0))

    def clock(printer, minutes):
        table = tables[calendar[printer]]
        slot = bisect_left(table, minutes)
        if slot >= len(table):
            return 1e9 + minutes
        return slot * SLOT_MIN - (table[slot] - minutes)

    found = []
    for line in by_due(lines).tolist():
        made = book.makers(line)
        printers, minutes = made.printer.tolist(), made.minutes.tolist()
        good = made.pieces.tolist()
        queue = [(clock(p, used[p] + minutes[n]), n) for n, p in enumerate(printers)]
        heapq.heapify(queue)
        plates, left = [0] * len(printers), float(lines.pieces[line])
        while left > 1e-9:
            _, n = queue[0]
            plates[n] += 1
            left -= good[n]
            p = printers[n]
            used[p] += minutes[n]
            heapq.heapreplace(queue, (clock(p, used[p] + minutes[n]), n))
        count = np.array(plates)
        found.append(_rows(line, made.printer, count, np.zeros(len(count))))
    return joined(found)


def _soonest_each(net, lines, turn):
    book = Book(net, lines, np.zeros(0))
    for line in turn:
        book.earliest(int(line), float(lines.pieces[line]))
    return book.rows


def ect(net, lines):
    """Each order as it came, done as soon as it can be (the heap's answer, by halves)."""
    return _soonest_each(net, lines, range(lines.count))


def edd(net, lines):
    """The same by due date."""
    return _soonest_each(net, lines, by_due(lines))


def _in_shares(net, lines, weight):
    found, book = [], Book(net, lines, np.zeros(0))
    for line in by_due(lines):
        made = book.makers(line)
        share = weight(made)
        good = net.good[made.printer]
        exact = lines.pieces[line] * share / share.sum() / good
        copies = np.floor(exact)
        short = lines.pieces[line] - (copies * good).sum()
        more = np.argsort(copies - exact, kind="stable")[
            : max(0, int(np.ceil(short / good.mean())))
        ]
        copies[more] += 1
        plates = copies // made.copies
        found.append(_rows(line, made.printer, plates, copies - plates * made.copies))
    return joined(found)


def proportional(net, lines):
    """To each by what it makes in its open hours of two weeks."""
    hours = net.opened(14 * 1440.0)
    return _in_shares(net, lines, lambda m: m.pieces / m.minutes * hours[m.printer])


def even(net, lines):
    """To each the same."""
    return _in_shares(net, lines, lambda m: np.ones(len(m.printer)))


@dataclass
class Measured:
    """What a plan is worth, from its rows alone."""

    in_time: float
    last_min: float
    parcels: int
    km: float
    jain: float


def begin_of(net, lines, rows):
    """Sort rows as they are printed; return the order and the open minute at which each begins."""
    by = np.lexsort((np.arange(len(rows.line)), rows.bucket, rows.printer))
    minutes = rows.minutes(net, lines)[by]
    printer = rows.printer[by]
    total = np.cumsum(minutes)
    first = np.searchsorted(printer, printer)
    return by, total - minutes - (total - minutes)[first] + net.busy_min[printer]


def measure(net, lines, rows):
    """Print everything, and count kits, kilometres, parcels and who has had how much to do."""
    by, begin = begin_of(net, lines, rows)
    line, printer = rows.line[by], rows.printer[by]
    plates, last = rows.plates[by], rows.last[by]
    part, order, cls = lines.part[line], lines.order[line], net.cls[printer]
    most, good = net.most[part, cls], net.good[printer]
    fixed, each = net.plate_min[part, cls], net.piece_min[part, cls]
    full = (fixed + each * most) / net.speed[printer]
    rest = np.where(last > 0, (fixed + each * last) / net.speed[printer], 0.0)
    allowed = net.open_min[net.slot(lines.due_min[order]), net.calendar[cls]]
    done = np.clip(np.floor((allowed - begin) / full + 1e-6), 0, plates)
    in_rest = (last > 0) & (begin + plates * full + rest <= allowed + 1e-6)
    pieces = np.bincount(line, (done * most + in_rest * last) * good, lines.count)
    share = np.ones(len(lines.weight))
    # Of what was printed before, nothing is left to ask.
    np.minimum.at(
        share, lines.order, np.where(lines.pieces > TINY, np.clip(pieces / lines.pieces, 0, 1), 1)
    )
    end = begin + plates * full + rest
    last_min = 0.0
    for k in range(net.open_min.shape[1]):
        mine = net.calendar[cls] == k
        if mine.any():
            slot = np.searchsorted(net.open_min[:, k], end[mine].max() - 1e-6)
            last_min = max(last_min, float(slot * SLOT_MIN))
    made = (plates * most + last) * good
    used = np.bincount(printer, plates * full + rest, net.printers)
    offered = np.bincount(net.node, net.opened(float(lines.due_min.max())))
    load = np.bincount(net.node, used) / np.maximum(offered, 1.0)
    return Measured(
        in_time=float((share * lines.weight).sum() / lines.weight.sum()),
        last_min=last_min,
        parcels=len(np.unique(net.node[printer] * len(lines.weight) + order)),
        km=float((made * net.km[lines.site[order], printer]).sum() / made.sum()),
        jain=float(load.sum() ** 2 / (len(load) * (load**2).sum())),
    )
