"""How much filament each lab will use on which day, and where and when it runs out. Pure.

Plates are printed in the order in which they are passed, in the hours of their lab. Leaves what has
no place at all, and why, to the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType

from jobs.fleet import FleetPrinter, begins_at

_CLOSE_G = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One plate that a printer is to make."""

    material: str
    seconds: float
    grams: float
    release: date | None = None  # it may not start before this day, by the lab's clock
    job: str = ""  # which one it is, for `Forecast.waits`


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Filament that is on its way to a lab."""

    node: str
    material: str
    day: date  # on which it should arrive
    grams: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """What one lab prints of one material on one day of its own calendar."""

    day: date
    node: str
    material: str
    grams: float
    #: On the spools of this material in its printers, and of what has come by then, by the end of the day.
    left_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOut:
    """A printer whose spool does not hold what it is to print."""

    day: date  # of the first plate that it cannot print
    node: str
    printer: str
    material: str  # of that plate
    missing_g: float  # of this material, for all its plates


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Days in order, and the shortages, the first to come first."""

    days: tuple[DayUse, ...]
    shortages: tuple[RunsOut, ...]
    #: By job that no spool holds: when it is printed of what is on its way; None if that does not do.
    waits: Mapping[str, datetime | None]

    @property
    def materials(self) -> tuple[tuple[str, float, float], ...]:
        """Return (material, grams to be printed, grams missing), by material."""
        used: dict[str, float] = {}
        missing: dict[str, float] = {}
        for each in self.days:
            used[each.material] = used.get(each.material, 0.0) + each.grams
        for short in self.shortages:
            missing[short.material] = missing.get(short.material, 0.0) + short.missing_g
        return tuple(
            (material, used.get(material, 0.0), missing.get(material, 0.0))
            for material in sorted({*used, *missing})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Filament that a lab should have from the depot."""

    day: date  # by which it runs out there
    node: str
    material: str
    grams: float  # of what it lacks, as much as the depot has
    missing_g: float  # of what it lacks, what the depot has not


def transfers(shortages: Iterable[RunsOut], depot: Mapping[str, float]) -> tuple[Transfer, ...]:
    """Give out what a depot has to labs that run out: one parcel a lab and material, who lacks first first.

    Args:
        shortages: as of a forecast.
        depot: grams by material.
    """
    lacks: dict[tuple[str, str], tuple[date, float]] = {}
    for short in shortages:
        day, grams = lacks.get((short.node, short.material), (short.day, 0.0))
        lacks[short.node, short.material] = (min(day, short.day), grams + short.missing_g)
    left, found = dict(depot), []
    for (node, material), (day, grams) in sorted(
        lacks.items(), key=lambda each: (each[1][0], each[0])
    ):
        given = min(grams, max(0.0, left.get(material, 0.0)))
        left[material] = left.get(material, 0.0) - given
        found.append(
            Transfer(day=day, node=node, material=material, grams=given, missing_g=grams - given)
        )
    return tuple(found)


_Pool = dict[
    tuple[str, str], list[tuple[date, float]]
]  # by lab and material, the first to arrive first


def forecast(
    printers: Iterable[tuple[FleetPrinter, Sequence[Weight]]],
    now: datetime,
    coming: Iterable[Coming] = (),
) -> Forecast:
    """Print everything on the clock and on the scales.

    Args:
        printers: with `grams` of what is on the spool now, and their plates in order. A plate that
            is in no hours of its lab counts on the day on which the one before it ends.
        now: aware UTC.
        coming: a plate that a spool does not hold waits for it; nothing of that is missing.
    """
    pool: _Pool = {}
    for each in sorted(coming, key=lambda each: each.day):
        pool.setdefault((each.node, each.material), []).append((each.day, each.grams))
    came = {where: tuple(parcels) for where, parcels in pool.items()}
    used: dict[tuple[date, str, str], float] = {}
    left: dict[tuple[str, str], float] = {}
    short = _Short(shortages=[], waits={})
    for printer, plates in sorted(printers, key=lambda each: (each[0].node, each[0].printer)):
        if printer.material is not None:
            where = (printer.node, printer.material)
            left[where] = left.get(where, 0.0) + printer.grams
        for (day, material), grams in _print(printer, plates, now, pool, short).items():
            key = (day, printer.node, material)
            used[key] = used.get(key, 0.0) + grams
    days = []
    for (day, node, material), grams in sorted(used.items()):
        left[node, material] = left.get((node, material), 0.0) - grams
        there = sum(more for at, more in came.get((node, material), ()) if at <= day)
        days.append(
            DayUse(
                day=day, node=node, material=material, grams=grams,
                left_g=max(0.0, left[node, material] + there),
            )
        )  # fmt: skip
    shortages = sorted(
        short.shortages, key=lambda each: (each.day, each.node, each.printer, each.material)
    )
    waits = MappingProxyType({job: at for job, at in short.waits.items() if job})
    return Forecast(days=tuple(days), shortages=tuple(shortages), waits=waits)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Short:
    """What spools do not hold, while it is put together; as of `Forecast`."""

    shortages: list[RunsOut]
    waits: dict[str, datetime | None]


def _taken(pool: _Pool, where: tuple[str, str], grams: float) -> date | None:
    """Take so much of what comes to a lab; return on which day all of it is there, None if never."""
    parcels = pool.get(where, [])
    if not parcels or sum(rest for _, rest in parcels) + _CLOSE_G < grams:
        return None
    arrives = date.min
    while parcels and grams > _CLOSE_G:
        arrives, rest = parcels[0]
        some = min(rest, grams)
        grams -= some
        parcels[0] = (arrives, rest - some)
        if rest - some <= _CLOSE_G:
            del parcels[0]
    return arrives


def _begins(plate: Weight, printer: FleetPrinter, now: datetime) -> datetime:
    if plate.release is None:
        return now
    return max(now, begins_at(plate.release, printer.utc_offset_min))


def _print(
    printer: FleetPrinter,
    plates: Sequence[Weight],
    now: datetime,
    pool: _Pool,
    short: _Short,
) -> dict[tuple[date, str], float]:
    """Print one printer's plates; return the grams by day and material, and add what it is short of.

    What they take of the pool is taken out of it.
    """
    shift = timedelta(minutes=printer.utc_offset_min)
    free, spool_g = now, printer.grams
    used: dict[tuple[date, str], float] = {}
    missing: dict[str, tuple[date, float]] = {}
    # What waits for its day comes after what does not.
    for plate in sorted(plates, key=lambda each: _begins(each, printer, now)):
        free = max(free, _begins(plate, printer, now))
        done = printer.finish(free, plate.seconds)
        day = ((done or free) + shift).date()
        if plate.material != printer.material or plate.grams > spool_g + _CLOSE_G:
            # What is left on the spool holds none of this plate: it waits for what is on its way.
            arrives = _taken(pool, (printer.node, plate.material), plate.grams)
            short.waits[plate.job] = None
            if arrives is None:
                first, grams = missing.get(plate.material, (day, 0.0))
                missing[plate.material] = (first, grams + plate.grams)
                continue
            free = max(free, begins_at(arrives, printer.utc_offset_min))
            short.waits[plate.job] = done = printer.finish(free, plate.seconds)
            day = ((done or free) + shift).date()
        else:
            spool_g -= plate.grams
        free = done or free
        key = (day, plate.material)
        used[key] = used.get(key, 0.0) + plate.grams
    for material, (day, grams) in missing.items():
        spare = spool_g if material == printer.material else 0.0
        # What comes and holds no whole plate makes less to be sent.
        spare += sum(rest for _, rest in pool.pop((printer.node, material), ()))
        if grams - spare <= _CLOSE_G:
            continue
        short.shortages.append(
            RunsOut(
                day=day, node=printer.node, printer=printer.printer, material=material,
                missing_g=grams - spare,
            )
        )  # fmt: skip
    return used
