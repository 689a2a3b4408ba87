"""What will happen to a network, and what is asked of it: for `tests.bench.simulate`. All from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np

from jobs.certificate import earliest_min
from jobs.claims import WaitingJob
from jobs.fleet import Fit, FleetPrinter
from jobs.hours import parse
from jobs.lifecycle import AttemptState
from jobs.pace import Finished
from jobs.prices import prices
from tests.bench.instances import DAY_MIN, HOURS, PARTS, a_network

NOW = datetime(2026, 11, 23, tzinfo=UTC)  # a Monday
MADE = {"frame": 0, "clip": 2}  # rows of PARTS
SPOOL_G = 1000.0
ORDERS = 6
FIRST_DUE = date(2026, 11, 28)


@dataclass
class Machine:
    """One printer: what the network knows of it, and what is true."""

    facts: FleetPrinter
    most: dict[str, int]
    slower: float
    fails: float
    clear_s: float
    joins: datetime
    leaves: datetime
    away: list[tuple[datetime, datetime]]
    says_so: bool
    refills: list[tuple[datetime, float]]
    spool_g: float = 0.0
    busy: datetime = NOW
    rests_until: datetime = NOW  # idle, it is not looked after before
    job: Job | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    sorted_jobs: list[Job] | None = None  # as `queue` returns them; None when they have changed
    sums: tuple[Job | None, tuple[float, ...], float] | None = None  # as of `bound`
    looked_at: bool = False  # since its jobs have changed
    finished: list[Finished] = field(default_factory=list)  # plates, as its node has told of them
    counted: tuple[int, int] = (0, 0)  # good pieces and scrap

    def queue(self):
        """Return its jobs in the order in which it makes them."""
        if self.sorted_jobs is None:
            self.sorted_jobs = sorted(self.jobs.values(), key=lambda j: (j.due, j.created, j.id))
        return self.sorted_jobs

    def bound(self):
        """Return seconds of each plate, and grams of all, that it has and has not begun."""
        if self.sums is None or self.sums[0] is not self.job:
            rest = [job for job in self.queue() if job is not self.job]
            self.sums = self.job, tuple(j.seconds for j in rest), sum(j.grams for j in rest)
        return self.sums[1:]

    def put(self, job):
        """Give it a job."""
        self.jobs[job.id] = job
        self.sorted_jobs, self.sums, self.looked_at = None, None, False

    def remove(self, job):
        """Take a job from it: it is made, or dissolved."""
        del self.jobs[job.id]
        self.sorted_jobs, self.sums, self.looked_at = None, None, False

    @property
    def key(self):
        return self.facts.node, self.facts.printer

    def gone_since(self, now):
        """Since when it is out of reach; None while it is there."""
        if now < self.joins:
            return NOW
        if now >= self.leaves:
            return self.leaves
        return next((start for start, end in self.away if start <= now < end), None)


@dataclass(eq=False)
class Job:
    """One plate."""

    id: str
    order: str
    part: str
    copies: int
    seconds: float
    grams: float
    due: date
    created: datetime
    at: Machine
    state: AttemptState | None = None
    offered: int = 0  # the how manieth offer
    waits: WaitingJob | None = None  # as it was last read, in its present state


def a_fit(net, part, p):
    """What the planner knows of a part on a printer: the times are estimates."""
    q, c, speed = MADE[part], net.cls[p], net.speed[p]
    each = float(net.piece_min[q, c]) * 60 / speed
    return Fit(
        most=int(net.most[q, c]), needed_mm=float(PARTS[q][0]), bed_mm=0.0,
        seconds_first=float(net.plate_min[q, c]) * 60 / speed + each, seconds_more=each,
        grams_each=float(PARTS[q][5]),
    )  # fmt: skip


def a_world(printers, seed, days, horizon):
    """Make machines with their fate, fits and orders."""
    rng = np.random.default_rng(seed)
    net = a_network(printers, rng, horizon_days=30)
    labs = int(net.node.max()) + 1
    fails = rng.uniform(0.05, 0.15, labs)
    leaves = NOW + rng.exponential(1 / 0.03, labs) * timedelta(days=1)
    joins = [
        NOW + timedelta(days=float(rng.uniform(0, 3)) * (rng.random() < 0.1)) for _ in range(labs)
    ]
    says, away = rng.random(labs) < 0.5, []
    for _ in range(labs):
        start = [NOW + timedelta(days=d + float(rng.random())) for d in range(horizon)]
        away.append(
            [
                (t, t + timedelta(days=float(rng.exponential(1))))
                for t in start
                if rng.random() < 0.04
            ]
        )
    machines, fits = [], {}
    for p in range(printers):
        n = int(net.node[p])
        # Most have what they need for a week; the others wait for it, some longer than was said.
        first_g, late = (4, 0.0) if rng.random() < 0.7 else (1, float(rng.uniform(0, 4)))
        refills = [(NOW, first_g * SPOOL_G), (NOW + timedelta(days=2 + late), 4 * SPOOL_G)]
        facts = FleetPrinter(
            node=f"lab-{n:04}", printer=f"p{p}", online=True, paused=False, material="PETG",
            grams=0.0, attended=parse(HOURS[int(net.calendar[net.cls[p]])]), km=float(net.km[0, p]),
        )  # fmt: skip
        for part in MADE:
            fits[part, *_key(facts)] = a_fit(net, part, p)
        machines.append(
            Machine(
                facts=facts, most={part: int(net.most[q, net.cls[p]]) for part, q in MADE.items()},
                slower=float(np.exp(rng.normal(0.05, 0.12))), fails=float(fails[n]),
                clear_s=float(rng.uniform(480, 1680)), joins=joins[n], leaves=leaves[n],
                away=away[n], says_so=bool(says[n]), refills=refills,
            )
        )  # fmt: skip
    one = np.zeros(len(PARTS))
    one[list(MADE.values())] = 1.0
    kits = 100.0
    for _ in range(6):
        found = prices(net, one * kits, net.class_min(days * DAY_MIN))
        kits *= days * DAY_MIN / earliest_min(net, one * kits, found)
    share = rng.dirichlet(np.full(ORDERS, 4.0))
    due = [FIRST_DUE + timedelta(days=n) for n in range(ORDERS)]
    orders = {f"o{n}": (max(1, int(kits * share[n])), due[n]) for n in range(ORDERS)}
    return machines, fits, orders


def _key(facts):
    return facts.node, facts.printer
