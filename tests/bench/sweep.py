"""Many networks, small and large: the worst of every figure that is asked of a plan.

Run with `python -m tests.bench.sweep --seeds 3`; it needs fabnet[bounds] and takes minutes. For every
size, case and seed a row in which something is short of `ASKED`, then a table of the worst. A case is what
the bound says, not what was meant: where not all can be in time there is too much work. Kilometres, parcels
and load are judged where all can be.
`soonest` is the gap of the plan that is ready first, with one deadline, open day and night; `whole` what
is left of it against the later of that bound and of when each part alone could be ready in whole plates.
With `--whole` a row of a small network also says how much of what is lost whole plates take at least
(`lost_by_whole`), and what the plan loses at most beyond that (`lost_vs_whole`).
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from jobs.soonest import soonest
from tests.bench import bench_hard, bounds
from tests.bench.instances import an_instance

PRINTERS = (10, 30, 100, 300, 1000, 3000, 10_000)
ORDERS = (1, 3, 10, 30, 100)
#: What is worst where it is most; the last two are only there with `--whole`.
WORST = (
    "lost_vs_bound", "km_vs_ect", "parcels_vs_ect", "findings", "lost_by_whole", "lost_vs_whole",
)  # fmt: skip
#: Most of what may be lost, by case.
ASKED = {"feasible": 0.0005, "overloaded": 0.01, "scarce": 0.025}


def short(row: dict[str, float | str]) -> list[str]:
    """Name the figures of a row that are not as asked."""
    found = []
    if row["lost_vs_bound"] > ASKED[row["case"]]:
        found.append("lost")
    if row["case"] == "feasible":
        found += ["jain"] * (row["jain"] < bounds.FAIR)
        found += [key for key in ("km_vs_ect", "parcels_vs_ect") if row[key] > 0.5]
    return found + ["findings"] * bool(row["findings"])


def _told(row):
    """The values of a row; with `--whole` those that are added are named."""
    return [f"{key}={value}" if "whole" in key else value for key, value in row.items()]


def makespan(printers, orders, seed):
    """Return the gaps of the plan that is ready first: to the programme, and in whole plates."""
    net, lines = an_instance(printers, orders, seed, target_days=5.7, always=True)
    pieces = lines.of_parts(net.most.shape[0])
    ready, least = soonest(net, pieces).ready_min, bounds.earliest_slot_min(net, pieces)
    return ready / least - 1, ready / max(least, bounds.earliest_whole_min(net, pieces)) - 1


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--printers", type=int, nargs="*", default=PRINTERS)
    parser.add_argument("--orders", type=int, nargs="*", default=ORDERS)
    parser.add_argument("--whole", action="store_true", help="also what whole plates take")
    args = parser.parse_args(argv)
    seeds = range(args.first, args.first + args.seeds)
    worst = defaultdict(dict)
    for printers in args.printers:
        for orders in args.orders:
            for seed in seeds:
                cell = worst[printers, orders, "soonest"]
                for key, gap in zip(
                    ("gap", "whole"), makespan(printers, orders, seed), strict=True
                ):
                    cell[key] = max(cell.get(key, 0.0), round(gap, 5))
                for case in bench_hard.CASES:
                    row = bench_hard.judged(
                        case, printers, orders, seed, told=False, whole=args.whole
                    )
                    cell = worst[printers, orders, row["case"]]
                    for key in WORST[: None if args.whole else -2]:
                        cell[key] = max(cell.get(key, 0), row[key])
                    cell["jain"] = min(cell.get("jain", 1.0), row["jain"])
                    if why := short(row):
                        print(printers, orders, *_told(row), *why, flush=True)
    for (printers, orders, case), cell in worst.items():
        print(printers, orders, case, *(f"{k}={v}" for k, v in cell.items()), flush=True)


if __name__ == "__main__":
    main()
