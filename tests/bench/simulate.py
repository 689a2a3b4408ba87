"""Ten days of a network where things go wrong: the product's planner and policy against four others.

Run with `make simulate ARGS="--printers 900 --seeds 5"`. Prints a row for each way and seed, then a
table of means and one JSON object; `--svg FILE` draws the kits that are ready against the days.

The ways: `even` gives each printer the same number of pieces, `static` is the product's plan made
once, `rolling` is made again every twelve hours and otherwise left alone, `pull` gives the next
plate to whoever is idle. `hybrid` is the product: `jobs.split`, what cannot be made goes to
others (`jobs.assign.to_take_back`) and is planned again in the next step, offers reach eight hours
ahead (`jobs.assign.next_offers`), idle printers are looked after (`jobs.claims.to_spread`), and what
nobody was offered is given out anew every twelve hours where some would be late. Yields and paces are
counted as the product counts them.

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
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.bench.fate import NOW, a_world
from tests.bench.ways import Network

TICK = timedelta(minutes=20)
WAYS = ("even", "static", "rolling", "pull", "hybrid")


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
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--days", type=float, default=6.0, help="work of the whole network")
    parser.add_argument("--horizon", type=int, default=14, help="days that are looked at")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--svg", help="draw the kits that are ready against the days")
    args = parser.parse_args(argv)
    found, curves = defaultdict(list), defaultdict(list)
    for seed in range(args.first, args.first + args.seeds):
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
        "first": args.first,
        "days_of_work": args.days,
        "ways": table,
    }
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
