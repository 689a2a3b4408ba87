"""Ten days of a network where things go wrong: the product's planner and policy against four others.

Run with `make simulate ARGS="--printers 900 --seeds 5"`. Prints a row for each way and seed, then a
table of means and one JSON object; `--svg FILE` draws the kits that are ready against the days.

The ways: `even` gives each printer the same number of pieces, `static` is the product's plan made
once, `rolling` is made again every twelve hours and otherwise left alone, `pull` gives the next
plate to whoever is idle. `hybrid` is the product: `jobs.split`, what cannot be made goes to
others (`jobs.assign.to_take_back`) and is planned again within the hour, offers reach eight hours
ahead (`jobs.assign.next_offers`), and an idle printer claims (`jobs.claims.to_free`).

Nobody knows beforehand how fast a printer really is, which plates fail, how long a person takes to
clear a bed, who leaves for good (3 % a day), who is away for a day (4 %), who says so (half), who
joins late (10 %) and whose filament is late (30 %). What a silent lab has begun is
written off after two days. Printing only: no way, no inspection. All ways meet the same fate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from jobs.assign import (
    LOOK_AHEAD_S,
    TAIL,
    HeldJob,
    OpenJob,
    PrinterLoad,
    next_offers,
    to_take_back,
)
from jobs.claims import FreeBed, WaitingJob, last_ones, to_spread, would_be_late
from jobs.coordinator.claims import AT_ONCE, SPREAD_REST
from jobs.fleet import Need
from jobs.hours import earliest_start
from jobs.lifecycle import AttemptState
from jobs.split import split
from tests.bench.fate import MADE, NOW, Job, a_world

TICK = timedelta(minutes=20)
#: After which the product takes plates back, by default (`silent_after_s`).
SILENCE = timedelta(seconds=600)
WRITE_OFF = timedelta(hours=48)
LEASE = timedelta(hours=2)
WAYS = ("even", "static", "rolling", "pull", "hybrid")


class Network:
    """Machines, jobs and what is still to be planned, by one way of giving work out."""

    def __init__(self, way, machines, fits, orders, seed):
        self.way, self.fits, self.orders = way, fits, orders
        self.machines = [replace(m, jobs={}, job=None, refills=list(m.refills)) for m in machines]
        self.by_key = {m.key: m for m in self.machines}
        self.luck = np.random.default_rng(seed + 10_000)
        self.ids = np.random.default_rng(seed + 20_000)  # as in the product, they say nothing
        self.open = {(o, part): kits for o, (kits, _) in orders.items() for part in MADE}
        self.good, self.in_time = defaultdict(int), defaultdict(int)
        self.parcels, self.nodes, self.km, self.plans = set(), set(), 0.0, 0
        self.waiting = defaultdict(list)  # jobs that are not offered, by machine

    # --- giving work out ------------------------------------------------------------------------

    def facts(self, now):
        """What the coordinator knows: who is silent is offline, who said so is paused."""
        found = []
        for m in self.machines:
            gone = m.gone_since(now)
            if now < m.joins:
                continue
            queue = sorted(m.jobs.values(), key=lambda j: (j.due, j.created, j.id))
            running = m.job
            queue_s = [max(0.0, (m.busy - now).total_seconds())] if running else []
            queue_s += [j.seconds for j in queue if j is not running]
            bound_g = sum(j.grams for j in queue if j is not running)
            found.append(
                replace(
                    m.facts, online=gone is None or m.says_so, paused=gone is not None and m.says_so,
                    grams=max(0.0, m.spool_g - bound_g), queue_s=tuple(queue_s),
                )
            )  # fmt: skip
        return found

    def plan(self, now):
        needs = [
            Need(
                order_id=order, part_id=part, pieces=pieces, per_kit=1, due=self.orders[order][1],
                materials=("PETG",), mesh_sha256=part,
            )
            for (order, part), pieces in self.open.items()
            if pieces > 0
        ]  # fmt: skip
        if not needs:
            return
        self.plans += 1
        for run in split(needs, self.facts(now), self.fits, now).plates:
            self.add(run.order_id, run.part_id, run.copies, self.by_key[run.node, run.printer], now)

    def add(self, order, part, copies, m, now):
        fit = self.fits[part, *m.key]
        job = Job(
            id=f"{self.ids.integers(1 << 60):015x}", order=order, part=part, copies=copies,
            seconds=fit.seconds(copies), grams=fit.grams(copies), due=self.orders[order][1],
            created=now, at=m,
        )  # fmt: skip
        m.jobs[job.id] = job
        self.open[order, part] -= copies

    def even(self, now):
        """To each printer the same of everything."""
        for (order, part), pieces in sorted(self.open.items()):
            able = [m for m in self.machines if m.most[part]]
            for n, m in enumerate(able):
                mine = pieces // len(able) + (n < pieces % len(able))
                while mine > 0:
                    self.add(order, part, min(mine, m.most[part]), m, now)
                    mine -= min(mine, m.most[part])

    def drop(self, job):
        """A job is dissolved: its pieces are planned again."""
        del job.at.jobs[job.id]
        self.open[job.order, job.part] += job.copies

    def take_back(self, now):
        """The product's rule, and a lease of two hours on what was offered."""
        held = []
        for m in self.machines:
            gone = m.gone_since(now)
            if gone is None:
                continue  # who is there, and working, keeps everything
            quiet = gone is not None and not m.says_so
            for job in m.jobs.values():
                state = job.state
                if quiet and state is AttemptState.OFFERED and now - gone >= LEASE:
                    state = AttemptState.LAPSED
                held.append(
                    HeldJob(
                        job=job.id, node=m.facts.node, printer=m.facts.printer, material="PETG",
                        attempt=state, words="", online=not quiet,
                        gone_since=gone if quiet else None, fault="",
                        paused=gone is not None and m.says_so, loaded="PETG",
                    )
                )  # fmt: skip
        for job, _ in to_take_back(held, SILENCE, now):
            m = self.by_key[job.node, job.printer]
            self.drop(m.jobs[job.job])

    def offer(self, now):
        """Attempts reach eight hours ahead."""
        jobs, loads = [], []
        left = Counter(self.open)
        for m in self.machines:
            for j in m.jobs.values():
                left[j.order, j.part] += j.copies * (j.state is None)
        tails = {line for line, n in left.items() if n <= TAIL * self.orders[line[0]][0]}
        for m in self.machines:
            if m.gone_since(now) is not None:
                continue
            live = sum(j.seconds for j in m.jobs.values() if j.state is not None)
            if live >= LOOK_AHEAD_S:
                continue
            loads.append(PrinterLoad(node=m.facts.node, printer=m.facts.printer, live_s=live))
            jobs += [
                OpenJob(
                    job=j.id, node=m.facts.node, printer=m.facts.printer, seconds=j.seconds,
                    due=j.due, created_at=j.created, tail=(j.order, j.part) in tails,
                )
                for j in m.jobs.values() if j.state is None
            ]  # fmt: skip
        for job in next_offers(jobs, loads):
            self.by_key[job.node, job.printer].jobs[job.job].state = AttemptState.OFFERED
            self.by_key[job.node, job.printer].rests_until = NOW

    def spread(self, now):
        """Free plates for idle printers, as `jobs.coordinator.claims.spread` reads them."""
        idle = [
            m for m in self.machines
            if not m.jobs and m.gone_since(now) is None and m.spool_g > 0
            and m.rests_until <= now and now >= m.busy + timedelta(seconds=m.clear_s)
        ]  # fmt: skip
        if not idle:
            return
        beds = [
            FreeBed(
                node=m.facts.node, printer=m.facts.printer, material="PETG", grams=m.spool_g,
                attended=m.facts.attended, unattended=False, week_left_s=float("inf"),
                not_for_it={(o, part) for o in self.orders for part in MADE if not m.most[part]},
                km=m.facts.km,
            )
            for m in self.luck.permutation(idle)[:AT_ONCE]
        ]  # fmt: skip
        for bed, job in to_spread(self.queues(now), beds, now):
            self.by_key[bed.node, bed.printer].rests_until = now + SPREAD_REST
            self.drop(self.by_key[job.node, job.printer].jobs[job.job])

    def queues(self, now):
        """As `jobs.coordinator.claims` reads what waits."""
        waiting = []
        for m in self.machines:
            gone = m.gone_since(now) is not None
            jobs = sorted(m.jobs.values(), key=lambda j: (j.state is None, j.due, j.created, j.id))
            queue = [_waits(j) for j in jobs]
            waiting += [j for j in last_ones(queue, m.facts, now) if j.attempt is None or not gone]
        return waiting

    def resplit(self, now):
        """Plan anew what nobody was offered, where some would be late."""
        if would_be_late(self.queues(now)):
            for m in self.machines:
                for job in [j for j in m.jobs.values() if j.state is None]:
                    self.drop(job)

    def pull(self, m, now):
        """Give an idle printer the next plate of the order due first, of the part furthest behind."""
        for order, (_, _) in sorted(self.orders.items(), key=lambda o: (o[1][1], o[0])):
            for part in sorted(MADE, key=lambda q: -self.open[order, q]):
                copies = min(m.most[part], self.open[order, part])
                if copies > 0 and self.fits[part, *m.key].grams(copies) <= m.spool_g:
                    self.add(order, part, copies, m, now)
                    return

    # --- what happens ---------------------------------------------------------------------------

    def coordinate(self, now):
        start = now == NOW
        if self.way == "even" and start:
            self.even(now)
        if self.way == "static" and start:
            self.plan(now)
        if self.way == "rolling" and (now - NOW) % timedelta(hours=12) == timedelta():
            self.take_back(now)
            self.plan(now)
        if self.way == "pull":
            self.take_back(now)
        if self.way == "hybrid":
            self.take_back(now)
            if (now - NOW) % timedelta(hours=12) == timedelta():
                self.resplit(now)
            self.spread(now)
            self.plan(now)
            self.offer(now)

    def step(self, now):
        """Finish what is printed, and start what may start."""
        for m in self.machines:
            while m.refills and m.refills[0][0] <= now:
                m.spool_g += m.refills.pop(0)[1]
            gone = m.gone_since(now)
            job = m.job
            if job is not None and gone is not None and now - gone >= WRITE_OFF:
                m.job = None
                self.fail(job)
            elif job is not None and gone is None and m.busy <= now:
                m.job = None
                self.finish(m, job)
            if m.job is None and gone is None and now >= m.busy + timedelta(seconds=m.clear_s):
                self.start(m, now)

    def fail(self, job):
        again = self.way in ("even", "static")  # it stays with who had it
        self.drop(job)
        if again:
            self.add(job.order, job.part, job.copies, job.at, job.created)

    def finish(self, m, job):
        if self.luck.random() < m.fails:
            self.fail(job)
            return
        del m.jobs[job.id]
        line = (job.order, job.part)
        self.good[line] += job.copies
        if m.busy <= datetime.combine(job.due, datetime.min.time(), UTC):
            self.in_time[line] += job.copies
        self.parcels.add((m.facts.node, job.order))
        self.nodes.add(m.facts.node)
        self.km += m.facts.km * job.copies

    def start(self, m, now):
        if self.way == "pull" and not m.jobs:
            self.pull(m, now)
        mine = m.jobs.values()
        if self.way == "hybrid":
            mine = [j for j in mine if j.state is AttemptState.OFFERED]
        job = min(mine, key=lambda j: (j.due, j.created, j.id), default=None)
        if job is None or job.grams > m.spool_g:
            return
        if earliest_start(m.facts.week, now, job.seconds) != now:
            return
        job.state, m.job = AttemptState.PRINTING, job
        m.spool_g -= job.grams
        m.busy = now + timedelta(seconds=job.seconds * m.slower)

    def kits(self, counted):
        return sum(
            min(kits, *(counted[order, part] for part in MADE))
            for order, (kits, _) in self.orders.items()
        )


