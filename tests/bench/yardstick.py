"""P||Cmax: jobs of known lengths on equal machines, cut from full machines, so the best is known.

Run by hand with `python -m tests.bench.yardstick`. Each job is a part of which one piece is asked; each
machine is a printer that is always open. Says by how much `jobs.soonest` is longer than the
best, and fails if it ever claims to be shorter.
"""

from __future__ import annotations

import argparse
import json
import statistics

import numpy as np

from jobs.network import SLOT_MIN, Network
from jobs.soonest import soonest

_UNIT_MIN = 8 * SLOT_MIN  # what one unit of length is, so that slots round little


def cut(machines, per_machine, best, rng):
    """Cut each machine's time into about so many jobs of whole units."""
    jobs = []
    for _ in range(machines):
        count = max(1, int(rng.integers(per_machine // 2 + 1, per_machine * 3 // 2 + 1)))
        ends = np.sort(rng.choice(np.arange(1, best), min(count, best) - 1, replace=False))
        jobs += np.diff([0, *ends, best]).tolist()
    return rng.permutation(np.array(jobs, float))  # in no order that would give it away


def a_shop(machines, lengths, best):
    """Equal printers; a part for each job."""
    jobs, slots = len(lengths), int(3 * best * _UNIT_MIN / SLOT_MIN)
    return Network(
        name=np.array([f"{n:05}" for n in range(machines)]), node=np.arange(machines),
        cls=np.zeros(machines, np.int64), speed=np.ones(machines), good=np.ones(machines),
        busy_min=np.zeros(machines), spool_g=np.full((1, machines), np.inf),
        most=np.ones((jobs, 1), np.int64), plate_min=np.zeros((jobs, 1)),
        piece_min=lengths[:, None] * _UNIT_MIN, plate_g=np.zeros((jobs, 1)),
        piece_g=np.zeros((jobs, 1)), calendar=np.zeros(1, np.int64),
        open_min=np.arange(slots + 1, dtype=float)[:, None] * SLOT_MIN,
        km=np.zeros((1, machines)),
    )  # fmt: skip


def gap(machines, per_machine, best, seed):
    """How much longer than the best, 0.01 is one per cent."""
    lengths = cut(machines, per_machine, best, np.random.default_rng(seed))
    found = soonest(a_shop(machines, lengths, best), np.ones(len(lengths)))
    assert found is not None
    assert found.earliest_min <= best * _UNIT_MIN + 1e-6, "the certificate is above the best"
    assert found.ready_min >= best * _UNIT_MIN - 1e-6, "below the best"
    return found.ready_min / (best * _UNIT_MIN) - 1


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=20, help="instances of each size")
    args = parser.parse_args(argv)
    table = []
    for machines in (3, 10, 30):
        for per_machine in (3, 6, 12):
            gaps = [gap(machines, per_machine, 100, seed) for seed in range(args.each)]
            table.append(
                {
                    "machines": machines, "jobs_each": per_machine,
                    "mean": round(statistics.mean(gaps), 4), "worst": round(max(gaps), 4),
                }
            )  # fmt: skip
            print(table[-1], flush=True)
    print(json.dumps({"sizes": table, "mean": round(statistics.mean(r["mean"] for r in table), 4)}))
    return table


if __name__ == "__main__":
    main()
