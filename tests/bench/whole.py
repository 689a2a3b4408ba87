"""What no plan can have in time because plates and copies are whole: bounds below the programme's.

`by_orders`: each minute of a printer before a due date has a price. All orders together take no more
minutes than are open, so no plan has more than all open minutes at their prices, plus what each order
alone could gain if it paid for its minutes by whole copies and plates.

`by_printers`: each good piece has a price. No plan has more than what kits are worth beyond the price
of their pieces, plus what each printer alone could earn with whole copies and plates in its open minutes.

Any prices prove something. The best are found by generating columns: ways to make an order, or to
fill a printer, until a linear programme over them says the same. Grids only relax: the pieces of a lot
are rounded up, its minutes down. Relaxed too are filament and releases. What counts as in time is what
`peers.measure` counts: of a line the share of its pieces that whole copies are good for, of an order
the scarcest line. Run with `python -m tests.bench.whole --printers 10 --orders 100`; it needs
fabnet[bounds]. One row a seed, then the means and the worst, in per cent.
"""

from __future__ import annotations

import argparse

import numpy as np

from jobs.quotas import plan
from tests.bench import bench_hard, bounds, peers
from tests.bench.bounds import solved

_STEPS, _CLOSE = 60, 1e-4
#: How much of the best prices stays in the next ones at first, and how it changes.
_KEEP, _KEPT, _LESS, _MORE = 0.8, (0.1, 0.9), 0.8, 1.1
#: Shares of a line that are told apart, to find prices and to prove; and minutes of a printer.
_ROUGH, _FINE = 1000, 6000
_ROUGH_MIN, _FINE_MIN = 5.0, 0.5
#: `measure` lets a plate end that share of itself late.
_LATE_MIN = 1e-6 * 1440.0
#: In units of that many minutes, and of the share of a line, programmes are solved.
_UNIT_MIN = 1000.0
#: By orders is tried with so few printers, and by printers with so few lines and lots.
_FEW_PRINTERS, _FEW_LINES, _FEW_LOTS = 30, 20, 3000