def _waits(job):
    """A job as the product reads it; looked at at every step, and seldom another."""
    if job.waits is None or job.waits.attempt is not job.state:
        facts = job.at.facts
        job.waits = WaitingJob(
            job=job.id, order_id=job.order, part_id=job.part, node=facts.node,
            printer=facts.printer, material="PETG", seconds=job.seconds, grams=job.grams,
            due=job.due, created_at=job.created, pieces=job.copies, attempt=job.state,
            km=facts.km,
        )  # fmt: skip
    return job.waits


def run(way, world, seed, horizon):
    """Run one way to the end; return what it came to, and kits ready by the day."""
    machines, fits, orders = world
    net = Network(way, machines, fits, orders, seed)
    asked = sum(kits for kits, _ in orders.values())
    now, days, curve = NOW, None, []
    while now < NOW + timedelta(days=horizon):
        net.step(now)
        net.coordinate(now)
        done = net.kits(net.good)
        if (now - NOW) % timedelta(hours=6) == timedelta():
            curve.append(done / asked)
        if done >= asked:
            days = (now - NOW) / timedelta(days=1)
            break
        now += TICK
    pieces = max(1, sum(net.good.values()))
    return {
        "days": None if days is None else round(days, 2), "done": round(net.kits(net.good) / asked, 4),
        "ontime": round(net.kits(net.in_time) / asked, 4), "km": round(net.km / pieces, 1),
        "nodes": len(net.nodes), "parcels": len(net.parcels), "plans": net.plans,
    }, curve  # fmt: skip


