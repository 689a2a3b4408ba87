"""What all that is planned takes of the filament of labs and of the depot, and where that does not reach."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from designs.materials import materials
from jobs.coordinator import planning
from jobs.ledger import cells, depot, labs
from jobs.ledger.store import Ledger
from jobs.stock import Coming, Forecast, RunsOut, Weight, forecast


def shortages(ledger: Ledger, now: datetime) -> tuple[RunsOut, ...]:
    """Return where spools do not hold what is planned, the first to run out first.

    Cheap where there is none: only printers that lack filament are put on the clock.
    """
    short = lacking(ledger.reading)
    return stock(ledger, now, short).shortages if short else ()


def lacking(db: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Return the printers whose spools do not hold all that they are bound to, by node and printer."""
    spools = {key: about.spool for key, about in labs.printers(db).items()}
    return frozenset(
        (row["node"], row["printer"])
        for row in db.execute(
            "select node, printer, total(grams) as grams, min(material) as one, max(material) as other"
            f" from ({planning.BOUND}) group by node, printer"
        )
        if (spool := spools.get((row["node"], row["printer"]))) is not None
        and (row["grams"] > spool.grams or {row["one"], row["other"]} != {spool.material})
    )


def stock(
    ledger: Ledger,
    now: datetime,
    only: Collection[tuple[str, str]] | None = None,
    coming: Iterable[Coming] | None = None,
) -> Forecast:
    """Return what all that is planned will use of the spools, and where they do not reach.

    `only` are printers, by node and printer; None: all. `coming` is what is counted on besides; None:
    what is on its way.
    """
    db = ledger.reading
    plates: dict[tuple[str, str], list[Weight]] = {}
    # In the order in which they are offered.
    for row in db.execute(f"{planning.BOUND} order by rank, set_back, due, at, 8"):
        if only is not None and (row["node"], row["printer"]) not in only:
            continue
        if row["material"] not in materials():  # what people cut and sew takes none
            continue
        try:
            weight = Weight(
                material=row["material"], seconds=cells.figure(row["seconds"]),
                grams=cells.figure(row["grams"]), release=planning.release_of(row), job=row["id"],
            )  # fmt: skip
        except cells.UNREADABLE:
            continue  # the plan names its order
        if math.isnan(weight.seconds + weight.grams):
            continue  # and its printer
        plates.setdefault((row["node"], row["printer"]), []).append(weight)
    fleet, facts = planning.fleet_of(db, None, now)
    spools = {
        key: 0.0 if about.spool is None else about.spool.grams for key, about in facts.items()
    }
    whole = [
        replace(printer, grams=spools[printer.node, printer.printer], queue_s=(), later=())
        for printer in fleet
        if only is None or (printer.node, printer.printer) in only
    ]
    if coming is None:
        coming = map(coming_of, depot.on_way(db))
    return forecast(
        [(printer, plates.get((printer.node, printer.printer), ())) for printer in whole],
        now,
        coming,
    )


def coming_of(sending: depot.Sending) -> Coming:
    """Return what a sending is to the forecast."""
    return Coming(
        node=sending.node, material=sending.material, day=sending.arrives, grams=sending.grams
    )


def bound_g(db: sqlite3.Connection) -> dict[str, tuple[float, float]]:
    """Return the grams of all plates that printers are bound to, and of those in labs' hands, by filament.

    What a lab was offered, was granted or prints reserves its filament. A weight that cannot be read is none.
    """
    rows = db.execute(
        "select material, sum(grams), coalesce(sum(grams) filter (where rank = 0), 0)"
        f" from ({planning.BOUND}) where grams >= 0 and grams < 9e999 group by material order by material"
    )
    return {row[0]: (float(row[1]), float(row[2])) for row in rows if row[0] in materials()}
