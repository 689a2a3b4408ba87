"""How work is given out in a simulated network, and what comes of it: for `tests.bench.simulate`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from jobs.chances import good_share, mean_good
from jobs.claims import FreeBed, WaitingJob, last_ones, to_spread, would_be_late
from jobs.coordinator.claims import SPREAD_REST
from jobs.fleet import Need
from jobs.hours import earliest_start, is_open
from jobs.lifecycle import AttemptState
from jobs.pace import Finished, pace
from jobs.split import split
from tests.bench.fate import MADE, NOW, Job

#: After which the product takes plates back, by default (`silent_after_s`).
SILENCE = timedelta(seconds=600)
WRITE_OFF = timedelta(hours=48)
LEASE = timedelta(hours=2)


class Network:
    """Machines, jobs and what is still to be planned, by one way of giving work out."""

    def __init__(self, way, machines, fits, orders, seed):
        self.way, self.fits, self.orders = way, fits, orders
        self.machines = [
            replace(m, jobs={}, job=None, refills=list(m.refills), finished=[], counted=(0, 0))
            for m in machines
        ]
        self.by_key = {m.key: m for m in self.machines}
        self.luck = np.random.default_rng(seed + 10_000)
        self.ids = np.random.default_rng(seed + 20_000)  # as in the product, they say nothing
        self.open = Counter({(o, part): kits for o, (kits, _) in orders.items() for part in MADE})
        self.good, self.in_time = defaultdict(int), defaultdict(int)
        self.parcels, self.nodes, self.km, self.plans = set(), set(), 0.0, 0
        self.offers = 0
        self.unoffered, self.tails = Counter(), set()  # pieces in jobs that nobody was offered

    # --- giving work out ------------------------------------------------------------------------

    def facts(self, now):
        """What the coordinator knows: who is silent is offline, who said so is paused."""
        found = []
        mean = mean_good(m.counted for m in self.machines)
        for m in self.machines:
            gone = m.gone_since(now)
            if now < m.joins:
                continue
            seconds, grams = m.bound()
            if m.job is not None:
                left_s = max(0.0, (m.busy - now).total_seconds())
                seconds = (left_s / m.facts.pace, *seconds)
            found.append(
                replace(
                    m.facts, online=gone is None or m.says_so, paused=gone is not None and m.says_so,
                    grams=max(0.0, m.spool_g - grams), queue_s=seconds,
                    good=round(good_share(*m.counted, mean), 3),
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
        for run in split(needs, self.facts(now), self.fits, now, told=False).plates:
            self.add(run.order_id, run.part_id, run.copies, self.by_key[run.node, run.printer], now)

    def add(self, order, part, copies, m, now):
        fit = self.fits[part, *m.key]
        job = Job(
            id=f"{self.ids.integers(1 << 60):015x}", order=order, part=part, copies=copies,
            seconds=fit.seconds(copies), grams=fit.grams(copies), due=self.orders[order][1],
            created=now, at=m,
        )  # fmt: skip
        m.put(job)
        self.open[order, part] -= copies
        self.unoffered[order, part] += copies

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
        job.at.remove(job)
        self.open[job.order, job.part] += job.copies
        if job.state is None:
            self.unoffered[job.order, job.part] -= job.copies

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
        left = self.open + self.unoffered
        share = {line: left[line] / self.orders[line[0]][0] for line in self.open}
        tails = {line for line, n in share.items() if n <= TAIL}
        jobs, loads = [], []
        for m in self.machines:
            # Who has the same as at the last look would be offered the same: nothing more.
            if (m.looked_at and tails == self.tails) or m.gone_since(now) is not None:
                continue
            m.looked_at = True
            live = sum(j.seconds for j in m.jobs.values() if j.state is not None)
            if live >= LOOK_AHEAD_S:
                continue
            loads.append(PrinterLoad(node=m.facts.node, printer=m.facts.printer, live_s=live))
            jobs += [
                OpenJob(
                    job=j.id, node=m.facts.node, printer=m.facts.printer, seconds=j.seconds,
                    due=j.due, created_at=j.created, left=share[j.order, j.part],
                )
                for j in m.queue() if j.state is None
            ]  # fmt: skip
        self.tails = tails
        for chosen in next_offers(jobs, loads):
            m = self.by_key[chosen.node, chosen.printer]
            job = m.jobs[chosen.job]
            job.state, m.rests_until = AttemptState.OFFERED, NOW
            self.offers += 1
            job.offered = self.offers
            self.unoffered[job.order, job.part] -= job.copies

    def spread(self, now):
        """Free plates for idle printers, as `jobs.coordinator.claims.spread` reads them.

        It looks at fifty four times a minute: at all, in one of our steps.
        """
        idle = [
            m for m in self.machines
            if not m.jobs and m.gone_since(now) is None and m.spool_g > 0
            and m.rests_until <= now and now >= m.busy + timedelta(seconds=m.clear_s)
            and is_open(m.facts.week, now)
        ]  # fmt: skip
        if not idle:
            return
        beds = [
            FreeBed(
                node=m.facts.node, printer=m.facts.printer, material="PETG", grams=m.spool_g,
                attended=m.facts.attended, unattended=False, week_left_s=float("inf"),
                not_for_it={(o, part) for o in self.orders for part in MADE if not m.most[part]},
                km=m.facts.km, pace=m.facts.pace,
            )
            for m in idle
        ]  # fmt: skip
        for bed, job in to_spread(self.queues(now), beds, now):
            self.by_key[bed.node, bed.printer].rests_until = now + SPREAD_REST
            self.drop(self.by_key[job.node, job.printer].jobs[job.job])

    def queues(self, now):
        """As `jobs.coordinator.claims` reads what waits."""
        waiting = []
        for m in self.machines:
            gone = m.gone_since(now) is not None
            queue = [_waits(j) for j in sorted(m.queue(), key=lambda j: j.state is None)]
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
                self.learn(m, job, now)
                self.finish(m, job)
            if m.job is None and gone is None and now >= m.busy + timedelta(seconds=m.clear_s):
                self.start(m, now)

    def fail(self, job):
        again = self.way in ("even", "static")  # it stays with who had it
        self.drop(job)
        if again:
            self.add(job.order, job.part, job.copies, job.at, job.created)

    def learn(self, m, job, now):
        """What the node tells with the end: how long it took; good or bad, people count later."""
        took_s = job.seconds * m.slower
        m.finished.append(Finished(at=now, sliced_s=job.seconds, took_s=took_s))
        m.facts = replace(m.facts, pace=pace(m.finished, now))

    def finish(self, m, job):
        good, scrap = m.counted
        if self.luck.random() < m.fails:
            m.counted = good, scrap + job.copies
            self.fail(job)
            return
        m.counted = good + job.copies, scrap
        m.remove(job)
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
        if self.way == "hybrid":  # as labs do: of what they were offered, what is due first
            held = (j for j in m.jobs.values() if j.state is AttemptState.OFFERED)
            job = min(held, key=lambda j: (j.due, j.offered), default=None)
        else:
            job = next(iter(m.queue()), None)
        if job is None or job.grams > m.spool_g:
            return
        takes_s = m.facts.takes_s(job.seconds)
        if earliest_start(m.facts.week, now, takes_s, m.facts.slack) != now:
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