def draw(curves, path):
    """Draw a line for each way: kits that are ready, by the day."""
    colours = dict(zip(WAYS, ("#888888", "#d08000", "#2070c0", "#7040a0", "#108040"), strict=True))
    width = max(len(c) for c in curves.values())
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 0 730 400" font-family="sans-serif">',
        '<rect x="-10" width="730" height="400" fill="white"/>',
        '<path d="M50 20V360H610" fill="none" stroke="black"/>',
    ]
    for day in range(0, width // 4 + 1, 2):
        x = 50 + 560 * day * 4 / max(1, width - 1)
        lines.append(f'<text x="{x:.0f}" y="380" text-anchor="middle">day {day}</text>')
    for part in (0, 25, 50, 75, 100):
        lines.append(f'<text x="44" y="{364 - 3.4 * part:.0f}" text-anchor="end">{part} %</text>')
    for n, (way, curve) in enumerate(curves.items()):
        points = " ".join(
            f"{50 + 560 * k / max(1, width - 1):.1f},{360 - 340 * y:.1f}"
            for k, y in enumerate(curve)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colours[way]}" stroke-width="2"/>'
        )
        lines.append(f'<text x="622" y="{40 + 20 * n}" fill="{colours[way]}">{way}</text>')
    Path(path).write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--printers", type=int, default=900)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--days", type=float, default=6.0, help="work of the whole network")
    parser.add_argument("--horizon", type=int, default=14, help="days that are looked at")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--svg", help="draw the kits that are ready against the days")
    args = parser.parse_args(argv)
    found, curves = defaultdict(list), defaultdict(list)
    for seed in range(1, args.seeds + 1):
        world = a_world(args.printers, seed, args.days, args.horizon)
        for way in args.ways:
            began = time.perf_counter()
            result, curve = run(way, world, seed, args.horizon)
            found[way].append(result)
            curves[way].append(curve + [curve[-1]] * (args.horizon * 4 - len(curve)))
            told = " ".join(f"{key}={value}" for key, value in result.items())
            print(
                f"seed={seed} way={way} {told} seconds={time.perf_counter() - began:.0f}",
                flush=True,
            )
    table = []
    for way, results in found.items():
        days = [r["days"] for r in results if r["days"] is not None]
        row = {"way": way, "finished": f"{len(days)}/{len(results)}"}
        row["days"] = round(statistics.mean(r["days"] or args.horizon for r in results), 2)
        for key in ("done", "ontime", "km", "nodes", "parcels", "plans"):
            row[key] = round(statistics.mean(r[key] for r in results), 4)
        row["ontime_worst"] = min(r["ontime"] for r in results)
        table.append(row)
        print(" ".join(f"{key}={value}" for key, value in row.items()))
    if args.svg:
        draw({way: np.mean(c, axis=0).tolist() for way, c in curves.items()}, args.svg)
    result = {
        "printers": args.printers,
        "seeds": args.seeds,
        "days_of_work": args.days,
        "ways": table,
    }
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
