"""Orders over the printers of a country: our planner, five other ways, and what nobody can beat.

Run with `make bench-split ARGS="--printers 10000 --orders 100 --seed 1"`. One instance: the plan by
due dates; the plan that is ready first; a re-split after 5 % of all labs drop out on day 2 at 10:00;
all of them audited. Prints a row for each way, then one JSON object. All are fractions but `_s`,
`_mb`, `speedup`, `audit_findings` and counts:

* `ontime_lost`: weighted share of kits that are not in time; `ontime_lost_vs_bound`: of what is possible.
* `makespan_gap`, `certificate_gap`: how much longer the plan that is ready first takes than HiGHS, and
  than our own certificate, say that everybody would; without `highspy` both are the certificate's.
* `km_ratio`, `parcels_ratio`: against the heap. `jain`: 1 where all labs give the same share of their time.
* `km_least_ratio`, `parcels_least_ratio`: the least that a solver proves of both with all in time and a fair
  load; null where that cannot be or would take long.
* `product_*`: the planner that the coordinator runs (`planning.make`, with exact hours, reasons and audit) on a
  real ledger of up to 1,000 printers and 20 orders; `product_heap_*`: what plate by plate gives there.
* `survivors_moved`: what a re-split takes from those who stay; `scratch_moved`: what a new plan would.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import time
from dataclasses import replace

import numpy as np

from jobs.network import SLOT_MIN
from jobs.quotas import plan
from jobs.soonest import soonest
from tests.bench import bounds, peers
from tests.bench.instances import DAY_MIN, an_instance, some_printers
from tests.bench.product import product
from tests.bench.quota_audit import audit_quotas

_DROP_MIN = 2 * DAY_MIN + 600
_FREEZE_MIN = 240.0
_DROPPED = 0.05
#: The heap takes seconds.
_HEAP_ROUNDS = 3
#: Printers, orders and days of work in the ledger of the product.
_LEDGER = (1000, 20)
_LEDGER_DAYS = 6.0


def timed(rounds, work, *args, **facts):
    """Return the median of some rounds in seconds, and what the last one gave."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = work(*args, **facts)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), found


def against_heap(rounds, net, lines, least):
    """Time our plan and the heap in turns, so that what else runs here slows both alike."""
    ours, theirs = [], []
    for _ in range(min(rounds, _HEAP_ROUNDS)):
        seconds, rows = timed(1, peers.heap, net, lines)
        theirs.append(seconds)
        for _ in range(math.ceil(rounds / _HEAP_ROUNDS)):
            seconds, found = timed(1, plan, net, lines, least=least)
            ours.append(seconds)
    return found, statistics.median(ours), rows, statistics.median(theirs)


