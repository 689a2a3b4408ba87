"""Where splitting is hard: too much work, one scarce capability, and rules that must never be broken.

Run with `make bench-hard ARGS="--printers 1000 --orders 100 --audits 1000"`; it needs
fabnet[bounds]. One row for each case and seed: the weighted share of kits that is lost against the
linear programme's bound, kilometres and parcels against earliest completion (`peers.ect`), Jain's
index, findings of the audit; where all can be in time and the network is small, also the least kilometres
and parcels that a programme proves; what cannot all be in time is called overloaded. With `--whole`, in
small networks, also what is lost against the bound that counts whole plates and copies
(`tests.bench.whole`), and how much of it those take at least. Then `--audits` small random instances with
ceilings, spools, release times, barred and busy printers, each audited. One JSON object at the end.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from jobs.quotas import plan
from tests.bench import bounds, peers
from tests.bench.instances import PARTS, a_network, an_instance, some_lines
from tests.bench.quota_audit import audit_quotas

#: days of work where nine are there, and whether few can make one part
CASES = {"feasible": (6.7, False), "overloaded": (12.7, False), "scarce": (11.7, True)}
_SCARCE = 6  # the row of PARTS that few can make
_FEW = 0.08
#: A bound that is nearer to one means that all can be in time.
_ALL = 1e-6


def an_instance_of(case, printers, orders, seed):
    """Make the instance of a case."""
    days, scarce = CASES[case]
    rng = np.random.default_rng(seed)
    net = a_network(printers, rng)
    if scarce:
        most = net.most.copy()
        can = np.flatnonzero(most[_SCARCE] > 0)
        keep = rng.permutation(can)[: max(1, int(_FEW * len(can)))]
        most[_SCARCE] = np.where(np.isin(np.arange(most.shape[1]), keep), most[_SCARCE], 0)
        net = replace(net, most=most)
    return net, some_lines(net, orders, rng, target_days=days)


def judged(case, printers, orders, seed, *, told=True, whole=False):
    """Plan one instance and measure it; `whole` also proves what whole plates leave possible."""
    net, lines = an_instance_of(case, printers, orders, seed)
    found = plan(net, lines, least=10.0)
    ours = peers.measure(net, lines, found.rows)
    theirs = peers.measure(net, lines, peers.ect(net, lines))
    most = bounds.most_in_time(net, lines)
    # What nobody can have in time all of is too much work, whatever it was made to be.
    case = "overloaded" if case == "feasible" and most < 1 - _ALL else case
    km, parcels = bounds.least(net, lines) if case == "feasible" else (None, None)
    row = {
        "case": case, "seed": seed, "bound": round(most, 4), "ontime": round(ours.in_time, 4),
        "lost_vs_bound": round(1 - ours.in_time / most, 5),
        "km_vs_ect": round(ours.km / theirs.km, 3),
        "parcels_vs_ect": round(ours.parcels / theirs.parcels, 3), "jain": round(ours.jain, 3),
        "km_least_vs_ect": _ratio(km, theirs.km),
        "parcels_least_vs_ect": _ratio(parcels, theirs.parcels),
        "findings": len(audit_quotas(net, lines, found)),
    }  # fmt: skip
    if whole:
        from tests.bench.whole import most_in_whole  # it reads the cases from here

        possible, _ = most_in_whole(net, lines)
        row["whole_bound"] = round(possible, 4)
        row["lost_by_whole"] = round(1 - possible / most, 5) + 0.0
        row["lost_vs_whole"] = round(1 - ours.in_time / possible, 5) + 0.0
    if told:
        print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    return row


def _ratio(one, other):
    return None if one is None else round(one / other, 3)


def random_instance(seed):
    """A small instance with all that can bind: spools, ceilings, releases, barred, busy."""
    rng = np.random.default_rng(seed)
    net, lines = an_instance(
        int(rng.integers(1, 120)), int(rng.integers(1, 16)), seed,
        target_days=float(rng.choice([3.0, 8.7, 14.0])), horizon_days=40,
        stock=rng.choice([None, 1.0]), ceiling_h=rng.choice([None, 30.0]),
    )  # fmt: skip
    release = lines.due_min * rng.uniform(0, 1, len(lines.due_min)) * (rng.random() < 0.5)
    busy = rng.uniform(0, 900, net.printers) * (rng.random(net.printers) < 0.3)
    barred = {0: rng.random(net.printers) < 0.2}
    return replace(net, busy_min=busy), replace(lines, release_min=release, barred=barred)


def audited(count, first=0):
    """Return how many findings there are in so many random plans, from a seed on."""
    found = 0
    for seed in range(first, first + count):
        net, lines = random_instance(seed)
        found += len(audit_quotas(net, lines, plan(net, lines, least=float(seed % 2 * 10))))
    return found


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--printers", type=int, default=1000)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--whole", action="store_true", help="also the bound of whole plates")
    parser.add_argument("--first", type=int, default=0, help="seed of the first audit")
    args = parser.parse_args(argv)
    rows = [
        judged(case, args.printers, args.orders, seed, whole=args.whole)
        for case in CASES
        for seed in range(1, args.seeds + 1)
    ]
    result = {
        "parts": len(PARTS),
        "rows": rows,
        "audits": args.audits,
        "findings": audited(args.audits, args.first),
    }
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
