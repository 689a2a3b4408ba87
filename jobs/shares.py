"""The facts of a plan as arrays, what each printer's share of every need is, and what nobody could beat.

Pure. Between `jobs.fleet`, which knows hours, spools and reasons, and `jobs.quotas`, which knows ten
thousand printers. A plate that has to lie inside a window leaves some of it unused: a class pays for
that with longer plates, so that its week holds as many of them as the clock will. Shares are how
many plates, one after another; the clock of `jobs.split` says when each is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from designs.model import PRINTED
from jobs.certificate import earliest_min, most_in_time
from jobs.fleet import Fit, FleetPrinter, Need, begins_at
from jobs.hours import Week
from jobs.lots import LEAST_LOT, Share, gathered
from jobs.network import SLOT_MIN, TINY, Floats, Ints, Lines, Network, Rows
from jobs.prices import prices
from jobs.quotas import Quotas, plan
from jobs.weeks import Kind, Weeks, could_hold, longer_by

#: Where there is time, work is to be done after so many times what the whole network would need
#: for it: soon, and yet without a parcel from everyone. Tried in this order for each due date, until
#: it is kept, so often in all; then the day itself.
AHEAD = (1.25, 1.6)
_TRIES = 4
_ROUNDS = 4

Fits = Mapping[tuple[str, str, str], Fit]  # by (mesh_sha256, node, printer)
_Part = tuple[str, tuple[str, ...]]  # mesh and allowed materials


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrays:
    """Needs and fleet as arrays; only printers that take work now are in it."""

    needs: tuple[Need, ...]  # the lines of `lines`, in this order
    parts: tuple[_Part, ...]  # mesh and allowed materials of what `net` calls a part
    printers: tuple[FleetPrinter, ...]
    net: Network  # plates as long as a week's windows make them
    ideal: Network  # plates that no window cuts, none longer than any of that size: for proofs
    lines: Lines
    now: datetime


def _in_order(need: Need) -> tuple[date, str, str]:
    return need.due, need.order_id, need.part_id


def arrays(
    needs: Sequence[Need],
    fleet: Sequence[FleetPrinter],
    of: Fits,
    now: datetime,
    free: Mapping[tuple[str, str], datetime] | None = None,
) -> Arrays:
    """Read what is asked and who can make it; arguments as of `jobs.split.split`.

    `free` says when each printer has printed what it has, where that is known already.
    """
    lines = tuple(sorted(needs, key=_in_order))
    able = _able(fleet)
    parts = tuple(sorted({(need.mesh_sha256, need.materials) for need in lines}))
    kinds = _kinds(able, parts, of)
    free = {(p.node, p.printer): p.free_at(now) for p in able} if free is None else free
    weeks = Weeks(able, kinds, now, free)
    cls, first = _classes(kinds, weeks)
    nodes = {name: n for n, name in enumerate(sorted({p.node for p in able}))}
    plates = _plates(
        [kinds[n] for n in first], [weeks.full[n] for n in first],
        [able[n].week for n in first], [weeks.used[n] for n in first],
        [weeks.pace[n] for n in first], len(parts),
    )  # fmt: skip
    count = len(able)
    net = Network(
        name=np.array([f"{n:07}" for n in range(count)], dtype=np.str_),
        node=np.array([nodes[p.node] for p in able], np.int64), cls=cls,
        # What comes out bad is made again: a plate takes as much longer. Its pieces are those asked
        # for, since nobody can say beforehand which of them are bad.
        speed=np.array([p.good / p.pace for p in able], np.float64), good=np.ones(count),
        busy_min=weeks.busy_min,
        spool_g=np.array([[p.grams for p in able]], dtype=np.float64).reshape(1, count),
        most=plates.most, plate_min=plates.plate_min, piece_min=plates.piece_min,
        plate_g=np.zeros(plates.most.shape), piece_g=plates.piece_g,
        calendar=weeks.calendar[first].astype(np.int64), open_min=weeks.open_min,
        km=np.array([[p.km or 0.0 for p in able]], dtype=np.float64).reshape(1, count),
    )  # fmt: skip
    ideal = replace(
        net, most=plates.ideal_most, plate_min=plates.ideal_plate_min,
        piece_min=plates.ideal_piece_min, piece_g=plates.ideal_piece_g,
        calendar=weeks.bare[first].astype(np.int64), busy_min=weeks.least_busy_min,
        speed=np.array([1 / p.pace for p in able], np.float64),
    )  # fmt: skip
    return Arrays(
        needs=lines, parts=parts, printers=able, net=net, ideal=ideal,
        lines=_lines(lines, parts, able, now), now=now,
    )  # fmt: skip


def _able(fleet: Sequence[FleetPrinter]) -> tuple[FleetPrinter, ...]:
    """Return the printers that can print something now, by name."""
    found = (
        p
        for p in fleet
        if p.online
        and not (p.paused or p.fault or p.out_of_service)
        and p.material
        and p.process == PRINTED
    )
    return tuple(sorted(found, key=lambda p: (p.node, p.printer)))


def _kinds(able: Sequence[FleetPrinter], parts: Sequence[_Part], of: Fits) -> list[Kind]:
    """Return how each part fits each printer: one object for all fits that are equal."""
    same: dict[int, Fit] = {}
    equal: dict[Fit, Fit] = {}
    known: dict[tuple[int, ...], Kind] = {}
    found = []
    for printer in able:
        row: list[Fit | None] = []
        for mesh, materials in parts:
            fit = of.get((mesh, printer.node, printer.printer))
            if fit is None or printer.material not in materials:
                row.append(None)
                continue
            if id(fit) not in same:
                same[id(fit)] = equal.setdefault(fit, fit)
            row.append(same[id(fit)])
        found.append(known.setdefault(tuple(map(id, row)), tuple(row)))
    return found


def _classes(kinds: Sequence[Kind], weeks: Weeks) -> tuple[Ints, Ints]:
    """Return the class of each printer, and one printer of each class."""
    numbers: dict[tuple[int, int, int, float], int] = {}
    cls = np.zeros(len(kinds), np.int64)
    first: list[int] = []
    for n, kind in enumerate(kinds):
        key = (id(kind), int(weeks.calendar[n]), int(weeks.bare[n]), weeks.pace[n])
        if key not in numbers:
            numbers[key] = len(first)
            first.append(n)
        cls[n] = numbers[key]
    return cls, np.array(first, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plates:
    """Plates [Q, C] as `Network` has them."""

    most: Ints
    plate_min: Floats
    piece_min: Floats
    piece_g: Floats
    ideal_most: Ints
    ideal_plate_min: Floats
    ideal_piece_min: Floats
    ideal_piece_g: Floats


def _plates(
    kinds: Sequence[Kind],
    full: Sequence[tuple[int, ...]],
    weeks: Sequence[Week],
    used: Sequence[tuple[float, ...]],
    paces: Sequence[float],
    parts: int,
) -> _Plates:
    shape = (parts, len(kinds))
    most, ideal_most = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    plate_min, piece_min, piece_g = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    ideal_plate_min, ideal_piece_min = np.zeros(shape), np.zeros(shape)
    ideal_piece_g = np.zeros(shape)
    for c, kind in enumerate(kinds):
        for q, fit in enumerate(kind):
            copies = full[c][q]
            if fit is None:
                continue
            if could_hold(fit, weeks[c], paces[c]):
                ideal_most[q, c] = fit.most
                ideal_plate_min[q, c], ideal_piece_min[q, c] = _affine(fit, fit.most)
                ideal_piece_g[q, c] = min(fit.grams(k) / k for k in range(1, fit.most + 1))
            longer = copies and longer_by(fit.seconds(copies), weeks[c], used[c], paces[c])
            if not longer:
                continue
            most[q, c] = copies
            minutes = fit.seconds(copies) / 60
            fixed, _ = _affine(fit, copies)
            # What a full plate takes is exact.
            plate_min[q, c] = longer * fixed
            piece_min[q, c] = longer * (minutes - fixed) / copies
            piece_g[q, c] = max(fit.grams(k) / k for k in range(1, copies + 1))
    return _Plates(
        most=most, plate_min=plate_min, piece_min=piece_min, piece_g=piece_g,
        ideal_most=ideal_most, ideal_plate_min=ideal_plate_min, ideal_piece_min=ideal_piece_min,
        ideal_piece_g=ideal_piece_g,
    )  # fmt: skip


def _affine(fit: Fit, most: int) -> tuple[float, float]:
    """Return minutes of a plate and of each copy that no plate of up to `most` is shorter than."""
    times = [fit.seconds(copies) / 60 for copies in range(1, most + 1)]
    each = (times[-1] - times[0]) / (most - 1) if most > 1 else 0.0
    fixed = min(t - each * k for k, t in enumerate(times, 1))
    if each < 0 or fixed < 0:
        return 0.0, min(t / k for k, t in enumerate(times, 1))
    return fixed, each


def _lines(
    needs: Sequence[Need],
    parts: Sequence[_Part],
    able: Sequence[FleetPrinter],
    now: datetime,
) -> Lines:
    orders: dict[str, int] = {}
    for need in needs:
        orders.setdefault(need.order_id, len(orders))
    number = {part: q for q, part in enumerate(parts)}
    order = np.array([orders[n.order_id] for n in needs], np.int64)
    part = np.array([number[n.mesh_sha256, n.materials] for n in needs], np.int64)
    pieces = np.array([n.pieces for n in needs], np.float64)
    due, release, weight = (np.zeros(len(orders)) for _ in range(3))
    last = min((p.utc_offset_min for p in able), default=0)  # whose day begins last
    for n, need in enumerate(needs):
        due[order[n]] = max(0.0, (need.print_by - now).total_seconds() / 60)
        if need.release is not None:
            begins = (begins_at(need.release, last) - now).total_seconds() / 60
            release[order[n]] = max(0.0, begins)
        worth = need.priority.weight * max(1, math.ceil(need.pieces / need.per_kit))
        weight[order[n]] = max(weight[order[n]], worth)
    barred = {}
    for n, need in enumerate(needs):
        if need.declined:
            no = dict(need.declined)
            barred[n] = np.array([p.node in no for p in able], np.bool_)
    return Lines(
        order=order, part=part, pieces=pieces, due_min=due,
        release_min=release, weight=weight,
        site=np.zeros(len(orders), np.int64), barred=barred,
    )  # fmt: skip


def shares(given: Arrays, needs: Sequence[Need] | None = None) -> list[Share]:
    """Return who makes what; each printer's shares in the order in which it makes them.

    `needs` are those of `given`, or some of them with fewer pieces. Where not all has room, as much as
    makes whole kits; an order that comes out uneven all the same gets nothing here.
    """
    needs = given.needs if needs is None else tuple(sorted(needs, key=_in_order))
    if not needs or not given.printers:
        return []
    lines = _lines(needs, given.parts, given.printers, given.now)
    for _ in range(_ROUNDS):
        found = _in_time(given.net, lines)
        if not found.missing.any():
            in_time = found.in_time >= 1.0 - TINY
            read = _read(given, needs, lines, found.rows, in_time=in_time)
            if not in_time:
                return read
            spools_g = {(p.node, p.printer): p.grams for p in given.printers}
            return gathered(read, _grams_of(given), spools_g)
        needs = _whole_kits(needs, np.floor(lines.pieces - found.missing + TINY))
        if not needs:
            return []
        lines = _lines(needs, given.parts, given.printers, given.now)
    uneven = set(lines.order[found.missing > 0].tolist())
    rows = found.rows.only(~np.isin(lines.order[found.rows.line], sorted(uneven)))
    return _read(given, needs, lines, rows, in_time=False)


def no_reserve(given: Arrays) -> bool:
    """Return whether a due date leaves the whole network less time than it is to have: `AHEAD`."""
    if not given.needs or not given.printers:
        return False
    ends = np.unique(given.lines.due_min)
    return bool((AHEAD[0] * _soonest_min(given.net, given.lines, ends) > ends).any())


def _short(net: Network, lines: Lines) -> bool:
    """Return whether it is proved that not all can be in time."""
    pieces = lines.of_parts(net.most.shape[0])
    found = prices(net, pieces, net.class_min(float(lines.due_min.max())))
    return most_in_time(net, lines, found) < 1.0 - TINY


def _in_time(net: Network, lines: Lines) -> Quotas:
    """Plan for early days, and for later ones of those due dates that cannot be kept by them."""
    if _short(net, lines):
        return plan(net, lines, least=LEAST_LOT)
    ends, of_order = np.unique(lines.due_min, return_inverse=True)
    soonest = _soonest_min(net, lines, ends)
    step, last = np.zeros(len(ends), np.int64), len(AHEAD)
    for _ in range(_TRIES):
        early = np.minimum(ends, np.array((*AHEAD, 1.0))[step] * soonest)
        # What is due first comes first.
        due = np.maximum.accumulate(np.where(step < last, early, ends))[of_order]
        found = plan(net, replace(lines, due_min=due), least=LEAST_LOT, search=False)
        if found.in_time >= 1.0 - TINY:
            return found
        by = np.searchsorted(found.ends_min, due)[lines.order]
        late = np.union1d(
            np.flatnonzero(found.missing > 0),
            found.rows.line[found.rows.bucket > by[found.rows.line]],
        )
        late = np.unique(of_order[lines.order[late]])
        if (step[late] == last).all():
            break
        step[late] = np.minimum(step[late] + 1, last)
    return plan(net, lines, least=LEAST_LOT)


def _soonest_min(net: Network, lines: Lines, ends: Floats) -> Floats:
    """Return when the whole network could have made all that is due by each of these, in minutes."""
    found, asked = np.zeros(len(ends)), np.zeros(net.most.shape[0])
    for n, end in enumerate(ends.tolist()):
        some = (lines.due_min == end)[lines.order]
        asked += np.bincount(lines.part[some], lines.pieces[some], len(asked))
        minutes = net.class_min(max(end, SLOT_MIN))
        found[n] = earliest_min(net, asked, prices(net, asked, minutes))
    return found


def _whole_kits(needs: Sequence[Need], placed: Floats) -> tuple[Need, ...]:
    """Ask for no more of any part than the scarcest of its order makes whole; drop what is none."""
    kits: dict[str, int] = {}
    parts: dict[str, int] = {}
    most: dict[str, int] = {}
    for need in needs:
        parts[need.order_id] = parts.get(need.order_id, 0) + 1
        most[need.order_id] = max(most.get(need.order_id, 0), math.ceil(need.pieces / need.per_kit))
    for need, pieces in zip(needs, placed.tolist(), strict=True):
        lacking = math.ceil((need.pieces - pieces) / need.per_kit)
        left = most[need.order_id] - lacking
        kits[need.order_id] = min(kits.get(need.order_id, left), left)
    found = []
    for need, pieces in zip(needs, placed.tolist(), strict=True):
        fewer = (most[need.order_id] - kits[need.order_id]) * need.per_kit
        asked = int(pieces) if parts[need.order_id] == 1 else need.pieces - fewer
        if asked > 0:
            found.append(replace(need, pieces=asked))
    return tuple(found)


def _read(
    given: Arrays, needs: Sequence[Need], lines: Lines, rows: Rows, *, in_time: bool
) -> list[Share]:
    most = given.net.most[lines.part[rows.line], given.net.cls[rows.printer]]
    by = np.lexsort((np.arange(len(rows.line)), rows.bucket, rows.printer))
    found = []
    for line, who, full, plates, last in zip(
        *(each[by].tolist() for each in (rows.line, rows.printer, most, rows.plates, rows.last)),
        strict=True,
    ):
        need, printer = needs[line], given.printers[who]
        runs = ((full, plates), (last, 1))
        found.append(
            Share(
                order_id=need.order_id, part_id=need.part_id, node=printer.node,
                printer=printer.printer, plates=tuple(run for run in runs if all(run)),
                in_time=in_time, full=full,
            )
        )  # fmt: skip
    return found


def _grams_of(given: Arrays) -> Callable[[Share, int], float]:
    """Return what tells the filament of so many pieces of a share, in grams."""
    part = {(n.order_id, n.part_id): int(given.lines.part[k]) for k, n in enumerate(given.needs)}
    cls = {(p.node, p.printer): int(given.net.cls[k]) for k, p in enumerate(given.printers)}
    piece_g = given.net.piece_g

    def grams(share: Share, pieces: int) -> float:
        q, c = part[share.order_id, share.part_id], cls[share.node, share.printer]
        return float(piece_g[q, c]) * pieces

    return grams
