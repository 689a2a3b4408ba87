"""A real ledger of many labs and orders, and how long the product's own planner takes on it.

The printers, places and hours are those of `tests.bench.instances`; the designs are our own. Nests
are made and kept before anything is timed, as they are in a network that runs.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from designs.library import Library
from jobs import plan_audit
from jobs.coordinator import fitting, nodes, orders, planning
from jobs.ledger.store import Ledger
from jobs.messages import Capabilities, PrinterChange
from jobs.model import Request
from jobs.network import TINY
from jobs.planned import plates_by
from jobs.shares import arrays
from jobs.split import split
from printers.model import PrinterFacts, PrinterState, Spool
from tests.bench.instances import HOURS, MODELS, a_network

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)  # a Monday
HUB = (48.86, 2.35)
DESIGNS = Path(__file__).parents[2] / "designs" / "catalogue"


def a_ledger(folder, printers, order_count, seed, days, *, grams=6000.0):
    """Make a ledger with labs that are online, and confirmed orders of `days` of work for them all."""
    rng = np.random.default_rng(seed)
    net = a_network(printers, rng)
    ledger = Ledger(folder / "ledger.db")
    library = Library(ledger.database, folder / "files")
    library.migrate()
    kits = [
        library.add_design(DESIGNS / name) for name in ("visor-frame", "ear-saver", "visor-kit")
    ]
    model = rng.choice(len(MODELS), printers, p=np.array([m[0] for m in MODELS]) / 1.0)
    labs = int(net.node.max()) + 1
    place = np.column_stack([rng.uniform(43, 50.5, labs), rng.uniform(-1.5, 7, labs)])
    weekly = np.where(rng.random(labs) < 0.3, rng.integers(20, 60, labs), 0)
    for lab in range(labs):
        nodes.enrol(ledger, f"lab-{lab:05}", f"Lab {lab}", "", NOW)
    with ledger.transaction() as db:
        for lab in range(labs):
            mine = np.flatnonzero(net.node == lab)
            name = f"lab-{lab:05}"
            nodes.presence(db, name, "boot", "conn", NOW, online=True)
            said = Capabilities(
                lab=f"Lab {lab}", place=tuple(place[lab].round(2).tolist()),
                printers=tuple(_facts(int(p), MODELS[model[p]], grams) for p in mine),
                attended=HOURS[int(net.calendar[net.cls[mine[0]]])], utc_offset_min=60,
                weekly_h=float(weekly[lab]) * len(mine),
            )  # fmt: skip
            nodes.capabilities(db, name, said, NOW)
            for p in mine:
                change = PrinterChange(printer=f"p{p}", state=PrinterState.IDLE, clear=True)
                nodes.printer_change(db, name, change, NOW)
    chosen = rng.choice(len(kits), order_count, p=[0.5, 0.2, 0.3])
    size = rng.lognormal(0, 1.0, order_count)
    due = [date(2026, 11, 26) + timedelta(days=int(d)) for d in rng.integers(0, 9, order_count)]
    scale = _scale(ledger, library, kits, chosen, size, due, days)
    for n in range(order_count):
        _order(ledger, kits[chosen[n]], int(np.clip(size[n] * scale, 1, 100_000)), due[n], n)
    return ledger, library


def _facts(number, model, grams):
    _, x, y, z, _ = model
    side = x / np.sqrt(2)
    return PrinterFacts(
        id=f"p{number}", title=f"Printer {number}", preset=f"bench-{x}x{y}x{z}",
        bed_x_mm=float(x if y else side), bed_y_mm=float(y or side), height_mm=float(z),
        margin_mm=2.0, nozzle_mm=0.4,
        spool=Spool(id=f"s{number}", material="PETG", grams=grams, maker_lot=""),
    )  # fmt: skip


def _order(ledger, revision, kits, due, number):
    request = Request(
        request_key=f"{number:032x}", revision_id=revision.id, kits=kits, due=due,
        requester="Bench", place="Ward", contact="0",
    )  # fmt: skip
    placed = orders.place(ledger, request, revision, NOW)
    orders.confirm(ledger, placed.order_id, "steward", NOW)


def _scale(ledger, library, kits, chosen, size, due, days):
    """Return by how much to multiply sizes, so that all printers together need so many days."""
    from jobs.certificate import earliest_min
    from jobs.prices import prices

    first = {}
    for n, kit in enumerate(chosen):
        first.setdefault(int(kit), n)
    for kit, n in first.items():
        _order(ledger, kits[kit], 1, due[n], 1_000_000 + n)
    facts = planning.snapshot(ledger, library, NOW, HUB)
    fits, _ = fitting.fits_of(facts, library)
    given = arrays(facts.needs, facts.fleet, fits, NOW)
    with ledger.transaction() as db:
        db.execute("update orders set state = 'refused'")
    per = {
        (kits[int(kit)].id, part.id): part.per_kit * float(size[chosen == kit].sum())
        for kit in first
        for part in kits[int(kit)].parts
    }
    asked = np.zeros(given.ideal.most.shape[0])
    by_mesh = {mesh: q for q, (mesh, _) in enumerate(given.parts)}
    for kit in first:
        for part in kits[kit].parts:
            asked[by_mesh[part.facts.mesh_sha256]] += per[kits[kit].id, part.id]
    scale = 100.0
    for _ in range(6):
        found = prices(given.ideal, asked * scale, given.ideal.class_min(days * 1440))
        scale *= days * 1440 / earliest_min(given.ideal, asked * scale, found)
    return scale


def worth(plan, facts):
    """Return what a plan is worth, from its plates alone."""
    by_order = {}
    due = {(n.order_id, n.part_id): n for n in facts.needs}
    asked, good, parcels, km, late_h = {}, {}, set(), 0.0, 0.0
    for need in facts.needs:
        asked[need.order_id, need.part_id] = need.pieces
    km_of = {(p.node, p.printer): p.km or 0.0 for p in facts.fleet}
    for run in plan.runs:
        line, print_by = (run.order_id, run.part_id), due[run.order_id, run.part_id].print_by
        good[line] = good.get(line, 0) + run.pieces - run.late(print_by)
        for plate in run.plates() if run.last_at > print_by else ():
            late_h += plate.copies * max(0.0, (plate.done_at - print_by).total_seconds() / 3600)
        parcels.add((run.node, run.order_id))
        km += km_of[run.node, run.printer] * run.pieces
    for line, pieces in asked.items():
        share = good.get(line, 0) / pieces
        by_order[line[0]] = min(by_order.get(line[0], 1.0), share)
    kits = {n.order_id: n.pieces / n.per_kit for n in facts.needs}
    pieces = sum(run.pieces for run in plan.runs) or 1
    return {
        "ontime": round(sum(by_order[o] * kits[o] for o in kits) / sum(kits.values()), 5),
        "late_h": round(late_h / pieces, 2),
        "days": round((max(run.last_at for run in plan.runs) - NOW).total_seconds() / 86400, 2),
        "parcels": len(parcels),
        "km": round(km / pieces, 1),
        "plates": sum(run.count for run in plan.runs),
        "short": sum(s.pieces for s in plan.shortfalls),
    }


def with_scrap(plan, facts):
    """Return the share of kits in time where of each printer's plates as many fail as are expected.

    Each printer makes what it has in its turn, inside its hours; what failed it makes again at once.
    """
    needs = {(n.order_id, n.part_id): n for n in facts.needs}
    fleet = {(p.node, p.printer): p for p in facts.fleet}
    good, last = defaultdict(float), {}
    for run in sorted(plan.runs, key=lambda r: (r.last_at, r.order_id, r.part_id)):
        printer = fleet[run.node, run.printer]
        free, part = last.get((run.node, run.printer), (printer.free_at(NOW), 0.0))
        plates = run.count / printer.good + part
        in_time, need = 0, needs[run.order_id, run.part_id]
        for done_at, count in printer.finishes(free, run.seconds, int(plates + TINY)):
            made = replace(run, done_at=done_at, count=count)
            in_time, free = in_time + plates_by(made, need.print_by), made.last_at
        last[run.node, run.printer] = free, plates - int(plates + TINY)
        pieces = min(run.pieces, in_time * run.copies * printer.good)
        good[run.order_id, run.part_id] += pieces
    kits, share = {}, {}
    for line, need in needs.items():
        kits[line[0]] = need.pieces / need.per_kit
        share[line[0]] = min(share.get(line[0], 1.0), good[line] / need.pieces)
    return round(sum(share[o] * kits[o] for o in kits) / sum(kits.values()), 5)


def product(printers, order_count, seed, days, rounds=3, *, heap=True):
    """Time the planner of the product, and the heap it had before, on one ledger."""
    with tempfile.TemporaryDirectory() as folder:
        ledger, library = a_ledger(Path(folder), printers, order_count, seed, days)
        try:
            began = time.perf_counter()
            facts = planning.snapshot(ledger, library, NOW, HUB)
            snapshot_s = time.perf_counter() - began
            seconds = []
            for _ in range(rounds):
                began = time.perf_counter()
                plan = planning.make(facts, library, NOW).plan
                seconds.append(time.perf_counter() - began)
            fits, _ = fitting.fits_of(facts, library)
            began = time.process_time()
            findings = plan_audit.audit(plan, facts.needs, facts.fleet, fits, NOW)
            audit_s = time.process_time() - began
            ours = worth(plan, facts)
            found = {
                "product_printers": printers, "product_orders": order_count,
                "product_snapshot_s": round(snapshot_s, 3),
                "product_plan_s": round(float(np.median(seconds)), 3),
                "product_audit_s": round(audit_s, 3),  # of the processor
                "product_findings": len(findings),
                **{f"product_{key}": value for key, value in ours.items()},
                "product_ontime_with_scrap": with_scrap(plan, facts),
            }  # fmt: skip
            if heap:
                began = time.perf_counter()
                before = split(facts.needs, facts.fleet, fits, NOW, 10**9)
                found["product_heap_s"] = round(time.perf_counter() - began, 3)
                theirs = worth(before, facts)
                found |= {f"product_heap_{key}": value for key, value in theirs.items()}
                found["product_heap_ontime_with_scrap"] = with_scrap(before, facts)
            return found
        finally:
            ledger.close()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--printers", type=int, default=1000)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=6.0)
    parser.add_argument("--no-heap", action="store_true")
    args = parser.parse_args(argv)
    print(
        json.dumps(
            product(args.printers, args.orders, args.seed, args.days, 1, heap=not args.no_heap)
        )
    )


if __name__ == "__main__":
    main()