class Facts:
    """What both bounds read of an instance."""

    def __init__(self, net, lines):
        self.net, self.lines = net, lines
        self.ends = np.unique(lines.due_min)
        self.bucket = np.searchsorted(self.ends, lines.due_min[lines.order])
        opened = np.array([net.opened(float(end)) for end in self.ends])
        self.room = np.maximum(opened - net.busy_min, 0.0) + _LATE_MIN  # [E, P]
        asked = np.bincount(lines.order, minlength=len(lines.weight)) > 0
        self.orders = np.flatnonzero(asked)
        self.mine = [np.flatnonzero(lines.order == o).tolist() for o in range(len(asked))]
        self.weight = lines.weight / lines.weight.sum()
        self.unasked = float(self.weight[~asked].sum())

    def makers(self, line):
        can = self.net.most[self.lines.part[line]][self.net.cls] > 0
        barred = self.lines.barred.get(line)
        return np.flatnonzero(can if barred is None else can & ~barred).tolist()

    def plate(self, line, printer):
        """The most copies on a plate, good pieces a copy, minutes a plate and a copy."""
        net, part, cls = self.net, self.lines.part[line], self.net.cls[printer]
        speed = net.speed[printer]
        return (
            int(net.most[part, cls]), float(net.good[printer]),
            float(net.plate_min[part, cls] / speed), float(net.piece_min[part, cls] / speed),
        )  # fmt: skip

    def lots(self, line, printer):
        """Good pieces and minutes of lots of 1.. copies: none that the need has no use for."""
        most, good, fixed, each = self.plate(line, printer)
        room = self.room[-1, printer]
        fit = int(room / (each + fixed / most)) + 1
        copies = np.arange(1, min(int(np.ceil(self.lines.pieces[line] / good)), fit) + 1)
        minutes = -(-copies // most) * fixed + copies * each
        return copies[minutes <= room] * good, minutes[minutes <= room]


class Cover:
    """The least cost of so much of a line, for lines of one part and size by due date [B]."""

    def __init__(self, facts, line, buckets, grid):
        pieces = float(facts.lines.pieces[line])
        self.grid, self.buckets, self._lots = grid, buckets, []
        for printer in facts.makers(line):
            good, minutes = facts.lots(line, printer)
            units = np.minimum(np.ceil(good * grid / pieces), grid).astype(np.int64)
            never = np.where(minutes <= facts.room[buckets, printer][:, None], 0.0, np.inf)
            self._lots.append((printer, units, minutes, never))

    def solve(self, price):
        """Return [B, grid + 1]: what at least each share costs at prices [E, P] of a minute."""
        at = np.full((len(self.buckets), self.grid + 1), np.inf)
        at[:, 0] = 0.0
        self._tables = [at]
        for printer, units, minutes, never in self._lots:
            cost = price[self.buckets, printer][:, None] * minutes + never
            padded = np.concatenate([np.zeros((len(at), self.grid)), at], axis=1)
            at = at.copy()
            for n, first in enumerate((self.grid - units).tolist()):
                some = padded[:, first : first + self.grid + 1] + cost[:, n, None]
                np.minimum(at, some, out=at)
            at[:, 0] = 0.0
            self._tables.append(at)
        return at

    def spend(self, row, at, price, out):
        """Add to `out` [P] the minutes of the cheapest way to so many units."""
        for n in range(len(self._lots) - 1, -1, -1):
            printer, units, minutes, never = self._lots[n]
            before = self._tables[n][row]
            if self._tables[n + 1][row, at] < before[at]:
                cost = price[self.buckets[row], printer] * minutes + never[row]
                one = int((before[np.maximum(at - units, 0)] + cost).argmin())
                out[printer] += minutes[one]
                at = max(at - int(units[one]), 0)


class Orders:
    """Each order alone, at prices [E, P] of a minute that do not rise by due date."""

    def __init__(self, facts, grid):
        self._facts, self._grid = facts, grid
        lines, alike = facts.lines, {}
        for line in range(lines.count):
            own = line if line in lines.barred else -1
            alike.setdefault((lines.part[line], lines.pieces[line], own), []).append(line)
        self._covers, self._where = [], {}
        for group in alike.values():
            buckets = np.unique(facts.bucket[group])
            for line in group:
                row = int(np.searchsorted(buckets, facts.bucket[line]))
                self._where[line] = len(self._covers), row
            self._covers.append(Cover(facts, group[0], buckets, grid))

    def bound(self, price):
        """Return the bound, and of each order how to gain most: its number, worth and minutes [E, P]."""
        facts = self._facts
        price = np.maximum.accumulate(np.maximum(price, 0.0)[::-1])[::-1]
        costs = [cover.solve(price) for cover in self._covers]
        share = np.arange(self._grid + 1) / self._grid
        total = float((price * np.diff(facts.room, axis=0, prepend=0.0)).sum())
        columns = []
        for order in facts.orders.tolist():
            gain = facts.weight[order] * share
            for line in facts.mine[order]:
                cover, row = self._where[line]
                gain = gain - costs[cover][row]
            at = int(gain.argmax())
            total += float(gain[at])
            minutes = np.zeros(price.shape)
            for line in facts.mine[order] if at else ():
                cover, row = self._where[line]
                self._covers[cover].spend(row, at, price, minutes[facts.bucket[line]])
            if at:
                columns.append((order, facts.weight[order] * share[at], minutes))
        return total + facts.unasked, columns

    def prices(self, columns):
        """Return the prices at which the best mix of ways uses what is open, and what it has."""
        room = self._facts.room
        ends, printers = room.shape
        row, column, value = [], [], []
        for n, (order, _, minutes) in enumerate(columns):
            at = np.flatnonzero(used := np.cumsum(minutes, axis=0).ravel() / _UNIT_MIN)
            row += [at, [room.size + order]]
            value += [used[at], [1.0]]
            column.append(np.full(len(at) + 1, n))
        upper = np.append(room.ravel() / _UNIT_MIN, np.ones(len(self._facts.weight)))
        worth = np.array([column[1] for column in columns])
        dual, has = _mixed(worth, (row, column, value), upper)
        dual = dual[: room.size].reshape(ends, printers) / _UNIT_MIN
        return np.cumsum(dual[::-1], axis=0)[::-1], has + self._facts.unasked


class Printers:
    """Each printer alone, at prices [L] of a good piece."""

    def __init__(self, facts, grid_min):
        self._facts, self._grid_min = facts, grid_min
        self._printers = [[] for _ in range(facts.net.printers)]
        for line in np.argsort(facts.bucket, kind="stable").tolist():
            for printer in facts.makers(line):
                self._printers[printer].append(line)
        self._room = np.floor(facts.room / grid_min).astype(np.int64)

    def bound(self, price):
        """Return the bound, and of each printer how to earn most: its number and good pieces [L]."""
        facts, lines = self._facts, self._facts.lines
        price = np.maximum(price, 0.0)
        kits = np.bincount(lines.order, price * lines.pieces, len(facts.weight))
        total = float(np.maximum(facts.weight - kits, 0.0)[facts.orders].sum())
        columns = []
        for printer in range(facts.net.printers):
            earned, good = self._fill(printer, price)
            total += earned
            if earned > 0:
                columns.append((printer, good))
        return total + facts.unasked, columns

    def _fill(self, printer, price):
        """Return what a printer can earn at most, and with which good pieces [L].

        Full plates of a line are one choice and its part plate another.
        """
        facts, room = self._facts, self._room[:, printer]
        at, made = np.zeros(int(room[-1]) + 1), []
        for line in self._printers[printer]:
            end, worth = int(room[facts.bucket[line]]), price[line] * facts.net.good[printer]
            for copies, minutes in self._choices(line, printer, end):
                before, at = at, at.copy()
                for n, y in enumerate(minutes.tolist()):
                    some = before[: end + 1 - y] + worth * copies[n]
                    np.maximum(at[y : end + 1], some, out=at[y : end + 1])
                at[end:] = np.maximum(at[end:], at[end])
                made.append((line, before, end, copies, minutes, worth))
        return float(at[-1]), self._pieces(printer, made, at)

    def _choices(self, line, printer, end):
        """Copies and minutes (of the grid) of a part plate, and of full ones, until a minute."""
        most, good, fixed, each = self._facts.plate(line, printer)
        need = int(np.ceil(self._facts.lines.pieces[line] / good))
        part, full = np.arange(1, min(most - 1, need) + 1), np.arange(1, need // most + 1)
        for copies, minutes in (
            (part, fixed + each * part), (most * full, (fixed + each * most) * full),
        ):  # fmt: skip
            units = np.floor(minutes / self._grid_min).astype(np.int64)
            yield copies[units <= end], units[units <= end]

    def _pieces(self, printer, made, after):
        found, t = np.zeros(self._facts.lines.count), len(after) - 1
        for line, before, end, copies, minutes, worth in reversed(made):
            if after[t] > before[t]:
                t = min(t, end)
                fits = minutes <= t
                one = int((before[t - minutes[fits]] + worth * copies[fits]).argmax())
                found[line] += copies[one] * self._facts.net.good[printer]
                t -= int(minutes[one])
            after = before
        return found

    def prices(self, columns):
        """Return the prices at which the best mix of ways makes what kits need, and what it has."""
        facts, lines = self._facts, self._facts.lines
        orders = len(facts.weight)
        row = [np.arange(lines.count), lines.count + facts.net.printers + np.arange(orders)]
        column = [lines.order, np.arange(orders)]
        value = [np.ones(lines.count), np.ones(orders)]
        for n, (printer, good) in enumerate(columns):
            at = np.flatnonzero(good)
            row += [at, [lines.count + printer]]
            value += [-good[at] / lines.pieces[at], [1.0]]
            column.append(np.full(len(at) + 1, orders + n))
        asked = np.isin(np.arange(orders), facts.orders)
        upper = np.concatenate([np.zeros(lines.count), np.ones(facts.net.printers), asked])
        worth = np.concatenate([facts.weight, np.zeros(len(columns))])
        dual, has = _mixed(worth, (row, column, value), upper)
        return dual[: lines.count] / lines.pieces, has + facts.unasked


def _mixed(worth, rows, upper):
    """Solve for the most worth; return what a unit more of each row gains, and the worth."""
    rows = [tuple(np.concatenate(part) for part in rows)]
    low, high = np.full(len(upper), -np.inf), np.full(len(worth), np.inf)
    solver = solved(-worth, low, high, rows, upper.astype(np.float64))
    return -np.array(solver.getSolution().row_dual), -solver.getObjectiveValue()


def _least(kind, facts, price, rough, fine):
    """Find prices by columns, from these on; return the bound at the best of them."""
    alone, columns, seen = kind(facts, rough), [], set()
    best, best_price, keep = np.inf, price, _KEEP
    for _ in range(_STEPS):
        total, found = alone.bound(price)
        if total < best - 1e-7:
            best, best_price, keep = total, price, max(keep * _LESS, _KEPT[0])
        else:
            keep = min(keep * _MORE, _KEPT[1])
        for column in found:
            key = column[0], column[-1].round(4).tobytes()
            if key not in seen:
                seen.add(key)
                columns.append(column)
        if not columns:  # too dear for all
            price = price / 2
            continue
        other, has = alone.prices(columns)
        if best - has < _CLOSE:
            break
        price = keep * best_price + (1 - keep) * other
    return kind(facts, fine).bound(best_price)[0]


def most_in_whole(net, lines):
    """The largest weighted share of kits in time with whole copies and plates: (share, by what)."""
    facts = Facts(net, lines)
    minute, piece = bounds.worth_in_time(net, lines)
    found = [(bounds.most_in_time(net, lines), "programme")]
    if net.printers <= _FEW_PRINTERS:
        found.append((_least(Orders, facts, minute, _ROUGH, _FINE), "orders"))
    if lines.count <= _FEW_LINES and net.printers * lines.count <= _FEW_LOTS:
        found.append((_least(Printers, facts, piece, _ROUGH_MIN, _FINE_MIN), "printers"))
    return min(found)


def judged(case, printers, orders, seed):
    """Return what a plan has, what the programme and what whole plates leave possible."""
    net, lines = bench_hard.an_instance_of(case, printers, orders, seed)
    ours = peers.measure(net, lines, plan(net, lines, least=10.0).rows).in_time
    programme = bounds.most_in_time(net, lines)
    whole, why = most_in_whole(net, lines)
    assert ours <= whole + 1e-9, (case, printers, orders, seed, ours, whole, why)
    return 100 * np.array([1 - ours / programme, 1 - whole / programme, 1 - ours / whole]), why


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--printers", type=int, default=10)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--cases", nargs="*", default=list(bench_hard.CASES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=301)
    args = parser.parse_args(argv)
    for case in args.cases:
        rows = []
        for seed in range(args.first, args.first + args.seeds):
            row, why = judged(case, args.printers, args.orders, seed)
            rows.append(row)
            print(case, seed, *(f"{value:.2f}" for value in row), why, flush=True)
        for name, of in (("mean", np.mean), ("worst", np.max)):
            lost, whole, ours = of(rows, axis=0)
            print(
                f"{args.printers} x {args.orders} {case} {name}: lost {lost:.2f}, "
                f"by whole plates {whole:.2f}, by the plan {ours:.2f}", flush=True
            )  # fmt: skip


if __name__ == "__main__":
    main()
