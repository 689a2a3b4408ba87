"""Splits what is still to be made over the printers of the network.

Pure and deterministic: the same facts give the same plan, in whatever order they are passed.
Where there are few plates each goes, by due date, to the printer with the lowest cost: when it would
be printed, what comes out bad there, and what the way and a parcel more are worth; one that can
still be in time goes before any that cannot. Within an order the part that is furthest behind comes
next, full plates before part plates. Where there are many for a wide network, each printer first gets
its share of all orders together (`jobs.shares`), laid out by its own clock (`jobs.clocks`), and only
what is left is placed plate by plate. Where not all fits, only what makes whole kits is placed, and
what is worth more goes before what is due sooner where that makes more of it (`jobs.turns`). What
cannot be placed comes back as a shortfall with the reasons, and every printer gets a row that says what
it got, or why nothing.

Leaves whether a printer can make a part at all to `jobs.fleet`, the moment to offer to
`jobs.assign`, and nesting to `designs.packing`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from designs.model import PRINTED
from jobs.clocks import Clocks, Key, Line, part_of
from jobs.fleet import FleetPrinter, Need
from jobs.heap import Heap, pieces_of
from jobs.model import Reason, ReasonCode
from jobs.planned import Explained, Plan, PrinterRow, Run, Shortfall, Stand
from jobs.proof import bounds
from jobs.shares import Arrays, Fits, arrays, no_reserve, shares
from jobs.turns import Runs, ahead, by_worth, is_better, kits_of, made_of

#: Up to so many plates are weighed one by one against each other.
FEW_PLATES = 500
#: And up to so many where each printer gets more than some: all labs have a parcel of every order then.
STILL_FEW, MANY_EACH = 5000, 20
#: Or on so many printers where no time is to spare: each at the soonest leaves the most for what goes wrong.
NARROW = 250
#: So often are shares of orders that come out uneven made smaller.
_ROUNDS = 4
#: So many shares are tried of what is set back for what is worth more.
_HALVES = 6


def split(
    needs: Iterable[Need],
    fleet: Iterable[FleetPrinter],
    fits: Fits,
    now: datetime,
    few_plates: int | None = None,
    *,
    told: bool = True,
) -> Plan:
    """Plan all needs on the fleet.

    Args:
        needs: at most one per order and part.
        fleet: at most one per node and printer.
        fits: by (mesh_sha256, node, printer); a printer without an entry was not measured and
            gets nothing of that part.
        now: aware UTC.
        few_plates: with more than that, printers get shares of all orders together first; None: with
            more than `FEW_PLATES`, or `STILL_FEW` where printers get more than `MANY_EACH` each, or
            where there are few and their time is short.
        told: whether to say why too: rows of all printers, and what nobody could beat.
    """
    fleet = tuple(fleet)
    ordered = sorted(needs, key=lambda n: (n.due, n.order_id, n.part_id))
    clocks = Clocks(fleet, fits, now)
    # What people make is placed batch by batch: shares and proofs speak of printers.
    printed = [need for need in ordered if need.process == PRINTED]
    plates = plates_at_least(ordered, fits)
    many = plates > (FEW_PLATES if few_plates is None else few_plates)
    able = fleet if printed and (many or told) else ()
    given = arrays(printed, able, fits, now, clocks.loaded)
    if many and few_plates is None:
        many = not _still_few(plates, given, len(fleet))
    runs, shortfalls = (
        _shares_first(clocks, ordered, given) if many else _plate_by_plate(clocks, ordered)
    )
    all_runs = [run for found in runs.values() for run in found]
    return Plan(
        runs=tuple(sorted(all_runs, key=lambda r: (r.done_at, r.node, r.printer))),
        shortfalls=tuple(shortfalls),
        explained=tuple(_explained(clocks, ordered, runs)) if told else (),
        bounds=bounds(given) if told else (),
        shares_first=many,
    )


def _still_few(plates: float, given: Arrays, printers: int) -> bool:
    """Return whether more than `FEW_PLATES` are weighed one by one all the same."""
    if plates > STILL_FEW:
        return False
    return plates > MANY_EACH * printers or (printers <= NARROW and no_reserve(given))


def _shares_first(
    clocks: Clocks, needs: Sequence[Need], given: Arrays
) -> tuple[Runs, list[Shortfall]]:
    """Lay out the shares of all printers, and place the rest, what is worth more first."""
    before, lacking = clocks.state(), _lacked_by_people(clocks, needs)
    for _ in range(_ROUNDS):
        clocks.restore(before)
        laid = clocks.lay_out(given.needs, shares(given, _without(given.needs, lacking)))
        runs, shortfalls = _with_rest(clocks, by_worth(needs), laid)
        # What the clock cuts from shares, and parts that people make, may leave an order uneven.
        uneven = _uneven(needs, runs)
        if not uneven:
            break
        lacking |= {order: math.inf if order in lacking else kits for order, kits in uneven.items()}
    most = max(need.priority.weight for need in needs)
    for need in needs:
        if need.priority.weight < most:
            line = (need.order_id, need.part_id)
            runs[line] = [replace(r, set_back=r.done_at > need.print_by) for r in runs[line]]
    return runs, shortfalls


def _plate_by_plate(clocks: Clocks, needs: Sequence[Need]) -> tuple[Runs, list[Shortfall]]:
    """Place all by due date; where not all is in time so, set back as much of what is worth less as helps."""
    before = clocks.state()
    best = _with_rest(clocks, needs, {})
    made, after = made_of(needs, best[0]), clocks.state()
    for first in ahead(needs, made):
        served, low, high, share = 0, 0.0, 1.0, 0.0
        for _ in range(_HALVES):
            clocks.restore(before)
            found = _set_back(clocks, needs, first, share)
            new = made_of(needs, found[0])
            if is_better(new, made, first):
                best, made, after = found, new, clocks.state()
            # Of kits, not of what they are worth: so who is worth more is offered the same plans.
            mine = sum(new[order].in_time for order in first)
            low, high = (share, high) if mine >= served else (low, share)
            served, share = max(served, mine), (low + high) / 2
    clocks.restore(after)
    return best


def _set_back(
    clocks: Clocks, needs: Sequence[Need], first: Collection[str], share: float
) -> tuple[Runs, list[Shortfall]]:
    """Place `first` and a share of the kits of all others by due date, and then what is left of those."""
    fewer = {order: kits - math.floor(kits * share) for order, kits in kits_of(needs).items()}
    lacking = {order: float(kits) for order, kits in fewer.items() if order not in first}
    runs, _ = _with_rest(clocks, _without(needs, lacking), {})
    had = {line: len(placed) for line, placed in runs.items()}
    runs, shortfalls = _with_rest(clocks, needs, runs)
    for line, placed in runs.items():
        if line[0] not in first:
            at = had.get(line, 0)
            runs[line] = placed[:at] + [replace(run, set_back=True) for run in placed[at:]]
    return runs, shortfalls


def _orders(needs: Iterable[Need]) -> Iterator[tuple[str, tuple[Need, ...]]]:
    """Yield the lines of each order; those of one stand together in `needs`."""
    for (_, order_id), group in groupby(needs, key=lambda n: (n.due, n.order_id)):
        yield order_id, tuple(group)


def _with_rest(
    clocks: Clocks, needs: Sequence[Need], laid: Mapping[Line, list[Run]]
) -> tuple[Runs, list[Shortfall]]:
    """Place plate by plate what is not laid out; return all runs, and what has no place."""
    heap, shortfalls = Heap(clocks), []
    runs = {line: laid.get(line, []) for line in ((n.order_id, n.part_id) for n in needs)}
    for order_id, lines in _orders(needs):
        for plate in heap.place(lines, {n.part_id: runs[order_id, n.part_id] for n in lines}):
            runs[order_id, plate.part_id].append(plate)
        for need in lines:
            if left := need.pieces - pieces_of(runs[order_id, need.part_id]):
                shortfalls.append(_shortfall(clocks, need, left))
    return runs, shortfalls


def _lacked_by_people(clocks: Clocks, needs: Sequence[Need]) -> dict[str, float]:
    """Return how many kits of an order lack what people make, if they make nothing else.

    Only orders that are printed too; time is taken of the clocks.
    """
    heap, found = Heap(clocks), {}
    for order_id, lines in _orders(needs):
        by_hand = [need for need in lines if need.process != PRINTED]
        if 0 < len(by_hand) < len(lines):
            placed = heap.place(by_hand, {need.part_id: () for need in by_hand})
            made = Counter[str]()
            for run in placed:
                made[run.part_id] += run.pieces
            lacks = max(math.ceil((n.pieces - made[n.part_id]) / n.per_kit) for n in by_hand)
            if lacks:
                found[order_id] = float(lacks)
    return found


def _without(needs: Iterable[Need], lacking: Mapping[str, float]) -> tuple[Need, ...]:
    """Return what is still asked for where so many kits of an order are not."""
    found = []
    for need in needs:
        fewer = lacking.get(need.order_id, 0) * need.per_kit
        if fewer < need.pieces:
            found.append(replace(need, pieces=need.pieces - int(fewer)))
    return tuple(found)


def _uneven(needs: Iterable[Need], runs: Mapping[Line, Sequence[Run]]) -> dict[str, float]:
    """Return the kits that are not made of orders of which a part is made that others lack."""
    found = {}
    for order_id, lines in _orders(needs):
        left = {n: n.pieces - pieces_of(runs[order_id, n.part_id]) for n in lines}
        lacks = max(math.ceil(left[n] / n.per_kit) for n in lines)
        even = (max(0, n.pieces - lacks * n.per_kit) for n in lines)
        if any(
            n.pieces - left[n] - right >= n.per_kit for n, right in zip(lines, even, strict=True)
        ):
            found[order_id] = float(lacks)
    return found


def plates_at_least(needs: Sequence[Need], fits: Fits) -> float:
    """Return how many plates there are if all are as full as the largest bed allows."""
    most: dict[str, int] = {}
    for (mesh, _, _), fit in fits.items():
        most[mesh] = max(most.get(mesh, 0), fit.most)
    return sum(need.pieces / max(1, most.get(need.mesh_sha256, 0)) for need in needs)


# --- why ------------------------------------------------------------------------------------------


def _shortfall(clocks: Clocks, need: Need, left: int) -> Shortfall:
    """Say why pieces have no place."""
    # What makes other parts is of no interest, where there is who makes such.
    able = [key for key in clocks.keys if clocks.printer(key).process == need.process]
    reasons = [
        why
        for key in able or clocks.keys
        if clocks.fit(need, key) and (why := clocks.excluded(need, key)) is not None
    ]
    if not clocks.keys:
        reasons = [Reason(code=ReasonCode.NO_NODE)]
    return Shortfall(
        order_id=need.order_id,
        part_id=need.part_id,
        pieces=left,
        # Some printer could make more: it would be of no use without the other parts.
        reasons=tuple(reasons) or (Reason(code=ReasonCode.KIT),),
    )


def _explained(
    clocks: Clocks, needs: Iterable[Need], runs: Mapping[Line, Sequence[Run]]
) -> Iterable[Explained]:
    """Say of every need who got what, and how all printers stand to more of it."""
    known: dict[object, tuple[Stand, ...]] = {}
    for need in needs:
        mine = runs[need.order_id, need.part_id]
        what = part_of(need)
        if what not in known:
            known[what] = clocks.stands(need)
        last = max((run.last_at for run in mine), default=None)
        told = Explained(
            order_id=need.order_id, part_id=need.part_id, made=(), stands=known[what],
            left=need.pieces - pieces_of(mine),
            last_h=None if last is None else (last - clocks.now).total_seconds() / 3600,
            release=need.release,
        )  # fmt: skip
        yield replace(told, made=_made(told, need, mine))


def _made(told: Explained, need: Need, runs: Iterable[Run]) -> tuple[PrinterRow, ...]:
    by_printer: dict[Key, list[Run]] = {}
    for run in runs:
        by_printer.setdefault((run.node, run.printer), []).append(run)
    return tuple(
        PrinterRow(
            order_id=need.order_id,
            part_id=need.part_id,
            node=stand.node,
            printer=stand.printer,
            plates=sum(run.count for run in mine),
            pieces=pieces_of(mine),
            late=sum(run.late(need.print_by) for run in mine),
            grams=sum(run.grams * run.count for run in mine),
            km=stand.km,
            done_at=max(run.last_at for run in mine),
            reasons=told.reasons(stand, got=True),
        )
        for stand in told.stands
        if (mine := by_printer.get((stand.node, stand.printer)))
    )
