"""In which order migrations are applied: that in which they came, so a new one goes to the end.

A file remembers which it has by their names, which are those of the modules.
"""

from __future__ import annotations

from types import ModuleType

from sqlite_utils import Database, Migrations

from jobs.ledger.migrations import (
    m001_ledger,
    m001_streams,
    m002_figures,
    m002_memory,
    m003_labs,
    m004_restored,
    m005_enrolment,
    m007_answers,
    m010_maker,
    m011_telling,
    m012_newcomers,
    m013_maker_page,
    m014_plans,
    m015_recalls,
    m028_reviews,
    m032_hubs,
    m033_parcels,
    m034_erased,
    m034_maker_lots,
    m034_orders,
    m035_coefficients,
    m037_complaint_lots,
    m037_lot_photos,
    m039_listed,
    m050_given_up,
    m052_took,
    m053_used,
    m056_pause,
    m057_handed,
    m058_supplier_lots,
    m059_lost_parcels,
    m060_priority,
    m061_release,
    m062_depot,
)

#: Reliable streams: the same tables in the ledger and in a node's journal.
STREAMS = (
    m001_streams,
    m002_memory,
)
LEDGER = (
    m001_ledger,
    m002_figures,
    m003_labs,
    m004_restored,
    m005_enrolment,
    m007_answers,
    m010_maker,
    m015_recalls,
    m012_newcomers,
    m011_telling,
    m013_maker_page,
    m028_reviews,
    m035_coefficients,
    m014_plans,
    m033_parcels,
    m032_hubs,
    m034_orders,
    m034_erased,
    m034_maker_lots,
    m037_complaint_lots,
    m037_lot_photos,
    m039_listed,
    m050_given_up,
    m052_took,
    m053_used,
    m056_pause,
    m057_handed,
    m058_supplier_lots,
    m059_lost_parcels,
    m060_priority,
    m061_release,
    m062_depot,
)


def _in_order(name: str, modules: tuple[ModuleType, ...]) -> Migrations:
    migrations = Migrations(name)
    for module in modules:
        migrations(name=module.__name__.rpartition(".")[2])(module.apply)
    return migrations


ledger_migrations = _in_order("ledger", LEDGER)
stream_migrations = _in_order("streams", STREAMS)


def unknown(db: Database, *sets: Migrations) -> tuple[str, ...]:
    """Return the migrations of these sets that a file has and this program does not know."""
    nothing = Database(memory=True)
    known = {(each.name, m.name) for each in sets for m in each.pending(nothing)}
    nothing.close()
    had = [(each.name, m.name) for each in sets for m in each.applied(db)]
    return tuple(name for of, name in had if (of, name) not in known)