def at_drop(net, lines, rows, stay):
    """Print until labs drop out; return network, lines, rows and pieces as they stand then.

    What runs or starts within four hours stays as it is. Lines keep their numbers.
    """
    by, begin = peers.begin_of(net, lines, rows)
    rows = replace(rows, **{name: getattr(rows, name)[by] for name in type(rows).__slots__})
    part, cls = lines.part[rows.line], net.cls[rows.printer]
    most, good = net.most[part, cls], net.good[rows.printer]
    fixed, each = net.plate_min[part, cls], net.piece_min[part, cls]
    full = (fixed + each * most) / net.speed[rows.printer]
    rest = (fixed + each * rows.last) / net.speed[rows.printer]
    now = net.opened(_DROP_MIN)
    until = np.maximum(net.opened(_DROP_MIN + _FREEZE_MIN), now)[rows.printer]
    here = stay[rows.printer]
    done = np.clip(np.floor((now[rows.printer] - begin) / full + 1e-9), 0, rows.plates)
    begun = np.maximum(done, np.clip(np.ceil((until - begin) / full - 1e-9), 0, rows.plates))
    tail = begin + rows.plates * full
    tail_begun = (rows.last > 0) & (tail < until)
    tail_done = tail_begun & (tail + rest <= now[rows.printer])
    made = np.where(here, begun, done) * most + np.where(here, tail_begun, tail_done) * rows.last
    busy = np.zeros(net.printers)
    np.maximum.at(busy, rows.printer, np.where(begun > 0, begin + begun * full, 0.0))
    np.maximum.at(busy, rows.printer, np.where(tail_begun, tail + rest, 0.0))
    plates = (rows.plates - begun).astype(np.int64)
    last = np.where(tail_begun, 0, rows.last)
    kept = replace(rows, plates=plates, last=last).only(here & ((plates > 0) | (last > 0)))
    rest_net, index = some_printers(replace(net, busy_min=np.maximum(0.0, busy - now)), stay)
    slot = int(_DROP_MIN // SLOT_MIN)
    left = lines.pieces - np.bincount(rows.line, made * good, lines.count)
    return (
        replace(rest_net, open_min=net.open_min[slot:] - net.open_min[slot]),
        replace(lines, pieces=np.maximum(left, 1e-9), due_min=lines.due_min - _DROP_MIN),
        replace(kept, printer=index[kept.printer]),
    )


def moved(net, lines, kept, after):
    """The share of kept pieces that are no longer with the printer that had them."""
    had, has = np.zeros((2, lines.count, net.printers))
    np.add.at(had, (kept.line, kept.printer), kept.copies(net, lines))
    np.add.at(has, (after.line, after.printer), after.copies(net, lines))
    return float(np.maximum(0.0, had - has).sum() / max(had.sum(), 1.0))


def resplit(net, lines, found, seed, rounds):
    """Drop labs, and put what they had on others."""
    labs = np.random.default_rng(seed).random(int(net.node.max()) + 1) >= _DROPPED
    stay = labs[net.node]
    if stay.all() or not stay.any():
        stay = np.arange(net.printers) > 0 if net.printers > 1 else stay
    rest, left, kept = at_drop(net, lines, found.rows, stay)
    seconds, after = timed(rounds, plan, rest, left, kept=kept)
    scratch = plan(rest, left)
    return {
        "resplit_s": round(seconds, 4),
        "survivors_moved": round(moved(rest, left, kept, after.rows), 6),
        "scratch_moved": round(moved(rest, left, kept, scratch.rows), 4),
        "resplit_lost_vs_scratch": round(
            peers.measure(rest, left, scratch.rows).in_time
            - peers.measure(rest, left, after.rows).in_time, 5,
        ),
    }, len(audit_quotas(rest, left, after))  # fmt: skip


def proofs(net, lines, found, quickest):
    """Return the bounds, by a solver where there is one."""
    try:
        import highspy  # noqa: F401
    except ModuleNotFoundError:
        return "certificate", found.most_in_time, quickest.earliest_min
    pieces = lines.of_parts(net.most.shape[0])
    return "highspy", bounds.most_in_time(net, lines), bounds.earliest_slot_min(net, pieces)


def least_ratios(net, lines, bound_by, heap):
    """Return the least kilometres and parcels against the heap's; None for what nobody says."""
    km, parcels = bounds.least(net, lines) if bound_by == "highspy" else (None, None)
    return {
        "km_least_ratio": None if km is None else round(km / heap.km, 3),
        "parcels_least_ratio": None if parcels is None else round(parcels / heap.parcels, 3),
    }


def row_of(name, seconds, measured, bound):
    row = {
        "way": name, "seconds": round(seconds, 3), "ontime": round(measured.in_time, 4),
        "ontime_lost_vs_bound": round(1 - measured.in_time / bound, 5),
        "days": round(measured.last_min / DAY_MIN, 2), "parcels": measured.parcels,
        "km": round(measured.km, 1), "jain": round(measured.jain, 3),
    }  # fmt: skip
    print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    return row


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--printers", type=int, default=10_000)
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=8.7, help="work of the whole network")
    parser.add_argument("--least", type=float, default=10.0, help="pieces of the smallest lot")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-product", action="store_true", help="leave the ledger out")
    args = parser.parse_args(argv)
    net, lines = an_instance(args.printers, args.orders, args.seed, target_days=args.days)
    found, plan_s, heap_rows, heap_s = against_heap(args.rounds, net, lines, args.least)
    soonest_s, quickest = timed(args.rounds, soonest, net, lines.of_parts(net.most.shape[0]))
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    after, after_findings = resplit(net, lines, found, args.seed, args.rounds)
    bound_by, most, earliest = proofs(net, lines, found, quickest)
    ours = peers.measure(net, lines, found.rows)
    table = [row_of("ours", plan_s, ours, most)]
    heap = peers.measure(net, lines, heap_rows)
    table.append(row_of("heap", heap_s, heap, most))
    for name in ("ect", "edd", "proportional", "even"):
        seconds, rows = timed(1, getattr(peers, name), net, lines)
        table.append(row_of(name, seconds, peers.measure(net, lines, rows), most))
    result = {
        "printers": net.printers, "labs": int(net.node.max()) + 1, "classes": len(net.calendar),
        "orders": args.orders, "lines": lines.count, "pieces": int(lines.pieces.sum()),
        "days": args.days, "seed": args.seed,
        "plan_s": round(plan_s, 4), "soonest_s": round(soonest_s, 4), "heap_s": round(heap_s, 3),
        "speedup_vs_heap": round(heap_s / plan_s, 1),
        "bound": bound_by,
        "makespan_gap": round(quickest.ready_min / earliest - 1, 5),
        "certificate_gap": round(quickest.gap, 5),
        "ontime_lost": round(1 - ours.in_time, 5),
        "ontime_lost_vs_bound": round(1 - ours.in_time / most, 5),
        "ontime_gap_printed": round(found.gap, 5),
        **after,
        "km_ratio": round(ours.km / heap.km, 3),
        "parcels_ratio": round(ours.parcels / heap.parcels, 3),
        **least_ratios(net, lines, bound_by, heap),
        "jain": round(ours.jain, 3),
        "rss_mb": round(rss_mb, 1),
        "audit_findings": len(audit_quotas(net, lines, found)) + after_findings,
        "ways": table,
    }  # fmt: skip
    if not args.no_product:
        printers, orders = min(args.printers, _LEDGER[0]), min(args.orders, _LEDGER[1])
        result |= product(printers, orders, args.seed, _LEDGER_DAYS)
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
